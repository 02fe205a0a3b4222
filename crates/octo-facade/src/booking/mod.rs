//! Maps orders and their stored bookings to bookings (octo.md §6.4, §7, §12.2).

use domain::{BookingUuid, OrderKey};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use crate::facts::{MoneyFacts, OrderFacts, OrderLineFacts, ProblemFacts, TicketFacts, TotalsFacts};
use crate::inferred::OPTION;
use crate::product::{DELIVERY_METHODS, REDEMPTION, pricing, total};
use crate::request::{BookingChange, Reserve, UnitItemRequest};
use crate::store::{BookingDetails, StoredBooking, StoredUnit};
use crate::wire::{
    OctoBooking, OctoCancellation, OctoContact, OctoDeliveryOption, OctoPricing, OctoSlot, OctoTicket, OctoUnitItem,
};

/// States of a booking.
pub mod status {
    /// Its places are held.
    pub const ON_HOLD: &str = "ON_HOLD";
    /// It is sold.
    pub const CONFIRMED: &str = "CONFIRMED";
    /// Its outcome is not known yet.
    pub const PENDING: &str = "PENDING";
    /// The supplier refused to sell what was held.
    pub const REJECTED: &str = "REJECTED";
    /// It was canceled, or its hold was released.
    pub const CANCELLED: &str = "CANCELLED";
    /// Its hold has ended by itself.
    pub const EXPIRED: &str = "EXPIRED";
    /// All tickets were used.
    pub const REDEEMED: &str = "REDEEMED";
}

/// Returns the state of a booking. Whatever is neither held nor certain is pending, never a success.
pub fn status_of(order: &OrderFacts) -> &'static str {
    match order.status.as_str() {
        "HELD" | "RELEASING" => status::ON_HOLD,
        "CONFIRMED" if is_redeemed(order) => status::REDEEMED,
        // The sale stands until its cancellation is certain.
        "CONFIRMED" | "CANCELLING" | "PARTIALLY_CANCELLED" => status::CONFIRMED,
        "RELEASED" | "CANCELLED" => status::CANCELLED,
        "EXPIRED" => status::EXPIRED,
        "FAILED" => status::REJECTED,
        _ => status::PENDING,
    }
}

/// Returns true if all tickets were issued and used.
fn is_redeemed(order: &OrderFacts) -> bool {
    let is_used = |line: &OrderLineFacts| {
        line.tickets.len() >= line.quantity && line.tickets.iter().all(|ticket| ticket.status == "USED")
    };
    !order.lines.is_empty() && order.lines.iter().all(is_used)
}

/// Lines of an order for unit items: one for each unit, in the order in which they are named first.
pub fn lines_of<'a>(units: impl IntoIterator<Item = &'a str>) -> Vec<(&'a str, usize)> {
    let mut lines: Vec<(&str, usize)> = Vec::new();
    for unit in units {
        match lines.iter_mut().find(|(known, _)| *known == unit) {
            Some((_, quantity)) => *quantity += 1,
            None => lines.push((unit, 1)),
        }
    }
    lines
}

/// Converts a stored booking with its order as it is now.
pub fn booking(stored: &StoredBooking, order: &OrderFacts, has_pricing: bool) -> OctoBooking {
    let status = status_of(order);
    let details = &stored.details;
    OctoBooking {
        id: details.id.as_ref().unwrap_or(&order.id).clone(),
        uuid: stored.uuid,
        test_mode: order.test_mode,
        reseller_reference: stored.reseller_reference.clone(),
        supplier_reference: stored.number.clone(),
        status,
        utc_created_at: order.created_at,
        utc_updated_at: order.updated_at,
        utc_expires_at: order.hold_expires_at.filter(|_| matches!(status, status::ON_HOLD | status::EXPIRED)),
        utc_redeemed_at: redeemed_at(order).filter(|_| status == status::REDEEMED),
        utc_confirmed_at: confirmed_at(order, status),
        product_id: stored.product.clone(),
        product: None,
        option_id: OPTION,
        option: None,
        cancellable: is_cancellable(order, status),
        cancellation: cancellation(details, order, status),
        freesale: false,
        availability_id: details.slot.as_ref().map(|slot| slot.id.clone()),
        availability: details.slot.clone(),
        contact: details.contact.clone(),
        notes: details.notes.clone(),
        delivery_methods: DELIVERY_METHODS,
        voucher: None,
        unit_items: unit_items(details, order, (status, has_pricing)),
        pricing: if has_pricing { order_total(order) } else { None },
    }
}

