//! `CatalogService` (`secutix.md §3.1`, §4.1).

use serde::{Deserialize, Serialize};

use crate::wire::{CATALOG, CurrencyCash, Flag, Label, List, Method, Perhaps, Whole, Words};

/// The point of sale, its payment methods, zone and currency.
pub const GET_POS_CONFIG: Method = Method { service: CATALOG, name: "getPOSConfig" };
/// The whole catalogue, perhaps asynchronously.
pub const GET_CATALOG_DETAILED: Method = Method { service: CATALOG, name: "getCatalogDetailed" };
/// When the catalogue was last changed.
pub const GET_LAST_SETUP_UPDATE: Method = Method { service: CATALOG, name: "getLastSetupUpdate" };

/// Asks for the catalogue, or asks again for the one in the making.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CatalogQuery {
    /// The request that was `in_progress`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<i64>,
}

/// The answer of `getPOSConfig`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PosConfigResult {
    /// The data field.
    pub pos_config_data: Option<PosConfig>,
}

/// A point of sale.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PosConfig {
    /// What later calls name `pointOfSalesId`.
    pub pos_id: Option<Whole>,
    /// Whether it sells; its words are inferred.
    pub pos_activity_state: Option<Words>,
    /// The sales channel of the login.
    pub sales_channel_code: Option<Words>,
    /// Whether the channel sells; its words are inferred.
    pub sales_channel_activity_state: Option<Words>,
    /// The zone of the organisation, IANA.
    pub organization_time_zone: Option<Words>,
    /// The organisation's name.
    pub organization_name: Option<Label>,
    /// ISO 4217.
    pub currency_code: Option<Words>,
    /// The currency of the institution.
    pub institution_currency: Option<CurrencyCash>,
    /// The currency of the organisation.
    pub organization_currency: Option<CurrencyCash>,
    /// The currencies of the catalogue.
    pub catalog_currencies: List<CurrencyCash>,
    /// The first language.
    pub main_language: Option<Words>,
    /// How orders can be paid.
    pub payment_methods: List<PaymentMethod>,
    /// Most places of one performance in one order.
    pub max_seats_per_performance: Option<Whole>,
}

/// A way to pay.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PaymentMethod {
    /// Its id.
    pub id: Option<Whole>,
    /// Its code.
    pub code: Option<Words>,
    /// Its type.
    pub payment_type: Option<Words>,
    /// Whether sales can be paid with it.
    pub for_payment: Option<Flag>,
    /// Its place in the list.
    pub rank: Option<Whole>,
}

/// The answer of `getLastSetupUpdate`; all names inferred (`secutix.md §8`).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LastSetupUpdateResult {
    /// When.
    #[serde(alias = "lastSetupUpdate", alias = "date")]
    pub last_update: Option<Words>,
}

/// The answer of `getCatalogDetailed`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CatalogResult {
    /// The data field.
    pub catalog_data: Option<Catalog>,
}

/// The catalogue of a sales channel.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Catalog {
    /// The documents also write the singular (`secutix.md §4.1`).
    #[serde(alias = "season")]
    pub seasons: List<Season>,
    /// Halls and stadiums.
    #[serde(alias = "physicalConfiguration")]
    pub physical_configurations: List<PhysicalConfiguration>,
}

/// A season.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Season {
    /// Its id.
    pub id: Option<Whole>,
    /// Its code.
    pub code: Option<Words>,
    /// Whether it is on.
    pub state: Option<Words>,
    /// Who tickets are for.
    #[serde(alias = "audienceCategory")]
    pub audience_categories: List<AudienceCategory>,
    /// Levels of price.
    #[serde(alias = "priceLevel")]
    pub price_levels: List<PriceLevel>,
    /// What is sold.
    #[serde(alias = "product")]
    pub products: List<Perhaps<Product>>,
}

/// A group of tariffs.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AudienceCategory {
    /// `OCCASIONAL`, `SUBSCRIBER`, `MEMBER`, `INVITED` or `INSIDE_SEASONTICKET`.
    pub main_category: Option<Words>,
    /// `INDIVIDUAL`, `GROUP`, `FREE` …
    pub secondary_category: Option<Words>,
    /// The tariffs.
    #[serde(alias = "audienceSubCategory")]
    pub audience_sub_categories: List<AudienceSubCategory>,
}

