//! The scalars of the schema.

use std::fmt;
use std::time::Duration;

use async_graphql::{InputType, InputValueError, InputValueResult, Number, Pos, Scalar, ScalarType, Value};
use domain::money::Currency;
use domain::source::Source;
use domain::text;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

/// The largest integer that every JSON client reads exactly.
const MAX_SAFE_INTEGER: i64 = (1 << 53) - 1;

/// Converts a count to a GraphQL `Int`, capped at 2^31 - 1.
pub fn int(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Converts a wait to whole seconds, rounded up, so that nobody returns too early.
pub fn seconds(wait: Duration) -> i32 {
    int(u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX))
}

fn expect_string<T: InputType>(value: Value) -> Result<String, InputValueError<T>> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(InputValueError::expected_type(other)),
    }
}

/// Returns true if a value can be parsed. Checked before execution, so that the error names the argument.
fn is_parsable<T: ScalarType>(value: &Value) -> bool {
    <T as ScalarType>::parse(value.clone()).is_ok()
}

/// Checks a value of a custom scalar before execution.
///
/// # Errors
///
/// What was expected.
pub fn check_scalar(name: &str, value: Value) -> Result<(), String> {
    fn check<T: InputType>(value: Value) -> Result<(), String> {
        let parsed = <T as InputType>::parse(Some(value));
        parsed.map(drop).map_err(|error| error.into_server_error(Pos::default()).message)
    }
    match name {
        "CurrencyCode" => check::<CurrencyCode>(value),
        "DateTime" => check::<DateTime>(value),
        "LocalDate" => check::<LocalDate>(value),
        "Locale" => check::<Locale>(value),
        "MinorUnits" => check::<MinorUnits>(value),
        "TimeZone" => check::<TimeZone>(value),
        "URL" => check::<Url>(value),
        _ => Ok(()),
    }
}

/// RFC 3339 timestamp, always with an offset. Catalog times have the offset of their source's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateTime {
    /// The instant.
    pub at: Timestamp,
    offset: Offset,
}

impl DateTime {
    /// Creates a timestamp with the offset of the source's time zone.
    pub fn of(source: &Source, at: Timestamp) -> Self {
        Self { at, offset: source.time_zone.to_offset(at) }
    }

    /// Creates a UTC timestamp.
    pub fn utc(at: Timestamp) -> Self {
        Self { at, offset: Offset::UTC }
    }
}

/// Formats as RFC 3339.
impl fmt::Display for DateTime {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.at.display_with_offset(self.offset).fmt(out)
    }
}

/// RFC 3339 timestamp, always with an offset. Catalog times have the offset of their source's time zone.
#[Scalar(name = "DateTime", specified_by_url = "https://scalars.graphql.org/andimarek/date-time")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let text = expect_string(value)?;
        let at = text.parse().map_err(|_| InputValueError::custom("expected an RFC 3339 timestamp with an offset"))?;
        Ok(Self::utc(at))
    }

    fn is_valid(value: &Value) -> bool {
        is_parsable::<Self>(value)
    }

    fn to_value(&self) -> Value {
        Value::String(self.to_string())
    }
}

/// A calendar day in the source's time zone, YYYY-MM-DD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalDate(pub Date);

/// A calendar day in the source's time zone, YYYY-MM-DD.
#[Scalar(name = "LocalDate")]
impl ScalarType for LocalDate {
    fn parse(value: Value) -> InputValueResult<Self> {
        let text = expect_string(value)?;
        // Exactly ten characters: a longer text may be a timestamp, which would be truncated to its day.
        let day = text.parse().ok().filter(|_| text.len() == "YYYY-MM-DD".len());
        day.map(Self).ok_or_else(|| InputValueError::custom("expected a day as YYYY-MM-DD"))
    }

    fn is_valid(value: &Value) -> bool {
        is_parsable::<Self>(value)
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
        let name = expect_string(value)?;
        jiff::tz::TimeZone::get(&name).map_err(|_| InputValueError::custom("expected an IANA time zone name"))?;
        Ok(Self(name))
    }

    fn is_valid(value: &Value) -> bool {
        is_parsable::<Self>(value)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// BCP 47 language tag. A scalar rather than an enum, so that a new language breaks no client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locale(pub text::Locale);

/// BCP 47 language tag. A scalar rather than an enum, so that a new language breaks no client.
#[Scalar(name = "Locale")]
impl ScalarType for Locale {
    fn parse(value: Value) -> InputValueResult<Self> {
        let tag = expect_string(value)?;
        text::Locale::parse(&tag).map(Self).ok_or_else(|| InputValueError::custom("expected a BCP 47 language tag"))
    }

    fn is_valid(value: &Value) -> bool {
        is_parsable::<Self>(value)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.as_str().to_owned())
    }
}

/// ISO 4217 currency code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrencyCode(pub Currency);

/// ISO 4217 currency code.
#[Scalar(name = "CurrencyCode")]
impl ScalarType for CurrencyCode {
    fn parse(value: Value) -> InputValueResult<Self> {
        let code = expect_string(value)?;
        code.parse().map(Self).map_err(|_| InputValueError::custom("expected an ISO 4217 code"))
    }

