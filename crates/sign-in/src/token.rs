//! Tokens of sessions: random, and known to the store by their hash only.

use std::fmt;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::StoreError;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

const TOKEN_BYTES: usize = 32;

/// The token of a session, which its browser holds in a cookie. `Debug` does not show it.
#[derive(Debug, Clone)]
pub struct SessionToken(SecretString);

/// SHA-256 of a token: the key of a session in the store. A reader of the store cannot sign in with it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId(pub [u8; 32]);

impl fmt::Debug for SessionId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SessionId([REDACTED])")
    }
}

impl SessionToken {
    /// Draws a token of 256 bits.
    ///
    /// # Errors
    ///
    /// The system has no random numbers.
    pub(crate) fn generate() -> Result<Self, StoreError> {
        let mut bytes = [0; TOKEN_BYTES];
        let failed = |_| StoreError::Failed("the system has no random numbers".into());
        SystemRandom::new().fill(&mut bytes).map_err(failed)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes).into()))
    }

    /// Parses the text of a cookie. `None` if it cannot be a token, so that the store is not asked.
    pub fn parse(text: &str) -> Option<Self> {
        let is_token = URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == TOKEN_BYTES);
        is_token.then(|| Self(text.into()))
    }

    /// Returns the text for the cookie.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Returns the key of the session in the store.
    pub fn id(&self) -> SessionId {
        SessionId(Sha256::digest(self.expose().as_bytes()).into())
    }
}
