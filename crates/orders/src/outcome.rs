//! Applies the outcome of a source call to its leg.

use crate::leg::{AttemptOutcome, LegOperation};
use crate::problem::{Problem, ProblemCode, ProblemDetail};
use crate::status::{Intent, LegStatus};
use crate::unit_of_work::{UnitOfWork, lines_to_cancel};
use domain::ordering::{CompletedCancellation, ConfirmedSale, IssuedTicket, LookupOutcome, PlacedHold, TicketState};
use domain::time::later;
use domain::{Effect, ErrorKind, LegShape, Money, VendorError};

/// Outcome of one call to a source.
#[derive(Debug)]
pub(crate) enum StepOutcome {
    Held(Result<PlacedHold, VendorError>),
    Extended(Result<PlacedHold, VendorError>),
    Confirmed(Result<ConfirmedSale, VendorError>),
    Released(Result<(), VendorError>),
    Canceled(Result<CompletedCancellation, VendorError>),
    FoundHold(Result<LookupOutcome<PlacedHold>, VendorError>),
    FoundConfirmation(Result<LookupOutcome<ConfirmedSale>, VendorError>),
    FoundCancellation(Result<LookupOutcome<CompletedCancellation>, VendorError>),
    Tickets(Result<Vec<IssuedTicket>, VendorError>),
}

impl StepOutcome {
    /// Returns the error of a call that failed.
    pub(crate) fn error_mut(&mut self) -> Option<&mut VendorError> {
        match self {
            Self::Held(result) | Self::Extended(result) => result.as_mut().err(),
            Self::Confirmed(result) => result.as_mut().err(),
            Self::Released(result) => result.as_mut().err(),
            Self::Canceled(result) => result.as_mut().err(),
            Self::FoundHold(result) => result.as_mut().err(),
            Self::FoundConfirmation(result) => result.as_mut().err(),
            Self::FoundCancellation(result) => result.as_mut().err(),
            Self::Tickets(result) => result.as_mut().err(),
        }
    }
}

/// Attempts to create a hold whose response was lost. A stray hold expires by itself.
const MAX_HOLD_ATTEMPTS: usize = 2;
/// Attempts of a confirmation or cancellation that certainly had no effect.
const MAX_STEP_ATTEMPTS: usize = 4;

impl UnitOfWork {
    /// Applies the outcome of a call to its leg.
    pub(crate) fn record_outcome(&mut self, leg: usize, outcome: StepOutcome) {
        match outcome {
            StepOutcome::Held(Ok(held)) => {
                self.end_attempt(leg, AttemptOutcome::Succeeded, None);
                self.apply_hold(leg, held);
            }
            StepOutcome::Held(Err(error)) => self.hold_failed(leg, &error),
            StepOutcome::Extended(result) => self.apply_extension(leg, result),
            StepOutcome::Confirmed(Ok(confirmed)) => {
                self.end_attempt(leg, AttemptOutcome::Succeeded, None);
                self.apply_confirmation(leg, confirmed, "confirmed");
            }
            StepOutcome::Confirmed(Err(error)) => self.confirmation_failed(leg, &error),
            StepOutcome::Released(result) => self.apply_release(leg, result),
            StepOutcome::Canceled(Ok(cancellation)) => {
                self.end_attempt(leg, AttemptOutcome::Succeeded, None);
                self.apply_cancellation(leg, &cancellation, "canceled");
            }
            StepOutcome::Canceled(Err(error)) => self.cancellation_failed(leg, &error),
            StepOutcome::FoundHold(lookup) => self.apply_hold_lookup(leg, lookup),
            StepOutcome::FoundConfirmation(lookup) => self.apply_confirmation_lookup(leg, lookup),
            StepOutcome::FoundCancellation(lookup) => self.apply_cancellation_lookup(leg, lookup),
            StepOutcome::Tickets(result) => self.apply_ticket_refresh(leg, result),
        }
    }

