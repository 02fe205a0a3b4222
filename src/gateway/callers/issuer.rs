//! Tokens (JWT) of an issuer: its keys are fetched, kept, and fetched anew when they rotate.

use std::collections::HashSet;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm};
use jsonwebtoken::{DecodingKey, TokenData, Validation, decode, decode_header};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::gateway::callers::Caller;
use crate::graphql::viewer::{Scope, Viewer};

pub use jsonwebtoken::Algorithm;

/// How long fetched keys are believed.
const KEPT: Duration = Duration::from_secs(3600);
/// How often an unknown key id may make us fetch again: a stranger cannot make us hammer the issuer.
const FETCH_GAP: Duration = Duration::from_secs(30);
/// Seconds that the clocks of an issuer and ours may differ.
const LEEWAY: u64 = 30;
/// Seconds after which any connection must show a token anew.
const LONGEST: u64 = 30 * 24 * 3600;

/// Where the keys of an issuer come from: a file or an address.
#[async_trait]
pub trait KeySource: Send + Sync {
    /// The key set as JSON (RFC 7517).
    async fn fetch(&self) -> Result<Vec<u8>, UnusableKeys>;
}

/// The keys of an issuer could not be had, or not be read.
#[derive(Debug, thiserror::Error)]
#[error("the keys of the issuer cannot be used: {0}")]
pub struct UnusableKeys(pub String);

/// What a token must say to be believed.
pub struct IssuerSettings {
    /// `iss`.
    pub issuer: String,
    /// One of `aud`.
    pub audience: String,
    /// The algorithms that are accepted, never the one that the token asks for.
    pub algorithms: Vec<Algorithm>,
    /// Requests that each of its subjects may send in a minute; `None`: any number.
    pub per_minute: Option<u32>,
}

/// One issuer.
pub struct Issuer {
    settings: IssuerSettings,
    source: Box<dyn KeySource>,
    keys: ArcSwapOption<(Instant, JwkSet)>,
    fetching: Mutex<Option<Instant>>,
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

impl Issuer {
    /// An issuer whose keys are fetched when the first token comes.
    pub fn new(settings: IssuerSettings, source: Box<dyn KeySource>) -> Self {
        Self { settings, source, keys: ArcSwapOption::empty(), fetching: Mutex::new(None) }
    }

    /// Who the bearer of a token is; `None` where the token is not to be believed.
    pub async fn recognise(&self, token: &str) -> Option<Caller> {
        let header = decode_header(token).ok()?;
        if !self.settings.algorithms.contains(&header.alg) {
            return None;
        }
        let kid = header.kid.as_deref();
        let claims = match self.known_key(kid, header.alg) {
            Some(key) => self.claims(token, &key, header.alg)?,
            None => {
                self.fetch().await;
                self.claims(token, &self.known_key(kid, header.alg)?, header.alg)?
            }
        };
        let names = claims.scope.split_whitespace().map(str::to_owned).chain(claims.scopes);
        // A scope that we do not know allows nothing here.
        let scopes: HashSet<Scope> = names.filter_map(|name| name.parse().ok()).collect();
        let left = claims.exp.saturating_add(LEEWAY).saturating_sub(jsonwebtoken::get_current_timestamp());
        let viewer = Viewer { id: claims.sub.clone(), name: claims.sub, reseller: claims.reseller, scopes };
        Some(Caller {
            viewer: std::sync::Arc::new(viewer),
            per_minute: self.settings.per_minute,
            until: Some(Instant::now() + Duration::from_secs(left.min(LONGEST))),
        })
    }

    fn claims(&self, token: &str, key: &Jwk, algorithm: Algorithm) -> Option<Claims> {
        let mut rules = Validation::new(algorithm);
        rules.set_issuer(&[&self.settings.issuer]);
        rules.set_audience(&[&self.settings.audience]);
        rules.set_required_spec_claims(&["exp", "iss", "aud"]);
        rules.validate_nbf = true;
        rules.leeway = LEEWAY;
        let read: TokenData<Claims> = decode(token, &DecodingKey::from_jwk(key).ok()?, &rules).ok()?;
        Some(read.claims)
    }

    /// A kept key that fits: the id where the token names one, and the kind of key that the algorithm needs.
    fn known_key(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<Jwk> {
        let kept = self.keys.load_full()?;
        let (fetched, set) = kept.as_ref();
        if fetched.elapsed() > KEPT {
            return None;
        }
        set.keys
            .iter()
            .find(|key| kid.is_none_or(|kid| key.common.key_id.as_deref() == Some(kid)) && fits(key, algorithm))
            .cloned()
    }

    async fn fetch(&self) {
        let mut last = self.fetching.lock().await;
        if last.is_some_and(|last| last.elapsed() < FETCH_GAP) {
            return;
        }
        *last = Some(Instant::now());
        let read = match self.source.fetch().await {
            Ok(bytes) => serde_json::from_slice::<JwkSet>(&bytes).map_err(|fault| UnusableKeys(fault.to_string())),
            Err(fault) => Err(fault),
        };
        match read {
            Ok(set) => self.keys.store(Some(std::sync::Arc::new((Instant::now(), set)))),
            Err(fault) => tracing::error!(issuer = self.settings.issuer, %fault, "tokens of this issuer are refused"),
        }
    }
}

/// Whether a key may be used with an algorithm. A public key is never taken for the secret of an HMAC.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
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