    fn is_valid(value: &Value) -> bool {
        is_parsable::<Self>(value)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.code().to_owned())
    }
}

/// Whole number of minor units, up to 2^53 - 1 (a GraphQL Int ends at 2^31 - 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinorUnits(pub i64);

/// Whole number of minor units, up to 2^53 - 1 (a GraphQL Int ends at 2^31 - 1).
#[Scalar(name = "MinorUnits")]
impl ScalarType for MinorUnits {
    fn parse(value: Value) -> InputValueResult<Self> {
        let units = match &value {
            Value::Number(number) => {
                number.as_i64().filter(|units| (-MAX_SAFE_INTEGER..=MAX_SAFE_INTEGER).contains(units))
            }
            _ => None,
        };
        units.map(Self).ok_or_else(|| InputValueError::custom("expected a whole number up to 2^53 - 1"))
    }

    fn is_valid(value: &Value) -> bool {
        is_parsable::<Self>(value)
    }

    fn to_value(&self) -> Value {
        Value::Number(Number::from(self.0))
    }
}

/// An absolute http or https URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url(pub String);

/// An absolute http or https URL.
#[Scalar(name = "URL", specified_by_url = "https://url.spec.whatwg.org/")]
impl ScalarType for Url {
    fn parse(value: Value) -> InputValueResult<Self> {
        let text = expect_string(value)?;
        match url::Url::parse(&text) {
            Ok(address) if matches!(address.scheme(), "http" | "https") => Ok(Self(text)),
            _ => Err(InputValueError::custom("expected an absolute http or https URL")),
        }
    }

    fn is_valid(value: &Value) -> bool {
        is_parsable::<Self>(value)
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

    /// Parses and serializes an input again. Returns `None` if it is rejected.
    fn reserialized<T: ScalarType>(input: Value) -> Option<Value> {
        <T as ScalarType>::parse(input).ok().map(|parsed| ScalarType::to_value(&parsed))
    }

    #[test]
    fn a_timestamp_without_an_offset_is_rejected() {
        for valid in ["2026-03-29T03:00:00+02:00", "2026-03-29T01:00:00Z"] {
            assert_eq!(reserialized::<DateTime>(text(valid)), Some(text("2026-03-29T01:00:00+00:00")));
        }
        for invalid in ["2026-03-29T03:00:00", "2026-03-29", "soon", ""] {
            assert_eq!(reserialized::<DateTime>(text(invalid)), None, "{invalid}");
        }
    }

    #[test]
    fn a_day_has_exactly_ten_characters() {
        assert_eq!(reserialized::<LocalDate>(text("2028-02-29")), Some(text("2028-02-29")));
        for invalid in ["2027-02-29", "2026-1-1", "20260101", "2026-01-01T00:00:00Z", ""] {
            assert_eq!(reserialized::<LocalDate>(text(invalid)), None, "{invalid}");
        }
    }

    #[test]
    fn minor_units_end_at_the_largest_safe_integer() {
        assert_eq!(reserialized::<MinorUnits>(Value::from(MAX_SAFE_INTEGER)), Some(Value::from(MAX_SAFE_INTEGER)));
        for invalid in [Value::from(MAX_SAFE_INTEGER + 1), Value::from(2.5), text("2")] {
            assert_eq!(reserialized::<MinorUnits>(invalid.clone()), None, "{invalid}");
        }
    }

    #[test]
    fn other_scalars_accept_valid_values_only() {
        let table = [
            (reserialized::<TimeZone>(text("Europe/Zurich")), reserialized::<TimeZone>(text("Mars/Olympus"))),
            (reserialized::<Locale>(text("fr-ch")), reserialized::<Locale>(text("fr_CH!"))),
            (reserialized::<CurrencyCode>(text("CHF")), reserialized::<CurrencyCode>(text("CHX"))),
            (reserialized::<Url>(text("https://example.org/a.jpg")), reserialized::<Url>(text("javascript:x"))),
        ];
        for (valid, invalid) in table {
            assert!(valid.is_some() && invalid.is_none(), "{valid:?} {invalid:?}");
        }
    }
}
