//! Work on an order in memory: what a call, an answer or a turn changes. Nothing counts until the ledger has it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::decide::{Call, Next, Step, Turn, decide};
use crate::ledger::{Credential, Timer, TimerKind, Transition};
use crate::leg::{Again, Attempt, AttemptOutcome, Leg, LegOperation, Unknown};
use crate::order::Order;
use crate::problem::{Detail, Problem, ProblemCode};
use crate::rules::{Rules, later};
use crate::status::{Intent, LegStatus};
use domain::ids::StepKey;
use domain::{OrderKey, VendorError};

/// An order under work, and what has to be written about it.
pub(crate) struct Work<'a> {
    /// The order as it was last written.
    pub before: Order,
    /// The order as it is now.
    pub order: Order,
    /// The codes that came in since.
    pub credentials: Vec<Credential>,
    pub rules: &'a Rules,
    pub now: Timestamp,
    moves: Vec<Transition>,
    reason: Option<String>,
}

impl<'a> Work<'a> {
    /// Begins with an order as it was read.
    pub fn on(order: Order, rules: &'a Rules, now: Timestamp) -> Self {
        Self { before: order.clone(), order, credentials: Vec::new(), rules, now, moves: Vec::new(), reason: None }
    }

    /// Begins a new action: another intent, and the problems of the last action are history.
    pub fn want(&mut self, intent: Intent) {
        self.order.intent = intent;
        for leg in &mut self.order.legs {
            leg.problems.clear();
            leg.again = None;
        }
    }

    /// Notes why the client asks.
    pub fn because(&mut self, reason: Option<&str>) {
        self.reason = reason.map(|reason| reason.chars().filter(|c| !c.is_control()).take(200).collect());
    }

    /// What to do next, after every turn that needs no call.
    pub fn next(&mut self) -> Vec<Step> {
        loop {
            match decide(&self.order, self.now) {
                Next::Call(steps) => return steps,
                Next::Rest => return Vec::new(),
                Next::Turn(turns) => turns.into_iter().for_each(|turn| self.turn(turn)),
            }
        }
    }

    /// A runner that took over: what was in flight may or may not have happened.
    pub fn adopt(&mut self) {
        for number in 0..self.order.legs.len() {
            let leg = &mut self.order.legs[number];
            let Some(open) = leg.attempts.last_mut().filter(|attempt| attempt.outcome == AttemptOutcome::InFlight)
            else {
                continue;
            };
            open.outcome = AttemptOutcome::Unknown;
            let (operation, started_at) = (open.operation, open.started_at);
            match operation {
                LegOperation::Hold | LegOperation::Confirm | LegOperation::Cancel => {
                    self.lose(number, operation, started_at, "runner lost");
                }
                LegOperation::Extend => self.not_extended(number, Problem::new(ProblemCode::HoldNotExtended)),
                // Giving back what is gone succeeds: it is simply done again.
                LegOperation::Release if leg.status == LegStatus::Releasing => {
                    self.set(number, LegStatus::Held, "runner lost");
                }
                LegOperation::Release => {}
            }
        }
    }

    /// Notes the calls that are about to be made.
    pub fn begin(&mut self, steps: &[Step]) {
        for step in steps {
            let Some(operation) = step.call.operation() else { continue };
            let key = self.order.key;
            let leg = &self.order.legs[step.leg];
            let attempt = Attempt {
                operation,
                key: key_of(key, leg, operation),
                request_hash: self.request_hash(leg),
                started_at: self.now,
                deadline: later(self.now, self.rules.call_limit),
                ended_at: None,
                outcome: AttemptOutcome::InFlight,
                answer: None,
                vendor_code: None,
            };
            self.leg(step.leg).attempts.push(attempt);
            match operation {
                LegOperation::Hold => self.set(step.leg, LegStatus::Holding, "hold"),
                LegOperation::Confirm => self.set(step.leg, LegStatus::Confirming, "confirm"),
                LegOperation::Cancel => self.set(step.leg, LegStatus::Cancelling, "cancel"),
                LegOperation::Release if self.order.legs[step.leg].status == LegStatus::Held => {
                    self.set(step.leg, LegStatus::Releasing, "release");
                }
                LegOperation::Release | LegOperation::Extend => {}
            }
        }
    }

