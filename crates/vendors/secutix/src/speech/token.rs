//! The bearer token of the JSON transport: made by ourselves, or fetched (`secutix.md §2.3`). Lives for minutes, is used until it nearly ends.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use url::Url;

use crate::speech::{refused, unwritten};
use domain::{Clock, Effect, ErrorKind, Operation, VendorError};
use http_client::{Call, Payload, Transport};

/// How long a token of ours is good for: 60 to 300 s are advised (`secutix.md §7`).
const LIFE: SignedDuration = SignedDuration::from_secs(240);
/// How long before its end a token is no longer used.
const MARGIN: SignedDuration = SignedDuration::from_secs(45);
/// How long a fetched token is used that does not say when it ends.
const UNDATED: SignedDuration = SignedDuration::from_secs(60);
/// The token address (`secutix.md §2.3`).
const AUTH_PATH: &str = "/tnai/backend-apis/v1/auth";

/// Who makes the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TokenMaker {
    /// We sign it with the password; that this is the key is inferred (`secutix.md §8`).
    #[default]
    #[serde(rename = "self")]
    Us,
    /// The vendor's token address.
    Endpoint,
}

/// Who we are.
pub(crate) struct Identity {
    /// The institution code, upper case.
    pub institution: String,
    /// The operator.
    pub login: String,
    /// The operator's password.
    pub password: SecretString,
    /// The name of the partner.
    pub partner: String,
}

/// A token ready for use.
pub(crate) struct Token {
    /// The token.
    pub text: SecretString,
    /// Whether an earlier call took it along: then the vendor may have dropped it since.
    pub was_used_before: bool,
}

struct Kept {
    text: SecretString,
    until: Timestamp,
}

/// Makes or fetches tokens, one at a time.
pub(crate) struct Tokens {
    maker: TokenMaker,
    identity: Identity,
    base: String,
    clock: Arc<dyn Clock>,
    kept: Mutex<Option<Kept>>,
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
struct AuthAnswer {
    token: SecretString,
}

#[derive(Deserialize)]
struct Dated {
    exp: Option<i64>,
}

impl Tokens {
    /// Makes tokens for an identity.
    pub fn new(maker: TokenMaker, identity: Identity, base: &str, clock: Arc<dyn Clock>) -> Self {
        Self { maker, identity, base: base.to_owned(), clock, kept: Mutex::new(None) }
    }

    /// A token that is good for a while yet.
    pub async fn current(&self, transport: &Transport, operation: Operation) -> Result<Token, VendorError> {
        let mut kept = self.kept.lock().await;
        let now = self.clock.now();
        if let Some(Kept { text, until }) = &*kept
            && now < *until
        {
            return Ok(Token { text: text.clone(), was_used_before: true });
        }
        let fresh = match self.maker {
            TokenMaker::Us => self.sign(transport, operation, now)?,
            TokenMaker::Endpoint => self.fetch(transport, operation, now).await?,
        };
        let text = fresh.text.clone();
        *kept = Some(fresh);
        Ok(Token { text, was_used_before: false })
    }

    /// Drops the token: the vendor does not accept it.
    pub async fn forget(&self) {
        *self.kept.lock().await = None;
    }

    fn sign(&self, transport: &Transport, operation: Operation, now: Timestamp) -> Result<Kept, VendorError> {
        let Identity { institution, login, password, partner } = &self.identity;
        let exp = now.as_second() + LIFE.as_secs();
        let claims = Claims { sub: institution, aud: login, iss: partner, iat: now.as_second(), exp };
        let key = EncodingKey::from_secret(password.expose_secret().as_bytes());
        let text = jsonwebtoken::encode(&Header::default(), &claims, &key)
            .map_err(|fault| unwritten(transport.source(), operation, fault.into()))?;
        Ok(Kept { text: text.into(), until: later(now, LIFE - MARGIN) })
    }

    async fn fetch(&self, transport: &Transport, operation: Operation, now: Timestamp) -> Result<Kept, VendorError> {
        // Asking for a token does nothing to an order, but one that serves an order may use the reserved part of the budget.
        let asked_as = if operation.serves_an_order() { Operation::LookUp } else { Operation::Probe };
        let unsent = |error: VendorError| VendorError { operation, effect: Effect::None, ..error };
        let Identity { login, password, partner, .. } = &self.identity;
        let request = AuthRequest { operator: login, partner, secret: password.expose_secret() };
        let url = Url::parse(&format!("{}{AUTH_PATH}", self.base))
            .map_err(|fault| unwritten(transport.source(), operation, fault.into()))?;
        let payload =
            Payload::json(&request).map_err(|fault| unwritten(transport.source(), operation, fault.into()))?;
        let call = Call::new(asked_as, reqwest::Method::POST, url).payload(payload);
        let answer = transport.send(call).await.map_err(unsent)?;
        if !answer.status.is_success() {
            return Err(unsent(refused(&answer)));
        }
        // Not `Answer::json`: its masked sample would still show the shape of a token.
        let token = serde_json::from_slice::<AuthAnswer>(&answer.body)
            .map_err(|_| unsent(answer.error(ErrorKind::Malformed)))?
            .token;
        Ok(Kept { until: end_of(&token, now), text: token })
    }
}

/// Until when a fetched token is used: a little before the end that it names, and never longer than one of ours.
fn end_of(token: &SecretString, now: Timestamp) -> Timestamp {
    let named = jsonwebtoken::dangerous::insecure_decode_claims::<Dated>(token.expose_secret())
        .ok()
        .and_then(|dated| Timestamp::from_second(dated.exp?).ok())
        .and_then(|end| end.checked_sub(MARGIN).ok());
    named.map_or_else(|| later(now, UNDATED), |end| end.min(later(now, LIFE)))
}

fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_add(by).unwrap_or(now)
}
