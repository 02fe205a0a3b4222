//! More than there is room for: what is accepted is answered, the rest is refused fast, and idle connections go.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use ticketgraph::gateway::persisted::Safelist;
use ticketgraph::gateway::precheck::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Door, open_for};

/// A request whose body is not sent to its end: it holds its place.
async fn held(door: &Door) -> TcpStream {
    let mut socket = TcpStream::connect(door.address).await.expect("a connection");
    let head = "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    socket.write_all(head.as_bytes()).await.expect("sent");
    socket
}

async fn ask(door: &Door) -> (u16, serde_json::Value) {
    let request = door.client.post(door.url()).header("content-type", "application/json");
    let response = request.body(json!({ "query": "{ viewer { id } }" }).to_string()).send().await.expect("an answer");
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_its_room_the_service_refuses_fast_and_goes_on_where_a_place_is_free() {
    let door = open_for(Limits::default(), Safelist::default(), Vec::new(), 4).await;
    let mut holding = Vec::new();
    // A held request has its place once another one is refused.
    while holding.len() < 4 {
        holding.push(held(&door).await);
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
    let live = door.client.get(format!("http://{}/health/live", door.address)).send().await.expect("an answer");
    assert_eq!(live.status(), 200, "probes are answered all the same");
    drop(holding);
    let again = Instant::now();
    while ask(&door).await.0 != 200 {
        assert!(again.elapsed() < Duration::from_secs(10), "the places were never free again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_many_times_its_room_everything_is_answered_or_refused_and_nothing_hangs() {
    let door = open_for(Limits::default(), Safelist::default(), Vec::new(), 8).await;
    let outcomes = join_all((0..400).map(|_| ask(&door))).await;
    let (fine, shed): (Vec<_>, Vec<_>) = outcomes.iter().partition(|(status, _)| *status == 200);
    assert!(shed.iter().all(|(status, _)| *status == 503), "{shed:?}");
    assert!(fine.len() >= 8, "only {} were answered", fine.len());
}

#[tokio::test]
async fn a_connection_that_asks_nothing_is_closed_and_one_that_streams_is_not() {
    let door = super::open_idle(Duration::from_millis(300)).await;
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
    let mut heard = vec![0; 4096];
    let read = streaming.read(&mut heard).await.expect("the head of the stream");
    assert!(String::from_utf8_lossy(&heard[..read]).contains("text/event-stream"));
    let more = tokio::time::timeout(Duration::from_secs(1), streaming.read(&mut heard)).await;
    assert!(more.is_err(), "the stream was cut: {more:?}");
}