    fn apply_hold(&mut self, number: usize, held: PlacedHold) {
        let now = self.now;
        let leg = self.leg_mut(number);
        leg.hold_expires_at = Some(held.expires_at.unwrap_or_else(|| later(now, leg.capabilities.hold_ttl)));
        leg.refs = held.refs;
        leg.secures = held.secures;
        leg.held_total = held.total;
        leg.retry = None;
        self.set_status(number, LegStatus::Held, "held");
        let Some((was, now)) = self.price_change(number, held.total) else { return };
        self.add_problem(
            number,
            Problem::new(ProblemCode::PriceChanged).with_detail(ProblemDetail::Price { was, now }),
        );
        let is_dearer = was.currency != now.currency || now.amount > was.amount;
        if self.order.is_placed && is_dearer {
            // A placed order has no client to accept the new price, so the leg is not confirmed.
            self.set_status(number, LegStatus::HoldFailed, "price changed");
            self.leg_mut(number).has_stray_hold = true;
        }
    }

    /// Returns the planned and the reported price, if they differ.
    fn price_change(&self, number: usize, reported: Option<Money>) -> Option<(Money, Money)> {
        let reported = reported?;
        let was = *self.order.planned_totals(number).first()?;
        (was != reported).then_some((was, reported))
    }

    fn hold_failed(&mut self, number: usize, error: &VendorError) {
        if error.only_waits() {
            let schedule = self.put_off_step(number, error);
            // The client was promised an end.
            if schedule.next_at < later(schedule.since, self.settings.promise) {
                return self.set_status(number, LegStatus::Draft, "put off");
            }
            self.leg_mut(number).retry = None;
            self.set_status(number, LegStatus::HoldFailed, "no turn in time");
            return self.add_problem(number, Problem::from_vendor(error));
        }
        if error.effect == Effect::Unknown {
            self.end_attempt(number, AttemptOutcome::Unknown, Some(error));
            return self.mark_unknown(number, LegOperation::Hold, self.now, "response lost");
        }
        self.end_attempt(number, AttemptOutcome::Rejected, Some(error));
        self.set_status(number, LegStatus::HoldFailed, "rejected");
        self.add_problem(number, Problem::from_vendor(error));
    }

    /// A lost hold of capacity blocks it for a few minutes at most, so it is placed once more unless the lookup finds it
    /// (`domain.md §3.5`). A request that may still arrive is looked up until it cannot. A hold of seats that cannot be
    /// looked up is not placed again: the seats of the first one may be blocked.
    fn apply_hold_lookup(&mut self, number: usize, lookup: Result<LookupOutcome<PlacedHold>, VendorError>) {
        // A hold that was never looked up has ended by itself by then, and needs nobody's attention.
        let is_over = self.order.legs[number].unknown.is_some_and(|unknown| unknown.settle_deadline <= self.now);
        if let Err(error) = &lookup
            && error.only_waits()
            && !is_over
        {
            return self.put_off_lookup(number, error);
        }
        let may_be_found_later = match &lookup {
            Ok(LookupOutcome::NotDone) => true,
            Ok(LookupOutcome::Done(_) | LookupOutcome::Undetermined) => false,
            Err(error) => error.kind.is_transient(),
        };
        if may_be_found_later && !self.is_past_late_arrival_window(number) {
            return self.schedule_lookup(number);
        }
        self.resolve(number);
        let is_known = matches!(lookup, Ok(LookupOutcome::NotDone));
        match lookup {
            Ok(LookupOutcome::Done(held)) => {
                self.end_attempt(number, AttemptOutcome::ResolvedDone, None);
                return self.apply_hold(number, held);
            }
            Ok(LookupOutcome::NotDone) => self.end_attempt(number, AttemptOutcome::ResolvedNotDone, None),
            Ok(LookupOutcome::Undetermined) | Err(_) => {}
        }
        let is_wanted = self.order.intent == Intent::Hold;
        let is_safe = is_known || !self.order.legs[number].capabilities.holds_seats;
        if is_wanted && is_safe && self.order.legs[number].attempt_count(LegOperation::Hold) < MAX_HOLD_ATTEMPTS {
            return self.set_status(number, LegStatus::Draft, "retry hold");
        }
        self.set_status(number, LegStatus::HoldFailed, "response lost");
        self.add_problem(number, Problem::new(ProblemCode::SourceUnavailable));
    }

