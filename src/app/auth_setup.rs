//! Builds the authenticator from the configuration.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::app::sign_in_setup::session_auth;
use crate::config::{Config, IssuerConfig, KeySetLocation, SignatureAlgorithm};
use crate::gateway::auth::{
    Algorithm, ApiKey, Authenticator, IssuerSettings, KeySetError, KeySetSource, Principal, TokenIssuer,
};
use crate::gateway::sign_in::SignIn;
use crate::graphql::{ANONYMOUS, Scope, Viewer};

/// Time for an issuer to return its keys.
const KEY_SET_TIMEOUT: Duration = Duration::from_secs(5);

/// Builds the authenticator.
pub(super) fn authenticator(config: &Config, client: &reqwest::Client, sign_in: Option<&Arc<SignIn>>) -> Authenticator {
    let api_keys = config.clients.iter().map(|(name, settings)| ApiKey {
        key_sha256: settings.key.sha256,
        principal: Principal {
            viewer: viewer(name, settings.reseller.clone(), &settings.scopes),
            requests_per_minute: settings.requests_per_minute.map(Into::into),
            expires_at: None,
            session: None,
        },
    });
    let anonymous = config.auth.anonymous.as_ref().map(|settings| Principal {
        viewer: viewer(ANONYMOUS, None, &settings.scopes),
        requests_per_minute: Some(settings.requests_per_minute.into()),
        expires_at: None,
        session: None,
    });
    let issuers = config.auth.issuers.iter().map(|(name, settings)| Arc::new(token_issuer(name, settings, client)));
    let issuers = issuers.collect();
    Authenticator { api_keys: api_keys.collect(), issuers, anonymous, sessions: session_auth(config, sign_in) }
}

/// Builds the authenticator of a reloaded configuration. Viewers that did not change are reused, and so are fetched
/// issuer keys if the issuers did not change.
pub(super) fn renewed_authenticator(
    config: &Config,
    client: &reqwest::Client,
    previous: &Config,
    (current, sign_in): (&Authenticator, Option<&Arc<SignIn>>),
) -> Authenticator {
    let mut authenticator = authenticator(config, client, sign_in).reusing_viewers_of(current);
    if format!("{:?}", previous.auth.issuers) == format!("{:?}", config.auth.issuers) {
        authenticator.issuers.clone_from(&current.issuers);
    }
    authenticator
}

fn viewer<'a>(name: &str, reseller: Option<String>, scopes: impl IntoIterator<Item = &'a Scope>) -> Arc<Viewer> {
    let scopes: HashSet<Scope> = scopes.into_iter().copied().collect();
    Arc::new(Viewer { id: name.to_owned(), name: name.to_owned(), reseller, scopes })
}

/// Fetches the keys of an issuer, and returns how many fit its algorithms.
pub(super) async fn read_keys(
    name: &str,
    settings: &IssuerConfig,
    client: &reqwest::Client,
) -> Result<usize, KeySetError> {
    token_issuer(name, settings, client).count_keys().await
}

fn token_issuer(name: &str, settings: &IssuerConfig, client: &reqwest::Client) -> TokenIssuer {
    let settings_of_issuer = IssuerSettings {
        name: name.to_owned(),
        issuer: settings.issuer.clone(),
        audience: settings.audience.clone(),
        algorithms: settings.algorithms.iter().map(|algorithm| jwt_algorithm(*algorithm)).collect(),
        scopes: settings.scopes.iter().copied().collect(),
        allows_all_resellers: settings.allow_all_resellers,
        requests_per_minute: settings.requests_per_minute.map(Into::into),
    };
    let source: Box<dyn KeySetSource> = match &settings.keys {
        KeySetLocation::Url(url) => Box::new(HttpKeySet { client: client.clone(), url: url.clone() }),
        KeySetLocation::File(path) => Box::new(FileKeySet(path.clone())),
    };
    TokenIssuer::new(settings_of_issuer, source)
}

fn jwt_algorithm(algorithm: SignatureAlgorithm) -> Algorithm {
    match algorithm {
        SignatureAlgorithm::Rs256 => Algorithm::RS256,
        SignatureAlgorithm::Rs384 => Algorithm::RS384,
        SignatureAlgorithm::Rs512 => Algorithm::RS512,
        SignatureAlgorithm::Ps256 => Algorithm::PS256,
        SignatureAlgorithm::Ps384 => Algorithm::PS384,
        SignatureAlgorithm::Ps512 => Algorithm::PS512,
        SignatureAlgorithm::Es256 => Algorithm::ES256,
        SignatureAlgorithm::Es384 => Algorithm::ES384,
        SignatureAlgorithm::EdDsa => Algorithm::EdDSA,
    }
}

struct HttpKeySet {
    client: reqwest::Client,
    url: url::Url,
}

#[async_trait]
impl KeySetSource for HttpKeySet {
    async fn fetch(&self) -> Result<Vec<u8>, KeySetError> {
        let wrap = |error: reqwest::Error| KeySetError(error.without_url().to_string());
        let answer = self.client.get(self.url.clone()).timeout(KEY_SET_TIMEOUT).send().await.map_err(wrap)?;
        Ok(answer.error_for_status().map_err(wrap)?.bytes().await.map_err(wrap)?.to_vec())
    }
}

struct FileKeySet(PathBuf);

#[async_trait]
impl KeySetSource for FileKeySet {
    async fn fetch(&self) -> Result<Vec<u8>, KeySetError> {
        tokio::fs::read(&self.0).await.map_err(|error| KeySetError(error.to_string()))
    }
}
