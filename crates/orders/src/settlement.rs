//! A person's hand on a leg: what the vendor's own books show of it, and another try of what waits.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::leg::{AttemptOutcome, Leg, LegOperation, RetrySchedule, TicketSearch, TicketSearchEnd};
use crate::order::{Order, OrderNote};
use crate::problem::{Problem, ProblemCode};
use crate::status::{Intent, LegStatus};
use crate::unit_of_work::{UnitOfWork, lines_to_cancel};
use domain::ExternalRef;
use domain::ordering::{ConfirmedSale, TicketState};

/// Largest number of notes of one order.
pub const MAX_NOTES: usize = 200;
/// Longest note, in characters.
pub const MAX_NOTE_LENGTH: usize = 2_000;
/// Largest number of references that a person adds to a leg at once.
pub const MAX_SETTLED_REFS: usize = 16;

/// State of a leg in the vendor's own books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum LegSettlement {
    /// The tickets are sold.
    Sold,
    /// Nothing is sold.
    NotSold,
    /// The sale was undone.
    Undone,
    /// The sale stands. It is kept: nothing tries to undo it any more.
    NotUndone,
}

/// Open question about a leg that needs attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenQuestion {
    /// Its sale.
    Sale,
    /// The undo of its sale.
    Undo,
    /// Its tickets, which the source does not return.
    Tickets,
}

impl OpenQuestion {
    /// Returns the settlements that answer it.
    pub fn answers(self) -> [LegSettlement; 2] {
        match self {
            Self::Sale => [LegSettlement::Sold, LegSettlement::NotSold],
            Self::Undo => [LegSettlement::Undone, LegSettlement::NotUndone],
            Self::Tickets => [LegSettlement::Sold, LegSettlement::Undone],
        }
    }
}

impl Leg {
    /// Returns what a person has to find out. `None` unless the leg needs attention or lacks its tickets.
    pub fn open_question(&self) -> Option<OpenQuestion> {
        if self.lacks_tickets() {
            return Some(OpenQuestion::Tickets);
        }
        if self.status != LegStatus::NeedsAttention {
            return None;
        }
        let is_sale = self.confirmed_at.is_none();
        Some(if is_sale { OpenQuestion::Sale } else { OpenQuestion::Undo })
    }

    /// Returns true if a person said that the sale stands, so that nothing undoes it.
    pub fn is_kept(&self) -> bool {
        self.settled == Some(LegSettlement::NotUndone)
    }

    /// Returns true if the leg waits for a lookup or a retry, or needs attention and can be tried once more.
    pub fn can_be_retried(&self) -> bool {
        let waits = self.unknown.is_some()
            || self.retry.is_some() && (!self.status.is_inactive() || self.has_stray_hold)
            || self.awaits_tickets()
            || self.lacks_tickets();
        waits || self.status == LegStatus::NeedsAttention && self.retried_operation().is_some()
    }

    /// Returns the operation that is looked up or tried again for a leg that needs attention. `None` if only a person can help: the
    /// source cannot undo the sale, or refunded it without voiding its tickets.
    fn retried_operation(&self) -> Option<LegOperation> {
        let last = self.attempts.last()?;
        // Done: only the tickets are left to void, or the source cannot undo.
        if last.outcome.took_effect() {
            return None;
        }
        let can = match last.operation {
            LegOperation::Confirm => self.confirmed_at.is_none(),
            LegOperation::Cancel => self.capabilities.has_undo,
            LegOperation::Hold => true,
            LegOperation::Extend | LegOperation::Release => false,
        };
        can.then_some(last.operation)
    }
}

impl Order {
    /// Returns true if a person can settle a leg.
    pub fn can_be_settled(&self) -> bool {
        self.legs.iter().any(|leg| leg.open_question().is_some())
    }

    /// Returns true if a leg can be looked up or tried again now.
    pub fn can_be_retried(&self) -> bool {
        self.legs.iter().any(Leg::can_be_retried)
    }
}

