//! One guarded call while it runs: what is still open, what was answered, and how much time is left.

use std::hash::Hash;
use std::time::Duration;

use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, sleep};

use crate::guard::Guard;
use crate::guard::breaker::{Leave, Verdict};
use crate::guard::lane::Lane;
use crate::guard::observe::Observation;
use crate::guard::retry;
use domain::{Batch, Effect, ErrorKind, Operation, VendorError};

/// One guarded call while it runs.
pub(super) struct Call<'g> {
    pub(super) deadline: Instant,
    pub(super) observation: Observation,
    guard: &'g Guard,
    lane: &'g Lane,
    operation: Operation,
    repeats: u32,
    /// What the attempts so far may have done together. Nothing that a later attempt says takes it back.
    effect: Effect,
    /// Whether an earlier attempt was answered for some of its keys.
    is_answered: bool,
}

/// What one attempt came to.
pub(super) struct Round {
    /// What it says about the source.
    verdict: Verdict,
    /// Its first fault, where it had one. A business no is none.
    fault: Option<VendorError>,
    /// Whether any key was answered, be it with a business no.
    is_answered: bool,
    /// The longest wait that was asked for.
    pub(super) retry_after: Option<Duration>,
}

impl<'g> Call<'g> {
    pub(super) fn begin(guard: &'g Guard, operation: Operation, items: usize) -> Self {
        Self {
            deadline: Instant::now() + guard.policy.deadline(operation, guard.slow_confirm),
            observation: Observation::begin(&guard.source, operation, items),
            lane: guard.lanes.of(operation),
            guard,
            operation,
            repeats: 0,
            effect: Effect::None,
            is_answered: false,
        }
    }

    /// Waits for a place in the lane.
    pub(super) async fn enter(&self) -> Result<SemaphorePermit<'g>, VendorError> {
        let place = self.lane.enter(self.deadline).await;
        self.lane.repeats.add_operation();
        let soon = self.guard.policy.retries.longest_pause;
        place.ok_or_else(|| self.error(ErrorKind::RateLimited).with_retry_after(Some(soon)))
    }

    /// Asks the breaker for leave to make an attempt.
    pub(super) fn leave(&self) -> Result<Leave<'g>, VendorError> {
        self.lane.breaker.admit().map_err(|rest| self.error(ErrorKind::Unavailable).with_retry_after(Some(rest)))
    }

    /// Tells everybody who keeps count how an attempt ended.
    pub(super) fn conclude(&mut self, leave: Leave<'_>, round: &Round) {
        // Keys that fail again while their neighbours were answered say nothing new about the source.
        let verdict =
            if self.is_answered && round.verdict == Verdict::Failed { Verdict::Silent } else { round.verdict };
        let turned = leave.settle(verdict);
        let pulse = &self.guard.pulse;
        if round.is_answered {
            pulse.answered();
        }
        if let Some(fault) = round.fault.as_ref().filter(|_| !self.is_answered) {
            pulse.failed(fault);
        }
        if let Some(is_closed) = turned {
            pulse.breaker_turned(is_closed);
            self.lane.breaker_turned(&self.guard.source, is_closed);
        }
        self.is_answered |= round.is_answered;
        self.observation.attempted(round.fault.as_ref());
    }

    /// Waits before a repeat. `false`: there is to be none.
    pub(super) async fn pause(&mut self, asked_for: Option<Duration>) -> bool {
        let policy = &self.guard.policy.retries;
        let wait = retry::pause(policy, self.repeats, asked_for);
        if self.repeats + 1 >= policy.max_attempts || Instant::now() + wait >= self.deadline {
            return false;
        }
        // A repeat at the time that the vendor named is no wave, and is not counted as one.
        if asked_for.is_none() && !self.lane.repeats.take_repeat() {
            return false;
        }
        self.repeats += 1;
        self.observation.repeats();
        sleep(wait).await;
        true
    }

    fn error(&self, kind: ErrorKind) -> VendorError {
        VendorError::new(&self.guard.source, self.operation, kind)
    }

    /// Adds to an error what earlier attempts of the same call may have done.
    fn stained(&mut self, mut error: VendorError) -> VendorError {
        if error.effect == Effect::Unknown {
            self.effect = Effect::Unknown;
        }
        error.effect = self.effect;
        error
    }
}

