//! Confirmations. The bookings are read before and after every doubt: some suppliers confirm a canceled booking, others refuse to
//! confirm a second time (`octo.md §6.2`, `§7`). There is no doubt about holds that this process has just placed.

use jiff::SignedDuration;

use super::as_step_error;
use crate::OctoSource;
use crate::client::{ReadBooking, is_refusal};
use crate::map::booking::{self, BookingIntent, BookingState, Total};
use crate::wire::bookings::Booking;
use domain::ordering::{ConfirmedSale, LegRequest, LookupOutcome};
use domain::{Effect, ErrorKind, ExternalRef, Money, RefusalReason, VendorError, VendorOperation};

const OP: VendorOperation = VendorOperation::Confirm;
/// Time before the end of a hold in which a leg that is sold in part is not confirmed again.
const COMPLETION_TIME: SignedDuration = SignedDuration::from_mins(1);

impl OctoSource {
    /// Confirms all bookings of a leg. If one cannot be sold, those that were are canceled.
    pub(super) async fn confirm_leg(
        &self,
        leg: &LegRequest,
        refs: &[ExternalRef],
    ) -> Result<ConfirmedSale, VendorError> {
        let intents = self.recorded_intents(OP, leg, refs)?;
        let are_new = self.recent.take_holds(intents.iter().map(|intent| intent.uuid), self.clock.now());
        if are_new && self.defaults.facts.hold_fixes_price {
            let bookings = self.confirm_each(&intents, Vec::new(), leg).await?;
            return Ok(self.sale(&intents, bookings, refs));
        }
        let found = self.find_bookings(&intents).await.map_err(|error| as_step_error(OP, error))?;
        let states: Vec<_> = found.iter().map(|found| self.state_of(found.as_ref())).collect();
        let is_open =
            |state: &Option<BookingState>| matches!(state, Some(BookingState::Pending | BookingState::Unknown));
        if states.iter().any(is_open) {
            return Err(self.unknown_outcome(OP));
        }
        let is_left = |state: &Option<BookingState>| matches!(state, Some(BookingState::Sold | BookingState::Held));
        let is_complete = states.iter().all(is_left);
        let bookings: Vec<ReadBooking> = found.into_iter().flatten().collect();
        let with_state = intents.iter().zip(&states);
        let sold: Vec<_> =
            with_state.filter(|(_, state)| **state == Some(BookingState::Sold)).map(|(intent, _)| intent).collect();
        let refusal = match is_complete {
            false => Some(self.client.rejected(OP, RefusalReason::HoldExpired)),
            true if sold.is_empty() => self.price_change(&intents, &bookings, refs).await?,
            true => None,
        };
        if let Some(refusal) = refusal {
            return Err(self.undo_sales(&sold, leg, refusal).await);
        }
        let is_sold = |(read, state)| (state == Some(BookingState::Sold)).then_some(read);
        let found = bookings.into_iter().zip(states).map(is_sold).collect();
        let bookings = self.confirm_each(&intents, found, leg).await?;
        Ok(self.sale(&intents, bookings, refs))
    }

    /// Confirms the bookings of a leg that are not `sold` already, and returns all. If one is refused, the others are canceled.
    async fn confirm_each(
        &self,
        intents: &[BookingIntent],
        sold: Vec<Option<ReadBooking>>,
        leg: &LegRequest,
    ) -> Result<Vec<ReadBooking>, VendorError> {
        let found = sold.into_iter().chain(std::iter::repeat_with(|| None));
        let mut bookings: Vec<Option<ReadBooking>> = found.take(intents.len()).collect();
        for number in 0..intents.len() {
            if bookings[number].is_some() {
                continue;
            }
            match self.confirm_one(&intents[number], leg).await {
                Ok(confirmed) => bookings[number] = Some(confirmed),
                Err(error) => {
                    let with_booking = intents.iter().zip(&bookings);
                    let sold: Vec<_> =
                        with_booking.filter(|(_, booking)| booking.is_some()).map(|(intent, _)| intent).collect();
                    return Err(self.undo_sales(&sold, leg, error).await);
                }
            }
        }
        Ok(bookings.into_iter().flatten().collect())
    }

    /// Returns the rejection of a hold whose price has changed since it was placed, if it has. Where a hold fixes no price, that of
    /// its availability is compared, too (`octo.md §11` O5).
    async fn price_change(
        &self,
        intents: &[BookingIntent],
        read: &[ReadBooking],
        refs: &[ExternalRef],
    ) -> Result<Option<VendorError>, VendorError> {
        // A hold that had no price was placed at the promised one.
        let Some(held) = booking::held_total(refs).or_else(|| booking::promised(intents)) else { return Ok(None) };
        let changed = |now: Money| Some(self.client.rejected(OP, RefusalReason::PriceChanged { now }));
        match self.total(&intents.iter().collect::<Vec<_>>(), read) {
            Total::Known(now) if now != held => return Ok(changed(now)),
            Total::Unreadable => {
                let unreadable = self.client.error(OP, ErrorKind::Malformed);
                return Ok(Some(unreadable.with_cause("the hold has an unreadable price")));
            }
            _ => {}
        }
        if self.defaults.facts.hold_fixes_price {
            return Ok(None);
        }
        let mut now = Some(Money::zero(held.currency));
        for intent in intents {
            let availability = self.availability_now(intent).await.map_err(|error| as_step_error(OP, error))?;
            let price = availability.and_then(|availability| booking::price_at(intent, &availability));
            now = now.and_then(|sum| sum.checked_add(price?).ok());
        }
        // A slot that has no price any more changes none.
        Ok(now.filter(|now| *now != held).and_then(changed))
    }

