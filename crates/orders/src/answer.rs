//! What an answer of a source does to its leg.

use crate::ledger::Credential;
use crate::leg::{AttemptOutcome, LegOperation, Ticket};
use crate::problem::{Detail, Problem, ProblemCode};
use crate::rules::later;
use crate::status::{Intent, LegStatus};
use crate::work::{Work, lines_to_cancel};
use domain::ordering::{Cancelled, Confirmed, Found, Held, IssuedTicket, TicketState};
use domain::{Effect, ErrorKind, LegShape, Money, VendorError};

/// The answer to one call.
#[derive(Debug)]
pub(crate) enum Answer {
    Held(Result<Held, VendorError>),
    Extended(Result<Held, VendorError>),
    Sold(Result<Confirmed, VendorError>),
    Released(Result<(), VendorError>),
    Undone(Result<Cancelled, VendorError>),
    FoundHold(Result<Found<Held>, VendorError>),
    FoundSale(Result<Found<Confirmed>, VendorError>),
    FoundUndo(Result<Found<Cancelled>, VendorError>),
    Tickets(Result<Vec<IssuedTicket>, VendorError>),
}

/// How often a lost hold is made anew; the stray one ends by itself.
const HOLDS: usize = 2;
/// How often a sale or an undo that certainly did not happen is tried.
const TRIES: usize = 4;

