//! What the emulated institutions are and sell: the same for the same calendar day, whoever asks, before and after a restart.

mod club;
mod opera;
mod season;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

pub(super) use season::{Audiences, Kind, Tariff};

/// Text by language; a missing language is a hole that the vendor leaves too.
pub(super) type Label = Vec<(&'static str, String)>;

/// Text by language, out of pairs.
pub(super) fn label(pairs: &[(&'static str, &str)]) -> Label {
    pairs.iter().map(|(locale, text)| (*locale, (*text).to_owned())).collect()
}

/// An institution, with the catalogue of the day.
pub(super) struct Institution {
    /// The code, upper case.
    pub code: &'static str,
    /// The only operator.
    pub login: &'static str,
    /// The operator's password, which also signs tokens.
    pub password: &'static str,
    /// The zone of the organisation.
    pub zone: TimeZone,
    /// ISO 4217.
    pub currency: &'static str,
    /// Its sign.
    pub symbol: &'static str,
    /// The smallest amount, in thousandths.
    pub min_amount: i64,
    /// The organisation.
    pub name: Label,
    /// Languages, the first one first.
    pub languages: &'static [&'static str],
    /// The point of sale.
    pub point_of_sale: i64,
    /// The pending account, the only method for sales here.
    pub pending_account: i64,
    /// Technical contacts whose pending account is allowed.
    pub contacts: &'static [i64],
    /// Parts of the capacity, each with its share in percent.
    pub contingents: &'static [(i64, &'static str, i64)],
    /// The site.
    pub site: Label,
    /// The season.
    pub season: Season,
}

/// A season.
pub(super) struct Season {
    pub id: i64,
    pub code: String,
    pub name: Label,
    pub start: Timestamp,
    pub end: Timestamp,
    pub audiences: Vec<Audiences>,
    /// Id, code, main category.
    pub price_levels: Vec<(i64, &'static str, &'static str)>,
    pub products: Vec<Product>,
}

/// Something sold.
pub(super) struct Product {
    pub id: i64,
    pub code: String,
    pub family: &'static str,
    pub state: &'static str,
    pub name: Label,
    pub description: Label,
    pub image: Option<&'static str>,
    pub content: Content,
}

/// What a product is made of.
pub(super) enum Content {
    Dates(Vec<Show>),
    Pass { date_mandatory: bool, items: Vec<Item> },
    Bare,
}

/// A date.
pub(super) struct Show {
    pub id: i64,
    pub start: Timestamp,
    pub seconds: i64,
    /// Category and places; a date without categories has its places under none.
    pub seats: Vec<(Option<Category>, i64)>,
    /// Category, tariff, level, thousandths.
    pub prices: Vec<(Option<i64>, i64, i64, i64)>,
}

/// A part of the hall.
#[derive(Clone)]
pub(super) struct Category {
    pub id: i64,
    pub code: &'static str,
    pub name: Label,
}

/// A thing of a pass.
pub(super) struct Item {
    pub id: i64,
    pub name: Label,
    /// Tariff and thousandths.
    pub prices: Vec<(i64, i64)>,
    pub first_day: Option<Date>,
    pub last_day: Option<Date>,
    pub hour: Option<&'static str>,
    pub timeslots: Vec<i64>,
    pub capacity: i64,
}

/// The institutions on a day.
pub(super) fn institutions(now: Timestamp) -> [Institution; 2] {
    [opera::institution(now), club::institution(now)]
}

impl Institution {
    /// The product of an id.
    pub fn product(&self, id: i64) -> Option<&Product> {
        self.season.products.iter().find(|product| product.id == id)
    }

    /// The date of an id, with its product.
    pub fn show(&self, id: i64) -> Option<(&Product, &Show)> {
        self.season.products.iter().find_map(|product| match &product.content {
            Content::Dates(shows) => Some((product, shows.iter().find(|show| show.id == id)?)),
            _ => None,
        })
    }

    /// The thing of an id, with its product.
    pub fn item(&self, id: i64) -> Option<(&Product, &Item)> {
        self.season.products.iter().find_map(|product| match &product.content {
            Content::Pass { items, .. } => Some((product, items.iter().find(|item| item.id == id)?)),
            _ => None,
        })
    }

    /// The tariff of an id.
    pub fn tariff(&self, id: i64) -> Option<&Tariff> {
        self.season.audiences.iter().flat_map(|category| &category.tariffs).find(|tariff| tariff.id == id)
    }
}

/// A number that looks arbitrary and never changes, from 0 to `below`.
pub(super) fn scatter(left: i64, right: i64, below: i64) -> i64 {
    let mut mixed =
        (left as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (right as u64).wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
    mixed ^= mixed >> 29;
    mixed = mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^= mixed >> 32;
    i64::try_from(mixed % below.max(1).unsigned_abs()).unwrap_or(0)
}
