//! Confirmation and extension (`octo.md §6.3, §6.6`).

use serde_json::Value;

use crate::octo::bookings::items::{check_places, check_restrictions, read_contact, read_items};
use crate::octo::bookings::read::find_booking;
use crate::octo::bookings::reserve::hold_end;
use crate::octo::bookings::show::show_booking;
use crate::octo::bookings::update::{reprice, slot_of, wanted_of};
use crate::octo::error_response::{OperationResult, Refusal};
use crate::octo::request::{Call, count};
use crate::octo::state::{Booking, OctoState, Status};
use crate::octo::switches::Flag;

/// Extends a hold.
pub(in crate::octo) fn extend(state: &mut OctoState, call: &Call<'_>, uuid: &str) -> OperationResult {
    let mut booking = find_booking(state, call, uuid)?.clone();
    let minutes = count(&call.body, "expirationMinutes")?;
    if booking.status(call.now) != Status::OnHold {
        return Err(Refusal::unprocessable(&state.switches));
    }
    let counts_from_end = state.switches.is(Flag::ExtendsFromEnd);
    let from = booking.expires_at.filter(|_| counts_from_end).unwrap_or(call.now);
    booking.expires_at = Some(hold_end(state, from, minutes));
    Ok(store(state, call, booking))
}

/// Confirms a hold. A repeat returns the booking as it is now.
pub(in crate::octo) fn confirm(state: &mut OctoState, call: &Call<'_>, uuid: &str) -> OperationResult {
    let booking = find_booking(state, call, uuid)?.clone();
    match booking.status(call.now) {
        Status::OnHold => {}
        Status::Expired | Status::Canceled if state.switches.is(Flag::ConfirmsCanceled) => {}
        Status::Expired => return Err(Refusal::invalid_uuid(uuid)),
        Status::Confirmed | Status::Pending | Status::Redeemed => {
            let is_refused = state.switches.is(Flag::ConfirmTwiceRefused);
            return if is_refused {
                Err(Refusal::already_confirmed())
            } else {
                Ok(show_booking(state, call, &booking))
            };
        }
        Status::Canceled | Status::Rejected => return Err(Refusal::unprocessable(&state.switches)),
    }
    let booking = confirmed(state, call, booking)?;
    Ok(store(state, call, booking))
}

fn confirmed(state: &mut OctoState, call: &Call<'_>, mut booking: Booking) -> Result<Booking, Refusal> {
    let product_id = booking.product.clone();
    let wanted = wanted_of(&product_id, &booking)?;
    let currency = wanted.product.currency(Some(&booking.currency)).ok_or_else(Refusal::bad_request)?;
    let slot = slot_of(&booking, call)?;
    let date = slot.as_ref().map(|slot| slot.date);
    let contact = read_contact(&call.body)?.ok_or_else(Refusal::bad_request)?;
    let replaced = read_items(state, call, (wanted, currency), date, &booking.items)?;
    let (product, option) = (wanted.product, wanted.option);
    if let Some(reference) = call.text("resellerReference")? {
        booking.reseller_reference = Some(reference.to_owned());
    }
    booking.contact = contact;
    if let Some(items) = replaced {
        check_restrictions(state, option, &items)?;
        let taken = state.taken_places(call.now, Some(&booking.uuid));
        check_places(state, call, wanted, slot.as_ref(), (&items, &taken))?;
        booking.items = items;
    }
    if slot.is_some_and(|slot| call.now >= slot.sales_end) {
        return Err(Refusal::unprocessable(&state.switches));
    }
    check_contacts(&booking)?;
    if state.switches.is(Flag::PriceDrifts) {
        reprice(state, &mut booking, date)?;
    }
    booking.cancellation = None;
    booking.expires_at = None;
    if product.confirms_at_once {
        booking.status = Status::Confirmed;
        booking.confirmed_at = Some(call.now);
    } else {
        booking.status = Status::Pending;
    }
    Ok(booking)
}

/// Refuses a booking without the fields that its option or a unit requires. `fullName` stands for both names.
fn check_contacts(booking: &Booking) -> Result<(), Refusal> {
    let Some((_, option)) = booking.catalog() else { return Err(Refusal::bad_request()) };
    let has = |contact: &Value, field: &str| match &contact[field] {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        _ => true,
    };
    let is_complete = |contact: &Value, fields: &[&str]| {
        let is_named = |field: &str| matches!(field, "firstName" | "lastName") && has(contact, "fullName");
        fields.iter().all(|field| has(contact, field) || is_named(field))
    };
    let of_items = booking.items.iter().all(|item| {
        let fields = option.unit(&item.unit).map_or(&[][..], |unit| unit.contact_fields);
        is_complete(&item.contact, fields)
    });
    let is_whole = is_complete(&booking.contact, option.contact_fields) && of_items;
    if is_whole { Ok(()) } else { Err(Refusal::bad_request()) }
}

/// Stores a changed booking and writes it.
pub(super) fn store(state: &mut OctoState, call: &Call<'_>, mut booking: Booking) -> Value {
    booking.updated_at = call.now;
    let shown = show_booking(state, call, &booking);
    state.bookings.insert(booking.uuid.clone(), booking);
    shown
}
