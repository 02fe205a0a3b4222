//! Holds: all bookings of a leg or none (`octo.md §6.1`, `§12.1`).

use std::sync::Arc;

use jiff::Timestamp;

use super::as_step_error;
use crate::OctoSource;
use crate::client::{INVALID_BOOKING_UUID, ReadBooking, Reading, has_code, is_refusal};
use crate::map::booking::{self, BookingIntent, BookingState, Total};
use crate::map::{Offering, slot, tickets};
use crate::settings::BookingEnv;
use crate::wire::catalog::Product;
use crate::wire::requests::{SlotsQuery, UnitCount};
use domain::ordering::{HoldSecures, LegRequest, LookupOutcome, PlacedHold};
use domain::{
    Availability, AvailabilityStatus, Currency, Effect, ErrorKind, ExternalRef, Money, RefusalReason, VendorError,
    VendorOperation,
};

const OP: VendorOperation = VendorOperation::Hold;

/// A booking that may be reserved.
struct CheckedBooking {
    intent: BookingIntent,
    /// True if its visitors are on a list and have no code.
    is_manifest: bool,
}

impl OctoSource {
    /// Places the bookings of a leg. What they cost is compared by the order, and by us if the bookings have no price.
    pub(super) async fn place_hold(&self, leg: &LegRequest) -> Result<PlacedHold, VendorError> {
        let mut checked = Vec::new();
        for intent in self.intents(OP, leg)? {
            let is_manifest = self.check_before_hold(&intent).await?;
            checked.push(CheckedBooking { intent, is_manifest });
        }
        let mut made: Vec<ReadBooking> = Vec::new();
        for one in &checked {
            match self.reserve(&one.intent, leg).await {
                Ok(booking) => made.push(booking),
                Err(error) => return Err(self.undo_bookings(&checked[..made.len()], leg, error).await),
            }
        }
        let intents: Vec<&BookingIntent> = checked.iter().map(|one| &one.intent).collect();
        let placed = match self.placed_hold(&intents, &made) {
            Ok(hold) if hold.total.is_none() => self.check_prices(&intents).await.map(|()| hold),
            placed => placed,
        };
        match placed {
            Ok(mut hold) => {
                let listed = checked.iter().filter(|one| one.is_manifest);
                let manifest =
                    |one: &CheckedBooking| ExternalRef::new(booking::MANIFEST_REF, one.intent.uuid.to_string());
                hold.refs.extend(listed.map(manifest));
                Ok(hold)
            }
            Err(error) => Err(self.undo_bookings(&checked, leg, error).await),
        }
    }

    /// Undoes the bookings of a leg that were made before one failed. A failure that may pass, or whose outcome is open, is looked up
    /// as a whole instead: the same bookings are found or made again by their uuids.
    async fn undo_bookings(&self, made: &[CheckedBooking], leg: &LegRequest, error: VendorError) -> VendorError {
        if error.effect == Effect::Unknown || made.is_empty() {
            return error;
        }
        if error.kind.is_transient() {
            return error.with_effect(Effect::Unknown);
        }
        for one in made {
            if let Err(undo) = self.cancel_hold(OP, &one.intent, leg).await {
                tracing::warn!(source = %self.client.source(), error = %undo, "a hold in part was not released; it ends by itself");
            }
        }
        error
    }

    /// Returns the product of a booking, as this process read it within the last minute or as it is now.
    async fn recent_product(&self, intent: &BookingIntent) -> Result<Arc<Reading<Product>>, VendorError> {
        let id = &intent.offering.product;
        match self.recent.product(id, self.clock.now()) {
            Some(product) => Ok(product),
            None => self.read_product(VendorOperation::LookUp, id).await.map_err(|error| as_step_error(OP, error)),
        }
    }

    /// Checks the rules of the option that the order does not know. Places and price are what the hold says (`octo.md §6.1`).
    /// Returns true if its visitors are on a list.
    async fn check_before_hold(&self, intent: &BookingIntent) -> Result<bool, VendorError> {
        let product = self.recent_product(intent).await?;
        let has_prices = product.has_prices;
        let offering = Offering::of(&product.value, &intent.offering.option, has_prices)
            .ok_or_else(|| self.client.error(OP, ErrorKind::NotFound))?;
        if !offering.is_sellable(&self.defaults) {
            return Err(self.client.rejected(OP, RefusalReason::NotOnSale));
        }
        check_units(offering, intent).map_err(|reason| self.client.rejected(OP, reason))?;
        Ok(product.value.redemption_method.as_deref() == Some(tickets::MANIFEST))
    }

