//! The WebSocket protocols with every close code.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use ticketgraph::gateway::socket::SocketLimits;

use super::{GatewayOptions, TestGateway, start, start_with};
use crate::default_config::default_socket_limits;

pub(super) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

#[derive(Debug, PartialEq)]
pub(super) enum Received {
    Message(Value),
    Closed(u16),
}

impl Socket {
    pub(super) async fn connect(door: &TestGateway, protocol: Option<&str>) -> Self {
        let headers: Vec<_> = protocol.into_iter().map(|protocol| ("sec-websocket-protocol", protocol)).collect();
        Self::connect_with(door, &headers).await
    }

    pub(super) async fn connect_with(door: &TestGateway, headers: &[(&'static str, &str)]) -> Self {
        let mut request = format!("ws://{}/graphql/ws", door.address).into_client_request().expect("a request");
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("a header"));
        }
        Self(connect_async(request).await.expect("a socket").0)
    }

    pub(super) async fn send(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.expect("sent");
    }

    pub(super) async fn receive(&mut self) -> Received {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return Received::Message(serde_json::from_str(&text).expect("JSON")),
                Some(Ok(Message::Close(frame))) => return Received::Closed(frame.map_or(0, |frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(fault)) => panic!("{fault}"),
                None => return Received::Closed(0),
            }
        }
    }

    /// Fails if the connection is closed.
    pub(super) async fn try_send(&mut self, message: Value) -> Result<(), tokio_tungstenite::tungstenite::Error> {
        self.0.send(Message::text(message.to_string())).await
    }

    /// Returns the next message, or `None` if the connection is closed.
    pub(super) async fn try_receive(&mut self) -> Option<Received> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).ok().map(Received::Message),
                Some(Ok(Message::Close(frame))) => {
                    return Some(Received::Closed(frame.map_or(0, |frame| frame.code.into())));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }

    pub(super) async fn connected(door: &TestGateway) -> Self {
        let mut socket = Self::connect(door, Some("graphql-transport-ws")).await;
        socket.send(json!({"type": "connection_init"})).await;
        assert_eq!(socket.receive().await, Received::Message(json!({"type": "connection_ack"})));
        socket
    }
}

pub(super) fn subscribe(id: &str, query: &str) -> Value {
    json!({"type": "subscribe", "id": id, "payload": {"query": query}})
}

#[tokio::test]
async fn an_operation_ends_with_its_result_and_complete() {
    let door = start().await;
    let mut socket = Socket::connected(&door).await;
    socket.send(subscribe("1", "{ __typename }")).await;
    let next = json!({"id": "1", "type": "next", "payload": {"data": {"__typename": "Query"}}});
    assert_eq!(socket.receive().await, Received::Message(next));
    assert_eq!(socket.receive().await, Received::Message(json!({"id": "1", "type": "complete"})));
    socket.send(json!({"type": "ping", "payload": {"n": 1}})).await;
    assert_eq!(socket.receive().await, Received::Message(json!({"type": "pong", "payload": {"n": 1}})));
}

#[tokio::test]
async fn an_operation_that_cannot_start_is_an_error_and_the_connection_stays_open() {
    let door = start().await;
    let mut socket = Socket::connected(&door).await;
    for query in ["{ nonsense }", "{", "query A { __typename } query B { __typename }"] {
        socket.send(subscribe("1", query)).await;
        let Received::Message(message) = socket.receive().await else { panic!("closed on {query}") };
        assert_eq!((&message["type"], message["payload"].is_array()), (&json!("error"), true), "{message}");
    }
    socket.send(subscribe("1", "{ __typename }")).await;
    assert!(matches!(socket.receive().await, Received::Message(message) if message["type"] == "next"));
}

#[tokio::test]
async fn each_protocol_violation_has_its_close_code() {
    let door = start().await;
    let init = || json!({"type": "connection_init"});
    let watching = || subscribe("1", "subscription { sourceHealthChanged { name } }");
    let wrong_key = json!({"type": "connection_init", "payload": {"Authorization": "Bearer wrong"}});
    for (what, messages, code) in [
        ("not JSON", vec![json!("x")], 4400),
        ("unknown type", vec![json!({"type": "hello"})], 4400),
        ("subscribe before init", vec![subscribe("1", "{ __typename }")], 4401),
        ("wrong credentials", vec![wrong_key], 4403),
        ("init twice", vec![init(), init()], 4429),
        ("no id", vec![init(), json!({"type": "subscribe", "payload": {"query": "{a}"}})], 4400),
        ("an id that is taken", vec![init(), watching(), watching()], 4409),
        ("an empty id", vec![init(), subscribe("", "{ __typename }")], 4400),
        (
            "words of the older protocol",
            vec![init(), json!({"type": "start", "id": "1", "payload": {"query": "{a}"}})],
            4400,
        ),
        ("no payload", vec![init(), json!({"type": "subscribe", "id": "1"})], 4400),
    ] {
        let mut socket = Socket::connect(&door, Some("graphql-transport-ws")).await;
        for message in messages {
            socket.send(message).await;
        }
        let closed = loop {
            if let Received::Closed(code) = socket.receive().await {
                break code;
            }
        };
        assert_eq!(closed, code, "{what}");
    }
    let mut silent = Socket::connect(&door, None).await;
    assert_eq!(silent.receive().await, Received::Closed(4406));
}

