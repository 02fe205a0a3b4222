//! `[ledger]` and `[orders]`: order store, and timeouts of orders.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret, SecretBox, SecretString};

use crate::config::contact::read_contact;
use crate::config::published::is_published_ledger_key;
use crate::config::section::Section;
use crate::config::setting::Choice;
use domain::ordering::Contact;

/// Store of orders, idempotency keys and edits.
#[derive(Debug, Clone)]
pub struct LedgerConfig {
    /// `sqlite://` or `postgres://`. May contain a password.
    pub url: SecretString,
    /// Pooler in front of PostgreSQL.
    pub pooler: LedgerPooler,
    /// URL of PostgreSQL for migrations, if `url` leads through a pooler. May contain a password.
    pub migration_url: Option<SecretString>,
    /// Largest number of PostgreSQL connections.
    pub connections: NonZeroU32,
    /// Largest number of connections for lists, searches, statements and exports.
    pub report_connections: NonZeroU32,
    /// Time after which the count of a list is given up.
    pub count_timeout: Duration,
    /// Longest wait of a PostgreSQL migration for a lock.
    pub migration_lock_timeout: Duration,
    /// Time after which a migration that does not get its lock fails.
    pub migration_timeout: Duration,
    /// Encrypts ticket codes at rest.
    pub encryption_key: Option<EncryptionKey>,
    /// Lease of a worker on an order. Longer than the longest call.
    pub lease: Duration,
    /// Time after which an unknown outcome needs manual attention.
    pub settle_deadline: Duration,
    /// Time that idempotency keys are stored.
    pub idempotency_ttl: Duration,
    /// Time after which PostgreSQL ends a statement.
    pub statement_timeout: Duration,
    /// Time after which PostgreSQL ends a statement that waits for a lock.
    pub lock_timeout: Duration,
    /// Time after which PostgreSQL ends the session of a replica that is silent within a transaction.
    pub idle_transaction_timeout: Duration,
    /// Longest wait of a reader of the change feed for changes that have no position yet.
    pub feed_timeout: Duration,
    /// Time between two writes by which readiness checks the ledger.
    pub write_check_interval: Duration,
    /// Time after which such a write counts as failed.
    pub write_check_timeout: Duration,
    /// Largest difference to the clock of the ledger that is not reported.
    pub max_clock_offset: Duration,
}

/// Pooler in front of PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerPooler {
    /// None, or one in session mode.
    None,
    /// One that gives each transaction another session.
    Transaction,
}

impl Choice for LedgerPooler {
    const KIND: &'static str = "pooler";
    const EXPECTED: &'static str = r#""none" or "transaction""#;
    const CHOICES: &'static [(&'static str, Self)] = &[("none", Self::None), ("transaction", Self::Transaction)];
}

/// A key of 256 bits.
#[derive(Clone)]
pub struct EncryptionKey(Arc<SecretBox<[u8; 32]>>);

impl EncryptionKey {
    /// Returns the key.
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose_secret()
    }

    /// Parses 32 bytes in base64 or hex.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let bytes = decode_hex_32(text).or_else(|| BASE64_STANDARD.decode(text).ok()?.try_into().ok())?;
        Some(Self(Arc::new(SecretBox::new(Box::new(bytes)))))
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("EncryptionKey([REDACTED])")
    }
}