/// What is asked about, and what came of it so far.
pub(super) struct Asked<I, F, K, V> {
    open: Vec<Open<I>>,
    key_of: F,
    answers: Batch<K, V>,
}

/// Something that has no final answer yet.
struct Open<I> {
    item: I,
    failure: Option<VendorError>,
}

impl<I, F, K, V> Asked<I, F, K, V>
where
    I: Clone,
    F: Fn(&I) -> K,
    K: Eq + Hash,
{
    pub(super) fn new(items: Vec<I>, key_of: F) -> Self {
        let answers = Batch::with_capacity(items.len());
        Self { open: items.into_iter().map(|item| Open { item, failure: None }).collect(), key_of, answers }
    }

    pub(super) fn open_items(&self) -> Vec<I> {
        self.open.iter().map(|open| open.item.clone()).collect()
    }

    pub(super) fn is_settled(&self) -> bool {
        self.open.is_empty()
    }

    /// Takes the answers of an attempt. What failed in passing stays open.
    pub(super) fn take(&mut self, call: &mut Call<'_>, mut answers: Batch<K, V>) -> Round {
        let mut round = Round { verdict: Verdict::Silent, fault: None, is_answered: false, retry_after: None };
        for open in std::mem::take(&mut self.open) {
            let key = (self.key_of)(&open.item);
            let answer = answers.remove(&key).unwrap_or_else(|| {
                Err(call.error(ErrorKind::Internal).because("the port left out a key that was asked for"))
            });
            match answer {
                Ok(value) => {
                    round.note(Verdict::Fine);
                    self.answers.insert(key, Ok(value));
                }
                Err(error) => {
                    let error = call.stained(error);
                    round.note_failure(&error);
                    if retry::may_repeat(call.operation, &error, call.guard.honours_keys) {
                        self.open.push(Open { item: open.item, failure: Some(error) });
                    } else {
                        self.answers.insert(key, Err(error));
                    }
                }
            }
        }
        round
    }

    /// The deadline fired while the vendor was being asked: a write may have acted, whatever comes of it.
    pub(super) fn lose(&mut self, call: &mut Call<'_>) -> Round {
        let effect = if call.operation.reads() { Effect::None } else { Effect::Unknown };
        let late = call.error(ErrorKind::Timeout).with_effect(effect);
        let late = call.stained(late);
        for open in &mut self.open {
            open.failure = Some(late.clone());
        }
        Round { verdict: Verdict::Failed, fault: Some(late), is_answered: false, retry_after: None }
    }

    /// Gives what is left open its last failure, or the reason why it was never asked for.
    pub(super) fn close(mut self, call: &mut Call<'_>, refused: Option<VendorError>) -> Batch<K, V> {
        for open in std::mem::take(&mut self.open) {
            let last = open.failure.or_else(|| refused.clone());
            let error = last.unwrap_or_else(|| call.error(ErrorKind::Internal));
            self.answers.insert((self.key_of)(&open.item), Err(error));
        }
        let is_fine = self.answers.values().any(Result::is_ok);
        let failure = self.answers.values().find_map(|answer| answer.as_ref().err());
        call.observation.end(if is_fine { None } else { failure });
        self.answers
    }
}

impl Round {
    /// One key that was answered says more about the source than all that were not.
    fn note(&mut self, verdict: Verdict) {
        let weight = |verdict| match verdict {
            Verdict::Silent => 0,
            Verdict::Failed => 1,
            Verdict::Alive => 2,
            Verdict::Fine => 3,
        };
        self.is_answered |= weight(verdict) >= 2;
        if weight(verdict) > weight(self.verdict) {
            self.verdict = verdict;
        }
    }

    fn note_failure(&mut self, error: &VendorError) {
        let verdict = match error.kind {
            ErrorKind::NotFound | ErrorKind::Rejected(_) | ErrorKind::Unsupported => Verdict::Alive,
            ErrorKind::Unavailable | ErrorKind::Timeout => Verdict::Failed,
            // Told apart from silence only in the health: one thing that cannot be read, or our own wrong key,
            // is no reason to stop asking for everything else.
            ErrorKind::RateLimited | ErrorKind::Malformed | ErrorKind::Unauthorized | ErrorKind::Internal => {
                Verdict::Silent
            }
        };
        self.note(verdict);
        self.retry_after = self.retry_after.max(error.retry_after);
        if verdict != Verdict::Alive && self.fault.is_none() {
            self.fault = Some(error.clone());
        }
    }
}
