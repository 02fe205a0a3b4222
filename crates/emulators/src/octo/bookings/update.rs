//! Updates (`octo.md §6.5`): of a hold everything, of a confirmed booking as long as it can be canceled.

use jiff::civil::Date;

use crate::octo::availability::{Wanted, find_wanted};
use crate::octo::bookings::cancel::is_cancellable;
use crate::octo::bookings::confirm::store;
use crate::octo::bookings::items::{check_places, check_restrictions, find_slot, read_contact, read_items};
use crate::octo::bookings::read::find_booking;
use crate::octo::bookings::reserve::hold_end;
use crate::octo::error_response::{OperationResult, Refusal};
use crate::octo::request::{Call, count};
use crate::octo::state::{Booking, Item, OctoState, Status, place};
use crate::octo::world::{self, Slot};

/// Changes a booking. Unit items that are not repeated are removed.
pub(in crate::octo) fn update(state: &mut OctoState, call: &Call<'_>, uuid: &str) -> OperationResult {
    let booking = find_booking(state, call, uuid)?.clone();
    let is_open = matches!(booking.status(call.now), Status::OnHold | Status::Confirmed);
    if !is_open || !is_cancellable(&booking, call) {
        return Err(Refusal::unprocessable(&state.switches));
    }
    let booking = updated(state, call, booking)?;
    Ok(store(state, call, booking))
}

fn updated(state: &mut OctoState, call: &Call<'_>, mut booking: Booking) -> Result<Booking, Refusal> {
    let product = call.text("productId")?.unwrap_or(&booking.product).to_owned();
    let option = call.text("optionId")?.unwrap_or(&booking.option).to_owned();
    let wanted = find_wanted(state, Some(&product), Some(&option), false)?;
    let currency = wanted.product.currency(call.text("currency")?.or(Some(&booking.currency)));
    let currency = currency.ok_or_else(Refusal::bad_request)?;
    let is_same_option = product == booking.product && option == booking.option;
    let slot = match call.text("availabilityId")? {
        None if is_same_option => slot_of(&booking, call)?,
        id => find_slot(state, call, wanted, id)?,
    };
    let date = slot.as_ref().map(|slot| slot.date);
    let before = booking.place();
    let sent = read_items(state, call, (wanted, currency), date, &booking.items)?;
    let has_new_items = sent.is_some();
    let items = sent.map_or_else(|| items_in(wanted, &booking.items), Ok)?;
    let slot_id = slot.as_ref().map(|slot| slot.id.clone());
    let after = place(&product, &option, slot_id.as_deref().unwrap_or_default());
    let is_moved = before != after || currency.code != booking.currency;
    booking.items = items;
    if is_moved || has_new_items {
        check_restrictions(state, wanted.option, &booking.items)?;
        let taken = state.taken_places(call.now, Some(&booking.uuid));
        check_places(state, call, wanted, slot.as_ref(), (&booking.items, &taken))?;
    }
    (booking.slot, booking.currency) = (slot_id, currency.code.to_owned());
    (booking.product, booking.option) = (wanted.id.to_owned(), wanted.option.id.to_owned());
    if is_moved {
        reprice(state, &mut booking, date)?;
    }
    if let Some(contact) = read_contact(&call.body)? {
        booking.contact = contact;
    }
    if let Some(notes) = call.text("notes")? {
        booking.notes = Some(notes.to_owned());
    }
    if let Some(reference) = call.text("resellerReference")? {
        booking.reseller_reference = Some(reference.to_owned());
    }
    if let Some(minutes) = count(&call.body, "expirationMinutes")?.filter(|_| booking.expires_at.is_some()) {
        booking.expires_at = Some(hold_end(state, call.now, Some(minutes)));
    }
    Ok(booking)
}

/// Keeps unit items whose units exist in the option, too.
fn items_in(wanted: Wanted<'_>, items: &[Item]) -> Result<Vec<Item>, Refusal> {
    match items.iter().find(|item| wanted.option.unit(&item.unit).is_none()) {
        Some(item) => Err(Refusal::invalid_unit(&item.unit)),
        None => Ok(items.to_vec()),
    }
}

/// Sets the prices of a booking to those of now.
pub(super) fn reprice(state: &OctoState, booking: &mut Booking, date: Option<Date>) -> Result<(), Refusal> {
    let (product, option) = booking.catalog().ok_or_else(Refusal::bad_request)?;
    let currency = product.currency(Some(&booking.currency)).ok_or_else(Refusal::bad_request)?;
    for item in &mut booking.items {
        let unit = option.unit(&item.unit).ok_or_else(|| Refusal::invalid_unit(&item.unit))?;
        item.price = state.unit_price(&booking.product, unit, currency, date);
    }
    booking.price = product.is_per_booking.then(|| state.booking_price(&booking.product, option, currency, date));
    Ok(())
}

/// Returns product and option of a booking, although they may have left the catalog. `id`: that of the product.
pub(super) fn wanted_of<'a>(id: &'a str, booking: &Booking) -> Result<Wanted<'a>, Refusal> {
    let (product, option) = booking.catalog().ok_or_else(|| Refusal::invalid_product(id))?;
    Ok(Wanted { id, product, option })
}

/// Returns the slot of a booking. `None`: open-dated.
pub(super) fn slot_of(booking: &Booking, call: &Call<'_>) -> Result<Option<Slot>, Refusal> {
    let Some(id) = &booking.slot else { return Ok(None) };
    let (_, option) = booking.catalog().ok_or_else(|| Refusal::invalid_product(&booking.product))?;
    let slot = world::find_slot(option, id, call.zone);
    slot.map(Some).ok_or_else(|| Refusal::invalid_availability(id))
}
