//! Bodies of requests (`octo.md §5`, `§6`).

use serde::Serialize;
use uuid::Uuid;

/// Body of a calendar or of a check over a range of days, both included.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DaysQuery<'a> {
    pub product_id: &'a str,
    pub option_id: &'a str,
    pub local_date_start: String,
    pub local_date_end: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<&'a str>,
}

/// Body of a check by id.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SlotsQuery<'a> {
    pub product_id: &'a str,
    pub option_id: &'a str,
    pub availability_ids: &'a [&'a str],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub units: Vec<UnitCount<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<&'a str>,
}

/// Number of tickets of a unit.
#[derive(Serialize)]
pub(crate) struct UnitCount<'a> {
    pub id: &'a str,
    pub quantity: u32,
}

/// Body of a reservation.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewBooking<'a> {
    pub uuid: Uuid,
    pub product_id: &'a str,
    pub option_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub availability_id: Option<&'a str>,
    pub expiration_minutes: u32,
    pub reseller_reference: &'a str,
    pub unit_items: Vec<NewUnitItem<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<&'a str>,
}

/// One ticket of a reservation.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewUnitItem<'a> {
    pub uuid: Uuid,
    pub unit_id: &'a str,
}

/// Body of a confirmation. It has no `unitItems`, which would replace those of the booking (§14, trap 4).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Confirmation<'a> {
    pub reseller_reference: &'a str,
    pub contact: BookingContact<'a>,
}

/// Contact of a booking.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BookingContact<'a> {
    pub full_name: String,
    pub first_name: &'a str,
    pub last_name: &'a str,
    pub email_address: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub locales: Vec<&'a str>,
}

/// Body of an extension.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Extension {
    pub expiration_minutes: u32,
}

/// Body of a cancellation. `force` is undocumented and never sent.
#[derive(Serialize)]
pub(crate) struct CancellationReason<'a> {
    pub reason: &'a str,
}
