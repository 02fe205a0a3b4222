//! `[resilience]`: timeouts, retries, circuit breaker, bulkheads and rate limit of a source.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::config::section::Section;
use crate::config::setting::Percent;
use domain::source::Quota;

/// Resilience settings of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResilienceConfig {
    /// Timeout of one request; at most each deadline.
    pub attempt_timeout: Duration,
    /// Time after its last response after which a kept connection is not used again.
    pub pool_idle_timeout: Duration,
    /// Deadlines of operations, including retries and waits.
    pub deadlines: DeadlinesConfig,
    /// Retries of transient failures.
    pub retries: RetryConfig,
    /// Circuit breaker.
    pub circuit_breaker: CircuitBreakerConfig,
    /// Bulkheads: concurrent operations.
    pub bulkhead: BulkheadConfig,
    /// Outbound rate limit.
    pub rate_limit: RateLimitConfig,
}

/// Deadlines of operations, including retries and waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadlinesConfig {
    /// Listing all events.
    pub list: Duration,
    /// Data by id, admission tokens, admissions.
    pub read: Duration,
    /// Availability.
    pub availability: Duration,
    /// A step of an order; the vendor's own confirmation time is added for a confirmation.
    pub order: Duration,
    /// Admitting visitors, changing admission tokens.
    pub gate: Duration,
    /// Edits, deliveries, reconciliation.
    pub other: Duration,
}

/// Retries of transient failures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryConfig {
    /// Attempts including the first one; at most 10.
    pub max_attempts: NonZeroU32,
    /// Upper bound of the first random backoff, which grows exponentially.
    pub initial_backoff: Duration,
    /// Upper bound of all backoffs, unless the vendor asks for a longer one.
    pub max_backoff: Duration,
    /// Allowed retries, in percent of operations.
    pub percent: Percent,
    /// Additional retries, for sources with little traffic.
    pub reserve: u32,
}

/// Circuit breaker settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CircuitBreakerConfig {
    /// Sliding window of outcomes.
    pub window: Duration,
    /// Outcomes required before the breaker can open; at most 1000.
    pub min_calls: NonZeroU32,
    /// Failure rate at which it opens, in percent; above zero.
    pub failure_percent: Percent,
    /// Time until a half-open trial; doubles with each failed trial.
    pub open_duration: Duration,
    /// Upper bound of the open duration.
    pub max_open_duration: Duration,
    /// Consecutive successful trials needed to close it.
    pub success_threshold: NonZeroU32,
}

/// Concurrent operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkheadConfig {
    /// Reads and background work; at most 10000.
    pub browsing: NonZeroU32,
    /// Order steps and admissions; at most 10000.
    pub checkout: NonZeroU32,
    /// Longest wait for a permit.
    pub max_wait: Duration,
}

/// Outbound rate limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimitConfig {
    /// Requests per time; `None`: the vendor's documented limit.
    pub quota: Option<Quota>,
    /// Requests per time to each endpoint that the vendor limits by itself; `None`: the vendor's documented limit.
    pub endpoint_quota: Option<Quota>,
    /// Requests in a calendar month; `None`: they are only counted.
    pub monthly_quota: Option<NonZeroU32>,
    /// Part of the monthly quota that reads leave to orders, in percent; at most 90.
    pub monthly_order_percent: Percent,
    /// Part of a burst that is reserved for orders, in percent; at most 90.
    pub order_percent: Percent,
    /// Longest wait for a slot.
    pub max_wait: Duration,
    /// Replicas that share the quota.
    pub replicas: NonZeroU32,
    /// Pause after a rate-limit response without a readable `Retry-After`; `None`: the vendor's usual one.
    pub pause: Option<Duration>,
    /// Longest pause that a vendor can ask for.
    pub max_pause: Duration,
}

impl ResilienceConfig {
    pub(super) fn read(from: &Section<'_>) -> Self {
        let read = Self {
            attempt_timeout: from.get("attempt_timeout"),
            pool_idle_timeout: from.get("pool_idle_timeout"),
            deadlines: from.read_table("deadlines", DeadlinesConfig::read),
            retries: from.read_table("retries", RetryConfig::read),
            circuit_breaker: from.read_table("circuit_breaker", CircuitBreakerConfig::read),
            bulkhead: from.read_table("bulkhead", BulkheadConfig::read),
            rate_limit: from.read_table("rate_limit", RateLimitConfig::read),
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
            from.require_not_longer(("attempt_timeout", read.attempt_timeout), (key, deadline), why);
        }
        read
    }
}

impl DeadlinesConfig {
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

impl RetryConfig {
    fn read(from: &Section<'_>) -> Self {
        let read = Self {
            max_attempts: from.get("max_attempts"),
            initial_backoff: from.get("initial_backoff"),
            max_backoff: from.get("max_backoff"),
            percent: from.get("percent"),
            reserve: from.get("reserve"),
        };
        from.require_at_most("max_attempts", read.max_attempts.get(), 10);
        from.require_at_most("reserve", read.reserve, 10_000);
        from.require_not_longer(
            ("initial_backoff", read.initial_backoff),
            ("max_backoff", read.max_backoff),
            "it could not grow",
        );
        read
    }
}

impl CircuitBreakerConfig {
    fn read(from: &Section<'_>) -> Self {
        let read = Self {
            window: from.get("window"),
            min_calls: from.get("min_calls"),
            failure_percent: from.get("failure_percent"),
            open_duration: from.get("open_duration"),
            max_open_duration: from.get("max_open_duration"),
            success_threshold: from.get("success_threshold"),
        };
        if read.failure_percent == Percent::NONE && from.is_clean(&["failure_percent"]) {
            from.report("failure_percent", "must be at least 1: with 0 no call would pass");
        }
        from.require_at_most("min_calls", read.min_calls.get(), 1000);
        from.require_at_most("success_threshold", read.success_threshold.get(), 100);
        from.require_not_longer(
            ("open_duration", read.open_duration),
            ("max_open_duration", read.max_open_duration),
            "it could not grow",
        );
        read
    }
}

impl BulkheadConfig {
    fn read(from: &Section<'_>) -> Self {
        let read =
            Self { browsing: from.get("browsing"), checkout: from.get("checkout"), max_wait: from.get("max_wait") };
        from.require_at_most("browsing", read.browsing.get(), 10_000);
        from.require_at_most("checkout", read.checkout.get(), 10_000);
        read
    }
}

impl RateLimitConfig {
    fn read(from: &Section<'_>) -> Self {
        let read = Self {
            quota: from.find("quota"),
            endpoint_quota: from.find("endpoint_quota"),
            monthly_quota: from.find("monthly_quota"),
            monthly_order_percent: from.get("monthly_order_percent"),
            order_percent: from.get("order_percent"),
            max_wait: from.get("max_wait"),
            replicas: from.get("replicas"),
            pause: from.find("pause"),
            max_pause: from.get("max_pause"),
        };
        if let Some(pause) = read.pause {
            from.require_not_longer(("pause", pause), ("max_pause", read.max_pause), "it would be cut off");
        }
        from.require_at_most("order_percent", read.order_percent, Percent::NEARLY_ALL);
        from.require_at_most("monthly_order_percent", read.monthly_order_percent, Percent::NEARLY_ALL);
        from.require_at_most("replicas", read.replicas.get(), 1000);
        read
    }
}
