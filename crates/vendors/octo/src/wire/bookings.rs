//! Bookings, their unit items and tickets (`octo.md §6.4`).

use secrecy::SecretString;
use serde::Deserialize;

use crate::wire::{Pricing, lenient, rows};

/// Booking. `product`, `option` and `unit` inside of it are not read: they may be absent or stale (§14, trap 12).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Booking {
    pub uuid: String,
    pub status: String,
    #[serde(default, deserialize_with = "lenient")]
    pub test_mode: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    pub reseller_reference: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub supplier_reference: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub utc_expires_at: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub utc_redeemed_at: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub product_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub option_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub availability_id: Option<String>,
    #[serde(default, deserialize_with = "rows")]
    pub delivery_methods: Vec<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub voucher: Option<Ticket>,
    #[serde(default, deserialize_with = "rows")]
    pub unit_items: Vec<UnitItem>,
    #[serde(default, deserialize_with = "lenient")]
    pub cancellation: Option<Cancellation>,
    #[serde(default, deserialize_with = "lenient")]
    pub pricing: Option<Pricing>,
}

/// Unit item: one ticket of a booking.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UnitItem {
    pub uuid: String,
    pub unit_id: String,
    #[serde(default, deserialize_with = "lenient")]
    pub status: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub utc_redeemed_at: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub supplier_reference: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub ticket: Option<Ticket>,
    #[serde(default, deserialize_with = "lenient")]
    pub pricing: Option<Pricing>,
}

/// Ticket of a unit item, or voucher of a booking.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ticket {
    #[serde(default, deserialize_with = "lenient")]
    pub redemption_method: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub utc_redeemed_at: Option<String>,
    #[serde(default, deserialize_with = "rows")]
    pub delivery_options: Vec<DeliveryOption>,
}

/// Code or link, whose value admits a visitor.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeliveryOption {
    pub delivery_format: String,
    pub delivery_value: SecretString,
}

/// Cancellation of a booking. It has no amount.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Cancellation {
    #[serde(default, deserialize_with = "lenient")]
    pub refund: Option<String>,
}
