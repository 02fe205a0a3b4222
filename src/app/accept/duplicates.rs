//! Sends the same check-out twice, to see whether the vendor sells twice. Only on request, because it may.

use crate::app::accept::journal::{Entry, Stage};
use crate::app::accept::observations::SecondCheckOut;
use crate::app::accept::product::Product;
use crate::app::accept::run::{Run, Stopped, describe, in_turn};
use domain::ordering::ConfirmedSale;
use domain::{Effect, LegShape, VendorError, VendorOperation};

impl Run {
    /// Buys a ticket, sends its check-out once more with the same key, and refunds all that was sold.
    pub(super) async fn probe_duplicates(&mut self, product: &Product) -> Result<(), Stopped> {
        self.begin("buy one ticket and send its check-out twice with the same key")?;
        if self.source.refunds.is_none() {
            self.not_seen("this source cannot refund, so nothing is bought");
            return Ok(());
        }
        let leg = super::product::leg_request(product, domain::OrderKey::random());
        let ordering = self.ordering(VendorOperation::Confirm).map_err(|error| self.failed(&error))?;
        let number = match ordering.shape(&leg) {
            LegShape::HoldThenConfirm => self.held(product).await?,
            LegShape::ConfirmOnly | LegShape::CommitsAtHold => {
                self.request(product, Stage::Selling).map_err(|error| self.failed(&error))?
            }
        };
        self.confirm(number).await.map_err(|error| self.failed(&error))?;
        let first = self.journal.entry(number).clone();
        let second = Entry { stage: Stage::SellingAgain, ..first.clone() };
        let pushed = self.journal.push(second);
        let repeat = pushed.map_err(|error| {
            self.finding(format!("{}: {error}", self.journal.file().display()));
            Stopped
        })?;
        let key = first.step_key("confirm");
        let again = in_turn(VendorOperation::Confirm, ordering.confirm(&key, &first.leg, &first.hold_refs)).await;
        self.see_second_sale(number, repeat, again).await.map_err(|error| self.failed(&error))?;
        self.report_second_sale();
        if self.journal.entry(repeat).stage == Stage::SellingAgain {
            // The undo at the end decides by the list of sales, from which a refunded one is missing.
            return Ok(());
        }
        for sale in [repeat, number] {
            if self.journal.entry(sale).stage == Stage::Sold {
                self.load_tickets(sale).await.map_err(|error| self.failed(&error))?;
                self.refund(sale).await?;
            }
        }
        Ok(())
    }

    /// Decides by the second response and the list of sales, and notes in the journal what the repetition has made.
    async fn see_second_sale(
        &mut self,
        number: usize,
        repeat: usize,
        again: Result<ConfirmedSale, VendorError>,
    ) -> Result<(), VendorError> {
        let first = self.journal.entry(number).refs.first().cloned();
        let listed = self.sales_of(number).await.ok().flatten();
        let other = listed.iter().flatten().find(|refs| refs.first() != first.as_ref()).cloned();
        let second = match (other, again) {
            (_, Ok(sale)) if sale.refs.first() != first.as_ref() => {
                self.note_sale(repeat, &sale)?;
                SecondCheckOut::SoldTwice
            }
            (Some(refs), _) => {
                self.note(VendorOperation::ListOrders, repeat, |entry| {
                    entry.stage = Stage::Sold;
                    entry.refs = refs;
                    entry.tickets = Vec::new();
                })?;
                SecondCheckOut::SoldTwice
            }
            // The vendor returned the first sale, and its own list shows no other.
            (None, Ok(_)) if listed.is_some() => self.nothing_more(repeat, SecondCheckOut::SameSale)?,
            (None, Ok(_)) => self.nothing_more(repeat, SecondCheckOut::Unclear("returned the first sale"))?,
            (None, Err(error)) if error.effect == Effect::None || listed.is_some() => {
                self.passed(format!("the second one: {}", describe(&error)));
                self.nothing_more(repeat, SecondCheckOut::Unclear("failed"))?
            }
            (None, Err(error)) => {
                self.finding(format!("the outcome of the second one is unknown: {}", describe(&error)));
                SecondCheckOut::Unclear("has an unknown outcome")
            }
        };
        self.seen.second_check_out = Some(second);
        Ok(())
    }

    fn nothing_more(&mut self, repeat: usize, seen: SecondCheckOut) -> Result<SecondCheckOut, VendorError> {
        self.note(VendorOperation::ListOrders, repeat, |entry| entry.stage = Stage::Undone)?;
        Ok(seen)
    }

    fn report_second_sale(&mut self) {
        match self.seen.second_check_out {
            Some(SecondCheckOut::SoldTwice) => {
                self.passed("the vendor sold twice: a check-out whose response was lost must never be sent again");
            }
            Some(SecondCheckOut::SameSale) => {
                self.passed("the vendor sold once and returned the first sale, within seconds")
            }
            Some(SecondCheckOut::Unclear(how)) => {
                self.not_seen(format!("the second check-out {how}, which does not show what the key does"));
            }
            None => {}
        }
    }
}
