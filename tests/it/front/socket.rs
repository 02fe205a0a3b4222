//! The WebSocket protocols with every close code.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::{Door, open};

pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

#[derive(Debug, PartialEq)]
pub enum Heard {
    Message(Value),
    Closed(u16),
}

impl Socket {
    pub async fn connect(door: &Door, protocol: Option<&str>) -> Self {
        let mut request = format!("ws://{}/graphql/ws", door.address).into_client_request().expect("a request");
        if let Some(protocol) = protocol {
            request.headers_mut().insert("sec-websocket-protocol", protocol.parse().expect("a header"));
        }
        Self(connect_async(request).await.expect("a socket").0)
    }

    pub async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.expect("sent");
    }

    pub async fn hear(&mut self) -> Heard {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return Heard::Message(serde_json::from_str(&text).expect("JSON")),
                Some(Ok(Message::Close(frame))) => return Heard::Closed(frame.map_or(0, |frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(fault)) => panic!("{fault}"),
                None => return Heard::Closed(0),
            }
        }
    }

    /// Fails where the connection is gone.
    pub async fn try_say(&mut self, message: Value) -> Result<(), tokio_tungstenite::tungstenite::Error> {
        self.0.send(Message::text(message.to_string())).await
    }

    /// What is heard; none where the connection was cut.
    pub async fn hear_or_lose(&mut self) -> Option<Heard> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).ok().map(Heard::Message),
                Some(Ok(Message::Close(frame))) => {
                    return Some(Heard::Closed(frame.map_or(0, |frame| frame.code.into())));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }

    pub async fn begun(door: &Door) -> Self {
        let mut socket = Self::connect(door, Some("graphql-transport-ws")).await;
        socket.say(json!({"type": "connection_init"})).await;
        assert_eq!(socket.hear().await, Heard::Message(json!({"type": "connection_ack"})));
        socket
    }
}

pub fn subscribe(id: &str, query: &str) -> Value {
    json!({"type": "subscribe", "id": id, "payload": {"query": query}})
}

#[tokio::test]
async fn an_operation_ends_with_its_result_and_complete() {
    let door = open().await;
    let mut socket = Socket::begun(&door).await;
    socket.say(subscribe("1", "{ __typename }")).await;
    let next = json!({"id": "1", "type": "next", "payload": {"data": {"__typename": "Query"}}});
    assert_eq!(socket.hear().await, Heard::Message(next));
    assert_eq!(socket.hear().await, Heard::Message(json!({"id": "1", "type": "complete"})));
    socket.say(json!({"type": "ping", "payload": {"n": 1}})).await;
    assert_eq!(socket.hear().await, Heard::Message(json!({"type": "pong", "payload": {"n": 1}})));
}

#[tokio::test]
async fn an_operation_that_cannot_begin_is_an_error_and_the_connection_lives() {
    let door = open().await;
    let mut socket = Socket::begun(&door).await;
    for query in ["{ nonsense }", "{", "query A { __typename } query B { __typename }"] {
        socket.say(subscribe("1", query)).await;
        let Heard::Message(message) = socket.hear().await else { panic!("closed on {query}") };
        assert_eq!((&message["type"], message["payload"].is_array()), (&json!("error"), true), "{message}");
    }
    socket.say(subscribe("1", "{ __typename }")).await;
    assert!(matches!(socket.hear().await, Heard::Message(message) if message["type"] == "next"));
}

#[tokio::test]
async fn each_breach_of_the_protocol_has_its_close_code() {
    let door = open().await;
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
            socket.say(message).await;
        }
        let closed = loop {
            if let Heard::Closed(code) = socket.hear().await {
                break code;
            }
        };
        assert_eq!(closed, code, "{what}");
    }
    let mut silent = Socket::connect(&door, None).await;
    assert_eq!(silent.hear().await, Heard::Closed(4406));
}

#[tokio::test]
async fn a_key_in_the_first_message_is_who_is_asking() {
    let door = open().await;
    for payload in [json!({"authorization": "Bearer right"}), json!({"headers": {"Authorization": "Bearer right"}})] {
        let mut socket = Socket::connect(&door, Some("graphql-transport-ws")).await;
        socket.say(json!({"type": "connection_init", "payload": payload})).await;
        socket.hear().await;
        socket.say(subscribe("1", "{ viewer { id } }")).await;
        let Heard::Message(message) = socket.hear().await else { panic!("closed") };
        assert_eq!(message["payload"]["data"]["viewer"]["id"], "shop");
    }
}

#[tokio::test]
async fn the_older_protocol_is_spoken_too() {
    let door = open().await;
    let mut socket = Socket::connect(&door, Some("graphql-ws")).await;
    socket.say(json!({"type": "connection_init", "payload": {}})).await;
    assert_eq!(socket.hear().await, Heard::Message(json!({"type": "connection_ack"})));
    assert_eq!(socket.hear().await, Heard::Message(json!({"type": "ka"})));
    socket.say(json!({"type": "start", "id": "7", "payload": {"query": "{ __typename }"}})).await;
    let Heard::Message(message) = socket.hear().await else { panic!("closed") };
    assert_eq!((&message["type"], &message["id"]), (&json!("data"), &json!("7")));
    assert_eq!(socket.hear().await, Heard::Message(json!({"id": "7", "type": "complete"})));
    socket.say(json!({"type": "connection_terminate"})).await;
    assert_eq!(socket.hear().await, Heard::Closed(1000));
}

#[tokio::test]
async fn a_service_that_goes_away_says_so() {
    let door = open().await;
    let mut socket = Socket::begun(&door).await;
    socket.say(subscribe("1", "subscription { sourceHealthChanged { name } }")).await;
    socket.say(json!({"type": "ping"})).await;
    assert_eq!(socket.hear().await, Heard::Message(json!({"type": "pong"})));
    door.stop.cancel();
    assert_eq!(socket.hear().await, Heard::Closed(1001));
}

#[tokio::test]
async fn a_binary_message_is_none_of_the_protocol_and_a_completed_id_is_free_again() {
    let door = open().await;
    let mut socket = Socket::begun(&door).await;
    for _ in 0..2 {
        socket.say(subscribe("1", "subscription { sourceHealthChanged { name } }")).await;
        socket.say(json!({"type": "complete", "id": "1"})).await;
    }
    socket.say(json!({"type": "ping"})).await;
    assert_eq!(socket.hear().await, Heard::Message(json!({"type": "pong"})));
    socket.0.send(Message::binary(vec![1, 2])).await.expect("sent");
    assert_eq!(socket.hear().await, Heard::Closed(4400));
}