    /// Compares the quoted prices with those of the availability. For bookings that have no price of their own.
    async fn check_prices(&self, intents: &[&BookingIntent]) -> Result<(), VendorError> {
        for intent in intents {
            let Some(now) = self.availability_now(intent).await? else {
                return Err(self.client.rejected(OP, RefusalReason::NotOnSale));
            };
            if let Some(reason) = price_refusal(intent, &now) {
                return Err(self.client.rejected(OP, reason));
            }
        }
        Ok(())
    }

    /// Asks for price and places of a booking (`octo.md §5.2`); `None` if its availability does not exist, or it has none.
    pub(super) async fn availability_now(&self, intent: &BookingIntent) -> Result<Option<Availability>, VendorError> {
        let product = self.recent_product(intent).await?;
        let offering = Offering::of(&product.value, &intent.offering.option, product.has_prices)
            .ok_or_else(|| self.client.error(OP, ErrorKind::NotFound))?;
        let Some(availability) = intent.availability.as_deref() else {
            let open = self.open_performance(VendorOperation::LookUp, offering).await;
            let open = open.map_err(|error| as_step_error(OP, error))?;
            return Ok(open.listed_availability.map(Arc::unwrap_or_clone));
        };
        let units = intent.units().into_iter().map(|(id, quantity)| UnitCount { id, quantity }).collect();
        let query = SlotsQuery {
            product_id: &intent.offering.product,
            option_id: &intent.offering.option,
            availability_ids: &[availability],
            units,
            currency: self.defaults.requested_currency(offering).map(Currency::code),
        };
        let read =
            self.client.slots(VendorOperation::LookUp, &query).await.map_err(|error| as_step_error(OP, error))?;
        let row = read.value.iter().find(|row| row.id == availability);
        Ok(row.map(|row| slot::availability(offering, Some(row), read.has_prices, &self.defaults)))
    }

    /// Makes a booking, or finds that of an earlier attempt. A `uuid` that is refused as used is read back.
    async fn reserve(&self, intent: &BookingIntent, leg: &LegRequest) -> Result<ReadBooking, VendorError> {
        let currency = intent.promised.map(|promised| promised.currency);
        let body = intent.reservation(leg, self.defaults.facts.hold_minutes, currency);
        let refusal = match self.client.reserve(&body).await {
            Ok(booking) => {
                let held = self.accept(intent, booking, leg).await?;
                let now = self.clock.now();
                if let Some(end) = booking::expiry(&held.value) {
                    self.recent.insert_hold(intent.uuid, end, now);
                }
                return Ok(held);
            }
            Err(error) if is_refusal(&error) => error,
            Err(error) => return Err(error),
        };
        if has_code(&refusal, INVALID_BOOKING_UUID) {
            return match self.client.find_booking(intent.uuid).await {
                Ok(Some(booking)) => self.accept(intent, booking, leg).await,
                Ok(None) => Err(refusal),
                Err(error) => Err(VendorError { operation: OP, ..error }.with_effect(Effect::Unknown)),
            };
        }
        Err(self.explain_refusal(intent, refusal).await)
    }

    /// Says that a booking was refused because it is sold out or closed, if a fresh check says so (`octo.md §12.1`).
    async fn explain_refusal(&self, intent: &BookingIntent, refusal: VendorError) -> VendorError {
        let (Some(_), ErrorKind::Rejected(rejected)) = (&intent.availability, &refusal.kind) else {
            return refusal;
        };
        let Ok(now) = self.availability_now(intent).await else { return refusal };
        match place_refusal(intent, now.as_ref()) {
            Some(reason) => VendorError::rejected(&refusal.source, OP, reason, rejected.vendor_code.clone()),
            None => refusal,
        }
    }

    /// Accepts a booking as the hold that was meant. One that is not is canceled.
    async fn accept(
        &self,
        intent: &BookingIntent,
        booking: ReadBooking,
        leg: &LegRequest,
    ) -> Result<ReadBooking, VendorError> {
        let reason = match self.booking_state(&booking.value) {
            BookingState::Held if !intent.is_met_by(&booking.value) => RefusalReason::Conflict,
            BookingState::Held if self.is_of_wrong_env(&booking) => RefusalReason::NotOnSale,
            BookingState::Held => return Ok(booking),
            // Sold by the hold: nobody would undo it when the hold ends.
            BookingState::Sold => {
                tracing::error!(source = %self.client.source(), "the supplier sells without a confirmation; the booking is canceled");
                RefusalReason::NotOnSale
            }
            state if state.is_gone() => return Err(self.client.rejected(OP, RefusalReason::Conflict)),
            _ => return Err(self.unknown_outcome(OP)),
        };
        match self.cancel_hold(OP, intent, leg).await {
            Ok(()) => Err(self.client.rejected(OP, reason)),
            Err(error) => Err(error.with_effect(Effect::Unknown)),
        }
    }