impl Work<'_> {
    /// Takes in the answer to a call about a leg.
    pub fn record(&mut self, leg: usize, answer: Answer) {
        match answer {
            Answer::Held(Ok(held)) => {
                self.end(leg, AttemptOutcome::Succeeded, None);
                self.held(leg, held);
            }
            Answer::Held(Err(error)) => self.not_held(leg, &error),
            Answer::Extended(answer) => self.extended(leg, answer),
            Answer::Sold(Ok(sold)) => {
                self.end(leg, AttemptOutcome::Succeeded, None);
                self.sold(leg, sold, "confirmed");
            }
            Answer::Sold(Err(error)) => self.not_sold(leg, &error),
            Answer::Released(answer) => self.released(leg, answer),
            Answer::Undone(Ok(undone)) => {
                self.end(leg, AttemptOutcome::Succeeded, None);
                self.undone(leg, &undone, "cancelled");
            }
            Answer::Undone(Err(error)) => self.not_undone(leg, &error),
            Answer::FoundHold(found) => self.found_hold(leg, found),
            Answer::FoundSale(found) => self.found_sale(leg, found),
            Answer::FoundUndo(found) => self.found_undo(leg, found),
            Answer::Tickets(answer) => self.tickets_read(leg, answer),
        }
    }

    fn held(&mut self, number: usize, held: Held) {
        let now = self.now;
        let leg = self.leg(number);
        leg.held_until = Some(held.expires_at.unwrap_or_else(|| later(now, leg.traits.hold_ttl)));
        leg.refs = held.refs;
        leg.secures = held.secures;
        leg.held_total = held.total;
        self.set(number, LegStatus::Held, "held");
        let Some((was, now)) = self.price_change(number, held.total) else { return };
        self.add_problem(number, Problem::new(ProblemCode::PriceChanged).with(Detail::Price { was, now }));
        let is_dearer = was.currency != now.currency || now.amount > was.amount;
        if self.order.is_placed && is_dearer {
            // Nobody is there to agree to the new price: it is not sold.
            self.set(number, LegStatus::HoldFailed, "price changed");
            self.leg(number).leaves_hold = true;
        }
    }

    /// What was promised and what the source says, where they differ.
    fn price_change(&self, number: usize, told: Option<Money>) -> Option<(Money, Money)> {
        let told = told?;
        let was = *self.order.promised(number).first()?;
        (was != told).then_some((was, told))
    }

    fn not_held(&mut self, number: usize, error: &VendorError) {
        if error.effect == Effect::Unknown {
            self.end(number, AttemptOutcome::Unknown, Some(error));
            return self.lose(number, LegOperation::Hold, self.now, "answer lost");
        }
        self.end(number, AttemptOutcome::Rejected, Some(error));
        self.set(number, LegStatus::HoldFailed, "refused");
        self.add_problem(number, Problem::from_vendor(error));
    }

    /// A lost hold costs places for some minutes, no more: unless it is found, it is made once more.
    fn found_hold(&mut self, number: usize, found: Result<Found<Held>, VendorError>) {
        self.found(number);
        match found {
            Ok(Found::Done(held)) => {
                self.end(number, AttemptOutcome::ResolvedDone, None);
                return self.held(number, held);
            }
            Ok(Found::NotDone) => self.end(number, AttemptOutcome::ResolvedNotDone, None),
            Ok(Found::Unclear) | Err(_) => {}
        }
        let is_wanted = self.order.intent == Intent::Hold;
        if is_wanted && self.order.legs[number].count(LegOperation::Hold) < HOLDS {
            return self.set(number, LegStatus::Draft, "hold once more");
        }
        self.set(number, LegStatus::HoldFailed, "answer lost");
        self.add_problem(number, Problem::new(ProblemCode::SourceUnavailable));
    }

    fn extended(&mut self, number: usize, answer: Result<Held, VendorError>) {
        match answer {
            Ok(held) => {
                self.end(number, AttemptOutcome::Succeeded, None);
                let leg = self.leg(number);
                leg.wants_extension = false;
                if !held.refs.is_empty() {
                    leg.refs = held.refs;
                }
                if held.expires_at.is_some() {
                    leg.held_until = held.expires_at;
                }
            }
            // A lost answer may have prolonged the hold; counting on the old end is safe.
            Err(error) => {
                let is_lost = error.effect == Effect::Unknown;
                let outcome = if is_lost { AttemptOutcome::Unknown } else { AttemptOutcome::Rejected };
                self.end(number, outcome, Some(&error));
                self.not_extended(number, Problem::from_vendor(&error));
            }
        }
    }

    fn sold(&mut self, number: usize, sold: Confirmed, cause: &'static str) {
        self.found(number);
        let now = self.now;
        let leg = self.leg(number);
        leg.again = None;
        leg.confirmed_at = Some(now);
        leg.charged = sold.total;
        if !sold.refs.is_empty() {
            leg.refs = sold.refs;
        }
        self.set(number, LegStatus::Confirmed, cause);
        self.take_tickets(number, sold.tickets);
        if let Some((was, now)) = self.price_change(number, sold.total) {
            self.add_problem(number, Problem::new(ProblemCode::PriceChanged).with(Detail::Price { was, now }));
        }
    }

    fn not_sold(&mut self, number: usize, error: &VendorError) {
        if error.effect == Effect::Unknown {
            self.end(number, AttemptOutcome::Unknown, Some(error));
            return self.lose(number, LegOperation::Confirm, self.now, "answer lost");
        }
        self.end(number, AttemptOutcome::Rejected, Some(error));
        if error.kind.is_transient() && self.order.legs[number].count(LegOperation::Confirm) < TRIES {
            let again = self.try_again(number);
            let leg = &self.order.legs[number];
            if !leg.is_held_first() || leg.held_until.is_none_or(|until| again.at < until) {
                return self.set(number, self.unsold(number), "try again");
            }
        }
        self.unsellable(number, Problem::from_vendor(error));
    }

    /// Certainly not sold, and not tried again.
    fn unsellable(&mut self, number: usize, problem: Problem) {
        let is_gone = problem.code == ProblemCode::HoldExpired;
        let leg = self.leg(number);
        leg.again = None;
        leg.leaves_hold = leg.is_held_first() && !is_gone;
        self.set(number, LegStatus::ConfirmFailed, "refused");
        self.add_problem(number, problem);
    }

    /// Where a leg stands that is not sold yet.
    fn unsold(&self, number: usize) -> LegStatus {
        if self.order.legs[number].traits.shape == LegShape::HoldThenConfirm {
            LegStatus::Held
        } else {
            LegStatus::Draft
        }
    }

    fn found_sale(&mut self, number: usize, found: Result<Found<Confirmed>, VendorError>) {
        match found {
            Ok(Found::Done(sold)) => {
                self.end(number, AttemptOutcome::ResolvedDone, None);
                self.sold(number, sold, "found sold");
            }
            Ok(Found::NotDone) if self.is_quiet(number) => {
                self.found(number);
                self.end(number, AttemptOutcome::ResolvedNotDone, None);
                if self.order.legs[number].count(LegOperation::Confirm) >= TRIES {
                    return self.unsellable(number, Problem::new(ProblemCode::SourceUnavailable));
                }
                self.set(number, self.unsold(number), "found not sold");
            }
            Ok(Found::NotDone | Found::Unclear) | Err(_) => self.still_unknown(number),
        }
    }

    /// "Not there" can be believed: a late request would do no harm, or none can come any more.
    fn is_quiet(&self, number: usize) -> bool {
        let leg = &self.order.legs[number];
        let sent = leg.attempts.last().map(|attempt| attempt.started_at);
        leg.traits.honours_keys || sent.is_none_or(|sent| later(sent, self.rules.quiet) <= self.now)
    }

    fn released(&mut self, number: usize, answer: Result<(), VendorError>) {
        let is_left = self.order.legs[number].leaves_hold;
        match answer {
            Ok(()) => self.end(number, AttemptOutcome::Succeeded, None),
            // What the vendor does not know needs no release.
            Err(error) if error.kind == ErrorKind::NotFound => {
                self.end(number, AttemptOutcome::Succeeded, Some(&error));
            }
            Err(error) => {
                let is_lost = error.effect == Effect::Unknown;
                let outcome = if is_lost { AttemptOutcome::Unknown } else { AttemptOutcome::Rejected };
                self.end(number, outcome, Some(&error));
                // It is tried until the hold ends by itself.
                self.try_again(number);
                if !is_left {
                    self.set(number, LegStatus::Held, "not released");
                }
                return;
            }
        }
        let leg = self.leg(number);
        leg.again = None;
        leg.leaves_hold = false;
        if !is_left {
            self.set(number, LegStatus::Released, "released");
        }
    }

    fn undone(&mut self, number: usize, undone: &Cancelled, cause: &'static str) {
        self.found(number);
        let lines = lines_to_cancel(&self.order, &self.order.legs[number]);
        let mut still_valid = false;
        for ticket in self.order.tickets.iter_mut().filter(|ticket| lines.contains(&ticket.line)) {
            if ticket.refs.first().is_some_and(|first| undone.void.contains(first)) {
                ticket.state = TicketState::Void;
            } else {
                still_valid = true;
            }
        }
        for line in &lines {
            self.order.lines[*line].is_cancelled = true;
        }
        let is_whole = self.order.lines_of(number).all(|(_, line)| line.is_cancelled);
        let leg = self.leg(number);
        leg.cancel = None;
        leg.again = None;
        leg.refunded = match (leg.refunded, undone.refunded) {
            (Some(before), Some(more)) => before.plus(more).ok().or(Some(before)),
            (before, more) => before.or(more),
        };
        if still_valid {
            self.set(number, LegStatus::NeedsAttention, "tickets still valid");
            self.add_problem(number, Problem::new(ProblemCode::TicketsStillValid));
        } else {
            self.set(number, if is_whole { LegStatus::Cancelled } else { LegStatus::Confirmed }, cause);
        }
    }

    fn not_undone(&mut self, number: usize, error: &VendorError) {
        if error.effect == Effect::Unknown {
            self.end(number, AttemptOutcome::Unknown, Some(error));
            return self.lose(number, LegOperation::Cancel, self.now, "answer lost");
        }
        self.end(number, AttemptOutcome::Rejected, Some(error));
        let is_ours = self.order.intent == Intent::Compensate;
        if is_ours && error.kind.is_transient() {
            let again = self.try_again(number);
            if again.at < self.rules.settle_by(again.since, None) {
                return self.set(number, LegStatus::Confirmed, "try again");
            }
        }
        self.stays_sold(number, Problem::from_vendor(error));
    }

    /// Certainly not undone, and not tried again: the buyer hears it; a compensation needs a human.
    fn stays_sold(&mut self, number: usize, problem: Problem) {
        let is_ours = self.order.intent == Intent::Compensate;
        let leg = self.leg(number);
        leg.cancel = None;
        leg.again = None;
        if is_ours {
            self.set(number, LegStatus::NeedsAttention, "undo refused");
            self.add_problem(number, Problem { code: ProblemCode::UndoRefused, ..problem });
        } else {
            self.set(number, LegStatus::Confirmed, "undo refused");
            self.add_problem(number, problem);
        }
    }

    fn found_undo(&mut self, number: usize, found: Result<Found<Cancelled>, VendorError>) {
        match found {
            Ok(Found::Done(undone)) => {
                self.end(number, AttemptOutcome::ResolvedDone, None);
                self.undone(number, &undone, "found cancelled");
            }
            Ok(Found::NotDone) if self.is_quiet(number) => {
                self.found(number);
                self.end(number, AttemptOutcome::ResolvedNotDone, None);
                if self.order.legs[number].count(LegOperation::Cancel) >= TRIES {
                    return self.stays_sold(number, Problem::new(ProblemCode::SourceUnavailable));
                }
                self.set(number, LegStatus::Confirmed, "found not cancelled");
            }
            Ok(Found::NotDone | Found::Unclear) | Err(_) => self.still_unknown(number),
        }
    }

    /// Keeps tickets and their codes. A ticket is known by its first reference.
    fn take_tickets(&mut self, number: usize, issued: Vec<IssuedTicket>) {
        for ticket in issued {
            let Some(line) = self.order.lines.get(ticket.line).filter(|line| line.leg == number) else { continue };
            let is_cancelled = line.is_cancelled;
            let known = ticket.refs.first().and_then(|first| {
                let same = |other: &Ticket| other.line == ticket.line && other.refs.first() == Some(first);
                self.order.tickets.iter().position(same)
            });
            let place = known.unwrap_or(self.order.tickets.len());
            let had_code = known.and_then(|place| self.order.tickets[place].symbology);
            let kept = Ticket {
                line: ticket.line,
                refs: ticket.refs,
                seat: ticket.seat,
                state: if is_cancelled { TicketState::Void } else { ticket.state },
                symbology: ticket.barcode.as_ref().map(|code| code.symbology).or(had_code),
            };
            match known {
                Some(place) => self.order.tickets[place] = kept,
                None => self.order.tickets.push(kept),
            }
            if let Some(barcode) = ticket.barcode {
                self.credentials.push(Credential { ticket: place, barcode });
            }
        }
        self.wait_for_codes(number);
    }

    /// Plans the next reading where tickets or their codes are still to come.
    fn wait_for_codes(&mut self, number: usize) {
        let (now, rules) = (self.now, self.rules);
        let lines: Vec<usize> = self.order.lines_of(number).map(|(line, _)| line).collect();
        let of_leg = |ticket: &&Ticket| lines.contains(&ticket.line);
        let wanted: u32 = lines.iter().map(|line| self.order.lines[*line].quantity).sum();
        let there = self.order.tickets.iter().filter(of_leg);
        let pending = there.clone().any(|ticket| ticket.state == TicketState::Pending);
        let is_short = there.count() < usize::try_from(wanted).unwrap_or(usize::MAX);
        let leg = self.leg(number);
        let since = leg.tickets.map_or(now, |again| again.since);
        let is_hopeless = now >= later(since, rules.settle_within);
        leg.tickets = ((pending || is_short) && !is_hopeless)
            .then(|| crate::leg::Again { since, at: rules.next_check(since, now) });
    }

    fn tickets_read(&mut self, number: usize, answer: Result<Vec<IssuedTicket>, VendorError>) {
        match answer {
            Ok(issued) => self.take_tickets(number, issued),
            Err(_) => self.wait_for_codes(number),
        }
    }
}
