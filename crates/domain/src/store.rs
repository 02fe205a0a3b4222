//! Failure of a durable store.

/// Failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The idempotency key already exists because of a concurrent request. Return the result of that request.
    #[error("the idempotency key is in use")]
    KeyTaken,
    /// The record has changed, or another runner owns it.
    #[error("the record changed or is owned by another runner")]
    Outdated,
    /// The store is unreachable or reported an error.
    #[error("the store failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The connection to the store ended before the response to a write, which may have been executed.
    #[error("the store did not respond to a write, which may have been executed")]
    OutcomeUnknown(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The stored data cannot be decoded: another version or another encryption key wrote it.
    #[error("stored data cannot be decoded: {0}")]
    Unreadable(String),
}
