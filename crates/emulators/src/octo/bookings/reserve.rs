//! Reservation, and its repeat by uuid (`octo.md §6.1, §6.2`).

use jiff::{SignedDuration, Timestamp};

use crate::octo::availability::find_wanted;
use crate::octo::bookings::items::{check_places, check_restrictions, find_slot, parse_uuid, read_contact, read_items};
use crate::octo::bookings::show::show_booking;
use crate::octo::error_response::{OperationResult, Refusal};
use crate::octo::request::{Call, count};
use crate::octo::state::{Booking, OctoState, Status};
use crate::octo::switches::{Flag, RepeatedUuid};

/// Lifetime of a hold in minutes, without a wish of the client.
const HOLD_MINUTES: i64 = 30;
/// Longest lifetime of a hold in minutes.
const MAX_HOLD_MINUTES: i64 = 60;

/// Returns the end of a hold that begins at a time: as long as asked for, at most what the supplier allows.
pub(super) fn hold_end(state: &OctoState, from: Timestamp, wanted: Option<i64>) -> Timestamp {
    let most = state.switches.hold_minutes.unwrap_or(MAX_HOLD_MINUTES).clamp(1, 24 * 60);
    from + SignedDuration::from_mins(wanted.unwrap_or(HOLD_MINUTES).min(most))
}

/// Holds places.
pub(in crate::octo) fn reserve(state: &mut OctoState, call: &Call<'_>) -> OperationResult {
    let uuid = call.text("uuid")?.map(parse_uuid).transpose()?;
    if let Some(booking) = uuid.as_ref().and_then(|uuid| state.bookings.get(uuid)) {
        let is_same = state.switches.is(Flag::OtherBodyAccepted) || booking.request == call.body;
        return match state.switches.repeated_uuid {
            RepeatedUuid::Error => Err(Refusal::broken()),
            RepeatedUuid::Same if is_same => Ok(show_booking(state, call, booking)),
            _ => Err(Refusal::invalid_uuid(&booking.uuid)),
        };
    }
    let booking = create(state, call, uuid)?;
    let shown = show_booking(state, call, &booking);
    state.bookings.insert(booking.uuid.clone(), booking);
    Ok(shown)
}

fn create(state: &mut OctoState, call: &Call<'_>, uuid: Option<String>) -> Result<Booking, Refusal> {
    let may_leave_option_out = state.switches.is(Flag::OptionOptional);
    let wanted = find_wanted(state, call.text("productId")?, call.text("optionId")?, may_leave_option_out)?;
    let currency = wanted.product.currency(call.text("currency")?).ok_or_else(Refusal::bad_request)?;
    let slot = find_slot(state, call, wanted, call.text("availabilityId")?)?;
    let minutes = count(&call.body, "expirationMinutes")?;
    let date = slot.as_ref().map(|slot| slot.date);
    let contact = read_contact(&call.body)?.unwrap_or_default();
    let (reference, notes) = (call.text("resellerReference")?, call.text("notes")?);
    let items = read_items(state, call, (wanted, currency), date, &[])?.unwrap_or_default();
    check_restrictions(state, wanted.option, &items)?;
    let taken = state.taken_places(call.now, None);
    check_places(state, call, wanted, slot.as_ref(), (&items, &taken))?;
    let price = wanted.product.is_per_booking.then(|| state.booking_price(wanted.id, wanted.option, currency, date));
    Ok(Booking {
        number: state.next_number(),
        uuid: uuid.unwrap_or_else(|| state.next_uuid()),
        is_test: call.is_test,
        status: Status::OnHold,
        product: wanted.id.to_owned(),
        option: wanted.option.id.to_owned(),
        slot: slot.map(|slot| slot.id),
        created_at: call.now,
        updated_at: call.now,
        expires_at: Some(hold_end(state, call.now, minutes)),
        confirmed_at: None,
        redeemed_at: None,
        cancellation: None,
        reseller_reference: reference.map(str::to_owned),
        notes: notes.map(str::to_owned),
        contact,
        items,
        currency: currency.code.to_owned(),
        price,
        request: call.body.clone(),
        is_delivered: false,
    })
}
