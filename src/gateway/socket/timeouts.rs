//! Timeouts of WebSocket clients.

use std::time::Duration;

/// Timeouts of a WebSocket client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketTimeouts {
    /// Time to send `connection_init`.
    pub init: Duration,
    /// Time without a message before a keep-alive is sent.
    pub idle: Duration,
    /// Time to accept an outgoing message.
    pub write: Duration,
}

impl Default for SocketTimeouts {
    fn default() -> Self {
        Self { init: Duration::from_secs(10), idle: Duration::from_secs(25), write: Duration::from_secs(10) }
    }
}
