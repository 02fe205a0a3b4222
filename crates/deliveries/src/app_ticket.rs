//! Builds app tickets from orders, barcodes and current event facts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::channel::{Channel, VenueLocation};
use crate::delivery::{Delivery, LastError};
use domain::StoreError;
use domain::mobile::{AppEvent, AppHolder, AppTicket, AppTicketKey};
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
    let line = &order.lines[coded.ticket.line];
    let unknown = || TicketNotReady::permanent(ProblemCode::UnknownPerformance);
    let event = match events.get(&line.event).ok_or_else(unknown)? {
        Ok(observed) => &observed.value,
        Err(error) => return Err(TicketNotReady::temporary(error)),
    };
    // A performance may leave the catalog after its sale; the order keeps its start.
    let performance =
        performances.get(&line.performance).and_then(|loaded| loaded.as_ref().ok()).map(|observed| &observed.value);
    let starts_at = line.starts_at.or(event.starts_at).unwrap_or(order.created_at);
    let ends_at =
        performance.and_then(|observed| observed.ends_at).or(event.ends_at.filter(|_| line.starts_at.is_none()));
    let number = coded.ticket.refs.last().map_or(delivery.key.as_str(), |one| one.value.as_str());
    Ok(AppTicket {
        key: delivery.key.clone(),
        event: app_event(
            &channel.location,
            &channel.source.institution,
            event,
            (starts_at, expires_at(starts_at, ends_at)),
        ),
        holder: AppHolder {
            email: order.contact.email.clone(),
            first_name: order.contact.first_name.clone(),
            last_name: order.contact.last_name.clone(),
            phone: order.contact.phone.clone(),
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

fn app_event(
    location: &VenueLocation,
    institution: &str,
    event: &Event,
    (starts_at, expires_at): (Timestamp, Timestamp),
) -> AppEvent {
    let site = event.venue.clone().unwrap_or_else(|| institution.to_owned());
    AppEvent {
        id: event.key.to_string(),
        name: event.title.clone(),
        city: LocalizedText::monolingual(location.city.clone().unwrap_or_else(|| site.clone())),
        site: LocalizedText::monolingual(site),
        country_code: location.country.clone().unwrap_or_else(|| UNKNOWN_COUNTRY.to_owned()),
        zip: location.postal_code.clone().unwrap_or_else(|| UNKNOWN_POSTAL_CODE.to_owned()),
        starts_at,
        expires_at,
        website: None,
    }
}

/// Placeholders for required fields of the app if the location is not configured.
const UNKNOWN_COUNTRY: &str = "ZZ";
const UNKNOWN_POSTAL_CODE: &str = "-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_expires_one_event_duration_after_the_end_or_one_day_after_the_start() {
        let at = |text: &str| text.parse::<Timestamp>().expect("an instant");
        let start = at("2027-03-01T19:00:00Z");
        assert_eq!(expires_at(start, Some(at("2027-03-01T22:00:00Z"))), at("2027-03-02T01:00:00Z"));
        assert_eq!(expires_at(start, None), at("2027-03-02T19:00:00Z"));
        assert_eq!(expires_at(start, Some(start)), at("2027-03-02T19:00:00Z"));
    }
}
