//! ACME: instances with their day, and orders that are found by a tagged email address.

use crate::formats::{LedgerFormat, LineKeys, fields, reference, tagged_email};
use domain::ordering::HoldSecures;
use domain::{EventKey, PerformanceKey, TicketTypeKey};

pub(super) const FORMAT: LedgerFormat = LedgerFormat {
    keys: |offer, ticket_type| LineKeys {
        event: EventKey::new(offer.event.as_str()),
        performance: PerformanceKey::new(format!("{}:{}:t", offer.performance, offer.day)),
        ticket_type: TicketTypeKey::new(format!("{}:{}", offer.event, ticket_type.id)),
    },
    buyer: Some("organization_id"),
    contact: |contact, leg| {
        fields([
            ("email", Some(tagged_email(contact, leg).as_str())),
            ("phoneNumber", contact.phone.as_deref()),
            ("zipCode", contact.postal_code.as_deref()),
            ("billingFirstName", Some(&contact.first_name)),
            ("billingLastName", Some(&contact.last_name)),
            ("billingEmail", Some(&contact.email)),
            ("billingPhoneNumber", contact.phone.as_deref()),
            ("billingZipCode", contact.postal_code.as_deref()),
        ])
    },
    held: |receipt, _| reference("acme.reservation", &receipt.ids, "reservationId").into_iter().collect(),
    sold: |receipt, _| {
        let refs = [("acme.order", "id"), ("acme.order_number", "orderNumber")];
        refs.into_iter().filter_map(|(kind, name)| reference(kind, &receipt.ids, name)).collect()
    },
    ticket: |ticket| {
        let refs = [("acme.ticket", "id"), ("acme.order_item", "orderItemId")];
        refs.into_iter().filter_map(|(kind, name)| reference(kind, &ticket.ids, name)).collect()
    },
    secures: &[HoldSecures::Capacity],
    hold_has_total: false,
    absence_proves_nothing: true,
    reports_use: true,
};
