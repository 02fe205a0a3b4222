//! Settings of the patterns as plain values. There are no defaults here: `config/default.toml` is their only source.

use std::time::Duration;

use serde::Deserialize;

/// Settings of a circuit breaker.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CircuitBreakerPolicy {
    /// Outcomes older than this do not count.
    pub window: Duration,
    /// Number of outcomes below which the circuit never opens.
    pub min_calls: usize,
    /// Share of failures, in percent, at which the circuit opens.
    pub failure_percent: usize,
    /// Time the circuit stays open before the first probe. Doubles with each failed probe.
    pub open_duration: Duration,
    /// Upper bound of the open time.
    pub max_open_duration: Duration,
    /// Number of consecutive successful probes that close the circuit.
    pub success_threshold: u32,
}

/// Settings of retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct RetryPolicy {
    /// Attempts in total, including the first one.
    pub max_attempts: u32,
    /// Upper bound of the first backoff. Each backoff is drawn at random between zero and its upper bound, which doubles.
    pub initial_backoff: Duration,
    /// Upper bound of every backoff, unless the remote system asks for a longer wait.
    pub max_backoff: Duration,
    /// Retries allowed for each hundred calls.
    #[serde(rename = "percent")]
    pub budget_percent: u32,
    /// Retries allowed in addition, so that a source with little traffic can be retried too.
    #[serde(rename = "reserve")]
    pub budget_reserve: u32,
}

/// A number of requests in a window, counted over all replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowLimit {
    /// Number of requests.
    pub requests: u32,
    /// Length of the window.
    pub per: Duration,
}

/// Settings of the rate limits on outgoing requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimitPolicy {
    /// Limit of all requests.
    pub all: WindowLimit,
    /// Limit of each endpoint that the remote system limits by itself, in addition. `None`: no such limit.
    pub each_endpoint: Option<WindowLimit>,
    /// Share of a burst, in percent, that only priority requests may use.
    pub priority_percent: u32,
    /// Longest time a request waits for its turn before it is rejected.
    pub max_wait: Duration,
    /// Number of replicas that share the limit. Divides it while they cannot reach each other.
    pub replicas: u32,
}
