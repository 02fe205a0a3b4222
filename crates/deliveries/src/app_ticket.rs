//! Builds app tickets from orders, barcodes and current event facts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::channel::{Channel, VenueLocation};
use crate::delivery::{Delivery, LastError};
use domain::StoreError;
use domain::mobile::{AppEvent, AppEventIdentity, AppHolder, AppTicket, AppTicketKey};
use domain::time::later;
use domain::{Batch, Event, EventKey, LocalizedText, Observed, OrderKey, Performance, PerformanceKey, VendorError};
use orders::{Actor, Order, OrderLookup, Orders, ProblemCode, TicketWithBarcode};

/// Validity of an event after its start, if its duration is unknown.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Reason why a ticket cannot be delivered; permanent if `is_final` is true.
pub(crate) struct TicketNotReady {
    pub error: LastError,
    pub is_final: bool,
}

impl TicketNotReady {
    fn temporary(error: &VendorError) -> Self {
        Self { error: LastError::from_vendor(error), is_final: false }
    }

    fn permanent(code: ProblemCode) -> Self {
        Self { error: LastError::new(code), is_final: true }
    }
}

type AppTicketResult = Result<AppTicket, TicketNotReady>;

/// Order with the barcodes of its tickets.
struct OrderWithBarcodes {
    order: Order,
    tickets: Vec<TicketWithBarcode>,
}

/// Returns the actor for internal access to orders.
pub(crate) fn system_actor() -> Actor {
    Actor { caller: "delivery".to_owned(), reseller: None }
}

/// Builds the app tickets of deliveries. Each fails independently.
pub(crate) async fn build_app_tickets(
    orders: &Orders,
    channel: &Channel,
    deliveries: &[Delivery],
) -> Result<BTreeMap<AppTicketKey, AppTicketResult>, StoreError> {
    let keys: BTreeSet<OrderKey> = deliveries.iter().map(|delivery| delivery.order).collect();
    let mut loaded_order = BTreeMap::new();
    for key in keys {
        if let Some(order) = orders.find(&system_actor(), &OrderLookup::Key(key)).await? {
            let tickets = orders.load_tickets(&order).await?;
            loaded_order.insert(key, OrderWithBarcodes { order, tickets });
        }
    }
    let lines = deliveries.iter().filter_map(|delivery| {
        let order = &loaded_order.get(&delivery.order)?.order;
        order.lines.get(order.tickets.get(delivery.ticket)?.line)
    });
    let lines: Vec<_> = lines.collect();
    let events: Vec<EventKey> =
        lines.iter().map(|line| line.event.clone()).collect::<BTreeSet<_>>().into_iter().collect();
    let performances: Vec<PerformanceKey> =
        lines.iter().map(|line| line.performance.clone()).collect::<BTreeSet<_>>().into_iter().collect();
    let catalog = &channel.source.catalog;
    let (events, performances) = tokio::join!(catalog.load_events(&events), catalog.load_performances(&performances));
    let built = deliveries.iter().map(|delivery| {
        let ready = loaded_order
            .get(&delivery.order)
            .ok_or_else(|| TicketNotReady::permanent(ProblemCode::OrderNotFound))
            .and_then(|loaded_order| build_app_ticket(channel, delivery, loaded_order, &events, &performances));
        (delivery.key.clone(), ready)
    });
    Ok(built.collect())
}

fn build_app_ticket(
    channel: &Channel,
    delivery: &Delivery,
    loaded_order: &OrderWithBarcodes,
    events: &Batch<EventKey, Observed<Arc<Event>>>,
    performances: &Batch<PerformanceKey, Observed<Arc<Performance>>>,
) -> AppTicketResult {
    let order = &loaded_order.order;
    let coded = loaded_order
        .tickets
        .get(delivery.ticket)
        .ok_or_else(|| TicketNotReady::permanent(ProblemCode::ActionNotAvailable))?;
    let code = coded.barcode.as_ref().ok_or_else(|| TicketNotReady::permanent(ProblemCode::ActionNotAvailable))?;
    // Nothing is sold without a contact; only an erased order has none.
    let contact = order.contact.as_ref().ok_or_else(|| TicketNotReady::permanent(ProblemCode::ContactMissing))?;
    let line = &order.lines[coded.ticket.line];
    let unknown = || TicketNotReady::permanent(ProblemCode::UnknownPerformance);
    let event = match events.get(&line.event).ok_or_else(unknown)? {
        Ok(observed) => &observed.value,
        Err(error) => return Err(TicketNotReady::temporary(error)),
    };
    // A performance may leave the catalog after its sale; the order keeps its start.
    let performance =
        performances.get(&line.performance).and_then(|loaded| loaded.as_ref().ok()).map(|observed| &observed.value);
    let app_location = complete_location(&channel.location).ok_or_else(|| {
        tracing::warn!(
            channel = channel.app.id,
            "tickets are held back: set `country` and `postal_code` of the delivery channel"
        );
        TicketNotReady::permanent(ProblemCode::UnsupportedBySource)
    })?;
    let rules = &channel.app.rules;
    let date = performance.and_then(|performance| performance.date);
    let ends_at = performance.and_then(|observed| observed.ends_at);
    let period = match line.starts_at.or_else(|| start_of_day(event, date?)) {
        Some(starts_at) => (starts_at, expires_at(starts_at, ends_at)),
        None => pass_period((event.starts_at, event.ends_at), order.created_at, ends_at, rules.pass_validity).ok_or_else(|| {
            tracing::warn!(channel = channel.app.id, event = %event.key, "tickets are held back: the pass has no end of validity, set `assumptions.pass_validity`");
            TicketNotReady::permanent(ProblemCode::UnsupportedBySource)
        })?,
    };
    let is_dated = line.starts_at.is_some() || date.is_some();
    let identity = match rules.event_identity {
        AppEventIdentity::Performance if is_dated => format!("{}/{}", event.key, line.performance),
        AppEventIdentity::Performance | AppEventIdentity::Product => event.key.to_string(),
    };
    let number = coded.ticket.refs.last().map_or(delivery.key.as_str(), |one| one.value.as_str());
    Ok(AppTicket {
        key: delivery.key.clone(),
        event: app_event(identity, app_location, &channel.source.institution, event, period),
        holder: AppHolder {
            email: contact.email.clone(),
            first_name: contact.first_name.clone(),
            last_name: contact.last_name.clone(),
            phone: contact.phone.clone(),
            language: order.locale.clone(),
        },
        price: Some(line.unit_price.retail),
        category: None,
        ticket_number: number.to_owned(),
        barcode: code.value.clone(),
        seating: coded.ticket.seat.iter().map(|seat| ("Seat".to_owned(), seat.clone())).collect(),
        visible_from: delivery.visible_from,
        group: None,
        file: Some(order.number.clone()),
        max_transfers: None,
    })
}

