//! Health of a source, derived from the results of its calls.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{Clock, ErrorKind, Health, HealthReport, HealthState, RateLimiter, SourceId, VendorError};
use jiff::Timestamp;
use parking_lot::Mutex;
use resilience::{HealthStatus, HealthWindow};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Time for which a source counts as throttled if it does not say when it accepts calls again.
const DEFAULT_THROTTLE: Duration = Duration::from_secs(5);

/// Tracks the health of one source. Created before the source is connected, because the source holds a handle to it.
pub struct HealthTracker {
    source: SourceId,
    clock: Arc<dyn Clock>,
    rate_limiter: Arc<dyn RateLimiter>,
    record: Mutex<HealthRecord>,
    /// Last conclusion, for callers that wait for a different one.
    conclusions: watch::Sender<HealthConclusion>,
}

struct HealthRecord {
    state: HealthState,
    since: Timestamp,
    last_success_at: Option<Timestamp>,
    last_failure_at: Option<Timestamp>,
    window: HealthWindow,
}

/// A report, and the next time at which it may change without a call.
#[derive(Clone, Copy)]
struct HealthConclusion {
    report: HealthReport,
    changes_at: Option<Instant>,
}

impl HealthTracker {
    /// Creates a tracker. A source without calls counts as up.
    pub fn new(source: SourceId, clock: Arc<dyn Clock>, rate_limiter: Arc<dyn RateLimiter>) -> Self {
        let record = HealthRecord {
            state: HealthState::Up,
            since: clock.now(),
            last_success_at: None,
            last_failure_at: None,
            window: HealthWindow::default(),
        };
        let report = record.report(Instant::now(), rate_limiter.remaining());
        let conclusions = watch::Sender::new(HealthConclusion { report, changes_at: None });
        Self { source, clock, rate_limiter, record: Mutex::new(record), conclusions }
    }

    /// Returns the current time.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Records that the source responded, including with a business rejection.
    pub(super) fn record_success(&self) {
        self.update(|record, _, now| {
            record.last_success_at = Some(now);
            record.window.record_success();
        });
    }

    /// Records a failed attempt.
    pub(super) fn record_failure(&self, error: &VendorError) {
        self.update(|record, instant, now| match error.kind {
            ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::Malformed | ErrorKind::Unauthorized => {
                record.last_failure_at = Some(now);
                record.window.record_failure(instant);
            }
            ErrorKind::RateLimited => {
                record.window.record_throttled(instant + error.retry_after.unwrap_or(DEFAULT_THROTTLE));
            }
            // Responses of a healthy source, or our own fault.
            ErrorKind::NotFound | ErrorKind::Rejected(_) | ErrorKind::Unsupported | ErrorKind::Internal => {}
        });
    }

    /// Records that a circuit breaker closed or opened.
    pub(super) fn record_circuit(&self, is_closed: bool) {
        self.update(|record, _, _| record.window.record_circuit(is_closed));
    }

    fn update(&self, change: impl FnOnce(&mut HealthRecord, Instant, Timestamp)) {
        let (instant, now) = (Instant::now(), self.clock.now());
        let mut record = self.record.lock();
        change(&mut record, instant, now);
        self.evaluate(&mut record, instant, now);
    }

    /// Evaluates the record, and wakes waiting callers if the report changed. Reading evaluates too, because time alone can change
    /// the report.
    fn evaluate(&self, record: &mut HealthRecord, instant: Instant, now: Timestamp) -> HealthConclusion {
        let state = match record.window.status(instant) {
            HealthStatus::Up => HealthState::Up,
            HealthStatus::Degraded => HealthState::Degraded,
            HealthStatus::Down => HealthState::Down,
        };
        if state != record.state {
            tracing::warn!(source = %self.source, from = ?record.state, to = ?state, "the health of the source changed");
            record.state = state;
            record.since = now;
        }
        let report = record.report(instant, self.rate_limiter.remaining());
        let conclusion = HealthConclusion { report, changes_at: record.window.changes_at(instant) };
        self.conclusions.send_if_modified(|last| {
            // A caller that waits for a change in time evaluates again by itself then.
            let is_different =
                !last.report.is_equivalent(&report) || last.changes_at.is_some() != conclusion.changes_at.is_some();
            *last = conclusion;
            is_different
        });
        let up = match report.state {
            HealthState::Up => 1.0,
            HealthState::Degraded => 0.5,
            HealthState::Down => 0.0,
        };
        metrics::gauge!("ticketgraph_source_up", "source" => self.source.to_string()).set(up);
        conclusion
    }

    fn current(&self) -> HealthConclusion {
        let (instant, now) = (Instant::now(), self.clock.now());
        self.evaluate(&mut self.record.lock(), instant, now)
    }
}

impl HealthRecord {
    fn report(&self, now: Instant, remaining_requests: Option<u32>) -> HealthReport {
        HealthReport {
            state: self.state,
            since: self.since,
            throttled: self.window.is_throttled(now),
            last_success_at: self.last_success_at,
            last_failure_at: self.last_failure_at,
            remaining_requests,
        }
    }
}

#[async_trait]
impl Health for HealthTracker {
    fn report(&self) -> HealthReport {
        self.current().report
    }

    async fn wait_for_change(&self, last: &HealthReport) -> HealthReport {
        // Subscribed before evaluating, so that no change in between is missed.
        let mut conclusions = self.conclusions.subscribe();
        loop {
            let HealthConclusion { report, changes_at } = self.current();
            if !report.is_equivalent(last) {
                return report;
            }
            tokio::select! {
                // The sender lives as long as this tracker.
                _ = conclusions.changed() => {}
                () = wait_until(changes_at) => {}
            }
        }
    }
}

/// Waits until a time; forever without one.
async fn wait_until(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
