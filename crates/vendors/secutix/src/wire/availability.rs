//! `AvailabilityService` (`secutix.md §3.2`).

use serde::{Deserialize, Serialize};

use crate::wire::{AVAILABILITY, List, Method, Whole, Words};

/// What is free on dates.
pub const GET_EVENT_AVAILABILITY: Method = Method { service: AVAILABILITY, name: "getEventAvailability" };
/// What is free of passes.
pub const GET_PRODUCT_AVAILABILITY: Method = Method { service: AVAILABILITY, name: "getProductAvailability" };
/// Which products changed.
pub const GET_UPDATED_AVAILABILITIES: Method = Method { service: AVAILABILITY, name: "getUpdatedAvailabilities" };

/// Asks what is free on dates.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventAvailabilityQuery {
    /// Mandatory.
    pub point_of_sales_id: i64,
    /// The products of the dates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub event_ids: Vec<i64>,
    /// Mandatory.
    pub performance_ids: Vec<i64>,
    /// -1: one row for each category.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub seat_category_ids: Vec<i64>,
    /// Empty: one sum over all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contingent_ids: Vec<i64>,
}

/// Asks what is free of passes; names inferred.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProductAvailabilityQuery {
    /// The point of sale.
    pub point_of_sales_id: i64,
    /// The passes.
    pub product_ids: Vec<i64>,
    /// As for dates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contingent_ids: Vec<i64>,
}

/// Asks which products changed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdatedAvailabilitiesQuery {
    /// The point of sale.
    pub point_of_sales_id: i64,
    /// The products.
    pub product_ids: Vec<i64>,
    /// Since when.
    pub reference_date: String,
}

/// The answer of `getEventAvailability`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EventAvailabilityResult {
    /// The data field.
    pub event_availability_data: Option<EventAvailabilities>,
}

/// The rows.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EventAvailabilities {
    /// The rows.
    #[serde(alias = "eventAvailability")]
    pub event_availabilities: List<Free>,
}

/// The answer of `getProductAvailability`; names inferred.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProductAvailabilityResult {
    /// The data field.
    pub product_availability_data: Option<ProductAvailabilities>,
}

/// The rows.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProductAvailabilities {
    /// The rows.
    #[serde(alias = "productAvailability")]
    pub product_availabilities: List<Free>,
}

/// How much is free; field names inferred (`secutix.md §8`).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Free {
    /// The date.
    pub performance_id: Option<Whole>,
    /// The pass.
    pub product_id: Option<Whole>,
    /// The thing of the pass; absent: all of it.
    pub item_id: Option<Whole>,
    /// The part of the hall; absent: all of it.
    pub seat_category_id: Option<Whole>,
    /// How many.
    #[serde(alias = "quantity", alias = "availableQuantity")]
    pub availability: Option<Whole>,
}

/// The answer of `getUpdatedAvailabilities`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UpdatedAvailabilitiesResult {
    /// Those that changed.
    pub availability_update_data: List<AvailabilityUpdate>,
}

/// A product whose availability changed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AvailabilityUpdate {
    /// The product.
    pub product_id: Option<Whole>,
    /// When.
    pub last_update: Option<Words>,
}
