//! The words of both WebSocket protocols: `graphql-transport-ws` and the older `graphql-ws`.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::gateway::params::Params;

/// Which protocol a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `graphql-transport-ws`.
    Transport,
    /// `graphql-ws`, of subscriptions-transport-ws.
    Legacy,
}

/// Why the server closes a connection: code and reason of PROTOCOL.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Close(pub u16, pub &'static str);

impl Close {
    /// The message is not one of the protocol.
    pub const INVALID: Self = Self(4400, "Invalid message received");
    /// An operation before the connection was acknowledged.
    pub const UNAUTHORIZED: Self = Self(4401, "Unauthorized");
    /// The credentials of `connection_init` are not valid, or no longer.
    pub const FORBIDDEN: Self = Self(4403, "Forbidden");
    /// No protocol that both sides speak.
    pub const SUBPROTOCOL: Self = Self(4406, "Subprotocol not acceptable");
    /// No `connection_init` in time.
    pub const INIT_TIMEOUT: Self = Self(4408, "Connection initialisation timeout");
    /// A second `connection_init`.
    pub const TOO_MANY_INITS: Self = Self(4429, "Too many initialisation requests");
    /// A message longer than a body may be.
    pub const TOO_BIG: Self = Self(1009, "Message too big");
    /// What came is no WebSocket any more.
    pub const BROKEN: Self = Self(1002, "Protocol error");
    /// The client does not read what it asked for.
    pub const SLOW: Self = Self(1013, "The client reads too slowly");
    /// The server is going away.
    pub const GOING: Self = Self(1001, "Going away");
    /// The older protocol's way of saying goodbye.
    pub const NORMAL: Self = Self(1000, "Normal closure");
}

/// What a client says.
#[derive(Debug, PartialEq)]
pub enum Incoming {
    /// Begin, with credentials.
    Init(Map<String, Value>),
    /// Are you there.
    Ping(Option<Value>),
    /// I am here.
    Pong,
    /// Run an operation.
    Subscribe(String, Box<Params>),
    /// Stop an operation.
    Complete(String),
    /// The older protocol's goodbye.
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

/// Reads a message of a client.
pub fn read(dialect: Dialect, text: &str) -> Result<Incoming, Close> {
    let envelope: Envelope = serde_json::from_str(text).map_err(|_| Close::INVALID)?;
    let id = || envelope.id.clone().filter(|id| !id.is_empty()).ok_or(Close::INVALID);
    match (dialect, envelope.kind.as_str()) {
        (_, "connection_init") => match envelope.payload {
            None | Some(Value::Null) => Ok(Incoming::Init(Map::new())),
            Some(Value::Object(map)) => Ok(Incoming::Init(map)),
            Some(_) => Err(Close::INVALID),
        },
        (Dialect::Transport, "ping") => Ok(Incoming::Ping(envelope.payload)),
        (Dialect::Transport, "pong") => Ok(Incoming::Pong),
        (Dialect::Transport, "subscribe") | (Dialect::Legacy, "start") => {
            let id = id()?;
            Ok(Incoming::Subscribe(id, Box::new(params(envelope.payload)?)))
        }
        (Dialect::Transport, "complete") | (Dialect::Legacy, "stop") => Ok(Incoming::Complete(id()?)),
        (Dialect::Legacy, "connection_terminate") => Ok(Incoming::Terminate),
        _ => Err(Close::INVALID),
    }
}

fn params(payload: Option<Value>) -> Result<Params, Close> {
    let bytes =
        serde_json::to_vec(&payload.filter(Value::is_object).ok_or(Close::INVALID)?).map_err(|_| Close::INVALID)?;
    match crate::gateway::params::from_body(&bytes, 1) {
        Ok(crate::gateway::params::Body::Single(params)) => Ok(*params),
        _ => Err(Close::INVALID),
    }
}

/// The connection may be used.
pub fn ack() -> String {
    json!({ "type": "connection_ack" }).to_string()
}

/// I am here.
pub fn pong(payload: Option<Value>) -> String {
    match payload {
        Some(payload) => json!({ "type": "pong", "payload": payload }).to_string(),
        None => json!({ "type": "pong" }).to_string(),
    }
}

/// Are you there: `ping`, or the older protocol's `ka`.
pub fn keep_alive(dialect: Dialect) -> String {
    let kind = if dialect == Dialect::Transport { "ping" } else { "ka" };
    json!({ "type": kind }).to_string()
}

/// The older protocol's refusal of a connection.
pub fn connection_error() -> String {
    json!({ "type": "connection_error", "payload": { "message": "Forbidden" } }).to_string()
}

/// A result; the payload is JSON already.
pub fn next(dialect: Dialect, id: &str, payload: &str) -> String {
    let kind = if dialect == Dialect::Transport { "next" } else { "data" };
    format!(r#"{{"id":{},"type":"{kind}","payload":{payload}}}"#, Value::from(id))
}

/// The operation could not begin. The older protocol knows one error, the newer a list.
pub fn error(dialect: Dialect, id: &str, errors: Value) -> String {
    let payload = match (dialect, errors) {
        (Dialect::Legacy, Value::Array(mut errors)) if !errors.is_empty() => errors.swap_remove(0),
        (_, errors) => errors,
    };
    json!({ "id": id, "type": "error", "payload": payload }).to_string()
}

/// The operation is over.
pub fn complete(id: &str) -> String {
    json!({ "id": id, "type": "complete" }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_protocols_is_understood_and_nothing_else() {
        let subscribe = |kind: &str| format!(r#"{{"type":"{kind}","id":"1","payload":{{"query":"{{a}}"}}}}"#);
        assert!(
            matches!(read(Dialect::Transport, &subscribe("subscribe")), Ok(Incoming::Subscribe(id, _)) if id == "1")
        );
        assert!(matches!(read(Dialect::Legacy, &subscribe("start")), Ok(Incoming::Subscribe(..))));
        assert_eq!(read(Dialect::Transport, r#"{"type":"pong"}"#), Ok(Incoming::Pong));
        assert_eq!(read(Dialect::Legacy, r#"{"type":"connection_terminate"}"#), Ok(Incoming::Terminate));
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
            assert_eq!(read(Dialect::Transport, wrong), Err(Close::INVALID), "{wrong}");
        }
    }

    #[test]
    fn ids_of_clients_are_quoted_as_json() {
        assert_eq!(next(Dialect::Transport, "a\"b", "{}"), r#"{"id":"a\"b","type":"next","payload":{}}"#);
    }
}
