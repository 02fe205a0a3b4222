//! `CatalogService` (`secutix.md §3.1`, §4.1).

use serde::{Deserialize, Serialize};

use crate::wire::{
    CATALOG, CurrencyCash, Label, LenientBool, LenientInt, LenientList, LenientString, Method, Tolerant,
};

/// The point of sale, its payment methods, time zone and currency.
pub(crate) const GET_POS_CONFIG: Method = Method { service: CATALOG, name: "getPOSConfig" };
/// The whole catalog, possibly asynchronous.
pub(crate) const GET_CATALOG_DETAILED: Method = Method { service: CATALOG, name: "getCatalogDetailed" };
/// Time of the last change of the catalog.
pub(crate) const GET_LAST_SETUP_UPDATE: Method = Method { service: CATALOG, name: "getLastSetupUpdate" };

/// Parameters of `getCatalogDetailed`: requests the catalog or polls a running request.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CatalogQuery {
    /// Id of the request that was `in_progress`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<i64>,
}

/// Result of `getPOSConfig`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PosConfigResult {
    /// The data field.
    pub pos_config_data: Option<PosConfig>,
}

/// A point of sale.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PosConfig {
    /// Id, sent as `pointOfSalesId` in later calls.
    pub pos_id: Option<LenientInt>,
    /// State of the point of sale; the values are inferred.
    pub pos_activity_state: Option<LenientString>,
    /// The sales channel of the login.
    pub sales_channel_code: Option<LenientString>,
    /// State of the sales channel; the values are inferred.
    pub sales_channel_activity_state: Option<LenientString>,
    /// Type of the sales channel; name and values are inferred (`secutix.md §5.1`).
    pub sales_channel_type: Option<LenientString>,
    /// IANA time zone of the organization.
    pub organization_time_zone: Option<LenientString>,
    /// Name of the organization.
    pub organization_name: Option<Label>,
    /// ISO 4217.
    pub currency_code: Option<LenientString>,
    /// The currency of the institution.
    pub institution_currency: Option<CurrencyCash>,
    /// The currency of the organization.
    pub organization_currency: Option<CurrencyCash>,
    /// The currencies of the catalog.
    pub catalog_currencies: LenientList<CurrencyCash>,
    /// The main language.
    pub main_language: Option<LenientString>,
    /// Payment methods.
    pub payment_methods: LenientList<PaymentMethod>,
    /// Maximum number of seats of one performance in one order.
    pub max_seats_per_performance: Option<LenientInt>,
}

/// A payment method.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PaymentMethod {
    /// Its id.
    pub id: Option<LenientInt>,
    /// Its code.
    pub code: Option<LenientString>,
    /// Its type.
    pub payment_type: Option<LenientString>,
    /// True if it is available for payment.
    pub for_payment: Option<LenientBool>,
    /// Its position in the list.
    pub rank: Option<LenientInt>,
}

/// Result of `getLastSetupUpdate`; all names are inferred (`secutix.md §8`).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct LastSetupUpdateResult {
    /// Time of the last change.
    #[serde(alias = "lastSetupUpdate", alias = "date")]
    pub last_update: Option<LenientString>,
}

/// Result of `getCatalogDetailed`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct CatalogResult {
    /// The data field.
    pub catalog_data: Option<CatalogData>,
}

/// The catalog of a sales channel.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct CatalogData {
    /// The documents also write the singular (`secutix.md §4.1`).
    #[serde(alias = "season")]
    pub seasons: LenientList<Season>,
    /// Halls and stadiums.
    #[serde(alias = "physicalConfiguration")]
    pub physical_configurations: LenientList<PhysicalConfiguration>,
}

impl CatalogData {
    /// Returns true if a product of any season is readable.
    pub(crate) fn has_readable_product(&self) -> bool {
        self.seasons.0.iter().any(|season| season.products.parsed().next().is_some())
    }
}

/// A season.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Season {
    /// Its id.
    pub id: Option<LenientString>,
    /// Its code.
    pub code: Option<LenientString>,
    /// Its state.
    pub state: Option<LenientString>,
    /// Id of its organization; inferred from `getPOSConfig`, as is the next field.
    pub organization_id: Option<LenientString>,
    /// Code of its organization.
    pub organization_code: Option<LenientString>,
    /// Audience categories: groups of tariffs.
    #[serde(alias = "audienceCategory")]
    pub audience_categories: LenientList<AudienceCategory>,
    /// Price levels.
    #[serde(alias = "priceLevel")]
    pub price_levels: LenientList<PriceLevel>,
    /// Products of the season.
    #[serde(alias = "product")]
    pub products: LenientList<Tolerant<Product>>,
}

impl Season {
    /// Yields its code and id, and those of its organization.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let names = [&self.code, &self.id, &self.organization_code, &self.organization_id];
        names.into_iter().flatten().map(|name| name.0.trim())
    }
}

