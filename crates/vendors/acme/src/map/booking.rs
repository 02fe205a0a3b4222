//! A leg as a hold and as a check-out, and whether it may still be bought as promised.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use rust_decimal::Decimal;

use crate::map::keys::InstanceRef;
use crate::map::{Venue, availability, event, keys};
use crate::wire::catalog::Instance;
use crate::wire::orders::{BoughtEvent, BoughtItem, CheckOut, Order, Places};
use crate::wire::{Amount, Id};
use domain::ordering::{LegLine, LegRequest};
use domain::{AvailabilityStatus, Money, Reason};

/// A line of a leg with its keys read.
pub(crate) struct Wanted<'a> {
    pub(crate) instance: InstanceRef,
    pub(crate) template: &'a str,
    pub(crate) person_type: &'a str,
    pub(crate) line: &'a LegLine,
}

/// Reads the keys of a leg; the error names the part that is no key of this source.
pub(crate) fn wanted<'a>(leg: &'a LegRequest) -> Result<Vec<Wanted<'a>>, Reason> {
    let invalid = |field: &str| Reason::InvalidInput { field: field.to_owned() };
    let read = |line: &'a LegLine| {
        let instance = InstanceRef::read(&line.performance).ok_or_else(|| invalid("performance"))?;
        let read = keys::read_ticket_type(&line.ticket_type);
        let (template, person_type) = read.ok_or_else(|| invalid("ticketType"))?;
        Ok(Wanted { instance, template, person_type, line })
    };
    leg.lines.iter().map(read).collect()
}

/// Holds what a leg was promised against the instances as they are now: still for sale, of the event that the ticket type is for,
/// at the same price. Answers how many places of each instance the leg takes; a bundle takes one for everybody it admits.
pub(crate) fn places(
    wanted: &[Wanted<'_>],
    instances: &HashMap<String, Instance>,
    venue: &Venue,
    now: Timestamp,
) -> Result<Vec<Places>, Reason> {
    let mut places: BTreeMap<&str, u32> = BTreeMap::new();
    for wanted in wanted {
        let instance = instances.get(&wanted.instance.instance).ok_or(Reason::NotOnSale)?;
        if instance.template_id.as_ref().is_some_and(|id| id.to_string() != wanted.template) {
            return Err(Reason::InvalidInput { field: "ticketType".to_owned() });
        }
        if availability::standing(instance, None, venue, now) != AvailabilityStatus::Available {
            return Err(Reason::NotOnSale);
        }
        let lines = instance.price_list.as_ref().map(|list| &list.prices).into_iter().flatten();
        let mut lines = lines.filter(|line| line.person_type.id.to_string() == wanted.person_type);
        let offered =
            lines.find_map(|line| event::ticket_type(wanted.template, line, venue)).ok_or(Reason::NotOnSale)?;
        match offered.price {
            Some(price) if price.retail == wanted.line.unit_price => {}
            Some(price) => return Err(Reason::PriceChanged { now: price.retail }),
            None => return Err(Reason::NotOnSale),
        }
        let taken = wanted.line.quantity.saturating_mul(offered.admits);
        let sum = places.entry(&wanted.instance.instance).or_default();
        *sum = sum.saturating_add(taken);
    }
    Ok(places.into_iter().map(|(id, quantity)| Places { event_id: id.to_owned(), quantity }).collect())
}

/// How an order is paid and held.
pub(crate) struct Terms<'a> {
    /// The organisation that buys.
    pub(crate) organization: &'a str,
    /// The hold, where there is one.
    pub(crate) reservation: Option<&'a str>,
    /// Whether the voucher is charged now.
    pub(crate) charges: bool,
}

/// The check-out of a leg (`acme.md §4.3`). Both contacts are set: what is missing in one the vendor would take from elsewhere.
pub(crate) fn check_out(leg: &LegRequest, wanted: &[Wanted<'_>], terms: &Terms<'_>) -> CheckOut {
    let contact = &leg.contact;
    let mut bought: BTreeMap<&str, BTreeMap<&str, (u32, Decimal)>> = BTreeMap::new();
    for wanted in wanted {
        let items = bought.entry(&wanted.instance.instance).or_default();
        let (quantity, amount) = items.entry(wanted.person_type).or_default();
        *quantity += wanted.line.quantity;
        *amount += wanted.line.unit_price.to_major() * Decimal::from(wanted.line.quantity);
    }
    let total: Decimal = bought.values().flat_map(BTreeMap::values).map(|(_, amount)| amount).sum();
    let item = |event_id: &str, (person_type, (quantity, amount)): (&str, (u32, Decimal))| BoughtItem {
        event_id: event_id.to_owned(),
        person_type_id: person_type.to_owned(),
        item_type: "Event",
        quantity,
        amount: Amount(amount),
    };
    let event = |(id, items): (&str, BTreeMap<&str, (u32, Decimal)>)| BoughtEvent {
        event_id: id.to_owned(),
        verify_entitlements: false,
        items: items.into_iter().map(|entry| item(id, entry)).collect(),
    };
    CheckOut {
        organization_id: Id::numeric(terms.organization),
        account_id: Id::numeric(terms.organization),
        sale_channel: "reseller",
        reservation_id: terms.reservation.map(Id::numeric),
        payment_method: "Voucher",
        payment_id: leg.reference.clone(),
        charge_amount: Amount(if terms.charges { total } else { Decimal::ZERO }),
        email: address(&contact.email, &leg.reference),
        phone_number: contact.phone.clone(),
        zip_code: contact.postal_code.clone(),
        billing_first_name: contact.first_name.clone(),
        billing_last_name: contact.last_name.clone(),
        billing_email: contact.email.clone(),
        billing_phone_number: contact.phone.clone(),
        billing_zip_code: contact.postal_code.clone(),
        events: bought.into_iter().map(event).collect(),
        includes_flex_pay: false,
        queued_status: 0,
        retry_count: 0,
        no_email: "true",
        ticket_delivery: "willCall",
    }
}

/// An address of the leg's own, `ada+REFERENCE@example.org`: the vendor finds orders by e-mail only. No mail is sent to it.
pub(crate) fn address(email: &str, reference: &str) -> String {
    match email.rsplit_once('@') {
        Some((local, domain)) => format!("{local}+{reference}@{domain}"),
        None => format!("{email}+{reference}"),
    }
}

/// The reference in an address of ours.
pub(crate) fn reference(address: &str) -> Option<&str> {
    address.rsplit_once('@')?.0.rsplit_once('+').map(|(_, reference)| reference).filter(|text| !text.is_empty())
}

/// What an order cost; an organisation's discount may have lowered it (`acme.md §8.18`).
pub(crate) fn total(order: &Order, venue: &Venue) -> Option<Money> {
    let amount = order.discounted_total_amount.or(order.total_amount)?;
    Money::from_major(amount.0, venue.currency).ok()
}
