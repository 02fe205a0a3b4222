//! Generation of API keys.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

const KEY_BYTES: usize = 32;

/// A fresh API key.
pub struct NewKey(SecretString);

impl NewKey {
    /// Draws a key of 256 bits. `None` if the system has no random numbers.
    pub fn generate() -> Option<Self> {
        let mut bytes = [0; KEY_BYTES];
        SystemRandom::new().fill(&mut bytes).ok()?;
        Some(Self(hex::encode(bytes).into()))
    }

    /// Returns the key and the line for a section `[clients.NAME]`, for a terminal. They are never logged.
    pub fn to_lines(&self) -> [String; 2] {
        let key = self.0.expose_secret();
        let hash = hex::encode(Sha256::digest(key.as_bytes()));
        [format!("key: {key}"), format!("key_sha256 = \"{hash}\"")]
    }
}
