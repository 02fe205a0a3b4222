//! Refunds: by the uuids just read; the void tickets are then read again (`acme.md §4.7`, `§8.13`).

use async_trait::async_trait;

use crate::client::WriteOutcome;
use crate::map::tickets;
use crate::ordering::{AcmeOrdering, ORDER_REF, find_ref};
use crate::wire::orders::OrderDetail;
use domain::ids::StepKey;
use domain::ordering::{CancelLine, CompletedCancellation, LegRequest, LookupOutcome, Refunds};
use domain::{Effect, ErrorKind, ExternalRef, Money, RefusalReason, VendorError, VendorOperation};

impl AcmeOrdering {
    async fn load_order_detail(&self, refs: &[ExternalRef]) -> Result<OrderDetail, VendorError> {
        let missing = || self.error(VendorOperation::LookUp, ErrorKind::NotFound);
        let id = find_ref(refs, ORDER_REF).ok_or_else(missing)?;
        self.client.find_order(VendorOperation::LookUp, id).await?.ok_or_else(missing)
    }
}

#[async_trait]
impl Refunds for AcmeOrdering {
    async fn cancel(
        &self,
        _: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<CompletedCancellation, VendorError> {
        let op = VendorOperation::Cancel;
        let wanted = self.requested_lines(op, leg)?;
        let defaults = &self.defaults;
        let before = self.load_order_detail(refs).await?;
        let (void, is_all) = tickets::void_tickets(&before, &wanted, lines, defaults);
        if is_all {
            // Already canceled: sending the request again would refund again.
            return Ok(CompletedCancellation { refunded: None, voided: void });
        }
        if !defaults.facts.refunds_used_tickets && tickets::has_used_ticket(&before, &wanted, lines, defaults) {
            return Err(self.rejected(op, RefusalReason::TooLate));
        }
        let refund = tickets::refund(&before, &wanted, lines, defaults, &leg.reference);
        let refund = refund.filter(|refund| !refund.refund_items.is_empty());
        let refund = refund.ok_or_else(|| self.rejected(op, RefusalReason::Conflict))?;
        let (refunded, refusal) = match self.client.refund(op, &refund).await? {
            WriteOutcome::Done(refunded) => (refunded.refund_amount, None),
            WriteOutcome::Rejected(code) => {
                (None, Some(VendorError::rejected(&self.source, op, RefusalReason::TooLate, code)))
            }
            WriteOutcome::Duplicate => return Err(self.unknown_outcome(op)),
        };
        // The response is not trusted: a ticket with an unknown uuid is refunded and remains valid. A request that
        // arrives twice is rejected the second time, after the first one refunded everything.
        let outcome_unknown = |error: VendorError| VendorError { operation: op, ..error }.with_effect(Effect::Unknown);
        let after = self.load_order_detail(refs).await.map_err(outcome_unknown)?;
        let (void, is_all) = tickets::void_tickets(&after, &wanted, lines, defaults);
        let refunded = refunded.and_then(|amount| Money::from_major(amount.0, self.defaults.currency).ok());
        match refusal {
            Some(refusal) if !is_all => Err(refusal),
            _ => Ok(CompletedCancellation { refunded, voided: void }),
        }
    }

    async fn find_cancellation(
        &self,
        _: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<LookupOutcome<CompletedCancellation>, VendorError> {
        let wanted = self.requested_lines(VendorOperation::LookUp, leg)?;
        let order = self.load_order_detail(refs).await?;
        let (void, is_all) = tickets::void_tickets(&order, &wanted, lines, &self.defaults);
        Ok(if is_all {
            LookupOutcome::Done(CompletedCancellation { refunded: None, voided: void })
        } else {
            LookupOutcome::NotDone
        })
    }
}
