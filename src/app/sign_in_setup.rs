//! Builds the sign-in of people from the configuration.

use std::sync::Arc;
use std::time::Duration;

use orders::periodic::every;
use sign_in::{Provider, ProviderSettings, SessionLimits, SessionStore, Sessions};
use tokio_util::sync::CancellationToken;

use crate::config::{Config, SignInConfig};
use crate::gateway::auth::SessionAuth;
use crate::gateway::sign_in::SignIn;
use crate::gateway::sign_in::cookies::Cookies;
use domain::Clock;

/// Time between two deletions of expired sessions.
const CLEANUP_INTERVAL: Duration = Duration::from_secs(15 * 60);

/// Builds the sign-in, if it is configured.
pub(super) fn sign_in(
    config: &Config,
    store: &Arc<dyn SessionStore>,
    client: &reqwest::Client,
    clock: &Arc<dyn Clock>,
) -> Option<Arc<SignIn>> {
    let settings = config.sign_in.as_ref()?;
    let limits = SessionLimits {
        idle_timeout: settings.idle_timeout,
        lifetime: settings.lifetime,
        per_user: settings.sessions_per_user.into(),
    };
    Some(Arc::new(SignIn {
        provider: provider(settings, client, clock),
        provider_name: settings.provider_name.clone(),
        roles_claim: settings.roles_claim.clone(),
        rules: settings.roles.clone(),
        sessions: Arc::new(Sessions::new(Arc::clone(store), Arc::clone(clock), limits, settings.issuer.clone())),
        cookies: Cookies { is_secure: settings.public_url.scheme() == "https" },
        requests_per_minute_and_address: settings.requests_per_minute_and_address.map(Into::into),
    }))
}

/// Builds the provider of a configuration.
pub(super) fn provider(settings: &SignInConfig, client: &reqwest::Client, clock: &Arc<dyn Clock>) -> Provider {
    let settings = ProviderSettings {
        issuer: settings.issuer.clone(),
        client_id: settings.client_id.clone(),
        client_secret: settings.client_secret.clone(),
        redirect_url: settings.redirect_url(),
        scopes: settings.scopes.clone(),
        roles_claim: settings.roles_claim.clone(),
        timeout: settings.timeout,
        in_flight: settings.in_flight.get(),
    };
    Provider::new(settings, client.clone(), Arc::clone(clock))
}

/// Returns the authentication by session for a configuration. A changed `[sign_in]` needs a restart; removed resellers lose access at
/// once.
pub(super) fn session_auth(config: &Config, sign_in: Option<&Arc<SignIn>>) -> Option<SessionAuth> {
    let (settings, sign_in) = (config.sign_in.as_ref()?, sign_in?);
    Some(SessionAuth {
        sessions: Arc::clone(&sign_in.sessions),
        cookies: sign_in.cookies,
        origin: settings.public_url.origin().ascii_serialization(),
        resellers: config.resellers.keys().cloned().collect(),
        rules: sign_in.rules.clone(),
        requests_per_minute: settings.requests_per_minute.map(Into::into),
    })
}

/// Deletes expired sessions until the service stops.
pub(super) async fn delete_expired_sessions(sessions: Arc<Sessions>, stop: CancellationToken) {
    let delete = || async {
        match sessions.delete_expired().await {
            Ok(0) => {}
            Ok(deleted) => tracing::debug!(deleted, "expired sessions were deleted"),
            Err(error) => tracing::warn!(%error, "expired sessions could not be deleted"),
        }
    };
    every(CLEANUP_INTERVAL, stop, delete).await;
}
