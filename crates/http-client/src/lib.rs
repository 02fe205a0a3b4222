//! The outbound HTTP client for vendor calls: rate limiting, a timeout per attempt, masking, and a span per request.
//!
//! Contains nothing specific to a vendor. Never retries: that is decided at the port, where the effect of the call is known.

mod connections;
mod exchange;
mod misfit;
mod request;
mod request_metrics;
mod response;

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use tokio::time::Instant;
use tracing::Instrument;

pub use connections::ConnectionPools;
use exchange::PendingExchange;
pub use exchange::{Exchange, ExchangeObserver, ExchangeResponse};
pub use request::{RequestBody, RequestReport, VendorRequest};
use request_metrics::RequestTimer;
pub use request_metrics::count_unreadable_rows;
pub use response::{PausePolicy, VendorResponse};

use domain::seen::{SeenResponse, record_response};
use domain::{
    Effect, Endpoint, ErrorKind, RateLimiter, RequestPlace, RequestTurn, SourceId, TurnScope, VendorError,
    VendorOperation,
};

/// Largest accepted response body in bytes: several times the largest catalog of a vendor, which is around 10 MB.
const MAX_RESPONSE_BYTES: usize = 64 << 20;

/// Longest subtype of a media type that is shown to operators, in characters.
const MAX_SUBTYPE: usize = 40;
/// Most digits in it: enough for a version, and too few for an identifier.
const MAX_SUBTYPE_DIGITS: usize = 2;

/// Pauses of a client that was created without a policy: those of a vendor that documents none.
const USUAL_PAUSES: PausePolicy = PausePolicy { default: Duration::from_secs(30), max: Duration::from_secs(3600) };

/// Error of creating the shared client.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client could not be created: {0}")]
pub struct HttpClientError(#[from] reqwest::Error);

/// Creates a client for everything that is not a vendor: HTTP/1.1 and HTTP/2, keep-alive, compressed responses, no redirects.
pub fn build_client() -> Result<reqwest::Client, HttpClientError> {
    Ok(client_builder().pool_idle_timeout(Duration::from_secs(50)).build()?)
}

/// Creates a client like [`build_client`], which connects only to addresses that the resolver returns. It does not decompress: bodies are
/// not read.
pub fn build_client_resolving_by<R: reqwest::dns::Resolve + 'static>(
    resolver: Arc<R>,
) -> Result<reqwest::Client, HttpClientError> {
    let builder = client_builder().pool_idle_timeout(Duration::from_secs(50)).dns_resolver(resolver);
    Ok(builder.no_gzip().no_brotli().no_zstd().build()?)
}

fn client_builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .tcp_nodelay(true)
        .no_proxy()
        .user_agent(concat!("ticketgraph/", env!("CARGO_PKG_VERSION")))
}

/// HTTP client for one source.
#[derive(Clone)]
pub struct VendorHttpClient {
    connections: ConnectionPools,
    source: SourceId,
    rate_limiter: Arc<dyn RateLimiter>,
    attempt_timeout: Duration,
    pauses: PausePolicy,
    observer: Option<Arc<dyn ExchangeObserver>>,
}

impl VendorHttpClient {
    /// Creates a client for one source. `attempt_timeout` applies to each request that does not override it.
    pub fn new(
        connections: ConnectionPools,
        source: SourceId,
        rate_limiter: Arc<dyn RateLimiter>,
        attempt_timeout: Duration,
    ) -> Self {
        Self { connections, source, rate_limiter, attempt_timeout, pauses: USUAL_PAUSES, observer: None }
    }

    /// Sets the pauses that the vendor may ask for.
    #[must_use]
    pub fn with_pauses(mut self, pauses: PausePolicy) -> Self {
        self.pauses = pauses;
        self
    }

