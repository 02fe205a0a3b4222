//! Messages of both WebSocket protocols: `graphql-transport-ws` and the older `graphql-ws`.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::gateway::params::RequestParams;

/// WebSocket subprotocol of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SubProtocol {
    /// `graphql-transport-ws`.
    GraphqlTransportWs,
    /// `graphql-ws` of subscriptions-transport-ws.
    GraphqlWs,
}

/// Close code and reason (PROTOCOL.md of graphql-ws).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CloseReason(pub u16, pub &'static str);

impl CloseReason {
    /// The message is not part of the protocol.
    pub(super) const INVALID_MESSAGE: Self = Self(4400, "Invalid message received");
    /// An operation was sent before the connection was acknowledged.
    pub(super) const UNAUTHORIZED: Self = Self(4401, "Unauthorized");
    /// The credentials of `connection_init` are not valid or have expired.
    pub(super) const FORBIDDEN: Self = Self(4403, "Forbidden");
    /// There is no common subprotocol.
    pub(super) const SUBPROTOCOL: Self = Self(4406, "Subprotocol not acceptable");
    /// `connection_init` did not arrive in time.
    pub(super) const INIT_TIMEOUT: Self = Self(4408, "Connection initialisation timeout");
    /// A second `connection_init`.
    pub(super) const TOO_MANY_INITS: Self = Self(4429, "Too many initialisation requests");
    /// The message is longer than the largest body.
    pub(super) const TOO_BIG: Self = Self(1009, "Message too big");
    /// The data is not a valid WebSocket frame.
    pub(super) const PROTOCOL_ERROR: Self = Self(1002, "Protocol error");
    /// The client does not read its messages.
    pub(super) const TOO_SLOW: Self = Self(1013, "The client reads too slowly");
    /// The client answers no ping.
    pub(super) const UNRESPONSIVE: Self = Self(1011, "The client does not respond");
    /// The server is shutting down.
    pub(super) const GOING_AWAY: Self = Self(1001, "Going away");
    /// Normal end of the connection.
    pub(super) const NORMAL: Self = Self(1000, "Normal closure");
}

/// A message of the client.
#[derive(Debug, PartialEq)]
pub(super) enum ClientMessage {
    /// `connection_init` with credentials.
    Init(Map<String, Value>),
    /// `ping`.
    Ping(Option<Value>),
    /// `pong`.
    Pong,
    /// Start an operation.
    Subscribe(String, Box<RequestParams>),
    /// Stop an operation.
    Complete(String),
    /// End the connection (older protocol).
    Terminate,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    payload: Option<Value>,
}

/// Parses a message of the client.
pub(super) fn parse_message(subprotocol: SubProtocol, text: &str) -> Result<ClientMessage, CloseReason> {
    let envelope: Envelope = serde_json::from_str(text).map_err(|_| CloseReason::INVALID_MESSAGE)?;
    let id = || envelope.id.clone().filter(|id| !id.is_empty()).ok_or(CloseReason::INVALID_MESSAGE);
    match (subprotocol, envelope.kind.as_str()) {
        (_, "connection_init") => match envelope.payload {
            None | Some(Value::Null) => Ok(ClientMessage::Init(Map::new())),
            Some(Value::Object(map)) => Ok(ClientMessage::Init(map)),
            Some(_) => Err(CloseReason::INVALID_MESSAGE),
        },
        (SubProtocol::GraphqlTransportWs, "ping") => Ok(ClientMessage::Ping(envelope.payload)),
        (SubProtocol::GraphqlTransportWs, "pong") => Ok(ClientMessage::Pong),
        (SubProtocol::GraphqlTransportWs, "subscribe") | (SubProtocol::GraphqlWs, "start") => {
            let id = id()?;
            Ok(ClientMessage::Subscribe(id, Box::new(parse_payload(envelope.payload)?)))
        }
        (SubProtocol::GraphqlTransportWs, "complete") | (SubProtocol::GraphqlWs, "stop") => {
            Ok(ClientMessage::Complete(id()?))
        }
        (SubProtocol::GraphqlWs, "connection_terminate") => Ok(ClientMessage::Terminate),
        _ => Err(CloseReason::INVALID_MESSAGE),
    }
}

