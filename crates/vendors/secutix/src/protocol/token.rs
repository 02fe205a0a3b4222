//! The bearer token of the JSON protocol, signed locally or fetched (`secutix.md §2.3`). Lives for minutes and is reused until
//! shortly before its end.

use std::sync::Arc;

use domain::{Clock, Effect, ErrorKind, VendorError, VendorOperation};
use http_client::{RequestBody, VendorHttpClient, VendorRequest};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use url::Url;

use crate::protocol::{encode_error, http_error};

/// Lifetime of a token that we sign; 60 to 300 s are recommended (`secutix.md §7`).
const TOKEN_LIFETIME: SignedDuration = SignedDuration::from_secs(240);
/// Time before its expiry at which a token is no longer used.
const EXPIRY_MARGIN: SignedDuration = SignedDuration::from_secs(45);
/// Lifetime of a fetched token without an expiry.
const DEFAULT_LIFETIME: SignedDuration = SignedDuration::from_secs(60);
/// Path of the token endpoint (`secutix.md §2.3`).
const AUTH_PATH: &str = "/tnai/backend-apis/v1/auth";

/// Origin of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TokenOrigin {
    /// Signed locally with the password; that it is the key is inferred (`secutix.md §8`).
    #[default]
    #[serde(rename = "self")]
    SelfSigned,
    /// Fetched from the vendor's token endpoint.
    Endpoint,
}

/// Our identity at the vendor.
pub(crate) struct Identity {
    /// Institution code, upper case.
    pub institution: String,
    /// Login of the operator.
    pub login: String,
    /// Password of the operator.
    pub password: SecretString,
    /// Name of the partner.
    pub partner: String,
}

/// A token that is ready for use.
pub(crate) struct Token {
    /// The encoded token.
    pub text: SecretString,
    /// True if an earlier call used it: the vendor may have revoked it since.
    pub was_used_before: bool,
}

struct CachedToken {
    text: SecretString,
    use_until: Timestamp,
}

/// Signs or fetches tokens, one at a time.
pub(crate) struct TokenProvider {
    origin: TokenOrigin,
    identity: Identity,
    base: String,
    clock: Arc<dyn Clock>,
    cached: Mutex<Option<CachedToken>>,
}

#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    aud: &'a str,
    iss: &'a str,
    iat: i64,
    exp: i64,
}

#[derive(Serialize)]
struct AuthRequest<'a> {
    operator: &'a str,
    partner: &'a str,
    secret: &'a str,
}

#[derive(Deserialize)]
struct AuthResponse {
    token: SecretString,
}

#[derive(Deserialize)]
struct ExpiryClaim {
    exp: Option<i64>,
}

impl TokenProvider {
    /// Creates a provider without a cached token.
    pub(crate) fn new(origin: TokenOrigin, identity: Identity, base: &str, clock: Arc<dyn Clock>) -> Self {
        Self { origin, identity, base: base.to_owned(), clock, cached: Mutex::new(None) }
    }

    /// Returns a token that is valid for a while.
    pub(crate) async fn current(
        &self,
        transport: &VendorHttpClient,
        operation: VendorOperation,
    ) -> Result<Token, VendorError> {
        let mut kept = self.cached.lock().await;
        let now = self.clock.now();
        if let Some(CachedToken { text, use_until: until }) = &*kept
            && now < *until
        {
            return Ok(Token { text: text.clone(), was_used_before: true });
        }
        let fresh = match self.origin {
            TokenOrigin::SelfSigned => self.sign(transport, operation, now)?,
            TokenOrigin::Endpoint => self.fetch(transport, operation, now).await?,
        };
        let text = fresh.text.clone();
        *kept = Some(fresh);
        Ok(Token { text, was_used_before: false })
    }

    /// Drops the cached token after the vendor rejected it.
    pub(crate) async fn invalidate(&self) {
        *self.cached.lock().await = None;
    }

    fn sign(
        &self,
        transport: &VendorHttpClient,
        operation: VendorOperation,
        now: Timestamp,
    ) -> Result<CachedToken, VendorError> {
        let Identity { institution, login, password, partner } = &self.identity;
        let exp = now.as_second() + TOKEN_LIFETIME.as_secs();
        let claims = Claims { sub: institution, aud: login, iss: partner, iat: now.as_second(), exp };
        let key = EncodingKey::from_secret(password.expose_secret().as_bytes());
        let text = jsonwebtoken::encode(&Header::default(), &claims, &key)
            .map_err(|error| encode_error(transport.source(), operation, error.into()))?;
        Ok(CachedToken { text: text.into(), use_until: saturating_add(now, TOKEN_LIFETIME - EXPIRY_MARGIN) })
    }

    async fn fetch(
        &self,
        transport: &VendorHttpClient,
        operation: VendorOperation,
        now: Timestamp,
    ) -> Result<CachedToken, VendorError> {
        // Fetching a token has no effect on an order, but one that serves an order may use the reserved part of the rate
        // limit.
        let asked_as = if operation.is_order_call() { VendorOperation::LookUp } else { VendorOperation::Probe };
        let unsent = |error: VendorError| VendorError { operation, effect: Effect::None, ..error };
        let Identity { login, password, partner, .. } = &self.identity;
        let request = AuthRequest { operator: login, partner, secret: password.expose_secret() };
        let url = Url::parse(&format!("{}{AUTH_PATH}", self.base))
            .map_err(|error| encode_error(transport.source(), operation, error.into()))?;
        let payload =
            RequestBody::json(&request).map_err(|error| encode_error(transport.source(), operation, error.into()))?;
        let call = VendorRequest::new(asked_as, reqwest::Method::POST, url).payload(payload);
        let response = transport.send(call).await.map_err(unsent)?;
        if !response.status.is_success() {
            return Err(unsent(http_error(&response)));
        }
        // Not `json()` of the response: its masked sample would still show the structure of a token.
        let token = serde_json::from_slice::<AuthResponse>(&response.body)
            .map_err(|_| unsent(response.error(ErrorKind::Malformed)))?
            .token;
        Ok(CachedToken { use_until: use_until(&token, now), text: token })
    }
}

/// Returns the time until which a fetched token is used: shortly before its expiry, and at most the lifetime of a signed one.
fn use_until(token: &SecretString, now: Timestamp) -> Timestamp {
    let named = jsonwebtoken::dangerous::insecure_decode_claims::<ExpiryClaim>(token.expose_secret())
        .ok()
        .and_then(|dated| Timestamp::from_second(dated.exp?).ok())
        .and_then(|end| end.checked_sub(EXPIRY_MARGIN).ok());
    named.map_or_else(|| saturating_add(now, DEFAULT_LIFETIME), |end| end.min(saturating_add(now, TOKEN_LIFETIME)))
}

fn saturating_add(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_add(by).unwrap_or(now)
}
