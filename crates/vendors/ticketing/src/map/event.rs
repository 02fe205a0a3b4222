//! An event with its sections becomes an event, its one performance, and its ticket types (`ticketing.md §5.3`, `§5.4`).

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::inferred;
use crate::map::{Terms, keys, price, time};
use crate::wire;
use domain::{
    Audience, Availability, AvailabilityStatus, BookingMode, CalendarDay, Event, EventKey, EventStatus, ExternalRef,
    Freshness, Money, Offer, Performance, Section, Text, TicketType,
};

/// The reference kind of an event.
pub(crate) const EVENT: &str = "ticketing.event";
/// The reference kind of a section.
pub(crate) const SECTION: &str = "ticketing.section";

/// Takes over an event as it stands at `now`; `None` where it has no id.
pub(crate) fn event(wire: &wire::Event, terms: &Terms, now: Timestamp) -> Option<Event> {
    let key = EventKey::new(keys::tail(&wire.uri)?);
    let refs = vec![ExternalRef::new(EVENT, wire.uri.as_str())];
    let starts_at = time::instant(wire.start.as_deref(), &terms.zone);
    let ends_at = time::instant(wire.end.as_deref(), &terms.zone);
    let standing = standing(wire, starts_at, ends_at, now);
    let stalls: Vec<Stall> =
        wire.sections.iter().filter_map(|section| Stall::of(&key, section, terms, standing, now)).collect();
    let performance = Performance {
        key: keys::performance_of(&key),
        event: key.clone(),
        refs: refs.clone(),
        starts_at,
        ends_at,
        date: starts_at.map(|at| at.to_zoned(terms.zone.clone()).date()),
        cutoff_at: stalls.iter().filter_map(|stall| stall.sales_end).max(),
        listed_availability: Some(Arc::new(availability(&stalls))),
    };
    Some(Event {
        title: Text::plain(wire.title.as_deref().unwrap_or_default().trim()),
        summary: None,
        description: wire.description.as_deref().and_then(prose),
        image: [&wire.banner, &wire.thumbnail].into_iter().flatten().find(|url| is_address(url)).cloned(),
        venue: wire.venue.as_ref().and_then(|venue| venue.name.clone()),
        categories: wire.category.iter().filter_map(|it| it.name.clone()).chain(wire.subcategory.clone()).collect(),
        time_zone: terms.zone.iana_name().unwrap_or("UTC").to_owned(),
        booking_mode: if starts_at.is_some() { BookingMode::Timed } else { BookingMode::Open },
        status: status(standing, &stalls),
        is_private: wire.public == Some(false),
        starts_at,
        ends_at,
        duration_minutes: minutes(starts_at, ends_at),
        capacity: total(stalls.iter().map(|stall| stall.section.capacity)),
        sold_quantity: total(wire.sections.iter().map(|section| section.sold.and_then(small))),
        price_from: lowest(&stalls),
        sections: stalls.iter().map(|stall| stall.section.clone()).collect(),
        listed_ticket_types: Some(Arc::new(stalls.into_iter().map(|stall| (*stall.ticket_type).clone()).collect())),
        listed_performances: Some(Arc::new(vec![Arc::new(performance)])),
        key,
        refs,
    })
}

/// One row for a day: the performance, if it is on that day.
pub(crate) fn calendar_day(event: &Event, freshness: Freshness, date: jiff::civil::Date) -> CalendarDay {
    let performances = event.listed_performances.iter().flat_map(|listed| listed.iter());
    let mut day =
        CalendarDay { date, status: AvailabilityStatus::Closed, price_from: None, performance_count: 0, freshness };
    for performance in performances.filter(|performance| performance.date == Some(date)) {
        day.performance_count += 1;
        day.price_from = event.price_from;
        if let Some(listed) = &performance.listed_availability {
            day.status = listed.status;
        }
    }
    day
}

/// What the vendor's status and the time of day make of an event, before its sections are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Draft,
    Published,
    Cancelled,
    Ended,
    /// A status that we do not know: shown, not sold.
    Unknown,
}

fn standing(wire: &wire::Event, starts_at: Option<Timestamp>, ends_at: Option<Timestamp>, now: Timestamp) -> Standing {
    let told = wire.status.as_deref().unwrap_or_default();
    let is = |status: &str| told.eq_ignore_ascii_case(status);
    let published = is(inferred::SCHEDULED)
        || (told.is_empty() && wire.published.as_deref().is_some_and(|published| !published.is_empty()));
    if is(inferred::DRAFT) || is(inferred::SUBMITTED) {
        return Standing::Draft;
    }
    if is(inferred::CANCELLED) {
        return Standing::Cancelled;
    }
    if !published {
        return Standing::Unknown;
    }
    let untold = SignedDuration::try_from(inferred::UNTOLD_LENGTH).unwrap_or(SignedDuration::ZERO);
    let over = ends_at.or_else(|| starts_at.and_then(|at| at.checked_add(untold).ok()));
    if over.is_some_and(|over| over < now) { Standing::Ended } else { Standing::Published }
}

