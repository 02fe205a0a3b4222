//! Sockets whose clients are too slow, too big, or too many: bounded, and closed with a reason.

use std::time::{Duration, Instant};

use serde_json::json;

use super::socket::{Heard, Socket, subscribe};
use super::{Setting, open, open_set};
use ticketgraph::gateway::precheck::Limits;
use ticketgraph::gateway::socket::Patience;

fn impatient() -> Setting {
    let short = Duration::from_millis(300);
    Setting { patience: Patience { init: short, slow: short, ..Patience::default() }, ..Setting::default() }
}

#[tokio::test]
async fn who_never_begins_is_closed_in_time_whatever_else_it_says() {
    let door = open_set(impatient()).await;
    for protocol in ["graphql-transport-ws", "graphql-ws"] {
        let mut socket = Socket::connect(&door, Some(protocol)).await;
        assert_eq!(socket.hear().await, Heard::Closed(4408), "{protocol}");
    }
    let mut chatty = Socket::connect(&door, Some("graphql-transport-ws")).await;
    let began = Instant::now();
    let closed = loop {
        // It does not stay by talking of something else.
        if chatty.try_say(json!({"type": "ping"})).await.is_err() {
            break chatty.hear().await;
        }
        if let Heard::Closed(code) = chatty.hear().await {
            break Heard::Closed(code);
        }
        assert!(began.elapsed() < Duration::from_secs(20), "still open");
    };
    assert_eq!(closed, Heard::Closed(4408));
}

#[tokio::test]
async fn who_does_not_read_is_closed_and_what_waits_for_it_is_bounded() {
    let door = open_set(impatient()).await;
    let mut socket = Socket::begun(&door).await;
    // Each is answered with as much: soon the buffers of both systems are full, then the queue of the connection.
    let ping = json!({"type": "ping", "payload": {"x": "x".repeat(200_000)}});
    let (began, mut sent) = (Instant::now(), 0_usize);
    while let Ok(Ok(())) = tokio::time::timeout(Duration::from_secs(2), socket.try_say(ping.clone())).await {
        sent += 1;
        assert!(began.elapsed() < Duration::from_secs(60), "{sent} messages were taken from who reads nothing");
    }
    let closed = loop {
        match socket.hear_or_lose().await {
            Some(Heard::Closed(code)) => break Some(code),
            Some(Heard::Message(_)) => {}
            None => break None,
        }
    };
    // A connection that is full may be cut before the reason comes through.
    assert!(closed.is_none_or(|code| code == 1013), "{closed:?}");
    assert_eq!(door.post("{ __typename }").await.0, 200);
}

#[tokio::test]
async fn a_message_beyond_the_largest_body_is_refused_by_name_and_a_monstrous_one_is_not_read() {
    let door =
        open_set(Setting { limits: Limits { body_bytes: 10_000, ..Limits::default() }, ..Setting::default() }).await;
    let mut socket = Socket::begun(&door).await;
    socket.say(json!({"type": "ping", "payload": {"x": "x".repeat(11_000)}})).await;
    assert_eq!(socket.hear().await, Heard::Closed(1009));
    let mut socket = Socket::begun(&door).await;
    let _ = socket.try_say(json!({"type": "ping", "payload": {"x": "x".repeat(3_000_000)}})).await;
    let ended = socket.hear_or_lose().await;
    assert!(matches!(ended, None | Some(Heard::Closed(1002))), "{ended:?}");
}

#[tokio::test]
async fn operations_of_a_socket_count_as_requests_of_their_caller() {
    let door = open().await;
    let mut socket = Socket::connect(&door, Some("graphql-transport-ws")).await;
    socket.say(json!({"type": "connection_init", "payload": {"authorization": "Bearer slow-key"}})).await;
    socket.hear().await;
    for number in 0..4 {
        socket.say(subscribe(&number.to_string(), "{ viewer { id } }")).await;
        let Heard::Message(told) = socket.hear().await else { panic!("closed") };
        if number < 3 {
            assert_eq!(told["payload"]["data"]["viewer"]["id"], "slow", "{told}");
            assert!(matches!(socket.hear().await, Heard::Message(end) if end["type"] == "complete"));
        } else {
            assert_eq!(told["payload"][0]["extensions"]["code"], "RATE_LIMITED", "{told}");
        }
    }
    // And so do those of a batch.
    let door = open().await;
    let batch = vec![json!({ "query": "{ viewer { id } }" }); 4];
    let request = door.client.post(door.url()).header("content-type", "application/json").bearer_auth("slow-key");
    let answer = request.body(serde_json::Value::from(batch).to_string()).send().await.expect("an answer");
    assert_eq!(answer.status(), 429);
}

#[tokio::test]
async fn without_a_free_place_an_operation_of_a_socket_is_refused_and_the_socket_lives() {
    let door = open_set(Setting { in_flight: 0, ..Setting::default() }).await;
    let mut socket = Socket::begun(&door).await;
    for id in ["1", "2"] {
        socket.say(subscribe(id, "{ __typename }")).await;
        let Heard::Message(told) = socket.hear().await else { panic!("closed") };
        assert_eq!(told["payload"][0]["extensions"]["code"], "OVERLOADED", "{told}");
    }
}

#[tokio::test]
async fn one_connection_runs_only_so_many_operations() {
    let door = open().await;
    let mut socket = Socket::begun(&door).await;
    for number in 0..=100 {
        socket.say(subscribe(&number.to_string(), "subscription { sourceHealthChanged { name } }")).await;
    }
    let Heard::Message(told) = socket.hear().await else { panic!("closed") };
    assert_eq!((&told["id"], &told["payload"][0]["extensions"]["code"]), (&json!("100"), &json!("RATE_LIMITED")));
    socket.say(json!({"type": "complete", "id": "7"})).await;
    socket.say(subscribe("100", "{ __typename }")).await;
    assert!(matches!(socket.hear().await, Heard::Message(next) if next["type"] == "next"));
}

#[tokio::test]
async fn the_older_protocol_says_why_it_turns_somebody_away() {
    let door = open().await;
    let mut socket = Socket::connect(&door, Some("graphql-ws")).await;
    socket.say(json!({"type": "connection_init", "payload": {"Authorization": "Bearer wrong"}})).await;
    let refused = json!({"type": "connection_error", "payload": {"message": "Forbidden"}});
    assert_eq!(socket.hear().await, Heard::Message(refused));
    assert_eq!(socket.hear().await, Heard::Closed(4403));
    for (what, message, code) in [
        ("a word of the newer protocol", json!({"type": "ping"}), 4400),
        ("an operation before it began", json!({"type": "start", "id": "1", "payload": {"query": "{a}"}}), 4401),
    ] {
        let mut socket = Socket::connect(&door, Some("graphql-ws")).await;
        socket.say(message).await;
        assert_eq!(socket.hear().await, Heard::Closed(code), "{what}");
    }
}