fn order_total(order: &OrderFacts) -> Option<OctoPricing> {
    let totals: Vec<OctoPricing> = order.lines.iter().map(|line| pricing(&line.total)).collect();
    total(totals.iter().map(|total| (total, 1)))
}

fn redeemed_at(order: &OrderFacts) -> Option<Timestamp> {
    order.tickets().filter_map(|ticket| ticket.used_at).max()
}

/// Returns the time of the sale: that of the first ticket, or else of the last change.
fn confirmed_at(order: &OrderFacts, status: &str) -> Option<Timestamp> {
    let events = order.tickets().flat_map(|ticket| &ticket.timeline);
    let sold = events.filter(|event| event.state == "SOLD").map(|event| event.at).min();
    let is_sold = matches!(status, status::CONFIRMED | status::REDEEMED);
    sold.or_else(|| is_sold.then_some(order.updated_at))
}

fn is_cancellable(order: &OrderFacts, status: &str) -> bool {
    match status {
        status::ON_HOLD => order.can("RELEASE"),
        status::CONFIRMED => order.can("QUOTE_CANCELLATION") && order.legs.iter().all(|leg| leg.cancellation.possible),
        _ => false,
    }
}

/// Returns the cancellation of a canceled booking, with the refund that the ledger knows. One that was undone by the venue has no
/// reason.
fn cancellation(details: &BookingDetails, order: &OrderFacts, status: &str) -> Option<OctoCancellation> {
    if status != status::CANCELLED {
        return None;
    }
    let refund = if order.status == "CANCELLED" { refund_of(&order.totals) } else { "NONE" };
    Some(OctoCancellation {
        refund: refund.to_owned(),
        reason: details.cancel_reason.clone(),
        utc_cancelled_at: order.updated_at,
    })
}

