//! State changes, and the books of the supplier. The README of this folder lists the changes.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};
use strum::VariantNames;

use crate::faults::StateChange;
use crate::octo::bookings::booking_total;
use crate::octo::state::{Booking, Cancellation, OctoState, Status};
use crate::octo::switches::Flag;

/// Names of the changes that are no switches.
const NAMES: &str = "`price`, `capacity`, `title`, `refund`, `vanish`, `sold_out`, `restock`, `close`, `unavailable`, `use_ticket`, \
                     `settle`, `deliver`, `expire`, `cancel_booking`, `lose`, `reset`";

/// Applies a state change.
pub(super) fn apply(state: &mut OctoState, change: &StateChange, now: Timestamp) -> Result<(), String> {
    if state.switches.apply(change)? {
        return Ok(());
    }
    if change.name == "reset" {
        *state = OctoState::default();
        return Ok(());
    }
    let id = change.id.clone().ok_or_else(|| format!("{} needs an id", change.name))?;
    if edit(state, change, &id)? {
        return Ok(());
    }
    let booking = find_booking(state, &id);
    match change.name.as_str() {
        "use_ticket" => use_ticket(booking?, &id, now),
        "settle" => settle(booking?, change.value.as_str(), now),
        "deliver" => {
            booking?.is_delivered = true;
            Ok(())
        }
        "expire" => {
            booking?.expires_at = Some(now);
            Ok(())
        }
        "cancel_booking" => {
            let booking = booking?;
            booking.cancellation = Some(Cancellation { at: now, reason: None, refund: "FULL".to_owned() });
            (booking.status, booking.expires_at, booking.updated_at) = (Status::Canceled, None, now);
            Ok(())
        }
        "lose" => {
            let uuid = booking?.uuid.clone();
            state.bookings.remove(&uuid);
            Ok(())
        }
        _ => Err(format!("unknown state change; supported: {NAMES}, and the switches {:?}, …", Flag::VARIANTS)),
    }
}

/// Edits the catalog; returns false if the change is no edit.
fn edit(state: &mut OctoState, change: &StateChange, id: &str) -> Result<bool, String> {
    let edits = &mut state.edits;
    let is_on = change.value.as_bool().unwrap_or(true);
    let text = || change.value.as_str().map(str::to_owned).ok_or_else(|| format!("{} needs a text", change.name));
    let number = || change.value.as_u64().and_then(|number| u32::try_from(number).ok());
    let number = || number().ok_or_else(|| format!("{} needs a number from 0", change.name));
    match change.name.as_str() {
        "price" => drop(edits.prices.insert(id.to_owned(), number()?.into())),
        "capacity" => drop(edits.capacities.insert(id.to_owned(), number()?)),
        "title" => drop(edits.titles.insert(id.to_owned(), text()?)),
        "refund" => drop(edits.refunds.insert(id.to_owned(), text()?)),
        "vanish" => switch(&mut edits.vanished, id, is_on),
        "close" => switch(&mut edits.closed, id, is_on),
        "unavailable" => switch(&mut edits.unavailable, id, is_on),
        "sold_out" => {
            switch(&mut edits.restocked, id, false);
            switch(&mut edits.sold_out, id, is_on);
        }
        "restock" => {
            switch(&mut edits.sold_out, id, false);
            switch(&mut edits.restocked, id, is_on);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn switch(set: &mut BTreeSet<String>, id: &str, is_on: bool) {
    if is_on {
        set.insert(id.to_owned());
    } else {
        set.remove(id);
    }
}

/// Finds a booking by its uuid or by that of one of its unit items.
fn find_booking<'a>(state: &'a mut OctoState, id: &str) -> Result<&'a mut Booking, String> {
    let is_wanted = |booking: &&mut Booking| booking.uuid == id || booking.items.iter().any(|item| item.uuid == id);
    state.bookings.values_mut().find(is_wanted).ok_or_else(|| format!("no booking or unit item {id}"))
}

/// Redeems a unit item, or all of them by the uuid of the booking.
fn use_ticket(booking: &mut Booking, id: &str, now: Timestamp) -> Result<(), String> {
    if booking.status(now) != Status::Confirmed {
        return Err("the booking is not confirmed".to_owned());
    }
    for item in booking.items.iter_mut().filter(|item| item.uuid == id || booking.uuid == id) {
        item.redeemed_at = Some(now);
    }
    booking.updated_at = now;
    if booking.items.iter().all(|item| item.redeemed_at.is_some()) {
        (booking.status, booking.redeemed_at) = (Status::Redeemed, Some(now));
    }
    Ok(())
}

/// Decides a booking that waits for someone outside.
fn settle(booking: &mut Booking, decision: Option<&str>, now: Timestamp) -> Result<(), String> {
    if booking.status != Status::Pending {
        return Err("the booking is not pending".to_owned());
    }
    booking.updated_at = now;
    match decision {
        Some("CONFIRMED") => (booking.status, booking.confirmed_at) = (Status::Confirmed, Some(now)),
        Some("REJECTED") => booking.status = Status::Rejected,
        _ => return Err("settle needs CONFIRMED or REJECTED".to_owned()),
    }
    Ok(())
}

/// Summarizes a hold for the inventory.
pub(super) fn hold_entry(booking: &Booking) -> Value {
    json!({
        "reference": booking.reseller_reference, "id": booking.uuid, "place": booking.place(),
        "quantity": booking.items.len(), "test": booking.is_test,
        "expires_at": booking.expires_at.map(|end| end.to_string()),
    })
}

/// Summarizes a sale for the inventory.
pub(super) fn order_entry(booking: &Booking, now: Timestamp) -> Value {
    let is_void = matches!(booking.status(now), Status::Canceled | Status::Rejected);
    let state = |redeemed: Option<Timestamp>| match redeemed {
        Some(_) => "used",
        None if is_void => "cancelled",
        None => "issued",
    };
    let tickets: Vec<Value> =
        booking.items.iter().map(|item| json!({ "id": item.uuid, "state": state(item.redeemed_at) })).collect();
    let total = booking_total(booking);
    json!({
        "reference": booking.reseller_reference, "id": booking.uuid, "place": booking.place(),
        "state": booking.status(now).wire_name(), "test": booking.is_test, "tickets": tickets,
        "total_minor": total.as_ref().map(|total| total.retail), "currency": booking.currency,
    })
}
