//! Wire types of TickeTing (`ticketing.md §5`), deserialized leniently, because its typing is loose.
//!
//! Only fields that are used are listed. Nearly all of them may be missing or null.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// A page of a list (`§3.2`).
#[derive(Debug, Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
pub(super) struct Page<T> {
    pub total: Option<Count>,
    pub records: Option<Count>,
    #[serde(default, deserialize_with = "list")]
    pub entries: Vec<T>,
}

/// A value for which the vendor may send an object, a list, or a meaningless scalar.
trait JsonShape<'de> {
    /// Result; its default if the value is none of the expected forms.
    type Output: Default;

    fn object<M: MapAccess<'de>>(mut map: M) -> Result<Self::Output, M::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::Output::default())
    }

    fn list<S: SeqAccess<'de>>(mut items: S) -> Result<Self::Output, S::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::Output::default())
    }
}

/// Deserializes a [`JsonShape`].
struct ShapeVisitor<S>(PhantomData<S>);

impl<'de, S: JsonShape<'de>> Visitor<'de> for ShapeVisitor<S> {
    type Value = S::Output;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object or a list")
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<S::Output, M::Error> {
        S::object(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<S::Output, A::Error> {
        S::list(items)
    }

    fn visit_unit<E: Error>(self) -> Result<S::Output, E> {
        Ok(S::Output::default())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<S::Output, E> {
        Ok(S::Output::default())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<S::Output, E> {
        Ok(S::Output::default())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<S::Output, E> {
        Ok(S::Output::default())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<S::Output, E> {
        Ok(S::Output::default())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<S::Output, E> {
        Ok(S::Output::default())
    }
}

/// A whole number that may be a string (`§3.2`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count(pub i64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let number = number(from)?;
        i64::try_from(number.trunc()).map(Self).map_err(Error::custom)
    }
}

/// An amount in major units, parsed from the text of the number, never through a float (`§3.4`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Amount(pub Decimal);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        number(from).map(Self)
    }
}

fn number<'de, D: Deserializer<'de>>(from: D) -> Result<Decimal, D::Error> {
    let raw = <&RawValue>::deserialize(from)?;
    let text = raw.get().trim().trim_matches('"').trim();
    Decimal::from_str(text).or_else(|_| Decimal::from_scientific(text)).map_err(|_| Error::custom("not a number"))
}

/// Deserializes an optional object; the vendor may write `[]` for an empty one (`§3.5`).
fn optional_object<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    struct OptionalObject<T>(PhantomData<T>);
    impl<'de, T: DeserializeOwned> JsonShape<'de> for OptionalObject<T> {
        type Output = Option<T>;

        fn object<M: MapAccess<'de>>(map: M) -> Result<Option<T>, M::Error> {
            T::deserialize(MapAccessDeserializer::new(map)).map(Some)
        }
    }
    from.deserialize_any(ShapeVisitor::<OptionalObject<T>>(PhantomData))
}

/// Deserializes a list; null and an empty object are empty lists.
fn list<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Vec<T>, D::Error> {
    struct Listed<T>(PhantomData<T>);
    impl<'de, T: DeserializeOwned> JsonShape<'de> for Listed<T> {
        type Output = Vec<T>;

        fn list<S: SeqAccess<'de>>(mut items: S) -> Result<Vec<T>, S::Error> {
            let mut found = Vec::new();
            while let Some(item) = items.next_element()? {
                found.push(item);
            }
            Ok(found)
        }
    }
    from.deserialize_any(ShapeVisitor::<Listed<T>>(PhantomData))
}

/// Deserializes a boolean, also from a string or a number.
fn boolean<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    let raw = Option::<&RawValue>::deserialize(from)?;
    Ok(raw.and_then(|raw| match raw.get().trim().trim_matches('"') {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }))
}

/// Deserializes a reference, which is a string in some places and an object with `self` in others (`§4.15`).
fn reference<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    struct Linked {
        #[serde(rename = "self")]
        uri: Option<String>,
    }
    let Some(raw) = Option::<&RawValue>::deserialize(from)? else { return Ok(None) };
    if let Ok(text) = serde_json::from_str::<String>(raw.get()) {
        return Ok(Some(text));
    }
    Ok(serde_json::from_str::<Linked>(raw.get()).ok().and_then(|linked| linked.uri))
}

/// Deserializes text, or the name of an object in its place (`§8`, subcategory).
fn name<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let Some(raw) = Option::<&RawValue>::deserialize(from)? else { return Ok(None) };
    if let Ok(text) = serde_json::from_str::<String>(raw.get()) {
        return Ok(Some(text));
    }
    Ok(serde_json::from_str::<Named>(raw.get()).ok().and_then(|named| named.name))
}

/// Any object of which only the name is used.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Named {
    pub name: Option<String>,
}

/// An event (`§5.3`).
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Event {
    #[serde(rename = "self")]
    pub uri: String,
    pub title: Option<String>,
    pub description: Option<String>,
    pub status: Option<String>,
    #[serde(default, deserialize_with = "boolean")]
    pub public: Option<bool>,
    #[serde(default, deserialize_with = "optional_object")]
    pub category: Option<Named>,
    #[serde(default, deserialize_with = "name")]
    pub subcategory: Option<String>,
    #[serde(default, deserialize_with = "optional_object")]
    pub venue: Option<Named>,
    /// Missing in the vendor's model of this generation; identifies the event's host if present.
    #[serde(default, deserialize_with = "reference")]
    pub host: Option<String>,
    pub start: Option<String>,
    pub end: Option<String>,
    pub published: Option<String>,
    pub banner: Option<String>,
    pub thumbnail: Option<String>,
    #[serde(default, deserialize_with = "list")]
    pub sections: Vec<Section>,
}

