//! JSON web tokens of an issuer. Its keys are fetched on first use, cached, and fetched again when they rotate.

use std::collections::HashSet;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{DecodingKey, TokenData, Validation, decode, decode_header};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::gateway::auth::{Principal, sorted};
use crate::graphql::base::callers::{CallerKind, ConfiguredCaller};
use crate::graphql::base::viewer::{Scope, Viewer};

pub use jsonwebtoken::Algorithm;

/// Time that fetched keys are used.
const KEY_SET_TTL: Duration = Duration::from_secs(3600);
/// Shortest time between two fetches, so that unknown key ids cannot be used to flood the issuer with requests.
const MIN_FETCH_INTERVAL: Duration = Duration::from_secs(30);
/// Accepted clock difference to the issuer, in seconds.
const CLOCK_LEEWAY: u64 = 30;
/// Longest subject, in bytes: counters and orders are kept by it.
const MAX_SUBJECT_BYTES: usize = 255;
/// Longest session with one token, in seconds.
const MAX_TOKEN_LIFETIME: u64 = 30 * 24 * 3600;

/// Source of an issuer's key set: a file or a URL.
#[async_trait]
pub trait KeySetSource: Send + Sync {
    /// Fetches the key set as JSON (RFC 7517).
    async fn fetch(&self) -> Result<Vec<u8>, KeySetError>;
}

/// The key set of an issuer could not be fetched or parsed.
#[derive(Debug, thiserror::Error)]
#[error("the keys of the issuer cannot be used: {0}")]
pub struct KeySetError(pub String);

/// Claims and algorithms that a token must have.
pub struct IssuerSettings {
    /// Name in the configuration. Subjects are known as `name:subject`, so that they never share an identity with a
    /// client, whose name has no colon, or with a subject of another issuer.
    pub name: String,
    /// Expected `iss`.
    pub issuer: String,
    /// Expected value in `aud`.
    pub audience: String,
    /// Accepted algorithms. The `alg` header of a token never adds to them.
    pub algorithms: Vec<Algorithm>,
    /// Scopes that tokens may grant; all others in a token grant nothing.
    pub scopes: HashSet<Scope>,
    /// Accepts tokens without the claim `reseller`, which see the data of all resellers.
    pub allows_all_resellers: bool,
    /// Requests per minute for each subject; `None`: unlimited.
    pub requests_per_minute: Option<u32>,
}

/// A trusted token issuer.
pub struct TokenIssuer {
    settings: IssuerSettings,
    source: Box<dyn KeySetSource>,
    key_set: ArcSwapOption<(Instant, JwkSet)>,
    last_fetch: Mutex<Option<Instant>>,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    reseller: Option<String>,
}

impl TokenIssuer {
    /// Creates an issuer; its keys are fetched when the first token arrives.
    pub fn new(settings: IssuerSettings, source: Box<dyn KeySetSource>) -> Self {
        Self { settings, source, key_set: ArcSwapOption::empty(), last_fetch: Mutex::new(None) }
    }

    /// Returns the caller that all its subjects are counted as.
    pub fn caller(&self) -> ConfiguredCaller {
        ConfiguredCaller {
            name: self.settings.name.clone(),
            kind: CallerKind::TokenIssuer,
            reseller: None,
            scopes: sorted(self.settings.scopes.iter().copied()),
            requests_per_minute: self.settings.requests_per_minute,
        }
    }

