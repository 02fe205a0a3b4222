//! Maps availability to performances, offers and days (`octo.md §5`).

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::map::{Offering, SourceDefaults, Timing, event, keys, price};
use crate::wire::catalog::{Day, Slot};
use domain::{
    Availability, AvailabilityStatus, CalendarDay, Currency, EventKey, ExternalRef, Freshness, Offer, Performance,
    TicketType,
};

/// Reference kind of an availability.
const AVAILABILITY_REF: &str = "octo.availability";

/// Maps a start time or a day with its offers; `None` if it has no readable key or time.
pub(crate) fn performance(
    offering: Offering<'_>,
    slot: &Slot,
    has_prices: bool,
    defaults: &SourceDefaults,
) -> Option<Performance> {
    let event = keys::event_key(&offering.product.id, &offering.option.id)?;
    let zone = defaults.zone_of(offering.product);
    let start = slot.local_date_time_start.as_deref()?;
    let starts_at = instant(start, &zone)?;
    let is_timed = offering.timing() == Timing::StartTime;
    Some(Performance {
        key: keys::performance_key(&event, &slot.id)?,
        refs: vec![ExternalRef::new(AVAILABILITY_REF, &*slot.id)],
        starts_at: is_timed.then_some(starts_at),
        ends_at: slot.local_date_time_end.as_deref().and_then(|end| instant(end, &zone)),
        date: local_date(start),
        cutoff_at: slot.utc_cutoff_at.as_deref().and_then(|cutoff| cutoff.trim().parse().ok()),
        listed_availability: Some(Arc::new(availability(offering, Some(slot), has_prices, defaults))),
        event,
    })
}

/// Performance of an open-dated product, which is booked without an availability (`octo.md §11` O15).
pub(crate) fn open_performance(event: EventKey) -> Performance {
    Performance {
        key: keys::open_performance_key(&event),
        event,
        refs: Vec::new(),
        starts_at: None,
        ends_at: None,
        date: None,
        cutoff_at: None,
        listed_availability: None,
    }
}

/// Maps availability and offers. Without a slot, nothing is for sale.
pub(crate) fn availability(
    offering: Offering<'_>,
    slot: Option<&Slot>,
    has_prices: bool,
    defaults: &SourceDefaults,
) -> Availability {
    let of_option = offering.option.restrictions.as_ref().and_then(|limits| limits.max_units);
    let Some(slot) = slot else {
        let status = AvailabilityStatus::Closed;
        return Availability { status, vacancies: None, capacity: None, max_per_order: of_option, offers: Vec::new() };
    };
    let offering = Offering { has_prices: offering.has_prices && has_prices, ..offering };
    let status = status(slot.available, slot.status.as_deref());
    let currency = defaults.currency_of(offering.product).filter(|_| offering.is_sellable(defaults));
    let types = currency.and_then(|_| event::ticket_types(offering, defaults)).unwrap_or_default();
    let offer = |ticket_type: TicketType| offer(ticket_type, slot, currency?, status);
    Availability {
        status,
        vacancies: slot.vacancies.filter(|_| status != AvailabilityStatus::Freesale),
        capacity: slot.capacity.filter(|_| status != AvailabilityStatus::Freesale),
        max_per_order: [slot.max_units, of_option].into_iter().flatten().min(),
        offers: types.into_iter().filter_map(offer).collect(),
    }
}

/// An offer needs a price of its own for this slot: a unit without one is not sold.
fn offer(ticket_type: TicketType, slot: &Slot, currency: Currency, status: AvailabilityStatus) -> Option<Offer> {
    let (_, unit) = keys::parse_part(&ticket_type.key)?;
    let of_unit = slot.unit_pricing.iter().filter(|pricing| pricing.unit_id.as_deref() == Some(unit.as_str()));
    let price = of_unit.filter_map(|pricing| price::price(pricing, currency)).next()?;
    Some(Offer { ticket_type: Arc::new(ticket_type), price, vacancies: None, status })
}

/// `available` decides, and the status only names the reason (`octo.md §5.2`, `§14` trap 5).
fn status(available: Option<bool>, word: Option<&str>) -> AvailabilityStatus {
    match (available, word) {
        (Some(true), Some("LIMITED")) => AvailabilityStatus::Limited,
        (Some(true), Some("FREESALE")) => AvailabilityStatus::Freesale,
        (Some(true), _) => AvailabilityStatus::Available,
        (_, Some("SOLD_OUT")) => AvailabilityStatus::SoldOut,
        _ => AvailabilityStatus::Closed,
    }
}

/// Maps a day of a calendar. The calendar does not count start times, so an open day counts as one.
pub(crate) fn calendar_day(date: Date, row: Option<(&Day, Option<Currency>)>, freshness: Freshness) -> CalendarDay {
    let closed =
        CalendarDay { date, status: AvailabilityStatus::Closed, price_from: None, performance_count: 0, freshness };
    let Some((row, currency)) = row else { return closed };
    let status = status(row.available, row.status.as_deref());
    let price_from = currency.and_then(|currency| price::lowest(&row.unit_pricing_from, currency));
    let performance_count = u32::from(status != AvailabilityStatus::Closed);
    CalendarDay { status, price_from, performance_count, ..closed }
}

/// Reads a local time with its offset; one without an offset is in the product's zone.
fn instant(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(instant) = text.parse() {
        return Some(instant);
    }
    let local: DateTime = text.parse().ok()?;
    zone.to_ambiguous_timestamp(local).compatible().ok()
}

/// Reads the date of a local time, which is that of the product whatever its offset.
fn local_date(text: &str) -> Option<Date> {
    text.trim().get(..10)?.parse().ok()
}
