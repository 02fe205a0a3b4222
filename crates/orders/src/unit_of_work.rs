//! Unit of work on one order in memory. Changes take effect only when they are written to the store.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::decision::{Decision, LegMove, SagaStep, SourceCall, decide};
use crate::leg::{Attempt, AttemptOutcome, Leg, LegOperation, NOT_SENT, RetrySchedule, UnknownOutcome};
use crate::order::Order;
use crate::problem::{Problem, ProblemCode, ProblemDetail};
use crate::settings::OrderSettings;
use crate::status::{Intent, LegStatus};
use crate::store::{OrderTimer, TicketCredential, TimerKind, Transition};
use domain::ids::StepKey;
use domain::time::later;
use domain::{OrderKey, VendorError};

/// Shortest time for which a step is put off, so that a full queue is not asked all the time.
const MIN_PUT_OFF: Duration = Duration::from_secs(1);

/// Time after which an order that is being replaced is looked at again. The runner of the new order ends the change by itself; this is for
/// the case that it is lost.
const REPLACEMENT_CHECK: Duration = Duration::from_secs(60);

/// Order being processed, with its unwritten changes.
pub(crate) struct UnitOfWork {
    /// Order as it was last written.
    pub before: Order,
    /// Current state of the order.
    pub order: Order,
    /// Barcodes received since the last write.
    pub credentials: Vec<TicketCredential>,
    pub settings: Arc<OrderSettings>,
    pub now: Timestamp,
    transitions: Vec<Transition>,
    reason: Option<String>,
}

impl UnitOfWork {
    /// Starts a unit of work on a stored order.
    pub(crate) fn new(order: Order, settings: &Arc<OrderSettings>, now: Timestamp) -> Self {
        Self {
            before: order.clone(),
            order,
            credentials: Vec::new(),
            settings: Arc::clone(settings),
            now,
            transitions: Vec::new(),
            reason: None,
        }
    }

    /// Sets the intent of a new action, and clears the problems and retries of the last one.
    pub(crate) fn set_intent(&mut self, intent: Intent) {
        self.order.intent = intent;
        for leg in &mut self.order.legs {
            leg.problems.clear();
            leg.retry = None;
        }
    }

    /// Records the reason given by the client.
    pub(crate) fn set_reason(&mut self, reason: Option<&str>) {
        self.reason = reason.map(|reason| reason.chars().filter(|c| !c.is_control()).take(200).collect());
    }

    /// Returns the next calls, after applying all moves that need no call.
    pub(crate) fn next_steps(&mut self) -> Vec<SagaStep> {
        loop {
            match decide(&self.order, self.now) {
                Decision::Call(steps) => return steps,
                Decision::Idle => return Vec::new(),
                Decision::Move(turns) => turns.into_iter().for_each(|turn| self.apply_move(turn)),
            }
        }
    }

    /// Resumes an order after its runner was lost: attempts in flight become unknown.
    pub(crate) fn resume(&mut self) {
        for number in 0..self.order.legs.len() {
            let leg = &mut self.order.legs[number];
            let Some(open) = leg.attempts.last_mut().filter(|attempt| attempt.outcome == AttemptOutcome::InFlight)
            else {
                continue;
            };
            open.outcome = AttemptOutcome::Unknown;
            // It may have been sent after the longest wait for its turn.
            open.started_at = later(open.started_at, self.settings.max_queue_wait()).min(self.now);
            let (operation, started_at) = (open.operation, open.started_at);
            match operation {
                LegOperation::Hold | LegOperation::Confirm | LegOperation::Cancel => {
                    self.mark_unknown(number, operation, started_at, "runner lost");
                }
                LegOperation::Extend => self.extension_failed(number, Problem::new(ProblemCode::HoldNotExtended)),
                // Releasing an absent hold succeeds, so the release is simply repeated.
                LegOperation::Release if leg.status == LegStatus::Releasing => {
                    self.set_status(number, LegStatus::Held, "runner lost");
                }
                LegOperation::Release => {}
            }
        }
    }

