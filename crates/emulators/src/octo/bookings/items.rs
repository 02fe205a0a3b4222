//! Unit items of a request, their restrictions and their prices.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde_json::Value;
use uuid::Uuid;

use crate::octo::availability::Wanted;
use crate::octo::error_response::Refusal;
use crate::octo::pricing::Amounts;
use crate::octo::request::{Call, text};
use crate::octo::state::{Booking, Item, OctoState, TakenPlaces};
use crate::octo::world::{Currency, ProductOption, Slot};

/// Maximum number of unit items of a booking.
const MAX_ITEMS: usize = 200;

/// Reads the unit items of a body. `None`: the body names none. Items that `before` holds by their uuid keep what is not sent again.
pub(super) fn read_items(
    state: &mut OctoState,
    call: &Call<'_>,
    (wanted, currency): (Wanted<'_>, &Currency),
    date: Option<Date>,
    before: &[Item],
) -> Result<Option<Vec<Item>>, Refusal> {
    let Some(list) = call.body.get("unitItems").filter(|list| !list.is_null()) else { return Ok(None) };
    let list = list.as_array().filter(|list| list.len() <= MAX_ITEMS).ok_or_else(Refusal::bad_request)?;
    let mut uuids = BTreeSet::new();
    let mut items = Vec::with_capacity(list.len());
    for line in list {
        let sent = text(line, "uuid")?.map(parse_uuid).transpose()?;
        let known = before.iter().find(|item| Some(&item.uuid) == sent.as_ref());
        let id = text(line, "unitId")?.or(known.map(|item| item.unit.as_str())).unwrap_or_default();
        let unit = wanted.option.unit(id).ok_or_else(|| Refusal::invalid_unit(id))?;
        let contact = read_contact(line)?.or_else(|| known.map(|item| item.contact.clone()));
        let kept = known.filter(|item| item.unit == id);
        let uuid = sent.unwrap_or_else(|| state.next_uuid());
        if !uuids.insert(uuid.clone()) {
            return Err(Refusal::bad_request());
        }
        let reference = text(line, "resellerReference")?.map(str::to_owned);
        items.push(Item {
            uuid,
            number: kept.map_or_else(|| state.next_number(), |item| item.number),
            unit: id.to_owned(),
            reseller_reference: reference.or_else(|| kept.and_then(|item| item.reseller_reference.clone())),
            contact: contact.unwrap_or_default(),
            redeemed_at: None,
            price: kept.map_or_else(|| state.unit_price(wanted.id, unit, currency, date), |item| item.price.clone()),
        });
    }
    Ok(Some(items))
}

/// Parses a uuid of a client; it is compared in lower case.
pub(super) fn parse_uuid(text: &str) -> Result<String, Refusal> {
    let parsed = Uuid::parse_str(text).ok().filter(|_| text.len() == 36);
    parsed.map(|uuid| uuid.to_string()).ok_or_else(|| Refusal::invalid_uuid(text))
}

/// Reads a contact. `None`: missing.
pub(super) fn read_contact(object: &Value) -> Result<Option<Value>, Refusal> {
    match object.get("contact") {
        None | Some(Value::Null) => Ok(None),
        Some(contact @ Value::Object(_)) => Ok(Some(contact.clone())),
        Some(_) => Err(Refusal::bad_request()),
    }
}

/// Refuses units that the restrictions of the option or of a unit do not allow.
pub(super) fn check_restrictions(state: &OctoState, option: &ProductOption, items: &[Item]) -> Result<(), Refusal> {
    let number = u32::try_from(items.len()).unwrap_or(u32::MAX);
    let is_allowed =
        |count: u32, least: u32, most: Option<u32>| count >= least && most.is_none_or(|most| count <= most);
    let of_unit = |id: &str| items.iter().filter(|item| item.unit == id).count();
    let every_unit = option.units.iter().all(|unit| {
        let count = u32::try_from(of_unit(unit.id)).unwrap_or(u32::MAX);
        let (least, most) = unit.quantity;
        let is_accompanied = unit.accompanied_by.is_empty() || unit.accompanied_by.iter().any(|id| of_unit(id) > 0);
        count == 0 || (is_allowed(count, least.unwrap_or(0), most) && is_accompanied)
    });
    if number == 0 || !is_allowed(number, option.min_units, option.max_units) || !every_unit {
        return Err(Refusal::unprocessable(&state.switches));
    }
    Ok(())
}

/// Refuses a booking for which a slot has no places or whose sales have ended. `taken`: the places of all other bookings.
pub(super) fn check_places(
    state: &OctoState,
    call: &Call<'_>,
    wanted: Wanted<'_>,
    slot: Option<&Slot>,
    (items, taken): (&[Item], &TakenPlaces),
) -> Result<(), Refusal> {
    let Some(slot) = slot else { return Ok(()) };
    let edits = &state.edits;
    let is_in = |set| state.is_edited(set, wanted.id, wanted.option.id, &slot.id);
    let is_closed = call.now >= slot.sales_end || is_in(&edits.closed) || is_in(&edits.unavailable);
    let units: Vec<&str> = items.iter().map(|item| item.unit.as_str()).collect();
    let needed = state.places_of(wanted.product, wanted.option, &units);
    let vacancies = state.places(wanted.id, wanted.option, slot, taken).vacancies;
    if is_closed || vacancies.is_some_and(|vacancies| vacancies < needed) {
        return Err(Refusal::unprocessable(&state.switches));
    }
    Ok(())
}

/// Finds the slot that a body names. Open-dated products may leave it out.
pub(super) fn find_slot(
    state: &OctoState,
    call: &Call<'_>,
    wanted: Wanted<'_>,
    id: Option<&str>,
) -> Result<Option<Slot>, Refusal> {
    let needs_id =
        wanted.product.needs_availability || state.switches.is(crate::octo::switches::Flag::OpenNeedsAvailability);
    let Some(id) = id else {
        return if needs_id { Err(Refusal::invalid_availability("")) } else { Ok(None) };
    };
    let slot = state.find_shown_slot(wanted.option, id, call);
    let vanished = |slot: &Slot| state.is_edited(&state.edits.vanished, wanted.id, wanted.option.id, &slot.id);
    slot.filter(|slot| !vanished(slot)).map(Some).ok_or_else(|| Refusal::invalid_availability(id))
}

/// Returns the total of a booking.
pub(crate) fn booking_total(booking: &Booking) -> Option<Amounts> {
    let (product, _) = booking.catalog()?;
    let currency = product.currency(Some(&booking.currency))?;
    Some(booking.price.clone().unwrap_or_else(|| Amounts::sum(booking.items.iter().map(|item| &item.price), currency)))
}
