//! Products and their availability (`octo.md §4.2` to `§5`, `§9.2`).

use serde::Deserialize;

use crate::wire::{Pricing, lenient, rows};

/// Product (`octo.md §4.2`) with the fields of `octo/pricing` and `octo/content`, the older form of the latter included.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Product {
    pub id: String,
    #[serde(default, deserialize_with = "lenient")]
    pub internal_name: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub reference: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub time_zone: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub instant_confirmation: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    pub availability_required: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    pub availability_type: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub redemption_method: Option<String>,
    #[serde(default, deserialize_with = "rows")]
    pub options: Vec<ProductOption>,
    #[serde(default, deserialize_with = "lenient")]
    pub default_currency: Option<String>,
    #[serde(default, deserialize_with = "rows")]
    pub available_currencies: Vec<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub pricing_per: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub title: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub short_description: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub description: Option<String>,
    #[serde(default, deserialize_with = "rows")]
    pub media: Vec<Media>,
    #[serde(default, deserialize_with = "rows")]
    pub locations: Vec<Location>,
    #[serde(default, deserialize_with = "rows")]
    pub category_labels: Vec<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub duration_minutes_from: Option<u32>,
    /// Older form of `shortDescription`.
    #[serde(default, deserialize_with = "lenient")]
    pub subtitle: Option<String>,
    /// Older form of a cover in `media`.
    #[serde(default, deserialize_with = "lenient")]
    pub cover_image_url: Option<String>,
}

/// Option of a product (`octo.md §4.3`). `availabilityLocalStartTimes` is not read: its meaning differs by supplier.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProductOption {
    pub id: String,
    #[serde(default, deserialize_with = "lenient")]
    pub internal_name: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub restrictions: Option<OptionRestrictions>,
    #[serde(default, deserialize_with = "rows")]
    pub units: Vec<Unit>,
    #[serde(default, deserialize_with = "lenient")]
    pub title: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub short_description: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub duration_minutes_from: Option<u32>,
}

/// Limits of the tickets of one booking. A missing one is no limit.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OptionRestrictions {
    #[serde(default, deserialize_with = "lenient")]
    pub min_units: Option<u32>,
    #[serde(default, deserialize_with = "lenient")]
    pub max_units: Option<u32>,
}

/// Unit (`octo.md §4.4`).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Unit {
    pub id: String,
    #[serde(default, deserialize_with = "lenient")]
    pub internal_name: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub reference: Option<String>,
    #[serde(default, deserialize_with = "lenient", rename = "type")]
    pub kind: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub restrictions: Option<UnitRestrictions>,
    #[serde(default, deserialize_with = "rows")]
    pub pricing_from: Vec<Pricing>,
    #[serde(default, deserialize_with = "lenient")]
    pub title: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub short_description: Option<String>,
}

/// Limits of a unit.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UnitRestrictions {
    #[serde(default, deserialize_with = "lenient")]
    pub min_age: Option<u32>,
    #[serde(default, deserialize_with = "lenient")]
    pub max_age: Option<u32>,
    #[serde(default, deserialize_with = "lenient")]
    pub min_quantity: Option<u32>,
    #[serde(default, deserialize_with = "lenient")]
    pub max_quantity: Option<u32>,
    #[serde(default, deserialize_with = "lenient")]
    pub pax_count: Option<u32>,
    #[serde(default, deserialize_with = "rows")]
    pub accompanied_by: Vec<String>,
}

/// Picture of `octo/content`.
#[derive(Debug, Deserialize)]
pub(crate) struct Media {
    pub src: String,
    #[serde(default, deserialize_with = "lenient", rename = "type")]
    pub kind: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub rel: Option<String>,
}

/// Place of `octo/content`.
#[derive(Debug, Deserialize)]
pub(crate) struct Location {
    #[serde(default, deserialize_with = "lenient")]
    pub title: Option<String>,
}

/// Availability of a start time or a day (`octo.md §5.2`).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Slot {
    pub id: String,
    #[serde(default, deserialize_with = "lenient")]
    pub local_date_time_start: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub local_date_time_end: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub available: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    pub status: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub vacancies: Option<u32>,
    #[serde(default, deserialize_with = "lenient")]
    pub capacity: Option<u32>,
    #[serde(default, deserialize_with = "lenient")]
    pub max_units: Option<u32>,
    #[serde(default, deserialize_with = "lenient")]
    pub utc_cutoff_at: Option<String>,
    #[serde(default, deserialize_with = "rows")]
    pub unit_pricing: Vec<Pricing>,
}

/// Day of a calendar (`octo.md §5.1`).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Day {
    pub local_date: String,
    #[serde(default, deserialize_with = "lenient")]
    pub available: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    pub status: Option<String>,
    #[serde(default, deserialize_with = "rows")]
    pub unit_pricing_from: Vec<Pricing>,
}