    /// True if the booking is a test and should be real, or the other way round. Not checked without the header.
    fn is_of_wrong_env(&self, booking: &ReadBooking) -> bool {
        let is_test = booking.value.test_mode;
        let is_wrong = match self.env {
            None => false,
            Some(BookingEnv::Test) => is_test != Some(true),
            Some(BookingEnv::Live) => is_test == Some(true),
        };
        if is_wrong {
            tracing::error!(
                source = %self.client.source(),
                "the supplier ignores `Octo-Env`: set `env` to that of the key, or `env_header = false`",
            );
        }
        is_wrong
    }

    /// Cancels a booking that is not wanted. Succeeds if there is none.
    pub(super) async fn cancel_hold(
        &self,
        op: VendorOperation,
        intent: &BookingIntent,
        leg: &LegRequest,
    ) -> Result<(), VendorError> {
        self.recent.take_holds(std::iter::once(intent.uuid), self.clock.now());
        let reason = format!("Order {} was not completed.", leg.reference);
        let refusal = match self.client.cancel(op, intent.uuid, &reason).await {
            Ok(booking) if self.booking_state(&booking.value).is_gone() => return Ok(()),
            Ok(_) => self.unknown_outcome(op),
            // A page that is not there proves nothing: the supplier may cancel at another path.
            Err(error) if error.kind == ErrorKind::NotFound => self.unknown_outcome(op),
            Err(error) if is_refusal(&error) => error,
            Err(error) => return Err(error),
        };
        let found = self.client.find_booking(intent.uuid).await.map_err(|error| match error.kind {
            ErrorKind::NotFound => self.unknown_outcome(op),
            _ => VendorError { operation: op, ..error }.with_effect(refusal.effect),
        })?;
        match self.state_of(found.as_ref()) {
            None => Ok(()),
            Some(state) if state.is_gone() => Ok(()),
            Some(BookingState::Held) => Err(refusal),
            Some(_) => Err(self.client.rejected(op, RefusalReason::Conflict)),
        }
    }

    /// Maps held bookings. Fails if their price cannot be read.
    fn placed_hold(&self, intents: &[&BookingIntent], made: &[ReadBooking]) -> Result<PlacedHold, VendorError> {
        let total = self.total(intents, made);
        if total == Total::Unreadable {
            return Err(self.client.error(OP, ErrorKind::Malformed).with_cause("the hold has an unreadable price"));
        }
        let expires_at = made.iter().filter_map(|read| booking::expiry(&read.value)).min();
        let mut refs: Vec<ExternalRef> = made.iter().flat_map(|read| booking::refs(&read.value)).collect();
        refs.extend(expires_at.map(expiry_ref));
        refs.extend(total.known().map(booking::total_ref));
        let mut secures = vec![HoldSecures::Capacity];
        if total.known().is_some() && self.defaults.facts.hold_fixes_price {
            secures.push(HoldSecures::Price);
        }
        Ok(PlacedHold { refs, expires_at, secures, total: total.known() })
    }

    /// Total of the bookings of a leg in the currency of its lines.
    pub(super) fn total(&self, intents: &[&BookingIntent], made: &[ReadBooking]) -> Total {
        let Some(currency) = intents.first().and_then(|intent| intent.promised).map(|money| money.currency) else {
            return Total::Unreadable;
        };
        let each = made.iter().map(|read| booking::total(&read.value, read.has_prices, currency));
        each.fold(Total::Known(Money::zero(currency)), Total::plus)
    }

