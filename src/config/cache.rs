//! `[cache]`: what is remembered of the vendors, where and for how long.

use std::num::NonZeroUsize;
use std::time::Duration;

use secrecy::SecretString;

use crate::config::section::Section;
use crate::config::setting::{Bytes, Percent, Spoken};

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
    /// How long facts are remembered.
    pub lifetimes: Lifetimes,
}

/// How long facts are remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifetimes {
    /// Lists of events.
    pub lists: Lifetime,
    /// Events, performances and ticket types by id.
    pub facts: Lifetime,
    /// Rows of calendars.
    pub calendar: Duration,
    /// Availability, at most; each caller says how old it may be.
    pub availability: Duration,
    /// That there is no such thing; a minute at most.
    pub not_found: Duration,
    /// How long a caller waits for the vendor while there is an older answer.
    pub patience: Duration,
    /// How many percent of a lifetime are cut off at random; half at most.
    pub jitter_percent: Percent,
}

/// The ages of a descriptive fact, each at least as long as the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// Served without asking.
    pub fresh: Duration,
    /// Served at once while it is fetched anew.
    pub lenient: Duration,
    /// Served without its prices while the vendor cannot be asked.
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
            lifetimes: from.within("lifetimes", Lifetimes::read),
        }
    }
}

impl Lifetimes {
    fn read(from: &Section<'_>) -> Self {
        let read = Self {
            lists: from.within("lists", Lifetime::read),
            facts: from.within("facts", Lifetime::read),
            calendar: from.get("calendar"),
            availability: from.get("availability"),
            not_found: from.get("not_found"),
            patience: from.get("patience"),
            jitter_percent: from.get("jitter_percent"),
        };
        from.at_most("not_found", Spoken(read.not_found), Spoken(Duration::from_secs(60)));
        from.at_most("jitter_percent", read.jitter_percent, Percent::HALF);
        read
    }
}

impl Lifetime {
    fn read(from: &Section<'_>) -> Self {
        let read = Self { fresh: from.get("fresh"), lenient: from.get("lenient"), stale: from.get("stale") };
        let why = "it would never be used";
        from.not_longer(("fresh", read.fresh), ("lenient", read.lenient), why);
        from.not_longer(("lenient", read.lenient), ("stale", read.stale), why);
        read
    }
}
