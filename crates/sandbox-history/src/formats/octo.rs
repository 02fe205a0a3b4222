//! OCTO: a booking for each performance, with a ticket for each unit item.

use crate::formats::{LedgerFormat, LineKeys, fields, reference};
use domain::ordering::HoldSecures;
use domain::{EventKey, ExternalRef, PerformanceKey, TicketTypeKey};
use emulators::PastReceipt;

pub(super) const FORMAT: LedgerFormat = LedgerFormat {
    // The ids of products with past sales need no encoding.
    keys: |offer, ticket_type| {
        let event = offer.event.replace('|', "/");
        LineKeys {
            performance: PerformanceKey::new(offer.performance.replace('|', "/")),
            ticket_type: TicketTypeKey::new(format!("{event}/{}", ticket_type.id)),
            event: EventKey::new(event),
        }
    },
    buyer: None,
    contact: |contact, _| {
        fields([
            ("fullName", Some(format!("{} {}", contact.first_name, contact.last_name).as_str())),
            ("firstName", Some(&contact.first_name)),
            ("lastName", Some(&contact.last_name)),
            ("emailAddress", Some(&contact.email)),
            ("phoneNumber", contact.phone.as_deref()),
            ("postalCode", contact.postal_code.as_deref()),
        ])
    },
    held: booking_refs,
    sold: booking_refs,
    ticket: |ticket| reference("octo.unitItem", &ticket.ids, "uuid").into_iter().collect(),
    secures: &[HoldSecures::Capacity, HoldSecures::Price],
    hold_has_total: true,
    absence_proves_nothing: false,
    reports_use: true,
};

fn booking_refs(receipt: &PastReceipt, _: &[usize]) -> Vec<ExternalRef> {
    let uuids = receipt.ids.get("uuid").map_or("", String::as_str);
    uuids.split(',').filter(|uuid| !uuid.is_empty()).map(|uuid| ExternalRef::new("octo.booking", uuid)).collect()
}
