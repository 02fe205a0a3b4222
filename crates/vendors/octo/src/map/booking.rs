//! Maps legs to bookings, and bookings to holds and sales (`octo.md §6`, `§12.1`).

use std::collections::BTreeMap;

use jiff::Timestamp;
use uuid::Uuid;

use crate::assumptions::BookingWord;
use crate::map::keys::{self, OfferingId};
use crate::map::price;
use crate::settings::{self, Facts};
use crate::wire::bookings::Booking;
use crate::wire::requests::{BookingContact, Confirmation, NewBooking, NewUnitItem};
use domain::ordering::LegRequest;
use domain::{Availability, Currency, ExternalRef, Money, Offer, SourceId};

/// Reference kind of a booking: its uuid.
pub(crate) const BOOKING_REF: &str = "octo.booking";
/// Reference kind of a booking, as the supplier shows it.
const SUPPLIER_REF: &str = "octo.supplierReference";
/// Reference kind of the end of a hold, with which a missing booking is judged.
pub(crate) const EXPIRY_REF: &str = "octo.holdExpiry";
/// Reference kind of the total of a hold or sale in minor units and its currency: what the confirmation is compared with, and the most that a
/// cancellation refunds.
pub(crate) const TOTAL_REF: &str = "octo.total";
/// Reference kind of a booking whose visitors are on a list and have no code: its uuid.
pub(crate) const MANIFEST_REF: &str = "octo.manifest";

/// Namespace of the uuids of bookings. Changing it would book lost intents again.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f63_746f_7469_5b6b_8574_6772_6170_6821);

/// A booking of one performance that a leg needs. Everything in it follows from the leg, so that a lost call is looked up without
/// memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BookingIntent {
    pub uuid: Uuid,
    pub offering: OfferingId,
    /// `None` for an open-dated product.
    pub availability: Option<String>,
    pub items: Vec<ItemIntent>,
    /// Sum of the quoted prices; `None` if they cannot be added.
    pub promised: Option<Money>,
}

/// One ticket of a booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ItemIntent {
    pub uuid: Uuid,
    /// Line of the order.
    pub line: usize,
    pub unit: String,
    pub price: Money,
}

/// Returns the bookings of a leg, one for each performance in the order of their keys. `None` if a key is not ours or a line has
/// nothing to book.
pub(crate) fn intents(source: &SourceId, leg: &LegRequest) -> Option<Vec<BookingIntent>> {
    let mut intents: BTreeMap<&str, BookingIntent> = BTreeMap::new();
    for line in &leg.lines {
        let (offering, availability) = keys::parse_part(&line.performance)?;
        let (of_type, unit) = keys::parse_part(&line.ticket_type)?;
        if of_type != offering || unit.is_empty() || line.quantity == 0 {
            return None;
        }
        let name = format!("{source}\n{}\n{}", leg.reference, line.performance);
        let intent = intents.entry(line.performance.as_str()).or_insert_with(|| BookingIntent {
            uuid: Uuid::new_v5(&NAMESPACE, name.as_bytes()),
            offering,
            availability: Some(availability).filter(|id| !id.is_empty()),
            items: Vec::new(),
            promised: Some(Money::zero(line.unit_price.currency)),
        });
        for index in 0..line.quantity {
            let uuid = Uuid::new_v5(&intent.uuid, format!("{}\n{index}", line.line).as_bytes());
            intent.items.push(ItemIntent { uuid, line: line.line, unit: unit.clone(), price: line.unit_price });
            intent.promised = intent.promised.and_then(|sum| sum.checked_add(line.unit_price).ok());
        }
    }
    Some(intents.into_values().collect())
}

/// Bookings that are recorded replace the derived ones, if there is one for each performance: a ledger may have been written under
/// another name of the source.
pub(crate) fn recorded(mut intents: Vec<BookingIntent>, refs: &[ExternalRef]) -> Vec<BookingIntent> {
    let of_bookings = refs.iter().filter(|one| one.kind == BOOKING_REF);
    let uuids: Option<Vec<Uuid>> = of_bookings.map(|one| Uuid::parse_str(&one.value).ok()).collect();
    if let Some(uuids) = uuids.filter(|uuids| uuids.len() == intents.len()) {
        for (intent, uuid) in intents.iter_mut().zip(uuids) {
            intent.uuid = uuid;
        }
    }
    intents
}

