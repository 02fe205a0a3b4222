//! A vendor behind a load balancer that drops idle connections: a second request over a connection gets a reset.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::{Effect, Endpoint, ErrorKind, RateLimiter, RequestPlace, RequestTurn, SourceId, VendorOperation};
use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::{ConnectionPools, VendorHttpClient, VendorRequest};

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";

struct Unlimited;

#[async_trait]
impl RateLimiter for Unlimited {
    async fn acquire(&self, _: RequestTurn) -> Result<RequestPlace, Duration> {
        Ok(RequestPlace::unlimited())
    }

    fn pause(&self, _: Option<&'static str>, _: Duration) {}

    fn remaining(&self) -> Option<u32> {
        None
    }
}

/// Requests that the vendor saw, and connections that it accepted.
#[derive(Default)]
struct Counters {
    requests: AtomicUsize,
    connections: AtomicUsize,
}

/// Reads one request head; false at the end of the connection.
async fn read_head(stream: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return false,
        }
    }
    true
}

/// Serves the first request of each connection, the first `together` of them at the same time. A further request of a
/// connection is not read: it resets the connection.
async fn serve(listener: TcpListener, counters: Arc<Counters>, together: usize, tasks: TaskTracker) {
    let barrier = Arc::new(Barrier::new(together));
    while let Ok((mut stream, _)) = listener.accept().await {
        let (counters, barrier) = (Arc::clone(&counters), Arc::clone(&barrier));
        let number = counters.connections.fetch_add(1, Ordering::SeqCst);
        tasks.spawn(async move {
            if !read_head(&mut stream).await {
                return;
            }
            counters.requests.fetch_add(1, Ordering::SeqCst);
            if number < together {
                barrier.wait().await;
            }
            let _ = stream.write_all(RESPONSE).await;
            // Closing with an unread request sends a reset.
            let _ = stream.peek(&mut [0]).await;
        });
    }
}

async fn vendor(together: usize) -> (VendorHttpClient, Url, Arc<Counters>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = Url::parse(&format!("http://{}/", listener.local_addr().expect("an address"))).expect("a URL");
    let (counters, tasks) = (Arc::new(Counters::default()), TaskTracker::new());
    tasks.spawn(serve(listener, Arc::clone(&counters), together, tasks.clone()));
    let connections = ConnectionPools::new(Duration::from_secs(60)).expect("a client");
    let (id, timeout) = (SourceId::new("opera"), Duration::from_secs(5));
    (VendorHttpClient::new(connections, id, Arc::new(Unlimited), timeout), url, counters)
}

/// Opens four connections, which the client keeps and the vendor drops.
async fn four_dead_connections() -> (VendorHttpClient, Url, Arc<Counters>) {
    let (client, url, counters) = vendor(4).await;
    let read = || client.send(VendorRequest::new(VendorOperation::LoadEvents, Method::GET, url.clone()));
    let (one, two, three, four) = tokio::join!(read(), read(), read(), read());
    assert!([one, two, three, four].iter().all(Result::is_ok));
    assert_eq!(counters.connections.load(Ordering::SeqCst), 4);
    (client, url, counters)
}

#[tokio::test]
async fn a_read_and_an_order_call_succeed_over_new_connections_while_the_kept_ones_are_dead() {
    for operation in [VendorOperation::LoadEvents, VendorOperation::Confirm] {
        let (client, url, counters) = four_dead_connections().await;
        let request = VendorRequest::new(operation, Method::POST, url);
        assert!(client.send(request).await.is_ok(), "{operation:?}");
        assert_eq!(counters.requests.load(Ordering::SeqCst), 5, "{operation:?} was seen once");
    }
}

#[tokio::test]
async fn a_write_whose_connection_breaks_after_it_was_sent_is_not_sent_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = Url::parse(&format!("http://{}/", listener.local_addr().expect("an address"))).expect("a URL");
    let (seen, tasks) = (Arc::new(AtomicUsize::new(0)), TaskTracker::new());
    let counted = Arc::clone(&seen);
    tasks.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            if read_head(&mut stream).await {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    let connections = ConnectionPools::new(Duration::from_secs(60)).expect("a client");
    let client =
        VendorHttpClient::new(connections, SourceId::new("opera"), Arc::new(Unlimited), Duration::from_secs(5));
    let error =
        client.send(VendorRequest::new(VendorOperation::Confirm, Method::POST, url)).await.expect_err("no answer");
    assert_eq!((error.kind, error.effect), (ErrorKind::Unavailable, Effect::Unknown));
    assert_eq!(seen.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_connection_that_was_idle_for_the_idle_timeout_is_not_used_again() {
    let (_, url, counters) = vendor(1).await;
    let connections = ConnectionPools::new(Duration::ZERO).expect("a client");
    let client =
        VendorHttpClient::new(connections, SourceId::new("opera"), Arc::new(Unlimited), Duration::from_secs(5));
    for _ in 0..3 {
        let request = VendorRequest::new(VendorOperation::LoadEvents, Method::GET, url.clone());
        assert!(client.send(request).await.is_ok());
    }
    let seen = (counters.connections.load(Ordering::SeqCst), counters.requests.load(Ordering::SeqCst));
    assert_eq!(seen, (3, 3));
}

/// Records the pauses that a client asks for.
#[derive(Default)]
struct Recorder(parking_lot::Mutex<Vec<(Option<&'static str>, Duration)>>);

#[async_trait]
impl RateLimiter for Recorder {
    async fn acquire(&self, _: RequestTurn) -> Result<RequestPlace, Duration> {
        Ok(RequestPlace::unlimited())
    }

    fn pause(&self, endpoint: Option<&'static str>, wait: Duration) {
        self.0.lock().push((endpoint, wait));
    }

    fn remaining(&self) -> Option<u32> {
        None
    }
}

#[tokio::test]
async fn a_pause_concerns_the_endpoint_that_the_request_names_or_all() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = Url::parse(&format!("http://{}/", listener.local_addr().expect("an address"))).expect("a URL");
    let statuses = ["429 Too Many Requests", "509 Bandwidth Limit Exceeded", "503 Service Unavailable", "500 Oops"];
    TaskTracker::new().spawn(async move {
        for status in statuses {
            let Ok((mut stream, _)) = listener.accept().await else { return };
            read_head(&mut stream).await;
            let head =
                format!("HTTP/1.1 {status}\r\nretry-after: 17\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
            let _ = stream.write_all(head.as_bytes()).await;
        }
    });
    let (recorder, timeout) = (Arc::new(Recorder::default()), Duration::from_secs(5));
    let connections = ConnectionPools::new(timeout).expect("a client");
    let client = VendorHttpClient::new(connections, SourceId::new("opera"), Arc::clone(&recorder) as _, timeout);
    for endpoint in [Some("catalog"), None, None, None] {
        let request = VendorRequest::new(VendorOperation::Hold, Method::POST, url.clone())
            .endpoint(Endpoint { limit: None, pause: endpoint });
        client.send(request).await.expect("a response");
    }
    let wait = Duration::from_secs(17);
    assert_eq!(*recorder.0.lock(), [(Some("catalog"), wait), (None, wait), (None, wait)]);
}
