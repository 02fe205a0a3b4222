//! The keys and references by which a ledger identifies what a vendor sold.

mod acme;
mod octo;
mod secutix;
mod ticketing;

use domain::ordering::{Contact, HoldSecures};
use domain::{EventKey, ExternalRef, PerformanceKey, TicketTypeKey, VendorKind};
use emulators::{PastOffer, PastReceipt, PastTicket, PastTicketType};
use std::collections::BTreeMap;

/// Keys of a line.
pub(crate) struct LineKeys {
    pub event: EventKey,
    pub performance: PerformanceKey,
    pub ticket_type: TicketTypeKey,
}

/// Keys and references of one vendor.
pub(crate) struct LedgerFormat {
    /// Returns the keys of a ticket type of a performance.
    pub keys: fn(&PastOffer, &PastTicketType) -> LineKeys,
    /// Key of the buying account, in the settings of a connection and of the source.
    pub buyer: Option<&'static str>,
    /// Returns the fields of the visitor that the vendor receives for a leg with a reference.
    pub contact: fn(&Contact, &str) -> BTreeMap<String, String>,
    /// Returns the references of a hold, for items that are these lines of the order.
    pub held: fn(&PastReceipt, &[usize]) -> Vec<ExternalRef>,
    /// Returns the references of a sale.
    pub sold: fn(&PastReceipt, &[usize]) -> Vec<ExternalRef>,
    /// Returns the references of a ticket.
    pub ticket: fn(&PastTicket) -> Vec<ExternalRef>,
    /// Parts that a hold secures.
    pub secures: &'static [HoldSecures],
    /// True if a hold reports its total.
    pub hold_has_total: bool,
    /// True if a sale that is not found may exist nevertheless, so that a lost response can end with a person.
    pub absence_proves_nothing: bool,
    /// True if the vendor reports the use of a ticket whose barcode this service returns.
    pub reports_use: bool,
}

/// Returns the format of a vendor.
pub(crate) fn format_of(vendor: VendorKind) -> &'static LedgerFormat {
    match vendor {
        VendorKind::Acme => &acme::FORMAT,
        VendorKind::Secutix => &secutix::FORMAT,
        VendorKind::Ticketing => &ticketing::FORMAT,
        VendorKind::Octo => &octo::FORMAT,
    }
}

/// Returns a reference with an id of the vendor, if it is there.
fn reference(kind: &str, ids: &BTreeMap<&'static str, String>, name: &str) -> Option<ExternalRef> {
    ids.get(name).map(|id| ExternalRef::new(kind, id.as_str()))
}

/// Returns an email address with the reference of a leg in it.
fn tagged_email(contact: &Contact, reference: &str) -> String {
    let (local, domain) = contact.email.rsplit_once('@').unwrap_or((&contact.email, "example.com"));
    format!("{local}+{reference}@{domain}")
}

/// Returns the fields that have a value.
fn fields<const N: usize>(fields: [(&str, Option<&str>); N]) -> BTreeMap<String, String> {
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect()
}
