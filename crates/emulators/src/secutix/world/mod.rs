//! The emulated institutions and their catalogs, derived from the calendar day alone, so that they are the same after a restart.

mod club;
mod opera;
mod season;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

pub(super) use season::{SecutixAudienceCategory, Tariff, TariffKind};

/// Text by language. Languages may be missing, as in the vendor's own data.
pub(super) type LocalizedText = Vec<(&'static str, String)>;

/// Creates text by language.
pub(super) fn localized_text(pairs: &[(&'static str, &str)]) -> LocalizedText {
    pairs.iter().map(|(locale, text)| (*locale, (*text).to_owned())).collect()
}

/// An institution with the day's catalog.
pub(super) struct Institution {
    /// Code, upper case.
    pub code: &'static str,
    /// Login of the only operator.
    pub login: &'static str,
    /// Password of the operator; it also signs tokens.
    pub password: &'static str,
    /// Time zone of the organization.
    pub zone: TimeZone,
    /// Currency code (ISO 4217).
    pub currency: &'static str,
    /// Currency symbol.
    pub symbol: &'static str,
    /// Smallest amount, in thousandths of the currency unit.
    pub min_amount: i64,
    /// Name of the organization.
    pub name: LocalizedText,
    /// Languages; the first one is the default.
    pub languages: &'static [&'static str],
    /// Id of the point of sale.
    pub point_of_sale: i64,
    /// Id of the pending account, the only payment method for sales.
    pub pending_account: i64,
    /// Technical contacts with a pending account.
    pub contacts: &'static [i64],
    /// Contingents: id, name and share of the capacity in percent.
    pub contingents: &'static [(i64, &'static str, i64)],
    /// Name of the site.
    pub site: LocalizedText,
    /// Current season.
    pub season: Season,
}

/// A season.
pub(super) struct Season {
    pub id: i64,
    pub code: String,
    pub name: LocalizedText,
    pub start: Timestamp,
    pub end: Timestamp,
    pub audience_categories: Vec<SecutixAudienceCategory>,
    /// Price levels: id, code and main category.
    pub price_levels: Vec<(i64, &'static str, &'static str)>,
    pub products: Vec<SecutixProduct>,
}

/// A product on sale.
pub(super) struct SecutixProduct {
    pub id: i64,
    pub code: String,
    pub family: &'static str,
    pub state: &'static str,
    pub name: LocalizedText,
    pub description: LocalizedText,
    pub image: Option<&'static str>,
    pub content: ProductContent,
}

/// Content of a product.
pub(super) enum ProductContent {
    Performances(Vec<SecutixPerformance>),
    Pass { date_mandatory: bool, items: Vec<SecutixPassItem> },
    Empty,
}

/// A performance.
pub(super) struct SecutixPerformance {
    pub id: i64,
    pub start: Timestamp,
    pub seconds: i64,
    /// Category and number of seats. Free seating has one entry without a category.
    pub seats: Vec<(Option<SecutixSeatCategory>, i64)>,
    /// Prices: category, tariff, price level, amount in thousandths.
    pub prices: Vec<(Option<i64>, i64, i64, i64)>,
}

/// A seat category.
#[derive(Clone)]
pub(super) struct SecutixSeatCategory {
    pub id: i64,
    pub code: &'static str,
    pub name: LocalizedText,
}

/// An item of a pass.
pub(super) struct SecutixPassItem {
    pub id: i64,
    pub name: LocalizedText,
    /// Prices: tariff and amount in thousandths.
    pub prices: Vec<(i64, i64)>,
    pub first_day: Option<Date>,
    pub last_day: Option<Date>,
    pub hour: Option<&'static str>,
    pub timeslots: Vec<i64>,
    pub capacity: i64,
}

/// Returns the current day of both institutions.
pub(super) fn days(now: Timestamp) -> [Date; 2] {
    [opera::ZONE, club::ZONE].map(|zone| now.to_zoned(TimeZone::get(zone).unwrap_or(TimeZone::UTC)).date())
}

/// Returns both institutions with the catalog of the day, and performances of some more days before it.
pub(super) fn institutions(now: Timestamp, days_back: i32) -> [Institution; 2] {
    [opera::institution(now, days_back), club::institution(now, days_back)]
}

impl Institution {
    /// Finds a product by id.
    pub(super) fn product(&self, id: i64) -> Option<&SecutixProduct> {
        self.season.products.iter().find(|product| product.id == id)
    }

    /// Finds a performance by id, with its product.
    pub(super) fn performance(&self, id: i64) -> Option<(&SecutixProduct, &SecutixPerformance)> {
        self.season.products.iter().find_map(|product| match &product.content {
            ProductContent::Performances(performances) => {
                Some((product, performances.iter().find(|performance| performance.id == id)?))
            }
            _ => None,
        })
    }

    /// Finds a pass item by id, with its product.
    pub(super) fn pass_item(&self, id: i64) -> Option<(&SecutixProduct, &SecutixPassItem)> {
        self.season.products.iter().find_map(|product| match &product.content {
            ProductContent::Pass { items, .. } => Some((product, items.iter().find(|item| item.id == id)?)),
            _ => None,
        })
    }

    /// Finds a tariff by id.
    pub(super) fn tariff(&self, id: i64) -> Option<&Tariff> {
        self.season.audience_categories.iter().flat_map(|category| &category.tariffs).find(|tariff| tariff.id == id)
    }
}

/// Returns a deterministic pseudo-random number below `below`.
pub(super) fn pseudo_random(left: i64, right: i64, below: i64) -> i64 {
    let mut mixed =
        (left as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (right as u64).wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
    mixed ^= mixed >> 29;
    mixed = mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^= mixed >> 32;
    i64::try_from(mixed % below.max(1).unsigned_abs()).unwrap_or(0)
}
