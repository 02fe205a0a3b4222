//! Overload: accepted requests are completed, others are rejected quickly, and idle connections are closed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::body::Bytes;
use futures_util::future::join_all;
use futures_util::stream;
use http_body_util::StreamBody;
use hyper::body::Frame;
use serde_json::json;
use ticketgraph::gateway::persisted::{Safelist, SharedOperationStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{GatewayOptions, TestGateway, start_for, start_with};
use crate::default_config::default_limits;

/// A shared store that does not respond until it is released, so that operations hold their permits.
#[derive(Default)]
struct HangingStore(CancellationToken);

#[async_trait]
impl SharedOperationStore for HangingStore {
    async fn get(&self, _hash: &str) -> Option<String> {
        self.0.cancelled().await;
        None
    }

    async fn insert(&self, _hash: &str, _text: &str) {}
}

async fn start_hanging(in_flight: usize) -> (TestGateway, CancellationToken) {
    let store = HangingStore::default();
    let release = store.0.clone();
    let options = GatewayOptions { in_flight, operation_store: Some(Arc::new(store)), ..GatewayOptions::default() };
    (start_with(options).await, release)
}

/// Sends an operation by a hash that nobody knows, which holds a permit until the store is released. It is sent again
/// while another request of the test has the last permit.
async fn hold_permit(door: &TestGateway) -> u16 {
    let named = json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": "0".repeat(64) } } });
    loop {
        let request = door.client.post(door.url()).header("content-type", "application/json");
        let status = request.body(named.to_string()).send().await.expect("a response").status().as_u16();
        if status != 503 {
            break status;
        }
    }
}

/// Sends a head and a part of its body, and never the rest.
async fn dribble(door: &TestGateway, authorization: &str) -> TcpStream {
    let mut socket = TcpStream::connect(door.address).await.expect("a connection");
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{authorization}content-length: 100\r\n\r\n{{"
    );
    socket.write_all(head.as_bytes()).await.expect("sent");
    socket
}

async fn ask(door: &TestGateway) -> (u16, serde_json::Value) {
    let request = door.client.post(door.url()).header("content-type", "application/json");
    let response = request.body(json!({ "query": "{ viewer { id } }" }).to_string()).send().await.expect("a response");
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_its_limit_the_service_rejects_fast_and_recovers_when_a_permit_is_free() {
    let (door, release) = start_hanging(4).await;
    let holding = join_all((0..4).map(|_| hold_permit(&door)));
    let refused = async {
        let began = Instant::now();
        loop {
            let (status, body) = ask(&door).await;
            if status == 503 {
                break body;
            }
            assert!(began.elapsed() < Duration::from_secs(4), "nothing was ever refused");
        }
    };
    let probed = async {
        let refused = refused.await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "OVERLOADED");
        assert_eq!(refused["errors"][0]["extensions"]["retryable"], true);
        let live = door.client.get(format!("http://{}/health/live", door.address)).send().await.expect("a response");
        assert_eq!(live.status(), 200, "probes are answered all the same");
        release.cancel();
    };
    let (statuses, ()) = tokio::join!(holding, probed);
    assert_eq!(statuses, [200; 4], "the accepted ones are completed");
    assert_eq!(ask(&door).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_never_arrive_hold_no_permit() {
    let door = start_for(default_limits(), Safelist::default(), Vec::new(), 4).await;
    let mut dribbling = Vec::new();
    for number in 0..520 {
        let authorization = ["", "authorization: Bearer right\r\n", "authorization: Bearer wrong\r\n"][number % 3];
        dribbling.push(dribble(&door, authorization).await);
    }
    for _ in 0..20 {
        assert_eq!(ask(&door).await.0, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_without_a_body_hold_no_permit() {
    let door = start_for(default_limits(), Safelist::default(), Vec::new(), 4).await;
    let client = reqwest::Client::builder().http2_prior_knowledge().build().expect("a client");
    let never = || reqwest::Body::wrap(StreamBody::new(stream::pending::<Result<Frame<Bytes>, std::io::Error>>()));
    let mut streams = JoinSet::new();
    for _ in 0..180 {
        let request = client.post(door.url()).header("content-type", "application/json").body(never());
        streams.spawn(request.send());
    }
    for _ in 0..20 {
        assert_eq!(ask(&door).await.0, 200);
    }
    assert!(streams.try_join_next().is_none(), "a stream without a body was answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn under_heavy_overload_every_request_is_served_or_rejected() {
    let door = start_for(default_limits(), Safelist::default(), Vec::new(), 8).await;
    let outcomes = join_all((0..400).map(|_| ask(&door))).await;
    let (fine, shed): (Vec<_>, Vec<_>) = outcomes.iter().partition(|(status, _)| *status == 200);
    assert!(shed.iter().all(|(status, _)| *status == 503), "{shed:?}");
    assert!(fine.len() >= 8, "only {} were answered", fine.len());
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_streaming_one_is_not() {
    let door = super::start_with_idle_timeout(Duration::from_millis(300)).await;
    let mut idle = TcpStream::connect(door.address).await.expect("a connection");
    idle.write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    let mut streaming = TcpStream::connect(door.address).await.expect("a connection");
    let body = r#"{"query":"subscription { sourceHealthChanged { name } }"}"#;
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    streaming.write_all(head.as_bytes()).await.expect("sent");
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(10), idle.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "an idle connection stays open");
    assert!(String::from_utf8_lossy(&rest).contains("200 OK"));
    let mut received = vec![0; 4096];
    let read = streaming.read(&mut received).await.expect("the head of the stream");
    assert!(String::from_utf8_lossy(&received[..read]).contains("text/event-stream"));
    let more = tokio::time::timeout(Duration::from_secs(1), streaming.read(&mut received)).await;
    assert!(more.is_err(), "the stream was cut: {more:?}");
}
