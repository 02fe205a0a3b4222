//! Maps an event with its sections to an event, its single performance, and its ticket types (`ticketing.md §5.3`,
//! `§5.4`).

use std::sync::Arc;

use jiff::Timestamp;

use crate::assumptions::EventWord;
use crate::map::{SourceDefaults, keys, price, time};
use crate::settings::Facts;
use crate::{settings, wire};
use domain::{
    Audience, Availability, AvailabilityStatus, BookingMode, CalendarDay, Event, EventKey, EventStatus, ExternalRef,
    FirstWebUrl, Freshness, LocalizedText, Money, Offer, Performance, Section, TicketType, WebUrl,
};

/// Reference kind of an event.
pub(crate) const EVENT_REF: &str = "ticketing.event";
/// Reference kind of a section.
pub(crate) const SECTION_REF: &str = "ticketing.section";

/// Maps an event as of `now`; `None` if it has no id.
pub(crate) fn event(wire: &wire::Event, defaults: &SourceDefaults, now: Timestamp) -> Option<Event> {
    let key = EventKey::new(keys::id_from_uri(&wire.uri)?);
    let refs = vec![ExternalRef::new(EVENT_REF, wire.uri.as_str())];
    let starts_at = time::parse_instant(wire.start.as_deref(), &defaults.time_zone);
    let ends_at = time::parse_instant(wire.end.as_deref(), &defaults.time_zone);
    let publication_state = publication_state(wire, (starts_at, ends_at), &defaults.facts, now);
    let offers: Vec<SectionOffer> = wire
        .sections
        .iter()
        .filter_map(|section| SectionOffer::from_wire(&key, section, defaults, publication_state, now))
        .collect();
    let performance = Performance {
        key: keys::performance_key(&key),
        event: key.clone(),
        refs: refs.clone(),
        starts_at,
        ends_at,
        date: starts_at.map(|at| at.to_zoned(defaults.time_zone.clone()).date()),
        cutoff_at: offers.iter().filter_map(|offer| offer.sales_end).max(),
        listed_availability: Some(Arc::new(availability(&offers))),
    };
    Some(Event {
        title: LocalizedText::monolingual(wire.title.as_deref().unwrap_or_default().trim()),
        summary: None,
        description: wire.description.as_deref().and_then(safe_text),
        image: image(wire, defaults).url,
        venue: wire.venue.as_ref().and_then(|venue| venue.name.clone()),
        categories: wire.category.iter().filter_map(|it| it.name.clone()).chain(wire.subcategory.clone()).collect(),
        time_zone: defaults.time_zone.iana_name().unwrap_or("UTC").to_owned(),
        booking_mode: if starts_at.is_some() { BookingMode::Timed } else { BookingMode::Open },
        status: status(publication_state, &offers),
        is_private: wire.public == Some(false),
        starts_at,
        ends_at,
        duration_minutes: minutes(starts_at, ends_at),
        capacity: sum_of_present(offers.iter().map(|offer| offer.section.capacity)),
        sold_quantity: sum_of_present(wire.sections.iter().map(|section| section.sold.and_then(to_u32))),
        price_from: lowest_price(&offers),
        sections: offers.iter().map(|offer| offer.section.clone()).collect(),
        listed_ticket_types: Some(Arc::new(offers.into_iter().map(|offer| (*offer.ticket_type).clone()).collect())),
        listed_performances: Some(Arc::new(vec![Arc::new(performance)])),
        key,
        refs,
    })
}

/// Calendar row of a day: open if the performance is on that day.
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

/// State of an event from the vendor's status and the time of day, without its sections.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PublicationState {
    Draft,
    Published,
    Canceled,
    Ended,
    /// An undocumented status: listed, not sold.
    Unknown,
}

fn publication_state(
    wire: &wire::Event,
    (starts_at, ends_at): (Option<Timestamp>, Option<Timestamp>),
    facts: &Facts,
    now: Timestamp,
) -> PublicationState {
    let status = wire.status.as_deref().unwrap_or_default();
    let is_stamped = wire.published.as_deref().is_some_and(|published| !published.is_empty());
    match settings::meaning(&facts.event_status_words, status) {
        Some(EventWord::Draft | EventWord::Submitted) => return PublicationState::Draft,
        Some(EventWord::Canceled) => return PublicationState::Canceled,
        None if !(status.is_empty() && is_stamped) => return PublicationState::Unknown,
        Some(EventWord::Published) | None => {}
    }
    let ended_at = ends_at.or_else(|| starts_at.and_then(|at| at.checked_add(facts.open_ended_event).ok()));
    if ended_at.is_some_and(|ended_at| ended_at < now) { PublicationState::Ended } else { PublicationState::Published }
}

/// True if an event's status word has no meaning.
pub(crate) fn is_unknown_word(word: &str, facts: &Facts) -> bool {
    !word.is_empty() && settings::meaning(&facts.event_status_words, word).is_none()
}

fn status(publication_state: PublicationState, offers: &[SectionOffer]) -> EventStatus {
    match publication_state {
        PublicationState::Draft => EventStatus::Draft,
        PublicationState::Canceled => EventStatus::Cancelled,
        PublicationState::Ended => EventStatus::Ended,
        PublicationState::Unknown => EventStatus::OffSale,
        PublicationState::Published if offers.iter().all(|offer| offer.status == AvailabilityStatus::Closed) => {
            EventStatus::OffSale
        }
        PublicationState::Published => EventStatus::OnSale,
    }
}