impl BookingIntent {
    /// Number of tickets of each unit.
    pub(crate) fn units(&self) -> BTreeMap<&str, u32> {
        let mut units = BTreeMap::new();
        for item in &self.items {
            *units.entry(item.unit.as_str()).or_insert(0) += 1;
        }
        units
    }

    /// Builds the reservation.
    pub(crate) fn reservation<'a>(
        &'a self,
        leg: &'a LegRequest,
        minutes: u32,
        currency: Option<Currency>,
    ) -> NewBooking<'a> {
        NewBooking {
            uuid: self.uuid,
            product_id: &self.offering.product,
            option_id: &self.offering.option,
            availability_id: self.availability.as_deref(),
            expiration_minutes: minutes,
            reseller_reference: &leg.reference,
            unit_items: self.items.iter().map(|item| NewUnitItem { uuid: item.uuid, unit_id: &item.unit }).collect(),
            currency: currency.map(Currency::code),
        }
    }

    /// Returns true if a booking is the one that was meant: the same product, option, availability and tickets. A field that the
    /// supplier leaves out differs in nothing.
    pub(crate) fn is_met_by(&self, booking: &Booking) -> bool {
        let is_same = |found: &Option<String>, wanted: &str| found.as_deref().is_none_or(|found| found == wanted);
        let mut units: BTreeMap<&str, u32> = BTreeMap::new();
        for item in &booking.unit_items {
            *units.entry(item.unit_id.as_str()).or_insert(0) += 1;
        }
        is_same(&booking.product_id, &self.offering.product)
            && is_same(&booking.option_id, &self.offering.option)
            && self.availability.as_deref().is_none_or(|wanted| is_same(&booking.availability_id, wanted))
            && units == self.units()
    }
}

/// State of a booking, as far as it matters to a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BookingState {
    Held,
    Sold,
    Pending,
    Canceled,
    Expired,
    Rejected,
    /// An undocumented status.
    Unknown,
}

impl BookingState {
    /// Returns true if the booking holds nothing and never will.
    pub(crate) fn is_gone(self) -> bool {
        matches!(self, Self::Canceled | Self::Expired | Self::Rejected)
    }
}

/// Maps the status of a booking. That of its unit items says nothing about the sale (`octo.md §6.4`).
pub(crate) fn state(booking: &Booking, facts: &Facts) -> BookingState {
    match settings::meaning(&facts.booking_status_words, &booking.status) {
        Some(BookingWord::Held) => BookingState::Held,
        Some(BookingWord::Sold) => BookingState::Sold,
        Some(BookingWord::Pending) => BookingState::Pending,
        Some(BookingWord::Canceled) => BookingState::Canceled,
        Some(BookingWord::Expired) => BookingState::Expired,
        Some(BookingWord::Rejected) => BookingState::Rejected,
        None => BookingState::Unknown,
    }
}

/// Total of one or more bookings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Total {
    /// The supplier returned no price.
    Absent,
    Known(Money),
    /// There is a price, but not in the currency of the sale, or not exactly.
    Unreadable,
}

impl Total {
    /// Adds the total of another booking.
    pub(crate) fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Known(one), Self::Known(other)) => one.checked_add(other).map_or(Self::Unreadable, Self::Known),
            (Self::Unreadable, _) | (_, Self::Unreadable) => Self::Unreadable,
            _ => Self::Absent,
        }
    }

    /// Returns the amount, if it is known.
    pub(crate) fn known(self) -> Option<Money> {
        if let Self::Known(money) = self { Some(money) } else { None }
    }
}

