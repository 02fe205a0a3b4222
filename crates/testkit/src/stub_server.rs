//! An HTTP server on the loopback interface that returns prepared responses.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{StatusCode, Uri, header};
use domain::SourceId;
use http_client::VendorHttpClient;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use crate::fixtures::FixtureCase;
use crate::source::UnlimitedRateLimiter;

/// A vendor that returns prepared responses to any request, and records the requests.
pub struct StubServer {
    /// Client connected to it.
    pub client: VendorHttpClient,
    /// Its address.
    pub base: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl StubServer {
    /// Starts a server that returns the responses in order, and repeats the last one.
    pub async fn responding(responses: Vec<FixtureCase>) -> Self {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (recorded, remaining) = (Arc::clone(&requests), Arc::new(Mutex::new(VecDeque::from(responses))));
        let respond = move |uri: Uri, body: Bytes| {
            let request = format!("{} {}", uri.path(), String::from_utf8_lossy(&body));
            recorded.lock().push(request.trim_end().to_owned());
            let mut remaining = remaining.lock();
            let response = if remaining.len() > 1 { remaining.pop_front() } else { remaining.front().cloned() };
            let response = response.expect("a response");
            let status = StatusCode::from_u16(response.status).expect("a status");
            std::future::ready((status, [(header::CONTENT_TYPE, "application/octet-stream")], response.body))
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let app = Router::new().fallback(respond);
        TaskTracker::new().spawn(async move { axum::serve(listener, app).await });
        let client = http_client::ConnectionPools::new(Duration::from_secs(4)).expect("a client");
        let (id, timeout) = (SourceId::new("rehearsal"), Duration::from_secs(10));
        let client = VendorHttpClient::new(client, id, Arc::new(UnlimitedRateLimiter), timeout);
        Self { client, base, requests }
    }

    /// Returns path and body of each recorded request.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().clone()
    }
}
