//! Reads of bookings (`octo.md §6.7`).

use jiff::civil::Date;
use serde_json::Value;

use crate::octo::bookings::show::show_booking;
use crate::octo::error_response::{OperationResult, Refusal};
use crate::octo::request::{Call, parse_date};
use crate::octo::state::{Booking, OctoState, Status};
use crate::octo::switches::Flag;

/// Finds a booking by its uuid.
pub(super) fn find_booking<'a>(state: &'a OctoState, call: &Call<'_>, uuid: &str) -> Result<&'a Booking, Refusal> {
    let booking = state.bookings.get(&uuid.to_ascii_lowercase());
    let is_hidden = |booking: &Booking| {
        state.switches.is(Flag::HidesExpired)
            && booking.status(call.now) == Status::Expired
            && booking.cancellation.is_none()
    };
    booking.filter(|booking| !is_hidden(booking)).ok_or_else(|| Refusal::invalid_uuid(uuid))
}

/// Returns a booking.
pub(in crate::octo) fn get(state: &OctoState, call: &Call<'_>, uuid: &str) -> OperationResult {
    Ok(show_booking(state, call, find_booking(state, call, uuid)?))
}

/// Lists bookings by reference or by day of the visit, the oldest first.
pub(in crate::octo) fn list(state: &OctoState, call: &Call<'_>) -> OperationResult {
    let day = |name: &str| call.parameter(name).map(parse_date).transpose();
    let days = match (day("localDate")?, day("localDateStart")?, day("localDateEnd")?) {
        (Some(day), None, None) => Some((day, day)),
        (None, Some(from), Some(to)) => Some((from, to)),
        (None, None, None) => None,
        _ => return Err(Refusal::bad_request()),
    };
    let (reseller, supplier) = (call.parameter("resellerReference"), call.parameter("supplierReference"));
    if days.is_none() && reseller.is_none() && supplier.is_none() {
        return Err(Refusal::bad_request());
    }
    let is_listed = |booking: &&Booking| {
        let is_sold = !matches!(booking.status(call.now), Status::OnHold | Status::Expired);
        reseller.is_none_or(|wanted| booking.reseller_reference.as_deref() == Some(wanted))
            && supplier.is_none_or(|wanted| booking.supplier_reference() == wanted)
            && call.parameter("productId").is_none_or(|wanted| booking.product == wanted)
            && call.parameter("optionId").is_none_or(|wanted| booking.option == wanted)
            && days.is_none_or(|(from, to)| day_of(state, booking, call).is_some_and(|day| (from..=to).contains(&day)))
            && (is_sold || !state.switches.is(Flag::ListsSoldOnly))
    };
    let mut found: Vec<&Booking> = state.bookings.values().filter(is_listed).collect();
    found.sort_by_key(|booking| booking.number);
    let most = state.switches.list_cap.unwrap_or(usize::MAX);
    Ok(found.into_iter().take(most).map(|booking| show_booking(state, call, booking)).collect::<Value>())
}

/// Returns the day by which a booking is listed: that of the visit, or of its creation at some suppliers.
fn day_of(state: &OctoState, booking: &Booking, call: &Call<'_>) -> Option<Date> {
    if state.switches.is(Flag::ListsByCreation) {
        return Some(booking.created_at.to_zoned(call.zone.clone()).date());
    }
    booking.slot.as_ref()?.get(..10)?.parse().ok()
}
