//! What TickeTing says, in its own words (`ticketing.md §5`), read as tolerantly as its loose typing demands.
//!
//! Whatever our purposes do not need is not listed. Nearly everything may be missing or null.

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

/// What is read where the vendor may write an object, a list, or something that means neither.
trait Shape<'de> {
    /// What comes of it; its default where there is nothing.
    type Read: Default;

    fn object<M: MapAccess<'de>>(mut map: M) -> Result<Self::Read, M::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::Read::default())
    }

    fn list<S: SeqAccess<'de>>(mut items: S) -> Result<Self::Read, S::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::Read::default())
    }
}

/// Reads a shape in one go.
struct Shaped<S>(PhantomData<S>);

impl<'de, S: Shape<'de>> Visitor<'de> for Shaped<S> {
    type Value = S::Read;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object or a list")
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<S::Read, M::Error> {
        S::object(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<S::Read, A::Error> {
        S::list(items)
    }

    fn visit_unit<E: Error>(self) -> Result<S::Read, E> {
        Ok(S::Read::default())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<S::Read, E> {
        Ok(S::Read::default())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<S::Read, E> {
        Ok(S::Read::default())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<S::Read, E> {
        Ok(S::Read::default())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<S::Read, E> {
        Ok(S::Read::default())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<S::Read, E> {
        Ok(S::Read::default())
    }
}

/// A whole number that may come as text (`§3.2`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count(pub i64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let number = number(from)?;
        i64::try_from(number.trunc()).map(Self).map_err(Error::custom)
    }
}

/// An amount in major units, taken from the text of the number, never through a float (`§3.4`).
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

/// An object, or nothing: where the vendor means an empty object it may write `[]` (`§3.5`).
fn loose<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    struct Loose<T>(PhantomData<T>);
    impl<'de, T: DeserializeOwned> Shape<'de> for Loose<T> {
        type Read = Option<T>;

        fn object<M: MapAccess<'de>>(map: M) -> Result<Option<T>, M::Error> {
            T::deserialize(MapAccessDeserializer::new(map)).map(Some)
        }
    }
    from.deserialize_any(Shaped::<Loose<T>>(PhantomData))
}

/// A list, or nothing: null and an empty object are empty lists.
fn list<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Vec<T>, D::Error> {
    struct Listed<T>(PhantomData<T>);
    impl<'de, T: DeserializeOwned> Shape<'de> for Listed<T> {
        type Read = Vec<T>;

        fn list<S: SeqAccess<'de>>(mut items: S) -> Result<Vec<T>, S::Error> {
            let mut found = Vec::new();
            while let Some(item) = items.next_element()? {
                found.push(item);
            }
            Ok(found)
        }
    }
    from.deserialize_any(Shaped::<Listed<T>>(PhantomData))
}

/// Yes or no, also as text or number.
fn flag<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    let raw = Option::<&RawValue>::deserialize(from)?;
    Ok(raw.and_then(|raw| match raw.get().trim().trim_matches('"') {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }))
}

/// A reference that is text in one place and an object with `self` in another (`§4.15`).
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

/// Text, or the name of an object that stands where text is expected (`§8`, subcategory).
fn name<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let Some(raw) = Option::<&RawValue>::deserialize(from)? else { return Ok(None) };
    if let Ok(text) = serde_json::from_str::<String>(raw.get()) {
        return Ok(Some(text));
    }
    Ok(serde_json::from_str::<Named>(raw.get()).ok().and_then(|named| named.name))
}

/// Anything of which only the name matters.
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
    #[serde(default, deserialize_with = "flag")]
    pub public: Option<bool>,
    #[serde(default, deserialize_with = "loose")]
    pub category: Option<Named>,
    #[serde(default, deserialize_with = "name")]
    pub subcategory: Option<String>,
    #[serde(default, deserialize_with = "loose")]
    pub venue: Option<Named>,
    /// Not in the vendor's model of this generation; where it is there, it tells whose event it is.
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

/// A section: place, ticket type and price in one (`§5.4`). Inside an event its `self` is relative to the event (`§3.1`).
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Section {
    #[serde(rename = "self")]
    pub uri: String,
    pub name: Option<String>,
    pub description: Option<String>,
    #[serde(default, deserialize_with = "loose")]
    pub price: Option<SectionPrice>,
    #[serde(rename = "salesStart")]
    pub sales_start: Option<String>,
    #[serde(rename = "salesEnd")]
    pub sales_end: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    pub active: Option<bool>,
    pub capacity: Option<Count>,
    pub sold: Option<Count>,
    pub remaining: Option<Count>,
    pub reserved: Option<Count>,
}

/// The price of a section, without the fee that only an order shows.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct SectionPrice {
    pub base: Option<Amount>,
    pub current: Option<Amount>,
}

/// A thing that is read to be changed and written back: every field as it stands on the wire.
pub(super) type Fields = BTreeMap<String, Box<RawValue>>;

/// Where an object is, wherever a reference is written (`§5.9`): its `self`, or the text itself.
#[derive(Debug, Deserialize)]
pub(super) struct Place(#[serde(deserialize_with = "reference")] pub Option<String>);

/// The name of something that is text in one generation and an object in the next (`§8`).
#[derive(Debug, Deserialize)]
pub(super) struct Label(#[serde(deserialize_with = "name")] pub Option<String>);

/// An admission token (`§5.5`). `code` is a secret: this type has no `Debug`.
#[derive(Clone, Deserialize)]
pub(super) struct Token {
    #[serde(rename = "self")]
    pub uri: String,
    pub code: String,
    #[serde(default, deserialize_with = "flag")]
    pub global: Option<bool>,
    #[serde(default, deserialize_with = "list")]
    pub sections: Vec<String>,
}

/// What a token code is exchanged for (`§4.2`). `key` is a secret: this type has no `Debug`.
#[derive(Clone, Deserialize)]
pub(super) struct GateKey {
    pub key: String,
    #[serde(default, deserialize_with = "reference")]
    pub event: Option<String>,
    #[serde(default, deserialize_with = "list")]
    pub sections: Vec<String>,
}

/// A visitor let in (`§5.7`).
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Admission {
    pub ticket: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    pub section: Option<String>,
    pub admitted: Option<String>,
}

/// What lets visitors in (`§4.9`).
#[derive(Serialize)]
pub(super) struct Admit<'a> {
    pub redeemer: &'a str,
    pub device: &'a str,
    pub serials: &'a [String],
}

/// The sections of a token that is issued or changed (`§4.8`).
#[derive(Serialize)]
pub(super) struct TokenScope {
    pub sections: Vec<String>,
}

/// An account (`§5.1`), as far as it tells whose it is.
#[derive(Clone, Deserialize)]
pub(super) struct Account {
    pub number: Option<String>,
    pub username: Option<String>,
    pub email: Option<String>,
}

/// What opens an account (`§4.4`). It holds a password: this type has no `Debug`.
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

/// Whom to look up (`§4.4`).
#[derive(Serialize)]
pub(super) struct Lookup<'a> {
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

/// The check digits of a card: a number as in the vendor's sample, text where leading zeros would be lost.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Cvv<'a> {
    Number(u32),
    Text(&'a str),
}

/// What is bought, by full section URI (`§4.10`).
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
    #[serde(default, deserialize_with = "loose")]
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

/// The answer to a payment or a refund (`§4.11`). Card details in it are not read.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Settled {
    pub status: Option<String>,
}

/// Why an order is refunded (`§4.11`).
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
