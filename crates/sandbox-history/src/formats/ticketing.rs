//! TickeTing: sections of an event, and an account for each leg.

use crate::formats::{LedgerFormat, LineKeys, fields, reference, tagged_email};
use domain::ordering::HoldSecures;
use domain::{EventKey, ExternalRef, PerformanceKey, TicketTypeKey};
use emulators::PastReceipt;

pub(super) const FORMAT: LedgerFormat = LedgerFormat {
    keys: |offer, ticket_type| LineKeys {
        event: EventKey::new(offer.event.as_str()),
        performance: PerformanceKey::new(offer.performance.as_str()),
        ticket_type: TicketTypeKey::new(format!("{}/{}", offer.event, ticket_type.id)),
    },
    buyer: None,
    contact: |contact, leg| {
        fields([
            ("email", Some(tagged_email(contact, leg).as_str())),
            // Nobody signs in to the account of a leg.
            ("password", Some(leg)),
            ("firstName", Some(&contact.first_name)),
            ("lastName", Some(&contact.last_name)),
            ("phone", contact.phone.as_deref()),
        ])
    },
    held: order_refs,
    sold: order_refs,
    ticket: |ticket| {
        let refs = [("ticketing.ticket", "serial"), ("ticketing.ticket_uri", "self")];
        refs.into_iter().filter_map(|(kind, name)| reference(kind, &ticket.ids, name)).collect()
    },
    secures: &[HoldSecures::Capacity, HoldSecures::Price],
    hold_has_total: true,
    absence_proves_nothing: false,
    reports_use: true,
};

fn order_refs(receipt: &PastReceipt, _: &[usize]) -> Vec<ExternalRef> {
    let refs = [
        ("ticketing.order", "number"),
        ("ticketing.account", "customer"),
        ("ticketing.payments", "payments"),
        ("ticketing.refunds", "refunds"),
    ];
    refs.into_iter().filter_map(|(kind, name)| reference(kind, &receipt.ids, name)).collect()
}
