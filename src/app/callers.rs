//! Callers of the API, out of the configuration.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::config::{Algorithm as Configured, Config, Issuer as IssuerConfig, KeySet, Scope as ScopeConfig};
use crate::gateway::callers::{Algorithm, Caller, Callers, Issuer, IssuerSettings, KeyHolder, KeySource, UnusableKeys};
use crate::graphql::{Scope, Viewer};

/// How long an issuer may take to send its keys.
const KEYS_TIMEOUT: Duration = Duration::from_secs(5);

/// Everybody who may ask.
pub fn callers(config: &Config, client: &reqwest::Client) -> Callers {
    let keys = config.clients.iter().map(|(name, settings)| KeyHolder {
        key_sha256: settings.key.sha256,
        caller: Caller {
            viewer: viewer(name, settings.reseller.clone(), &settings.scopes),
            per_minute: settings.requests_per_minute.map(Into::into),
            until: None,
        },
    });
    let anonymous = config.auth.anonymous.as_ref().map(|settings| Caller {
        viewer: viewer("anonymous", None, &settings.scopes),
        per_minute: Some(settings.requests_per_minute.into()),
        until: None,
    });
    let issuers = config.auth.issuers.values().map(|settings| Arc::new(issuer(settings, client))).collect();
    Callers { keys: keys.collect(), issuers, anonymous }
}

/// Everybody who may ask from now on. Who is known already, and may do the same, stays the same; so do the keys of issuers that
/// were fetched, where nothing was said otherwise.
pub fn renewed(config: &Config, client: &reqwest::Client, (before, known): (&Config, &Callers)) -> Callers {
    let mut all = callers(config, client).keeping(known);
    if format!("{:?}", before.auth.issuers) == format!("{:?}", config.auth.issuers) {
        all.issuers.clone_from(&known.issuers);
    }
    all
}

fn viewer<'a>(name: &str, reseller: Option<String>, scopes: impl IntoIterator<Item = &'a ScopeConfig>) -> Arc<Viewer> {
    let scopes: HashSet<Scope> = scopes.into_iter().filter_map(|scope| scope.name().parse().ok()).collect();
    Arc::new(Viewer { id: name.to_owned(), name: name.to_owned(), reseller, scopes })
}

fn issuer(settings: &IssuerConfig, client: &reqwest::Client) -> Issuer {
    let rules = IssuerSettings {
        issuer: settings.issuer.clone(),
        audience: settings.audience.clone(),
        algorithms: settings.algorithms.iter().map(|algorithm| named(*algorithm)).collect(),
        per_minute: settings.requests_per_minute.map(Into::into),
    };
    let source: Box<dyn KeySource> = match &settings.keys {
        KeySet::Url(url) => Box::new(Fetched { client: client.clone(), url: url.clone() }),
        KeySet::File(path) => Box::new(Kept(path.clone())),
    };
    Issuer::new(rules, source)
}

fn named(algorithm: Configured) -> Algorithm {
    match algorithm {
        Configured::Rs256 => Algorithm::RS256,
        Configured::Rs384 => Algorithm::RS384,
        Configured::Rs512 => Algorithm::RS512,
        Configured::Ps256 => Algorithm::PS256,
        Configured::Ps384 => Algorithm::PS384,
        Configured::Ps512 => Algorithm::PS512,
        Configured::Es256 => Algorithm::ES256,
        Configured::Es384 => Algorithm::ES384,
        Configured::EdDsa => Algorithm::EdDSA,
    }
}

struct Fetched {
    client: reqwest::Client,
    url: url::Url,
}

#[async_trait]
impl KeySource for Fetched {
    async fn fetch(&self) -> Result<Vec<u8>, UnusableKeys> {
        let told = |fault: reqwest::Error| UnusableKeys(fault.without_url().to_string());
        let answer = self.client.get(self.url.clone()).timeout(KEYS_TIMEOUT).send().await.map_err(told)?;
        Ok(answer.error_for_status().map_err(told)?.bytes().await.map_err(told)?.to_vec())
    }
}

struct Kept(PathBuf);

#[async_trait]
impl KeySource for Kept {
    async fn fetch(&self) -> Result<Vec<u8>, UnusableKeys> {
        tokio::fs::read(&self.0).await.map_err(|fault| UnusableKeys(fault.to_string()))
    }
}
