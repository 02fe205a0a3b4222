//! The configured callers and their use of this process: requests and refusals of the last day, in steps of five minutes.
//!
//! Only configured callers have counters, so strangers cannot make the memory grow: tokens of one issuer share a counter, and so do
//! all anonymous clients.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::graphql::base::viewer::{Scope, Viewer};

/// Seconds of one step.
const STEP: u64 = 300;
/// Steps of an hour.
pub const STEPS_OF_HOUR: u64 = 3_600 / STEP;
/// Steps of a day, the most that a counter keeps.
pub const STEPS_OF_DAY: u64 = 24 * STEPS_OF_HOUR;

/// Kind of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallerKind {
    /// A client with an API key.
    Client,
    /// All tokens of an issuer.
    TokenIssuer,
    /// Clients without credentials.
    Anonymous,
}

/// A configured caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfiguredCaller {
    /// Name in the configuration.
    pub name: String,
    /// Kind.
    pub kind: CallerKind,
    /// Key of the reseller that it belongs to.
    pub reseller: Option<String>,
    /// Granted scopes: of an issuer, those that its tokens may grant.
    pub scopes: Vec<Scope>,
    /// Requests per minute: of an issuer, for each subject; of anonymous clients, for each address. `None`: unlimited.
    pub requests_per_minute: Option<u32>,
}

impl ConfiguredCaller {
    /// Returns the key of its counter. Subjects of an issuer are known as `name:subject`, and no name has a colon.
    fn counter(&self) -> String {
        match self.kind {
            CallerKind::TokenIssuer => format!("{}:", self.name),
            CallerKind::Client | CallerKind::Anonymous => self.name.clone(),
        }
    }
}

/// Event of a caller that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallerEvent {
    /// A request, whatever became of it.
    Request,
    /// A refusal because of a rate limit.
    RateLimited,
    /// A refusal, of all or of a field, because a scope is missing.
    Forbidden,
}

/// Counts of a caller in a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallerCounts {
    /// Number of requests.
    pub requests: u64,
    /// Number of requests that a rate limit refused.
    pub rate_limited: u64,
    /// Number of responses with a refusal because a scope is missing.
    pub forbidden: u64,
}

impl CallerCounts {
    fn add(&mut self, event: CallerEvent, count: u32) {
        let counter = match event {
            CallerEvent::Request => &mut self.requests,
            CallerEvent::RateLimited => &mut self.rate_limited,
            CallerEvent::Forbidden => &mut self.forbidden,
        };
        *counter = counter.saturating_add(count.into());
    }

    fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            rate_limited: self.rate_limited.saturating_add(other.rate_limited),
            forbidden: self.forbidden.saturating_add(other.forbidden),
        }
    }
}

/// Counts of a caller by step, oldest first; steps without an event are left out.
#[derive(Debug, Default)]
struct Counter(Mutex<VecDeque<(u64, CallerCounts)>>);

impl Counter {
    fn add(&self, step: u64, event: CallerEvent, count: u32) {
        let mut steps = self.0.lock();
        if steps.back().is_none_or(|(last, _)| *last < step) {
            while steps.front().is_some_and(|(first, _)| first + STEPS_OF_DAY <= step) {
                steps.pop_front();
            }
            steps.push_back((step, CallerCounts::default()));
        }
        if let Some((_, counts)) = steps.back_mut() {
            counts.add(event, count);
        }
    }

    fn sum_since(&self, step: u64) -> CallerCounts {
        let steps = self.0.lock();
        let counted = steps.iter().rev().take_while(|(at, _)| *at >= step);
        counted.fold(CallerCounts::default(), |sum, (_, counts)| sum.plus(*counts))
    }
}

/// Use of a caller in one window of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallerUse {
    /// Time from the begin of the window until now. Shorter than the window after a start.
    pub counted_for: Duration,
    /// Counts of the window.
    pub counts: CallerCounts,
}

/// A configured caller with its counter.
struct CountedCaller {
    caller: ConfiguredCaller,
    counter: Arc<Counter>,
}

/// The configured callers of this process with their counters.
pub struct CallerRegistry {
    started: Instant,
    callers: ArcSwap<BTreeMap<String, CountedCaller>>,
}

impl Default for CallerRegistry {
    fn default() -> Self {
        Self { started: Instant::now(), callers: ArcSwap::default() }
    }
}

impl CallerRegistry {
    /// Replaces the callers by those of a configuration. Those that were there before keep their counts.
    pub fn replace(&self, configured: Vec<ConfiguredCaller>) {
        let before = self.callers.load_full();
        let counted = configured.into_iter().map(|caller| {
            let key = caller.counter();
            let counter = before.get(&key).map(|earlier| Arc::clone(&earlier.counter)).unwrap_or_default();
            (key, CountedCaller { caller, counter })
        });
        self.callers.store(Arc::new(counted.collect()));
    }

    /// Counts events of a caller. Those of callers that are no longer configured are not counted.
    pub fn record(&self, viewer: &Viewer, event: CallerEvent, count: u32) {
        if let Some(counted) = self.callers.load().get(counter_key(&viewer.id)) {
            counted.counter.add(step_at(self.started.elapsed()), event, count);
        }
    }

