//! Settings of orders: timeouts, intervals, limits and cancellation policies.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use domain::SourceId;
use domain::time::later;

/// Our own cancellation policy for a source; the vendor APIs do not expose one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CancellationPolicy {
    /// Time before the performance at which the cancellation period ends.
    pub until_before_start: Duration,
    /// Cancellation fee in hundredths of a percent.
    pub fee: u32,
}

/// Settings of orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderSettings {
    /// Longest wait of a mutation for its saga. After that it returns the current state.
    pub response_timeout: Duration,
    /// Timeout of a source call. Longer than every deadline of the source layers, which should fire first.
    pub call_timeout: Duration,
    /// Longest time from placing an order to its end that is promised: an order that the limits of its sources do not allow
    /// within it is refused before anything is held.
    pub promise: Duration,
    /// Lease of a runner without writes. Longer than `call_timeout` plus the clock skew between replicas.
    pub lease: Duration,
    /// Interval between scans for due orders.
    pub poll_interval: Duration,
    /// Period after a confirmation or cancellation during which a lookup that finds nothing is not trusted, because
    /// the request may still arrive. Sources that honor idempotency keys do not need it.
    pub late_arrival_window: Duration,
    /// Time after which an operator takes over an unknown outcome, unless the sale ends earlier.
    pub settle_deadline: Duration,
    /// Time after which sold tickets without a code are reported as overdue.
    pub tickets_overdue_after: Duration,
    /// Interval between refreshes of sold orders, which detect admissions and canceled performances.
    pub refresh_interval: Duration,
    /// Margin by which clients see a hold expire earlier.
    pub hold_margin: Duration,
    /// Validity of a cancellation quote.
    pub quote_ttl: Duration,
    /// Retention of idempotency records. A later repetition counts as a new request.
    pub idempotency_ttl: Duration,
    /// Shortest time between the last change of an order and a look-up that a hint of its vendor brings forward.
    pub hint_interval: Duration,
    /// Largest number of hints of a source that wait.
    pub max_pending_hints: usize,
    /// Largest number of lines per order.
    pub max_lines: usize,
    /// Largest quantity per line, unless the source sets a lower limit.
    pub max_quantity: u32,
    /// Cancellation policies by source. Without an entry, cancellation is free until the performance starts.
    pub cancellation_policies: BTreeMap<SourceId, CancellationPolicy>,
}

/// Delays of the first lookups after a lost response, counted from the call.
const FIRST_LOOKUP_DELAYS: [Duration; 5] = [
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(30),
    Duration::from_secs(60),
];
/// Part of a lease that remains after the longest wait and the longest call, for clock skew.
const LEASE_MARGIN: Duration = Duration::from_secs(5);
/// Minimum time for lookups, even if the sale ends earlier.
const MIN_SETTLE_TIME: Duration = Duration::from_secs(120);
const MINUTE: Duration = Duration::from_secs(60);
const QUARTER_HOUR: Duration = Duration::from_secs(15 * 60);

impl OrderSettings {
    /// Returns the time that a call may wait for its turn, and then for its step to be written, before it is put off. Each wait and
    /// the call together are shorter than the lease, so that a runner that was held up and superseded sends nothing.
    pub fn max_queue_wait(&self) -> Duration {
        self.lease.saturating_sub(self.call_timeout).saturating_sub(LEASE_MARGIN)
    }

    /// Returns the next lookup or retry of something that began at `since`: the configured first delays, then every
    /// minute for a quarter of an hour, then every quarter of an hour.
    pub fn next_attempt_at(&self, since: Timestamp, now: Timestamp) -> Timestamp {
        let age = now.duration_since(since).try_into().unwrap_or(Duration::ZERO);
        if let Some(first) = FIRST_LOOKUP_DELAYS.iter().find(|offset| **offset > age) {
            return later(since, *first);
        }
        let step = if age < QUARTER_HOUR { MINUTE } else { QUARTER_HOUR };
        let steps = age.as_secs() / step.as_secs() + 1;
        later(since, Duration::from_secs(steps * step.as_secs()))
    }

    /// Returns the time at which an operator takes over: the end of the sale or the settle deadline, whichever is
    /// earlier.
    pub fn settle_deadline_for(&self, since: Timestamp, cutoff: Option<Timestamp>) -> Timestamp {
        let latest = later(since, self.settle_deadline);
        let wanted = cutoff.map_or(latest, |cutoff| cutoff.min(latest));
        wanted.max(later(since, MIN_SETTLE_TIME))
    }

    /// Returns the cancellation policy of a source.
    pub fn cancellation_policy(&self, source: &SourceId) -> CancellationPolicy {
        self.cancellation_policies.get(source).copied().unwrap_or_default()
    }
}

/// Returns the settings of `config/default.toml`, without cancellation policies.
#[cfg(test)]
pub(crate) fn default_settings() -> OrderSettings {
    let config: toml::Table = include_str!("../../../config/default.toml").parse().expect("the default configuration");
    let text = |section: &str, key: &str| config[section][key].as_str().unwrap_or_else(|| panic!("{section}.{key}"));
    let time = |section: &str, key: &str| {
        let duration: jiff::SignedDuration = text(section, key).parse().expect("a duration");
        duration.unsigned_abs()
    };
    let count = |key: &str| config["orders"][key].as_integer().expect("a number");
    OrderSettings {
        response_timeout: time("orders", "response_timeout"),
        call_timeout: time("orders", "call_timeout"),
        promise: time("orders", "promise"),
        lease: time("ledger", "lease"),
        poll_interval: time("orders", "poll_interval"),
        late_arrival_window: time("orders", "late_arrival_window"),
        tickets_overdue_after: time("orders", "tickets_overdue_after"),
        settle_deadline: time("ledger", "settle_deadline"),
        refresh_interval: time("orders", "refresh_interval"),
        hold_margin: time("orders", "hold_margin"),
        quote_ttl: time("orders", "quote_ttl"),
        idempotency_ttl: time("ledger", "idempotency_ttl"),
        hint_interval: time("incoming_webhooks", "lookup_interval"),
        max_pending_hints: config["incoming_webhooks"]["pending"]
            .as_integer()
            .expect("a number")
            .try_into()
            .expect("a size"),
        max_lines: count("max_lines").try_into().expect("a size"),
        max_quantity: count("max_quantity").try_into().expect("a small number"),
        cancellation_policies: BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("an instant")
    }

    #[test]
    fn lookups_are_frequent_at_first_and_slow_down_later() {
        let settings = default_settings();
        let mut now = at(0);
        let mut offsets = Vec::new();
        while offsets.len() < 22 {
            now = settings.next_attempt_at(at(0), now);
            offsets.push(now.duration_since(at(0)).as_secs());
        }
        let minutes = (2..=15).map(|minute| minute * 60);
        let expected: Vec<i64> = [2, 5, 15, 30, 60].into_iter().chain(minutes).chain([1800, 2700, 3600]).collect();
        assert_eq!(offsets, expected);
    }

    #[test]
    fn an_operator_takes_over_at_the_end_of_sale_or_after_a_day_but_not_before_the_minimum_time() {
        let settings = default_settings();
        assert_eq!(settings.settle_deadline_for(at(0), None), at(86_400));
        assert_eq!(settings.settle_deadline_for(at(0), Some(at(3600))), at(3600));
        assert_eq!(settings.settle_deadline_for(at(0), Some(at(-60))), at(120));
    }
}
