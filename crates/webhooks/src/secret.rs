//! Keys of signatures, and the signatures of Standard Webhooks: `v1` with HMAC-SHA-256, `v1a` with Ed25519.

use std::fmt;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use standardwebhooks::Webhook as HmacSigner;

use crate::webhook::WebhookSignature;

/// Prefix of a shared secret.
const SHARED: &str = "whsec_";
/// Prefix of a private key.
const PRIVATE: &str = "whsk_";
/// Prefix of a public key.
const PUBLIC: &str = "whpk_";
/// Bytes of a new secret.
const NEW_SECRET_BYTES: usize = 32;
/// Fewest bytes of a shared secret (Standard Webhooks, "Signature scheme").
const MIN_SECRET_BYTES: usize = 24;
/// Most bytes of a shared secret (Standard Webhooks, "Signature scheme").
const MAX_SECRET_BYTES: usize = 64;
/// Bytes of the seed of a private key (RFC 8032).
const SEED_BYTES: usize = 32;

/// Error of creating a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The text is not a secret of 24 to 64 bytes in base64, or not a private key.
    #[error("not a secret of 24 to 64 bytes in base64")]
    Invalid,
    /// The random generator of the system failed.
    #[error("no random bytes")]
    Random,
}

/// Returns true for a shared secret: base64, with or without `whsec_`, of 24 to 64 bytes as Standard Webhooks requires.
pub fn is_webhook_secret(text: &str) -> bool {
    SharedSecret::parse(text).is_ok()
}

/// Shared secret of `v1` signatures.
#[derive(Clone)]
pub struct SharedSecret(SecretString);

impl SharedSecret {
    /// Parses a secret, with or without `whsec_`.
    ///
    /// # Errors
    ///
    /// It is not base64, or has less than 24 or more than 64 bytes.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let digits = text.strip_prefix(SHARED).unwrap_or(text);
        let length = STANDARD.decode(digits).map_err(|_| SecretError::Invalid)?.len();
        let is_valid = (MIN_SECRET_BYTES..=MAX_SECRET_BYTES).contains(&length);
        if is_valid { Ok(Self(SecretString::from(format!("{SHARED}{digits}")))) } else { Err(SecretError::Invalid) }
    }

    /// Signs a message as `v1,…`. Returns `None` if the body is not text.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> Option<String> {
        HmacSigner::new(self.0.expose_secret()).ok()?.sign(id, timestamp, body).ok()
    }
}

/// A key of signatures.
#[derive(Clone)]
pub enum SigningKey {
    /// Shared secret.
    Shared(SharedSecret),
    /// Seed of a private key of Ed25519, in base64.
    Private(SecretString),
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Shared(_) => "shared secret",
            Self::Private(_) => "private key",
        })
    }
}

/// Fills a text with random bytes in base64.
pub(crate) fn random_text() -> Result<String, SecretError> {
    let mut bytes = [0; NEW_SECRET_BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|_| SecretError::Random)?;
    Ok(STANDARD.encode(bytes))
}

impl SigningKey {
    /// Generates a key.
    ///
    /// # Errors
    ///
    /// The system has no random bytes.
    pub fn generate(scheme: WebhookSignature) -> Result<Self, SecretError> {
        let text = random_text()?;
        match scheme {
            WebhookSignature::Hmac => Self::parse(&format!("{SHARED}{text}")),
            WebhookSignature::Ed25519 => Self::parse(&format!("{PRIVATE}{text}")),
        }
    }