impl UnitOfWork {
    /// Applies what the vendor's books show of a leg. The order goes on from there.
    pub(crate) fn settle(
        &mut self,
        number: usize,
        outcome: LegSettlement,
        refs: &[ExternalRef],
        by: &str,
    ) -> Result<(), Problem> {
        let leg = &self.order.legs[number];
        let question = leg.open_question();
        if !question.is_some_and(|question| question.answers().contains(&outcome)) {
            return Err(Problem::new(ProblemCode::SettlementNotPossible).for_source(&leg.source).on_leg(number));
        }
        let cause = format!("settled as {} by {by}", <&str>::from(outcome));
        self.replace_refs(number, refs);
        let leg = self.leg_mut(number);
        leg.problems.clear();
        if question == Some(OpenQuestion::Tickets) {
            // What was said of the sale before stands: a sale that is kept stays kept.
            if outcome == LegSettlement::Undone {
                self.settle_tickets_undone(number, &cause);
            } else {
                self.settle_tickets(number, !refs.is_empty(), &cause);
            }
            self.next_steps();
            return Ok(());
        }
        leg.settled = Some(outcome);
        match outcome {
            LegSettlement::Sold => {
                self.settle_attempt(number, AttemptOutcome::ResolvedDone);
                let sale = ConfirmedSale { refs: Vec::new(), total: None, tickets: Vec::new() };
                self.apply_confirmation(number, sale, &cause);
            }
            LegSettlement::NotSold => {
                self.settle_attempt(number, AttemptOutcome::ResolvedNotDone);
                let leg = self.leg_mut(number);
                // Harmless if the vendor has no hold any more.
                leg.has_stray_hold = leg.requires_hold();
                self.set_status(number, LegStatus::ConfirmFailed, &cause);
                self.add_problem(number, Problem::new(ProblemCode::SourceUnavailable));
            }
            LegSettlement::Undone => self.settle_undone(number, &cause),
            LegSettlement::NotUndone => self.settle_not_undone(number, &cause),
        }
        // What follows without a call is part of the same change: no client sees a final state in between.
        self.next_steps();
        Ok(())
    }

    /// Accepts that the tickets of a sale are missing. With new references they are looked for once more.
    fn settle_tickets(&mut self, number: usize, has_new_refs: bool, cause: &str) {
        let now = self.now;
        let leg = self.leg_mut(number);
        let since = leg.ticket_search.map_or(now, |search| search.since);
        leg.ticket_search = Some(if has_new_refs {
            TicketSearch { since: now, next_at: Some(now), end: None }
        } else {
            TicketSearch { since, next_at: None, end: Some(TicketSearchEnd::Accepted) }
        });
        let status = leg.status.name();
        self.record_transition(Some(number), status, status, cause);
    }

    /// Voids a leg whose sale was undone at the vendor. The other legs keep their sales, as after a cancellation by the client; an intent
    /// that is still open stays.
    fn settle_tickets_undone(&mut self, number: usize, cause: &str) {
        if self.order.intent == Intent::Confirm && self.order.is_idle() {
            self.order.intent = Intent::Cancel;
        }
        let lines: BTreeSet<usize> = self.order.lines_of(number).map(|(line, _)| line).collect();
        self.void_lines(&lines);
        let leg = self.leg_mut(number);
        leg.settled = Some(LegSettlement::Undone);
        leg.cancellation = None;
        leg.retry = None;
        self.set_status(number, LegStatus::Cancelled, cause);
        self.forget_found_tickets(number);
    }

    /// Voids what was to be canceled.
    fn settle_undone(&mut self, number: usize, cause: &str) {
        let canceled: BTreeSet<usize> =
            self.order.lines_of(number).filter(|(_, line)| line.is_canceled).map(|(line, _)| line).collect();
        let leg = &self.order.legs[number];
        // Refunded already: only the tickets of these lines were left.
        let last = leg.attempts.last().filter(|last| last.operation == LegOperation::Cancel);
        let is_refunded = last.is_some_and(|last| last.outcome.took_effect());
        let lines = if is_refunded { canceled } else { lines_to_cancel(&self.order, leg) };
        self.void_lines(&lines);
        let is_whole = self.order.lines_of(number).all(|(_, line)| line.is_canceled);
        self.end_cancellation(number, AttemptOutcome::ResolvedDone);
        self.set_status(number, if is_whole { LegStatus::Cancelled } else { LegStatus::Confirmed }, cause);
        self.forget_found_tickets(number);
    }

    /// Cancels lines, and voids their tickets.
    fn void_lines(&mut self, lines: &BTreeSet<usize>) {
        for ticket in self.order.tickets.iter_mut().filter(|ticket| lines.contains(&ticket.line)) {
            ticket.state = TicketState::Void;
        }
        for line in lines {
            self.order.lines[*line].is_canceled = true;
        }
    }

    /// Keeps the sale, also of lines that the source refunded without voiding their tickets.
    fn settle_not_undone(&mut self, number: usize, cause: &str) {
        let valid: Vec<usize> = self
            .order
            .tickets
            .iter()
            .filter(|ticket| ticket.state != TicketState::Void)
            .map(|ticket| ticket.line)
            .collect();
        for (index, line) in self.order.lines.iter_mut().enumerate() {
            if line.leg == number && valid.contains(&index) {
                line.is_canceled = false;
            }
        }
        self.end_cancellation(number, AttemptOutcome::ResolvedNotDone);
        self.set_status(number, LegStatus::Confirmed, cause);
    }

