//! The steps of an acceptance run that hold, buy and refund.

use std::time::Duration;

use crate::app::accept::journal::Stage;
use crate::app::accept::product::Product;
use crate::app::accept::run::{Run, Stopped, describe, in_turn};
use domain::ordering::{IssuedTicket, LookupOutcome, TicketState};
use domain::{LegShape, VendorOperation};

/// Reads of the vacancies after a release, and the pause between them.
const VACANCY_READS: u32 = 5;
/// Reads of the tickets after a sale. With the pause between them, a minute.
const TICKET_READS: u32 = 30;
const PAUSE: Duration = Duration::from_secs(2);

impl Run {
    /// Returns the shape of a sale of the product.
    fn shape(&self, product: &Product) -> LegShape {
        let leg = super::product::leg_request(product, domain::OrderKey::random());
        self.source.ordering.as_ref().map_or(LegShape::ConfirmOnly, |ordering| ordering.shape(&leg))
    }

    /// Holds a ticket and gives it back.
    pub(super) async fn hold_and_release(&mut self, product: &Product) -> Result<(), Stopped> {
        if self.shape(product) != LegShape::HoldThenConfirm {
            self.begin("hold one ticket")?;
            self.not_seen("this product is sold without a hold");
            return Ok(());
        }
        self.begin("read the vacancies")?;
        let before = self.vacancies(product).await.map_err(|error| self.failed(&error))?;
        match before {
            Some(count) => self.passed(format!("{count} places: compare with the back office")),
            None => self.not_seen("the vendor does not count them"),
        }
        self.begin("hold one ticket")?;
        let number = self.held(product).await?;
        let during = self.vacancies(product).await.map_err(|error| self.failed(&error))?;
        // A count that does not show the hold does not show its release either.
        let shown = before.filter(|before| during.is_some_and(|during| during < *before));
        match (before, during) {
            (Some(before), Some(during)) if during < before => {
                self.passed(format!("{during} places are left while it is held"));
            }
            (Some(before), Some(during)) => {
                self.not_seen(format!(
                    "the count does not show the hold: {before} places before it, {during} during it"
                ));
            }
            _ => {}
        }
        self.look_hold_up(number).await?;
        self.begin("release the hold")?;
        self.release(number).await.map_err(|error| self.failed(&error))?;
        self.passed("released");
        self.see_places_back(product, shown).await
    }

    /// Places a hold and prints it.
    pub(super) async fn held(&mut self, product: &Product) -> Result<usize, Stopped> {
        let number = self.request(product, Stage::Holding).map_err(|error| self.failed(&error))?;
        let hold = self.hold(number).await.map_err(|error| self.failed(&error))?;
        self.seen.is_held = true;
        let reference = &self.journal.entry(number).leg.reference;
        let end = hold.expires_at.map_or_else(|| "without an end".to_owned(), |end| format!("until {end}"));
        let text = format!("held as {reference} {end}");
        self.passed(text);
        if let Some(total) = hold.total.filter(|total| *total != product.offer.price.retail) {
            self.finding(format!("the hold costs {total}, the catalog says {}", product.offer.price.retail));
        }
        Ok(number)
    }

    async fn look_hold_up(&mut self, number: usize) -> Result<(), Stopped> {
        self.begin("look the hold up, as if its response had been lost")?;
        let ordering = self.ordering(VendorOperation::LookUp).map_err(|error| self.failed(&error))?;
        let entry = self.journal.entry(number).clone();
        let key = entry.step_key("hold");
        match in_turn(VendorOperation::LookUp, ordering.find_hold(&key, &entry.leg)).await {
            Ok(LookupOutcome::Done(hold)) if hold.refs.first() == entry.refs.first() => self.passed("found"),
            Ok(LookupOutcome::Done(_)) => self.finding("another hold was found"),
            Ok(LookupOutcome::NotDone) => self.finding("the look-up says that there is no hold"),
            Ok(LookupOutcome::Undetermined) => self.not_seen("holds of this vendor cannot be looked up"),
            Err(error) => self.finding(describe(&error)),
        }
        Ok(())
    }

    async fn see_places_back(&mut self, product: &Product, before: Option<u32>) -> Result<(), Stopped> {
        self.begin("see the place come back")?;
        let Some(before) = before else {
            self.not_seen("the count of places did not show the hold");
            return Ok(());
        };
        let mut after = None;
        for read in 0..VACANCY_READS {
            if read > 0 {
                self.wait(PAUSE).await?;
            }
            after = self.vacancies(product).await.map_err(|error| self.failed(&error))?;
            if after.is_none_or(|after| after >= before) {
                break;
            }
        }
        match after {
            Some(after) if after >= before => self.passed(format!("{after} places")),
            Some(after) => {
                self.finding(format!("{after} places, {before} before the hold; does anybody else buy here?"))
            }
            None => self.not_seen("the vendor does not count places any more"),
        }
        Ok(())
    }

    /// Buys a ticket, reads it, looks the sale up, and refunds it.
    pub(super) async fn buy_and_refund(&mut self, product: &Product) -> Result<(), Stopped> {
        if self.source.refunds.is_none() {
            self.begin("buy one ticket")?;
            self.not_seen("this source cannot refund, so nothing is bought");
            return Ok(());
        }
        let number = self.bought(product).await?;
        self.read_tickets(number).await?;
        self.look_sale_up(number).await?;
        self.refund(number).await
    }