    /// Parses a stored key, or a shared secret of the configuration.
    ///
    /// # Errors
    ///
    /// It is neither a shared secret nor a private key.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let Some(seed) = text.strip_prefix(PRIVATE) else { return SharedSecret::parse(text).map(Self::Shared) };
        let key = Self::Private(SecretString::from(seed.to_owned()));
        key.pair().map(|_| key).ok_or(SecretError::Invalid)
    }

    /// Returns the key as it is stored.
    pub fn to_stored_text(&self) -> SecretString {
        match self {
            Self::Shared(secret) => secret.0.clone(),
            Self::Private(seed) => SecretString::from(format!("{PRIVATE}{}", seed.expose_secret())),
        }
    }

    /// Returns the scheme of its signatures.
    pub fn scheme(&self) -> WebhookSignature {
        match self {
            Self::Shared(_) => WebhookSignature::Hmac,
            Self::Private(_) => WebhookSignature::Ed25519,
        }
    }

    /// Returns the secret that a receiver verifies with: `whsec_…`. `None` for a private key.
    pub fn shared_secret(&self) -> Option<&SecretString> {
        match self {
            Self::Shared(secret) => Some(&secret.0),
            Self::Private(_) => None,
        }
    }

    /// Returns the key that a receiver verifies with: `whpk_…`. `None` for a shared secret.
    pub fn public_key(&self) -> Option<String> {
        Some(format!("{PUBLIC}{}", STANDARD.encode(self.pair()?.public_key())))
    }

    /// Signs a message: `v1,…` or `v1a,…`. Returns `None` if the body is not text.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> Option<String> {
        match self {
            Self::Shared(secret) => secret.sign(id, timestamp, body),
            Self::Private(_) => {
                let signed = [id.as_bytes(), b".", timestamp.to_string().as_bytes(), b".", body].concat();
                Some(format!("v1a,{}", STANDARD.encode(self.pair()?.sign(&signed))))
            }
        }
    }

    fn pair(&self) -> Option<Ed25519KeyPair> {
        let Self::Private(seed) = self else { return None };
        let seed = STANDARD.decode(seed.expose_secret()).ok().filter(|seed| seed.len() == SEED_BYTES)?;
        Ed25519KeyPair::from_seed_unchecked(&seed).ok()
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

    use super::*;

    #[test]
    fn a_secret_has_24_to_64_bytes_in_base64_with_or_without_its_prefix() {
        let of = |bytes: usize| STANDARD.encode(vec![7; bytes]);
        for valid in [of(24), of(32), of(64), format!("whsec_{}", of(24))] {
            assert!(is_webhook_secret(&valid), "{valid}");
        }
        for invalid in
            [of(23), of(65), String::new(), "whsec_".to_owned(), "not base64, but long enough for one".to_owned()]
        {
            assert!(!is_webhook_secret(&invalid), "{invalid}");
        }
    }

    /// The example of the specification.
    #[test]
    fn a_shared_secret_signs_as_the_official_library_does() {
        let key = SigningKey::parse("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").expect("a secret");
        let body = br#"{"email":"test@example.com","username":"test_user"}"#;
        assert_eq!(
            key.sign("msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1_649_367_553, body).as_deref(),
            Some("v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=")
        );
        assert_eq!(key.public_key(), None);
    }

    #[test]
    fn a_private_key_signs_what_its_public_key_verifies_and_survives_storage() {
        let key = SigningKey::generate(WebhookSignature::Ed25519).expect("a key");
        let stored = SigningKey::parse(key.to_stored_text().expose_secret()).expect("the same key");
        assert_eq!((stored.public_key(), stored.shared_secret().is_some()), (key.public_key(), false));
        let public = key.public_key().expect("a public key");
        let public = STANDARD.decode(public.strip_prefix("whpk_").expect("a prefix")).expect("base64");
        let signature = stored.sign("msg_1", 7, b"{}").expect("a signature");
        let signature = STANDARD.decode(signature.strip_prefix("v1a,").expect("a version")).expect("base64");
        let public = UnparsedPublicKey::new(&ED25519, public);
        assert!(public.verify(b"msg_1.7.{}", &signature).is_ok());
        assert!(public.verify(b"msg_1.8.{}", &signature).is_err());
        assert!(!format!("{key:?}").contains(key.to_stored_text().expose_secret()));
    }
}
