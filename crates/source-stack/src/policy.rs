//! Every number of the care that is taken around a source, with the defaults, and what is nonsense among them.

use std::time::Duration;

use domain::{Operation, Quota};

/// How one source is treated. Plain numbers; the configuration maps onto it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// How long a whole operation may take, its repeats and waits included.
    pub deadlines: Deadlines,
    /// How long one HTTP call may take. Kept by the transport, which is given this number.
    pub attempt_timeout: Duration,
    /// What is done after a failure that may pass.
    pub retries: Retries,
    /// When a source that fails is left alone.
    pub breaker: BreakerPolicy,
    /// How many operations run at once.
    pub bulkhead: Bulkhead,
    /// How many requests may go out; none: as many as the vendor takes.
    pub budget: Option<BudgetPolicy>,
    /// How long facts are remembered.
    pub lifetimes: Lifetimes,
}

/// How long a whole operation may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadlines {
    /// Walking a whole list of events.
    pub list: Duration,
    /// Reading descriptive facts by key, tokens, admissions.
    pub read: Duration,
    /// Asking what is free.
    pub availability: Duration,
    /// A step of an order, and finding out what became of one. A confirmation is given the vendor's own slow time on top.
    pub order: Duration,
    /// Letting visitors in, and changing credentials.
    pub gate: Duration,
    /// Everything else: editing, delivery, reconciliation.
    pub other: Duration,
}

/// What is done after a failure that may pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retries {
    /// Attempts in all, the first one included.
    pub max_attempts: u32,
    /// The longest first pause; each pause is drawn between nothing and its longest.
    pub first_pause: Duration,
    /// No pause is longer, unless the vendor asks for it.
    pub longest_pause: Duration,
    /// Repeats allowed for each hundred operations.
    pub percent: u32,
    /// Repeats allowed on top, so that a quiet source may be asked again too.
    pub reserve: u32,
}

/// When a source that fails is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Outcomes older than this are forgotten.
    pub window: Duration,
    /// Fewer outcomes than this prove nothing.
    pub min_calls: usize,
    /// Opens at this share of failures.
    pub failure_percent: usize,
    /// How long the first rest is; it doubles with each probe that fails.
    pub rest: Duration,
    /// No rest is longer.
    pub longest_rest: Duration,
    /// Probes that must succeed one after another before all are let through again.
    pub closes_after: u32,
}

/// How many operations run at once against a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bulkhead {
    /// Reads and everything that nobody stands waiting for at a till or a gate.
    pub browsing: usize,
    /// Steps of orders and the gate: places of their own, which no reader can take.
    pub checkout: usize,
    /// How long to wait for a place.
    pub longest_wait: Duration,
}

/// How many requests may go out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetPolicy {
    /// What the vendor allows, counted over all replicas.
    pub quota: Quota,
    /// The part of a burst, in percent, that only order calls may use.
    pub order_percent: u32,
    /// How long a call may wait for its turn before it is turned away.
    pub patience: Duration,
    /// Replicas that share the quota: the divisor while they cannot talk to each other.
    pub replicas: u32,
}

/// How long facts are remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifetimes {
    /// Lists of events.
    pub lists: Lifetime,
    /// Events, ticket types and performances by key, and lists of performances.
    pub facts: Lifetime,
    /// Rows of calendars: they tell prices and what is free, so they are never served late.
    pub calendar: Duration,
    /// The longest that an availability is kept; each caller says how old it may be.
    pub availability: Duration,
    /// "The source does not know it."
    pub not_found: Duration,
    /// How long a caller waits for the vendor while there is an older answer to fall back on.
    pub patience: Duration,
    /// How many percent of a lifetime are cut off at random, so that what came together does not end together.
    pub jitter_percent: u32,
}

