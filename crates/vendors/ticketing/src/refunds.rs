//! Refunds: whole orders only, and for administrators only (`ticketing.md §4.11`).

use async_trait::async_trait;

use crate::assumptions::PaymentWord;
use crate::map::order::{self, OrderState};
use crate::ordering::is_rejected_with;
use crate::{TicketingSource, wire};
use domain::ids::StepKey;
use domain::ordering::{CancelLine, CompletedCancellation, LegRequest, LookupOutcome, Refunds, TicketState};
use domain::{Effect, ErrorKind, ExternalRef, RefusalReason, VendorError, VendorOperation};

impl TicketingSource {
    /// Reads the result of a refunded order. Tickets that remain valid are not void, whatever the refund's response
    /// was.
    async fn canceled_from(
        &self,
        leg: &LegRequest,
        order: &wire::Order,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<CompletedCancellation, VendorError> {
        let missing = || self.client.error(VendorOperation::LookUp, ErrorKind::Malformed);
        let account = self.account_number_of(order, refs).ok_or_else(missing)?;
        let tickets = self.issued_tickets(leg, self.client.wallet(&account).await?);
        let still_good = |reference: &ExternalRef| {
            let ticket = tickets.iter().find(|ticket| ticket.refs.first() == Some(reference));
            ticket.is_some_and(|ticket| matches!(ticket.state, TicketState::Issued | TicketState::Used(_)))
        };
        let wanted = lines.iter().flat_map(|line| line.tickets.iter());
        Ok(CompletedCancellation {
            refunded: order::order_total(order, &self.defaults),
            voided: wanted.filter(|reference| !still_good(reference)).cloned().collect(),
        })
    }
}

#[async_trait]
impl Refunds for TicketingSource {
    async fn cancel(
        &self,
        _key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<CompletedCancellation, VendorError> {
        let op = VendorOperation::Cancel;
        let number = self.order_number(op, refs)?;
        let link = self.action_url(op, refs, order::REFUNDS_REF, &format!("/orders/{number}/refunds"))?;
        let reason = format!("Order {} was canceled.", leg.reference);
        let is_refused = match self.client.refund(link, &reason).await {
            Ok(settled) => self.payment_word(&settled) != Some(PaymentWord::Authorized),
            Err(error) if is_rejected_with(&error, &RefusalReason::Conflict) => true,
            Err(error) => return Err(error),
        };
        let lost = |mut error: VendorError| {
            error.operation = op;
            error.with_effect(Effect::Unknown)
        };
        let order = self.client.order(number).await.map_err(lost)?;
        match self.order_state(&order) {
            OrderState::Reversed => self.canceled_from(leg, &order, refs, lines).await.map_err(lost),
            _ if is_refused => Err(self.client.rejected(op, RefusalReason::TooLate)),
            _ => Err(lost(self.client.error(op, ErrorKind::Unavailable))),
        }
    }

    async fn find_cancellation(
        &self,
        _key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<LookupOutcome<CompletedCancellation>, VendorError> {
        let order = self.client.order(self.order_number(VendorOperation::LookUp, refs)?).await?;
        Ok(match self.order_state(&order) {
            OrderState::Reversed => LookupOutcome::Done(self.canceled_from(leg, &order, refs, lines).await?),
            OrderState::Fulfilled => LookupOutcome::NotDone,
            OrderState::Placed | OrderState::Abandoned | OrderState::Unknown => LookupOutcome::Undetermined,
        })
    }
}
