//! Tickets of an order, each under the line of the leg that it belongs to.

use std::collections::HashMap;

use jiff::tz::TimeZone;

use crate::inferred;
use crate::map::booking::Wanted;
use crate::wire::Id;
use crate::wire::orders::{OrderDetail, OrderItem, Refund, RefundItem, Ticket};
use domain::ExternalRef;
use domain::ordering::{Barcode, CancelLine, IssuedTicket, TicketState};

/// What names a ticket. Not its uuid: that is the bar code, and a reference is no secret.
pub(crate) const TICKET: &str = "acme.ticket";
/// What names the line of the vendor's order.
const ORDER_ITEM: &str = "acme.order_item";
/// Why a refund is made: one of the two words that the vendor takes (`acme.md §4.7`).
const REASON: &str = "Miscellaneous";

/// A ticket of the vendor, and where it hangs.
struct Hung<'a> {
    item: &'a OrderItem,
    ticket: &'a Ticket,
    name: String,
    line: Option<usize>,
}

impl Hung<'_> {
    fn state(&self, zone: &TimeZone) -> TicketState {
        state(self.ticket, zone)
    }

    fn reference(&self) -> ExternalRef {
        ExternalRef::new(TICKET, self.name.clone())
    }
}

fn state(ticket: &Ticket, zone: &TimeZone) -> TicketState {
    let checked_in = ticket.check_in_date.as_ref().map(|date| date.instant(zone));
    inferred::ticket_state(ticket.ticket_status.as_deref(), checked_in)
}

/// Every ticket of an order. Two lines of ours that are one line of theirs share its tickets by quantity, in order.
fn hung<'a>(order: &'a OrderDetail, wanted: &[Wanted<'_>]) -> Vec<Hung<'a>> {
    let mut given: HashMap<usize, u32> = HashMap::new();
    let mut all = Vec::new();
    for event in &order.event_items {
        let instance = event.event_id.as_ref().map(ToString::to_string);
        let of_event: Vec<&Wanted<'_>> = wanted
            .iter()
            .filter(|wanted| instance.as_deref().is_none_or(|id| id == wanted.instance.instance))
            .collect();
        for item in &event.items {
            let ids: Vec<String> =
                item.item_type_id.iter().chain(&item.ticket_type_id).map(ToString::to_string).collect();
            let exact: Vec<&&Wanted<'_>> =
                of_event.iter().filter(|wanted| ids.iter().any(|id| id == wanted.person_type)).collect();
            let lines = if exact.is_empty() { of_event.iter().take(1).collect() } else { exact };
            for (at, ticket) in item.tickets.iter().enumerate() {
                let open = lines
                    .iter()
                    .find(|wanted| given.get(&wanted.line.line).copied().unwrap_or(0) < wanted.line.quantity);
                let line = open.or(lines.last()).map(|wanted| wanted.line.line);
                if let Some(line) = line {
                    *given.entry(line).or_default() += 1;
                }
                let name = ticket.id.as_ref().map_or_else(|| format!("{}.{at}", item.order_item_id), Id::to_string);
                all.push(Hung { item, ticket, name, line });
            }
        }
    }
    all
}

/// The tickets of an order as ours.
pub(crate) fn issued(order: &OrderDetail, wanted: &[Wanted<'_>], zone: &TimeZone) -> Vec<IssuedTicket> {
    let issued = |hung: Hung<'_>| {
        let barcode = |uuid: &String| Barcode { symbology: inferred::SYMBOLOGY, value: uuid.clone().into() };
        let state = match hung.state(zone) {
            TicketState::Issued if hung.ticket.uuid.is_none() => TicketState::Pending,
            state => state,
        };
        Some(IssuedTicket {
            line: hung.line?,
            refs: vec![hung.reference(), ExternalRef::new(ORDER_ITEM, hung.item.order_item_id.to_string())],
            barcode: hung.ticket.uuid.as_ref().map(barcode),
            seat: None,
            state,
        })
    };
    hung(order, wanted).into_iter().filter_map(issued).collect()
}

/// The tickets that a cancellation means: all of a line that names none, all of the order where no line is named.
fn meant<'a>(order: &'a OrderDetail, wanted: &[Wanted<'_>], lines: &[CancelLine]) -> Vec<Hung<'a>> {
    let is_meant = |hung: &Hung<'_>| {
        lines.is_empty()
            || lines.iter().any(|line| {
                let by_name = line.tickets.iter().any(|one| one.kind == TICKET && one.value == hung.name);
                if line.tickets.is_empty() { hung.line == Some(line.line) } else { by_name }
            })
    };
    hung(order, wanted).into_iter().filter(is_meant).collect()
}

/// Which of the tickets of a cancellation are void, and whether all are. None at all is not all.
pub(crate) fn void(
    order: &OrderDetail,
    wanted: &[Wanted<'_>],
    lines: &[CancelLine],
    zone: &TimeZone,
) -> (Vec<ExternalRef>, bool) {
    let meant = meant(order, wanted, lines);
    let void: Vec<ExternalRef> =
        meant.iter().filter(|hung| hung.state(zone) == TicketState::Void).map(Hung::reference).collect();
    let is_all = !meant.is_empty() && void.len() == meant.len();
    (void, is_all)
}

/// The refund of what is not void yet: every line with its count and the full uuids, just read (`acme.md §8.13`).
/// `None` where a ticket shows no uuid: refunding it by count would leave it valid.
pub(crate) fn refund(
    order: &OrderDetail,
    wanted: &[Wanted<'_>],
    lines: &[CancelLine],
    zone: &TimeZone,
    reference: &str,
) -> Option<Refund> {
    let mut going: Vec<(&OrderItem, Vec<String>)> = Vec::new();
    for hung in meant(order, wanted, lines) {
        if hung.state(zone) == TicketState::Void {
            continue;
        }
        let uuid = hung.ticket.uuid.clone()?;
        match going.iter_mut().find(|(item, _)| item.order_item_id == hung.item.order_item_id) {
            Some((_, uuids)) => uuids.push(uuid),
            None => going.push((hung.item, vec![uuid])),
        }
    }
    let items = going.into_iter().map(|(item, uuids)| RefundItem {
        order_item_id: item.order_item_id.clone(),
        quantity: units(item, uuids.len(), zone),
        ticket_uuids: uuids,
        incident_reason_code: REASON,
    });
    Some(Refund {
        order_id: order.order_id.clone(),
        incident_reason_code: REASON,
        notes: format!("cancelled, booking {reference}"),
        no_email: true,
        refund_items: items.collect(),
    })
}

/// How many units of a line so many of its tickets are: a bundle may have come with several tickets each.
fn units(item: &OrderItem, tickets: usize, zone: &TimeZone) -> u32 {
    let live = item.tickets.iter().filter(|ticket| state(ticket, zone) != TicketState::Void).count();
    let each = (live / item.quantity.map_or(live, |quantity| quantity as usize).max(1)).max(1);
    u32::try_from(tickets.div_ceil(each)).unwrap_or(u32::MAX)
}
