//! REST_RPC: JSON over POST with a bearer token (`secutix.md §2.3`, §2.5).

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use domain::{ErrorKind, VendorError};
use http_client::{VendorHttpClient, VendorRequest, VendorResponse};
use reqwest::header::{ACCEPT, AUTHORIZATION};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::protocol::{
    Protocol, ProtocolRequest, ProtocolResponse, RateLimitScope, TokenProvider, encode_error, http_error,
};

/// Hint for the operator if the token is rejected: that the password signs tokens is inferred (`secutix.md §2.11`).
const HINT: &str =
    "S-360 does not accept our token: check `login` and `password`; if they are right, try `transport = \"soap\"`";

/// The JSON protocol.
pub(crate) struct JsonProtocol {
    transport: VendorHttpClient,
    base: String,
    version: String,
    tokens: TokenProvider,
    scope: RateLimitScope,
    hint_logged: AtomicBool,
}

impl JsonProtocol {
    /// Creates the protocol for a base URL and an API version.
    pub(crate) fn new(transport: VendorHttpClient, base: &str, version: &str, tokens: TokenProvider) -> Self {
        let hint_logged = AtomicBool::new(false);
        Self {
            transport,
            base: base.to_owned(),
            version: version.to_owned(),
            tokens,
            scope: RateLimitScope::default(),
            hint_logged,
        }
    }

    /// Sets the requests that a rate-limit response concerns.
    #[must_use]
    pub(crate) fn with_rate_limit_scope(mut self, scope: RateLimitScope) -> Self {
        self.scope = scope;
        self
    }

    async fn send_with_token(
        &self,
        request: &ProtocolRequest<'_>,
        token: &SecretString,
    ) -> Result<VendorResponse, VendorError> {
        let source = self.transport.source();
        let url = Url::parse(&format!("{}{}", self.base, request.method.json_path(&self.version)))
            .map_err(|error| encode_error(source, request.operation, error.into()))?;
        let payload = request.parameters.to_json().map_err(|error| encode_error(source, request.operation, error))?;
        let bearer = SecretString::from(format!("Bearer {}", token.expose_secret()));
        let mut call = VendorRequest::new(request.operation, reqwest::Method::POST, url)
            .header(ACCEPT, "application/json")
            .secret_header(AUTHORIZATION, &bearer)
            .endpoint(self.scope.endpoint(request.method))
            .payload(payload);
        if let Some(timeout) = request.timeout {
            call = call.timeout(timeout);
        }
        self.transport.send(call).await
    }

    fn unauthorized(&self, response: &VendorResponse) -> VendorError {
        if !self.hint_logged.swap(true, Ordering::SeqCst) {
            tracing::error!(source = %self.transport.source(), "{HINT}");
        }
        response.error(ErrorKind::Unauthorized).with_cause(HINT)
    }
}

#[async_trait]
impl Protocol for JsonProtocol {
    async fn call(&self, request: &ProtocolRequest<'_>) -> Result<ProtocolResponse, VendorError> {
        let token = self.tokens.current(&self.transport, request.operation).await?;
        let mut response = self.send_with_token(request, &token.text).await?;
        if matches!(response.status.as_u16(), 401 | 403) && token.was_used_before {
            self.tokens.invalidate().await;
            let token = self.tokens.current(&self.transport, request.operation).await?;
            response = self.send_with_token(request, &token.text).await?;
        }
        match response.status.as_u16() {
            200..=299 => Ok(ProtocolResponse { response, soap_result: None }),
            401 | 403 => Err(self.unauthorized(&response)),
            _ => Err(http_error(&response)),
        }
    }
}