    fn apply_extension(&mut self, number: usize, result: Result<PlacedHold, VendorError>) {
        match result {
            Ok(held) => {
                self.end_attempt(number, AttemptOutcome::Succeeded, None);
                let leg = self.leg_mut(number);
                leg.extension_requested = false;
                leg.retry = None;
                if !held.refs.is_empty() {
                    leg.refs = held.refs;
                }
                if held.expires_at.is_some() {
                    leg.hold_expires_at = held.expires_at;
                }
            }
            Err(error) if error.only_waits() => {
                self.put_off_step(number, &error);
            }
            // The hold may have been extended although the response was lost; the earlier expiry is the safe
            // assumption.
            Err(error) => {
                let is_lost = error.effect == Effect::Unknown;
                let outcome = if is_lost { AttemptOutcome::Unknown } else { AttemptOutcome::Rejected };
                self.end_attempt(number, outcome, Some(&error));
                self.extension_failed(number, Problem::from_vendor(&error));
            }
        }
    }

    pub(super) fn apply_confirmation(&mut self, number: usize, confirmed: ConfirmedSale, cause: &str) {
        self.resolve(number);
        let now = self.now;
        let leg = self.leg_mut(number);
        leg.retry = None;
        leg.confirmed_at = Some(now);
        leg.charged = confirmed.total;
        if !confirmed.refs.is_empty() {
            leg.refs = confirmed.refs;
        }
        self.set_status(number, LegStatus::Confirmed, cause);
        self.merge_tickets(number, confirmed.tickets);
        if let Some((was, now)) = self.price_change(number, confirmed.total) {
            self.add_problem(
                number,
                Problem::new(ProblemCode::PriceChanged).with_detail(ProblemDetail::Price { was, now }),
            );
        }
    }

    fn confirmation_failed(&mut self, number: usize, error: &VendorError) {
        if error.was_not_sent() {
            let schedule = self.put_off_step(number, error);
            // A held leg waits until its hold ends; one that is not held, as long as was promised.
            if self.order.legs[number].requires_hold()
                || schedule.next_at < later(schedule.since, self.settings.promise)
            {
                return self.set_status(number, self.unconfirmed_status(number), "put off");
            }
            return self.fail_confirmation(number, Problem::from_vendor(error));
        }
        if error.effect == Effect::Unknown {
            self.end_attempt(number, AttemptOutcome::Unknown, Some(error));
            return self.mark_unknown(number, LegOperation::Confirm, self.now, "response lost");
        }
        self.end_attempt(number, AttemptOutcome::Rejected, Some(error));
        // A source that is busy did not refuse the sale: it is tried until the hold ends, or like a lost response.
        let is_busy = error.kind == ErrorKind::RateLimited;
        if error.kind.is_transient() && (is_busy || self.refused_attempts(number) < MAX_STEP_ATTEMPTS) {
            let schedule = self.schedule_retry(number, error.retry_after);
            let gives_up_at = self.settings.settle_deadline_for(schedule.since, None);
            let leg = &self.order.legs[number];
            let ends_at = leg.hold_expires_at.filter(|_| leg.requires_hold()).unwrap_or(gives_up_at);
            if schedule.next_at < ends_at {
                return self.set_status(number, self.unconfirmed_status(number), "retry");
            }
        }
        self.fail_confirmation(number, Problem::from_vendor(error));
    }

    /// Counts the attempts to confirm a leg that its source did not put off as busy.
    fn refused_attempts(&self, number: usize) -> usize {
        let busy = ErrorKind::RateLimited.name();
        let attempts = self.order.legs[number].sent_attempts(LegOperation::Confirm);
        attempts.filter(|attempt| attempt.result.as_deref() != Some(busy)).count()
    }

