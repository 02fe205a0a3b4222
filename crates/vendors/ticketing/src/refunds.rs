//! Undoing sales: whole orders only, and for administrators only (`ticketing.md §4.11`).

use async_trait::async_trait;

use crate::map::account;
use crate::map::order::{self, Standing};
use crate::ordering::is_refused_as;
use crate::{Account, wire};
use domain::ids::StepKey;
use domain::ordering::{CancelLine, Cancelled, Found, LegRequest, Refunds, TicketState};
use domain::{Effect, ErrorKind, ExternalRef, Operation, Reason, VendorError};

impl Account {
    /// What a refunded order has left behind. Tickets that still open the gate are not void, whatever the refund said.
    async fn undone(
        &self,
        leg: &LegRequest,
        order: &wire::Order,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<Cancelled, VendorError> {
        let missing = || self.client.error(Operation::LookUp, ErrorKind::Malformed);
        let account = self.account_in(order, refs).ok_or_else(missing)?;
        let tickets = order::tickets(leg, self.client.wallet(&account).await?);
        let still_good = |reference: &ExternalRef| {
            let ticket = tickets.iter().find(|ticket| ticket.refs.first() == Some(reference));
            ticket.is_some_and(|ticket| matches!(ticket.state, TicketState::Issued | TicketState::Used(_)))
        };
        let wanted = lines.iter().flat_map(|line| line.tickets.iter());
        Ok(Cancelled {
            refunded: order::total(order, &self.terms),
            void: wanted.filter(|reference| !still_good(reference)).cloned().collect(),
        })
    }
}

#[async_trait]
impl Refunds for Account {
    async fn cancel(
        &self,
        _key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<Cancelled, VendorError> {
        let op = Operation::Cancel;
        let number = self.order_number(op, refs)?;
        let link = self.link(op, refs, order::REFUNDS, &format!("/orders/{number}/refunds"))?;
        let reason = format!("Order {} was cancelled.", leg.reference);
        let is_refused = match self.client.refund(link, &reason).await {
            Ok(settled) => !account::is_authorised(&settled),
            Err(fault) if is_refused_as(&fault, &Reason::Conflict) => true,
            Err(fault) => return Err(fault),
        };
        let lost = |mut fault: VendorError| {
            fault.operation = op;
            fault.with_effect(Effect::Unknown)
        };
        let order = self.client.order(number).await.map_err(lost)?;
        match order::standing(&order) {
            Standing::Undone => self.undone(leg, &order, refs, lines).await.map_err(lost),
            _ if is_refused => Err(self.client.rejected(op, Reason::TooLate)),
            _ => Err(lost(self.client.error(op, ErrorKind::Unavailable))),
        }
    }

    async fn find_cancellation(
        &self,
        _key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<Found<Cancelled>, VendorError> {
        let order = self.client.order(self.order_number(Operation::LookUp, refs)?).await?;
        Ok(match order::standing(&order) {
            Standing::Undone => Found::Done(self.undone(leg, &order, refs, lines).await?),
            Standing::Fulfilled => Found::NotDone,
            Standing::Placed | Standing::Ended | Standing::Unknown => Found::Unclear,
        })
    }
}
