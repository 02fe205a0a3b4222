//! The objects that resellers receive. Every key is present, null where nothing is known (octo.md §4); those of a capability only if it
//! was asked for.

use domain::BookingUuid;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use crate::content::{OctoContent, OctoSlotContent, OctoUnitContent};

/// A supplier: one source (octo.md §4.1).
#[derive(Debug, Clone, Serialize)]
pub struct OctoSupplier {
    /// Key of the source.
    pub id: String,
    /// Name.
    pub name: String,
    /// URL of its endpoints.
    pub endpoint: String,
    /// Contact, all null: sources have no such data.
    pub contact: OctoSupplierContact,
}

/// Contact of a supplier.
#[derive(Debug, Clone, Default, Serialize)]
pub struct OctoSupplierContact {
    website: Option<String>,
    email: Option<String>,
    telephone: Option<String>,
    address: Option<String>,
}

/// A product: one event (octo.md §4.2).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OctoProduct {
    /// Global id of the event.
    pub id: String,
    /// Title of the event.
    pub internal_name: String,
    /// Always null.
    pub reference: Option<String>,
    /// Language of the texts.
    pub locale: &'static str,
    /// IANA name.
    pub time_zone: String,
    /// Always false.
    pub allow_freesale: bool,
    /// Always true.
    pub instant_confirmation: bool,
    /// True if the source returns codes with the confirmation.
    pub instant_delivery: bool,
    /// False for open visits.
    pub availability_required: bool,
    /// `START_TIME` or `OPENING_HOURS`.
    pub availability_type: &'static str,
    /// Never empty.
    pub delivery_formats: &'static [&'static str],
    /// Always per ticket.
    pub delivery_methods: &'static [&'static str],
    /// Always `DIGITAL`.
    pub redemption_method: &'static str,
    /// One option.
    pub options: Vec<OctoOption>,
    /// With the capability `octo/pricing`.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub pricing: Option<OctoProductPricing>,
    /// With the capability `octo/content`.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub content: Option<OctoContent>,
}

/// Currencies of a product (octo.md §9.1).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OctoProductPricing {
    /// Currency of its prices.
    pub default_currency: Option<String>,
    /// All of them.
    pub available_currencies: Vec<String>,
    /// Always `UNIT`.
    pub pricing_per: &'static str,
}

/// The option of a product (octo.md §4.3).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OctoOption {
    /// Always `DEFAULT`.
    pub id: &'static str,
    /// Always true.
    pub default: bool,
    /// Name.
    pub internal_name: &'static str,
    /// Always null.
    pub reference: Option<String>,
    /// `HH:MM`; empty for opening hours.
    pub availability_local_start_times: Vec<String>,
    /// The cut-off as text.
    pub cancellation_cutoff: String,
    /// Number of units of time.
    pub cancellation_cutoff_amount: u64,
    /// `minute`, `hour` or `day`.
    pub cancellation_cutoff_unit: &'static str,
    /// Contact fields that a confirmation needs.
    pub required_contact_fields: &'static [&'static str],
    /// Units of a booking.
    pub restrictions: OctoOptionLimits,
    /// Units.
    pub units: Vec<OctoUnit>,
    /// With the capability `octo/content`.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub content: Option<OctoContent>,
}

/// Units of a booking. Neither is null (octo.md §4.3).
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OctoOptionLimits {
    /// Smallest number.
    pub min_units: u32,
    /// Largest number.
    pub max_units: u32,
}

/// A unit: one ticket type (octo.md §4.4).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OctoUnit {
    /// Global id of the ticket type.
    pub id: String,
    /// Name.
    pub internal_name: String,
    /// Always null.
    pub reference: Option<String>,
    /// Audience.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Always empty: tickets have no names.
    pub required_contact_fields: Vec<&'static str>,
    /// Limits.
    pub restrictions: OctoUnitLimits,
    /// With the capability `octo/pricing`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pricing_from: Option<Vec<OctoPricing>>,
    /// With the capability `octo/content`.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub content: Option<OctoUnitContent>,
}

