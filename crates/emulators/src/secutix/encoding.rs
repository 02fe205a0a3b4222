//! Encodes responses as JSON or XML, with the date format of each, and decodes parameters (`secutix.md §2.10`).

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::secutix::world::LocalizedText;

/// Transport of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Json,
    Soap,
}

/// Encodes dates and instants of a response.
#[derive(Clone)]
pub(super) struct Encoder {
    pub encoding: Encoding,
    pub zone: TimeZone,
}

impl Encoder {
    /// Encodes an instant: UTC with milliseconds in JSON, local time with its offset in SOAP.
    pub(super) fn instant(&self, instant: Timestamp) -> Value {
        match self.encoding {
            Encoding::Json => json!(format!("{}+00:00", format!("{instant:.3}").trim_end_matches('Z'))),
            Encoding::Soap => {
                let local = instant.to_zoned(self.zone.clone());
                json!(local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
            }
        }
    }

    /// Encodes a day as the instant of local midnight.
    pub(super) fn day(&self, day: Date) -> Value {
        self.zone.to_timestamp(day.at(0, 0, 0, 0)).map_or(Value::Null, |midnight| self.instant(midnight))
    }
}

/// Encodes text in several languages.
pub(super) fn localized(label: &LocalizedText) -> Value {
    let translations: Vec<Value> =
        label.iter().map(|(locale, text)| json!({"locale": locale, "value": text})).collect();
    json!({ "translations": translations })
}

/// Writes a value as XML elements: `null` and empty lists are omitted, a list repeats its element (`secutix.md §2.4`).
pub(super) fn write_xml(out: &mut String, name: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Array(list) => list.iter().for_each(|one| write_xml(out, name, one)),
        Value::Object(children) if children.is_empty() => out.push_str(&format!("<{name}/>")),
        Value::Object(children) => {
            out.push_str(&format!("<{name}>"));
            children.iter().for_each(|(child, value)| write_xml(out, child, value));
            out.push_str(&format!("</{name}>"));
        }
        Value::String(text) => out.push_str(&format!("<{name}>{}</{name}>", quick_xml::escape::escape(text.as_str()))),
        plain => out.push_str(&format!("<{name}>{plain}</{name}>")),
    }
}

/// Parameters of a call, decoded from either transport.
pub(super) struct Parameters(pub Value);

impl Parameters {
    /// Returns a member, or `null` if it is missing.
    pub(super) fn get(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or(&Value::Null)
    }

    /// Returns an integer, given as a number or as text.
    pub(super) fn id(&self, name: &str) -> Option<i64> {
        as_number(self.get(name))
    }

    /// Returns text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        as_text(self.get(name))
    }

    /// Returns true for `true` or `1`.
    pub(super) fn flag(&self, name: &str) -> bool {
        matches!(self.text(name).as_deref(), Some("true" | "1"))
    }

    /// Returns a list. A single value is a list of one, `null` an empty list.
    pub(super) fn list(&self, name: &str) -> Vec<&Value> {
        as_list(self.get(name))
    }

    /// Returns a list of integers.
    pub(super) fn ids(&self, name: &str) -> Vec<i64> {
        self.list(name).into_iter().filter_map(as_number).collect()
    }

    /// Returns a nested object.
    pub(super) fn object(&self, name: &str) -> Self {
        Self(self.get(name).clone())
    }

    /// Returns an instant.
    pub(super) fn instant(&self, name: &str) -> Option<Timestamp> {
        self.text(name)?.parse().ok()
    }
}

/// Returns an integer, given as a number or as text.
pub(super) fn as_number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// Converts text, a number or a boolean to text.
pub(super) fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// Returns a list. A single value is a list of one, `null` an empty list.
pub(super) fn as_list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(list) => list.iter().filter(|one| !one.is_null()).collect(),
        one => vec![one],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_have_the_format_of_their_transport() {
        let instant: Timestamp = "2026-11-05T19:00:00Z".parse().expect("a valid instant");
        let zone = TimeZone::get("Europe/Paris").expect("a known time zone");
        let encoder = |encoding| Encoder { encoding, zone: zone.clone() };
        assert_eq!(encoder(Encoding::Json).instant(instant), json!("2026-11-05T19:00:00.000+00:00"));
        assert_eq!(encoder(Encoding::Soap).instant(instant), json!("2026-11-05T20:00:00+01:00"));
    }

    #[test]
    fn lists_repeat_their_element_and_null_is_omitted() {
        let mut out = String::new();
        write_xml(&mut out, "r", &json!({"ids": [1, 2], "none": null, "no": [], "t": "a<b", "yes": true, "map": {}}));
        assert_eq!(out, "<r><ids>1</ids><ids>2</ids><map/><t>a&lt;b</t><yes>true</yes></r>");
    }
}
