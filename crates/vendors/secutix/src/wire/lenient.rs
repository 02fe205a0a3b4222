//! Tolerant deserializers: numbers as text, a single element instead of a list, `null` and missing values.
//!
//! The same types serve both protocols: SOAP has only text, and JSON samples contain ids as text too (`secutix.md §2.5`).

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor, value};
use serde::{Deserialize, Serialize};

/// A whole number, encoded as a number or as text: ids, quantities, amounts in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub(crate) struct LenientInt(pub i64);

/// Text, or a scalar value as text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub(crate) struct LenientString(pub String);

/// A boolean, encoded as a boolean, a number or text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct LenientBool(pub bool);

/// A list, a single element of it, or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct LenientList<T>(pub Vec<T>);

/// An element of a list that may have an unknown structure. Such an element is skipped instead of failing the whole response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Tolerant<T> {
    /// Parsed.
    Parsed(T),
    /// Of unknown structure.
    Unreadable,
}

impl<T> Default for LenientList<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> LenientList<T> {
    /// Returns true if it has no elements; such a list is not sent.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T> LenientList<Tolerant<T>> {
    /// Returns the elements that could be parsed.
    pub(crate) fn parsed(&self) -> impl Iterator<Item = &T> {
        self.0.iter().filter_map(|element| match element {
            Tolerant::Parsed(read) => Some(read),
            Tolerant::Unreadable => None,
        })
    }

    /// Returns the number of elements that could not be parsed.
    pub(crate) fn unreadable_count(&self) -> usize {
        self.0.iter().filter(|element| matches!(element, Tolerant::Unreadable)).count()
    }
}

impl<T> FromIterator<T> for LenientList<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        Self(elements.into_iter().collect())
    }
}

struct IntVisitor;

impl Visitor<'_> for IntVisitor {
    type Value = LenientInt;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a whole number")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<LenientInt, E> {
        Ok(LenientInt(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<LenientInt, E> {
        i64::try_from(value).map(LenientInt).map_err(|_| E::custom("a number beyond 64 bits"))
    }

    /// Accepts `25000.0` as whole; rejects a fraction instead of truncating it.
    fn visit_f64<E: Error>(self, value: f64) -> Result<LenientInt, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<LenientInt, E> {
        let text = text.trim();
        let whole = text
            .split_once('.')
            .map_or(text, |(head, tail)| if tail.bytes().all(|digit| digit == b'0') { head } else { text });
        whole.parse().map(LenientInt).map_err(|_| E::custom("not a whole number"))
    }
}

impl<'de> Deserialize<'de> for LenientInt {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(IntVisitor)
    }
}

struct StringVisitor;

impl<'de> Visitor<'de> for StringVisitor {
    type Value = LenientString;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<LenientString, E> {
        Ok(LenientString(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<LenientString, E> {
        Ok(LenientString(text))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<LenientString, E> {
        Ok(LenientString(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<LenientString, E> {
        Ok(LenientString(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<LenientString, E> {
        Ok(LenientString(value.to_string()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<LenientString, E> {
        Ok(LenientString(value.to_string()))
    }

    /// Maps a structure to empty text.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<LenientString, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(LenientString(String::new()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<LenientString, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(LenientString(String::new()))
    }
}

impl<'de> Deserialize<'de> for LenientString {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(StringVisitor)
    }
}

struct BoolVisitor;

impl Visitor<'_> for BoolVisitor {
    type Value = LenientBool;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a boolean")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<LenientBool, E> {
        Ok(LenientBool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<LenientBool, E> {
        Ok(LenientBool(value != 0))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<LenientBool, E> {
        Ok(LenientBool(matches!(text.trim(), "true" | "1" | "TRUE" | "True")))
    }
}

impl<'de> Deserialize<'de> for LenientBool {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(BoolVisitor)
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = LenientList<T>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list or a single element")
    }

    fn visit_unit<E: Error>(self) -> Result<LenientList<T>, E> {
        Ok(LenientList::default())
    }

    fn visit_none<E: Error>(self) -> Result<LenientList<T>, E> {
        Ok(LenientList::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<LenientList<T>, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element::<Option<T>>()? {
            elements.extend(element);
        }
        Ok(LenientList(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<LenientList<T>, A::Error> {
        T::deserialize(value::MapAccessDeserializer::new(map)).map(|one| LenientList(vec![one]))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<LenientList<T>, E> {
        T::deserialize(value::StrDeserializer::new(text)).map(|one| LenientList(vec![one]))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<LenientList<T>, E> {
        T::deserialize(value::I64Deserializer::new(number)).map(|one| LenientList(vec![one]))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<LenientList<T>, E> {
        T::deserialize(value::U64Deserializer::new(number)).map(|one| LenientList(vec![one]))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for LenientList<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ListVisitor(PhantomData))
    }
}

impl<'de, T: serde::de::DeserializeOwned> Deserialize<'de> for Tolerant<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let tree = serde_json::Value::deserialize(from)?;
        Ok(T::deserialize(tree).map_or(Self::Unreadable, Self::Parsed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn whole(value: serde_json::Value) -> Option<i64> {
        serde_json::from_value::<LenientInt>(value).ok().map(|whole| whole.0)
    }

    #[test]
    fn a_whole_number_may_be_text_and_is_never_truncated() {
        assert_eq!(whole(json!(93001)), Some(93001));
        assert_eq!(whole(json!("10000000093001")), Some(10_000_000_093_001));
        assert_eq!(whole(json!(25000.0)), Some(25000));
        for wrong in [json!(0.5), json!("x"), json!(u64::MAX), json!("")] {
            assert_eq!(whole(wrong.clone()), None, "{wrong}");
        }
    }

    #[test]
    fn one_many_or_no_elements_all_form_a_list() {
        let read = |value: serde_json::Value| serde_json::from_value::<LenientList<LenientInt>>(value).expect("list").0;
        assert_eq!(read(json!(null)), []);
        assert_eq!(read(json!("1")), [LenientInt(1)]);
        assert_eq!(read(json!(1)), [LenientInt(1)]);
        assert_eq!(read(json!(["1", 2, null])), [LenientInt(1), LenientInt(2)]);
        let one =
            serde_json::from_value::<LenientList<std::collections::BTreeMap<String, LenientInt>>>(json!({"a": 1}));
        assert_eq!(one.expect("single object as a list").0.len(), 1);
    }

    #[test]
    fn an_element_of_unknown_structure_is_skipped() {
        let list: LenientList<Tolerant<LenientInt>> =
            serde_json::from_value(json!([1, {"odd": true}, "3"])).expect("list");
        assert_eq!((list.parsed().map(|whole| whole.0).collect::<Vec<_>>(), list.unreadable_count()), (vec![1, 3], 1));
    }
}
