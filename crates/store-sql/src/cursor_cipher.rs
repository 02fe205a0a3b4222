//! Encryption of feed positions as cursors: one AES-256 block for each, under a key derived for its feed.
//!
//! Positions count the changes of all resellers, so a readable cursor would reveal to one how much the others sell. The cipher is
//! deterministic: every replica with the same key gives a row the same cursor. A block holds the position and eight zero bytes,
//! which reject a cursor that was forged, altered, or made for the other feed.

use aws_lc_rs::cipher::{AES_256, AES_256_KEY_LEN, DecryptingKey, DecryptionContext, EncryptingKey, UnboundCipherKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::credential_cipher::CredentialKey;
use domain::StoreError;
use orders::change_feed::Feed;

const POSITION_BYTES: usize = 8;
const BLOCK_BYTES: usize = 16;

/// The keys of one feed: the first encrypts, all decrypt.
struct FeedKeys {
    encrypting: EncryptingKey,
    decrypting: Vec<DecryptingKey>,
}

/// Encrypts and decrypts the cursors of both feeds.
pub(crate) struct CursorCipher {
    changes: FeedKeys,
    transitions: FeedKeys,
}

impl CursorCipher {
    /// Derives the keys of the feeds, or returns `None` without a key.
    pub(crate) fn new(keys: &[CredentialKey]) -> Option<Self> {
        Some(Self {
            changes: FeedKeys::new(keys, b"ticketgraph cursors of the change feed")?,
            transitions: FeedKeys::new(keys, b"ticketgraph cursors of transitions")?,
        })
    }

    fn keys(&self, feed: Feed) -> &FeedKeys {
        match feed {
            Feed::Changes => &self.changes,
            Feed::Transitions => &self.transitions,
        }
    }

    /// Encrypts a position as 22 characters of base64url.
    pub(crate) fn encrypt(&self, feed: Feed, position: u64) -> Result<String, StoreError> {
        let mut block = [0; BLOCK_BYTES];
        block[..POSITION_BYTES].copy_from_slice(&position.to_be_bytes());
        let encrypted = self.keys(feed).encrypting.encrypt(&mut block);
        encrypted.map_err(|_| StoreError::Unreadable("a cursor cannot be encrypted".to_owned()))?;
        Ok(URL_SAFE_NO_PAD.encode(block))
    }

    /// Decrypts a position. Returns `None` for every text that is not a cursor of the feed.
    pub(crate) fn decrypt(&self, feed: Feed, cursor: &str) -> Option<u64> {
        let block: [u8; BLOCK_BYTES] = URL_SAFE_NO_PAD.decode(cursor).ok()?.try_into().ok()?;
        self.keys(feed).decrypting.iter().find_map(|key| {
            let mut block = block;
            let plaintext = key.decrypt(&mut block, DecryptionContext::None).ok()?;
            let (position, zeros) = plaintext.split_at_checked(POSITION_BYTES)?;
            let position = position.try_into().ok().map(u64::from_be_bytes)?;
            zeros.iter().all(|byte| *byte == 0).then_some(position)
        })
    }
}

impl FeedKeys {
    fn new(keys: &[CredentialKey], label: &'static [u8]) -> Option<Self> {
        let derived: Result<Vec<_>, Unspecified> = keys.iter().map(|key| derive(key, label)).collect();
        let derived = derived.ok()?;
        // Fails only for a wrong key length, which the type rules out.
        let unbound = |bytes: &[u8; AES_256_KEY_LEN]| UnboundCipherKey::new(&AES_256, bytes);
        let decrypting: Result<Vec<_>, _> = derived.iter().map(|key| DecryptingKey::ecb(unbound(key)?)).collect();
        let encrypting = EncryptingKey::ecb(unbound(derived.first()?).ok()?).ok()?;
        Some(Self { encrypting, decrypting: decrypting.ok()? })
    }
}

/// Derives the key of a feed with HKDF-SHA-256 (RFC 5869).
fn derive(key: &CredentialKey, label: &[u8]) -> Result<[u8; AES_256_KEY_LEN], Unspecified> {
    let mut derived = [0; AES_256_KEY_LEN];
    Salt::new(HKDF_SHA256, b"ticketgraph").extract(key.expose()).expand(&[label], HKDF_SHA256)?.fill(&mut derived)?;
    Ok(derived)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cipher(keys: &[u8]) -> CursorCipher {
        let keys: Vec<CredentialKey> = keys.iter().map(|byte| CredentialKey::new([*byte; 32])).collect();
        CursorCipher::new(&keys).expect("a key")
    }

    fn bytes(cursor: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(cursor).expect("base64url")
    }

    #[test]
    fn replicas_with_the_same_key_read_each_others_cursors_and_an_older_key_still_reads() {
        for position in [0, 1, 1_000, u64::MAX] {
            let cursor = cipher(&[1]).encrypt(Feed::Changes, position).expect("a cursor");
            assert_eq!(cipher(&[1]).encrypt(Feed::Changes, position).expect("a cursor"), cursor, "stable");
            assert_eq!(cipher(&[1]).decrypt(Feed::Changes, &cursor), Some(position));
            assert_eq!(cipher(&[2, 1]).decrypt(Feed::Changes, &cursor), Some(position), "a rotated key");
            assert_eq!(cipher(&[2]).decrypt(Feed::Changes, &cursor), None, "another key");
        }
    }

    /// Neighbors differ in as many bits as positions far apart, so no difference of two cursors reveals a distance.
    #[test]
    fn the_distance_of_two_positions_does_not_show_in_their_cursors() {
        let cipher = cipher(&[1]);
        let cursor = |position| bytes(&cipher.encrypt(Feed::Changes, position).expect("a cursor"));
        let bits = |a: &[u8], b: &[u8]| a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum::<u32>();
        for distance in [1, 2, 1_000, 1_000_000] {
            let different: Vec<u32> =
                (1..=200).map(|position| bits(&cursor(position), &cursor(position + distance))).collect();
            let mean = different.iter().sum::<u32>() / 200;
            assert!((60..=68).contains(&mean), "{mean} of 128 bits differ at distance {distance}");
            assert!(different.iter().all(|count| *count > 30), "two cursors at distance {distance} are alike");
        }
        let mut sorted: Vec<(Vec<u8>, u64)> = (1..=200).map(|position| (cursor(position), position)).collect();
        sorted.sort();
        assert!(!sorted.is_sorted_by_key(|(_, position)| *position), "the order of cursors is that of positions");
    }

    #[test]
    fn a_forged_or_altered_cursor_and_one_of_another_feed_are_rejected() {
        let cipher = cipher(&[1]);
        let cursor = cipher.encrypt(Feed::Changes, 41).expect("a cursor");
        assert_eq!(cipher.decrypt(Feed::Transitions, &cursor), None, "another feed");
        for bit in 0..128 {
            let mut altered = bytes(&cursor);
            altered[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(cipher.decrypt(Feed::Changes, &URL_SAFE_NO_PAD.encode(altered)), None, "bit {bit}");
        }
        let plain = URL_SAFE_NO_PAD.encode("1f 41");
        let zeros = URL_SAFE_NO_PAD.encode([0; 16]);
        for forged in
            ["", "41", plain.as_str(), zeros.as_str(), &cursor[1..], &format!("{cursor}A"), &format!("{cursor}==")]
        {
            assert_eq!(cipher.decrypt(Feed::Changes, forged), None, "{forged}");
        }
    }
}