/// The ages of a descriptive fact, counted from when it was fetched. Each holds at least as long as the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// Served without asking.
    pub fresh: Duration,
    /// Served at once, marked stale, while it is fetched anew. The prices inside it are told until here and not beyond.
    pub lenient: Duration,
    /// Served without its prices when the vendor cannot be asked.
    pub stale: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            deadlines: Deadlines::default(),
            attempt_timeout: Duration::from_secs(8),
            retries: Retries {
                max_attempts: 4,
                first_pause: Duration::from_millis(50),
                longest_pause: Duration::from_secs(2),
                percent: 10,
                reserve: 10,
            },
            breaker: BreakerPolicy {
                window: Duration::from_secs(30),
                min_calls: 5,
                failure_percent: 50,
                rest: Duration::from_secs(2),
                longest_rest: Duration::from_secs(60),
                closes_after: 2,
            },
            bulkhead: Bulkhead { browsing: 32, checkout: 16, longest_wait: Duration::from_secs(2) },
            budget: None,
            lifetimes: Lifetimes::default(),
        }
    }
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            list: Duration::from_secs(30),
            read: Duration::from_secs(10),
            availability: Duration::from_secs(10),
            order: Duration::from_secs(30),
            gate: Duration::from_secs(10),
            other: Duration::from_secs(30),
        }
    }
}

impl Default for Lifetimes {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Self {
            lists: Lifetime { fresh: minutes(1), lenient: minutes(5), stale: minutes(24 * 60) },
            facts: Lifetime { fresh: minutes(1), lenient: minutes(5), stale: minutes(24 * 60) },
            calendar: minutes(1),
            availability: minutes(5),
            not_found: Duration::from_secs(5),
            patience: Duration::from_secs(1),
            jitter_percent: 10,
        }
    }
}

impl Default for BudgetPolicy {
    fn default() -> Self {
        Self {
            quota: Quota { requests: 60, per: Duration::from_secs(60) },
            order_percent: 25,
            patience: Duration::from_millis(500),
            replicas: 2,
        }
    }
}

/// A number that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nonsense {
    /// The key inside the policy, with dots.
    pub key: &'static str,
    /// What is wrong with it, and what would be right.
    pub message: String,
}

impl Policy {
    /// How long an operation may take in all. `slow_confirm` is the vendor's own time for a confirmation that is slow but fine.
    pub fn deadline(&self, operation: Operation, slow_confirm: Duration) -> Duration {
        match operation {
            Operation::ListEvents => self.deadlines.list,
            Operation::LoadEvents
            | Operation::LoadTicketTypes
            | Operation::ListPerformances
            | Operation::LoadPerformances
            | Operation::LoadCalendar
            | Operation::ReadTokens
            | Operation::ReadAdmissions
            | Operation::Probe => self.deadlines.read,
            Operation::LoadAvailability => self.deadlines.availability,
            Operation::Hold | Operation::Extend | Operation::Release | Operation::Cancel | Operation::LookUp => {
                self.deadlines.order
            }
            Operation::Confirm => self.deadlines.order.saturating_add(slow_confirm),
            Operation::Admit | Operation::WriteTokens => self.deadlines.gate,
            Operation::ListOrders
            | Operation::ReadAuthoring
            | Operation::WriteAuthoring
            | Operation::CheckConnection
            | Operation::Deliver
            | Operation::ReadDelivery => self.deadlines.other,
        }
    }

    /// The longest that a step of an order can take, its wait for a place included. Leases must outlast it.
    pub fn longest_order_step(&self, slow_confirm: Duration) -> Duration {
        self.deadline(Operation::Confirm, slow_confirm).saturating_add(self.bulkhead.longest_wait)
    }

