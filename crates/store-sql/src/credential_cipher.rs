//! Encryption of barcodes and vendors' references at rest with AES-256-GCM. Each ciphertext is bound to its location in the store.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::{Digest, Sha256};

use domain::StoreError;

const NONCE_BYTES: usize = 12;

/// The encryption key of a ledger: 32 bytes.
pub struct CredentialKey(SecretBox<[u8; 32]>);

impl CredentialKey {
    /// Creates a key from 32 bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(SecretBox::new(Box::new(bytes)))
    }

    /// Returns the bytes of the key, to derive others from it.
    pub(crate) fn expose(&self) -> &[u8; 32] {
        self.0.expose_secret()
    }

    /// Returns a fingerprint of the key, which identifies the key of a ciphertext without revealing it.
    fn key_id(&self) -> String {
        let digest = Sha256::new().chain_update(b"ticketgraph credential key").chain_update(self.0.expose_secret());
        hex::encode(&digest.finalize()[..6])
    }
}

/// An encrypted barcode, or encrypted references.
pub(crate) struct Ciphertext {
    /// Id of the encryption key.
    pub key_id: String,
    /// Nonce, ciphertext and authentication tag.
    pub bytes: Vec<u8>,
}

/// Encrypts with the first key and decrypts with any, so that a new key is rotated in by placing it first.
pub(crate) struct CredentialCipher(Vec<(String, RandomizedNonceKey)>);

impl CredentialCipher {
    /// Creates a cipher, or returns `None` without a key.
    pub(crate) fn new(keys: &[CredentialKey]) -> Option<Self> {
        let key = |key: &CredentialKey| {
            // Fails only for a wrong key length, which the type rules out.
            let cipher = RandomizedNonceKey::new(&AES_256_GCM, key.0.expose_secret()).ok()?;
            Some((key.key_id(), cipher))
        };
        let keys: Option<Vec<_>> = keys.iter().map(key).collect();
        keys.filter(|keys| !keys.is_empty()).map(Self)
    }

    /// Encrypts a secret for a location. The ciphertext cannot be decrypted at any other location.
    pub(crate) fn encrypt(&self, location: &str, secret: &str) -> Result<Ciphertext, StoreError> {
        let (key_id, key) = &self.0[0];
        let mut text = secret.as_bytes().to_vec();
        let nonce = key
            .seal_in_place_append_tag(Aad::from(location.as_bytes()), &mut text)
            .map_err(|_| StoreError::Unreadable("a secret cannot be encrypted".to_owned()))?;
        let mut bytes = nonce.as_ref().to_vec();
        bytes.append(&mut text);
        Ok(Ciphertext { key_id: key_id.clone(), bytes })
    }

    /// Decrypts a secret at its location.
    pub(crate) fn decrypt(&self, location: &str, ciphertext: &Ciphertext) -> Result<SecretString, StoreError> {
        let error = |why: &str| StoreError::Unreadable(format!("a secret was encrypted {why}"));
        let (_, key) = self
            .0
            .iter()
            .find(|(id, _)| *id == ciphertext.key_id)
            .ok_or_else(|| error("with a key that is not configured"))?;
        let altered = || error("for another location, or was altered");
        let (nonce, text) = ciphertext.bytes.split_at_checked(NONCE_BYTES).ok_or_else(altered)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| altered())?;
        let mut text = text.to_vec();
        let code = key.open_in_place(nonce, Aad::from(location.as_bytes()), &mut text).map_err(|_| altered())?;
        let code = std::str::from_utf8(code).map_err(|_| altered())?;
        Ok(SecretString::from(code.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cipher(keys: &[u8]) -> CredentialCipher {
        let keys: Vec<CredentialKey> = keys.iter().map(|byte| CredentialKey::new([*byte; 32])).collect();
        CredentialCipher::new(&keys).expect("a key")
    }

    #[test]
    fn a_ciphertext_decrypts_only_at_its_location_and_only_with_its_key() {
        let ciphertext = cipher(&[1]).encrypt("order a, ticket 0", "1234567890").expect("the barcode is encrypted");
        assert!(!ciphertext.bytes.windows(10).any(|part| part == b"1234567890"), "the barcode is in plaintext");
        let decrypt = |cipher: &CredentialCipher, location: &str| {
            cipher.decrypt(location, &ciphertext).ok().map(|code| code.expose_secret().to_owned())
        };
        assert_eq!(decrypt(&cipher(&[1]), "order a, ticket 0").as_deref(), Some("1234567890"));
        assert_eq!(
            decrypt(&cipher(&[2, 1]), "order a, ticket 0").as_deref(),
            Some("1234567890"),
            "an older key decrypts"
        );
        assert_eq!(decrypt(&cipher(&[1]), "order a, ticket 1"), None, "moved to another ticket");
        assert_eq!(decrypt(&cipher(&[2]), "order a, ticket 0"), None, "another key");
    }
}
