//! Selling: one booking per performance with a derived uuid, read back after every doubt (`octo.md §6.2`, `§8`, `§12.1`).

mod confirmation;
mod extension;
mod hold;
mod refunds;

use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::OctoSource;
use crate::client::ReadBooking;
use crate::map::booking::{self, BookingIntent, BookingState};
use crate::map::tickets;
use crate::wire::bookings::Booking;
use domain::ids::StepKey;
use domain::ordering::{
    ConfirmedSale, DeliveryPreference, IssuedTicket, LegRequest, LookupOutcome, Ordering, PlacedHold,
    SettlementRefusal, VendorSale,
};
use domain::{Effect, ErrorKind, ExternalRef, LegShape, PerformanceKey, RefusalReason, VendorError, VendorOperation};

/// Largest number of references that one list of sales looks up.
const MAX_LISTED_REFERENCES: usize = 1000;

impl OctoSource {
    /// Returns the bookings of a leg.
    fn intents(&self, op: VendorOperation, leg: &LegRequest) -> Result<Vec<BookingIntent>, VendorError> {
        let wrong = || self.client.rejected(op, RefusalReason::InvalidInput { field: "lines".to_owned() });
        booking::intents(self.client.source(), leg).filter(|intents| !intents.is_empty()).ok_or_else(wrong)
    }

    /// Returns the bookings of a leg that was held.
    fn recorded_intents(
        &self,
        op: VendorOperation,
        leg: &LegRequest,
        refs: &[ExternalRef],
    ) -> Result<Vec<BookingIntent>, VendorError> {
        Ok(booking::recorded(self.intents(op, leg)?, refs))
    }

    /// Returns the state of a booking, and logs a status that has no meaning.
    fn booking_state(&self, booking: &Booking) -> BookingState {
        let state = booking::state(booking, &self.defaults.facts);
        if state == BookingState::Unknown {
            let effect = "the outcome of its orders stays unknown";
            self.unknown_words.warn(self.client.source(), "booking_status_words", &booking.status, effect);
        }
        state
    }

    /// Reads all bookings of a leg; `None` for each that the supplier does not know.
    async fn find_bookings(&self, intents: &[BookingIntent]) -> Result<Vec<Option<ReadBooking>>, VendorError> {
        let mut found = Vec::new();
        for intent in intents {
            found.push(self.client.find_booking(intent.uuid).await?);
        }
        Ok(found)
    }

    /// State of a booking of a leg; `None` if the supplier does not know it.
    fn state_of(&self, found: Option<&ReadBooking>) -> Option<BookingState> {
        found.map(|read| self.booking_state(&read.value))
    }

    /// Maps a booking to tickets, and logs delivery formats that have no meaning.
    fn issued_tickets(&self, intent: &BookingIntent, read: &Booking, refs: &[ExternalRef]) -> Vec<IssuedTicket> {
        let facts = &self.defaults.facts;
        for word in tickets::unknown_formats(read, facts) {
            self.unknown_words.warn(
                self.client.source(),
                "delivery_format_words",
                word,
                "its tickets are issued without a symbology",
            );
        }
        let is_manifest = is_manifest(intent.uuid, refs);
        tickets::issued_tickets(intent, read, (self.booking_state(read), is_manifest), facts)
    }

    /// Error of a write whose response leaves its outcome open.
    fn unknown_outcome(&self, op: VendorOperation) -> VendorError {
        self.client.error(op, ErrorKind::Unavailable).with_effect(Effect::Unknown)
    }

    /// Maps a booking for reconciliation; `None` if nothing is held or sold by it.
    fn vendor_sale(&self, booking: &Booking) -> Option<VendorSale> {
        let state = self.booking_state(booking);
        (!state.is_gone()).then(|| VendorSale {
            reference: booking.reseller_reference.clone(),
            refs: booking::refs(booking),
            is_sold: state == BookingState::Sold,
        })
    }
}

/// True if the product of a booking said at the hold that its visitors are on a list.
fn is_manifest(uuid: Uuid, refs: &[ExternalRef]) -> bool {
    refs.iter().any(|one| one.kind == booking::MANIFEST_REF && one.value == uuid.to_string())
}