    fn end_cancellation(&mut self, number: usize, outcome: AttemptOutcome) {
        if self.order.legs[number].attempts.last().is_some_and(|last| last.operation == LegOperation::Cancel) {
            self.settle_attempt(number, outcome);
        }
        let leg = self.leg_mut(number);
        leg.cancellation = None;
        leg.retry = None;
        leg.unknown = None;
    }

    /// Resolves the last attempt, if its outcome is unknown.
    fn settle_attempt(&mut self, number: usize, outcome: AttemptOutcome) {
        let last = self.leg_mut(number).attempts.last_mut();
        if let Some(last) = last.filter(|attempt| attempt.outcome == AttemptOutcome::Unknown) {
            last.outcome = outcome;
        }
    }

    /// Adds references of the vendor to a leg; one of the same kind is replaced.
    fn replace_refs(&mut self, number: usize, refs: &[ExternalRef]) {
        let known = &mut self.leg_mut(number).refs;
        for reference in refs {
            match known.iter_mut().find(|other| other.kind == reference.kind) {
                Some(other) => other.clone_from(reference),
                None => known.push(reference.clone()),
            }
        }
    }

    /// Adds a reference of the vendor to a leg, after those that it has.
    pub(crate) fn add_ref(&mut self, number: usize, reference: &ExternalRef) {
        let known = &mut self.leg_mut(number).refs;
        if !known.contains(reference) {
            known.push(reference.clone());
        }
    }

    /// Schedules the next lookup or try of a leg. False if it does not wait for one.
    pub(crate) fn retry(&mut self, number: usize, at: Timestamp, by: &str) -> bool {
        let (now, cause) = (self.now, format!("tried again by {by}"));
        let leg = self.leg_mut(number);
        if leg.status != LegStatus::NeedsAttention {
            let can = leg.can_be_retried();
            // A rate puts nothing off: what is held must not expire by it.
            if let Some(unknown) = &mut leg.unknown {
                unknown.next_lookup_at = at.min(unknown.next_lookup_at);
            }
            if let Some(retry) = &mut leg.retry {
                retry.next_at = at.min(retry.next_at);
            }
            if let Some(search) =
                leg.ticket_search.as_mut().filter(|search| search.end != Some(TicketSearchEnd::Accepted))
            {
                search.next_at = Some(search.next_at.map_or(at, |next_at| at.min(next_at)));
            }
            let status = leg.status;
            if can {
                self.record_transition(Some(number), status.name(), status.name(), &cause);
            }
            return can;
        }
        let Some(operation) = leg.retried_operation() else { return false };
        let last = leg.attempts.last().map(|last| last.outcome);
        let was_refused = matches!(last, Some(AttemptOutcome::Rejected | AttemptOutcome::ResolvedNotDone));
        leg.problems.clear();
        if operation == LegOperation::Cancel && was_refused {
            leg.retry = Some(RetrySchedule { since: now, next_at: at });
            self.set_status(number, LegStatus::Confirmed, &cause);
            return true;
        }
        self.mark_unknown(number, operation, now, &cause);
        let settle_deadline = self.settings.settle_deadline_for(at, None);
        if let Some(unknown) = &mut self.leg_mut(number).unknown {
            unknown.next_lookup_at = at;
            unknown.settle_deadline = settle_deadline;
        }
        true
    }

    /// Adds the note of a settlement, however many notes there are: a leg is settled a few times at most.
    pub(crate) fn add_settlement_note(&mut self, by: &str, text: &str) {
        self.order.notes.push(OrderNote { at: self.now, by: by.to_owned(), text: text.to_owned() });
    }

    /// Adds a note. Fails if it is empty or too long, or there are too many.
    pub(crate) fn add_note(&mut self, by: &str, text: &str) -> Result<(), ProblemCode> {
        check_note(text)?;
        if self.order.notes.len() >= MAX_NOTES {
            return Err(ProblemCode::TooManyNotes);
        }
        self.add_settlement_note(by, text);
        Ok(())
    }
}

/// Fails if a note is empty or too long.
pub(crate) fn check_note(text: &str) -> Result<(), ProblemCode> {
    let length = text.chars().count();
    if text.trim().is_empty() {
        Err(ProblemCode::NoteMissing)
    } else if length > MAX_NOTE_LENGTH {
        Err(ProblemCode::TextTooLong)
    } else {
        Ok(())
    }
}
