//! The codes of tickets at rest: sealed with AES-256-GCM, each bound to its place in the ledger.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::{Digest, Sha256};

use orders::LedgerError;

const NONCE: usize = 12;

/// A key for codes at rest: 32 bytes.
pub struct CredentialKey(SecretBox<[u8; 32]>);

impl CredentialKey {
    /// Takes 32 bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(SecretBox::new(Box::new(bytes)))
    }

    /// Reads 32 bytes in base64; none when it is something else.
    pub fn from_base64(text: &SecretString) -> Option<Self> {
        let bytes = STANDARD.decode(text.expose_secret().trim()).ok()?;
        Some(Self::new(bytes.try_into().ok()?))
    }

    /// Names the key without telling it: what a sealed code was sealed with.
    fn id(&self) -> String {
        let digest = Sha256::new().chain_update(b"ticketgraph credential key").chain_update(self.0.expose_secret());
        digest.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A sealed code.
pub(crate) struct Sealed {
    /// The key that it was sealed with.
    pub key_id: String,
    /// Nonce, sealed code, tag.
    pub bytes: Vec<u8>,
}

/// Seals with the first key, opens with any: a new key is put before the old one.
pub(crate) struct Vault(Vec<(String, RandomizedNonceKey)>);

impl Vault {
    /// None without a key.
    pub fn new(keys: &[CredentialKey]) -> Option<Self> {
        let key = |key: &CredentialKey| {
            // Only a wrong length fails, and the type rules that out.
            let cipher = RandomizedNonceKey::new(&AES_256_GCM, key.0.expose_secret()).ok()?;
            Some((key.id(), cipher))
        };
        let keys: Option<Vec<_>> = keys.iter().map(key).collect();
        keys.filter(|keys| !keys.is_empty()).map(Self)
    }

    /// Seals a code for a place. Moved to another place, it does not open.
    pub fn seal(&self, place: &str, code: &SecretString) -> Result<Sealed, LedgerError> {
        let (key_id, key) = &self.0[0];
        let mut text = code.expose_secret().as_bytes().to_vec();
        let nonce = key
            .seal_in_place_append_tag(Aad::from(place.as_bytes()), &mut text)
            .map_err(|_| LedgerError::Unreadable("a code cannot be sealed".to_owned()))?;
        let mut bytes = nonce.as_ref().to_vec();
        bytes.append(&mut text);
        Ok(Sealed { key_id: key_id.clone(), bytes })
    }

    /// Opens a code at its place.
    pub fn open(&self, place: &str, sealed: &Sealed) -> Result<SecretString, LedgerError> {
        let wrong = |why: &str| LedgerError::Unreadable(format!("a code was sealed {why}"));
        let (_, key) = self
            .0
            .iter()
            .find(|(id, _)| *id == sealed.key_id)
            .ok_or_else(|| wrong("with a key that is not configured"))?;
        let altered = || wrong("for another place, or altered");
        let (nonce, text) = sealed.bytes.split_at_checked(NONCE).ok_or_else(altered)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| altered())?;
        let mut text = text.to_vec();
        let code = key.open_in_place(nonce, Aad::from(place.as_bytes()), &mut text).map_err(|_| altered())?;
        let code = std::str::from_utf8(code).map_err(|_| altered())?;
        Ok(SecretString::from(code.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(keys: &[u8]) -> Vault {
        let keys: Vec<CredentialKey> = keys.iter().map(|byte| CredentialKey::new([*byte; 32])).collect();
        Vault::new(&keys).expect("a key")
    }

    #[test]
    fn a_sealed_code_opens_at_its_place_only_and_with_its_key_only() {
        let code = SecretString::from("1234567890".to_owned());
        let sealed = vault(&[1]).seal("order a, ticket 0", &code).expect("sealed");
        assert!(!sealed.bytes.windows(10).any(|part| part == b"1234567890"), "the code is in clear");
        let open =
            |vault: &Vault, place: &str| vault.open(place, &sealed).ok().map(|code| code.expose_secret().to_owned());
        assert_eq!(open(&vault(&[1]), "order a, ticket 0").as_deref(), Some("1234567890"));
        assert_eq!(open(&vault(&[2, 1]), "order a, ticket 0").as_deref(), Some("1234567890"), "an older key opens");
        assert_eq!(open(&vault(&[1]), "order a, ticket 1"), None, "moved to another ticket");
        assert_eq!(open(&vault(&[2]), "order a, ticket 0"), None, "another key");
    }

    #[test]
    fn a_key_has_exactly_32_bytes() {
        let read = |text: &str| CredentialKey::from_base64(&SecretString::from(text.to_owned())).is_some();
        assert!(read(&STANDARD.encode([7; 32])));
        assert!(!read(&STANDARD.encode([7; 31])));
        assert!(!read("no base64"));
    }
}