    /// Looks up the bookings of a hold. A hold in part is none: the rest is made by the same uuids.
    pub(super) async fn look_up_hold(&self, leg: &LegRequest) -> Result<LookupOutcome<PlacedHold>, VendorError> {
        let intents = self.intents(VendorOperation::LookUp, leg)?;
        self.recent.take_holds(intents.iter().map(|intent| intent.uuid), self.clock.now());
        let found = self.find_bookings(&intents).await?;
        let states: Vec<_> = found.iter().map(|found| self.state_of(found.as_ref())).collect();
        let is_open =
            |state: &Option<BookingState>| matches!(state, Some(BookingState::Pending | BookingState::Unknown));
        if states.iter().any(is_open) {
            return Ok(LookupOutcome::Undetermined);
        }
        let is_held = states.iter().all(|state| *state == Some(BookingState::Held));
        let made: Vec<ReadBooking> = found.into_iter().flatten().collect();
        let is_meant = |(intent, read): (&BookingIntent, &ReadBooking)| {
            intent.is_met_by(&read.value) && !self.is_of_wrong_env(read)
        };
        if !is_held || !intents.iter().zip(&made).all(is_meant) {
            return Ok(LookupOutcome::NotDone);
        }
        let meant: Vec<&BookingIntent> = intents.iter().collect();
        let mut hold = self.placed_hold(&meant, &made)?;
        if hold.total.is_none() {
            match self.check_prices(&meant).await {
                Ok(()) => {}
                // The repetition finds the same bookings and cancels them.
                Err(error) if is_refusal(&error) => return Ok(LookupOutcome::NotDone),
                Err(error) => return Err(VendorError { operation: VendorOperation::LookUp, ..error }),
            }
        }
        hold.refs.extend(self.manifest_refs(&intents).await?);
        Ok(LookupOutcome::Done(hold))
    }

    /// References of the bookings whose visitors are on a list.
    async fn manifest_refs(&self, intents: &[BookingIntent]) -> Result<Vec<ExternalRef>, VendorError> {
        let mut refs = Vec::new();
        for intent in intents {
            let read = self.recent_product(intent).await;
            let product = read.map_err(|error| VendorError { operation: VendorOperation::LookUp, ..error })?;
            if product.value.redemption_method.as_deref() == Some(tickets::MANIFEST) {
                refs.push(ExternalRef::new(booking::MANIFEST_REF, intent.uuid.to_string()));
            }
        }
        Ok(refs)
    }
}

fn expiry_ref(at: Timestamp) -> ExternalRef {
    ExternalRef::new(booking::EXPIRY_REF, at.to_string())
}

/// Checks the limits of an option and its units. The supplier has the last word.
fn check_units(offering: Offering<'_>, intent: &BookingIntent) -> Result<(), RefusalReason> {
    let units = intent.units();
    let count = u32::try_from(intent.items.len()).unwrap_or(u32::MAX);
    if let Some(limits) = &offering.option.restrictions {
        let is_too_few = limits.min_units.is_some_and(|least| count < least);
        let is_too_many = limits.max_units.is_some_and(|most| count > most);
        if is_too_few || is_too_many {
            return Err(RefusalReason::LimitExceeded);
        }
    }
    let invalid = || RefusalReason::InvalidInput { field: "lines".to_owned() };
    for (id, quantity) in &units {
        let unit = offering.option.units.iter().find(|unit| unit.id == *id).ok_or_else(invalid)?;
        let Some(limits) = &unit.restrictions else { continue };
        if limits.max_quantity.is_some_and(|most| *quantity > most)
            || limits.min_quantity.is_some_and(|least| *quantity < least)
        {
            return Err(RefusalReason::LimitExceeded);
        }
        let is_alone = !limits.accompanied_by.iter().any(|other| units.contains_key(other.as_str()));
        if is_alone && !limits.accompanied_by.is_empty() {
            return Err(invalid());
        }
    }
    Ok(())
}

/// Returns why a slot has no places for a booking, if it has none.
fn place_refusal(intent: &BookingIntent, now: Option<&Availability>) -> Option<RefusalReason> {
    let Some(now) = now else { return Some(RefusalReason::NotOnSale) };
    let wanted = u32::try_from(intent.items.len()).unwrap_or(u32::MAX);
    match now.status {
        AvailabilityStatus::SoldOut => Some(RefusalReason::SoldOut { remaining: now.vacancies }),
        // A slot that exists and has too few places may be called closed for so many.
        _ if now.vacancies.is_some_and(|left| left < wanted) => {
            Some(RefusalReason::SoldOut { remaining: now.vacancies })
        }
        AvailabilityStatus::Closed | AvailabilityStatus::Unknown => Some(RefusalReason::NotOnSale),
        _ => None,
    }
}

/// Compares the current prices with the quoted ones.
fn price_refusal(intent: &BookingIntent, now: &Availability) -> Option<RefusalReason> {
    for item in &intent.items {
        let Some(offer) = booking::offer_of(item, now) else { return Some(RefusalReason::NotOnSale) };
        if offer.price.retail != item.price {
            return Some(RefusalReason::PriceChanged { now: offer.price.retail });
        }
    }
    None
}