/// A section as it is sold: section, ticket type, price and remaining count.
struct SectionOffer {
    section: Section,
    ticket_type: Arc<TicketType>,
    status: AvailabilityStatus,
    vacancies: Option<u32>,
    sales_end: Option<Timestamp>,
}

impl SectionOffer {
    fn from_wire(
        event: &EventKey,
        wire: &wire::Section,
        defaults: &SourceDefaults,
        publication_state: PublicationState,
        now: Timestamp,
    ) -> Option<Self> {
        let key = keys::section_key(event, &wire.uri)?;
        let refs = vec![ExternalRef::new(SECTION_REF, keys::section_uri(&key)?)];
        let name = LocalizedText::monolingual(wire.name.as_deref().unwrap_or_default().trim());
        let capacity = wire.capacity.and_then(to_u32).filter(|places| *places > 0);
        let section = Section { key: key.clone(), name: name.clone(), capacity, refs: refs.clone() };
        let ticket_type = Arc::new(TicketType {
            key: keys::ticket_type_key(&key),
            event: event.clone(),
            refs,
            name,
            description: wire.description.as_deref().and_then(safe_text),
            audience: Audience::Other,
            min_age: None,
            max_age: None,
            admits: 1,
            section: Some(section.clone()),
            price: wire.price.as_ref().and_then(|price| price::section_price(price, defaults.currency)),
            min_per_order: None,
            max_per_order: None,
        });
        let vacancies = remaining(wire);
        let sales_start = time::parse_instant(wire.sales_start.as_deref(), &defaults.time_zone);
        let sales_end = time::parse_instant(wire.sales_end.as_deref(), &defaults.time_zone);
        let in_time = sales_start.is_none_or(|at| at <= now) && sales_end.is_none_or(|at| now < at);
        let status = match (publication_state, vacancies, wire.active) {
            (PublicationState::Published, Some(0), _) if in_time => AvailabilityStatus::SoldOut,
            (PublicationState::Published, _, None | Some(true)) if in_time => AvailabilityStatus::Available,
            _ => AvailabilityStatus::Closed,
        };
        Some(Self { section, ticket_type, status, vacancies, sales_end })
    }
}

/// `remaining = capacity - sold - reserved`; missing counts of the latter two are zero.
fn remaining(wire: &wire::Section) -> Option<u32> {
    let count = |count: Option<wire::Count>| count.map_or(0, |count| count.0);
    let computed = || wire.capacity.filter(|c| c.0 > 0).map(|c| c.0 - count(wire.sold) - count(wire.reserved));
    let left = wire.remaining.map(|count| count.0).or_else(computed)?;
    Some(u32::try_from(left.max(0)).unwrap_or(u32::MAX))
}

fn availability(offers: &[SectionOffer]) -> Availability {
    let has = |status| offers.iter().any(|offer| offer.status == status);
    let status = [AvailabilityStatus::Available, AvailabilityStatus::SoldOut].into_iter().find(|status| has(*status));
    let open = || offers.iter().filter(|offer| offer.status != AvailabilityStatus::Closed);
    Availability {
        status: status.unwrap_or(AvailabilityStatus::Closed),
        vacancies: open().map(|offer| offer.vacancies).reduce(|sum, left| Some(sum?.saturating_add(left?))).flatten(),
        capacity: sum_of_present(offers.iter().map(|offer| offer.section.capacity)),
        max_per_order: None,
        offers: offers.iter().filter_map(offer).collect(),
    }
}

fn offer(offer: &SectionOffer) -> Option<Offer> {
    Some(Offer {
        ticket_type: Arc::clone(&offer.ticket_type),
        price: offer.ticket_type.price.clone()?,
        vacancies: offer.vacancies,
        status: offer.status,
    })
}

fn lowest_price(offers: &[SectionOffer]) -> Option<Money> {
    let for_sale = offers.iter().filter(|offer| offer.status == AvailabilityStatus::Available);
    for_sale.filter_map(|offer| Some(offer.ticket_type.price.as_ref()?.retail)).min_by_key(|money| money.amount)
}

/// Sum of the present counts; `None` if all are missing.
fn sum_of_present(counts: impl Iterator<Item = Option<u32>>) -> Option<u32> {
    counts.flatten().reduce(u32::saturating_add)
}

fn to_u32(count: wire::Count) -> Option<u32> {
    u32::try_from(count.0).ok()
}

fn minutes(from: Option<Timestamp>, to: Option<Timestamp>) -> Option<u32> {
    let length = to?.duration_since(from?);
    u32::try_from(length.as_mins()).ok().filter(|minutes| *minutes > 0)
}

/// Text for display; HTML is reduced to safe tags.
fn safe_text(text: &str) -> Option<LocalizedText> {
    let text = text.trim();
    let safe = if text.contains('<') { ammonia::clean(text) } else { text.to_owned() };
    (!safe.is_empty()).then(|| LocalizedText::monolingual(safe))
}

/// URL of the banner, otherwise of the thumbnail.
pub(crate) fn image(wire: &wire::Event, defaults: &SourceDefaults) -> FirstWebUrl {
    let addresses = [&wire.banner, &wire.thumbnail].into_iter().flatten().map(String::as_str);
    WebUrl::first(addresses, Some(&defaults.base_url))
}