    /// Records the attempt of a call that changes something, before it is sent.
    pub(crate) fn record_attempt(&mut self, step: SagaStep) {
        let Some(operation) = step.call.operation() else { return };
        let key = self.order.key;
        let leg = &self.order.legs[step.leg];
        let attempt = Attempt {
            operation,
            key: step_key(key, leg, operation),
            request_hash: self.request_hash(leg),
            started_at: self.now,
            deadline: later(self.now, self.settings.call_timeout),
            ended_at: None,
            outcome: AttemptOutcome::InFlight,
            result: None,
            vendor_code: None,
        };
        let attempts = &mut self.leg_mut(step.leg).attempts;
        // However often a step is put off, the order remembers it once.
        attempts.pop_if(|last| last.operation == operation && last.result.as_deref() == Some(NOT_SENT));
        attempts.push(attempt);
        match operation {
            LegOperation::Hold => self.set_status(step.leg, LegStatus::Holding, "hold"),
            LegOperation::Confirm => self.set_status(step.leg, LegStatus::Confirming, "confirm"),
            LegOperation::Cancel => self.set_status(step.leg, LegStatus::Cancelling, "cancel"),
            LegOperation::Release if self.order.legs[step.leg].status == LegStatus::Held => {
                self.set_status(step.leg, LegStatus::Releasing, "release");
            }
            LegOperation::Release | LegOperation::Extend => {}
        }
    }

    /// Moves the start of the attempt in flight to the time at which it was sent, after its time in the queue.
    pub(crate) fn record_queue_time(&mut self, number: usize, queued: Duration) {
        let open = self.leg_mut(number).attempts.last_mut();
        if let Some(open) = open.filter(|attempt| attempt.outcome == AttemptOutcome::InFlight) {
            open.started_at = later(open.started_at, queued);
            open.deadline = later(open.deadline, queued);
        }
    }

    fn apply_move(&mut self, turn: LegMove) {
        match turn {
            LegMove::SetIntent(intent) => {
                self.order.intent = intent;
                self.order.legs.iter_mut().for_each(|leg| leg.retry = None);
            }
            LegMove::Drop(leg) => self.set_status(leg, LegStatus::Released, "never booked"),
            LegMove::Expire(number) => {
                let leg = self.leg_mut(number);
                leg.has_stray_hold = false;
                leg.retry = None;
                leg.extension_requested = false;
                if leg.status == LegStatus::Held {
                    self.set_status(number, LegStatus::Expired, "hold expired");
                    self.add_problem(number, Problem::new(ProblemCode::HoldExpired));
                }
            }
            LegMove::RejectHold(number, code) => {
                self.set_status(number, LegStatus::HoldFailed, "hold too short");
                self.leg_mut(number).has_stray_hold = true;
                self.add_problem(number, Problem::new(code));
            }
            LegMove::Escalate(number) => {
                self.set_status(number, LegStatus::NeedsAttention, "not cancelable");
                self.add_problem(number, Problem::new(ProblemCode::UndoRefused));
            }
        }
    }

    /// Ends the last attempt of a leg.
    pub(super) fn end_attempt(&mut self, number: usize, outcome: AttemptOutcome, error: Option<&VendorError>) {
        let now = self.now;
        let Some(attempt) = self.leg_mut(number).attempts.last_mut() else { return };
        attempt.ended_at = Some(now);
        attempt.outcome = outcome;
        attempt.result = Some(error.map_or("done", |error| error.kind.name()).to_owned());
        if let Some(error) = error {
            attempt.vendor_code = Problem::from_vendor(error).vendor_code;
        }
    }

    /// Marks the outcome as unknown and schedules lookups, the first one at once.
    pub(super) fn mark_unknown(&mut self, number: usize, operation: LegOperation, since: Timestamp, cause: &str) {
        let cutoff = match operation {
            LegOperation::Confirm => {
                let lines = self.order.lines_of(number);
                lines.filter_map(|(_, line)| line.cutoff_at.or(line.starts_at)).min()
            }
            _ => None,
        };
        let settle_by = self.settings.settle_deadline_for(since, cutoff);
        let next_check_at = self.now;
        self.leg_mut(number).unknown =
            Some(UnknownOutcome { operation, since, next_lookup_at: next_check_at, settle_deadline: settle_by });
        self.set_status(number, LegStatus::OutcomeUnknown, cause);
        self.add_problem(number, Problem::new(ProblemCode::OutcomeUnknown));
    }

    /// Schedules the next lookup, or hands the leg over to an operator at the settle deadline.
    pub(super) fn schedule_lookup(&mut self, number: usize) {
        let (now, settings) = (self.now, Arc::clone(&self.settings));
        let Some(unknown) = self.leg_mut(number).unknown else { return };
        if now >= unknown.settle_deadline {
            self.set_status(number, LegStatus::NeedsAttention, "settle deadline");
            self.resolve(number);
            self.add_problem(number, Problem::new(ProblemCode::OutcomeNeverKnown));
            return;
        }
        let next_check_at = settings.next_attempt_at(unknown.since, now).min(unknown.settle_deadline);
        self.leg_mut(number).unknown = Some(UnknownOutcome { next_lookup_at: next_check_at, ..unknown });
    }

