//! A sign-in between the browser's way to the provider and its return.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

/// Longest text of a sign-in that has begun, in bytes.
const MAX_BYTES: usize = 512;

/// A sign-in that a browser has begun, held in a cookie of that browser until it returns. Nothing is stored here meanwhile, so
/// strangers who begin sign-ins cost no memory. `Debug` does not show the values.
pub struct PendingSignIn {
    /// `state`: the return belongs to this browser.
    pub(crate) state: SecretString,
    /// `nonce`: the ID token belongs to this sign-in.
    pub(crate) nonce: SecretString,
    /// PKCE verifier: the code belongs to this sign-in.
    pub(crate) verifier: SecretString,
}

impl fmt::Debug for PendingSignIn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("PendingSignIn([REDACTED])")
    }
}

impl PendingSignIn {
    /// Returns the text for the cookie: three texts of base64url.
    pub fn to_text(&self) -> String {
        [&self.state, &self.nonce, &self.verifier].map(|text| text.expose_secret().to_owned()).join(".")
    }

    /// Parses the text of a cookie.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let parts: Vec<&str> = text.split('.').filter(|part| !part.is_empty()).collect();
        let [state, nonce, verifier] = parts.try_into().ok()?;
        Some(Self { state: state.into(), nonce: nonce.into(), verifier: verifier.into() })
    }
}