/// A section: area, ticket type and price in one (`§5.4`). Inside an event its `self` is relative to the event
/// (`§3.1`).
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Section {
    #[serde(rename = "self")]
    pub uri: String,
    pub name: Option<String>,
    pub description: Option<String>,
    #[serde(default, deserialize_with = "optional_object")]
    pub price: Option<SectionPrice>,
    #[serde(rename = "salesStart")]
    pub sales_start: Option<String>,
    #[serde(rename = "salesEnd")]
    pub sales_end: Option<String>,
    #[serde(default, deserialize_with = "boolean")]
    pub active: Option<bool>,
    pub capacity: Option<Count>,
    pub sold: Option<Count>,
    pub remaining: Option<Count>,
    pub reserved: Option<Count>,
}

/// The price of a section, without the fee, which only an order shows.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct SectionPrice {
    pub base: Option<Amount>,
    pub current: Option<Amount>,
}

/// Raw fields of a resource that is read, changed and written back.
pub(super) type RawFields = BTreeMap<String, Box<RawValue>>;

/// A reference in any of its forms (`§5.9`): an object's `self`, or the text itself.
#[derive(Debug, Deserialize)]
pub(super) struct Reference(#[serde(deserialize_with = "reference")] pub Option<String>);

/// A name that is a string in one API generation and an object in the next (`§8`).
#[derive(Debug, Deserialize)]
pub(super) struct NameField(#[serde(deserialize_with = "name")] pub Option<String>);

/// An admission token (`§5.5`). `code` is a secret: this type has no `Debug`.
#[derive(Clone, Deserialize)]
pub(super) struct Token {
    #[serde(rename = "self")]
    pub uri: String,
    pub code: String,
    #[serde(default, deserialize_with = "boolean")]
    pub global: Option<bool>,
    #[serde(default, deserialize_with = "list")]
    pub sections: Vec<String>,
}

/// Result of a code exchange (`§4.2`). `key` is a secret: this type has no `Debug`.
#[derive(Clone, Deserialize)]
pub(super) struct GateKey {
    pub key: String,
    #[serde(default, deserialize_with = "reference")]
    pub event: Option<String>,
    #[serde(default, deserialize_with = "list")]
    pub sections: Vec<String>,
}

/// An admitted visitor (`§5.7`).
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Admission {
    pub ticket: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    pub section: Option<String>,
    pub admitted: Option<String>,
}

/// Request of an admission (`§4.9`).
#[derive(Serialize)]
pub(super) struct NewAdmission<'a> {
    pub redeemer: &'a str,
    pub device: &'a str,
    pub serials: &'a [String],
}

/// The sections of a token to be issued or changed (`§4.8`).
#[derive(Serialize)]
pub(super) struct TokenScope {
    pub sections: Vec<String>,
}

/// An account (`§5.1`), reduced to the fields that identify its owner.
#[derive(Clone, Deserialize)]
pub(super) struct Account {
    pub number: Option<String>,
    pub username: Option<String>,
    pub email: Option<String>,
}

/// Request to open an account (`§4.4`). It contains a password: this type has no `Debug`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewAccount<'a> {
    pub username: &'a str,
    pub password: &'a str,
    pub email: &'a str,
    pub first_name: &'a str,
    pub last_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<&'a str>,
}

/// Request of an account lookup (`§4.4`).
#[derive(Serialize)]
pub(super) struct AccountLookup<'a> {
    pub identification: &'a str,
}

/// A card and its holder (`§4.11`). Secrets: this type has no `Debug`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payment<'a> {
    pub number: &'a str,
    pub cvv: Cvv<'a>,
    pub expiry_date: &'a str,
    pub name: &'a str,
    pub email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<&'a str>,
    pub address1: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address2: Option<&'a str>,
    pub city: &'a str,
    pub district: &'a str,
    pub country: &'a str,
}

/// The CVV of a card: a number as in the vendor's sample, a string if leading zeros would be lost.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Cvv<'a> {
    Number(u32),
    Text(&'a str),
}

/// Request of an order, with items by full section URI (`§4.10`).
#[derive(Debug, Serialize)]
pub(super) struct NewOrder<'a> {
    pub customer: &'a str,
    pub items: BTreeMap<String, u32>,
}

/// An order (`§4.10`).
#[derive(Clone, Deserialize)]
pub(super) struct Order {
    pub number: String,
    pub status: Option<String>,
    pub placed: Option<String>,
    pub total: Option<Amount>,
    #[serde(default, deserialize_with = "list")]
    pub items: Vec<OrderItem>,
    #[serde(default, deserialize_with = "optional_object")]
    pub customer: Option<Account>,
    pub payments: Option<String>,
    pub refunds: Option<String>,
}

/// A line of an order.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct OrderItem {
    #[serde(default, deserialize_with = "reference")]
    pub section: Option<String>,
    pub quantity: Option<Count>,
}

/// Response to a payment or a refund (`§4.11`). Its card details are not read.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct PaymentResult {
    pub status: Option<String>,
}

/// Request of a refund (`§4.11`).
#[derive(Debug, Serialize)]
pub(super) struct Refund<'a> {
    pub reason: &'a str,
}

/// A ticket in a wallet (`§5.6`). The serial opens the gate: this type has no `Debug`.
#[derive(Clone, Deserialize)]
pub(super) struct Ticket {
    #[serde(rename = "self")]
    pub uri: Option<String>,
    pub serial: String,
    pub status: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    pub section: Option<String>,
    pub redeemed: Option<String>,
}
