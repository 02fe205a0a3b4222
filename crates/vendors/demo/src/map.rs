//! Mapping between the wire and the domain, in both directions. Pure: no calls, no clock.

use std::sync::Arc;

use domain::ordering::{Barcode, ConfirmedSale, IssuedTicket, LegRequest, Symbology, TicketState};
use domain::{
    Audience, Availability, AvailabilityStatus, BookingMode, Currency, Event, EventKey, EventStatus, ExternalRef,
    LocalizedText, Money, Offer, Performance, PerformanceKey, Price, TicketType, TicketTypeKey,
};
use jiff::tz::TimeZone;

use crate::wire;

/// Reference kind of a hold.
pub(crate) const HOLD_REF: &str = "demo.hold";
/// Reference kind of an order.
pub(crate) const ORDER_REF: &str = "demo.order";
/// Reference kind of a ticket.
const TICKET_REF: &str = "demo.ticket";

/// Values that the wire leaves out and the settings supply.
pub(crate) struct SourceDefaults {
    pub(crate) time_zone: TimeZone,
    pub(crate) currency: Currency,
}

/// Maps an event with its single performance and ticket type.
pub(crate) fn event(wire: &wire::Event, defaults: &SourceDefaults) -> Event {
    let ticket_type = Arc::new(ticket_type(wire, defaults));
    Event {
        key: EventKey::new(wire.id.as_str()),
        refs: vec![ExternalRef::new("demo.event", wire.id.as_str())],
        title: LocalizedText::monolingual(&wire.title),
        summary: None,
        description: None,
        image: None,
        venue: None,
        categories: Vec::new(),
        time_zone: defaults.time_zone.iana_name().unwrap_or("Etc/Unknown").to_owned(),
        booking_mode: BookingMode::Timed,
        status: if wire.published { EventStatus::OnSale } else { EventStatus::Draft },
        is_private: false,
        starts_at: Some(wire.start),
        ends_at: None,
        duration_minutes: None,
        capacity: None,
        sold_quantity: None,
        price_from: Some(Money::new(wire.price, defaults.currency)),
        sections: Vec::new(),
        listed_performances: Some(Arc::new(vec![Arc::new(performance(wire, defaults, &ticket_type))])),
        listed_ticket_types: Some(Arc::new(vec![TicketType::clone(&ticket_type)])),
    }
}

fn ticket_type(wire: &wire::Event, defaults: &SourceDefaults) -> TicketType {
    TicketType {
        key: TicketTypeKey::new(wire.id.as_str()),
        event: EventKey::new(wire.id.as_str()),
        refs: Vec::new(),
        name: LocalizedText::monolingual("Adult"),
        description: None,
        audience: Audience::Adult,
        min_age: None,
        max_age: None,
        admits: 1,
        section: None,
        price: Some(Price::from_retail(Money::new(wire.price, defaults.currency))),
        min_per_order: None,
        max_per_order: None,
    }
}

fn performance(wire: &wire::Event, defaults: &SourceDefaults, ticket_type: &Arc<TicketType>) -> Performance {
    let status = match wire.left {
        0 => AvailabilityStatus::SoldOut,
        _ => AvailabilityStatus::Available,
    };
    let price = Price::from_retail(Money::new(wire.price, defaults.currency));
    let offer = Offer { ticket_type: Arc::clone(ticket_type), price, vacancies: Some(wire.left), status };
    Performance {
        key: PerformanceKey::new(wire.id.as_str()),
        event: EventKey::new(wire.id.as_str()),
        refs: Vec::new(),
        starts_at: Some(wire.start),
        ends_at: None,
        date: Some(wire.start.to_zoned(defaults.time_zone.clone()).date()),
        cutoff_at: Some(wire.start),
        listed_availability: Some(Arc::new(Availability {
            status,
            vacancies: Some(wire.left),
            capacity: None,
            max_per_order: None,
            offers: vec![offer],
        })),
    }
}

/// Builds the hold of a leg.
pub(crate) fn new_hold(leg: &LegRequest) -> wire::NewHold<'_> {
    let items = leg.lines.iter().map(|line| wire::Item { event: line.performance.as_str(), quantity: line.quantity });
    wire::NewHold { reference: &leg.reference, items: items.collect() }
}

/// Maps an order to a sale.
pub(crate) fn sale(order: wire::Order, leg: &LegRequest, defaults: &SourceDefaults) -> ConfirmedSale {
    ConfirmedSale {
        refs: vec![ExternalRef::new(ORDER_REF, order.id.as_str())],
        total: Some(Money::new(order.total, defaults.currency)),
        tickets: tickets(order, leg),
    }
}

/// Maps the tickets of an order. A ticket of an event that the leg does not contain is omitted.
pub(crate) fn tickets(order: wire::Order, leg: &LegRequest) -> Vec<IssuedTicket> {
    let ticket = |ticket: wire::Ticket| {
        let line = leg.lines.iter().find(|line| line.performance.as_str() == ticket.event)?;
        Some(IssuedTicket {
            line: line.line,
            refs: vec![ExternalRef::new(TICKET_REF, ticket.id.as_str())],
            barcode: Some(Barcode { symbology: Symbology::Qr, value: ticket.id.into() }),
            seat: None,
            state: TicketState::Issued,
        })
    };
    order.tickets.into_iter().filter_map(ticket).collect()
}
