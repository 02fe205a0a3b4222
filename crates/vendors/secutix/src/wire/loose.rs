//! Values as they really come: numbers as text, one element where a list is meant, `null` and nothing at all.
//!
//! The same shapes serve both transports: text is all that SOAP knows, and JSON samples hold ids as text too (`secutix.md §2.5`).

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor, value};
use serde::{Deserialize, Serialize};

/// A whole number, written as a number or as text: ids, quantities, amounts in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Whole(pub i64);

/// Text, or whatever can be shown as such.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Words(pub String);

/// Yes or no, written as a boolean or as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Flag(pub bool);

/// A list, one element of it, or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct List<T>(pub Vec<T>);

/// An element of a list that may be of a shape that we do not know; it then costs itself only, not the whole answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Perhaps<T> {
    /// Read.
    Read(T),
    /// Left out.
    Unread,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> List<T> {
    /// Whether there is nothing in it; such a list is not sent.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T> List<Perhaps<T>> {
    /// The elements that could be read.
    pub fn readable(&self) -> impl Iterator<Item = &T> {
        self.0.iter().filter_map(|element| match element {
            Perhaps::Read(read) => Some(read),
            Perhaps::Unread => None,
        })
    }

    /// How many elements could not be read.
    pub fn unread(&self) -> usize {
        self.0.iter().filter(|element| matches!(element, Perhaps::Unread)).count()
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        Self(elements.into_iter().collect())
    }
}

struct WholeVisitor;

impl Visitor<'_> for WholeVisitor {
    type Value = Whole;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a whole number")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Whole, E> {
        Ok(Whole(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Whole, E> {
        i64::try_from(value).map(Whole).map_err(|_| E::custom("a number beyond 64 bits"))
    }

    /// `25000.0` is whole; a fraction is refused, never cut off.
    fn visit_f64<E: Error>(self, value: f64) -> Result<Whole, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Whole, E> {
        let text = text.trim();
        let whole = text
            .split_once('.')
            .map_or(text, |(head, tail)| if tail.bytes().all(|digit| digit == b'0') { head } else { text });
        whole.parse().map(Whole).map_err(|_| E::custom("not a whole number"))
    }
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(WholeVisitor)
    }
}

struct WordsVisitor;

impl<'de> Visitor<'de> for WordsVisitor {
    type Value = Words;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Words, E> {
        Ok(Words(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Words, E> {
        Ok(Words(text))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Words, E> {
        Ok(Words(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Words, E> {
        Ok(Words(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Words, E> {
        Ok(Words(value.to_string()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Words, E> {
        Ok(Words(value.to_string()))
    }

    /// A structure where text was expected says nothing that we could show.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Words, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Words(String::new()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Words, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Words(String::new()))
    }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(WordsVisitor)
    }
}

struct FlagVisitor;

impl Visitor<'_> for FlagVisitor {
    type Value = Flag;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("yes or no")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Flag, E> {
        Ok(Flag(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Flag, E> {
        Ok(Flag(value != 0))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Flag, E> {
        Ok(Flag(matches!(text.trim(), "true" | "1" | "TRUE" | "True")))
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(FlagVisitor)
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = List<T>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list, or one element of it")
    }

    fn visit_unit<E: Error>(self) -> Result<List<T>, E> {
        Ok(List::default())
    }

    fn visit_none<E: Error>(self) -> Result<List<T>, E> {
        Ok(List::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<List<T>, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element::<Option<T>>()? {
            elements.extend(element);
        }
        Ok(List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<List<T>, A::Error> {
        T::deserialize(value::MapAccessDeserializer::new(map)).map(|one| List(vec![one]))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<List<T>, E> {
        T::deserialize(value::StrDeserializer::new(text)).map(|one| List(vec![one]))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<List<T>, E> {
        T::deserialize(value::I64Deserializer::new(number)).map(|one| List(vec![one]))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<List<T>, E> {
        T::deserialize(value::U64Deserializer::new(number)).map(|one| List(vec![one]))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ListVisitor(PhantomData))
    }
}

impl<'de, T: serde::de::DeserializeOwned> Deserialize<'de> for Perhaps<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let tree = serde_json::Value::deserialize(from)?;
        Ok(T::deserialize(tree).map_or(Self::Unread, Self::Read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn whole(value: serde_json::Value) -> Option<i64> {
        serde_json::from_value::<Whole>(value).ok().map(|whole| whole.0)
    }

    #[test]
    fn a_whole_number_may_be_written_as_text_and_is_never_cut() {
        assert_eq!(whole(json!(93001)), Some(93001));
        assert_eq!(whole(json!("10000000093001")), Some(10_000_000_093_001));
        assert_eq!(whole(json!(25000.0)), Some(25000));
        for wrong in [json!(0.5), json!("x"), json!(u64::MAX), json!("")] {
            assert_eq!(whole(wrong.clone()), None, "{wrong}");
        }
    }

    #[test]
    fn one_element_many_or_none_are_all_a_list() {
        let read = |value: serde_json::Value| serde_json::from_value::<List<Whole>>(value).expect("a list").0;
        assert_eq!(read(json!(null)), []);
        assert_eq!(read(json!("1")), [Whole(1)]);
        assert_eq!(read(json!(1)), [Whole(1)]);
        assert_eq!(read(json!(["1", 2, null])), [Whole(1), Whole(2)]);
        let one = serde_json::from_value::<List<std::collections::BTreeMap<String, Whole>>>(json!({"a": 1}));
        assert_eq!(one.expect("one object").0.len(), 1);
    }

    #[test]
    fn an_element_of_unknown_shape_costs_itself_only() {
        let list: List<Perhaps<Whole>> = serde_json::from_value(json!([1, {"odd": true}, "3"])).expect("a list");
        assert_eq!((list.readable().map(|whole| whole.0).collect::<Vec<_>>(), list.unread()), (vec![1, 3], 1));
    }
}