    fn turn(&mut self, turn: Turn) {
        match turn {
            Turn::Want(intent) => {
                self.order.intent = intent;
                self.order.legs.iter_mut().for_each(|leg| leg.again = None);
            }
            Turn::Drop(leg) => self.set(leg, LegStatus::Released, "never booked"),
            Turn::Expire(number) => {
                let leg = self.leg(number);
                leg.leaves_hold = false;
                leg.again = None;
                if leg.status == LegStatus::Held {
                    self.set(number, LegStatus::Expired, "hold ran out");
                    self.add_problem(number, Problem::new(ProblemCode::HoldExpired));
                }
            }
            Turn::Refuse(number, code) => {
                self.set(number, LegStatus::HoldFailed, "hold not good enough");
                self.leg(number).leaves_hold = true;
                self.add_problem(number, Problem::new(code));
            }
            Turn::GiveUp(number) => {
                self.set(number, LegStatus::NeedsAttention, "cannot be undone");
                self.add_problem(number, Problem::new(ProblemCode::UndoRefused));
            }
        }
    }

    /// The last attempt of a leg ended.
    pub(super) fn end(&mut self, number: usize, outcome: AttemptOutcome, error: Option<&VendorError>) {
        let now = self.now;
        let Some(attempt) = self.leg(number).attempts.last_mut() else { return };
        attempt.ended_at = Some(now);
        attempt.outcome = outcome;
        attempt.answer = Some(error.map_or("done", |error| error.kind.name()).to_owned());
        if let Some(error) = error {
            attempt.vendor_code = Problem::from_vendor(error).vendor_code;
        }
    }

    /// The answer of a call is lost: it is looked up, at once and then ever less often.
    pub(super) fn lose(&mut self, number: usize, operation: LegOperation, since: Timestamp, cause: &'static str) {
        let cutoff = match operation {
            LegOperation::Confirm => {
                let lines = self.order.lines_of(number);
                lines.filter_map(|(_, line)| line.cutoff_at.or(line.starts_at)).min()
            }
            _ => None,
        };
        let settle_by = self.rules.settle_by(since, cutoff);
        let next_check_at = self.now;
        self.leg(number).unknown = Some(Unknown { operation, since, next_check_at, settle_by });
        self.set(number, LegStatus::OutcomeUnknown, cause);
        self.add_problem(number, Problem::new(ProblemCode::OutcomeUnknown));
    }

    /// A look-up gave nothing: later again, until a human takes over.
    pub(super) fn still_unknown(&mut self, number: usize) {
        let (now, rules) = (self.now, self.rules);
        let Some(unknown) = self.leg(number).unknown else { return };
        if now >= unknown.settle_by {
            self.set(number, LegStatus::NeedsAttention, "settle deadline");
            self.found(number);
            self.add_problem(number, Problem::new(ProblemCode::OutcomeNeverKnown));
            return;
        }
        let next_check_at = rules.next_check(unknown.since, now).min(unknown.settle_by);
        self.leg(number).unknown = Some(Unknown { next_check_at, ..unknown });
    }

    /// A lost answer is lost no more.
    pub(super) fn found(&mut self, number: usize) {
        let leg = self.leg(number);
        leg.unknown = None;
        leg.problems.retain(|problem| problem.code != ProblemCode::OutcomeUnknown);
    }

    /// A step that did nothing is tried again later.
    pub(super) fn try_again(&mut self, number: usize) -> Again {
        let (now, rules) = (self.now, self.rules);
        let leg = self.leg(number);
        let since = leg.again.map_or(now, |again| again.since);
        let again = Again { since, at: rules.next_check(since, now) };
        leg.again = Some(again);
        again
    }

    pub(super) fn not_extended(&mut self, number: usize, problem: Problem) {
        self.leg(number).wants_extension = false;
        self.add_problem(number, Problem { code: ProblemCode::HoldNotExtended, ..problem });
    }

    pub(super) fn add_problem(&mut self, number: usize, mut problem: Problem) {
        self.name_what_is_left(number, &mut problem);
        let leg = self.leg(number);
        let problem = problem.of(&leg.source.clone()).on_leg(number);
        leg.problems.retain(|other| other.code != problem.code);
        leg.problems.push(problem);
    }

