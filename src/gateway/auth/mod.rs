//! Authentication: API keys, tokens of an issuer, sessions of people, or anonymous access.

mod issuer;
pub mod session;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::graphql::base::callers::{CallerKind, ConfiguredCaller};
use crate::graphql::base::viewer::{Scope, Viewer};

pub use issuer::{Algorithm, IssuerSettings, KeySetError, KeySetSource, TokenIssuer};
pub use session::{SessionAuth, SessionWatch};

/// An authenticated caller.
#[derive(Debug, Clone)]
pub struct Principal {
    /// Identity and scopes.
    pub viewer: Arc<Viewer>,
    /// Requests per minute; `None`: unlimited.
    pub requests_per_minute: Option<u32>,
    /// Expiry of the token or session; `None` for an API key, which does not expire.
    pub expires_at: Option<Instant>,
    /// Session of a person.
    pub session: Option<SessionWatch>,
}

impl Principal {
    /// Returns the address by which a caller is counted: that of a client without credentials.
    pub(super) fn counted_address<A>(&self, headers: &HeaderMap, peer: A) -> Option<A> {
        (self.session.is_none() && !headers.contains_key(AUTHORIZATION)).then_some(peer)
    }
}

/// Completes when a token expires; never for an API key.
pub async fn wait_for_expiry(expires_at: Option<Instant>) {
    match expires_at {
        Some(expires_at) => tokio::time::sleep_until(expires_at).await,
        None => std::future::pending().await,
    }
}

/// An API key and its owner.
pub struct ApiKey {
    /// SHA-256 of the key; the key itself is not stored.
    pub key_sha256: [u8; 32],
    /// Owner of the key.
    pub principal: Principal,
}

/// Returns scopes in alphabetical order.
fn sorted(scopes: impl Iterator<Item = Scope>) -> Vec<Scope> {
    let mut scopes: Vec<Scope> = scopes.collect();
    scopes.sort_unstable_by_key(|scope| scope.as_str());
    scopes
}

/// Reuses the viewer of an earlier configuration if nothing about it has changed.
fn reuse_viewer(principal: &mut Principal, earlier: Option<&Principal>) {
    if let Some(earlier) = earlier.filter(|earlier| earlier.viewer == principal.viewer) {
        principal.viewer = Arc::clone(&earlier.viewer);
    }
}

/// Authenticates callers.
#[derive(Default)]
pub struct Authenticator {
    /// API keys and their owners.
    pub api_keys: Vec<ApiKey>,
    /// Trusted token issuers.
    pub issuers: Vec<Arc<TokenIssuer>>,
    /// Principal of requests without credentials; `None`: they are rejected.
    pub anonymous: Option<Principal>,
    /// Sessions of people; `None`: nobody signs in.
    pub sessions: Option<SessionAuth>,
}

/// Reason why a caller could not be authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// The request has no credentials, and anonymous access is off.
    #[error("send a key or a token as `Authorization: Bearer …`")]
    MissingCredentials,
    /// The header is not `Bearer` followed by a single token.
    #[error("the Authorization header must be `Bearer` and a key or a token")]
    MalformedHeader,
    /// The key is unknown, or the token is not valid.
    #[error("the key or token is not valid")]
    InvalidCredentials,
    /// The request asks for its session but has no cookie.
    #[error("nobody has signed in")]
    NoSession,
    /// The session was not used for too long, or began too long ago.
    #[error("the session has expired: sign in again")]
    ExpiredSession,
    /// The session was ended, or is one of another deployment.
    #[error("the session has ended: sign in again")]
    UnknownSession,
    /// Another site caused the request with the cookie.
    #[error("a session may only be used by the pages of this service")]
    ForeignOrigin,
    /// The store of the sessions does not respond.
    #[error("sessions cannot be read at the moment")]
    SessionsUnavailable,
}

