//! Tickets as an app is given them: from the order, its codes, and what the source says about the event.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::channel::{Channel, Place};
use crate::parcel::{Parcel, Trouble};
use domain::mobile::{AppEvent, AppHolder, AppTicket, AppTicketKey};
use domain::{Batch, Event, EventKey, Observed, OrderKey, Performance, PerformanceKey, Text, VendorError};
use orders::{Asker, CodedTicket, LedgerError, Order, OrderBy, Orders, ProblemCode};

/// How long an event can be used after its begin, where nobody says how long it lasts.
const A_DAY: SignedDuration = SignedDuration::from_hours(24);

/// Why a ticket cannot be handed over, and whether it never can.
pub(crate) struct Unready {
    pub trouble: Trouble,
    pub is_final: bool,
}

impl Unready {
    fn for_now(error: &VendorError) -> Self {
        Self { trouble: Trouble::of(error), is_final: false }
    }

    fn for_good(code: ProblemCode) -> Self {
        Self { trouble: Trouble::new(code), is_final: true }
    }
}

type Packed = Result<AppTicket, Unready>;

/// An order with the codes of its tickets.
struct Opened {
    order: Order,
    tickets: Vec<CodedTicket>,
}

/// Who asks for orders: nobody's caller.
pub(crate) fn ourselves() -> Asker {
    Asker { caller: "delivery".to_owned(), reseller: None }
}

/// Makes tickets ready, each for itself.
pub(crate) async fn pack(
    orders: &Orders,
    channel: &Channel,
    parcels: &[Parcel],
) -> Result<BTreeMap<AppTicketKey, Packed>, LedgerError> {
    let keys: BTreeSet<OrderKey> = parcels.iter().map(|parcel| parcel.order).collect();
    let mut opened = BTreeMap::new();
    for key in keys {
        if let Some(order) = orders.find(&ourselves(), &OrderBy::Key(key)).await? {
            let tickets = orders.tickets(&order).await?;
            opened.insert(key, Opened { order, tickets });
        }
    }
    let lines = parcels.iter().filter_map(|parcel| {
        let order = &opened.get(&parcel.order)?.order;
        order.lines.get(order.tickets.get(parcel.ticket)?.line)
    });
    let lines: Vec<_> = lines.collect();
    let events: Vec<EventKey> =
        lines.iter().map(|line| line.event.clone()).collect::<BTreeSet<_>>().into_iter().collect();
    let performances: Vec<PerformanceKey> =
        lines.iter().map(|line| line.performance.clone()).collect::<BTreeSet<_>>().into_iter().collect();
    let catalog = &channel.source.catalog;
    let (events, performances) = tokio::join!(catalog.load_events(&events), catalog.load_performances(&performances));
    let packed = parcels.iter().map(|parcel| {
        let ready = opened
            .get(&parcel.order)
            .ok_or_else(|| Unready::for_good(ProblemCode::OrderNotFound))
            .and_then(|opened| ticket(channel, parcel, opened, &events, &performances));
        (parcel.key.clone(), ready)
    });
    Ok(packed.collect())
}

fn ticket(
    channel: &Channel,
    parcel: &Parcel,
    opened: &Opened,
    events: &Batch<EventKey, Observed<Arc<Event>>>,
    performances: &Batch<PerformanceKey, Observed<Arc<Performance>>>,
) -> Packed {
    let order = &opened.order;
    let coded = opened.tickets.get(parcel.ticket).ok_or_else(|| Unready::for_good(ProblemCode::ActionNotAvailable))?;
    let code = coded.barcode.as_ref().ok_or_else(|| Unready::for_good(ProblemCode::ActionNotAvailable))?;
    let line = &order.lines[coded.ticket.line];
    let unheard = || Unready::for_good(ProblemCode::UnknownPerformance);
    let event = match events.get(&line.event).ok_or_else(unheard)? {
        Ok(known) => &known.value,
        Err(error) => return Err(Unready::for_now(error)),
    };
    // A performance that has left the catalogue was sold all the same: the order knows when it begins.
    let performance = performances.get(&line.performance).and_then(|told| told.as_ref().ok()).map(|known| &known.value);
    let starts_at = line.starts_at.or(event.starts_at).unwrap_or(order.created_at);
    let ends_at = performance.and_then(|known| known.ends_at).or(event.ends_at.filter(|_| line.starts_at.is_none()));
    let number = coded.ticket.refs.last().map_or(parcel.key.as_str(), |one| one.value.as_str());
    Ok(AppTicket {
        key: parcel.key.clone(),
        event: app_event(&channel.place, &channel.source.institution, event, (starts_at, expiry(starts_at, ends_at))),
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
        places: coded.ticket.seat.iter().map(|seat| ("Seat".to_owned(), seat.clone())).collect(),
        visible_from: parcel.visible_from,
        group: None,
        file: Some(order.number.clone()),
        max_transfers: None,
    })
}

/// When an event cannot be used any more: as long after its end as it lasts, else a day after its begin.
fn expiry(starts_at: Timestamp, ends_at: Option<Timestamp>) -> Timestamp {
    let end = ends_at.filter(|end| *end > starts_at);
    let after = end.map_or(A_DAY, |end| end.duration_since(starts_at));
    end.unwrap_or(starts_at).checked_add(after).unwrap_or(starts_at)
}

fn app_event(
    place: &Place,
    institution: &str,
    event: &Event,
    (starts_at, expires_at): (Timestamp, Timestamp),
) -> AppEvent {
    let site = event.venue.clone().unwrap_or_else(|| institution.to_owned());
    AppEvent {
        id: event.key.to_string(),
        name: event.title.clone(),
        city: Text::plain(place.city.clone().unwrap_or_else(|| site.clone())),
        site: Text::plain(site),
        country_code: place.country.clone().unwrap_or_else(|| UNKNOWN_COUNTRY.to_owned()),
        zip: place.postal_code.clone().unwrap_or_else(|| UNKNOWN_CODE.to_owned()),
        starts_at,
        expires_at,
        website: None,
    }
}

/// What the app is told where the configuration does not say where the house stands: it wants some text.
const UNKNOWN_COUNTRY: &str = "ZZ";
const UNKNOWN_CODE: &str = "-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_can_be_used_as_long_after_its_end_as_it_lasts_or_for_a_day() {
        let at = |text: &str| text.parse::<Timestamp>().expect("an instant");
        let start = at("2027-03-01T19:00:00Z");
        assert_eq!(expiry(start, Some(at("2027-03-01T22:00:00Z"))), at("2027-03-02T01:00:00Z"));
        assert_eq!(expiry(start, None), at("2027-03-02T19:00:00Z"));
        assert_eq!(expiry(start, Some(start)), at("2027-03-02T19:00:00Z"));
    }
}