    /// Verifies a token and returns its principal, or `None` if the token is not valid.
    pub async fn authenticate(&self, token: &str) -> Option<Principal> {
        let header = decode_header(token).ok()?;
        // No critical extension is understood (RFC 7515 §4.1.11).
        if !self.settings.algorithms.contains(&header.alg) || header.crit.is_some() {
            return None;
        }
        let kid = header.kid.as_deref();
        let claims = match self.cached_key(kid, header.alg) {
            Some(key) => self.verified_claims(token, &key, header.alg)?,
            None => {
                self.refresh_keys().await;
                self.verified_claims(token, &self.cached_key(kid, header.alg)?, header.alg)?
            }
        };
        if !(1..=MAX_SUBJECT_BYTES).contains(&claims.sub.len()) {
            return None;
        }
        let reseller = claims.reseller.filter(|reseller| !reseller.is_empty());
        if reseller.is_none() && !self.settings.allows_all_resellers {
            return None;
        }
        let names = claims.scope.split_whitespace().map(str::to_owned).chain(claims.scopes);
        let scopes: HashSet<Scope> = names.filter_map(|name| name.parse().ok()).collect();
        let scopes = scopes.intersection(&self.settings.scopes).copied().collect();
        let remaining = claims.exp.saturating_add(CLOCK_LEEWAY).saturating_sub(jsonwebtoken::get_current_timestamp());
        let viewer =
            Viewer { id: format!("{}:{}", self.settings.name, claims.sub), name: claims.sub, reseller, scopes };
        Some(Principal {
            viewer: std::sync::Arc::new(viewer),
            requests_per_minute: self.settings.requests_per_minute,
            expires_at: Some(Instant::now() + Duration::from_secs(remaining.min(MAX_TOKEN_LIFETIME))),
            session: None,
        })
    }

    fn verified_claims(&self, token: &str, key: &Jwk, algorithm: Algorithm) -> Option<Claims> {
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[&self.settings.issuer]);
        validation.set_audience(&[&self.settings.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.validate_nbf = true;
        validation.leeway = CLOCK_LEEWAY;
        let parsed: TokenData<Claims> = decode(token, &DecodingKey::from_jwk(key).ok()?, &validation).ok()?;
        Some(parsed.claims)
    }

    /// Finds a cached key by the token's key id, if it has one, and by the key type of the algorithm.
    fn cached_key(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<Jwk> {
        let cached = self.key_set.load_full()?;
        let (fetched, set) = cached.as_ref();
        if fetched.elapsed() > KEY_SET_TTL {
            return None;
        }
        set.keys
            .iter()
            .find(|key| {
                kid.is_none_or(|kid| key.common.key_id.as_deref() == Some(kid)) && is_usable_with(key, algorithm)
            })
            .cloned()
    }

    /// Fetches the keys, and returns how many fit the algorithms of the issuer.
    pub async fn count_keys(&self) -> Result<usize, KeySetError> {
        let set = self.fetch_keys().await?;
        let fits = |key: &&Jwk| self.settings.algorithms.iter().any(|algorithm| is_usable_with(key, *algorithm));
        Ok(set.keys.iter().filter(fits).count())
    }

    async fn fetch_keys(&self) -> Result<JwkSet, KeySetError> {
        let bytes = self.source.fetch().await?;
        serde_json::from_slice(&bytes).map_err(|error| KeySetError(error.to_string()))
    }

    async fn refresh_keys(&self) {
        let mut last = self.last_fetch.lock().await;
        if last.is_some_and(|last| last.elapsed() < MIN_FETCH_INTERVAL) {
            return;
        }
        *last = Some(Instant::now());
        match self.fetch_keys().await {
            Ok(set) => self.key_set.store(Some(std::sync::Arc::new((Instant::now(), set)))),
            Err(error) => tracing::error!(issuer = self.settings.issuer, %error, "tokens of this issuer are rejected"),
        }
    }
}

/// Returns true if a key is one for signatures and fits an algorithm. A public key is never used as the secret of an
/// HMAC.
fn is_usable_with(key: &Jwk, algorithm: Algorithm) -> bool {
    if key.common.public_key_use.as_ref().is_some_and(|purpose| *purpose != PublicKeyUse::Signature) {
        return false;
    }
    let right_kind = matches!(
        (&key.algorithm, algorithm),
        (AlgorithmParameters::OctetKey(_), Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512)
            | (AlgorithmParameters::EllipticCurve(_), Algorithm::ES256 | Algorithm::ES384)
            | (AlgorithmParameters::OctetKeyPair(_), Algorithm::EdDSA)
            | (
                AlgorithmParameters::RSA(_),
                Algorithm::RS256
                    | Algorithm::RS384
                    | Algorithm::RS512
                    | Algorithm::PS256
                    | Algorithm::PS384
                    | Algorithm::PS512,
            )
    );
    let named =
        key.common.key_algorithm.is_none_or(|named: KeyAlgorithm| format!("{named:?}") == format!("{algorithm:?}"));
    right_kind && named
}