impl Authenticator {
    /// Authenticates a caller by the `Authorization` header, or else by the cookie of its session.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Principal, AuthError> {
        if let Some(value) = headers.get(AUTHORIZATION) {
            return self.authenticate_header(value.to_str().map_err(|_| AuthError::MalformedHeader)?).await;
        }
        if let Some(sessions) = &self.sessions
            && let Some(caller) = sessions.authenticate(headers).await
        {
            return caller;
        }
        self.anonymous.clone().ok_or(AuthError::MissingCredentials)
    }

    /// Authenticates a WebSocket client that sends no `Authorization`, by the headers of its upgrade request. `uses_session`: its first
    /// message asks for the session of its cookie.
    pub async fn authenticate_socket(&self, upgrade: &HeaderMap, uses_session: bool) -> Result<Principal, AuthError> {
        if let Some(sessions) = self.sessions.as_ref().filter(|_| uses_session) {
            return sessions.authenticate_socket(upgrade).await;
        }
        self.anonymous.clone().ok_or(AuthError::MissingCredentials)
    }

    /// Authenticates a caller by the text of an `Authorization` header, as a WebSocket client sends it in its first
    /// message.
    pub async fn authenticate_header(&self, header: &str) -> Result<Principal, AuthError> {
        let (scheme, credential) = header.trim().split_once(' ').ok_or(AuthError::MalformedHeader)?;
        let credential = credential.trim();
        if !scheme.eq_ignore_ascii_case("bearer") || credential.is_empty() || credential.contains(' ') {
            return Err(AuthError::MalformedHeader);
        }
        if let Some(principal) = self.find_api_key(credential) {
            return Ok(principal);
        }
        // Only credentials in the format of a JWT are passed to the issuers.
        if credential.split('.').count() == 3 {
            for issuer in &self.issuers {
                if let Some(principal) = issuer.authenticate(credential).await {
                    return Ok(principal);
                }
            }
        }
        Err(AuthError::InvalidCredentials)
    }

    /// Lists the configured callers.
    pub fn callers(&self) -> Vec<ConfiguredCaller> {
        let of = |kind, principal: &Principal| {
            let Principal { viewer, requests_per_minute, .. } = principal;
            let scopes = sorted(viewer.scopes.iter().copied());
            let (name, reseller) = (viewer.id.clone(), viewer.reseller.clone());
            ConfiguredCaller { name, kind, reseller, scopes, requests_per_minute: *requests_per_minute }
        };
        let clients = self.api_keys.iter().map(|api_key| of(CallerKind::Client, &api_key.principal));
        let issuers = self.issuers.iter().map(|issuer| issuer.caller());
        clients.chain(issuers).chain(self.anonymous.iter().map(|caller| of(CallerKind::Anonymous, caller))).collect()
    }

    /// Reuses the viewers of an earlier configuration for keys whose owner and scopes did not change.
    #[must_use]
    pub fn reusing_viewers_of(mut self, before: &Self) -> Self {
        for api_key in &mut self.api_keys {
            let earlier = before.api_keys.iter().find(|earlier| earlier.key_sha256 == api_key.key_sha256);
            reuse_viewer(&mut api_key.principal, earlier.map(|earlier| &earlier.principal));
        }
        if let Some(anonymous) = &mut self.anonymous {
            reuse_viewer(anonymous, before.anonymous.as_ref());
        }
        self
    }

    /// Returns true if a principal is still accepted. A token remains accepted until it expires.
    pub fn is_still_valid(&self, principal: &Principal) -> bool {
        if let Some(session) = &principal.session {
            return self.sessions.as_ref().is_some_and(|sessions| sessions.accepts(session.access()));
        }
        let is_it = |earlier: &Principal| Arc::ptr_eq(&earlier.viewer, &principal.viewer);
        principal.expires_at.is_some()
            || self.api_keys.iter().any(|api_key| is_it(&api_key.principal))
            || self.anonymous.as_ref().is_some_and(is_it)
    }

    /// Compares the key with every known key in constant time, so that response times reveal nothing about it.
    fn find_api_key(&self, key: &str) -> Option<Principal> {
        let presented = Sha256::digest(key.as_bytes());
        let mut found = None;
        for api_key in &self.api_keys {
            if aws_lc_rs::constant_time::verify_slices_are_equal(&presented, &api_key.key_sha256).is_ok() {
                found = Some(api_key.principal.clone());
            }
        }
        found
    }
}