/// Total of a booking: its own price, or the sum of its tickets if it has none or zero, as some suppliers write
/// (`octo.md §9.1`).
pub(crate) fn total(booking: &Booking, has_prices: bool, currency: Currency) -> Total {
    if !has_prices {
        return Total::Absent;
    }
    let items: Vec<Option<Total>> =
        booking.unit_items.iter().map(|item| item.pricing.as_ref().map(read(currency))).collect();
    let of_items = items.into_iter().try_fold(Total::Known(Money::zero(currency)), |sum, item| Some(sum.plus(item?)));
    let of_items = of_items.filter(|_| !booking.unit_items.is_empty());
    match booking.pricing.as_ref().map(read(currency)) {
        Some(Total::Known(own)) if own.amount == 0 => of_items.unwrap_or(Total::Known(own)),
        Some(own) => own,
        None => of_items.unwrap_or(Total::Absent),
    }
}

fn read(currency: Currency) -> impl Fn(&crate::wire::Pricing) -> Total {
    move |pricing| match price::retail(pricing, currency) {
        Some(money) => Total::Known(money),
        None if pricing.retail.is_none() => Total::Absent,
        None => Total::Unreadable,
    }
}

/// End of a hold.
pub(crate) fn expiry(booking: &Booking) -> Option<Timestamp> {
    booking.utc_expires_at.as_deref()?.trim().parse().ok()
}

/// Price of a booking at an availability; `None` if one of its units has none there.
pub(crate) fn price_at(intent: &BookingIntent, now: &Availability) -> Option<Money> {
    sum(intent.items.iter().map(|item| offer_of(item, now).map(|offer| offer.price.retail)))
}

/// Offer of the unit of a ticket.
pub(crate) fn offer_of<'a>(item: &ItemIntent, now: &'a Availability) -> Option<&'a Offer> {
    let is_of_unit =
        |offer: &&Offer| keys::parse_part(&offer.ticket_type.key).is_some_and(|(_, unit)| unit == item.unit);
    now.offers.iter().find(is_of_unit)
}

/// References of a booking.
pub(crate) fn refs(booking: &Booking) -> Vec<ExternalRef> {
    let mut refs = vec![ExternalRef::new(BOOKING_REF, &*booking.uuid)];
    refs.extend(booking.supplier_reference.as_deref().map(|name| ExternalRef::new(SUPPLIER_REF, name)));
    refs
}

/// Returns the value of the first reference of a kind.
pub(crate) fn find_ref<'a>(refs: &'a [ExternalRef], kind: &str) -> Option<&'a str> {
    refs.iter().find(|reference| reference.kind == kind).map(|reference| reference.value.as_str())
}

/// Reference of the total of a hold.
pub(crate) fn total_ref(total: Money) -> ExternalRef {
    ExternalRef::new(TOTAL_REF, format!("{} {}", total.amount, total.currency.code()))
}

/// Returns the promised total of all bookings. `None` if one has none.
pub(crate) fn promised(intents: &[BookingIntent]) -> Option<Money> {
    sum(intents.iter().map(|intent| intent.promised))
}

/// Returns the sum of amounts. `None` if there are none, one is unknown, or they cannot be added.
pub(crate) fn sum(amounts: impl Iterator<Item = Option<Money>>) -> Option<Money> {
    amounts.reduce(|sum, one| sum?.checked_add(one?).ok()).flatten()
}

/// Reads the end of a hold from its references.
pub(crate) fn held_until(refs: &[ExternalRef]) -> Option<Timestamp> {
    find_ref(refs, EXPIRY_REF)?.parse().ok()
}

/// Reads the total of a hold or sale from its references.
pub(crate) fn held_total(refs: &[ExternalRef]) -> Option<Money> {
    let (amount, currency) = find_ref(refs, TOTAL_REF)?.split_once(' ')?;
    Some(Money::new(amount.parse().ok()?, currency.parse().ok()?))
}

/// Builds the confirmation. `None` without a contact.
pub(crate) fn confirmation(leg: &LegRequest) -> Option<Confirmation<'_>> {
    let contact = leg.contact.as_ref()?;
    Some(Confirmation {
        reseller_reference: &leg.reference,
        contact: BookingContact {
            full_name: format!("{} {}", contact.first_name, contact.last_name),
            first_name: &contact.first_name,
            last_name: &contact.last_name,
            email_address: &contact.email,
            phone_number: contact.phone.as_deref(),
            postal_code: contact.postal_code.as_deref(),
            locales: leg.locale.iter().map(domain::Locale::as_str).collect(),
        },
    })
}