    /// Confirms one booking and returns it as it is sold. A refusal is read back before it is believed.
    async fn confirm_one(&self, intent: &BookingIntent, leg: &LegRequest) -> Result<ReadBooking, VendorError> {
        let no_contact = || self.client.rejected(OP, RefusalReason::InvalidInput { field: "contact".to_owned() });
        let confirmation = booking::confirmation(leg).ok_or_else(no_contact)?;
        let refusal = match self.client.confirm(intent.uuid, &confirmation).await {
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
            // A booking that was sold is undone only if it is seen canceled.
            if let Err(undo) = self.cancel_sale(intent, leg).await {
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
        // What the whole leg cost, for its refund.
        of_sale.extend(total.or_else(|| booking::held_total(refs)).map(booking::total_ref));
        ConfirmedSale { refs: of_sale, tickets, total }
    }

    /// Looks up a confirmation by the states of the bookings (`octo.md §8`).
    pub(super) async fn look_up_confirmation(
        &self,
        leg: &LegRequest,
        refs: &[ExternalRef],
    ) -> Result<LookupOutcome<ConfirmedSale>, VendorError> {
        let intents = self.recorded_intents(VendorOperation::LookUp, leg, refs)?;
        self.recent.take_holds(intents.iter().map(|intent| intent.uuid), self.clock.now());
        let found = self.find_bookings(&intents).await?;
        let states: Vec<_> = found.iter().map(|found| self.state_of(found.as_ref())).collect();
        if states.iter().all(|state| *state == Some(BookingState::Sold)) {
            return Ok(LookupOutcome::Done(self.sale(&intents, found.into_iter().flatten().collect(), refs)));
        }
        for (intent, state) in intents.iter().zip(&states) {
            let is_definite = match state {
                Some(BookingState::Pending | BookingState::Unknown) => false,
                Some(_) => true,
                None => self.is_certainly_absent(intent, leg, refs).await?,
            };
            if !is_definite {
                return Ok(LookupOutcome::Undetermined);
            }
        }
        let is_sold_in_part = states.contains(&Some(BookingState::Sold));
        if is_sold_in_part && !self.can_be_completed(&states, refs) {
            tracing::error!(
                source = %self.client.source(),
                reference = leg.reference,
                "a leg is sold in part and its other holds are over: cancel its bookings at the supplier",
            );
            return Ok(LookupOutcome::Undetermined);
        }
        // Sold in part is not sold: the repetition confirms the rest, or undoes what was sold.
        Ok(LookupOutcome::NotDone)
    }

    /// True if the rest of a leg that is sold in part is still held, and long enough for another confirmation. The hold of a leg that
    /// ends before it is not confirmed again, so what was sold would stay sold.
    fn can_be_completed(&self, states: &[Option<BookingState>], refs: &[ExternalRef]) -> bool {
        let is_open = |state: &Option<BookingState>| matches!(state, Some(BookingState::Sold | BookingState::Held));
        states.iter().all(is_open)
            && booking::held_until(refs).is_none_or(|end| self.clock.now() + COMPLETION_TIME < end)
    }

    /// True if a booking that cannot be read by its uuid was not sold: its hold is over, and our reference does not find it either, or
    /// finds that nothing is sold.
    async fn is_certainly_absent(
        &self,
        intent: &BookingIntent,
        leg: &LegRequest,
        refs: &[ExternalRef],
    ) -> Result<bool, VendorError> {
        let over = booking::held_until(refs).and_then(|at| at.checked_add(self.defaults.facts.absent_after).ok());
        if over.is_none_or(|over| self.clock.now() < over) {
            return Ok(false);
        }
        // Compared by uuid, whatever reference the row has.
        let listed = self.client.list_bookings(VendorOperation::LookUp, &leg.reference).await?;
        let cap = self.defaults.facts.list_cap;
        // With bookings of others the filter is ignored, so the list may end before ours.
        let is_of_other = |row: &Booking| row.reseller_reference.as_ref().is_some_and(|name| *name != leg.reference);
        let is_whole =
            listed.unreadable == 0 && (cap == 0 || listed.rows.len() < cap) && !listed.rows.iter().any(is_of_other);
        let is_same = |uuid: &str| uuid::Uuid::parse_str(uuid) == Ok(intent.uuid);
        Ok(is_whole && listed.rows.iter().all(|row| !is_same(&row.uuid) || self.booking_state(row).is_gone()))
    }
}