fn status(standing: Standing, stalls: &[Stall]) -> EventStatus {
    match standing {
        Standing::Draft => EventStatus::Draft,
        Standing::Cancelled => EventStatus::Cancelled,
        Standing::Ended => EventStatus::Ended,
        Standing::Unknown => EventStatus::OffSale,
        Standing::Published if stalls.iter().all(|stall| stall.status == AvailabilityStatus::Closed) => {
            EventStatus::OffSale
        }
        Standing::Published => EventStatus::OnSale,
    }
}

/// A section as it is sold: place, ticket type, price and what is left.
struct Stall {
    section: Section,
    ticket_type: Arc<TicketType>,
    status: AvailabilityStatus,
    vacancies: Option<u32>,
    sales_end: Option<Timestamp>,
}

impl Stall {
    fn of(event: &EventKey, wire: &wire::Section, terms: &Terms, standing: Standing, now: Timestamp) -> Option<Self> {
        let key = keys::section(event, &wire.uri)?;
        let refs = vec![ExternalRef::new(SECTION, keys::section_uri(&key)?)];
        let name = Text::plain(wire.name.as_deref().unwrap_or_default().trim());
        let capacity = wire.capacity.and_then(small).filter(|places| *places > 0);
        let section = Section { key: key.clone(), name: name.clone(), capacity, refs: refs.clone() };
        let ticket_type = Arc::new(TicketType {
            key: keys::ticket_type_of(&key),
            event: event.clone(),
            refs,
            name,
            description: wire.description.as_deref().and_then(prose),
            audience: Audience::Other,
            min_age: None,
            max_age: None,
            admits: 1,
            section: Some(section.clone()),
            price: wire.price.as_ref().and_then(|told| price::of_section(told, terms.currency)),
            min_per_order: None,
            max_per_order: None,
        });
        let vacancies = remaining(wire);
        let sales_start = time::instant(wire.sales_start.as_deref(), &terms.zone);
        let sales_end = time::instant(wire.sales_end.as_deref(), &terms.zone);
        let in_time = sales_start.is_none_or(|at| at <= now) && sales_end.is_none_or(|at| now < at);
        let status = match (standing, vacancies, wire.active) {
            (Standing::Published, Some(0), _) if in_time => AvailabilityStatus::SoldOut,
            (Standing::Published, _, None | Some(true)) if in_time => AvailabilityStatus::Available,
            _ => AvailabilityStatus::Closed,
        };
        Some(Self { section, ticket_type, status, vacancies, sales_end })
    }
}

/// `remaining = capacity - sold - reserved`; what is missing of the latter two counts as nothing.
fn remaining(wire: &wire::Section) -> Option<u32> {
    let count = |told: Option<wire::Count>| told.map_or(0, |count| count.0);
    let computed = || wire.capacity.filter(|c| c.0 > 0).map(|c| c.0 - count(wire.sold) - count(wire.reserved));
    let left = wire.remaining.map(|count| count.0).or_else(computed)?;
    Some(u32::try_from(left.max(0)).unwrap_or(u32::MAX))
}

fn availability(stalls: &[Stall]) -> Availability {
    let has = |status| stalls.iter().any(|stall| stall.status == status);
    let status = [AvailabilityStatus::Available, AvailabilityStatus::SoldOut].into_iter().find(|status| has(*status));
    let open = || stalls.iter().filter(|stall| stall.status != AvailabilityStatus::Closed);
    Availability {
        status: status.unwrap_or(AvailabilityStatus::Closed),
        vacancies: open().map(|stall| stall.vacancies).reduce(|sum, left| Some(sum?.saturating_add(left?))).flatten(),
        capacity: total(stalls.iter().map(|stall| stall.section.capacity)),
        max_per_order: None,
        offers: stalls.iter().filter_map(offer).collect(),
    }
}

fn offer(stall: &Stall) -> Option<Offer> {
    Some(Offer {
        ticket_type: Arc::clone(&stall.ticket_type),
        price: stall.ticket_type.price.clone()?,
        vacancies: stall.vacancies,
        status: stall.status,
    })
}

fn lowest(stalls: &[Stall]) -> Option<Money> {
    let for_sale = stalls.iter().filter(|stall| stall.status == AvailabilityStatus::Available);
    for_sale.filter_map(|stall| Some(stall.ticket_type.price.as_ref()?.retail)).min_by_key(|money| money.amount)
}

/// The sum of what is told; `None` where nothing is.
fn total(counts: impl Iterator<Item = Option<u32>>) -> Option<u32> {
    counts.flatten().reduce(u32::saturating_add)
}

fn small(count: wire::Count) -> Option<u32> {
    u32::try_from(count.0).ok()
}

fn minutes(from: Option<Timestamp>, to: Option<Timestamp>) -> Option<u32> {
    let length = to?.duration_since(from?);
    u32::try_from(length.as_mins()).ok().filter(|minutes| *minutes > 0)
}

/// Text for people; HTML in it is reduced to safe tags.
fn prose(text: &str) -> Option<Text> {
    let text = text.trim();
    let safe = if text.contains('<') { ammonia::clean(text) } else { text.to_owned() };
    (!safe.is_empty()).then(|| Text::plain(safe))
}

fn is_address(url: &str) -> bool {
    url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}
