//! Limits of WebSocket clients.

use std::time::Duration;

/// Limits of a WebSocket client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketLimits {
    /// Time to send `connection_init`.
    pub init_timeout: Duration,
    /// Time without a message before a ping is sent, and after that before the connection is closed.
    pub ping_interval: Duration,
    /// Time to accept an outgoing message.
    pub write_timeout: Duration,
    /// Concurrent operations of one connection.
    pub operations: usize,
    /// Outgoing messages queued for a slow client before it is disconnected.
    pub queue: usize,
}
