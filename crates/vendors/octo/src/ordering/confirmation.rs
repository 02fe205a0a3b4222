//! Confirmations. The bookings are read before and after every doubt: some suppliers confirm a canceled booking, others refuse to
//! confirm a second time (`octo.md §6.2`, `§7`).

use jiff::Timestamp;

use super::as_step_error;
use crate::OctoSource;
use crate::client::{ReadBooking, is_refusal};
use crate::map::booking::{self, BookingIntent, BookingState, Total};
use domain::ordering::{ConfirmedSale, LegRequest, LookupOutcome};
use domain::{Effect, ErrorKind, ExternalRef, RefusalReason, VendorError, VendorOperation};

const OP: VendorOperation = VendorOperation::Confirm;

impl OctoSource {
    /// Confirms all bookings of a leg. If one cannot be sold, those that were are canceled.
    pub(super) async fn confirm_leg(
        &self,
        leg: &LegRequest,
        refs: &[ExternalRef],
    ) -> Result<ConfirmedSale, VendorError> {
        let intents = self.recorded_intents(OP, leg, refs)?;
        let found = self.find_bookings(&intents).await.map_err(|error| as_step_error(OP, error))?;
        let states: Vec<_> = found.iter().map(|found| self.state_of(found.as_ref())).collect();
        let is_open =
            |state: &Option<BookingState>| matches!(state, Some(BookingState::Pending | BookingState::Unknown));
        if states.iter().any(is_open) {
            return Err(self.unknown_outcome(OP));
        }
        let is_left = |state: &Option<BookingState>| matches!(state, Some(BookingState::Sold | BookingState::Held));
        let is_complete = states.iter().all(is_left);
        let mut bookings: Vec<ReadBooking> = found.into_iter().flatten().collect();
        let with_state = intents.iter().zip(&states);
        let mut sold: Vec<_> =
            with_state.filter(|(_, state)| **state == Some(BookingState::Sold)).map(|(intent, _)| intent).collect();
        let refusal = match is_complete {
            false => Some(self.client.rejected(OP, RefusalReason::HoldExpired)),
            true if sold.is_empty() => self.price_change(&intents, &bookings, refs),
            true => None,
        };
        if let Some(refusal) = refusal {
            return Err(self.undo_sales(&sold, leg, refusal).await);
        }
        for ((intent, state), booking) in intents.iter().zip(states).zip(&mut bookings) {
            if state != Some(BookingState::Held) {
                continue;
            }
            match self.confirm_one(intent, leg).await {
                Ok(confirmed) => *booking = confirmed,
                Err(error) => return Err(self.undo_sales(&sold, leg, error).await),
            }
            sold.push(intent);
        }
        Ok(self.sale(&intents, bookings, refs))
    }

    /// Returns the rejection of a hold whose price has changed since it was placed, if it has (`octo.md §11` O5).
    fn price_change(
        &self,
        intents: &[BookingIntent],
        read: &[ReadBooking],
        refs: &[ExternalRef],
    ) -> Option<VendorError> {
        let held = booking::held_total(refs)?;
        match self.total(&intents.iter().collect::<Vec<_>>(), read) {
            Total::Known(now) if now != held => Some(self.client.rejected(OP, RefusalReason::PriceChanged { now })),
            Total::Unreadable => {
                Some(self.client.error(OP, ErrorKind::Malformed).with_cause("the hold has an unreadable price"))
            }
            _ => None,
        }
    }

    /// Confirms one booking and returns it as it is sold. A refusal is read back before it is believed.
    async fn confirm_one(&self, intent: &BookingIntent, leg: &LegRequest) -> Result<ReadBooking, VendorError> {
        let refusal = match self.client.confirm(intent.uuid, &booking::confirmation(leg)).await {
            Ok(read) => match self.booking_state(&read.value) {
                BookingState::Sold => return Ok(read),
                state if state.is_gone() => self.client.rejected(OP, RefusalReason::HoldExpired),
                _ => return Err(self.unknown_outcome(OP)),
            },
            Err(error) if is_refusal(&error) => error,
            Err(error) => return Err(error),
        };
        let lost = |error: VendorError| VendorError { operation: OP, ..error }.with_effect(Effect::Unknown);
        let found = self.client.find_booking(intent.uuid).await.map_err(lost)?;
        match (self.state_of(found.as_ref()), found) {
            (Some(BookingState::Sold), Some(read)) => Ok(read),
            (Some(BookingState::Held), _) => Err(refusal),
            (Some(BookingState::Pending | BookingState::Unknown), _) => Err(self.unknown_outcome(OP)),
            _ => Err(self.client.rejected(OP, RefusalReason::HoldExpired)),
        }
    }