    /// Returns the configured caller with this id: the issuer of a token's subject. `None` if it is not, or no longer, configured.
    pub fn find(&self, id: &str) -> Option<ConfiguredCaller> {
        self.callers.load().get(counter_key(id)).map(|counted| counted.caller.clone())
    }

    /// Lists the callers by ascending name, each with its use of the last hour and of the last day.
    pub fn list(&self) -> Vec<(ConfiguredCaller, [CallerUse; 2])> {
        let (callers, now) = (self.callers.load(), self.started.elapsed());
        let used = |counter: &Counter| [STEPS_OF_HOUR, STEPS_OF_DAY].map(|steps| sum(counter, steps, now));
        callers.values().map(|counted| (counted.caller.clone(), used(&counted.counter))).collect()
    }
}

/// Returns the key of the counter of a caller.
fn counter_key(id: &str) -> &str {
    id.find(':').map_or(id, |colon| &id[..=colon])
}

/// Returns the step of a time since the start.
fn step_at(time: Duration) -> u64 {
    time.as_secs() / STEP
}

/// Sums the current step and those before it.
fn sum(counter: &Counter, steps: u64, now: Duration) -> CallerUse {
    let first = (step_at(now) + 1).saturating_sub(steps);
    let counted_for = now.saturating_sub(Duration::from_secs(first * STEP));
    CallerUse { counted_for, counts: counter.sum_since(first) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn configured(name: &str, kind: CallerKind) -> ConfiguredCaller {
        let (name, scopes) = (name.to_owned(), vec![Scope::CatalogRead]);
        ConfiguredCaller { name, kind, reseller: None, scopes, requests_per_minute: None }
    }

    fn viewer(id: &str) -> Viewer {
        Viewer { id: id.to_owned(), name: id.to_owned(), reseller: None, scopes: HashSet::new() }
    }

    fn registry() -> CallerRegistry {
        let registry = CallerRegistry::default();
        registry.replace(vec![configured("shop", CallerKind::Client), configured("idp", CallerKind::TokenIssuer)]);
        registry
    }

    fn requests(registry: &CallerRegistry, name: &str) -> [u64; 2] {
        let list = registry.list();
        let (_, used) = list.iter().find(|(caller, _)| caller.name == name).expect("the caller");
        used.map(|used| used.counts.requests)
    }

    #[tokio::test(start_paused = true)]
    async fn requests_leave_the_hour_and_then_the_day() {
        let registry = registry();
        registry.record(&viewer("shop"), CallerEvent::Request, 3);
        tokio::time::advance(Duration::from_secs(1_800)).await;
        registry.record(&viewer("shop"), CallerEvent::Request, 4);
        assert_eq!(requests(&registry, "shop"), [7, 7]);
        tokio::time::advance(Duration::from_secs(1_800)).await;
        assert_eq!(requests(&registry, "shop"), [4, 7]);
        tokio::time::advance(Duration::from_secs(22 * 3_600)).await;
        assert_eq!(requests(&registry, "shop"), [0, 7]);
        tokio::time::advance(Duration::from_secs(3_600)).await;
        assert_eq!(requests(&registry, "shop"), [0, 4]);
        let used = registry.list().remove(1).1;
        let longest = [STEPS_OF_HOUR, STEPS_OF_DAY].map(|steps| Duration::from_secs(steps * STEP));
        for (used, longest) in used.iter().zip(longest) {
            assert!(used.counted_for <= longest && used.counted_for + Duration::from_secs(STEP) >= longest, "{used:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn counters_are_kept_for_a_day_only() {
        let registry = registry();
        for _ in 0..3 * STEPS_OF_DAY {
            registry.record(&viewer("shop"), CallerEvent::Forbidden, 1);
            tokio::time::advance(Duration::from_secs(STEP)).await;
        }
        let callers = registry.callers.load();
        assert_eq!(callers["shop"].counter.0.lock().len(), usize::try_from(STEPS_OF_DAY).expect("a number"));
    }

    #[tokio::test(start_paused = true)]
    async fn strangers_have_no_counter_and_the_subjects_of_an_issuer_share_one() {
        let registry = registry();
        for id in ["idp:ada", "idp:bea", "idp:bea:x", "other:ada", "idp", "stranger", ""] {
            registry.record(&viewer(id), CallerEvent::Request, 1);
        }
        assert_eq!((requests(&registry, "idp"), requests(&registry, "shop")), ([3, 3], [0, 0]));
        assert_eq!(registry.callers.load().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reload_keeps_the_counts_of_callers_that_stay() {
        let registry = registry();
        registry.record(&viewer("shop"), CallerEvent::Request, 5);
        registry.record(&viewer("idp:ada"), CallerEvent::Request, 6);
        registry.replace(vec![configured("shop", CallerKind::Client), configured("new", CallerKind::Client)]);
        assert_eq!((requests(&registry, "shop"), requests(&registry, "new")), ([5, 5], [0, 0]));
        assert_eq!(registry.list().len(), 2);
    }
}