/// Limits of a unit.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OctoUnitLimits {
    /// Youngest visitor.
    pub min_age: i64,
    /// Oldest visitor.
    pub max_age: i64,
    /// Always false.
    pub id_required: bool,
    /// Smallest number in a booking.
    pub min_quantity: Option<i64>,
    /// Largest number in a booking.
    pub max_quantity: Option<i64>,
    /// People that one unit admits.
    pub pax_count: i64,
    /// Always empty.
    pub accompanied_by: Vec<String>,
}

/// A price in minor units (octo.md §9.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OctoPricing {
    /// Before a reduction; never lower than `retail`.
    pub original: i64,
    /// For the visitor.
    pub retail: i64,
    /// Amount that the reseller owes; null unless the caller may see it.
    pub net: Option<i64>,
    /// ISO 4217.
    pub currency: String,
    /// Decimal places.
    pub currency_precision: u32,
    /// Taxes inside `retail`.
    pub included_taxes: Vec<OctoTax>,
}

/// A tax inside a price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OctoTax {
    /// Name.
    pub name: String,
    /// Part of `retail`.
    pub retail: i64,
    /// Part of `original`, which sources do not name: that of `retail`.
    pub original: i64,
    /// Part of `net`, which sources do not name.
    pub net: Option<i64>,
}

/// The price of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OctoUnitPricing {
    /// The unit.
    pub unit_id: String,
    /// Its price.
    #[serde(flatten)]
    pub pricing: OctoPricing,
}

/// Opening hours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OctoOpeningHours {
    /// `HH:MM`.
    pub from: String,
    /// `HH:MM`.
    pub to: String,
}

/// A day of a calendar (octo.md §5.1).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OctoDay {
    /// `YYYY-MM-DD`.
    pub local_date: String,
    /// True if something is for sale.
    pub available: bool,
    /// Best state of the day.
    pub status: &'static str,
    /// Always null: the catalog does not count by day.
    pub vacancies: Option<i64>,
    /// Always null.
    pub capacity: Option<i64>,
    /// Empty for start times.
    pub opening_hours: Vec<OctoOpeningHours>,
    /// With the capability `octo/pricing`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit_pricing_from: Option<Vec<OctoUnitPricing>>,
}

/// Times of an availability, as a booking stores them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OctoSlot {
    /// Global id of the performance.
    pub id: String,
    /// Local start with its offset.
    pub local_date_time_start: String,
    /// Local end with its offset.
    pub local_date_time_end: String,
    /// True for opening hours.
    pub all_day: bool,
    /// Empty for start times.
    pub opening_hours: Vec<OctoOpeningHours>,
}

/// An availability (octo.md §5.2).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OctoAvailability {
    /// Times.
    #[serde(flatten)]
    pub slot: OctoSlot,
    /// True if it can be booked.
    pub available: bool,
    /// State.
    pub status: &'static str,
    /// Places left.
    pub vacancies: Option<i64>,
    /// Places.
    pub capacity: Option<i64>,
    /// Largest number of units of a booking.
    pub max_units: Option<i64>,
    /// Last moment of a sale, without a fraction.
    pub utc_cutoff_at: String,
    /// With the capability `octo/pricing`.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub prices: Option<OctoAvailabilityPricing>,
    /// With the capability `octo/content`.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub content: Option<OctoSlotContent>,
}

/// Prices of an availability.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OctoAvailabilityPricing {
    /// Price of one unit of each kind.
    pub unit_pricing: Vec<OctoUnitPricing>,
    /// Total of the requested units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pricing: Option<OctoPricing>,
}