    /// Puts off a lookup whose turn in the queue of the source has not come.
    pub(super) fn put_off_lookup(&mut self, number: usize, error: &VendorError) {
        let (now, next_at) = (self.now, self.turn_expected_at(error));
        match &mut self.leg_mut(number).unknown {
            Some(unknown) if now < unknown.settle_deadline => {
                unknown.next_lookup_at = next_at.min(unknown.settle_deadline);
            }
            _ => self.schedule_lookup(number),
        }
    }

    /// Puts off a step that was not sent, because its turn in the queue of the source has not come or its circuit is open: neither
    /// an answer nor an attempt. Returns the schedule.
    pub(super) fn put_off_step(&mut self, number: usize, error: &VendorError) -> RetrySchedule {
        let (now, next_at) = (self.now, self.turn_expected_at(error));
        self.end_attempt(number, AttemptOutcome::Rejected, Some(error));
        let leg = self.leg_mut(number);
        if let Some(attempt) = leg.attempts.last_mut() {
            attempt.result = Some(NOT_SENT.to_owned());
        }
        let schedule = RetrySchedule { since: leg.retry.map_or(now, |schedule| schedule.since), next_at };
        leg.retry = Some(schedule);
        schedule
    }

    /// Returns the time at which a step that was put off is tried again: as long before its turn as it can wait in the queue.
    pub(super) fn turn_expected_at(&self, error: &VendorError) -> Timestamp {
        let in_queue = if error.only_waits() { self.settings.max_queue_wait() } else { Duration::ZERO };
        let wait = error.retry_after.unwrap_or_default().saturating_sub(in_queue);
        later(self.now, wait.max(MIN_PUT_OFF))
    }

    /// Clears the unknown outcome of a leg.
    pub(super) fn resolve(&mut self, number: usize) {
        let leg = self.leg_mut(number);
        leg.unknown = None;
        leg.problems.retain(|problem| problem.code != ProblemCode::OutcomeUnknown);
    }

    /// Schedules a retry of a step that had no effect, not before the wait that the source asked for is over.
    pub(super) fn schedule_retry(&mut self, number: usize, retry_after: Option<Duration>) -> RetrySchedule {
        let (now, settings) = (self.now, Arc::clone(&self.settings));
        let leg = self.leg_mut(number);
        let since = leg.retry.map_or(now, |schedule| schedule.since);
        let earliest = later(now, retry_after.unwrap_or_default());
        let schedule = RetrySchedule { since, next_at: settings.next_attempt_at(since, now).max(earliest) };
        leg.retry = Some(schedule);
        schedule
    }

    pub(super) fn extension_failed(&mut self, number: usize, problem: Problem) {
        self.leg_mut(number).extension_requested = false;
        self.add_problem(number, Problem { code: ProblemCode::HoldNotExtended, ..problem });
    }

    pub(super) fn add_problem(&mut self, number: usize, mut problem: Problem) {
        self.fill_remaining(number, &mut problem);
        let leg = self.leg_mut(number);
        let problem = problem.for_source(&leg.source.clone()).on_leg(number);
        leg.problems.retain(|other| other.code != problem.code);
        leg.problems.push(problem);
    }

    /// Completes a problem about remaining tickets, which sources report without the performance, if the leg has only
    /// one.
    fn fill_remaining(&self, number: usize, problem: &mut Problem) {
        let Some(ProblemDetail::Remaining { performance: performance @ None, wanted, .. }) = &mut problem.detail else {
            return;
        };
        let mut lines = self.order.lines_of(number).map(|(_, line)| line);
        let Some(first) = lines.next() else { return };
        let mut sum = first.quantity;
        for line in lines {
            if line.performance != first.performance {
                return;
            }
            sum = sum.saturating_add(line.quantity);
        }
        (*performance, *wanted) = (Some(first.performance.clone()), sum);
    }

    pub(super) fn leg_mut(&mut self, number: usize) -> &mut Leg {
        &mut self.order.legs[number]
    }

    pub(super) fn set_status(&mut self, number: usize, status: LegStatus, cause: &str) {
        let from = std::mem::replace(&mut self.order.legs[number].status, status);
        if from != status {
            debug_assert!(from.can_become(status), "{from:?} never becomes {status:?} ({cause})");
            self.record_transition(Some(number), from.name(), status.name(), cause);
        }
    }

    pub(super) fn record_transition(&mut self, leg: Option<usize>, from: &str, to: &str, cause: &str) {
        self.transitions.push(Transition {
            at: self.now,
            version: self.before.version + 1,
            leg,
            from: from.to_owned(),
            to: to.to_owned(),
            cause: cause.to_owned(),
        });
    }

