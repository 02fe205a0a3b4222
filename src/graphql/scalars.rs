//! The scalars of the schema.

use std::fmt;

use async_graphql::{InputType, InputValueError, InputValueResult, Number, Scalar, ScalarType, Value};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use domain::money::Currency;
use domain::source::Source;
use domain::text;

/// The largest number that every client reads exactly.
const LARGEST: i64 = (1 << 53) - 1;

/// A count as a GraphQL `Int`, which ends at 2^31 - 1.
pub fn int(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn text_of<T: InputType>(value: Value) -> Result<String, InputValueError<T>> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(InputValueError::expected_type(other)),
    }
}

/// Whether a value can be read: asked before anything runs, so that the refusal names the argument.
fn fits<T: ScalarType>(value: &Value) -> bool {
    <T as ScalarType>::parse(value.clone()).is_ok()
}

/// RFC 3339 instant, always with an offset. Facts of the catalogue carry the offset of their source's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateTime {
    /// The instant.
    pub at: Timestamp,
    offset: Offset,
}

impl DateTime {
    /// An instant with the offset that the zone of the source has then.
    pub fn of(source: &Source, at: Timestamp) -> Self {
        Self { at, offset: source.time_zone.to_offset(at) }
    }

    /// An instant that belongs to no source.
    pub fn utc(at: Timestamp) -> Self {
        Self { at, offset: Offset::UTC }
    }
}

/// As RFC 3339 has it.
impl fmt::Display for DateTime {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.at.display_with_offset(self.offset).fmt(out)
    }
}

/// RFC 3339 instant, always with an offset. Facts of the catalogue carry the offset of their source's zone.
#[Scalar(name = "DateTime", specified_by_url = "https://scalars.graphql.org/andimarek/date-time")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let text = text_of(value)?;
        let at = text.parse().map_err(|_| InputValueError::custom("expected an RFC 3339 instant with an offset"))?;
        Ok(Self::utc(at))
    }

    fn is_valid(value: &Value) -> bool {
        fits::<Self>(value)
    }

    fn to_value(&self) -> Value {
        Value::String(self.to_string())
    }
}

/// A calendar day in the time zone of the source, YYYY-MM-DD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalDate(pub Date);

/// A calendar day in the time zone of the source, YYYY-MM-DD.
#[Scalar(name = "LocalDate")]
impl ScalarType for LocalDate {
    fn parse(value: Value) -> InputValueResult<Self> {
        let text = text_of(value)?;
        // Ten characters: a longer text may be an instant, of which only the day would be taken.
        let day = text.parse().ok().filter(|_| text.len() == "YYYY-MM-DD".len());
        day.map(Self).ok_or_else(|| InputValueError::custom("expected a day as YYYY-MM-DD"))
    }

