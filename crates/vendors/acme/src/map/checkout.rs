//! A leg as a hold and as a check-out, and the check that it can still be sold as offered.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use rust_decimal::Decimal;

use crate::map::keys::InstanceRef;
use crate::map::{SourceDefaults, availability, event, keys};
use crate::settings::ItemAmount;
use crate::wire::catalog::Instance;
use crate::wire::orders::{CheckOut, CheckOutEvent, CheckOutItem, Order, ReservationItem};
use crate::wire::{Id, WrittenAmount};
use domain::ordering::{Contact, LegLine, LegRequest};
use domain::{AvailabilityStatus, Currency, Money, RefusalReason};

/// A line of a leg with its parsed keys.
pub(crate) struct RequestedLine<'a> {
    pub(crate) instance: InstanceRef,
    pub(crate) template: &'a str,
    pub(crate) person_type: &'a str,
    pub(crate) line: &'a LegLine,
}

/// Parses the keys of a leg; the error names the field that is not a key of this source.
pub(crate) fn requested_lines<'a>(leg: &'a LegRequest) -> Result<Vec<RequestedLine<'a>>, RefusalReason> {
    let invalid = |field: &str| RefusalReason::InvalidInput { field: field.to_owned() };
    let read = |line: &'a LegLine| {
        let instance = InstanceRef::parse(&line.performance).ok_or_else(|| invalid("performance"))?;
        let read = keys::parse_ticket_type_key(&line.ticket_type);
        let (template, person_type) = read.ok_or_else(|| invalid("ticketType"))?;
        Ok(RequestedLine { instance, template, person_type, line })
    };
    leg.lines.iter().map(read).collect()
}

/// Checks the lines of a leg against the current instances: still for sale, of the ticket type's event, at the same
/// price. Returns the capacity that the leg needs per instance; a bundle needs one for everybody it admits.
pub(crate) fn required_capacity(
    wanted: &[RequestedLine<'_>],
    instances: &HashMap<String, Instance>,
    defaults: &SourceDefaults,
    now: Timestamp,
) -> Result<Vec<ReservationItem>, RefusalReason> {
    let mut places: BTreeMap<&str, u32> = BTreeMap::new();
    for wanted in wanted {
        let instance = instances.get(&wanted.instance.id).ok_or(RefusalReason::NotOnSale)?;
        if instance.template_id.as_ref().is_some_and(|id| id.to_string() != wanted.template) {
            return Err(RefusalReason::InvalidInput { field: "ticketType".to_owned() });
        }
        if availability::sale_status(instance, None, defaults, now) != AvailabilityStatus::Available {
            return Err(RefusalReason::NotOnSale);
        }
        let lines = instance.price_list.as_ref().map(|list| &list.prices).into_iter().flatten();
        let mut lines = lines.filter(|line| line.person_type.id.to_string() == wanted.person_type);
        let offered = lines
            .find_map(|line| event::ticket_type(wanted.template, line, defaults))
            .ok_or(RefusalReason::NotOnSale)?;
        match offered.price {
            Some(price) if price.retail == wanted.line.unit_price => {}
            Some(price) => return Err(RefusalReason::PriceChanged { now: price.retail }),
            None => return Err(RefusalReason::NotOnSale),
        }
        let taken = wanted.line.quantity.saturating_mul(offered.admits);
        let sum = places.entry(&wanted.instance.id).or_default();
        *sum = sum.saturating_add(taken);
    }
    Ok(places.into_iter().map(|(id, quantity)| ReservationItem { event_id: id.to_owned(), quantity }).collect())
}

/// Visitor, payment and hold of an order.
pub(crate) struct CheckOutOptions<'a> {
    /// The visitor.
    pub(crate) contact: &'a Contact,
    /// The buying organization.
    pub(crate) organization: &'a str,
    /// The hold, if there is one.
    pub(crate) reservation: Option<&'a str>,
    /// True if the voucher is charged now.
    pub(crate) charges_voucher: bool,
    /// Currency of the tenant.
    pub(crate) currency: Currency,
    /// Meaning of the amount of an item.
    pub(crate) item_amount: ItemAmount,
}

/// Builds the check-out of a leg (`acme.md §4.3`). Both contacts are set, because the vendor fills missing ones from
/// elsewhere.
pub(crate) fn check_out(leg: &LegRequest, wanted: &[RequestedLine<'_>], terms: &CheckOutOptions<'_>) -> CheckOut {
    let contact = terms.contact;
    let mut bought: BTreeMap<&str, BTreeMap<&str, (u32, Decimal)>> = BTreeMap::new();
    for wanted in wanted {
        let items = bought.entry(&wanted.instance.id).or_default();
        let (quantity, amount) = items.entry(wanted.person_type).or_default();
        *quantity += wanted.line.quantity;
        *amount += wanted.line.unit_price.to_major() * Decimal::from(wanted.line.quantity);
    }
    let total: Decimal = bought.values().flat_map(BTreeMap::values).map(|(_, amount)| amount).sum();
    let item = |event_id: &str, (person_type, (quantity, amount)): (&str, (u32, Decimal))| CheckOutItem {
        event_id: event_id.to_owned(),
        person_type_id: person_type.to_owned(),
        item_type: "Event",
        quantity,
        amount: WrittenAmount::new(item_amount(amount, quantity, terms.item_amount), terms.currency),
    };
    let event = |(id, items): (&str, BTreeMap<&str, (u32, Decimal)>)| CheckOutEvent {
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
        charge_amount: WrittenAmount::new(if terms.charges_voucher { total } else { Decimal::ZERO }, terms.currency),
        email: tagged_email(&contact.email, &leg.reference),
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

/// Returns the amount of an item from the total of its line. All tickets of a type have one price.
fn item_amount(total: Decimal, quantity: u32, meaning: ItemAmount) -> Decimal {
    match meaning {
        ItemAmount::Unit if quantity > 0 => total / Decimal::from(quantity),
        ItemAmount::Unit | ItemAmount::Line => total,
    }
}

/// Email address tagged with the leg's reference, `ada+REFERENCE@example.org`: the vendor finds orders by email address
/// only. No mail is sent to it.
pub(crate) fn tagged_email(email: &str, reference: &str) -> String {
    match email.rsplit_once('@') {
        Some((local, domain)) => format!("{local}+{reference}@{domain}"),
        None => format!("{email}+{reference}"),
    }
}

/// Extracts the reference from a tagged email address.
pub(crate) fn reference_in_email(address: &str) -> Option<&str> {
    address.rsplit_once('@')?.0.rsplit_once('+').map(|(_, reference)| reference).filter(|text| !text.is_empty())
}

/// Total of an order. An organization's discount may have lowered it (`acme.md §8.18`).
pub(crate) fn order_total(order: &Order, defaults: &SourceDefaults) -> Option<Money> {
    let amount = order.discounted_total_amount.or(order.total_amount)?;
    Money::from_major(amount.0, defaults.currency).ok()
}