/// Turns a failed read within a write step into an error of the step, which had no effect.
fn as_step_error(op: VendorOperation, mut error: VendorError) -> VendorError {
    error.operation = op;
    error.with_effect(Effect::None)
}

#[async_trait]
impl Ordering for OctoSource {
    fn shape(&self, _leg: &LegRequest) -> LegShape {
        LegShape::HoldThenConfirm
    }

    fn settlement_refusal(&self, leg: &LegRequest) -> Option<SettlementRefusal> {
        (leg.delivery == DeliveryPreference::MobileApp).then_some(SettlementRefusal::UnsupportedDelivery)
    }

    async fn hold(&self, _key: &StepKey, leg: &LegRequest) -> Result<PlacedHold, VendorError> {
        self.place_hold(leg).await
    }

    async fn confirm(
        &self,
        _key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
    ) -> Result<ConfirmedSale, VendorError> {
        self.confirm_leg(leg, refs).await
    }

    async fn release(&self, _key: &StepKey, leg: &LegRequest, refs: &[ExternalRef]) -> Result<(), VendorError> {
        let op = VendorOperation::Release;
        let mut first_failure = None;
        for intent in self.recorded_intents(op, leg, refs)? {
            if let Err(error) = self.cancel_hold(op, &intent, leg).await {
                first_failure.get_or_insert(error);
            }
        }
        first_failure.map_or(Ok(()), Err)
    }

    async fn find_hold(&self, _key: &StepKey, leg: &LegRequest) -> Result<LookupOutcome<PlacedHold>, VendorError> {
        self.look_up_hold(leg).await
    }

    async fn find_confirmation(
        &self,
        _key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
    ) -> Result<LookupOutcome<ConfirmedSale>, VendorError> {
        self.look_up_confirmation(leg, refs).await
    }

    async fn load_tickets(&self, leg: &LegRequest, refs: &[ExternalRef]) -> Result<Vec<IssuedTicket>, VendorError> {
        let op = VendorOperation::LookUp;
        let intents = self.recorded_intents(op, leg, refs)?;
        let mut issued = Vec::new();
        for (intent, found) in intents.iter().zip(self.find_bookings(&intents).await?) {
            let read = found.ok_or_else(|| self.client.error(op, ErrorKind::NotFound))?;
            issued.extend(self.issued_tickets(intent, &read.value, refs));
        }
        Ok(issued)
    }

    async fn list_sales(
        &self,
        _from: Timestamp,
        _to: Timestamp,
        performances: &[PerformanceKey],
        references: &[String],
    ) -> Result<Vec<VendorSale>, VendorError> {
        // By reference only: suppliers differ in the date by which they list (`octo.md §11` O8).
        let wanted: BTreeSet<&String> = references.iter().collect();
        // A part of the sales would show the others as missing.
        if wanted.len() > MAX_LISTED_REFERENCES {
            let reason = RefusalReason::InvalidInput { field: "references".to_owned() };
            return Err(self.client.rejected(VendorOperation::ListOrders, reason));
        }
        let mut sales = Vec::new();
        for reference in wanted {
            let listed = self.client.bookings_of(VendorOperation::ListOrders, reference).await?;
            let places = listed.iter().filter(|booking| performances.is_empty() || is_of(booking, performances));
            sales.extend(places.filter_map(|booking| self.vendor_sale(booking)));
        }
        Ok(sales)
    }
}

/// True if a booking is of one of the performances, as far as it says.
fn is_of(booking: &Booking, performances: &[PerformanceKey]) -> bool {
    let is_same = |found: &Option<String>, wanted: &str| found.as_deref().is_none_or(|found| found == wanted);
    performances.iter().filter_map(crate::map::keys::parse_part).any(|(id, availability)| {
        is_same(&booking.product_id, &id.product)
            && is_same(&booking.option_id, &id.option)
            && (availability.is_empty() || is_same(&booking.availability_id, &availability))
    })
}
