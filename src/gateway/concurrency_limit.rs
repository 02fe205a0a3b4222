//! Concurrency limit with load shedding, and the time limits of a request.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::StatusCode;
use http_body_util::LengthLimitError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::gateway::rejection::RequestRejection;
use crate::graphql::ErrorCode;

/// Limit on operations in flight.
#[derive(Clone)]
pub struct ConcurrencyLimit(Arc<Semaphore>);

impl ConcurrencyLimit {
    /// Creates a limit of this many operations.
    pub fn new(operations: usize) -> Self {
        Self(Arc::new(Semaphore::new(operations)))
    }

    /// Returns a permit if one is free. Dropping it releases the slot.
    pub fn try_acquire(&self) -> Option<OwnedSemaphorePermit> {
        let permit = Arc::clone(&self.0).try_acquire_owned().ok();
        if permit.is_none() {
            metrics::counter!("ticketgraph_requests_shed_total").increment(1);
        }
        permit
    }
}

/// Load shedding and time limits of HTTP requests.
#[derive(Clone)]
pub struct LoadShed {
    /// Limit on operations in flight.
    pub limit: ConcurrencyLimit,
    /// Time for a client to send its body.
    pub body_timeout: Duration,
    /// Time until a response must start, after the body has arrived.
    pub response_timeout: Duration,
}

impl LoadShed {
    /// Reads a body. It holds no permit, so clients that send slowly keep nobody else waiting.
    ///
    /// # Errors
    ///
    /// The body is larger than `limit` bytes or does not arrive in time.
    pub async fn read_body(&self, body: Body, limit: usize) -> Result<Bytes, RequestRejection> {
        match timeout(self.body_timeout, to_bytes(body, limit)).await {
            Ok(Ok(body)) => Ok(body),
            Ok(Err(error)) if is_too_large(&error) => Err(RequestRejection::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                ErrorCode::BodyTooLarge,
                format!("the body is larger than {limit} bytes"),
            )),
            // A body that breaks off gets the same response, which nobody reads.
            Ok(Err(_)) | Err(_) => Err(RequestRejection::body_timeout()),
        }
    }

    /// Runs an operation if a permit is free, so that accepted operations stay fast, and returns the permit. Streams of
    /// events hold none; orders in flight continue without the client.
    ///
    /// # Errors
    ///
    /// All permits are in use, or the operation does not finish in time.
    pub async fn run<T>(
        &self,
        operation: impl Future<Output = T>,
    ) -> Result<(T, OwnedSemaphorePermit), RequestRejection> {
        let Some(permit) = self.limit.try_acquire() else { return Err(RequestRejection::overloaded()) };
        match timeout(self.response_timeout, operation).await {
            Ok(outcome) => Ok((outcome, permit)),
            Err(_) => {
                metrics::counter!("ticketgraph_requests_timed_out_total").increment(1);
                Err(RequestRejection::request_timeout())
            }
        }
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if inner.is::<LengthLimitError>() {
            return true;
        }
        source = inner.source();
    }
    false
}