    /// Fails a leg that is certainly not confirmed and is not retried.
    fn fail_confirmation(&mut self, number: usize, problem: Problem) {
        let is_gone = problem.code == ProblemCode::HoldExpired;
        let leg = self.leg_mut(number);
        leg.retry = None;
        leg.has_stray_hold = leg.requires_hold() && !is_gone;
        self.set_status(number, LegStatus::ConfirmFailed, "rejected");
        self.add_problem(number, problem);
    }

    /// Status of a leg that is not confirmed yet.
    fn unconfirmed_status(&self, number: usize) -> LegStatus {
        if self.order.legs[number].capabilities.shape == LegShape::HoldThenConfirm {
            LegStatus::Held
        } else {
            LegStatus::Draft
        }
    }

    fn apply_confirmation_lookup(&mut self, number: usize, lookup: Result<LookupOutcome<ConfirmedSale>, VendorError>) {
        match lookup {
            Ok(LookupOutcome::Done(confirmed)) => {
                self.end_attempt(number, AttemptOutcome::ResolvedDone, None);
                self.apply_confirmation(number, confirmed, "found confirmed");
            }
            Ok(LookupOutcome::NotDone) if self.is_past_late_arrival_window(number) => {
                self.resolve(number);
                self.end_attempt(number, AttemptOutcome::ResolvedNotDone, None);
                if self.order.legs[number].attempt_count(LegOperation::Confirm) >= MAX_STEP_ATTEMPTS {
                    return self.fail_confirmation(number, Problem::new(ProblemCode::SourceUnavailable));
                }
                self.set_status(number, self.unconfirmed_status(number), "found not confirmed");
            }
            Err(error) if error.only_waits() => self.put_off_lookup(number, &error),
            Ok(LookupOutcome::NotDone | LookupOutcome::Undetermined) | Err(_) => self.schedule_lookup(number),
        }
    }

    /// Returns true if a lookup that finds nothing can be trusted: a late request would be idempotent, or can no
    /// longer arrive.
    fn is_past_late_arrival_window(&self, number: usize) -> bool {
        let leg = &self.order.legs[number];
        let sent = leg.attempts.last().map(|attempt| attempt.started_at);
        leg.capabilities.honors_keys
            || sent.is_none_or(|sent| later(sent, self.settings.late_arrival_window) <= self.now)
    }

    fn apply_release(&mut self, number: usize, result: Result<(), VendorError>) {
        let is_left = self.order.legs[number].has_stray_hold;
        match result {
            Ok(()) => self.end_attempt(number, AttemptOutcome::Succeeded, None),
            // An unknown hold needs no release.
            Err(error) if error.kind == ErrorKind::NotFound => {
                self.end_attempt(number, AttemptOutcome::Succeeded, Some(&error));
            }
            Err(error) => {
                // The release is retried until the hold expires by itself.
                if error.only_waits() {
                    self.put_off_step(number, &error);
                } else {
                    let is_lost = error.effect == Effect::Unknown;
                    let outcome = if is_lost { AttemptOutcome::Unknown } else { AttemptOutcome::Rejected };
                    self.end_attempt(number, outcome, Some(&error));
                    self.schedule_retry(number, error.retry_after);
                }
                if !is_left {
                    self.set_status(number, LegStatus::Held, "not released");
                }
                return;
            }
        }
        let leg = self.leg_mut(number);
        leg.retry = None;
        leg.has_stray_hold = false;
        if !is_left {
            self.set_status(number, LegStatus::Released, "released");
        }
    }

