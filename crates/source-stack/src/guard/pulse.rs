//! The pulse of a source: how it is, told from what its calls came to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use domain::{Budget, Clock, ErrorKind, Health, HealthReport, HealthState, SourceId, VendorError};

/// How long a failure casts doubt on a source.
const LATELY: Duration = Duration::from_secs(60);
/// Failures without a good answer in between after which a source does not answer.
const DOWN_AFTER: u32 = 5;
/// How long a source counts as throttled that does not say when it is ready again.
const THROTTLED: Duration = Duration::from_secs(5);

/// Keeps the health of one source. Made before the source is connected, since the source is told where its health can be read.
pub struct Pulse {
    source: SourceId,
    clock: Arc<dyn Clock>,
    budget: Arc<dyn Budget>,
    beat: Mutex<Beat>,
    /// What was concluded last, for those who wait for another conclusion.
    told: watch::Sender<Conclusion>,
}

struct Beat {
    state: HealthState,
    since: Timestamp,
    last_success: Option<Timestamp>,
    last_failure: Option<Timestamp>,
    /// Failures of the last minute.
    failures: VecDeque<Instant>,
    failures_in_a_row: u32,
    open_breakers: u32,
    throttled_until: Option<Instant>,
}

/// What is concluded, and when time alone may change it.
#[derive(Clone, Copy)]
struct Conclusion {
    report: HealthReport,
    turns: Option<Instant>,
}

/// The most failures that are remembered; more would not change what is told.
const REMEMBERED: usize = 64;

impl Pulse {
    /// A source that nobody has asked yet counts as up.
    pub fn new(source: SourceId, clock: Arc<dyn Clock>, budget: Arc<dyn Budget>) -> Self {
        let beat = Beat {
            state: HealthState::Up,
            since: clock.now(),
            last_success: None,
            last_failure: None,
            failures: VecDeque::new(),
            failures_in_a_row: 0,
            open_breakers: 0,
            throttled_until: None,
        };
        let report = beat.report(Instant::now(), budget.remaining());
        let told = watch::Sender::new(Conclusion { report, turns: None });
        Self { source, clock, budget, beat: Mutex::new(beat), told }
    }

    /// An attempt was answered, be it with a business no.
    pub(super) fn answered(&self) {
        self.update(|beat, _, now| {
            beat.last_success = Some(now);
            beat.failures_in_a_row = 0;
        });
    }

    /// An attempt failed.
    pub(super) fn failed(&self, error: &VendorError) {
        self.update(|beat, instant, now| match error.kind {
            ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::Malformed | ErrorKind::Unauthorized => {
                beat.last_failure = Some(now);
                beat.failures.push_back(instant);
                beat.failures_in_a_row += 1;
            }
            ErrorKind::RateLimited => {
                let until = instant + error.retry_after.unwrap_or(THROTTLED);
                beat.throttled_until = beat.throttled_until.max(Some(until));
            }
            // Said by a source that is well, or by ourselves.
            ErrorKind::NotFound | ErrorKind::Rejected(_) | ErrorKind::Unsupported | ErrorKind::Internal => {}
        });
    }

    /// A breaker opened or closed.
    pub(super) fn breaker_turned(&self, is_closed: bool) {
        self.update(|beat, _, _| {
            beat.open_breakers = if is_closed { beat.open_breakers.saturating_sub(1) } else { beat.open_breakers + 1 };
        });
    }

    fn update(&self, change: impl FnOnce(&mut Beat, Instant, Timestamp)) {
        let (instant, now) = (Instant::now(), self.clock.now());
        let mut beat = self.lock();
        change(&mut beat, instant, now);
        self.settle(&mut beat, instant, now);
    }

    /// Draws the conclusion, and tells it where it is a new one. Runs on reading too: time alone can change it.
    fn settle(&self, beat: &mut Beat, instant: Instant, now: Timestamp) -> Conclusion {
        while beat.failures.len() > REMEMBERED || beat.failures.front().is_some_and(|at| instant - *at > LATELY) {
            beat.failures.pop_front();
        }
        let state = beat.conclusion();
        if state != beat.state {
            tracing::warn!(source = %self.source, from = ?beat.state, to = ?state, "the source has changed its health");
            beat.state = state;
            beat.since = now;
        }
        let report = beat.report(instant, self.budget.remaining());
        let concluded = Conclusion { report, turns: beat.turns(instant) };
        self.told.send_if_modified(|told| {
            // Whoever waits until a turn looks again then, and finds a later one by itself.
            let is_news = !told.report.says_the_same(&report) || told.turns.is_some() != concluded.turns.is_some();
            *told = concluded;
            is_news
        });
        let up = match report.state {
            HealthState::Up => 1.0,
            HealthState::Degraded => 0.5,
            HealthState::Down => 0.0,
        };
        metrics::gauge!("ticketgraph_source_up", "source" => self.source.to_string()).set(up);
        concluded
    }

    fn look(&self) -> Conclusion {
        let (instant, now) = (Instant::now(), self.clock.now());
        self.settle(&mut self.lock(), instant, now)
    }

    fn lock(&self) -> MutexGuard<'_, Beat> {
        self.beat.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Beat {
    fn conclusion(&self) -> HealthState {
        let fails_always = self.failures_in_a_row >= DOWN_AFTER;
        if fails_always || (self.open_breakers > 0 && self.failures_in_a_row > 0) {
            HealthState::Down
        } else if !self.failures.is_empty() || self.open_breakers > 0 {
            HealthState::Degraded
        } else {
            HealthState::Up
        }
    }

    /// When time alone may change the conclusion next.
    fn turns(&self, now: Instant) -> Option<Instant> {
        let doubt_ends = self.failures.back().map(|at| *at + LATELY + Duration::from_millis(1));
        let throttle_ends = self.throttled_until.filter(|until| now < *until);
        [doubt_ends, throttle_ends].into_iter().flatten().min()
    }

    fn report(&self, now: Instant, remaining_budget: Option<u32>) -> HealthReport {
        HealthReport {
            state: self.state,
            since: self.since,
            throttled: self.throttled_until.is_some_and(|until| now < until),
            last_success_at: self.last_success,
            last_failure_at: self.last_failure,
            remaining_budget,
        }
    }
}

#[async_trait]
impl Health for Pulse {
    fn report(&self) -> HealthReport {
        self.look().report
    }

    async fn changed(&self, known: &HealthReport) -> HealthReport {
        // Waiting begins before looking: a change in between is not missed.
        let mut told = self.told.subscribe();
        loop {
            let Conclusion { report, turns } = self.look();
            if !report.says_the_same(known) {
                return report;
            }
            tokio::select! {
                // Its sender lives as long as this pulse.
                _ = told.changed() => {}
                () = reached(turns) => {}
            }
        }
    }
}

/// Ends at an instant; never where there is none.
async fn reached(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
