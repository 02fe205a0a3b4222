//! Tickets of a sale: merged into the order as they are read, and looked for while they or their codes are missing.

use std::sync::Arc;

use crate::leg::{Ticket, TicketSearch, TicketSearchEnd};
use crate::problem::{Problem, ProblemCode};
use crate::settlement::LegSettlement;
use crate::status::LegStatus;
use crate::store::TicketCredential;
use crate::unit_of_work::UnitOfWork;
use domain::ordering::{IssuedTicket, TicketState};
use domain::time::later;
use domain::{ErrorKind, VendorError};

/// Cause of the transition by which only a person can find out what became of the tickets.
pub(crate) const TICKETS_NOT_FOUND: &str = "tickets missing at the settle deadline";

impl UnitOfWork {
    /// Merges issued tickets and their barcodes into the order. The first reference identifies a ticket.
    pub(crate) fn merge_tickets(&mut self, number: usize, issued: Vec<IssuedTicket>) {
        for ticket in issued {
            let Some(line) = self.order.lines.get(ticket.line).filter(|line| line.leg == number) else { continue };
            let is_cancelled = line.is_canceled;
            let existing = ticket.refs.first().and_then(|first| {
                let same = |other: &Ticket| other.line == ticket.line && other.refs.first() == Some(first);
                self.order.tickets.iter().position(same)
            });
            let index = existing.unwrap_or(self.order.tickets.len());
            let known_symbology = existing.and_then(|index| self.order.tickets[index].symbology);
            let merged = Ticket {
                line: ticket.line,
                refs: ticket.refs,
                seat: ticket.seat,
                state: if is_cancelled { TicketState::Void } else { ticket.state },
                symbology: ticket.barcode.as_ref().map(|code| code.symbology).or(known_symbology),
            };
            match existing {
                Some(index) => self.order.tickets[index] = merged,
                None => self.order.tickets.push(merged),
            }
            if let Some(barcode) = ticket.barcode {
                // A vendor may list a ticket twice; the last code counts.
                self.credentials.retain(|other| other.ticket != index);
                self.credentials.push(TicketCredential { ticket: index, barcode });
            }
        }
        self.schedule_ticket_read(number);
    }

    /// Goes on after a read: schedules the next one while tickets or codes are missing, until the settle deadline; after that sold orders
    /// are refreshed periodically. Reports sold tickets that have no code after a while, and hands the order over to a person at the
    /// deadline: a sale whose tickets nobody misses is found at the gate. The leg stays confirmed, because its sale is certain and can
    /// be canceled.
    fn schedule_ticket_read(&mut self, number: usize) {
        let (now, settings) = (self.now, Arc::clone(&self.settings));
        let missing = self.forget_found_tickets(number);
        let leg = self.leg_mut(number);
        let since = leg.ticket_search.map_or(now, |search| search.since);
        let end = leg.ticket_search.and_then(|search| search.end);
        let is_over = now >= later(since, settings.settle_deadline);
        let next_at = Some(settings.next_attempt_at(since, now));
        leg.ticket_search = match (missing, end) {
            (Missing::Nothing, _) => None,
            (Missing::States, _) => (!is_over).then_some(TicketSearch { since, next_at, end: None }),
            (Missing::Codes, None) if !is_over => Some(TicketSearch { since, next_at, end: None }),
            (Missing::Codes, end) => {
                Some(TicketSearch { since, next_at: None, end: end.or(Some(TicketSearchEnd::NotFound)) })
            }
        };
        if missing != Missing::Codes || leg.status != LegStatus::Confirmed || end == Some(TicketSearchEnd::Accepted) {
            return;
        }
        if now >= later(since, settings.tickets_overdue_after) {
            self.report_overdue_tickets(number);
        }
        if is_over && end.is_none() {
            let status = LegStatus::Confirmed.name();
            self.record_transition(Some(number), status, status, TICKETS_NOT_FOUND);
        }
    }

    /// Ends the search for codes once they are there, or once the lines that miss them are canceled. Returns what is still missing.
    pub(super) fn forget_found_tickets(&mut self, number: usize) -> Missing {
        let missing = self.missing_tickets(number);
        if missing != Missing::Codes {
            let leg = self.leg_mut(number);
            leg.problems.retain(|problem| problem.code != ProblemCode::TicketsMissing);
            leg.ticket_search = leg.ticket_search.filter(|search| missing == Missing::States && search.end.is_none());
        }
        missing
    }

    /// Reports sold tickets without a code, once for each leg.
    fn report_overdue_tickets(&mut self, number: usize) {
        let leg = &self.order.legs[number];
        if leg.problems.iter().any(|problem| problem.code == ProblemCode::TicketsMissing) {
            return;
        }
        let source = leg.source.as_str().to_owned();
        tracing::warn!(order = %self.order.number, leg = number, source, "sold tickets have no code and are overdue");
        metrics::counter!("ticketgraph_tickets_overdue_total", "source" => source).increment(1);
        self.add_problem(number, Problem::new(ProblemCode::TicketsMissing));
    }

    /// Returns what is missing of the tickets of a leg, without those of canceled lines.
    fn missing_tickets(&self, number: usize) -> Missing {
        let lines: Vec<_> = self.order.lines_of(number).filter(|(_, line)| !line.is_canceled).collect();
        let wanted: u32 = lines.iter().map(|(_, line)| line.quantity).sum();
        let there: Vec<&Ticket> =
            self.order.tickets.iter().filter(|ticket| lines.iter().any(|(line, _)| *line == ticket.line)).collect();
        let is_pending = |ticket: &&&Ticket| ticket.state == TicketState::Pending;
        let is_short = there.len() < usize::try_from(wanted).unwrap_or(usize::MAX);
        // A ticket that nobody prints may stay pending for ever. Its code lets the visitor in.
        if is_short || there.iter().filter(is_pending).any(|ticket| ticket.symbology.is_none()) {
            Missing::Codes
        } else if there.iter().any(|ticket| is_pending(&ticket)) {
            Missing::States
        } else {
            Missing::Nothing
        }
    }

    pub(crate) fn apply_ticket_refresh(&mut self, number: usize, result: Result<Vec<IssuedTicket>, VendorError>) {
        match result {
            Ok(issued) => self.merge_tickets(number, issued),
            // Nothing was read, so nothing is known to be missing.
            Err(error) if error.only_waits() => {
                let turn = self.turn_expected_at(&error);
                let search = &mut self.leg_mut(number).ticket_search;
                if let Some(next_at) = search.as_mut().and_then(|search| search.next_at.as_mut()) {
                    *next_at = turn;
                }
            }
            Err(error) => {
                // What a person said stands until a person changes it.
                if error.kind == ErrorKind::NotFound && self.order.legs[number].settled == Some(LegSettlement::Sold) {
                    self.add_problem(number, Problem::new(ProblemCode::SettlementContradicted));
                }
                self.schedule_ticket_read(number);
            }
        }
    }
}

/// Missing part of the tickets of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// Nothing.
    Nothing,
    /// Only the final state of tickets that have a code.
    States,
    /// Tickets or codes.
    Codes,
}
