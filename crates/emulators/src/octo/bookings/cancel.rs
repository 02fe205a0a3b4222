//! Cancellation (`octo.md §6.6`).

use jiff::{SignedDuration, Timestamp};

use crate::octo::bookings::confirm::store;
use crate::octo::bookings::read::find_booking;
use crate::octo::bookings::show::show_booking;
use crate::octo::error_response::{OperationResult, Refusal};
use crate::octo::request::Call;
use crate::octo::state::{Booking, Cancellation, OctoState, Status};
use crate::octo::switches::Flag;
use crate::octo::world;

/// Cancels a hold or a booking. A repeat returns the booking as it is now.
pub(in crate::octo) fn cancel(state: &mut OctoState, call: &Call<'_>, uuid: &str) -> OperationResult {
    let mut booking = find_booking(state, call, uuid)?.clone();
    let status = booking.status(call.now);
    let is_over = matches!(status, Status::Canceled | Status::Expired);
    if is_over && !state.switches.is(Flag::CancelTwiceRefused) {
        return Ok(show_booking(state, call, &booking));
    }
    if !is_cancellable(&booking, call) {
        return Err(Refusal::unprocessable(&state.switches));
    }
    let reason = call.text("reason")?.map(str::to_owned);
    let policy = booking.catalog().map_or("FULL", |(product, _)| product.refund);
    let refund = match state.edits.refunds.get(&booking.product) {
        _ if status == Status::OnHold => "FULL",
        Some(edited) => edited,
        None => policy,
    };
    booking.cancellation = Some(Cancellation { at: call.now, reason, refund: refund.to_owned() });
    let expires = status == Status::OnHold && state.switches.is(Flag::HoldCancelExpires);
    booking.status = if expires { Status::Expired } else { Status::Canceled };
    if !state.switches.is(Flag::CancelKeepsExpiry) {
        booking.expires_at = None;
    }
    Ok(store(state, call, booking))
}

/// Returns true if a booking can be canceled: a hold at any time, a sale until its cut-off, none after a redemption.
pub(super) fn is_cancellable(booking: &Booking, call: &Call<'_>) -> bool {
    let is_used = booking.redeemed_at.is_some() || booking.items.iter().any(|item| item.redeemed_at.is_some());
    match booking.status(call.now) {
        Status::OnHold => true,
        Status::Pending | Status::Confirmed => !is_used && cutoff(booking, call).is_none_or(|end| call.now < end),
        _ => false,
    }
}

/// Returns the end of the time in which a sale can be canceled. `None`: without end.
fn cutoff(booking: &Booking, call: &Call<'_>) -> Option<Timestamp> {
    let (_, option) = booking.catalog()?;
    let slot = world::find_slot(option, booking.slot.as_deref()?, call.zone)?;
    let (amount, unit) = option.cutoff;
    let minutes = match unit {
        "day" => 24 * 60,
        "hour" => 60,
        _ => 1,
    };
    Some(slot.counts_from - SignedDuration::from_mins(amount * minutes))
}