/// A tariff.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AudienceSubCategory {
    /// Its id.
    pub id: Option<Whole>,
    /// Its code.
    pub code: Option<Words>,
    /// Its name.
    pub external_name: Option<Label>,
    /// More about it.
    pub external_description: Option<Label>,
    /// `FULL`, `REDUCED` or `FREE`.
    pub audience_category_kind: Option<Words>,
}

/// A level of price.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PriceLevel {
    /// Its id.
    pub id: Option<Whole>,
    /// As in [`AudienceCategory`].
    pub main_category: Option<Words>,
}

/// Something sold.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Product {
    /// Its id.
    pub id: Option<Whole>,
    /// Its code.
    pub code: Option<Words>,
    /// Its name.
    pub external_name: Option<Label>,
    /// The whole description.
    pub description: Option<Label>,
    /// `SINGLE_ENTRY`, `PASS` …
    pub product_family_type: Option<Words>,
    /// Where it stands.
    pub state: Option<Words>,
    /// A picture.
    pub medium_image_url: Option<Words>,
    /// A larger one.
    pub large_image_url: Option<Words>,
    /// Fewest in one order.
    pub min_quantity: Option<Whole>,
    /// Only with single entries.
    pub event: Option<EventPart>,
    /// Only with passes.
    pub pass: Option<PassPart>,
}

/// What a single entry has beside a product's own.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EventPart {
    /// Its dates.
    #[serde(alias = "performance")]
    pub performances: List<Perhaps<Performance>>,
}

/// A date.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Performance {
    /// Its id.
    pub id: Option<Whole>,
    /// Where it stands.
    pub state: Option<Words>,
    /// Begin.
    pub start: Option<Words>,
    /// Length in seconds.
    pub duration: Option<Whole>,
    /// Parts of the hall.
    #[serde(alias = "seatCategory")]
    pub seat_categories: List<SeatCategory>,
    /// What it costs.
    #[serde(alias = "price")]
    pub prices: List<Perhaps<PriceRow>>,
}

/// A part of the hall.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SeatCategory {
    /// Its id.
    pub id: Option<Whole>,
    /// Its code.
    pub code: Option<Words>,
    /// Its name.
    pub external_name: Option<Label>,
}

/// A price of a date.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PriceRow {
    /// The part of the hall; absent: any.
    #[serde(alias = "seatCategoryId")]
    pub seat_cat_id: Option<Whole>,
    /// The tariff.
    #[serde(alias = "audienceSubCategoryId")]
    pub aud_sub_cat_id: Option<Whole>,
    /// The level.
    pub price_level_id: Option<Whole>,
    /// Thousandths.
    pub amount: Option<Whole>,
}

/// What a pass has beside a product's own.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PassPart {
    /// Whether a day must be chosen.
    pub date_mandatory: Option<Flag>,
    /// What can be bought.
    #[serde(alias = "item")]
    pub items: List<Perhaps<PassItem>>,
}

/// A thing of a pass that can be bought.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PassItem {
    /// Its id.
    #[serde(alias = "id")]
    pub item_id: Option<Whole>,
    /// Its name; inferred.
    #[serde(alias = "itemDisplayExternalDesignation")]
    pub external_name: Option<Label>,
    /// What it costs.
    #[serde(alias = "itemPrice")]
    pub item_prices: List<Perhaps<ItemPrice>>,
    /// Time slots that it can be used in.
    #[serde(alias = "timeslotId")]
    pub timeslot_ids: List<Whole>,
}

/// A price of an item.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ItemPrice {
    /// The tariff.
    #[serde(alias = "audienceSubCategoryId")]
    pub aud_sub_cat_id: Option<Whole>,
    /// Thousandths.
    pub amount: Option<Whole>,
    /// Fewest.
    pub min_qty: Option<Whole>,
    /// Most.
    pub max_qty: Option<Whole>,
    /// First day.
    pub start_date: Option<Words>,
    /// Last day.
    pub end_date: Option<Words>,
    /// Time of day, where the visit has one.
    pub start_time: Option<Words>,
}

/// A hall or stadium.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PhysicalConfiguration {
    /// The site's name.
    pub site_external_name: Option<Label>,
}
