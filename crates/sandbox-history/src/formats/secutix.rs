//! S-360: seats of a category at a tariff, and a movement for each of them.

use crate::formats::{LedgerFormat, LineKeys, fields, reference};
use domain::ordering::HoldSecures;
use domain::{EventKey, ExternalRef, PerformanceKey, TicketTypeKey};
use emulators::PastReceipt;

const MOVEMENT: &str = "secutix.movement";
const TICKET: &str = "secutix.ticket";

pub(super) const FORMAT: LedgerFormat = LedgerFormat {
    keys: |offer, ticket_type| {
        let section = ticket_type.section.as_deref().unwrap_or_default();
        LineKeys {
            event: EventKey::new(offer.event.as_str()),
            performance: PerformanceKey::new(offer.performance.as_str()),
            ticket_type: TicketTypeKey::new(format!("{}.s{section}.{}", offer.event, ticket_type.id)),
        }
    },
    buyer: Some("contact_reference"),
    // All sales are made for a technical contact.
    contact: |_, _| fields([]),
    held: held_refs,
    sold: |receipt, lines| {
        let tickets = receipt.tickets.iter().filter_map(|ticket| reference(TICKET, &ticket.ids, "ticketId"));
        held_refs(receipt, lines).into_iter().chain(tickets).collect()
    },
    ticket: |ticket| {
        let refs = [(MOVEMENT, "movementId"), (TICKET, "ticketId")];
        refs.into_iter().filter_map(|(kind, name)| reference(kind, &ticket.ids, name)).collect()
    },
    secures: &[HoldSecures::Capacity, HoldSecures::Seats, HoldSecures::Price],
    hold_has_total: true,
    absence_proves_nothing: false,
    // Controls are read for tickets in the mobile app only.
    reports_use: false,
};

fn held_refs(receipt: &PastReceipt, lines: &[usize]) -> Vec<ExternalRef> {
    let order =
        [("secutix.order", "orderId"), ("secutix.order_secret", "orderSecretId"), ("secutix.amount", "saleAmount")];
    let order = order.into_iter().filter_map(|(kind, name)| reference(kind, &receipt.ids, name));
    let seats = receipt.tickets.iter().filter_map(|ticket| {
        let line = lines.get(ticket.item)?;
        reference(&format!("{MOVEMENT}.{line}"), &ticket.ids, "movementId")
    });
    order.chain(seats).collect()
}
