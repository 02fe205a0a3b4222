//! The outbound HTTP client that vendors are handed: rate budget, per-attempt timeout, masking, a span per call.
//!
//! It knows no vendor. It never retries: that is decided at the port, where it is known what the call does.

mod answer;
mod call;
mod observe;

use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument;

pub use answer::Answer;
pub use call::{Call, Payload};
use observe::Sent;

use domain::{Budget, Effect, ErrorKind, Operation, SourceId, VendorError};

/// The largest answer that is read, in bytes: a whole catalogue is around 10 MB (`secutix.md §2.3`).
const LARGEST_ANSWER: usize = 64 << 20;

/// Why the shared client could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client could not be made: {0}")]
pub struct SetUpError(#[from] reqwest::Error);

/// Makes the connection pool that all transports share: HTTP/1.1 and 2, keep-alive, compressed answers, no redirects.
pub fn client() -> Result<reqwest::Client, SetUpError> {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .pool_idle_timeout(Duration::from_secs(50))
        .tcp_nodelay(true)
        .no_proxy()
        .user_agent(concat!("ticketgraph/", env!("CARGO_PKG_VERSION")))
        .build()?;
    Ok(client)
}

/// Sends calls to one source.
#[derive(Clone)]
pub struct Transport {
    client: reqwest::Client,
    source: SourceId,
    budget: Arc<dyn Budget>,
    attempt_timeout: Duration,
}

impl Transport {
    /// A transport for one source. `attempt_timeout` bounds each call that does not ask for longer.
    pub fn new(client: reqwest::Client, source: SourceId, budget: Arc<dyn Budget>, attempt_timeout: Duration) -> Self {
        Self { client, source, budget, attempt_timeout }
    }

    /// The source that is called.
    pub fn source(&self) -> &SourceId {
        &self.source
    }

    /// Sends one call and reads its whole answer, whatever its status.
    ///
    /// Errors: `RateLimited` when our own budget is used up (nothing was sent), `Unavailable` when the connection was refused or torn,
    /// `Timeout`, `Malformed` for an answer above 64 MiB. The effect of a write is `None` only when it certainly never left.
    pub async fn send(&self, call: Call) -> Result<Answer, VendorError> {
        let operation = call.operation;
        if let Err(wait) = self.budget.take(operation.serves_an_order()).await {
            observe::held_back(&self.source);
            return Err(self.error(operation, ErrorKind::RateLimited).with_retry_after(Some(wait)));
        }
        let span = tracing::info_span!(
            "vendor call",
            otel.kind = "client",
            source = %self.source,
            operation = operation.name(),
            http.request.method = %call.method,
            url.path = call.path(),
            http.response.status_code = tracing::field::Empty,
        );
        let timeout = call.timeout.unwrap_or(self.attempt_timeout);
        let sent = Sent::begin(&self.source, &call);
        let answered = tokio::time::timeout(timeout, self.exchange(call)).instrument(span.clone()).await;
        let answer =
            answered.unwrap_or_else(|_| Err(self.error(operation, ErrorKind::Timeout).with_effect(lost(operation))));
        sent.end(&answer);
        let answer = answer?;
        span.record("http.response.status_code", answer.status.as_u16());
        if let Some(wait) = answer.throttled() {
            self.budget.pause(wait);
        }
        Ok(answer)
    }

    async fn exchange(&self, call: Call) -> Result<Answer, VendorError> {
        let operation = call.operation;
        let mut response = self.client.execute(call.into_request()).await.map_err(|fault| {
            let effect = if fault.is_connect() || fault.is_builder() { Effect::None } else { lost(operation) };
            self.error(operation, ErrorKind::Unavailable).with_effect(effect).because(fault.without_url())
        })?;
        let mut body = Vec::new();
        let torn = |fault: reqwest::Error| {
            self.error(operation, ErrorKind::Unavailable).with_effect(lost(operation)).because(fault.without_url())
        };
        while let Some(chunk) = response.chunk().await.map_err(torn)? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(self.error(operation, ErrorKind::Malformed).with_effect(lost(operation)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            source: self.source.clone(),
            operation,
            status: response.status(),
            headers: std::mem::take(response.headers_mut()),
            body: body.into(),
        })
    }

    fn error(&self, operation: Operation, kind: ErrorKind) -> VendorError {
        VendorError::new(&self.source, operation, kind)
    }
}

/// What a call may have done whose answer was lost.
fn lost(operation: Operation) -> Effect {
    if operation.reads() { Effect::None } else { Effect::Unknown }
}
