//! `[ledger]` and `[orders]`: where orders are kept, and how long each step may take.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret, SecretBox, SecretString};

use crate::config::section::Section;

/// Where orders, idempotency and the journal are kept.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// `sqlite://` or `postgres://`. May hold a password.
    pub url: SecretString,
    /// Connections to PostgreSQL, at most.
    pub connections: NonZeroU32,
    /// For bar codes at rest.
    pub encryption_key: Option<EncryptionKey>,
    /// A worker that is silent for so long has lost its order. Longer than the longest call.
    pub lease: Duration,
    /// An outcome still unknown after this needs a person.
    pub settle_deadline: Duration,
    /// How long an idempotency key is remembered.
    pub keep_keys: Duration,
}

/// A key of 256 bits.
#[derive(Clone)]
pub struct EncryptionKey(Arc<SecretBox<[u8; 32]>>);

impl EncryptionKey {
    /// The key itself.
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose_secret()
    }

    /// Reads 32 bytes in base64 or hex.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let bytes = unhex(text).or_else(|| BASE64_STANDARD.decode(text).ok()?.try_into().ok())?;
        Some(Self(Arc::new(SecretBox::new(Box::new(bytes)))))
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("EncryptionKey([REDACTED])")
    }
}

/// Reads 32 bytes in hex.
pub(super) fn unhex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

impl Ledger {
    pub(super) fn read(from: &Section<'_>) -> Self {
        let url = from.find_store("url", &["sqlite", "postgres", "postgresql"]);
        let key = from.find_secret("encryption_key");
        let encryption_key = key.as_ref().and_then(|key| EncryptionKey::parse(key.expose_secret()));
        if key.is_some() && encryption_key.is_none() {
            from.wrong("encryption_key", "must be 32 bytes in base64 (44 signs) or hex (64 signs)");
        }
        let connections: NonZeroU32 = from.get("connections");
        from.at_most("connections", connections.get(), 1000);
        if connections.get() < 2 {
            from.wrong("connections", "is 1, must be 2 at least: one that waits for a lock would stop all others");
        }
        Self {
            url: url.or_else(|| from.missing("url", "sqlite:// or postgres://")).unwrap_or_default(),
            connections,
            encryption_key,
            lease: from.get("lease"),
            settle_deadline: from.get("settle_deadline"),
            keep_keys: from.get("keep_keys"),
        }
    }
}

/// The numbers that orders go by.
#[derive(Debug, Clone)]
pub struct Orders {
    /// A mutation answers after so long at the latest; the order goes on.
    pub answer: Duration,
    /// The longest that a call of an order may take, whatever the deadlines of its source say.
    pub call_limit: Duration,
    /// How often orders that are due are looked for.
    pub poll: Duration,
    /// After a lost answer, how long "there is no such order" is not believed.
    pub quiet: Duration,
    /// How often what was sold is looked after: whether it was called off, whether tickets were used.
    pub look_after: Duration,
    /// How long before its end a hold counts as over.
    pub hold_margin: Duration,
    /// How long the price of a cancellation stands.
    pub quote: Duration,
    /// Lines of an order, at most.
    pub max_lines: NonZeroU32,
    /// Tickets of a line, at most.
    pub max_quantity: NonZeroU32,
}

impl Orders {
    pub(super) fn read(from: &Section<'_>) -> Self {
        Self {
            answer: from.get("answer"),
            call_limit: from.get("call_limit"),
            poll: from.get("poll"),
            quiet: from.get("quiet"),
            look_after: from.get("look_after"),
            hold_margin: from.get("hold_margin"),
            quote: from.get("quote"),
            max_lines: from.get("max_lines"),
            max_quantity: from.get("max_quantity"),
        }
    }
}
