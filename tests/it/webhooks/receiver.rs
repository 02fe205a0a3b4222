//! A destination under test: verifies signatures with the official library, records what arrives, and has one behavior at a time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::webhooks::verify::is_authentic;

/// Longest wait for messages.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// Behavior of a destination.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Behavior {
    /// Responds with a status.
    Status(u16),
    /// Responds with a status, and with ten megabytes.
    Huge(u16),
    /// Responds with status 200 after a time.
    Slow(Duration),
    /// Responds with status 401 and a date that is ten minutes off.
    OtherTime,
}

/// A message that arrived.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub id: String,
    pub body: Value,
    pub signature: String,
    pub at: Instant,
    pub was_accepted: bool,
}

impl Received {
    pub(super) fn object(&self) -> &str {
        self.body["data"]["id"].as_str().unwrap_or_default()
    }

    pub(super) fn version(&self) -> u64 {
        self.body["data"]["version"].as_u64().unwrap_or_default()
    }
}

struct Shared {
    behavior: Mutex<Behavior>,
    secrets: Mutex<Vec<String>>,
    received: Mutex<Vec<Received>>,
    count: watch::Sender<usize>,
}

/// A destination on this machine.
pub(super) struct Receiver {
    pub url: String,
    shared: Arc<Shared>,
    _tasks: JoinSet<std::io::Result<()>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn respond(shared: Arc<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name: &str| headers[name].to_str().expect("text").to_owned();
    let secrets = lock(&shared.secrets).clone();
    let verify = |secret: &String| is_authentic(secret, &headers, &body);
    let is_authentic = secrets.is_empty() || secrets.iter().any(verify);
    let behavior = *lock(&shared.behavior);
    let was_accepted = matches!(behavior, Behavior::Status(200..=299) | Behavior::Huge(200..=299)) && is_authentic;
    lock(&shared.received).push(Received {
        id: text("webhook-id"),
        body: serde_json::from_slice(&body).expect("JSON"),
        signature: text("webhook-signature"),
        at: Instant::now(),
        was_accepted,
    });
    shared.count.send_modify(|count| *count += 1);
    if !is_authentic {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let status = |code: u16| StatusCode::from_u16(code).expect("a status");
    match behavior {
        Behavior::Status(code) => (status(code), [("location", "/elsewhere"), ("x-request-id", "r-1")]).into_response(),
        Behavior::Huge(code) => (status(code), Body::from(vec![b'x'; 10 << 20])).into_response(),
        Behavior::Slow(time) => {
            tokio::time::sleep(time).await;
            StatusCode::OK.into_response()
        }
        Behavior::OtherTime => (StatusCode::UNAUTHORIZED, [("date", "Mon, 01 Jan 2024 00:00:00 GMT")]).into_response(),
    }
}

impl Receiver {
    pub(super) async fn start(behavior: Behavior) -> Self {
        let shared = Arc::new(Shared {
            behavior: Mutex::new(behavior),
            secrets: Mutex::default(),
            received: Mutex::default(),
            count: watch::Sender::new(0),
        });
        let state = Arc::clone(&shared);
        let app =
            Router::new().fallback(move |headers: HeaderMap, body: Bytes| respond(Arc::clone(&state), headers, body));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/hook?key=secret-in-the-url", listener.local_addr().expect("an address"));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, app).await });
        Self { url, shared, _tasks: tasks }
    }

    /// Refuses messages without a signature of one of these secrets.
    pub(super) fn verify_with(&self, secrets: &[&str]) {
        *lock(&self.shared.secrets) = secrets.iter().map(|secret| (*secret).to_owned()).collect();
    }

    pub(super) fn behave(&self, behavior: Behavior) {
        *lock(&self.shared.behavior) = behavior;
    }

    pub(super) fn received(&self) -> Vec<Received> {
        lock(&self.shared.received).clone()
    }

    pub(super) fn accepted(&self) -> Vec<Received> {
        self.received().into_iter().filter(|received| received.was_accepted).collect()
    }

    /// Waits until what has arrived satisfies a condition.
    pub(super) async fn wait_until(&self, is_done: impl FnMut(&[Received]) -> bool) -> Vec<Received> {
        self.wait_within(MAX_WAIT, is_done).await
    }

    /// As [`wait_until`](Self::wait_until), for another longest time.
    pub(super) async fn wait_within(
        &self,
        max_wait: Duration,
        mut is_done: impl FnMut(&[Received]) -> bool,
    ) -> Vec<Received> {
        let mut count = self.shared.count.subscribe();
        let done = count.wait_for(|_| is_done(&lock(&self.shared.received)));
        if timeout(max_wait, done).await.is_err() {
            panic!("{} messages arrived: {:?}", self.received().len(), self.received().last());
        }
        self.received()
    }

    /// Waits for this number of accepted messages.
    pub(super) async fn wait_for(&self, number: usize) -> Vec<Received> {
        self.wait_until(|received| received.iter().filter(|received| received.was_accepted).count() >= number).await;
        self.accepted()
    }
}