/// Parses 32 bytes in hex.
pub(super) fn decode_hex_32(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

impl LedgerConfig {
    pub(super) fn read(from: &Section<'_>) -> Self {
        let url = from.find_store("url", &["sqlite", "postgres", "postgresql"]);
        let (pooler, migration_url) = read_pooler(from);
        let key = from.find_secret("encryption_key");
        let encryption_key = key.as_ref().and_then(|key| EncryptionKey::parse(key.expose_secret()));
        if key.is_some() && encryption_key.is_none() {
            from.report("encryption_key", "must be 32 bytes in base64 (44 characters) or hex (64 characters)");
        }
        let is_published = encryption_key.as_ref().is_some_and(|key| is_published_ledger_key(key.expose()));
        if is_published && !from.context.literals_allowed {
            from.report(
                "encryption_key",
                "is the published key of the sandbox: make one with `openssl rand -base64 32`",
            );
        }
        let connections: NonZeroU32 = from.get("connections");
        from.require_at_most("connections", connections.get(), 1000);
        if connections.get() < 2 {
            from.report(
                "connections",
                "is 1, must be at least 2: with a single connection, waiting for a lock would block everything",
            );
        }
        let report_connections: NonZeroU32 = from.get("report_connections");
        from.require_at_most("report_connections", report_connections.get(), 1000);
        Self {
            url: url.or_else(|| from.report_missing("url", "sqlite:// or postgres://")).unwrap_or_default(),
            pooler,
            migration_url,
            connections,
            report_connections,
            count_timeout: from.get("count_timeout"),
            migration_lock_timeout: from.get("migration_lock_timeout"),
            migration_timeout: from.get("migration_timeout"),
            encryption_key,
            lease: from.get("lease"),
            settle_deadline: from.get("settle_deadline"),
            idempotency_ttl: from.get("idempotency_ttl"),
            statement_timeout: from.get("statement_timeout"),
            lock_timeout: from.get("lock_timeout"),
            idle_transaction_timeout: from.get("idle_transaction_timeout"),
            feed_timeout: from.get("feed_timeout"),
            write_check_interval: from.get("write_check_interval"),
            write_check_timeout: from.get("write_check_timeout"),
            max_clock_offset: from.get("max_clock_offset"),
        }
    }
}

/// Reads the pooler and the URL for migrations, which need a session of their own.
fn read_pooler(from: &Section<'_>) -> (LedgerPooler, Option<SecretString>) {
    let pooler = from.get("pooler");
    let migration_url = from.find_store("migration_url", &["postgres", "postgresql"]);
    if pooler == LedgerPooler::Transaction && migration_url.is_none() && from.is_clean(&["migration_url"]) {
        from.report(
            "migration_url",
            "is missing, and required with `pooler = \"transaction\"`: PostgreSQL itself, or through the pooler in session mode",
        );
    }
    (pooler, migration_url)
}

/// Settings of orders.
#[derive(Debug, Clone)]
pub struct OrdersConfig {
    /// Time after which a mutation responds; the order continues.
    pub response_timeout: Duration,
    /// Longest call of an order, whatever the deadlines of its source are.
    pub call_timeout: Duration,
    /// Longest time from placing an order to its end that is promised.
    pub promise: Duration,
    /// Interval at which due orders are polled.
    pub poll_interval: Duration,
    /// Time after a lost response in which "order not found" is not trusted, because the order may still arrive.
    pub late_arrival_window: Duration,
    /// Time after which sold tickets without a code are reported as overdue.
    pub tickets_overdue_after: Duration,
    /// Interval at which sold orders are refreshed for cancellations and used tickets.
    pub refresh_interval: Duration,
    /// Time before its expiry at which a hold is treated as expired.
    pub hold_margin: Duration,
    /// Validity of a cancellation quote.
    pub quote_ttl: Duration,
    /// Largest number of lines in an order.
    pub max_lines: NonZeroU32,
    /// Largest number of tickets in a line.
    pub max_quantity: NonZeroU32,
    /// Contact under which orders without a reseller are held before the visitor is known.
    pub contact: Option<Contact>,
}

impl OrdersConfig {
    pub(super) fn read(from: &Section<'_>) -> Self {
        Self {
            response_timeout: from.get("response_timeout"),
            call_timeout: from.get("call_timeout"),
            promise: from.get("promise"),
            poll_interval: from.get("poll_interval"),
            late_arrival_window: from.get("late_arrival_window"),
            tickets_overdue_after: from.get("tickets_overdue_after"),
            refresh_interval: from.get("refresh_interval"),
            hold_margin: from.get("hold_margin"),
            quote_ttl: from.get("quote_ttl"),
            max_lines: from.get("max_lines"),
            max_quantity: from.get("max_quantity"),
            contact: from.read_table("contact", read_contact),
        }
    }
}