fn unit_items(
    details: &BookingDetails,
    order: &OrderFacts,
    (status, has_pricing): (&'static str, bool),
) -> Vec<OctoUnitItem> {
    let lines = lines_of(details.units.iter().map(|unit| unit.unit.as_str()));
    let mut taken = vec![0; lines.len()];
    let item = |unit: &StoredUnit| {
        let index = lines.iter().position(|(known, _)| *known == unit.unit);
        let line: Option<&OrderLineFacts> = index.and_then(|index| order.lines.get(index));
        let place = index.map_or(0, |index| {
            taken[index] += 1;
            taken[index] - 1
        });
        let ticket = line.and_then(|line| line.tickets.get(place));
        let used_at = ticket.and_then(|ticket| ticket.used_at);
        OctoUnitItem {
            uuid: unit.uuid,
            reseller_reference: unit.reseller_reference.clone(),
            supplier_reference: None,
            unit_id: unit.unit.clone(),
            unit: None,
            status: unit_status(ticket, status),
            utc_redeemed_at: used_at,
            contact: unit.contact.clone(),
            ticket: OctoTicket {
                redemption_method: REDEMPTION,
                utc_redeemed_at: used_at,
                delivery_options: ticket.map(codes).unwrap_or_default(),
            },
            pricing: line.filter(|_| has_pricing).map(|line| pricing(&line.unit_price)),
        }
    };
    details.units.iter().map(item).collect()
}

/// Returns the state of a unit: that of the booking, unless its ticket was used or voided.
fn unit_status(ticket: Option<&TicketFacts>, booking: &'static str) -> &'static str {
    match ticket.map(|ticket| ticket.status.as_str()) {
        Some("USED") => status::REDEEMED,
        Some("VOID") => status::CANCELLED,
        _ => booking,
    }
}

/// Returns the codes of a ticket. A symbology without a name in OCTO is left out.
fn codes(ticket: &TicketFacts) -> Vec<OctoDeliveryOption> {
    let code = |(symbology, value): (&String, &String)| {
        let delivery_format = match symbology.as_str() {
            "QR" => "QRCODE",
            "CODE128" => "CODE128",
            "AZTEC" => "AZTECCODE",
            _ => return None,
        };
        Some(OctoDeliveryOption { delivery_format, delivery_value: value.clone() })
    };
    let codes = ticket.deliveries.iter().filter_map(|one| one.symbology.as_ref().zip(one.value.as_ref()));
    codes.filter_map(code).collect()
}

/// Contact of an order.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BookingOrderContact {
    first_name: String,
    last_name: String,
    email: String,
    phone: Option<String>,
    postal_code: Option<String>,
}

/// Converts a contact. A full name is split at its last blank (octo.md §12.2). `None` if a name or the email address is missing.
pub fn order_contact(contact: &OctoContact) -> Option<BookingOrderContact> {
    let filled =
        |text: &Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let split = contact.full_name.as_deref().and_then(|name| name.trim().rsplit_once(' '));
    let (first, last) = split.map_or((None, None), |(first, last)| (Some(first.trim()), Some(last.trim())));
    Some(BookingOrderContact {
        first_name: filled(&contact.first_name).or_else(|| first.map(str::to_owned))?,
        last_name: filled(&contact.last_name).or_else(|| last.map(str::to_owned))?,
        email: filled(&contact.email_address)?,
        phone: filled(&contact.phone_number),
        postal_code: filled(&contact.postal_code),
    })
}

/// Identity of a new booking: its owner, its order, and the hash of its request.
#[derive(Debug, Clone)]
pub struct BookingIdentity {
    /// Owner of the uuid.
    pub scope: String,
    /// The order.
    pub order: OrderKey,
    /// Hash of the request.
    pub request_hash: String,
    /// Day of the visit.
    pub visit_day: Option<Date>,
    /// Availability.
    pub slot: Option<OctoSlot>,
}

/// Creates the stored booking of a request, before anything is held.
pub fn new_booking(request: &Reserve, order: &OrderFacts, new: BookingIdentity) -> StoredBooking {
    let unit = |(place, item): (usize, &UnitItemRequest)| StoredUnit {
        uuid: item.uuid.unwrap_or_else(|| request.uuid.of_ticket(place)),
        unit: item.unit_id.clone(),
        reseller_reference: item.reseller_reference.clone(),
        contact: item.contact.clone().unwrap_or_default(),
    };
    StoredBooking {
        scope: new.scope,
        uuid: request.uuid,
        order: new.order,
        number: order.number.clone(),
        source: request.source.clone(),
        product: request.product.clone(),
        visit_day: new.visit_day,
        reseller_reference: request.reseller_reference.clone(),
        request_hash: new.request_hash,
        is_held: false,
        version: 0,
        created_at: order.created_at,
        details: BookingDetails {
            slot: new.slot,
            units: request.unit_items.iter().enumerate().map(unit).collect(),
            contact: request.contact.clone().unwrap_or_default(),
            notes: request.notes.clone(),
            cancel_reason: None,
            change: None,
            id: None,
        },
    }
}

/// Returns the units of a booking after a change. A unit that stays keeps its uuid, its reference and its holder.
pub fn changed_units(stored: &StoredBooking, change: &BookingChange) -> Vec<StoredUnit> {
    let Some(items) = &change.unit_items else { return stored.details.units.clone() };
    let named: Vec<BookingUuid> = items.iter().filter_map(|item| item.uuid).collect();
    let (mut known, mut rest): (Vec<StoredUnit>, Vec<StoredUnit>) =
        stored.details.units.iter().cloned().partition(|unit| named.contains(&unit.uuid));
    let mut taken: Vec<BookingUuid> = named;
    taken.extend(rest.iter().map(|unit| unit.uuid));
    let mut drawn = (0..).map(|place| stored.uuid.of_ticket(place));
    let unit = |item: &UnitItemRequest| {
        let kept = match item.uuid {
            Some(uuid) => known.iter().position(|unit| unit.uuid == uuid).map(|place| known.swap_remove(place)),
            None => rest.iter().position(|unit| unit.unit == item.unit_id).map(|place| rest.remove(place)),
        };
        let uuid =
            item.uuid.or(kept.as_ref().map(|unit| unit.uuid)).or_else(|| drawn.find(|uuid| !taken.contains(uuid)));
        let (reference, contact) = kept.map(|unit| (unit.reseller_reference, unit.contact)).unwrap_or_default();
        StoredUnit {
            uuid: uuid.unwrap_or(stored.uuid),
            unit: item.unit_id.clone(),
            reseller_reference: item.reseller_reference.clone().or(reference),
            contact: item.contact.clone().unwrap_or(contact),
        }
    };
    items.iter().map(unit).collect()
}

/// Applies the requested change of a booking, whose places are those of another order now. The id of the booking stays.
pub fn adopt(stored: &mut StoredBooking, replaced: &OrderFacts, (order, number): (OrderKey, &str)) {
    let Some(change) = stored.details.change.take() else { return };
    stored.details.id.get_or_insert_with(|| replaced.id.clone());
    stored.order = order;
    number.clone_into(&mut stored.number);
    stored.product = change.product;
    stored.visit_day = change.visit_day;
    stored.details.slot = change.slot;
    stored.details.units = change.units;
}

/// Returns the problem of a hold whose price is not the one that was shown. It must not be sold (octo.md §12.2).
pub fn price_change(order: &OrderFacts) -> Option<&ProblemFacts> {
    order.problems.iter().find(|problem| problem.code == "PRICE_CHANGED")
}

/// Returns true if a change needs another hold: another product, availability, or other units.
pub fn needs_another_hold(stored: &StoredBooking, change: &BookingChange) -> bool {
    let slot = stored.details.slot.as_ref().map(|slot| slot.id.as_str());
    change.product.as_deref().is_some_and(|product| product != stored.product)
        || change.availability.as_deref().is_some_and(|id| Some(id) != slot)
        || change.unit_items.as_ref().is_some_and(|items| match_units(stored, items).is_none())
}

/// Assigns the unit items of a request to those of a booking: by uuid, and those without one by their unit. `None` if they are not the same
/// units.
fn match_units(stored: &StoredBooking, items: &[UnitItemRequest]) -> Option<Vec<(BookingUuid, UnitItemRequest)>> {
    let units = &stored.details.units;
    if items.len() != units.len() {
        return None;
    }
    let named: Vec<BookingUuid> = items.iter().filter_map(|item| item.uuid).collect();
    let mut rest: Vec<&StoredUnit> = units.iter().filter(|unit| !named.contains(&unit.uuid)).collect();
    let found = |item: &UnitItemRequest| {
        let unit = match item.uuid {
            Some(uuid) => units.iter().find(|unit| unit.uuid == uuid && unit.unit == item.unit_id)?,
            None => rest.remove(rest.iter().position(|unit| unit.unit == item.unit_id)?),
        };
        Some((unit.uuid, item.clone()))
    };
    items.iter().map(found).collect()
}

/// Applies a change that needs no other hold.
pub fn apply_change(stored: &mut StoredBooking, change: &BookingChange) {
    let matched = change.unit_items.as_ref().and_then(|items| match_units(stored, items)).unwrap_or_default();
    for (uuid, item) in matched {
        if let Some(unit) = stored.details.units.iter_mut().find(|unit| unit.uuid == uuid) {
            unit.contact = item.contact.unwrap_or_else(|| unit.contact.clone());
            unit.reseller_reference = item.reseller_reference.or_else(|| unit.reseller_reference.take());
        }
    }
    if let Some(contact) = &change.contact {
        stored.details.contact = contact.clone();
    }
    if let Some(notes) = &change.notes {
        stored.details.notes = Some(notes.clone());
    }
    if let Some(reference) = &change.reseller_reference {
        stored.reseller_reference = Some(reference.clone());
    }
}

/// Returns the refund of canceled sales in OCTO's words (octo.md §6.6).
fn refund_of(totals: &[TotalsFacts]) -> &'static str {
    let is_zero = |amount: fn(&TotalsFacts) -> &MoneyFacts| totals.iter().all(|totals| amount(totals).amount == 0);
    match (is_zero(|totals| &totals.refunded), is_zero(|totals| &totals.fee)) {
        (_, true) => "FULL",
        (true, false) => "NONE",
        (false, false) => "PARTIAL",
    }
}

#[cfg(test)]
mod tests;
