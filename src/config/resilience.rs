//! `[resilience]`: how calls to a source are bounded, repeated and turned away.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::config::section::Section;
use crate::config::setting::Percent;
use domain::source::Quota;

/// How one source is treated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resilience {
    /// For one request; not above any deadline.
    pub attempt_timeout: Duration,
    /// For one operation, its repeats and waits included.
    pub deadlines: Deadlines,
    /// After failures that may pass.
    pub retries: Retries,
    /// When a source that fails is left alone.
    pub breaker: Breaker,
    /// Operations at once.
    pub bulkhead: Bulkhead,
    /// Requests that may go out.
    pub budget: Budget,
}

/// For one operation, its repeats and waits included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadlines {
    /// Walking a whole list of events.
    pub list: Duration,
    /// Facts by id, tokens, admissions.
    pub read: Duration,
    /// Availability.
    pub availability: Duration,
    /// A step of an order; a confirmation gets the vendor's own slow time on top.
    pub order: Duration,
    /// Letting visitors in, changing credentials.
    pub gate: Duration,
    /// Editing, delivery, reconciliation.
    pub other: Duration,
}

/// After failures that may pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retries {
    /// Attempts in all, the first one included; 10 at most.
    pub max_attempts: NonZeroU32,
    /// Pauses are drawn between nothing and this, and grow.
    pub first_pause: Duration,
    /// No pause is longer, unless the vendor asks for it.
    pub longest_pause: Duration,
    /// Repeats allowed for each hundred operations.
    pub percent: Percent,
    /// Repeats allowed on top.
    pub reserve: u32,
}

/// When a source that fails is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaker {
    /// Older outcomes are forgotten.
    pub window: Duration,
    /// Fewer outcomes prove nothing; 1000 at most.
    pub min_calls: NonZeroU32,
    /// Opens at this share of failures, above zero.
    pub failure_percent: Percent,
    /// Until one call may try; doubles with each try that fails.
    pub rest: Duration,
    /// No rest is longer.
    pub longest_rest: Duration,
    /// Tries in a row that must succeed.
    pub closes_after: NonZeroU32,
}

/// Operations at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bulkhead {
    /// Reads and everything else that nobody stands waiting for; 10000 at most.
    pub browsing: NonZeroU32,
    /// Steps of orders and the gate; 10000 at most.
    pub checkout: NonZeroU32,
    /// For a place.
    pub longest_wait: Duration,
}

/// Requests that may go out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// How many; `None`: what the vendor is known to allow.
    pub quota: Option<Quota>,
    /// Of a burst, which only orders may use; 90 at most.
    pub order_percent: Percent,
    /// For a turn.
    pub patience: Duration,
    /// Replicas that share the quota.
    pub replicas: NonZeroU32,
}

impl Resilience {
    pub(super) fn read(from: &Section<'_>) -> Self {
        let read = Self {
            attempt_timeout: from.get("attempt_timeout"),
            deadlines: from.within("deadlines", Deadlines::read),
            retries: from.within("retries", Retries::read),
            breaker: from.within("breaker", Breaker::read),
            bulkhead: from.within("bulkhead", Bulkhead::read),
            budget: from.within("budget", Budget::read),
        };
        let deadlines = &read.deadlines;
        for (key, deadline) in [
            ("deadlines.list", deadlines.list),
            ("deadlines.read", deadlines.read),
            ("deadlines.availability", deadlines.availability),
            ("deadlines.order", deadlines.order),
            ("deadlines.gate", deadlines.gate),
            ("deadlines.other", deadlines.other),
        ] {
            let why = "a request would outlive its operation";
            from.not_longer(("attempt_timeout", read.attempt_timeout), (key, deadline), why);
        }
        read
    }
}

impl Deadlines {
    fn read(from: &Section<'_>) -> Self {
        Self {
            list: from.get("list"),
            read: from.get("read"),
            availability: from.get("availability"),
            order: from.get("order"),
            gate: from.get("gate"),
            other: from.get("other"),
        }
    }
}

impl Retries {
    fn read(from: &Section<'_>) -> Self {
        let read = Self {
            max_attempts: from.get("max_attempts"),
            first_pause: from.get("first_pause"),
            longest_pause: from.get("longest_pause"),
            percent: from.get("percent"),
            reserve: from.get("reserve"),
        };
        from.at_most("max_attempts", read.max_attempts.get(), 10);
        from.at_most("reserve", read.reserve, 10_000);
        from.not_longer(("first_pause", read.first_pause), ("longest_pause", read.longest_pause), "it could not grow");
        read
    }
}

impl Breaker {
    fn read(from: &Section<'_>) -> Self {
        let read = Self {
            window: from.get("window"),
            min_calls: from.get("min_calls"),
            failure_percent: from.get("failure_percent"),
            rest: from.get("rest"),
            longest_rest: from.get("longest_rest"),
            closes_after: from.get("closes_after"),
        };
        if read.failure_percent == Percent::NONE && from.clean(&["failure_percent"]) {
            from.wrong("failure_percent", "must be 1 at least: with 0 no call would be let through");
        }
        from.at_most("min_calls", read.min_calls.get(), 1000);
        from.at_most("closes_after", read.closes_after.get(), 100);
        from.not_longer(("rest", read.rest), ("longest_rest", read.longest_rest), "it could not grow");
        read
    }
}

impl Bulkhead {
    fn read(from: &Section<'_>) -> Self {
        let read = Self {
            browsing: from.get("browsing"),
            checkout: from.get("checkout"),
            longest_wait: from.get("longest_wait"),
        };
        from.at_most("browsing", read.browsing.get(), 10_000);
        from.at_most("checkout", read.checkout.get(), 10_000);
        read
    }
}

impl Budget {
    fn read(from: &Section<'_>) -> Self {
        let read = Self {
            quota: from.find("quota"),
            order_percent: from.get("order_percent"),
            patience: from.get("patience"),
            replicas: from.get("replicas"),
        };
        from.at_most("order_percent", read.order_percent, Percent::NEARLY_ALL);
        from.at_most("replicas", read.replicas.get(), 1000);
        read
    }
}