    fn is_valid(value: &Value) -> bool {
        fits::<Self>(value)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// IANA time zone name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeZone(pub String);

/// IANA time zone name.
#[Scalar(name = "TimeZone")]
impl ScalarType for TimeZone {
    fn parse(value: Value) -> InputValueResult<Self> {
        let name = text_of(value)?;
        jiff::tz::TimeZone::get(&name).map_err(|_| InputValueError::custom("expected an IANA time zone name"))?;
        Ok(Self(name))
    }

    fn is_valid(value: &Value) -> bool {
        fits::<Self>(value)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// BCP 47 language tag. A scalar, so that a new language breaks no client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locale(pub text::Locale);

/// BCP 47 language tag. A scalar, so that a new language breaks no client.
#[Scalar(name = "Locale")]
impl ScalarType for Locale {
    fn parse(value: Value) -> InputValueResult<Self> {
        let tag = text_of(value)?;
        text::Locale::parse(&tag).map(Self).ok_or_else(|| InputValueError::custom("expected a BCP 47 language tag"))
    }

    fn is_valid(value: &Value) -> bool {
        fits::<Self>(value)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.as_str().to_owned())
    }
}

/// ISO 4217 code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrencyCode(pub Currency);

/// ISO 4217 code.
#[Scalar(name = "CurrencyCode")]
impl ScalarType for CurrencyCode {
    fn parse(value: Value) -> InputValueResult<Self> {
        let code = text_of(value)?;
        code.parse().map(Self).map_err(|_| InputValueError::custom("expected an ISO 4217 code"))
    }

    fn is_valid(value: &Value) -> bool {
        fits::<Self>(value)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.code().to_owned())
    }
}

/// Whole number of minor units, up to 2^53 - 1 (GraphQL Int stops at 2^31 - 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinorUnits(pub i64);

/// Whole number of minor units, up to 2^53 - 1 (GraphQL Int stops at 2^31 - 1).
#[Scalar(name = "MinorUnits")]
impl ScalarType for MinorUnits {
    fn parse(value: Value) -> InputValueResult<Self> {
        let units = match &value {
            Value::Number(number) => number.as_i64().filter(|units| (-LARGEST..=LARGEST).contains(units)),
            _ => None,
        };
        units.map(Self).ok_or_else(|| InputValueError::custom("expected a whole number up to 2^53 - 1"))
    }

    fn is_valid(value: &Value) -> bool {
        fits::<Self>(value)
    }

    fn to_value(&self) -> Value {
        Value::Number(Number::from(self.0))
    }
}

/// An absolute http or https address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url(pub String);

/// An absolute http or https address.
#[Scalar(name = "URL", specified_by_url = "https://url.spec.whatwg.org/")]
impl ScalarType for Url {
    fn parse(value: Value) -> InputValueResult<Self> {
        let text = text_of(value)?;
        match url::Url::parse(&text) {
            Ok(address) if matches!(address.scheme(), "http" | "https") => Ok(Self(text)),
            _ => Err(InputValueError::custom("expected an absolute http or https address")),
        }
    }

    fn is_valid(value: &Value) -> bool {
        fits::<Self>(value)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::String(text.to_owned())
    }

    /// What a scalar makes of an input, as it is shown again; none when it is refused.
    fn shown<T: ScalarType>(input: Value) -> Option<Value> {
        <T as ScalarType>::parse(input).ok().map(|parsed| ScalarType::to_value(&parsed))
    }

    #[test]
    fn an_instant_without_an_offset_is_refused() {
        for fine in ["2026-03-29T03:00:00+02:00", "2026-03-29T01:00:00Z"] {
            assert_eq!(shown::<DateTime>(text(fine)), Some(text("2026-03-29T01:00:00+00:00")));
        }
        for wrong in ["2026-03-29T03:00:00", "2026-03-29", "soon", ""] {
            assert_eq!(shown::<DateTime>(text(wrong)), None, "{wrong}");
        }
    }

    #[test]
    fn a_day_is_ten_characters() {
        assert_eq!(shown::<LocalDate>(text("2028-02-29")), Some(text("2028-02-29")));
        for wrong in ["2027-02-29", "2026-1-1", "20260101", "2026-01-01T00:00:00Z", ""] {
            assert_eq!(shown::<LocalDate>(text(wrong)), None, "{wrong}");
        }
    }

    #[test]
    fn minor_units_end_where_clients_stop_reading_exactly() {
        assert_eq!(shown::<MinorUnits>(Value::from(LARGEST)), Some(Value::from(LARGEST)));
        for wrong in [Value::from(LARGEST + 1), Value::from(2.5), text("2")] {
            assert_eq!(shown::<MinorUnits>(wrong.clone()), None, "{wrong}");
        }
    }

    #[test]
    fn other_scalars_take_only_what_they_name() {
        let table = [
            (shown::<TimeZone>(text("Europe/Zurich")), shown::<TimeZone>(text("Mars/Olympus"))),
            (shown::<Locale>(text("fr-ch")), shown::<Locale>(text("fr_CH!"))),
            (shown::<CurrencyCode>(text("CHF")), shown::<CurrencyCode>(text("CHX"))),
            (shown::<Url>(text("https://example.org/a.jpg")), shown::<Url>(text("javascript:x"))),
        ];
        for (fine, wrong) in table {
            assert!(fine.is_some() && wrong.is_none(), "{fine:?} {wrong:?}");
        }
    }
}