    fn apply_cancellation(&mut self, number: usize, cancellation: &CompletedCancellation, cause: &str) {
        self.resolve(number);
        let lines = lines_to_cancel(&self.order, &self.order.legs[number]);
        let mut still_valid = false;
        for ticket in self.order.tickets.iter_mut().filter(|ticket| lines.contains(&ticket.line)) {
            if ticket.refs.first().is_some_and(|first| cancellation.voided.contains(first)) {
                ticket.state = TicketState::Void;
            } else {
                still_valid = true;
            }
        }
        for line in &lines {
            self.order.lines[*line].is_canceled = true;
        }
        let is_whole = self.order.lines_of(number).all(|(_, line)| line.is_canceled);
        let leg = self.leg_mut(number);
        leg.cancellation = None;
        leg.retry = None;
        leg.refunded = match (leg.refunded, cancellation.refunded) {
            (Some(before), Some(more)) => before.checked_add(more).ok().or(Some(before)),
            (before, more) => before.or(more),
        };
        if still_valid {
            self.set_status(number, LegStatus::NeedsAttention, "tickets still valid");
            self.add_problem(number, Problem::new(ProblemCode::TicketsStillValid));
        } else {
            self.set_status(number, if is_whole { LegStatus::Cancelled } else { LegStatus::Confirmed }, cause);
        }
        self.forget_found_tickets(number);
    }

    fn cancellation_failed(&mut self, number: usize, error: &VendorError) {
        if error.only_waits() {
            let schedule = self.put_off_step(number, error);
            if schedule.next_at < self.settings.settle_deadline_for(schedule.since, None) {
                return self.set_status(number, LegStatus::Confirmed, "put off");
            }
            return self.fail_cancellation(number, Problem::from_vendor(error));
        }
        if error.effect == Effect::Unknown {
            self.end_attempt(number, AttemptOutcome::Unknown, Some(error));
            return self.mark_unknown(number, LegOperation::Cancel, self.now, "response lost");
        }
        self.end_attempt(number, AttemptOutcome::Rejected, Some(error));
        // A compensation has no alternative. A client can cancel again, except that a busy source says nothing about the sale.
        let is_ours = self.order.intent == Intent::Compensate;
        if is_ours && error.kind.is_transient() || error.kind == ErrorKind::RateLimited {
            let schedule = self.schedule_retry(number, error.retry_after);
            if schedule.next_at < self.settings.settle_deadline_for(schedule.since, None) {
                return self.set_status(number, LegStatus::Confirmed, "retry");
            }
        }
        self.fail_cancellation(number, Problem::from_vendor(error));
    }

    /// Ends a cancellation that certainly had no effect and is not retried. The client gets a problem; a compensation
    /// needs an operator.
    fn fail_cancellation(&mut self, number: usize, problem: Problem) {
        let is_ours = self.order.intent == Intent::Compensate;
        let leg = self.leg_mut(number);
        leg.cancellation = None;
        leg.retry = None;
        if is_ours {
            self.set_status(number, LegStatus::NeedsAttention, "cancellation rejected");
            self.add_problem(number, Problem { code: ProblemCode::UndoRefused, ..problem });
        } else {
            self.set_status(number, LegStatus::Confirmed, "cancellation rejected");
            self.add_problem(number, problem);
        }
    }

    fn apply_cancellation_lookup(
        &mut self,
        number: usize,
        lookup: Result<LookupOutcome<CompletedCancellation>, VendorError>,
    ) {
        match lookup {
            Ok(LookupOutcome::Done(cancellation)) => {
                self.end_attempt(number, AttemptOutcome::ResolvedDone, None);
                self.apply_cancellation(number, &cancellation, "found canceled");
            }
            Ok(LookupOutcome::NotDone) if self.is_past_late_arrival_window(number) => {
                self.resolve(number);
                self.end_attempt(number, AttemptOutcome::ResolvedNotDone, None);
                if self.order.legs[number].attempt_count(LegOperation::Cancel) >= MAX_STEP_ATTEMPTS {
                    return self.fail_cancellation(number, Problem::new(ProblemCode::SourceUnavailable));
                }
                self.set_status(number, LegStatus::Confirmed, "found not canceled");
            }
            Err(error) if error.only_waits() => self.put_off_lookup(number, &error),
            Ok(LookupOutcome::NotDone | LookupOutcome::Undetermined) | Err(_) => self.schedule_lookup(number),
        }
    }
}
