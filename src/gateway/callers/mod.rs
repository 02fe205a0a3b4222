//! Who is asking: API keys, tokens of an issuer, or nobody.

mod issuer;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::graphql::viewer::Viewer;

pub use issuer::{Algorithm, Issuer, IssuerSettings, KeySource, UnusableKeys};

/// Somebody who may ask.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who it is, and what it may do.
    pub viewer: Arc<Viewer>,
    /// Requests that it may send in a minute; `None`: any number.
    pub per_minute: Option<u32>,
    /// When its token is no longer valid; `None`: a key, which stays.
    pub until: Option<Instant>,
}

/// Ends when a token is no longer valid; never for a key.
pub async fn expired(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// A caller with an API key.
pub struct KeyHolder {
    /// SHA-256 of the key; the key itself is nowhere.
    pub key_sha256: [u8; 32],
    /// Whose key it is.
    pub caller: Caller,
}

/// Takes over who was known, where nothing about it is different.
fn keep(caller: &mut Caller, known: Option<&Caller>) {
    if let Some(known) = known.filter(|known| known.viewer == caller.viewer) {
        caller.viewer = Arc::clone(&known.viewer);
    }
}

/// Everybody who may ask.
#[derive(Default)]
pub struct Callers {
    /// Callers with API keys.
    pub keys: Vec<KeyHolder>,
    /// Issuers whose tokens are believed.
    pub issuers: Vec<Arc<Issuer>>,
    /// What somebody without credentials may do; `None`: nothing.
    pub anonymous: Option<Caller>,
}

/// Why nobody was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stranger {
    /// No credentials, and anonymous access is off.
    #[error("send a key or a token as `Authorization: Bearer …`")]
    Anonymous,
    /// The header is not `Bearer` followed by one word.
    #[error("the Authorization header must be `Bearer` and a key or a token")]
    Unreadable,
    /// The key is unknown, or the token is not valid here and now.
    #[error("the key or token is not valid")]
    Unknown,
}

impl Callers {
    /// Recognises a caller by the `Authorization` header.
    pub async fn recognise(&self, headers: &HeaderMap) -> Result<Caller, Stranger> {
        match headers.get(AUTHORIZATION) {
            None => self.anonymous.clone().ok_or(Stranger::Anonymous),
            Some(value) => self.recognise_text(value.to_str().map_err(|_| Stranger::Unreadable)?).await,
        }
    }

    /// The same for the text of a header, as the first message of a WebSocket carries it.
    pub async fn recognise_text(&self, header: &str) -> Result<Caller, Stranger> {
        let (scheme, credential) = header.trim().split_once(' ').ok_or(Stranger::Unreadable)?;
        let credential = credential.trim();
        if !scheme.eq_ignore_ascii_case("bearer") || credential.is_empty() || credential.contains(' ') {
            return Err(Stranger::Unreadable);
        }
        if let Some(caller) = self.by_key(credential) {
            return Ok(caller);
        }
        // Only what has the shape of a token goes to the issuers.
        if credential.split('.').count() == 3 {
            for issuer in &self.issuers {
                if let Some(caller) = issuer.recognise(credential).await {
                    return Ok(caller);
                }
            }
        }
        Err(Stranger::Unknown)
    }

    /// The same, but whoever was known before with this key, and may do the same, is the same one.
    #[must_use]
    pub fn keeping(mut self, before: &Self) -> Self {
        for holder in &mut self.keys {
            let known = before.keys.iter().find(|known| known.key_sha256 == holder.key_sha256);
            keep(&mut holder.caller, known.map(|known| &known.caller));
        }
        if let Some(anonymous) = &mut self.anonymous {
            keep(anonymous, before.anonymous.as_ref());
        }
        self
    }

    /// Whether somebody who was recognised earlier may still ask. A token holds until it ends.
    pub fn knows(&self, caller: &Caller) -> bool {
        let is_it = |known: &Caller| Arc::ptr_eq(&known.viewer, &caller.viewer);
        caller.until.is_some()
            || self.keys.iter().any(|holder| is_it(&holder.caller))
            || self.anonymous.as_ref().is_some_and(is_it)
    }

    /// Compares with every key in constant time: how long it takes tells nothing about how close a guess was.
    fn by_key(&self, key: &str) -> Option<Caller> {
        let presented = Sha256::digest(key.as_bytes());
        let mut found = None;
        for holder in &self.keys {
            if aws_lc_rs::constant_time::verify_slices_are_equal(&presented, &holder.key_sha256).is_ok() {
                found = Some(holder.caller.clone());
            }
        }
        found
    }
}