    /// Finishes the current change: sets the version and returns the transitions since the last write.
    pub(crate) fn finish(&mut self, cause: &str) -> Vec<Transition> {
        self.order.version = self.before.version + 1;
        self.order.updated_at = self.now;
        let (from, to) = (self.before.status(), self.order.status());
        if from != to {
            let cause = self.reason.take().map_or(cause.to_owned(), |reason| format!("{cause}: {reason}"));
            self.record_transition(None, from.name(), to.name(), &cause);
        }
        std::mem::take(&mut self.transitions)
    }

    /// Returns true if there is something to write.
    pub(crate) fn is_changed(&self) -> bool {
        self.order != self.before || !self.credentials.is_empty() || !self.transitions.is_empty()
    }

    /// Returns true if there are codes to write.
    pub(crate) fn has_credentials(&self) -> bool {
        !self.credentials.is_empty()
    }

    /// Drops codes that the store has already.
    pub(crate) fn forget_credentials(&mut self, stored: &[TicketCredential]) {
        self.credentials.retain(|credential| !stored.iter().any(|other| other.is_same_as(credential)));
    }

    /// Marks the current state as written.
    pub(crate) fn mark_written(&mut self) {
        self.before.clone_from(&self.order);
        self.credentials.clear();
    }

    fn request_hash(&self, leg: &Leg) -> String {
        let request = self.order.leg_request(leg);
        // Requests are plain text and numbers, which always serialize.
        let json = serde_json::to_vec(&(request, &leg.refs)).unwrap_or_default();
        hex::encode(Sha256::digest(json))
    }
}

/// Derives the idempotency key of a step. It is equal for every attempt, before and after a crash. A further request
/// of the client (another extension or cancellation) is a new step.
pub(crate) fn step_key(order: OrderKey, leg: &Leg, operation: LegOperation) -> StepKey {
    match operation {
        LegOperation::Hold => order.step_key(leg.number, "hold"),
        LegOperation::Confirm => order.step_key(leg.number, "confirm"),
        LegOperation::Release => order.step_key(leg.number, "release"),
        LegOperation::Extend => order.step_key(leg.number, &format!("extend {}", leg.attempt_count(operation) + 1)),
        LegOperation::Cancel => {
            let cancellation =
                leg.cancellation.as_ref().map_or("all".to_owned(), |cancellation| cancellation.quote.clone());
            order.step_key(leg.number, &format!("cancel {cancellation}"))
        }
    }
}

/// Returns the indexes of the lines that a cancellation concerns.
pub(crate) fn lines_to_cancel(order: &Order, leg: &Leg) -> BTreeSet<usize> {
    match &leg.cancellation {
        Some(cancellation) => cancellation.lines.clone(),
        None => order.lines_of(leg.number).filter(|(_, line)| !line.is_canceled).map(|(number, _)| number).collect(),
    }
}

/// Returns the timers of an order. Due timers without an action are omitted.
pub(crate) fn timers(order: &Order, is_under_work: bool, now: Timestamp) -> Vec<OrderTimer> {
    let mut timers = Vec::new();
    if is_under_work {
        timers.push(OrderTimer { at: now, kind: TimerKind::Resume, leg: None });
    }
    if order.is_being_replaced() && !is_under_work {
        let at = later(now, REPLACEMENT_CHECK);
        timers.push(OrderTimer { at, kind: TimerKind::NextLookup, leg: None });
    }
    for leg in &order.legs {
        let mut add = |at: Option<Timestamp>, kind| {
            if let Some(at) = at.filter(|at| *at > now) {
                timers.push(OrderTimer { at, kind, leg: Some(leg.number) });
            }
        };
        if leg.status == LegStatus::Held || leg.has_stray_hold {
            add(leg.hold_expires_at, TimerKind::HoldExpiry);
        }
        add(leg.unknown.map(|unknown| unknown.next_lookup_at), TimerKind::NextLookup);
        add(leg.unknown.map(|unknown| unknown.settle_deadline), TimerKind::SettleDeadline);
        add(leg.retry.map(|schedule| schedule.next_at), TimerKind::Retry);
        add(leg.next_ticket_read(), TimerKind::Tickets);
    }
    timers
}

/// Returns the key for a call: that of its attempt, which is recorded once the call gets its turn. Lookups use the key of the
/// attempt that they look up.
pub(crate) fn call_key(order: &Order, step: &SagaStep) -> StepKey {
    let leg = &order.legs[step.leg];
    if let Some(operation) = step.call.operation() {
        return step_key(order.key, leg, operation);
    }
    let operation = match step.call {
        SourceCall::FindHold => LegOperation::Hold,
        SourceCall::FindCancellation => LegOperation::Cancel,
        _ => LegOperation::Confirm,
    };
    let last = leg.attempts.iter().rev().find(|attempt| attempt.operation == operation);
    last.map_or_else(|| step_key(order.key, leg, operation), |attempt| attempt.key)
}