    /// A source that has too little left does not say of what; a leg for one performance does.
    fn name_what_is_left(&self, number: usize, problem: &mut Problem) {
        let Some(Detail::Left { performance: performance @ None, wanted, .. }) = &mut problem.detail else { return };
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

    pub(super) fn leg(&mut self, number: usize) -> &mut Leg {
        &mut self.order.legs[number]
    }

    pub(super) fn set(&mut self, number: usize, status: LegStatus, cause: &'static str) {
        let from = std::mem::replace(&mut self.order.legs[number].status, status);
        if from != status {
            debug_assert!(from.may_become(status), "{from:?} never becomes {status:?} ({cause})");
            self.moved(Some(number), from.name(), status.name(), cause);
        }
    }

    fn moved(&mut self, leg: Option<usize>, from: &str, to: &str, cause: &str) {
        self.moves.push(Transition {
            at: self.now,
            version: self.before.version + 1,
            leg,
            from: from.to_owned(),
            to: to.to_owned(),
            cause: cause.to_owned(),
        });
    }

    /// Everything that moved since the last write, and the order made ready for the next one.
    pub fn close(&mut self, cause: &str) -> Vec<Transition> {
        self.order.version = self.before.version + 1;
        self.order.updated_at = self.now;
        let (from, to) = (self.before.status(), self.order.status());
        if from != to {
            let cause = self.reason.take().map_or(cause.to_owned(), |reason| format!("{cause}: {reason}"));
            self.moved(None, from.name(), to.name(), &cause);
        }
        std::mem::take(&mut self.moves)
    }

    /// The order is in the ledger as it is now.
    pub fn written(&mut self) {
        self.before.clone_from(&self.order);
        self.credentials.clear();
    }

    fn request_hash(&self, leg: &Leg) -> String {
        let request = self.order.request(leg);
        // A request is plain text and numbers; it always becomes JSON.
        let told = serde_json::to_vec(&(request, &leg.refs)).unwrap_or_default();
        Sha256::digest(told).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The key of a step. It is the same for every try of the step, before and after a crash; a new wish of the client
/// (prolong once more, undo once more) is a new step.
pub(crate) fn key_of(order: OrderKey, leg: &Leg, operation: LegOperation) -> StepKey {
    match operation {
        LegOperation::Hold => order.step(leg.number, "hold"),
        LegOperation::Confirm => order.step(leg.number, "confirm"),
        LegOperation::Release => order.step(leg.number, "release"),
        LegOperation::Extend => order.step(leg.number, &format!("extend {}", leg.count(operation) + 1)),
        LegOperation::Cancel => {
            let wish = leg.cancel.as_ref().map_or("all".to_owned(), |wish| wish.name.clone());
            order.step(leg.number, &format!("cancel {wish}"))
        }
    }
}

/// The numbers of the lines of a leg that an undo concerns.
pub(crate) fn lines_to_cancel(order: &Order, leg: &Leg) -> BTreeSet<usize> {
    match &leg.cancel {
        Some(wish) => wish.lines.clone(),
        None => order.lines_of(leg.number).filter(|(_, line)| !line.is_cancelled).map(|(number, _)| number).collect(),
    }
}

/// What an order waits for. A timer that is due and asks for nothing now is left out: another one will bring it up.
pub(crate) fn timers(order: &Order, is_under_work: bool, now: Timestamp) -> Vec<Timer> {
    let mut timers = Vec::new();
    if is_under_work {
        timers.push(Timer { at: now, kind: TimerKind::Resume, leg: None });
    }
    for leg in &order.legs {
        let mut add = |at: Option<Timestamp>, kind| {
            if let Some(at) = at.filter(|at| *at > now) {
                timers.push(Timer { at, kind, leg: Some(leg.number) });
            }
        };
        if leg.status == LegStatus::Held || leg.leaves_hold {
            add(leg.held_until, TimerKind::HoldExpiry);
        }
        add(leg.unknown.map(|unknown| unknown.next_check_at), TimerKind::NextCheck);
        add(leg.unknown.map(|unknown| unknown.settle_by), TimerKind::SettleDeadline);
        add(leg.again.map(|again| again.at), TimerKind::TryAgain);
        if leg.status == LegStatus::Confirmed {
            add(leg.tickets.map(|again| again.at), TimerKind::Tickets);
        }
    }
    timers
}

/// The look-ups that a call stands for have no attempt of their own: they use the key of the call that was lost.
pub(crate) fn key_for_call(order: &Order, step: &Step) -> StepKey {
    let leg = &order.legs[step.leg];
    let operation = match step.call {
        Call::Hold | Call::FindHold => LegOperation::Hold,
        Call::Extend => LegOperation::Extend,
        Call::Confirm | Call::FindSale | Call::ReadTickets => LegOperation::Confirm,
        Call::Release => LegOperation::Release,
        Call::Cancel | Call::FindUndo => LegOperation::Cancel,
    };
    let last = leg.attempts.iter().rev().find(|attempt| attempt.operation == operation);
    last.map_or_else(|| key_of(order.key, leg, operation), |attempt| attempt.key)
}