    /// Passes every finished exchange to an observer.
    #[must_use]
    pub fn with_observer(mut self, observer: Arc<dyn ExchangeObserver>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Returns the source that is called.
    pub fn source(&self) -> &SourceId {
        &self.source
    }

    /// Sends a request and reads the complete response, whatever its status.
    ///
    /// # Errors
    ///
    /// `RateLimited` if the turn of the request comes later than it may wait (nothing was sent), `Unavailable` if the connection was
    /// refused or broke, `Timeout`, and `Malformed` for a response body larger than 64 MiB. The effect of a write is `None`
    /// only if the request was certainly never sent.
    pub async fn send(&self, request: VendorRequest) -> Result<VendorResponse, VendorError> {
        let operation = request.operation;
        let endpoint = request.endpoint;
        // Kept until the response is complete.
        let mut place = Some(self.wait_for_turn(operation, endpoint).await?);
        let span = tracing::info_span!(
            "vendor call",
            otel.kind = "client",
            source = %self.source,
            operation = operation.name(),
            http.request.method = %request.method,
            url.path = request.path_for_display(),
            http.response.status_code = tracing::field::Empty,
        );
        let deadline = Instant::now() + request.timeout.unwrap_or(self.attempt_timeout);
        let timer = RequestTimer::start(&self.source, &request);
        let seen = SeenResponse::new(operation, request.method.as_str(), request.path_for_display());
        let observed = self.observer.as_ref().map(|observer| PendingExchange::start(observer, &self.source, &request));
        let executed = TurnScope::run_current_until(deadline, Box::pin(self.execute(request, &mut place)));
        let result = executed.instrument(span.clone()).await.unwrap_or_else(|| {
            Err(self.error(operation, ErrorKind::Timeout).with_effect(effect_of_lost_response(operation)))
        });
        timer.record(&result);
        record_response(seen_response(seen, &result));
        if let Some(observed) = observed {
            observed.finish(&result);
        }
        let response = result?;
        span.record("http.response.status_code", response.status.as_u16());
        if let Some(wait) = response.pause() {
            self.rate_limiter.pause(endpoint.pause, wait);
        }
        Ok(response)
    }

    /// Waits for the turn of a request in the queue of the source. The wait does not count for the timeouts of an order call.
    async fn wait_for_turn(&self, operation: VendorOperation, endpoint: Endpoint) -> Result<RequestPlace, VendorError> {
        let turn = self.rate_limiter.acquire(RequestTurn { endpoint, ..RequestTurn::current(operation) });
        let turn = match TurnScope::current() {
            Some(scope) => scope.wait(turn).await,
            None => turn.await,
        };
        turn.map_err(|wait| {
            request_metrics::count_rate_limited(&self.source);
            VendorError::awaiting_turn(&self.source, operation, wait)
        })
    }

    /// Sends a request. A write uses a new connection. A read uses a kept one and, if the vendor closed it in the meantime,
    /// is sent once more over a new one: otherwise each attempt could meet another closed connection.
    async fn exchange(
        &self,
        request: VendorRequest,
        place: &mut Option<RequestPlace>,
    ) -> Result<reqwest::Response, VendorError> {
        let (operation, endpoint) = (request.operation, request.endpoint);
        let request = request.into_request();
        if !operation.is_read_only() {
            return self
                .connections
                .unpooled()
                .execute(request)
                .await
                .map_err(|error| self.no_response(operation, error));
        }
        let copy = request.try_clone().filter(|_| self.connections.may_have_kept_one());
        match (self.connections.pooled().execute(request).await, copy) {
            (Err(error), Some(copy)) if connections::is_broken(&error) => {
                // Given back first: otherwise requests that reconnect would wait for each other's places.
                drop(place.take());
                *place = Some(self.wait_for_turn(operation, endpoint).await?);
                request_metrics::count_reconnect(&self.source, operation);
                self.connections.unpooled().execute(copy).await
            }
            (result, _) => result.inspect(|_| self.connections.record_response()),
        }
        .map_err(|error| self.no_response(operation, error))
    }

    /// Returns the error of a request without a response.
    fn no_response(&self, operation: VendorOperation, error: reqwest::Error) -> VendorError {
        let effect = if connections::is_unsent(&error) { Effect::None } else { effect_of_lost_response(operation) };
        self.error(operation, ErrorKind::Unavailable).with_effect(effect).with_cause(error.without_url())
    }

    async fn execute(
        &self,
        request: VendorRequest,
        place: &mut Option<RequestPlace>,
    ) -> Result<VendorResponse, VendorError> {
        let operation = request.operation;
        let mut response = self.exchange(request, place).await?;
        let mut body = Vec::new();
        let interrupted = |error: reqwest::Error| {
            self.error(operation, ErrorKind::Unavailable)
                .with_effect(effect_of_lost_response(operation))
                .with_cause(error.without_url())
        };
        while let Some(chunk) = response.chunk().await.map_err(interrupted)? {
            if body.len() + chunk.len() > MAX_RESPONSE_BYTES {
                return Err(self
                    .error(operation, ErrorKind::Malformed)
                    .with_effect(effect_of_lost_response(operation)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(VendorResponse {
            source: self.source.clone(),
            operation,
            pauses: self.pauses,
            status: response.status(),
            headers: std::mem::take(response.headers_mut()),
            body: body.into(),
        })
    }

    fn error(&self, operation: VendorOperation, kind: ErrorKind) -> VendorError {
        VendorError::new(&self.source, operation, kind)
    }
}

/// Adds the response to what an operator sees of a request.
fn seen_response(seen: SeenResponse, result: &Result<VendorResponse, VendorError>) -> SeenResponse {
    let Ok(response) = result else { return seen };
    let content_type = response.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).and_then(media_type);
    SeenResponse { status: Some(response.status.as_u16()), content_type, ..seen }
}

/// Returns the media type of a `Content-Type` in lower case. `None` if it does not read as one: a vendor may write anything there.
fn media_type(content_type: &str) -> Option<String> {
    const TOP_LEVEL: [&str; 5] = ["application", "image", "multipart", "text", "video"];
    let name = content_type.split(';').next()?.trim().to_ascii_lowercase();
    let (top_level, subtype) = name.split_once('/')?;
    let is_plain = subtype.len() <= MAX_SUBTYPE
        && subtype.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        && subtype.bytes().filter(u8::is_ascii_digit).count() <= MAX_SUBTYPE_DIGITS;
    (TOP_LEVEL.contains(&top_level) && is_plain && !subtype.is_empty()).then_some(name)
}

/// Returns the possible effect of a call whose response was lost.
fn effect_of_lost_response(operation: VendorOperation) -> Effect {
    if operation.is_read_only() { Effect::None } else { Effect::Unknown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_type_that_could_be_a_value_is_not_shown() {
        for (text, expected) in [
            ("application/json; charset=utf-8", Some("application/json")),
            ("Application/Problem+JSON", Some("application/problem+json")),
            ("application/vnd.api.v2+json", Some("application/vnd.api.v2+json")),
            ("text/html;x=ada@example.org", Some("text/html")),
            ("ada@example.org", None),
            ("text/K7P2M9QX", None),
            ("ada/guest", None),
            ("text/", None),
        ] {
            assert_eq!(media_type(text).as_deref(), expected, "{text}");
        }
        assert_eq!(media_type(&format!("text/{}", "x".repeat(MAX_SUBTYPE + 1))), None);
    }
}
