//! Connections to vendors, and the question whether a request was sent over one.
//!
//! Vendors close idle connections. A request that is written to a connection at that moment is lost, and it stays
//! unknown whether the vendor read it. So a write never uses a connection that was idle, and a read may be sent again.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{HttpClientError, client_builder};

/// The connections to all vendors.
#[derive(Clone, Debug)]
pub struct ConnectionPools {
    pooled: reqwest::Client,
    unpooled: reqwest::Client,
    idle_timeout: Duration,
    /// Time of the last response over a kept connection.
    last_response_at: Arc<Mutex<Option<Instant>>>,
}

impl ConnectionPools {
    /// Creates the connections. Those for reads are kept for `idle_timeout` after their last response, which should be shorter
    /// than the time that vendors keep them; those for writes are not kept.
    pub fn new(idle_timeout: Duration) -> Result<Self, HttpClientError> {
        Ok(Self {
            pooled: client_builder().pool_idle_timeout(idle_timeout).build()?,
            unpooled: client_builder().pool_max_idle_per_host(0).build()?,
            idle_timeout,
            last_response_at: Arc::default(),
        })
    }

    /// Returns the client that keeps connections, for reads.
    pub(crate) fn pooled(&self) -> &reqwest::Client {
        &self.pooled
    }

    /// Records a response over a connection that is kept.
    pub(crate) fn record_response(&self) {
        *self.last_response_at.lock() = Some(Instant::now());
    }

    /// Returns true if a request could have used a connection that was kept. Without one, the connection was new, and the vendor
    /// did not close it for being idle.
    pub(crate) fn may_have_kept_one(&self) -> bool {
        self.last_response_at.lock().is_some_and(|at| at.elapsed() <= self.idle_timeout)
    }

    /// Returns the client that opens a connection for each request, for writes.
    pub(crate) fn unpooled(&self) -> &reqwest::Client {
        &self.unpooled
    }
}

/// True if no byte of the request can have reached the vendor: there was no connection, or it was closed before the request
/// was written.
pub(crate) fn is_unsent(error: &reqwest::Error) -> bool {
    error.is_connect() || error.is_builder() || hyper_error(error).is_some_and(hyper::Error::is_canceled)
}

/// True if an existing connection broke before the response began.
pub(crate) fn is_broken(error: &reqwest::Error) -> bool {
    error.is_request() && !error.is_connect() && !error.is_timeout() && hyper_error(error).is_some()
}

fn hyper_error(error: &reqwest::Error) -> Option<&hyper::Error> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        source = error.source();
    }
    None
}

#[cfg(test)]
mod tests;
