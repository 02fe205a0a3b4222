//! Tickets of an order, each assigned to the line of the leg that it belongs to.

use std::collections::HashMap;

use crate::assumptions;
use crate::map::SourceDefaults;
use crate::map::checkout::RequestedLine;
use crate::wire::Id;
use crate::wire::orders::{OrderDetail, OrderItem, Refund, RefundItem, Ticket};
use domain::ExternalRef;
use domain::ordering::{Barcode, CancelLine, IssuedTicket, TicketState};

/// Reference kind of a ticket. Not its uuid: that is the barcode, and a reference is not secret.
pub(crate) const TICKET_REF: &str = "acme.ticket";
/// Reference kind of a line of the vendor's order.
const ORDER_ITEM_REF: &str = "acme.order_item";
/// Reason of a refund: one of the two that the vendor accepts (`acme.md §4.7`).
const REFUND_REASON: &str = "Miscellaneous";

/// A ticket of the vendor with its order item and the assigned line.
struct AssignedTicket<'a> {
    item: &'a OrderItem,
    ticket: &'a Ticket,
    name: String,
    line: Option<usize>,
}

impl AssignedTicket<'_> {
    fn state(&self, defaults: &SourceDefaults) -> TicketState {
        state(self.ticket, defaults)
    }

    fn reference(&self) -> ExternalRef {
        ExternalRef::new(TICKET_REF, self.name.clone())
    }
}

/// Returns the state of a ticket.
pub(crate) fn state(ticket: &Ticket, defaults: &SourceDefaults) -> TicketState {
    let checked_in = ticket.check_in_date.as_ref().map(|date| date.instant(&defaults.time_zone));
    let (status, check_in) = (ticket.ticket_status.as_deref(), ticket.check_in_status.as_deref());
    assumptions::ticket_state(status, check_in, checked_in, &defaults.facts)
}

/// Assigns every ticket of an order to a line. Lines that share an order item share its tickets by quantity, in order.
fn assign_to_lines<'a>(order: &'a OrderDetail, wanted: &[RequestedLine<'_>]) -> Vec<AssignedTicket<'a>> {
    let mut given: HashMap<usize, u32> = HashMap::new();
    let mut all = Vec::new();
    for event in &order.event_items {
        let instance = event.event_id.as_ref().map(ToString::to_string);
        let of_event: Vec<&RequestedLine<'_>> =
            wanted.iter().filter(|wanted| instance.as_deref().is_none_or(|id| id == wanted.instance.id)).collect();
        for item in &event.items {
            let ids: Vec<String> =
                item.item_type_id.iter().chain(&item.ticket_type_id).map(ToString::to_string).collect();
            let exact: Vec<&&RequestedLine<'_>> =
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
                all.push(AssignedTicket { item, ticket, name, line });
            }
        }
    }
    all
}

/// Maps the tickets of an order.
pub(crate) fn issued_tickets(
    order: &OrderDetail,
    wanted: &[RequestedLine<'_>],
    defaults: &SourceDefaults,
) -> Vec<IssuedTicket> {
    let issued = |hung: AssignedTicket<'_>| {
        let barcode = |uuid: &String| Barcode { symbology: defaults.facts.symbology, value: uuid.clone().into() };
        let state = match hung.state(defaults) {
            TicketState::Issued if hung.ticket.uuid.is_none() => TicketState::Pending,
            state => state,
        };
        Some(IssuedTicket {
            line: hung.line?,
            refs: vec![hung.reference(), ExternalRef::new(ORDER_ITEM_REF, hung.item.order_item_id.to_string())],
            barcode: hung.ticket.uuid.as_ref().map(barcode),
            seat: None,
            state,
        })
    };
    assign_to_lines(order, wanted).into_iter().filter_map(issued).collect()
}

/// Tickets selected by a cancellation: all of a line that names none, all of the order if no line is named.
fn selected_tickets<'a>(
    order: &'a OrderDetail,
    wanted: &[RequestedLine<'_>],
    lines: &[CancelLine],
) -> Vec<AssignedTicket<'a>> {
    let is_meant = |hung: &AssignedTicket<'_>| {
        lines.is_empty()
            || lines.iter().any(|line| {
                let by_name = line.tickets.iter().any(|one| one.kind == TICKET_REF && one.value == hung.name);
                if line.tickets.is_empty() { hung.line == Some(line.line) } else { by_name }
            })
    };
    assign_to_lines(order, wanted).into_iter().filter(is_meant).collect()
}

/// Returns the void tickets of a cancellation, and whether all of them are void. An empty selection is not "all".
pub(crate) fn void_tickets(
    order: &OrderDetail,
    wanted: &[RequestedLine<'_>],
    lines: &[CancelLine],
    defaults: &SourceDefaults,
) -> (Vec<ExternalRef>, bool) {
    let meant = selected_tickets(order, wanted, lines);
    let void: Vec<ExternalRef> =
        meant.iter().filter(|hung| hung.state(defaults) == TicketState::Void).map(AssignedTicket::reference).collect();
    let is_all = !meant.is_empty() && void.len() == meant.len();
    (void, is_all)
}

/// True if a ticket of a cancellation admitted its visitor. The vendor refunds such a ticket too (`acme.md §5`, INFERRED).
pub(crate) fn has_used_ticket(
    order: &OrderDetail,
    wanted: &[RequestedLine<'_>],
    lines: &[CancelLine],
    defaults: &SourceDefaults,
) -> bool {
    let meant = selected_tickets(order, wanted, lines);
    meant.iter().any(|hung| matches!(hung.state(defaults), TicketState::Used(_)))
}

/// Builds the refund of tickets that are not void yet: every line with its count and the full uuids as just read
/// (`acme.md §8.13`). `None` if a ticket shows no uuid, because a refund by count would leave it valid.
pub(crate) fn refund(
    order: &OrderDetail,
    wanted: &[RequestedLine<'_>],
    lines: &[CancelLine],
    defaults: &SourceDefaults,
    reference: &str,
) -> Option<Refund> {
    let mut going: Vec<(&OrderItem, Vec<String>)> = Vec::new();
    for hung in selected_tickets(order, wanted, lines) {
        if hung.state(defaults) == TicketState::Void {
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
        quantity: refund_units(item, uuids.len(), defaults),
        ticket_uuids: uuids,
        incident_reason_code: REFUND_REASON,
    });
    Some(Refund {
        order_id: order.order_id.clone(),
        incident_reason_code: REFUND_REASON,
        notes: format!("canceled, booking {reference}"),
        no_email: true,
        refund_items: items.collect(),
    })
}

/// Number of units of a line that these tickets make up: a unit of a bundle may have several tickets.
fn refund_units(item: &OrderItem, tickets: usize, defaults: &SourceDefaults) -> u32 {
    let live = item.tickets.iter().filter(|ticket| state(ticket, defaults) != TicketState::Void).count();
    let each = (live / item.quantity.map_or(live, |quantity| quantity as usize).max(1)).max(1);
    u32::try_from(tickets.div_ceil(each)).unwrap_or(u32::MAX)
}
