//! Overload: accepted requests are completed, others are rejected quickly, and idle connections are closed.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use ticketgraph::gateway::persisted::Safelist;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{TestGateway, start_for};
use crate::default_config::default_limits;

/// Sends a request with an incomplete body, which holds a permit.
async fn hold_request(door: &TestGateway) -> TcpStream {
    let mut socket = TcpStream::connect(door.address).await.expect("a connection");
    let head = "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
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
    let door = start_for(default_limits(), Safelist::default(), Vec::new(), 4).await;
    let mut holding = Vec::new();
    // A held request has its permit once another request is rejected.
    while holding.len() < 4 {
        holding.push(hold_request(&door).await);
    }
    let began = Instant::now();
    let refused = loop {
        let (status, body) = ask(&door).await;
        if status == 503 {
            break body;
        }
        assert!(began.elapsed() < Duration::from_secs(4), "nothing was ever refused");
    };
    assert_eq!(refused["errors"][0]["extensions"]["code"], "OVERLOADED");
    assert_eq!(refused["errors"][0]["extensions"]["retryable"], true);
    let live = door.client.get(format!("http://{}/health/live", door.address)).send().await.expect("a response");
    assert_eq!(live.status(), 200, "probes are answered all the same");
    drop(holding);
    let again = Instant::now();
    while ask(&door).await.0 != 200 {
        assert!(again.elapsed() < Duration::from_secs(10), "the places were never free again");
    }
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
