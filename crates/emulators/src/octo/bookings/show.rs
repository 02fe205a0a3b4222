//! Bookings on the wire (`octo.md §6.4`).

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::octo::availability::show_slot;
use crate::octo::bookings::cancel::is_cancellable;
use crate::octo::bookings::items::booking_total;
use crate::octo::bookings::update::slot_of;
use crate::octo::catalog::{show_option, show_product, show_unit};
use crate::octo::pricing::Amounts;
use crate::octo::request::Call;
use crate::octo::routes::BASE_PATH;
use crate::octo::state::{Booking, Item, OctoState, Status};
use crate::octo::switches::{BookingProduct, Flag};
use crate::octo::world::{Product, ProductOption};

/// Fields of a contact that are text.
const CONTACT_TEXTS: [&str; 8] =
    ["fullName", "firstName", "lastName", "emailAddress", "phoneNumber", "postalCode", "country", "notes"];

impl Booking {
    /// Returns the supplier's reference.
    pub(in crate::octo) fn supplier_reference(&self) -> String {
        format!("LG{:06}", self.number)
    }

    /// Returns the code of a ticket.
    pub(in crate::octo) fn ticket_code(&self, item: &Item) -> String {
        format!("{:06}{:06}", self.number, item.number)
    }
}

/// Writes a booking.
pub(in crate::octo) fn show_booking(state: &OctoState, call: &Call<'_>, booking: &Booking) -> Value {
    let Some((product, option)) = booking.catalog() else { return Value::Null };
    let status = booking.status(call.now);
    let slot = slot_of(booking, call).ok().flatten();
    let items: Vec<Value> =
        booking.items.iter().map(|item| show_item(state, call, booking, (product, option), item)).collect();
    let mut shown = json!({
        "id": format!("b-{}", booking.number), "uuid": booking.uuid, "testMode": booking.is_test,
        "resellerReference": booking.reseller_reference, "supplierReference": booking.supplier_reference(),
        "status": status.wire_name(), "utcCreatedAt": utc(booking.created_at), "utcUpdatedAt": utc(booking.updated_at),
        "utcExpiresAt": booking.expires_at.map(utc), "utcRedeemedAt": booking.redeemed_at.map(utc),
        "utcConfirmedAt": booking.confirmed_at.map(utc), "productId": booking.product, "optionId": booking.option,
        "cancellable": is_cancellable(booking, call), "cancellation": cancellation(state, booking, status),
        "freesale": product.is_freesale, "availabilityId": slot.as_ref().map(|slot| state.shown_id(slot)),
        "availability": slot.as_ref().map(|slot| show_slot(state, product, option, slot)),
        "contact": show_contact(&booking.contact), "notes": booking.notes, "deliveryMethods": product.methods,
        "voucher": voucher(state, call, booking, product), "unitItems": items,
    });
    if state.switches.booking_product != BookingProduct::None {
        let mut copy = show_product(state, call, &booking.product, product);
        if state.switches.booking_product == BookingProduct::Stale {
            copy["internalName"] = "An earlier name".into();
        }
        shown["product"] = copy;
        shown["option"] = show_option(state, call, (&booking.product, product, option), true);
    }
    if call.capabilities.pricing
        && let Some(total) = booking_total(booking)
    {
        shown["pricing"] = if state.switches.is(Flag::ZeroTotals) { zero(&total, product) } else { total }.show(state);
    }
    shown
}

fn zero(total: &Amounts, product: &Product) -> Amounts {
    product.currency(Some(&total.currency)).map_or_else(|| total.clone(), Amounts::zero)
}

fn cancellation(state: &OctoState, booking: &Booking, status: Status) -> Value {
    if let Some(canceled) = &booking.cancellation {
        return json!({ "refund": canceled.refund, "reason": canceled.reason, "utcCancelledAt": utc(canceled.at) });
    }
    match booking.expires_at {
        Some(end) if status == Status::Expired && state.switches.is(Flag::ExpiredCancellation) => {
            json!({ "refund": "NONE", "reason": null, "utcCancelledAt": utc(end) })
        }
        _ => Value::Null,
    }
}

fn show_item(
    state: &OctoState,
    call: &Call<'_>,
    booking: &Booking,
    (product, option): (&Product, &ProductOption),
    item: &Item,
) -> Value {
    let status = match booking.status(call.now) {
        _ if state.switches.is(Flag::ItemsStayOnHold) => Status::OnHold,
        Status::Confirmed if item.redeemed_at.is_some() => Status::Redeemed,
        status => status,
    };
    let codes = [booking.ticket_code(item), item.uuid.clone()];
    let has_tickets = product.methods.contains(&"TICKET");
    let ticket =
        if has_tickets { delivery(state, call, booking, (product, &codes), item.redeemed_at) } else { Value::Null };
    let mut shown = json!({
        "uuid": item.uuid, "resellerReference": item.reseller_reference,
        "supplierReference": format!("{}-{}", booking.supplier_reference(), item.number), "unitId": item.unit,
        "status": status.wire_name(), "utcRedeemedAt": item.redeemed_at.map(utc), "contact": show_contact(&item.contact),
        "ticket": ticket,
    });
    if let Some(unit) = option.unit(&item.unit).filter(|_| state.switches.booking_product != BookingProduct::None) {
        shown["unit"] = show_unit(state, call, (&booking.product, product, unit), true);
    }
    if call.capabilities.pricing && !product.is_per_booking {
        shown["pricing"] = item.price.show(state);
    }
    shown
}

fn voucher(state: &OctoState, call: &Call<'_>, booking: &Booking, product: &Product) -> Value {
    let codes = [format!("V{:06}", booking.number), booking.uuid.clone()];
    let has_voucher = product.methods.contains(&"VOUCHER");
    if has_voucher { delivery(state, call, booking, (product, &codes), booking.redeemed_at) } else { Value::Null }
}

/// Writes a ticket or a voucher: without codes before the delivery, and for a list of names.
fn delivery(
    state: &OctoState,
    call: &Call<'_>,
    booking: &Booking,
    (product, [code, document]): (&Product, &[String; 2]),
    redeemed_at: Option<Timestamp>,
) -> Value {
    if booking.confirmed_at.is_none() && state.switches.is(Flag::NoTicketOnHold) {
        return Value::Null;
    }
    let is_shown = product.redemption != "MANIFEST" && state.is_delivered(booking, call.now);
    // Tests have codes that no gate accepts.
    let prefix = if booking.is_test { "TEST-" } else { "" };
    let value = |format: &str| match format {
        "PDF_URL" => format!("{}{BASE_PATH}/documents/{document}.pdf", call.origin),
        "PKPASS_URL" => format!("{}{BASE_PATH}/documents/{document}.pkpass", call.origin),
        _ => format!("{prefix}{code}"),
    };
    let formats = product.formats.iter().filter(|_| is_shown);
    let options: Vec<Value> =
        formats.map(|format| json!({ "deliveryFormat": format, "deliveryValue": value(format) })).collect();
    json!({
        "redemptionMethod": product.redemption, "utcRedeemedAt": redeemed_at.map(utc), "deliveryOptions": options,
    })
}

fn show_contact(contact: &Value) -> Value {
    let mut shown = Map::new();
    for field in CONTACT_TEXTS {
        shown.insert(field.to_owned(), contact[field].clone());
    }
    let locales = contact["locales"].as_array().cloned().unwrap_or_default();
    shown.insert("locales".to_owned(), locales.into());
    shown.insert("allowMarketing".to_owned(), contact["allowMarketing"].as_bool().into());
    Value::Object(shown)
}

fn utc(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
