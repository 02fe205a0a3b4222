//! `AvailabilityService` (`secutix.md §3.2`).

use serde::{Deserialize, Serialize};

use crate::wire::{AVAILABILITY, LenientInt, LenientList, LenientString, Method};

/// Vacancies of dates.
pub(crate) const GET_EVENT_AVAILABILITY: Method = Method { service: AVAILABILITY, name: "getEventAvailability" };
/// Vacancies of passes.
pub(crate) const GET_PRODUCT_AVAILABILITY: Method = Method { service: AVAILABILITY, name: "getProductAvailability" };
/// Products whose availability changed.
pub(crate) const GET_UPDATED_AVAILABILITIES: Method =
    Method { service: AVAILABILITY, name: "getUpdatedAvailabilities" };

/// Parameters of `getEventAvailability`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventAvailabilityQuery {
    /// Mandatory.
    pub point_of_sales_id: i64,
    /// The products of the dates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub event_ids: Vec<i64>,
    /// Mandatory.
    pub performance_ids: Vec<i64>,
    /// -1 for one row per category.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub seat_category_ids: Vec<i64>,
    /// Empty for one total over all contingents.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contingent_ids: Vec<i64>,
}

/// Parameters of `getProductAvailability`; names inferred.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProductAvailabilityQuery {
    /// The point of sale.
    pub point_of_sales_id: i64,
    /// The passes.
    pub product_ids: Vec<i64>,
    /// As for dates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contingent_ids: Vec<i64>,
}

/// Parameters of `getUpdatedAvailabilities`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdatedAvailabilitiesQuery {
    /// The point of sale.
    pub point_of_sales_id: i64,
    /// The products.
    pub product_ids: Vec<i64>,
    /// Start of the period.
    pub reference_date: String,
}

/// Result of `getEventAvailability`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct EventAvailabilityResult {
    /// The data field.
    pub event_availability_data: Option<EventAvailabilities>,
}

/// The rows.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct EventAvailabilities {
    /// The rows.
    #[serde(alias = "eventAvailability")]
    pub event_availabilities: LenientList<AvailabilityRow>,
}

/// Result of `getProductAvailability`; names inferred.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ProductAvailabilityResult {
    /// The data field.
    pub product_availability_data: Option<ProductAvailabilities>,
}

/// The rows.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ProductAvailabilities {
    /// The rows.
    #[serde(alias = "productAvailability")]
    pub product_availabilities: LenientList<AvailabilityRow>,
}

/// Vacancies of a date or pass; field names inferred (`secutix.md §8`).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AvailabilityRow {
    /// The date.
    pub performance_id: Option<LenientInt>,
    /// The pass.
    pub product_id: Option<LenientInt>,
    /// The item of the pass; absent for the whole pass.
    pub item_id: Option<LenientInt>,
    /// The seat category; absent for the whole date.
    pub seat_category_id: Option<LenientInt>,
    /// Number of vacancies.
    #[serde(alias = "quantity", alias = "availableQuantity")]
    pub availability: Option<LenientInt>,
}

/// Result of `getUpdatedAvailabilities`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct UpdatedAvailabilitiesResult {
    /// Products that changed.
    pub availability_update_data: LenientList<AvailabilityUpdate>,
}

/// A product whose availability changed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AvailabilityUpdate {
    /// The product.
    pub product_id: Option<LenientInt>,
    /// Time of the change.
    pub last_update: Option<LenientString>,
}