    /// Cancels the bookings of a leg that were sold before another was refused. The refusal stands only if all are proven canceled.
    async fn undo_sales(&self, sold: &[&BookingIntent], leg: &LegRequest, error: VendorError) -> VendorError {
        if error.effect == Effect::Unknown || sold.is_empty() {
            return error;
        }
        // A failure that may pass: the rest is confirmed when the whole was looked up.
        if error.kind.is_transient() {
            return error.with_effect(Effect::Unknown);
        }
        for intent in sold {
            if let Err(undo) = self.cancel_hold(OP, intent, leg).await {
                tracing::error!(source = %self.client.source(), error = %undo, "a leg is sold in part and could not be undone yet");
                return self.unknown_outcome(OP);
            }
        }
        error
    }

    fn sale(&self, intents: &[BookingIntent], read: Vec<ReadBooking>, refs: &[ExternalRef]) -> ConfirmedSale {
        let total = self.total(&intents.iter().collect::<Vec<_>>(), &read).known();
        let tickets =
            intents.iter().zip(&read).flat_map(|(intent, read)| self.issued_tickets(intent, &read.value, refs));
        let tickets = tickets.collect();
        let mut of_sale: Vec<ExternalRef> = read.iter().flat_map(|read| booking::refs(&read.value)).collect();
        of_sale.extend(refs.iter().filter(|one| one.kind == booking::MANIFEST_REF).cloned());
        ConfirmedSale { refs: of_sale, tickets, total }
    }

    /// Looks up a confirmation by the states of the bookings (`octo.md §8`).
    pub(super) async fn look_up_confirmation(
        &self,
        leg: &LegRequest,
        refs: &[ExternalRef],
    ) -> Result<LookupOutcome<ConfirmedSale>, VendorError> {
        let intents = self.recorded_intents(VendorOperation::LookUp, leg, refs)?;
        let found = self.find_bookings(&intents).await?;
        let states: Vec<_> = found.iter().map(|found| self.state_of(found.as_ref())).collect();
        if states.iter().all(|state| *state == Some(BookingState::Sold)) {
            return Ok(LookupOutcome::Done(self.sale(&intents, found.into_iter().flatten().collect(), refs)));
        }
        for (intent, state) in intents.iter().zip(states) {
            let is_definite = match state {
                Some(BookingState::Pending | BookingState::Unknown) => false,
                Some(_) => true,
                None => self.is_certainly_absent(intent, leg, refs).await?,
            };
            if !is_definite {
                return Ok(LookupOutcome::Undetermined);
            }
        }
        // Sold in part is not sold: the repetition confirms the rest, or undoes what was sold.
        Ok(LookupOutcome::NotDone)
    }

    /// True if a booking that cannot be read by its uuid was not sold: its hold is over, and our reference does not find it either.
    async fn is_certainly_absent(
        &self,
        intent: &BookingIntent,
        leg: &LegRequest,
        refs: &[ExternalRef],
    ) -> Result<bool, VendorError> {
        let ended = booking::find_ref(refs, booking::EXPIRY_REF).and_then(|at| at.parse::<Timestamp>().ok());
        let over = ended.and_then(|at| at.checked_add(self.defaults.facts.absent_after).ok());
        if over.is_none_or(|over| self.clock.now() < over) {
            return Ok(false);
        }
        let listed = self.client.bookings_of(VendorOperation::LookUp, &leg.reference).await?;
        let is_same = |uuid: &str| uuid::Uuid::parse_str(uuid) == Ok(intent.uuid);
        Ok(!listed.iter().any(|booking| is_same(&booking.uuid)))
    }
}
