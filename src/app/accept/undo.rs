//! Undoes everything that an acceptance run has made, also after a failure or a signal.

use std::time::Duration;

use crate::app::accept::journal::Stage;
use crate::app::accept::run::{Run, describe, in_turn};
use domain::ordering::{IssuedTicket, LookupOutcome, TicketState};
use domain::time::{earlier, later};
use domain::{VendorError, VendorOperation};

/// Attempts to undo one entry, each with several calls.
const ATTEMPTS: u32 = 4;
/// Pause between two attempts.
const PAUSE: Duration = Duration::from_secs(3);
/// Reads until refunded tickets are void, and the pause between them.
const VOID_READS: u32 = 5;
const VOID_PAUSE: Duration = Duration::from_secs(1);
/// Sales of this time before and after now are listed. Longer than any run and any difference of clocks.
const LISTED: Duration = Duration::from_secs(2 * 3600);

impl Run {
    /// Undoes what is open. Not stopped by a signal.
    pub(super) async fn undo_all(&mut self) {
        let open = self.journal.open_entries();
        if open.is_empty() {
            return;
        }
        self.announce("undo what is left");
        for number in open {
            let reference = self.journal.entry(number).leg.reference.clone();
            match self.undo(number).await {
                Ok(()) => self.passed(format!("{reference}: nothing is left")),
                Err(why) => self.finding(format!("{reference}: {why}")),
            }
        }
    }

    async fn undo(&mut self, number: usize) -> Result<(), String> {
        let mut why = "its outcome is unknown".to_owned();
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            // A step may resolve the outcome only, so that the next one can undo it.
            for _ in 0..3 {
                if self.journal.entry(number).stage == Stage::Undone {
                    return Ok(());
                }
                match self.undo_stage(number).await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        why = describe(&error);
                        break;
                    }
                }
            }
            if self.journal.entry(number).stage == Stage::Undone {
                return Ok(());
            }
        }
        Err(why)
    }

    /// Brings an entry one stage nearer to its undo. False if the vendor's answer decides nothing.
    async fn undo_stage(&mut self, number: usize) -> Result<bool, VendorError> {
        match self.journal.entry(number).stage {
            Stage::Holding => self.resolve_hold(number).await,
            Stage::Held => self.release(number).await.map(|()| true),
            Stage::Selling => self.resolve_sale(number).await,
            Stage::SellingAgain => self.resolve_second_sale(number).await,
            Stage::Sold => {
                if self.journal.entry(number).tickets.is_empty() {
                    self.load_tickets(number).await?;
                }
                self.cancel(number).await?;
                self.see_void(number).await
            }
            Stage::Canceling => match self.find_cancellation(number).await? {
                LookupOutcome::Done(_) => self.see_void(number).await,
                LookupOutcome::NotDone => self.move_to(number, Stage::Sold),
                LookupOutcome::Undetermined => Ok(false),
            },
            Stage::Undone => Ok(true),
        }
    }

    async fn resolve_hold(&mut self, number: usize) -> Result<bool, VendorError> {
        let (ordering, entry) = (self.ordering(VendorOperation::LookUp)?, self.journal.entry(number).clone());
        let key = entry.step_key("hold");
        match in_turn(VendorOperation::LookUp, ordering.find_hold(&key, &entry.leg)).await? {
            LookupOutcome::Done(hold) => self
                .note(VendorOperation::LookUp, number, |entry| {
                    entry.stage = Stage::Held;
                    entry.refs.clone_from(&hold.refs);
                    entry.hold_refs = hold.refs;
                })
                .map(|()| true),
            LookupOutcome::NotDone => self.move_to(number, Stage::Undone),
            LookupOutcome::Undetermined => Ok(false),
        }
    }

    async fn resolve_sale(&mut self, number: usize) -> Result<bool, VendorError> {
        match self.find_sale(number).await? {
            LookupOutcome::Done(sale) => self.note_sale(number, &sale).map(|()| true),
            LookupOutcome::NotDone => {
                let has_hold = !self.journal.entry(number).hold_refs.is_empty();
                self.move_to(number, if has_hold { Stage::Held } else { Stage::Undone })
            }
            LookupOutcome::Undetermined => Ok(false),
        }
    }

    /// Decides by the list of sales alone: a look-up may find the first sale.
    async fn resolve_second_sale(&mut self, number: usize) -> Result<bool, VendorError> {
        let Some(sales) = self.sales_of(number).await? else { return Ok(false) };
        let unknown = sales.into_iter().find(|refs| !self.journal.has_sale(refs));
        self.note(VendorOperation::ListOrders, number, |entry| match unknown {
            Some(refs) => {
                entry.stage = Stage::Sold;
                entry.refs = refs;
                entry.tickets = Vec::new();
            }
            None => entry.stage = Stage::Undone,
        })
        .map(|()| true)
    }

    /// Lists the references of the sales with the reference of an entry. `None` if the vendor's list does not name references.
    pub(super) async fn sales_of(
        &mut self,
        number: usize,
    ) -> Result<Option<Vec<Vec<domain::ExternalRef>>>, VendorError> {
        let (ordering, entry) = (self.ordering(VendorOperation::ListOrders)?, self.journal.entry(number).clone());
        let now = self.clock.now();
        let performances: Vec<_> = entry.leg.lines.iter().map(|line| line.performance.clone()).collect();
        let references = [entry.leg.reference.clone()];
        let list = ordering.list_sales(earlier(now, LISTED), later(now, LISTED), &performances, &references);
        let sales = in_turn(VendorOperation::ListOrders, list).await?;
        let own: Vec<_> = sales
            .into_iter()
            .filter(|sale| sale.is_sold && sale.reference.as_deref() == Some(&*entry.leg.reference))
            .map(|sale| sale.refs)
            .collect();
        Ok((!own.is_empty()).then_some(own))
    }

    /// Reads the tickets of a canceled sale until all are void, and closes its entry.
    pub(super) async fn see_void(&mut self, number: usize) -> Result<bool, VendorError> {
        for read in 0..VOID_READS {
            if read > 0 {
                tokio::time::sleep(VOID_PAUSE).await;
            }
            let tickets = self.load_tickets(number).await?;
            if are_void(&tickets) {
                return self.move_to(number, Stage::Undone);
            }
        }
        Ok(false)
    }

    fn move_to(&mut self, number: usize, stage: Stage) -> Result<bool, VendorError> {
        self.note(VendorOperation::LookUp, number, |entry| entry.stage = stage).map(|()| true)
    }
}

fn are_void(tickets: &[IssuedTicket]) -> bool {
    tickets.iter().all(|ticket| ticket.state == TicketState::Void)
}