#[tokio::test]
async fn the_key_in_the_first_message_authenticates_the_connection() {
    let door = start().await;
    for payload in [json!({"authorization": "Bearer right"}), json!({"headers": {"Authorization": "Bearer right"}})] {
        let mut socket = Socket::connect(&door, Some("graphql-transport-ws")).await;
        socket.send(json!({"type": "connection_init", "payload": payload})).await;
        socket.receive().await;
        socket.send(subscribe("1", "{ viewer { id } }")).await;
        let Received::Message(message) = socket.receive().await else { panic!("closed") };
        assert_eq!(message["payload"]["data"]["viewer"]["id"], "shop");
    }
}

#[tokio::test]
async fn the_older_protocol_is_supported() {
    let door = start().await;
    let mut socket = Socket::connect(&door, Some("graphql-ws")).await;
    socket.send(json!({"type": "connection_init", "payload": {}})).await;
    assert_eq!(socket.receive().await, Received::Message(json!({"type": "connection_ack"})));
    assert_eq!(socket.receive().await, Received::Message(json!({"type": "ka"})));
    socket.send(json!({"type": "start", "id": "7", "payload": {"query": "{ __typename }"}})).await;
    let Received::Message(message) = socket.receive().await else { panic!("closed") };
    assert_eq!((&message["type"], &message["id"]), (&json!("data"), &json!("7")));
    assert_eq!(socket.receive().await, Received::Message(json!({"id": "7", "type": "complete"})));
    socket.send(json!({"type": "connection_terminate"})).await;
    assert_eq!(socket.receive().await, Received::Closed(1000));
}

#[tokio::test]
async fn a_shutdown_closes_connections_with_going_away() {
    let door = start().await;
    let mut socket = Socket::connected(&door).await;
    socket.send(subscribe("1", "subscription { sourceHealthChanged { name } }")).await;
    socket.send(json!({"type": "ping"})).await;
    assert_eq!(socket.receive().await, Received::Message(json!({"type": "pong"})));
    door.stop.cancel();
    assert_eq!(socket.receive().await, Received::Closed(1001));
}

#[tokio::test]
async fn binary_messages_are_rejected_and_a_completed_id_can_be_reused() {
    let door = start().await;
    let mut socket = Socket::connected(&door).await;
    for _ in 0..2 {
        socket.send(subscribe("1", "subscription { sourceHealthChanged { name } }")).await;
        socket.send(json!({"type": "complete", "id": "1"})).await;
    }
    socket.send(json!({"type": "ping"})).await;
    assert_eq!(socket.receive().await, Received::Message(json!({"type": "pong"})));
    socket.0.send(Message::binary(vec![1, 2])).await.expect("sent");
    assert_eq!(socket.receive().await, Received::Closed(4400));
}

#[tokio::test]
async fn in_the_older_protocol_an_operation_replaces_the_one_with_the_same_id() {
    let door = start().await;
    let mut socket = Socket::connect(&door, Some("graphql-ws")).await;
    socket.send(json!({"type": "connection_init"})).await;
    while !matches!(socket.receive().await, Received::Message(message) if message["type"] == "ka") {}
    let start = |query: &str| json!({"type": "start", "id": "1", "payload": {"query": query}});
    socket.send(start("subscription { sourceHealthChanged { name } }")).await;
    socket.send(start("{ viewer { id } }")).await;
    let Received::Message(data) = socket.receive().await else { panic!("closed") };
    assert_eq!(data["payload"]["data"]["viewer"]["id"], "anonymous", "{data}");
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_disconnected() {
    let limits = SocketLimits { ping_interval: Duration::from_millis(200), ..default_socket_limits() };
    let door = start_with(GatewayOptions { socket_limits: limits, ..GatewayOptions::default() }).await;
    // This client answers pings whenever it reads.
    let mut socket = Socket::connected(&door).await;
    for _ in 0..5 {
        assert!(matches!(socket.receive().await, Received::Message(ping) if ping["type"] == "ping"));
    }
    let mut silent = Socket::connected(&door).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let closed = loop {
        match silent.try_receive().await {
            Some(Received::Message(_)) => {}
            Some(Received::Closed(code)) => break Some(code),
            None => break None,
        }
    };
    assert!(closed.is_none_or(|code| code == 1011), "{closed:?}");
}
