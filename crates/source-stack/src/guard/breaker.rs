//! The breaker: leaves a source alone that keeps failing, and tries it again one call at a time.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::policy::BreakerPolicy;

/// The most outcomes that are remembered, however busy the source is.
const REMEMBERED: usize = 1000;

/// What an attempt says about the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It did what was asked.
    Fine,
    /// It said no, as a business does: it is alive, and that is all that is learnt.
    Alive,
    /// Nothing is learnt about the source: we were throttled, or hung up ourselves.
    Silent,
    /// It failed.
    Failed,
}

enum Phase {
    Closed,
    /// Left alone until then. `rests` counts the rests in a row.
    Open {
        until: Instant,
        rests: u32,
    },
    /// One call at a time is let through.
    Probing {
        is_busy: bool,
        good: u32,
        rests: u32,
    },
}

struct State {
    phase: Phase,
    outcomes: VecDeque<(Instant, bool)>,
}

/// Leaves a source alone that keeps failing.
pub struct Breaker {
    policy: BreakerPolicy,
    state: Mutex<State>,
}

/// Leave to make one attempt. Dropping it without a verdict gives a probe's place back.
pub struct Leave<'a> {
    breaker: &'a Breaker,
    probes: bool,
}

impl Breaker {
    /// All calls are let through at first.
    pub fn new(policy: BreakerPolicy) -> Self {
        Self { policy, state: Mutex::new(State { phase: Phase::Closed, outcomes: VecDeque::new() }) }
    }

