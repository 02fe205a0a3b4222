//! WebSocket clients that are too slow, send too much, or start too many operations: bounded, and closed with a reason.

use std::time::{Duration, Instant};

use serde_json::json;

use super::socket::{Received, Socket, subscribe};
use super::{GatewayOptions, start, start_with};
use crate::default_config::{default_limits, default_socket_limits};
use ticketgraph::gateway::operation_limits::OperationLimits;
use ticketgraph::gateway::socket::SocketLimits;

fn short_timeouts() -> GatewayOptions {
    let short = Duration::from_millis(300);
    GatewayOptions {
        socket_limits: SocketLimits { init_timeout: short, write_timeout: short, ..default_socket_limits() },
        ..GatewayOptions::default()
    }
}

#[tokio::test]
async fn a_client_that_never_sends_init_is_disconnected_in_time() {
    let door = start_with(short_timeouts()).await;
    for protocol in ["graphql-transport-ws", "graphql-ws"] {
        let mut socket = Socket::connect(&door, Some(protocol)).await;
        assert_eq!(socket.receive().await, Received::Closed(4408), "{protocol}");
    }
    let mut chatty = Socket::connect(&door, Some("graphql-transport-ws")).await;
    let began = Instant::now();
    let closed = loop {
        // Other messages do not keep the connection open.
        if chatty.try_send(json!({"type": "ping"})).await.is_err() {
            break chatty.receive().await;
        }
        if let Received::Closed(code) = chatty.receive().await {
            break Received::Closed(code);
        }
        assert!(began.elapsed() < Duration::from_secs(20), "still open");
    };
    assert_eq!(closed, Received::Closed(4408));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_disconnected_and_its_queue_is_bounded() {
    let door = start_with(short_timeouts()).await;
    let mut socket = Socket::connected(&door).await;
    // Each message is echoed: the buffers of both operating systems fill up, then the queue of the connection.
    let ping = json!({"type": "ping", "payload": {"x": "x".repeat(200_000)}});
    let (began, mut sent) = (Instant::now(), 0_usize);
    while let Ok(Ok(())) = tokio::time::timeout(Duration::from_secs(2), socket.try_send(ping.clone())).await {
        sent += 1;
        assert!(began.elapsed() < Duration::from_secs(60), "{sent} messages were taken from who reads nothing");
    }
    let closed = loop {
        match socket.try_receive().await {
            Some(Received::Closed(code)) => break Some(code),
            Some(Received::Message(_)) => {}
            None => break None,
        }
    };
    // A connection with full buffers may be closed before the reason arrives.
    assert!(closed.is_none_or(|code| code == 1013), "{closed:?}");
    assert_eq!(door.post("{ __typename }").await.0, 200);
}

#[tokio::test]
async fn a_large_message_is_rejected_with_a_close_code_and_a_huge_one_is_not_read() {
    let door = start_with(GatewayOptions {
        limits: OperationLimits { body_bytes: 10_000, ..default_limits() },
        ..GatewayOptions::default()
    })
    .await;
    let mut socket = Socket::connected(&door).await;
    socket.send(json!({"type": "ping", "payload": {"x": "x".repeat(11_000)}})).await;
    assert_eq!(socket.receive().await, Received::Closed(1009));
    let mut socket = Socket::connected(&door).await;
    let _ = socket.try_send(json!({"type": "ping", "payload": {"x": "x".repeat(3_000_000)}})).await;
    let ended = socket.try_receive().await;
    assert!(matches!(ended, None | Some(Received::Closed(1002))), "{ended:?}");
}

#[tokio::test]
async fn websocket_operations_count_against_the_rate_limit() {
    let door = start().await;
    let mut socket = Socket::connect(&door, Some("graphql-transport-ws")).await;
    socket.send(json!({"type": "connection_init", "payload": {"authorization": "Bearer slow-key"}})).await;
    socket.receive().await;
    for number in 0..4 {
        socket.send(subscribe(&number.to_string(), "{ viewer { id } }")).await;
        let Received::Message(response) = socket.receive().await else { panic!("closed") };
        if number < 3 {
            assert_eq!(response["payload"]["data"]["viewer"]["id"], "slow", "{response}");
            assert!(matches!(socket.receive().await, Received::Message(end) if end["type"] == "complete"));
        } else {
            assert_eq!(response["payload"][0]["extensions"]["code"], "RATE_LIMITED", "{response}");
        }
    }
    // Requests of a batch count, too.
    let door = start().await;
    let batch = vec![json!({ "query": "{ viewer { id } }" }); 4];
    let request = door.client.post(door.url()).header("content-type", "application/json").bearer_auth("slow-key");
    let answer = request.body(serde_json::Value::from(batch).to_string()).send().await.expect("a response");
    assert_eq!(answer.status(), 429);
}

#[tokio::test]
async fn without_a_permit_a_websocket_operation_is_rejected_and_the_connection_stays_open() {
    let door = start_with(GatewayOptions { in_flight: 0, ..GatewayOptions::default() }).await;
    let mut socket = Socket::connected(&door).await;
    for id in ["1", "2"] {
        socket.send(subscribe(id, "{ __typename }")).await;
        let Received::Message(response) = socket.receive().await else { panic!("closed") };
        assert_eq!(response["payload"][0]["extensions"]["code"], "OVERLOADED", "{response}");
    }
}

#[tokio::test]
async fn operations_of_one_connection_are_limited() {
    let door = start().await;
    let mut socket = Socket::connected(&door).await;
    for number in 0..=100 {
        socket.send(subscribe(&number.to_string(), "subscription { sourceHealthChanged { name } }")).await;
    }
    let Received::Message(response) = socket.receive().await else { panic!("closed") };
    assert_eq!(
        (&response["id"], &response["payload"][0]["extensions"]["code"]),
        (&json!("100"), &json!("RATE_LIMITED"))
    );
    socket.send(json!({"type": "complete", "id": "7"})).await;
    socket.send(subscribe("100", "{ __typename }")).await;
    assert!(matches!(socket.receive().await, Received::Message(next) if next["type"] == "next"));
}

#[tokio::test]
async fn the_older_protocol_reports_why_it_rejects_a_connection() {
    let door = start().await;
    let mut socket = Socket::connect(&door, Some("graphql-ws")).await;
    socket.send(json!({"type": "connection_init", "payload": {"Authorization": "Bearer wrong"}})).await;
    let refused = json!({"type": "connection_error", "payload": {"message": "Forbidden"}});
    assert_eq!(socket.receive().await, Received::Message(refused));
    assert_eq!(socket.receive().await, Received::Closed(4403));
    for (what, message, code) in [
        ("a word of the newer protocol", json!({"type": "ping"}), 4400),
        ("an operation before it began", json!({"type": "start", "id": "1", "payload": {"query": "{a}"}}), 4401),
    ] {
        let mut socket = Socket::connect(&door, Some("graphql-ws")).await;
        socket.send(message).await;
        assert_eq!(socket.receive().await, Received::Closed(code), "{what}");
    }
}
