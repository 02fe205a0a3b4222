//! Undoing a sale: refund by the uuids just read, then read again which tickets are void (`acme.md §4.7`, `§8.13`).

use async_trait::async_trait;

use crate::client::Outcome;
use crate::map::tickets;
use crate::ordering::{BoxOffice, ORDER, named};
use crate::wire::orders::OrderDetail;
use domain::ids::StepKey;
use domain::ordering::{CancelLine, Cancelled, Found, LegRequest, Refunds};
use domain::{Effect, ErrorKind, ExternalRef, Money, Operation, Reason, VendorError};

impl BoxOffice {
    async fn read_order(&self, refs: &[ExternalRef]) -> Result<OrderDetail, VendorError> {
        let missing = || self.error(Operation::LookUp, ErrorKind::NotFound);
        let id = named(refs, ORDER).ok_or_else(missing)?;
        self.client.find_order(Operation::LookUp, id).await?.ok_or_else(missing)
    }
}

#[async_trait]
impl Refunds for BoxOffice {
    async fn cancel(
        &self,
        _: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<Cancelled, VendorError> {
        let op = Operation::Cancel;
        let wanted = self.wanted(op, leg)?;
        let zone = &self.venue.zone;
        let before = self.read_order(refs).await?;
        let (void, is_all) = tickets::void(&before, &wanted, lines, zone);
        if is_all {
            // A repeat of a cancellation that already happened: to send it again would refund again.
            return Ok(Cancelled { refunded: None, void });
        }
        let refund = tickets::refund(&before, &wanted, lines, zone, &leg.reference);
        let refund = refund.filter(|refund| !refund.refund_items.is_empty());
        let refund = refund.ok_or_else(|| self.rejected(op, Reason::Conflict))?;
        let (refunded, refusal) = match self.client.refund(op, &refund).await? {
            Outcome::Done(refunded) => (refunded.refund_amount, None),
            Outcome::Refused(code) => (None, Some(VendorError::rejected(&self.source, op, Reason::TooLate, code))),
            Outcome::SeenBefore => return Err(self.unknown(op)),
        };
        // What it says is not believed: a uuid that it did not know is refunded and still opens the gate; and a request that
        // reached it twice is refused the second time, after the first one refunded everything.
        let lost = |error: VendorError| VendorError { operation: op, ..error }.with_effect(Effect::Unknown);
        let after = self.read_order(refs).await.map_err(lost)?;
        let (void, is_all) = tickets::void(&after, &wanted, lines, zone);
        let refunded = refunded.and_then(|amount| Money::from_major(amount.0, self.venue.currency).ok());
        match refusal {
            Some(refusal) if !is_all => Err(refusal),
            _ => Ok(Cancelled { refunded, void }),
        }
    }

    async fn find_cancellation(
        &self,
        _: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<Found<Cancelled>, VendorError> {
        let wanted = self.wanted(Operation::LookUp, leg)?;
        let order = self.read_order(refs).await?;
        let (void, is_all) = tickets::void(&order, &wanted, lines, &self.venue.zone);
        Ok(if is_all { Found::Done(Cancelled { refunded: None, void }) } else { Found::NotDone })
    }
}