fn parse_payload(payload: Option<Value>) -> Result<RequestParams, CloseReason> {
    let bytes = serde_json::to_vec(&payload.filter(Value::is_object).ok_or(CloseReason::INVALID_MESSAGE)?)
        .map_err(|_| CloseReason::INVALID_MESSAGE)?;
    match crate::gateway::params::parse_body(&bytes, 1) {
        Ok(crate::gateway::params::GraphqlBody::Single(params)) => Ok(*params),
        _ => Err(CloseReason::INVALID_MESSAGE),
    }
}

/// `connection_ack`.
pub(super) fn ack() -> String {
    json!({ "type": "connection_ack" }).to_string()
}

/// `pong`.
pub(super) fn pong(payload: Option<Value>) -> String {
    match payload {
        Some(payload) => json!({ "type": "pong", "payload": payload }).to_string(),
        None => json!({ "type": "pong" }).to_string(),
    }
}

/// Keep-alive: `ping`, or `ka` in the older protocol.
pub(super) fn keep_alive(subprotocol: SubProtocol) -> String {
    let kind = if subprotocol == SubProtocol::GraphqlTransportWs { "ping" } else { "ka" };
    json!({ "type": kind }).to_string()
}

/// `connection_error` of the older protocol.
pub(super) fn connection_error() -> String {
    json!({ "type": "connection_error", "payload": { "message": "Forbidden" } }).to_string()
}

/// A result; the payload is JSON text.
pub(super) fn next(subprotocol: SubProtocol, id: &str, payload: &str) -> String {
    let kind = if subprotocol == SubProtocol::GraphqlTransportWs { "next" } else { "data" };
    format!(r#"{{"id":{},"type":"{kind}","payload":{payload}}}"#, Value::from(id))
}

/// An operation that could not start. The older protocol carries one error, the newer one a list.
pub(super) fn error(subprotocol: SubProtocol, id: &str, errors: Value) -> String {
    let payload = match (subprotocol, errors) {
        (SubProtocol::GraphqlWs, Value::Array(mut errors)) if !errors.is_empty() => errors.swap_remove(0),
        (_, errors) => errors,
    };
    json!({ "id": id, "type": "error", "payload": payload }).to_string()
}

/// The operation is complete.
pub(super) fn complete(id: &str) -> String {
    json!({ "id": id, "type": "complete" }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_of_both_protocols_is_parsed_and_nothing_else() {
        let subscribe = |kind: &str| format!(r#"{{"type":"{kind}","id":"1","payload":{{"query":"{{a}}"}}}}"#);
        assert!(
            matches!(parse_message(SubProtocol::GraphqlTransportWs, &subscribe("subscribe")), Ok(ClientMessage::Subscribe(id, _)) if id == "1")
        );
        assert!(matches!(parse_message(SubProtocol::GraphqlWs, &subscribe("start")), Ok(ClientMessage::Subscribe(..))));
        assert_eq!(parse_message(SubProtocol::GraphqlTransportWs, r#"{"type":"pong"}"#), Ok(ClientMessage::Pong));
        assert_eq!(
            parse_message(SubProtocol::GraphqlWs, r#"{"type":"connection_terminate"}"#),
            Ok(ClientMessage::Terminate)
        );
        for wrong in [
            "",
            "[]",
            r#"{"type":"start","id":"1","payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":"","payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":"1","payload":"{a}"}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":7}}"#,
            r#"{"type":"connection_init","payload":"secret"}"#,
            r#"{"type":"hello"}"#,
        ] {
            assert_eq!(
                parse_message(SubProtocol::GraphqlTransportWs, wrong),
                Err(CloseReason::INVALID_MESSAGE),
                "{wrong}"
            );
        }
    }

    #[test]
    fn operation_ids_are_escaped_as_json() {
        assert_eq!(next(SubProtocol::GraphqlTransportWs, "a\"b", "{}"), r#"{"id":"a\"b","type":"next","payload":{}}"#);
    }
}
