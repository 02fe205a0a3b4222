//! Wire types of OCTO (`octo.md §4` to `§9`). Only fields that are used are listed; unknown ones are ignored.
//!
//! An optional field of a wrong type counts as missing, and a wrong row of a list is left out, because three generations of the
//! interface are in use. Everything that decides on a sale treats a missing value as the safe one.

pub(crate) mod bookings;
pub(crate) mod catalog;
pub(crate) mod requests;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Error body (`octo.md §2.3`). The message is translated text and is never read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorBody {
    #[serde(default, deserialize_with = "lenient")]
    pub error: Option<String>,
    /// Seconds to wait, with `TOO_MANY_REQUESTS`.
    #[serde(default, deserialize_with = "lenient")]
    pub retry_after: Option<u64>,
}

/// Supplier (`octo.md §4.1`). Its `endpoint` is not read: a key is sent to no address from the wire (§14, trap 8).
#[derive(Debug, Deserialize)]
pub(crate) struct Supplier {
    pub id: String,
}

/// Capability of the supplier (`octo.md §3`).
#[derive(Debug, Deserialize)]
pub(crate) struct Capability {
    pub id: String,
    #[serde(default, deserialize_with = "lenient")]
    pub required: Option<bool>,
}

/// Price (`octo.md §9.1`): integers with their own number of decimal places. `net`, which the reseller owes, is not read, because
/// no visitor may see it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pricing {
    #[serde(default, deserialize_with = "lenient")]
    pub unit_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub original: Option<i64>,
    #[serde(default, deserialize_with = "lenient")]
    pub retail: Option<i64>,
    #[serde(default, deserialize_with = "lenient")]
    pub currency: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub currency_precision: Option<u32>,
    #[serde(default, deserialize_with = "rows")]
    pub included_taxes: Vec<IncludedTax>,
}

/// Tax inside a price.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct IncludedTax {
    pub name: String,
    pub retail: i64,
}

/// Deserializes a field; its default if it has another type.
pub(crate) fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(from: D) -> Result<T, D::Error> {
    let raw = <Box<RawValue>>::deserialize(from)?;
    Ok(serde_json::from_str(raw.get()).unwrap_or_default())
}

/// Deserializes a list without its unreadable rows; an empty one if it is no list.
pub(crate) fn rows<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Vec<T>, D::Error> {
    let raw: Vec<Box<RawValue>> = lenient(from)?;
    Ok(raw.iter().filter_map(|row| serde_json::from_str(row.get()).ok()).collect())
}
