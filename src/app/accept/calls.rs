//! The writing calls of an acceptance run. Each is in the journal before the vendor is called.

use std::sync::Arc;

use crate::app::accept::journal::{Entry, Stage};
use crate::app::accept::run::{Run, in_turn};
use domain::ordering::{
    CancelLine, CompletedCancellation, ConfirmedSale, IssuedTicket, LookupOutcome, Ordering, PlacedHold, Refunds,
};
use domain::{Effect, ErrorKind, ExternalRef, OrderKey, VendorError, VendorOperation};

use crate::app::accept::product::{Product, leg_request};

impl Run {
    /// Adds a request for one ticket to the journal.
    pub(super) fn request(&mut self, product: &Product, stage: Stage) -> Result<usize, VendorError> {
        let key = OrderKey::random();
        let entry = Entry::new(key, leg_request(product, key), stage);
        let pushed = self.journal.push(entry);
        pushed.map_err(|error| self.unwritten(VendorOperation::Hold, error))
    }

    /// Places the hold of an entry.
    pub(super) async fn hold(&mut self, number: usize) -> Result<PlacedHold, VendorError> {
        let (ordering, entry) = (self.ordering(VendorOperation::Hold)?, self.journal.entry(number).clone());
        let key = entry.step_key("hold");
        match in_turn(VendorOperation::Hold, ordering.hold(&key, &entry.leg)).await {
            Ok(hold) => {
                self.note(VendorOperation::Hold, number, |entry| {
                    entry.stage = Stage::Held;
                    entry.refs.clone_from(&hold.refs);
                    entry.hold_refs.clone_from(&hold.refs);
                })?;
                Ok(hold)
            }
            Err(error) => Err(self.without_effect(number, Stage::Undone, error)),
        }
    }

    /// Releases the hold of an entry.
    pub(super) async fn release(&mut self, number: usize) -> Result<(), VendorError> {
        let (ordering, entry) = (self.ordering(VendorOperation::Release)?, self.journal.entry(number).clone());
        let key = entry.step_key("release");
        in_turn(VendorOperation::Release, ordering.release(&key, &entry.leg, &entry.hold_refs)).await?;
        self.note(VendorOperation::Release, number, |entry| entry.stage = Stage::Undone)
    }

    /// Checks an entry out.
    pub(super) async fn confirm(&mut self, number: usize) -> Result<ConfirmedSale, VendorError> {
        let (ordering, entry) = (self.ordering(VendorOperation::Confirm)?, self.journal.entry(number).clone());
        self.note(VendorOperation::Confirm, number, |entry| entry.stage = Stage::Selling)?;
        let key = entry.step_key("confirm");
        match in_turn(VendorOperation::Confirm, ordering.confirm(&key, &entry.leg, &entry.hold_refs)).await {
            Ok(sale) => self.note_sale(number, &sale).map(|()| sale),
            Err(error) => {
                let before = if entry.stage == Stage::Held { Stage::Held } else { Stage::Undone };
                Err(self.without_effect(number, before, error))
            }
        }
    }

    /// Notes that an entry is sold.
    pub(super) fn note_sale(&mut self, number: usize, sale: &ConfirmedSale) -> Result<(), VendorError> {
        self.note(VendorOperation::Confirm, number, |entry| {
            entry.stage = Stage::Sold;
            entry.refs.clone_from(&sale.refs);
            entry.tickets = first_refs(&sale.tickets);
        })
    }

    /// Looks up the check-out of an entry as if its response had been lost.
    pub(super) async fn find_sale(&mut self, number: usize) -> Result<LookupOutcome<ConfirmedSale>, VendorError> {
        let (ordering, entry) = (self.ordering(VendorOperation::LookUp)?, self.journal.entry(number).clone());
        let key = entry.step_key("confirm");
        in_turn(VendorOperation::LookUp, ordering.find_confirmation(&key, &entry.leg, &entry.hold_refs)).await
    }

    /// Reads the tickets of an entry.
    pub(super) async fn load_tickets(&mut self, number: usize) -> Result<Vec<IssuedTicket>, VendorError> {
        let (ordering, entry) = (self.ordering(VendorOperation::LookUp)?, self.journal.entry(number).clone());
        let tickets = in_turn(VendorOperation::LookUp, ordering.load_tickets(&entry.leg, &entry.refs)).await?;
        if entry.tickets.is_empty() {
            self.note(VendorOperation::LookUp, number, |entry| entry.tickets = first_refs(&tickets))?;
        }
        Ok(tickets)
    }

    /// Cancels the sale of an entry. The entry is undone only once its tickets were seen to be void.
    pub(super) async fn cancel(&mut self, number: usize) -> Result<CompletedCancellation, VendorError> {
        let refunds = self.refunds()?;
        self.note(VendorOperation::Cancel, number, |entry| entry.stage = Stage::Canceling)?;
        let entry = self.journal.entry(number).clone();
        let (key, lines) = (entry.step_key("cancel"), lines(&entry));
        let canceled = in_turn(VendorOperation::Cancel, refunds.cancel(&key, &entry.leg, &entry.refs, &lines)).await;
        canceled.map_err(|error| self.without_effect(number, Stage::Sold, error))
    }

    /// Looks up the cancellation of an entry.
    pub(super) async fn find_cancellation(
        &mut self,
        number: usize,
    ) -> Result<LookupOutcome<CompletedCancellation>, VendorError> {
        let (refunds, entry) = (self.refunds()?, self.journal.entry(number).clone());
        let (key, lines) = (entry.step_key("cancel"), lines(&entry));
        let find = refunds.find_cancellation(&key, &entry.leg, &entry.refs, &lines);
        in_turn(VendorOperation::LookUp, find).await
    }

    /// Changes an entry of the journal.
    pub(super) fn note(
        &mut self,
        operation: VendorOperation,
        number: usize,
        change: impl FnOnce(&mut Entry),
    ) -> Result<(), VendorError> {
        self.journal.change(number, change).map_err(|error| self.unwritten(operation, error))
    }

    /// Returns the ordering port.
    pub(super) fn ordering(&self, operation: VendorOperation) -> Result<Arc<dyn Ordering>, VendorError> {
        let unsupported = || VendorError::new(&self.source.id, operation, ErrorKind::Unsupported);
        self.source.ordering.clone().ok_or_else(unsupported)
    }

    fn refunds(&self) -> Result<Arc<dyn Refunds>, VendorError> {
        let unsupported = || VendorError::new(&self.source.id, VendorOperation::Cancel, ErrorKind::Unsupported);
        self.source.refunds.clone().ok_or_else(unsupported)
    }

    /// Notes that a failed call had no effect, if that is certain.
    fn without_effect(&mut self, number: usize, stage: Stage, error: VendorError) -> VendorError {
        match error.effect {
            Effect::None => self.note(error.operation, number, |entry| entry.stage = stage).err().unwrap_or(error),
            Effect::Unknown => error,
        }
    }

    fn unwritten(&self, operation: VendorOperation, error: std::io::Error) -> VendorError {
        VendorError::new(&self.source.id, operation, ErrorKind::Internal).with_cause(error)
    }
}

/// Returns the first references of tickets, by which they are canceled.
fn first_refs(tickets: &[IssuedTicket]) -> Vec<ExternalRef> {
    tickets.iter().filter_map(|ticket| ticket.refs.first().cloned()).collect()
}

fn lines(entry: &Entry) -> Vec<CancelLine> {
    vec![CancelLine { line: 0, tickets: entry.tickets.clone() }]
}