/// Contact of a visitor. Every key is present.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OctoContact {
    /// Full name.
    pub full_name: Option<String>,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// Email address.
    pub email_address: Option<String>,
    /// Phone number.
    pub phone_number: Option<String>,
    /// Languages, the preferred one first.
    #[serde(deserialize_with = "null_as_empty")]
    pub locales: Vec<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// Country.
    pub country: Option<String>,
    /// Notes.
    pub notes: Option<String>,
    /// True if the visitor agrees to marketing.
    pub allow_marketing: Option<bool>,
}

/// Data of visitors is not printed.
impl std::fmt::Debug for OctoContact {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("OctoContact")
    }
}

fn null_as_empty<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

/// A booking (octo.md §6.4).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OctoBooking {
    /// Global id of the first order.
    pub id: String,
    /// The reseller's uuid.
    pub uuid: BookingUuid,
    /// True for a test.
    pub test_mode: bool,
    /// The reseller's reference.
    pub reseller_reference: Option<String>,
    /// Number of the order.
    pub supplier_reference: String,
    /// State.
    pub status: &'static str,
    /// Creation time.
    pub utc_created_at: Timestamp,
    /// Time of the last change.
    pub utc_updated_at: Timestamp,
    /// End of the hold.
    pub utc_expires_at: Option<Timestamp>,
    /// Time at which all tickets were used.
    pub utc_redeemed_at: Option<Timestamp>,
    /// Time of the sale.
    pub utc_confirmed_at: Option<Timestamp>,
    /// Global id of the event.
    pub product_id: String,
    /// Always null: read it by its id.
    pub product: Option<()>,
    /// Always `DEFAULT`.
    pub option_id: &'static str,
    /// Always null.
    pub option: Option<()>,
    /// True if it can be canceled now.
    pub cancellable: bool,
    /// The cancellation.
    pub cancellation: Option<OctoCancellation>,
    /// Always false.
    pub freesale: bool,
    /// Global id of the performance; null for open visits.
    pub availability_id: Option<String>,
    /// Its times; null for open visits.
    pub availability: Option<OctoSlot>,
    /// The visitor.
    pub contact: OctoContact,
    /// Notes of the reseller.
    pub notes: Option<String>,
    /// Always per ticket.
    pub delivery_methods: &'static [&'static str],
    /// Always null.
    pub voucher: Option<()>,
    /// Units.
    pub unit_items: Vec<OctoUnitItem>,
    /// Total, with the capability `octo/pricing`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pricing: Option<OctoPricing>,
}

/// A cancellation.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OctoCancellation {
    /// `FULL`, `PARTIAL` or `NONE`.
    pub refund: String,
    /// The reseller's reason.
    pub reason: Option<String>,
    /// Time.
    pub utc_cancelled_at: Timestamp,
}

/// A unit of a booking.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OctoUnitItem {
    /// The reseller's uuid.
    pub uuid: BookingUuid,
    /// The reseller's reference.
    pub reseller_reference: Option<String>,
    /// Always null.
    pub supplier_reference: Option<String>,
    /// Global id of the ticket type.
    pub unit_id: String,
    /// Always null: read it by the product.
    pub unit: Option<()>,
    /// State.
    pub status: &'static str,
    /// Time of use.
    pub utc_redeemed_at: Option<Timestamp>,
    /// The holder.
    pub contact: OctoContact,
    /// The ticket; without codes while none is issued.
    pub ticket: OctoTicket,
    /// With the capability `octo/pricing`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pricing: Option<OctoPricing>,
}

/// A ticket.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OctoTicket {
    /// Always `DIGITAL`.
    pub redemption_method: &'static str,
    /// Time of use.
    pub utc_redeemed_at: Option<Timestamp>,
    /// Codes.
    pub delivery_options: Vec<OctoDeliveryOption>,
}

/// A code of a ticket.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OctoDeliveryOption {
    /// Format.
    pub delivery_format: &'static str,
    /// Content.
    pub delivery_value: String,
}

/// Codes are not printed.
impl std::fmt::Debug for OctoDeliveryOption {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "OctoDeliveryOption({})", self.delivery_format)
    }
}
