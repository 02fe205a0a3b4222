//! `[cache]`: what is remembered of the vendors, where and for how long.

use std::num::NonZeroUsize;
use std::time::Duration;

use secrecy::SecretString;

use crate::config::section::Section;
use crate::config::setting::{Bytes, Percent};

/// What is remembered of the vendors.
#[derive(Debug, Clone)]
pub struct Cache {
    /// The shared level; `None`: in-process only. May hold a password.
    pub redis_url: Option<SecretString>,
    /// The longest that a request waits for Redis.
    pub redis_timeout: Duration,
    /// For facts of the vendors, in process.
    pub facts_memory: Bytes,
    /// For finished answers and their compressed forms, in process.
    pub answers_memory: Bytes,
    /// Parsed and validated operations kept, at most.
    pub documents: NonZeroUsize,
    /// By how much lifetimes vary.
    pub jitter_percent: Percent,
    /// How long facts are served without asking again.
    pub lifetimes: Lifetimes,
}

/// How long each kind of fact is served without asking again.
#[derive(Debug, Clone)]
pub struct Lifetimes {
    /// Events.
    pub events: Duration,
    /// Performances.
    pub performances: Duration,
    /// Ticket types and their prices.
    pub ticket_types: Duration,
    /// Availability.
    pub availability: Duration,
    /// Staff credentials.
    pub admission_tokens: Duration,
    /// That there is no such thing.
    pub absent: Duration,
    /// Descriptive facts beyond their lifetime, while the vendor cannot be asked.
    pub stale: Duration,
}

impl Cache {
    pub(super) fn read(from: &Section<'_>) -> Self {
        Self {
            redis_url: from.find_store("redis_url", &["redis", "rediss"]),
            redis_timeout: from.get("redis_timeout"),
            facts_memory: from.get("facts_memory"),
            answers_memory: from.get("answers_memory"),
            documents: from.get("documents"),
            jitter_percent: from.get("jitter_percent"),
            lifetimes: from.within("lifetimes", Lifetimes::read),
        }
    }
}

impl Lifetimes {
    fn read(from: &Section<'_>) -> Self {
        Self {
            events: from.get("events"),
            performances: from.get("performances"),
            ticket_types: from.get("ticket_types"),
            availability: from.get("availability"),
            admission_tokens: from.get("admission_tokens"),
            absent: from.get("absent"),
            stale: from.get("stale"),
        }
    }
}
