//! The runner: claims webhooks, turns the feed into messages, and sends them. One task for each process; the sends run beside it.

mod cycle;
mod leased;
#[cfg(test)]
mod tests;
mod wake;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use change_feed::ChangeStore;
use domain::Clock;
use resilience::RetryPolicy;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::notice::WebhookNotifier;
use crate::runner::leased::{Finished, Leased};
pub use crate::runner::wake::Wake;
use crate::send::Sender;
use crate::store::WebhookStore;
use crate::webhook::WebhookKey;

/// Time for which a cycle waits for more changes and outcomes: all of them are written in one transaction.
const GATHER_TIME: Duration = Duration::from_millis(10);
/// Time between two looks for webhooks that no process sends for.
const CLAIM_INTERVAL: Duration = Duration::from_secs(1);
/// Time between two deletions of old log entries.
const CLEAN_INTERVAL: Duration = Duration::from_secs(60);
/// Time between two measurements of what waits.
const MEASURE_INTERVAL: Duration = Duration::from_secs(1);
/// Delay after the store failed.
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// Time that a lease lasts longer than the longest attempt.
const LEASE_RESERVE: Duration = Duration::from_secs(15);
/// Remaining time of a lease that starts no attempt, beside that of the attempt.
const LEASE_MARGIN: Duration = Duration::from_secs(1);

/// Settings of sending.
#[derive(Debug, Clone, Copy)]
pub struct RunnerSettings {
    /// Time from the first attempt of a message after which its webhook is disabled.
    pub max_attempts_for: Duration,
    /// Waits between attempts.
    pub retry: RetryPolicy,
    /// Most messages of a webhook that wait. The feed has the rest.
    pub window: usize,
    /// Most sends at the same time to a webhook.
    pub sends_per_webhook: usize,
    /// Most sends at the same time to the webhooks of one reseller, and to those of callers without one.
    pub sends_per_owner: usize,
    /// Most sends at the same time.
    pub sends: usize,
    /// Time between two looks at the feed for changes that another process wrote.
    pub poll_interval: Duration,
    /// Time for which the log of deliveries is stored.
    pub log_retention: Duration,
    /// Most entries of the log of a webhook.
    pub log_entries: usize,
}

/// Ports and settings of the runner.
#[derive(Clone)]
pub struct RunnerDependencies {
    /// Webhooks and messages.
    pub store: Arc<dyn WebhookStore>,
    /// The feed.
    pub feed: Arc<dyn ChangeStore>,
    /// Sends a message.
    pub sender: Sender,
    /// Receives notices of disabled webhooks.
    pub notifier: Option<Arc<dyn WebhookNotifier>>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Settings.
    pub settings: RunnerSettings,
}

/// Sends the messages of the webhooks that this process has leased.
pub struct WebhookRunner {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl WebhookRunner {
    /// Starts it.
    pub fn start(dependencies: RunnerDependencies, wake: Wake) -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        tasks.spawn(Runner::new(dependencies, wake).run(stop.clone()));
        Self { tasks, stop }
    }

    /// Starts no other send, waits for those in flight, records them, and ends the leases.
    pub async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

struct Runner {
    dependencies: RunnerDependencies,
    wake: Wake,
    leased: BTreeMap<WebhookKey, Leased>,
    sends: JoinSet<Finished>,
    /// Number of the webhook whose messages are considered first.
    turn: usize,
    /// True if the feed may have entries that were not read.
    is_behind: bool,
    next_poll: Instant,
    next_claim: Instant,
    next_clean: Instant,
    next_measure: Instant,
    /// End of the pause after a failure of the store.
    paused_until: Instant,
}

/// Places for sends at the same time: in all, and for the webhooks of one reseller.
struct Places {
    settings: RunnerSettings,
    taken: usize,
    by_reseller: BTreeMap<Option<String>, usize>,
}

impl Places {
    fn has_one(&self, reseller: &Option<String>) -> bool {
        !self.is_full() && self.by_reseller.get(reseller).is_none_or(|taken| *taken < self.settings.sends_per_owner)
    }

    fn is_full(&self) -> bool {
        self.taken >= self.settings.sends
    }

    fn take(&mut self, reseller: &Option<String>) {
        self.taken += 1;
        *self.by_reseller.entry(reseller.clone()).or_default() += 1;
    }
}

impl Runner {
    fn new(dependencies: RunnerDependencies, wake: Wake) -> Self {
        let now = Instant::now();
        Self {
            dependencies,
            wake,
            leased: BTreeMap::new(),
            sends: JoinSet::new(),
            turn: 0,
            is_behind: true,
            next_poll: now,
            next_claim: now,
            next_clean: now + CLEAN_INTERVAL,
            next_measure: now,
            paused_until: now,
        }
    }

    /// Returns the length of a lease: the longest attempt loads an object and sends it.
    fn lease(&self) -> Duration {
        self.longest_attempt() + LEASE_RESERVE
    }

    fn longest_attempt(&self) -> Duration {
        self.dependencies.sender.timeout * 2
    }

    async fn run(mut self, stop: CancellationToken) {
        let mut positions = self.dependencies.feed.positions();
        while !stop.is_cancelled() {
            self.cycle().await;
            let wake_at = self.wake_at();
            let woken = self.wake.clone();
            tokio::select! {
                () = stop.cancelled() => break,
                Some(finished) = self.sends.join_next(), if !self.sends.is_empty() => self.absorb(finished),
                // The sender lives as long as the store.
                Ok(()) = positions.changed(), if !self.leased.is_empty() => self.is_behind = true,
                () = woken.woken() => self.next_claim = Instant::now(),
                () = sleep_until(wake_at) => {}
            }
            tokio::time::sleep(GATHER_TIME).await;
        }
        self.finish().await;
    }

    /// Returns the time of the next cycle if nothing happens before.
    fn wake_at(&self) -> Instant {
        let mut at = self.next_claim.min(self.next_clean);
        if !self.leased.is_empty() {
            at = at.min(self.next_poll);
        }
        let settings = &self.dependencies.settings;
        if self.leased.values().any(|leased| leased.wants_more(settings)) {
            return self.paused_until;
        }
        let now = self.dependencies.clock.now();
        // A send that ends makes room for those that have none.
        let places = self.places();
        let with_place = self.leased.values().filter(|leased| places.has_one(leased.reseller()));
        let due = with_place.filter_map(|leased| leased.wait_until_due(now, settings)).min();
        if let Some(wait) = due {
            at = at.min(Instant::now() + wait);
        }
        at.max(self.paused_until)
    }

    /// Returns the places for sends.
    fn places(&self) -> Places {
        let mut places =
            Places { settings: self.dependencies.settings, taken: self.sends.len(), by_reseller: BTreeMap::new() };
        for leased in self.leased.values() {
            *places.by_reseller.entry(leased.webhook.owner.reseller.clone()).or_default() += leased.in_flight();
        }
        places
    }

    /// Ends the sends in flight, and releases everything.
    async fn finish(mut self) {
        while let Some(finished) = self.sends.join_next().await {
            self.absorb(finished);
        }
        self.write().await;
        let leases: Vec<_> = self.leased.iter().map(|(key, leased)| (key.clone(), leased.webhook.fence)).collect();
        if let Err(error) = self.dependencies.store.release_webhooks(&leases).await {
            tracing::warn!(%error, "the leases of webhooks could not be ended: they expire");
        }
    }
}
