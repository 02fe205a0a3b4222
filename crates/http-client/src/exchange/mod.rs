//! The port through which finished exchanges with a vendor are observed, for recordings.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use tokio::time::Instant;
use url::Url;

use crate::{VendorRequest, VendorResponse};
use domain::{ErrorKind, SourceId, VendorError, VendorOperation};

/// Receives every finished exchange of the clients that carry it.
pub trait ExchangeObserver: Send + Sync {
    /// Observes one exchange. Called in the task of the request, so it must return at once.
    fn observe(&self, exchange: Exchange);
}

/// One request to a vendor with its outcome. Path, query and bodies are those of the wire and contain data of people and
/// secrets; of the request's headers there are only the names.
pub struct Exchange {
    /// Source that was called.
    pub source: SourceId,
    /// Port operation that the request served.
    pub operation: VendorOperation,
    /// HTTP method.
    pub method: String,
    /// URL of the request.
    pub url: Url,
    /// Path to display instead of the real one, if the real one contains a secret.
    pub display_path: Option<&'static str>,
    /// Names of the request's headers, in ascending order.
    pub request_headers: Vec<String>,
    /// Body of the request; empty if it had none.
    pub request_body: Bytes,
    /// The response, or the kind of error if there is none.
    pub outcome: Result<ExchangeResponse, ErrorKind>,
    /// Time from the turn of the request to the complete response.
    pub duration: Duration,
}

/// The response of an exchange.
pub struct ExchangeResponse {
    /// HTTP status.
    pub status: u16,
    /// Complete body.
    pub body: Bytes,
    headers: HeaderMap,
}

impl ExchangeResponse {
    /// Creates a response from its parts.
    pub fn new(status: u16, headers: HeaderMap, body: Bytes) -> Self {
        Self { status, body, headers }
    }

    /// Returns a header by its name in lower case; `None` if it is absent or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// An exchange that has not finished. A request that its caller dropped is not observed.
pub(crate) struct PendingExchange {
    observer: Arc<dyn ExchangeObserver>,
    started_at: Instant,
    exchange: Exchange,
}

impl PendingExchange {
    /// Copies the observed parts of a request.
    pub(crate) fn start(observer: &Arc<dyn ExchangeObserver>, source: &SourceId, request: &VendorRequest) -> Self {
        Self {
            observer: Arc::clone(observer),
            started_at: Instant::now(),
            exchange: Exchange {
                source: source.clone(),
                operation: request.operation,
                method: request.method.to_string(),
                url: request.url.clone(),
                display_path: request.display_path,
                request_headers: request.header_names(),
                request_body: request.body(),
                outcome: Err(ErrorKind::Unavailable),
                duration: Duration::ZERO,
            },
        }
    }

    /// Passes the finished exchange to the observer.
    pub(crate) fn finish(mut self, result: &Result<VendorResponse, VendorError>) {
        self.exchange.duration = self.started_at.elapsed();
        self.exchange.outcome = match result {
            Ok(response) => {
                Ok(ExchangeResponse::new(response.status.as_u16(), response.headers.clone(), response.body.clone()))
            }
            Err(error) => Err(error.kind.clone()),
        };
        self.observer.observe(self.exchange);
    }
}

#[cfg(test)]
mod tests;
