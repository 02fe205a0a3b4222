//! `[cache]`: caches of vendor data and of responses.

use std::num::NonZeroUsize;
use std::time::Duration;

use secrecy::SecretString;

use crate::config::section::Section;
use crate::config::setting::{ByteSize, DisplayDuration, Percent};

/// Cache settings.
#[derive(Debug, Clone)]
pub struct CacheConfig {
    /// Redis as shared cache (L2); `None`: in-process only. May contain a password.
    pub redis_url: Option<SecretString>,
    /// Name of the master, if `redis_url` has the addresses of sentinels.
    pub redis_sentinel_master: Option<String>,
    /// Password of the sentinels themselves.
    pub redis_sentinel_password: Option<SecretString>,
    /// Longest time that a request waits for Redis.
    pub redis_timeout: Duration,
    /// Size of the in-process cache of vendor data.
    pub source_memory: ByteSize,
    /// Size of the in-process response cache, compressed bodies included.
    pub response_memory: ByteSize,
    /// Largest number of cached documents.
    pub documents: NonZeroUsize,
    /// Memory of cached documents.
    pub document_memory: ByteSize,
    /// Memory of documents that clients registered.
    pub persisted_memory: ByteSize,
    /// Lifetimes of vendor data.
    pub lifetimes: LifetimesConfig,
}

/// Lifetimes of vendor data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifetimesConfig {
    /// Lists of events.
    pub lists: LifetimeConfig,
    /// Events, performances and ticket types by id.
    pub facts: LifetimeConfig,
    /// Days of calendars.
    pub calendar: Duration,
    /// Availability; callers may demand a shorter age.
    pub availability: Duration,
    /// Negative results; at most a minute.
    pub not_found: Duration,
    /// Time to wait for the vendor if a stale value is available.
    pub revalidate_timeout: Duration,
    /// Random reduction of lifetimes, in percent; at most 50.
    pub jitter_percent: Percent,
}

/// Lifetimes of descriptive data (RFC 9111, RFC 5861).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LifetimeConfig {
    /// Time that a value is fresh.
    pub max_age: Duration,
    /// Time after `max_age` in which a stale value is served while it is revalidated in the background.
    pub stale_while_revalidate: Duration,
    /// Time after `max_age` in which a stale value is served without prices if the vendor fails.
    pub stale_if_error: Duration,
}

impl CacheConfig {
    pub(super) fn read(from: &Section<'_>) -> Self {
        Self {
            redis_url: from.find_store("redis_url", &["redis", "rediss"]),
            redis_sentinel_master: from.find("redis_sentinel_master"),
            redis_sentinel_password: from.find_secret("redis_sentinel_password"),
            redis_timeout: from.get("redis_timeout"),
            source_memory: from.get("source_memory"),
            response_memory: from.get("response_memory"),
            documents: from.get("documents"),
            document_memory: from.get("document_memory"),
            persisted_memory: from.get("persisted_memory"),
            lifetimes: from.read_table("lifetimes", LifetimesConfig::read),
        }
    }
}

impl LifetimesConfig {
    fn read(from: &Section<'_>) -> Self {
        let read = Self {
            lists: from.read_table("lists", LifetimeConfig::read),
            facts: from.read_table("facts", LifetimeConfig::read),
            calendar: from.get("calendar"),
            availability: from.get("availability"),
            not_found: from.get("not_found"),
            revalidate_timeout: from.get("revalidate_timeout"),
            jitter_percent: from.get("jitter_percent"),
        };
        from.require_at_most("not_found", DisplayDuration(read.not_found), DisplayDuration(Duration::from_secs(60)));
        from.require_at_most("jitter_percent", read.jitter_percent, Percent::HALF);
        read
    }
}

impl LifetimeConfig {
    fn read(from: &Section<'_>) -> Self {
        let read = Self {
            max_age: from.get("max_age"),
            stale_while_revalidate: from.get("stale_while_revalidate"),
            stale_if_error: from.get("stale_if_error"),
        };
        let why = "it would never be used";
        from.require_not_longer(
            ("max_age", read.max_age),
            ("stale_while_revalidate", read.stale_while_revalidate),
            why,
        );
        from.require_not_longer(
            ("stale_while_revalidate", read.stale_while_revalidate),
            ("stale_if_error", read.stale_if_error),
            why,
        );
        read
    }
}