/// A group of tariffs.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AudienceCategory {
    /// `OCCASIONAL`, `SUBSCRIBER`, `MEMBER`, `INVITED` or `INSIDE_SEASONTICKET`.
    pub main_category: Option<LenientString>,
    /// `INDIVIDUAL`, `GROUP`, `FREE` …
    pub secondary_category: Option<LenientString>,
    /// The tariffs.
    #[serde(alias = "audienceSubCategory")]
    pub audience_sub_categories: LenientList<AudienceSubCategory>,
}

/// A tariff.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AudienceSubCategory {
    /// Its id.
    pub id: Option<LenientInt>,
    /// Its code.
    pub code: Option<LenientString>,
    /// Its name.
    pub external_name: Option<Label>,
    /// Its description.
    pub external_description: Option<Label>,
    /// `FULL`, `REDUCED` or `FREE`.
    pub audience_category_kind: Option<LenientString>,
}

/// A price level.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PriceLevel {
    /// Its id.
    pub id: Option<LenientInt>,
    /// As in [`AudienceCategory`].
    pub main_category: Option<LenientString>,
}

/// A product.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Product {
    /// Its id.
    pub id: Option<LenientInt>,
    /// Its code.
    pub code: Option<LenientString>,
    /// Its name.
    pub external_name: Option<Label>,
    /// The whole description.
    pub description: Option<Label>,
    /// `SINGLE_ENTRY`, `PASS` …
    pub product_family_type: Option<LenientString>,
    /// Its state.
    pub state: Option<LenientString>,
    /// Medium image.
    pub medium_image_url: Option<LenientString>,
    /// Large image.
    pub large_image_url: Option<LenientString>,
    /// Minimum quantity in one order.
    pub min_quantity: Option<LenientInt>,
    /// Only with single entries.
    pub event: Option<EventPart>,
    /// Only with passes. That a service has the same part is inferred.
    #[serde(alias = "service")]
    pub pass: Option<PassPart>,
}

/// Fields of a single entry.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct EventPart {
    /// Its dates.
    #[serde(alias = "performance")]
    pub performances: LenientList<Tolerant<CatalogPerformance>>,
}

/// A date.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct CatalogPerformance {
    /// Its id.
    pub id: Option<LenientInt>,
    /// Its state.
    pub state: Option<LenientString>,
    /// Start.
    pub start: Option<LenientString>,
    /// Length in seconds.
    pub duration: Option<LenientInt>,
    /// Seat categories.
    #[serde(alias = "seatCategory")]
    pub seat_categories: LenientList<SeatCategory>,
    /// Prices.
    #[serde(alias = "price")]
    pub prices: LenientList<Tolerant<PriceRow>>,
}

/// A seat category.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SeatCategory {
    /// Its id.
    pub id: Option<LenientInt>,
    /// Its code.
    pub code: Option<LenientString>,
    /// Its name.
    pub external_name: Option<Label>,
}

/// A price of a date.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PriceRow {
    /// The seat category; absent if the price applies to any.
    #[serde(alias = "seatCategoryId")]
    pub seat_cat_id: Option<LenientInt>,
    /// The tariff.
    #[serde(alias = "audienceSubCategoryId")]
    pub aud_sub_cat_id: Option<LenientInt>,
    /// The level.
    pub price_level_id: Option<LenientInt>,
    /// Amount.
    pub amount: Option<LenientInt>,
}

/// Fields of a pass.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PassPart {
    /// True if a date must be chosen.
    pub date_mandatory: Option<LenientBool>,
    /// Items of the pass.
    #[serde(alias = "item")]
    pub items: LenientList<Tolerant<PassItem>>,
}

/// An item of a pass.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PassItem {
    /// Its id.
    #[serde(alias = "id")]
    pub item_id: Option<LenientInt>,
    /// Its name; inferred.
    #[serde(alias = "itemDisplayExternalDesignation")]
    pub external_name: Option<Label>,
    /// Prices.
    #[serde(alias = "itemPrice")]
    pub item_prices: LenientList<Tolerant<ItemPrice>>,
    /// Time slots in which it can be used.
    #[serde(alias = "timeslotId")]
    pub timeslot_ids: LenientList<LenientInt>,
}

/// A price of an item.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ItemPrice {
    /// The tariff.
    #[serde(alias = "audienceSubCategoryId")]
    pub aud_sub_cat_id: Option<LenientInt>,
    /// Amount.
    pub amount: Option<LenientInt>,
    /// Minimum quantity.
    pub min_qty: Option<LenientInt>,
    /// Maximum quantity.
    pub max_qty: Option<LenientInt>,
    /// First day.
    pub start_date: Option<LenientString>,
    /// Last day.
    pub end_date: Option<LenientString>,
    /// Time of day, if the visit has one.
    pub start_time: Option<LenientString>,
}

/// A hall or stadium.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PhysicalConfiguration {
    /// The site's name.
    pub site_external_name: Option<Label>,
}
