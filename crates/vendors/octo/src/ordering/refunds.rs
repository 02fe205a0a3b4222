//! Cancellations of sales: whole bookings, and a refund in words only (`octo.md §6.6`).

use async_trait::async_trait;

use super::as_step_error;
use crate::OctoSource;
use crate::client::{ReadBooking, is_refusal};
use crate::map::booking::{self, BookingIntent, BookingState};
use domain::ids::StepKey;
use domain::ordering::{CancelLine, CompletedCancellation, LegRequest, LookupOutcome, Refunds};
use domain::{Effect, ExternalRef, Money, RefusalReason, VendorError, VendorOperation};

const OP: VendorOperation = VendorOperation::Cancel;

impl OctoSource {
    /// Cancels one booking. A refusal is read back before it is believed.
    pub(super) async fn cancel_sale(
        &self,
        intent: &BookingIntent,
        leg: &LegRequest,
    ) -> Result<ReadBooking, VendorError> {
        let reason = format!("Order {} was canceled.", leg.reference);
        let refusal = match self.client.cancel(OP, intent.uuid, &reason).await {
            Ok(read) if self.booking_state(&read.value) == BookingState::Canceled => return Ok(read),
            Ok(_) => self.unknown_outcome(OP),
            Err(error) if is_refusal(&error) => error,
            Err(error) => return Err(error),
        };
        let lost = |error: VendorError| VendorError { operation: OP, ..error }.with_effect(Effect::Unknown);
        let found = self.client.find_booking(intent.uuid).await.map_err(lost)?;
        match (self.state_of(found.as_ref()), found) {
            (Some(BookingState::Canceled), Some(read)) => Ok(read),
            (Some(BookingState::Sold), _) if refusal.effect == Effect::None => {
                Err(self.client.rejected(OP, RefusalReason::TooLate))
            }
            _ => Err(self.unknown_outcome(OP)),
        }
    }

    fn completed(
        &self,
        intents: &[BookingIntent],
        canceled: &[ReadBooking],
        lines: &[CancelLine],
        refs: &[ExternalRef],
    ) -> CompletedCancellation {
        let refunded = booking::sum(intents.iter().zip(canceled).map(|(intent, read)| refund(intent, read)));
        // Never more than the sale cost.
        let cost = booking::held_total(refs).or_else(|| booking::promised(intents));
        let refunded = refunded.map(|refund| match cost {
            Some(cost) if cost.currency == refund.currency && cost.amount < refund.amount => cost,
            _ => refund,
        });
        let voided = lines.iter().flat_map(|line| line.tickets.iter().cloned()).collect();
        CompletedCancellation { refunded, voided }
    }
}

/// Amount that a canceled booking refunds. There is none on the wire: `FULL` is what it cost, and that of `PARTIAL` is unknown
/// (`octo.md §11` O14).
fn refund(intent: &BookingIntent, read: &ReadBooking) -> Option<Money> {
    let promised = intent.promised?;
    let word = read.value.cancellation.as_ref()?.refund.as_deref()?;
    match word.trim().to_ascii_uppercase().as_str() {
        "FULL" => {
            let cost = booking::total(&read.value, read.has_prices, promised.currency).known();
            Some(cost.filter(|cost| cost.amount > 0).unwrap_or(promised))
        }
        "NONE" => Some(Money::zero(promised.currency)),
        _ => None,
    }
}

#[async_trait]
impl Refunds for OctoSource {
    async fn cancel(
        &self,
        _key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<CompletedCancellation, VendorError> {
        let intents = self.recorded_intents(OP, leg, refs)?;
        let mut canceled = Vec::new();
        for intent in &intents {
            match self.cancel_sale(intent, leg).await {
                Ok(read) => canceled.push(read),
                // Canceled in part: only a look-up and its repetition settle it.
                Err(error) if !canceled.is_empty() => return Err(error.with_effect(Effect::Unknown)),
                Err(error) => return Err(error),
            }
        }
        Ok(self.completed(&intents, &canceled, lines, refs))
    }

    async fn find_cancellation(
        &self,
        _key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<LookupOutcome<CompletedCancellation>, VendorError> {
        let op = VendorOperation::LookUp;
        let intents = self.recorded_intents(op, leg, refs)?;
        let found = self.find_bookings(&intents).await.map_err(|error| as_step_error(op, error))?;
        let states: Vec<_> = found.iter().map(|found| self.state_of(found.as_ref())).collect();
        if states.iter().all(|state| *state == Some(BookingState::Canceled)) {
            let canceled: Vec<ReadBooking> = found.into_iter().flatten().collect();
            return Ok(LookupOutcome::Done(self.completed(&intents, &canceled, lines, refs)));
        }
        let is_definite =
            |state: &Option<BookingState>| matches!(state, Some(BookingState::Sold | BookingState::Canceled));
        Ok(if states.iter().all(is_definite) { LookupOutcome::NotDone } else { LookupOutcome::Undetermined })
    }
}
