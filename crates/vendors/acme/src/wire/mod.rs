//! Wire types of ACME, deserialized leniently: unknown fields are ignored, numbers may be strings (`acme.md §8`).

pub(crate) mod catalog;
pub(crate) mod lenient;
pub(crate) mod orders;

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use domain::Currency;

/// An identifier, string or number; serialized as the type that was read (`acme.md §8.4`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Id {
    /// A JSON number.
    Number(u64),
    /// A JSON string.
    Text(String),
}

impl Id {
    /// Id from a setting or a reference: a number if it is one.
    pub(crate) fn numeric(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Text(text.to_owned()), Self::Number)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(out),
            Self::Text(text) => out.write_str(text),
        }
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let refuse = || serde::de::Error::custom("an id is a string or a whole number");
        match Value::deserialize(deserializer)? {
            Value::String(text) if !text.is_empty() => Ok(Self::Text(text)),
            Value::Number(number) => number.as_u64().map(Self::Number).ok_or_else(refuse),
            _ => Err(refuse()),
        }
    }
}

/// A time: ISO 8601 with offset, epoch milliseconds, or local time without an offset. Other text is kept and is not an
/// error (`acme.md §8.2`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WireTime {
    /// An instant.
    Instant(Timestamp),
    /// Wall-clock time of the tenant.
    Local(DateTime),
    /// Other text, for display only.
    Unparsed(String),
}

impl WireTime {
    fn parse(text: String) -> Self {
        if let Ok(instant) = text.parse() {
            return Self::Instant(instant);
        }
        if let Ok(local) = text.parse() {
            return Self::Local(local);
        }
        let milliseconds = text.parse().ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        milliseconds.map_or(Self::Unparsed(text), Self::Instant)
    }

    /// Returns the instant; local time is interpreted in the tenant's time zone.
    pub(crate) fn instant(&self, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Instant(instant) => Some(*instant),
            Self::Local(local) => local.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp()),
            Self::Unparsed(_) => None,
        }
    }
}

impl<'de> Deserialize<'de> for WireTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::String(text) => Self::parse(text),
            Value::Number(number) => {
                let instant = number.as_i64().and_then(|ms| Timestamp::from_millisecond(ms).ok());
                instant.map_or_else(|| Self::Unparsed(number.to_string()), Self::Instant)
            }
            other => Self::Unparsed(other.to_string()),
        })
    }
}

/// An amount in major units, read from a string or a number (`acme.md §8.3`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Amount(pub(crate) Decimal);

/// An amount in major units, written as a string with the decimals of its currency (`acme.md §8.3`): `"25.00"` dollars, `"25"`
/// yen, `"25.125"` dinars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WrittenAmount {
    amount: Decimal,
    decimals: usize,
}

impl WrittenAmount {
    /// Creates an amount of a currency.
    pub(crate) fn new(amount: Decimal, currency: Currency) -> Self {
        Self { amount, decimals: currency.exponent() as usize }
    }
}

impl Serialize for WrittenAmount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:.*}", self.decimals, self.amount))
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        lenient::decimal(&value).map(Self).ok_or_else(|| serde::de::Error::custom("an amount is a decimal"))
    }
}

/// A list in either form: a bare array, or `{list, pagination}` (`acme.md §2.6`).
#[derive(Debug)]
pub(crate) struct Page<T> {
    /// The readable entries.
    pub(crate) entries: Vec<T>,
    /// Ids of all entries, including unreadable ones; an entry without an id stands for itself.
    pub(crate) ids: Vec<Value>,
    /// Size of a full page; `None` if everything was requested.
    pub(crate) page_size: Option<usize>,
}

impl<T: DeserializeOwned> Page<T> {
    /// Parses a response; `None` if it has neither form. Unreadable entries are skipped.
    pub(crate) fn from_json(response: Value, requested_size: Option<usize>) -> Option<Self> {
        let (list, page_size) = match response {
            Value::Array(list) => (list, requested_size),
            Value::Object(mut envelope) => {
                let page_size =
                    envelope.get("pagination").and_then(|pagination| lenient::unsigned(pagination.get("pageSize")?));
                let size = page_size.filter(|size| *size > 0).map(|size| size as usize).or(requested_size);
                match envelope.remove("list") {
                    Some(Value::Array(list)) => (list, size),
                    Some(Value::Null) => (Vec::new(), size),
                    _ => return None,
                }
            }
            _ => return None,
        };
        let ids = list.iter().map(|entry| entry.get("id").unwrap_or(entry).clone()).collect();
        let entries: Vec<T> = list.into_iter().filter_map(|entry| serde_json::from_value(entry).ok()).collect();
        Some(Self { entries, ids, page_size })
    }

    /// Number of entries that could not be read.
    pub(crate) fn unreadable(&self) -> usize {
        self.ids.len() - self.entries.len()
    }

    /// True if another page may follow.
    pub(crate) fn is_full(&self) -> bool {
        self.page_size.is_some_and(|size| self.ids.len() >= size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_written_with_the_decimals_of_its_currency() {
        for (minor_units, currency, text) in [
            (2500, "USD", "25.00"),
            (0, "USD", "0.00"),
            (2500, "JPY", "2500"),
            (25_125, "KWD", "25.125"),
            (5, "KWD", "0.005"),
        ] {
            let currency: Currency = currency.parse().expect("a currency");
            let amount = domain::Money::new(minor_units, currency).to_major();
            let written = serde_json::to_value(WrittenAmount::new(amount, currency)).expect("JSON");
            assert_eq!(written, text, "{currency:?}");
        }
    }
}