    /// Everything in it that cannot be meant; empty when all is well.
    pub fn nonsense(&self) -> Vec<Nonsense> {
        let mut found = Vec::new();
        let mut unless = |fine: bool, key: &'static str, message: &str| {
            if !fine {
                found.push(Nonsense { key, message: message.to_owned() });
            }
        };
        let deadlines = &self.deadlines;
        for (key, deadline) in [
            ("deadlines.list", deadlines.list),
            ("deadlines.read", deadlines.read),
            ("deadlines.availability", deadlines.availability),
            ("deadlines.order", deadlines.order),
            ("deadlines.gate", deadlines.gate),
            ("deadlines.other", deadlines.other),
        ] {
            unless(!deadline.is_zero(), key, "must be longer than nothing");
            unless(self.attempt_timeout <= deadline, key, "must be at least as long as attempt_timeout");
        }
        unless(!self.attempt_timeout.is_zero(), "attempt_timeout", "must be longer than nothing");
        unless((1..=10).contains(&self.retries.max_attempts), "retries.max_attempts", "must be 1 to 10");
        unless(self.retries.percent <= 100, "retries.percent", "must be 0 to 100");
        let pauses_rise = self.retries.first_pause <= self.retries.longest_pause;
        unless(pauses_rise, "retries.first_pause", "must not be longer than retries.longest_pause");
        let breaker = &self.breaker;
        unless(!breaker.window.is_zero(), "breaker.window", "must be longer than nothing");
        unless((1..=1000).contains(&breaker.min_calls), "breaker.min_calls", "must be 1 to 1000");
        unless((1..=100).contains(&breaker.failure_percent), "breaker.failure_percent", "must be 1 to 100");
        unless(!breaker.rest.is_zero(), "breaker.rest", "must be longer than nothing");
        unless(breaker.rest <= breaker.longest_rest, "breaker.rest", "must not be longer than breaker.longest_rest");
        unless(breaker.closes_after >= 1, "breaker.closes_after", "must be at least 1");
        unless((1..=10_000).contains(&self.bulkhead.browsing), "bulkhead.browsing", "must be 1 to 10000");
        unless((1..=10_000).contains(&self.bulkhead.checkout), "bulkhead.checkout", "must be 1 to 10000");
        found.extend(self.budget.iter().flat_map(BudgetPolicy::nonsense));
        found.extend(self.lifetimes.nonsense());
        found
    }
}

impl BudgetPolicy {
    fn nonsense(&self) -> Vec<Nonsense> {
        let rules = [
            (self.quota.requests >= 1, "budget.requests", "must be at least 1"),
            (!self.quota.per.is_zero(), "budget.per", "must be longer than nothing"),
            (self.order_percent <= 90, "budget.order_percent", "must be 0 to 90, or readers would get nothing"),
            (self.replicas >= 1, "budget.replicas", "must be at least 1"),
        ];
        broken(rules)
    }
}

impl Lifetimes {
    fn nonsense(&self) -> Vec<Nonsense> {
        let rises = |life: Lifetime| life.fresh <= life.lenient && life.lenient <= life.stale;
        let order = "fresh must not be longer than lenient, nor lenient than stale";
        let rules = [
            (rises(self.lists), "lifetimes.lists", order),
            (rises(self.facts), "lifetimes.facts", order),
            (self.jitter_percent <= 50, "lifetimes.jitter_percent", "must be 0 to 50"),
            (self.not_found <= Duration::from_secs(60), "lifetimes.not_found", "must be at most a minute"),
        ];
        broken(rules)
    }
}

fn broken<const N: usize>(rules: [(bool, &'static str, &str); N]) -> Vec<Nonsense> {
    rules
        .into_iter()
        .filter(|(fine, ..)| !fine)
        .map(|(_, key, message)| Nonsense { key, message: message.to_owned() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_sane() {
        let policy = Policy { budget: Some(BudgetPolicy::default()), ..Policy::default() };
        assert_eq!(policy.nonsense(), []);
    }

    #[test]
    fn all_nonsense_is_named_at_once() {
        let mut policy = Policy { budget: Some(BudgetPolicy::default()), ..Policy::default() };
        policy.attempt_timeout = Duration::from_secs(20);
        policy.retries.max_attempts = 0;
        policy.breaker.failure_percent = 0;
        policy.bulkhead.checkout = 0;
        policy.lifetimes.lists.fresh = Duration::from_secs(600);
        policy.budget.as_mut().expect("a budget").order_percent = 100;
        let keys: Vec<_> = policy.nonsense().into_iter().map(|found| found.key).collect();
        assert_eq!(
            keys,
            [
                "deadlines.read",
                "deadlines.availability",
                "deadlines.gate",
                "retries.max_attempts",
                "breaker.failure_percent",
                "bulkhead.checkout",
                "budget.order_percent",
                "lifetimes.lists"
            ]
        );
    }

    #[test]
    fn a_confirmation_is_given_the_vendors_slow_time_on_top() {
        let policy = Policy::default();
        let slow = Duration::from_secs(45);
        assert_eq!(policy.deadline(Operation::Confirm, slow), Duration::from_secs(75));
        assert_eq!(policy.deadline(Operation::Hold, slow), Duration::from_secs(30));
        assert_eq!(policy.longest_order_step(slow), Duration::from_secs(77));
    }
}