    /// Holds and buys a ticket.
    async fn bought(&mut self, product: &Product) -> Result<usize, Stopped> {
        self.begin("hold and buy one ticket")?;
        let number = match self.shape(product) {
            LegShape::HoldThenConfirm => self.held(product).await?,
            LegShape::ConfirmOnly | LegShape::CommitsAtHold => {
                self.request(product, Stage::Selling).map_err(|error| self.failed(&error))?
            }
        };
        if self.stop.is_cancelled() {
            return Err(Stopped);
        }
        let sale = self.confirm(number).await.map_err(|error| self.failed(&error))?;
        self.seen.is_sold = true;
        let reference = self.journal.entry(number).leg.reference.clone();
        let price = product.offer.price.retail;
        match sale.total {
            Some(total) if total != price => self.finding(format!("sold for {total}, the catalog says {price}")),
            Some(total) => self.passed(format!("sold as {reference} for {total}, the price of the catalog")),
            None => self.passed(format!("sold as {reference}; the vendor does not say for how much")),
        }
        Ok(number)
    }

    async fn read_tickets(&mut self, number: usize) -> Result<(), Stopped> {
        self.begin("read the ticket until it has a code")?;
        let mut tickets = Vec::new();
        for read in 0..TICKET_READS {
            if read > 0 {
                self.wait(PAUSE).await?;
            }
            tickets = self.load_tickets(number).await.map_err(|error| self.failed(&error))?;
            if is_issued(&tickets) {
                break;
            }
        }
        let states: Vec<TicketState> = tickets.iter().map(|ticket| ticket.state).collect();
        if is_issued(&tickets) {
            let symbologies: Vec<&str> =
                tickets.iter().filter_map(|one| Some(one.barcode.as_ref()?.symbology.into())).collect();
            self.seen.is_issued = true;
            self.passed(format!("issued, with a code ({}): have the gate scan it", symbologies.join(", ")));
        } else if tickets.is_empty() {
            self.seen.has_no_tickets = true;
            self.finding("the sale has no ticket");
        } else {
            self.finding(format!("no usable ticket: {states:?}; see the words of ticket states in the assumptions"));
        }
        Ok(())
    }

    async fn look_sale_up(&mut self, number: usize) -> Result<(), Stopped> {
        self.begin("look the sale up, as if its response had been lost")?;
        let refs = self.journal.entry(number).refs.clone();
        match self.find_sale(number).await {
            Ok(LookupOutcome::Done(sale)) if sale.refs.first() == refs.first() => {
                self.seen.is_found = Some(true);
                self.passed("found");
            }
            Ok(LookupOutcome::Done(sale)) => {
                // A second sale: in the journal, so that it is refunded, too.
                let entry = self.journal.entry(number).clone();
                let pushed = self.journal.push(entry);
                if let Ok(second) = pushed {
                    self.note_sale(second, &sale).map_err(|error| self.failed(&error))?;
                }
                self.finding("another sale was found");
            }
            Ok(LookupOutcome::NotDone) => {
                self.seen.is_found = Some(false);
                self.finding("the look-up says that nothing was sold: a lost response would sell twice");
            }
            Ok(LookupOutcome::Undetermined) if self.source.traits.finds_by_our_reference => {
                self.seen.is_found = Some(false);
                self.finding("not found: after a lost response a person would have to decide");
            }
            Ok(LookupOutcome::Undetermined) => self.not_seen("this account cannot look sales up"),
            Err(error) => self.finding(describe(&error)),
        }
        match self.sales_of(number).await {
            Ok(Some(sales)) if sales.len() == 1 => {
                self.seen.is_listed = true;
                self.passed("listed once with our reference");
            }
            Ok(Some(sales)) => self.finding(format!("listed {} times with our reference", sales.len())),
            Ok(None) => self.not_seen("the vendor's list of sales shows none with our reference"),
            Err(error) => self.not_seen(format!("the vendor's sales cannot be listed: {}", describe(&error))),
        }
        Ok(())
    }

    /// Refunds a sale and reads its tickets until they are void.
    pub(super) async fn refund(&mut self, number: usize) -> Result<(), Stopped> {
        self.begin("refund the ticket")?;
        let canceled = self.cancel(number).await.map_err(|error| self.failed(&error))?;
        let refunded =
            canceled.refunded.map_or_else(|| "the vendor does not say how much".to_owned(), |it| it.to_string());
        self.passed(format!("refunded: {refunded}"));
        self.begin("see that the ticket is void")?;
        match self.see_void(number).await {
            Ok(true) => {
                self.seen.is_void = true;
                self.passed("void");
                Ok(())
            }
            Ok(false) => {
                self.finding("the ticket is still valid, or its state has another word");
                Ok(())
            }
            Err(error) => Err(self.failed(&error)),
        }
    }
}

/// Returns true if every ticket can be used and has its code.
fn is_issued(tickets: &[IssuedTicket]) -> bool {
    let is_issued = |ticket: &IssuedTicket| ticket.state == TicketState::Issued && ticket.barcode.is_some();
    !tickets.is_empty() && tickets.iter().all(is_issued)
}