/// Returns the end of validity: the duration of the event after its end, or one day after its start.
fn expires_at(starts_at: Timestamp, ends_at: Option<Timestamp>) -> Timestamp {
    let end = ends_at.filter(|end| *end > starts_at);
    let after = end.map_or(DAY, |end| end.duration_since(starts_at));
    end.unwrap_or(starts_at).checked_add(after).unwrap_or(starts_at)
}

/// Returns the midnight at which a day begins at the venue.
fn start_of_day(event: &Event, day: Date) -> Option<Timestamp> {
    let zone = TimeZone::get(&event.time_zone).ok()?;
    zone.to_timestamp(day.at(0, 0, 0, 0)).ok()
}

/// Returns the validity of a pass: from its sale to the end of its product's validity, otherwise for the configured time. `None` if
/// neither is known.
fn pass_period(
    (run_start, run_end): (Option<Timestamp>, Option<Timestamp>),
    sold_at: Timestamp,
    ends_at: Option<Timestamp>,
    validity: Option<Duration>,
) -> Option<(Timestamp, Timestamp)> {
    let starts_at = run_start.map_or(sold_at, |start| start.max(sold_at));
    let end = ends_at.or(run_end).filter(|end| *end > starts_at);
    end.or_else(|| Some(later(starts_at, validity?))).map(|end| (starts_at, end))
}

/// Location with everything that the app requires.
#[derive(Clone, Copy)]
struct CompleteLocation<'a> {
    city: Option<&'a str>,
    country: &'a str,
    postal_code: &'a str,
}

/// Returns the location of the venue; `None` if a part is missing that people would see a stand-in of.
fn complete_location(location: &VenueLocation) -> Option<CompleteLocation<'_>> {
    Some(CompleteLocation {
        city: location.city.as_deref(),
        country: location.country.as_deref()?,
        postal_code: location.postal_code.as_deref()?,
    })
}

fn app_event(
    id: String,
    location: CompleteLocation<'_>,
    institution: &str,
    event: &Event,
    (starts_at, expires_at): (Timestamp, Timestamp),
) -> AppEvent {
    let site = event.venue.clone().unwrap_or_else(|| institution.to_owned());
    AppEvent {
        id,
        name: event.title.clone(),
        city: LocalizedText::monolingual(location.city.map_or_else(|| site.clone(), str::to_owned)),
        site: LocalizedText::monolingual(site),
        country_code: location.country.to_owned(),
        zip: location.postal_code.to_owned(),
        starts_at,
        expires_at,
        website: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_is_valid_until_the_end_of_its_product_or_for_the_configured_time_or_not_at_all() {
        let at = |text: &str| text.parse::<Timestamp>().expect("an instant");
        let (sold, end) = (at("2027-03-01T19:00:00.5Z"), at("2027-12-31T23:00:00Z"));
        let pass = (None, None);
        let day = Some(Duration::from_secs(86_400));
        assert_eq!(pass_period(pass, sold, Some(end), day), Some((sold, end)));
        assert_eq!(pass_period(pass, sold, None, day), Some((sold, at("2027-03-02T19:00:00.5Z"))));
        assert_eq!(pass_period(pass, sold, None, None), None);
        assert_eq!(pass_period((None, Some(end)), sold, None, None), Some((sold, end)));
    }

    #[test]
    fn a_location_without_country_or_postal_code_is_not_completed_by_a_stand_in() {
        let location = |country: Option<&str>, postal_code: Option<&str>| VenueLocation {
            city: None,
            country: country.map(str::to_owned),
            postal_code: postal_code.map(str::to_owned),
        };
        assert!(complete_location(&location(Some("CH"), Some("1005"))).is_some());
        assert!(complete_location(&location(None, Some("1005"))).is_none());
        assert!(complete_location(&location(Some("CH"), None)).is_none());
    }

    #[test]
    fn a_ticket_expires_one_event_duration_after_the_end_or_one_day_after_the_start() {
        let at = |text: &str| text.parse::<Timestamp>().expect("an instant");
        let start = at("2027-03-01T19:00:00Z");
        assert_eq!(expires_at(start, Some(at("2027-03-01T22:00:00Z"))), at("2027-03-02T01:00:00Z"));
        assert_eq!(expires_at(start, None), at("2027-03-02T19:00:00Z"));
        assert_eq!(expires_at(start, Some(start)), at("2027-03-02T19:00:00Z"));
    }
}
