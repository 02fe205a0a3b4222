//! Health of a remote system, derived from the outcomes of its recent calls.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Age up to which a failure counts.
const FAILURE_WINDOW: Duration = Duration::from_secs(60);
/// Consecutive failures that make the remote system count as down.
const DOWN_AFTER: u32 = 5;
/// Upper bound of the number of failures in the window. More would not change the status.
const MAX_FAILURES: usize = 64;

/// Health of a remote system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthStatus {
    /// Calls succeed.
    Up,
    /// Some calls failed recently.
    Degraded,
    /// Calls fail.
    Down,
}

/// Sliding window over the outcomes of calls. Callers synchronize access.
#[derive(Debug, Default)]
pub struct HealthWindow {
    failures: VecDeque<Instant>,
    consecutive_failures: u32,
    open_circuits: u32,
    throttled_until: Option<Instant>,
}

impl HealthWindow {
    /// Records that the remote system responded, including with a rejection.
    pub fn record_success(&mut self) {
        self.consecutive_failures = 0;
    }

    /// Records a failure of the remote system.
    pub fn record_failure(&mut self, now: Instant) {
        self.failures.push_back(now);
        self.consecutive_failures += 1;
        if self.failures.len() > MAX_FAILURES {
            self.failures.pop_front();
        }
    }

    /// Records that the remote system accepts no calls before `until`.
    pub fn record_throttled(&mut self, until: Instant) {
        self.throttled_until = self.throttled_until.max(Some(until));
    }

    /// Records that one of the circuits to the remote system closed or opened.
    pub fn record_circuit(&mut self, is_closed: bool) {
        self.open_circuits = if is_closed { self.open_circuits.saturating_sub(1) } else { self.open_circuits + 1 };
    }

    /// Returns the status at `now`.
    pub fn status(&mut self, now: Instant) -> HealthStatus {
        while self.failures.front().is_some_and(|at| now - *at > FAILURE_WINDOW) {
            self.failures.pop_front();
        }
        let is_failing = self.consecutive_failures >= DOWN_AFTER;
        if is_failing || (self.open_circuits > 0 && self.consecutive_failures > 0) {
            HealthStatus::Down
        } else if !self.failures.is_empty() || self.open_circuits > 0 {
            HealthStatus::Degraded
        } else {
            HealthStatus::Up
        }
    }

    /// True while the remote system accepts no calls because there were too many.
    pub fn is_throttled(&self, now: Instant) -> bool {
        self.throttled_until.is_some_and(|until| now < until)
    }

    /// Returns the next time at which the status or the throttling may change without a call.
    pub fn changes_at(&self, now: Instant) -> Option<Instant> {
        let failures_expire = self.failures.back().map(|at| *at + FAILURE_WINDOW + Duration::from_millis(1));
        let throttling_ends = self.throttled_until.filter(|until| now < *until);
        [failures_expire, throttling_ends].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_degrade_the_status_until_they_leave_the_window() {
        let (mut window, now) = (HealthWindow::default(), Instant::now());
        assert_eq!(window.status(now), HealthStatus::Up);
        window.record_failure(now);
        window.record_success();
        assert_eq!(window.status(now), HealthStatus::Degraded);
        let later = window.changes_at(now).expect("the failure expires");
        assert_eq!(window.status(later), HealthStatus::Up);
    }

    #[test]
    fn consecutive_failures_or_an_open_circuit_that_still_fails_are_down() {
        let (mut window, now) = (HealthWindow::default(), Instant::now());
        (0..4).for_each(|_| window.record_failure(now));
        assert_eq!(window.status(now), HealthStatus::Degraded);
        window.record_circuit(false);
        assert_eq!(window.status(now), HealthStatus::Down);
        window.record_circuit(true);
        window.record_failure(now);
        assert_eq!(window.status(now), HealthStatus::Down);
        window.record_success();
        assert_eq!(window.status(now), HealthStatus::Degraded);
    }

    #[test]
    fn throttling_ends_by_itself_and_does_not_change_the_status() {
        let (mut window, now) = (HealthWindow::default(), Instant::now());
        let until = now + Duration::from_secs(30);
        window.record_throttled(until);
        assert_eq!((window.is_throttled(now), window.status(now)), (true, HealthStatus::Up));
        assert_eq!((window.changes_at(now), window.is_throttled(until)), (Some(until), false));
    }
}