    /// Lets an attempt through, or says for how long the source is left alone.
    pub fn admit(&self) -> Result<Leave<'_>, Duration> {
        let now = Instant::now();
        let mut state = self.lock();
        let probes = match state.phase {
            Phase::Closed => false,
            Phase::Open { until, .. } if now < until => return Err(until - now),
            Phase::Open { rests, .. } => {
                state.phase = Phase::Probing { is_busy: true, good: 0, rests };
                true
            }
            // The probe in flight tells soon; nobody waits for it.
            Phase::Probing { is_busy: true, .. } => return Err(self.policy.rest),
            Phase::Probing { good, rests, .. } => {
                state.phase = Phase::Probing { is_busy: true, good, rests };
                true
            }
        };
        Ok(Leave { breaker: self, probes })
    }

    fn settle(&self, probes: bool, verdict: Verdict) -> Option<bool> {
        let now = Instant::now();
        let mut state = self.lock();
        let was_closed = matches!(state.phase, Phase::Closed);
        match (&state.phase, probes) {
            (Phase::Closed, false) => self.remember(&mut state, now, verdict),
            (&Phase::Probing { good, rests, .. }, true) => state.phase = self.after_probe(good, rests, now, verdict),
            // A straggler from before the phase changed proves nothing about now.
            _ => {}
        }
        if matches!(state.phase, Phase::Open { .. }) {
            state.outcomes.clear();
        }
        let is_closed = matches!(state.phase, Phase::Closed);
        (is_closed != was_closed).then_some(is_closed)
    }

    fn remember(&self, state: &mut State, now: Instant, verdict: Verdict) {
        let failed = match verdict {
            Verdict::Fine => false,
            Verdict::Failed => true,
            // Business answers neither open the breaker nor hide failures among them.
            Verdict::Alive | Verdict::Silent => return,
        };
        let outcomes = &mut state.outcomes;
        outcomes.push_back((now, failed));
        while outcomes.len() > REMEMBERED || outcomes.front().is_some_and(|(at, _)| now - *at > self.policy.window) {
            outcomes.pop_front();
        }
        let failures = outcomes.iter().filter(|(_, failed)| *failed).count();
        let proven = outcomes.len() >= self.policy.min_calls;
        if proven && failures * 100 >= outcomes.len() * self.policy.failure_percent {
            state.phase = self.rest(0, now);
        }
    }

    fn after_probe(&self, good: u32, rests: u32, now: Instant, verdict: Verdict) -> Phase {
        match verdict {
            Verdict::Failed => self.rest(rests, now),
            Verdict::Silent => Phase::Probing { is_busy: false, good, rests },
            Verdict::Fine | Verdict::Alive if good + 1 >= self.policy.closes_after => Phase::Closed,
            Verdict::Fine | Verdict::Alive => Phase::Probing { is_busy: false, good: good + 1, rests },
        }
    }

    fn rest(&self, rests: u32, now: Instant) -> Phase {
        let rest = self.policy.rest.saturating_mul(1 << rests.min(16)).min(self.policy.longest_rest);
        Phase::Open { until: now + rest, rests: rests + 1 }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leave<'_> {
    /// Says how the attempt ended, and hears whether the breaker closed (`true`) or opened (`false`) by it.
    pub fn settle(mut self, verdict: Verdict) -> Option<bool> {
        let probes = std::mem::take(&mut self.probes);
        self.breaker.settle(probes, verdict)
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if self.probes {
            self.breaker.settle(true, Verdict::Silent);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;
    use crate::policy::Policy;

    fn breaker() -> Breaker {
        Breaker::new(Policy::default().breaker)
    }

    fn attempt(breaker: &Breaker, verdict: Verdict) -> bool {
        breaker.admit().map(|leave| leave.settle(verdict)).is_ok()
    }

    fn is_closed(breaker: &Breaker) -> bool {
        matches!(breaker.lock().phase, Phase::Closed)
    }

    fn opened() -> Breaker {
        let breaker = breaker();
        (0..5).for_each(|_| assert!(attempt(&breaker, Verdict::Failed)));
        assert!(!is_closed(&breaker));
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_at_the_share_of_failures_and_tells_how_long_it_rests() {
        let breaker = opened();
        assert_eq!(breaker.admit().err(), Some(Duration::from_secs(2)));
        advance(Duration::from_millis(500)).await;
        assert_eq!(breaker.admit().err(), Some(Duration::from_millis(1500)));
    }

    #[tokio::test(start_paused = true)]
    async fn one_failure_in_twenty_does_not_open_it() {
        let breaker = breaker();
        for call in 0..2000 {
            let verdict = if call % 20 == 0 { Verdict::Failed } else { Verdict::Fine };
            assert!(attempt(&breaker, verdict));
            advance(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn business_answers_neither_open_it_nor_hide_failures_among_them() {
        let breaker = breaker();
        for _ in 0..100 {
            assert!(attempt(&breaker, Verdict::Alive));
            assert!(attempt(&breaker, Verdict::Silent));
        }
        assert!(is_closed(&breaker));
        for _ in 0..5 {
            attempt(&breaker, Verdict::Alive);
            attempt(&breaker, Verdict::Failed);
        }
        assert!(!is_closed(&breaker));
    }

    #[tokio::test(start_paused = true)]
    async fn failures_that_are_long_ago_do_not_count() {
        let breaker = breaker();
        for _ in 0..20 {
            assert!(attempt(&breaker, Verdict::Failed));
            advance(Duration::from_secs(10)).await;
        }
        assert!(is_closed(&breaker));
    }

    #[tokio::test(start_paused = true)]
    async fn after_its_rest_one_probe_at_a_time_goes_through_and_good_ones_close_it() {
        let breaker = opened();
        advance(Duration::from_secs(2)).await;
        let first = breaker.admit().expect("a probe");
        assert!(breaker.admit().is_err(), "a second probe went along");
        first.settle(Verdict::Fine);
        assert!(!is_closed(&breaker));
        breaker.admit().expect("the next probe").settle(Verdict::Alive);
        assert!(is_closed(&breaker));
    }

    #[tokio::test(start_paused = true)]
    async fn each_probe_that_fails_doubles_the_rest_up_to_its_limit() {
        let breaker = opened();
        for rest in [2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(breaker.admit().err(), Some(Duration::from_secs(rest)));
            advance(Duration::from_secs(rest)).await;
            assert!(attempt(&breaker, Verdict::Failed));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_is_given_up_makes_room_for_the_next() {
        let breaker = opened();
        advance(Duration::from_secs(2)).await;
        drop(breaker.admit().expect("a probe"));
        assert!(breaker.admit().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn stragglers_from_before_it_opened_change_nothing() {
        let breaker = breaker();
        let stragglers: Vec<_> = (0..5).map(|_| breaker.admit().expect("closed")).collect();
        (0..5).for_each(|_| assert!(attempt(&breaker, Verdict::Failed)));
        advance(Duration::from_secs(2)).await;
        let probe = breaker.admit().expect("a probe");
        for leave in stragglers {
            assert_eq!(leave.settle(Verdict::Fine), None);
        }
        assert!(!is_closed(&breaker));
        probe.settle(Verdict::Failed);
        assert_eq!(breaker.admit().err(), Some(Duration::from_secs(4)));
    }
}
