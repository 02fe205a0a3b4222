//! How the emulator talks: values to JSON or XML, dates in the dialect of each (`secutix.md §2.10`).

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::secutix::world::Label;

/// Which of the two transports a caller speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tongue {
    Json,
    Soap,
}

/// The voice of an answer.
#[derive(Clone)]
pub(super) struct Voice {
    pub tongue: Tongue,
    pub zone: TimeZone,
}

impl Voice {
    /// An instant: UTC with milliseconds in JSON, local time with its offset in SOAP.
    pub fn instant(&self, instant: Timestamp) -> Value {
        match self.tongue {
            Tongue::Json => json!(format!("{}+00:00", format!("{instant:.3}").trim_end_matches('Z'))),
            Tongue::Soap => {
                let local = instant.to_zoned(self.zone.clone());
                json!(local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
            }
        }
    }

    /// A day: the instant of local midnight.
    pub fn day(&self, day: Date) -> Value {
        self.zone.to_timestamp(day.at(0, 0, 0, 0)).map_or(Value::Null, |midnight| self.instant(midnight))
    }
}

/// Text in languages.
pub(super) fn label(label: &Label) -> Value {
    let translations: Vec<Value> =
        label.iter().map(|(locale, text)| json!({"locale": locale, "value": text})).collect();
    json!({ "translations": translations })
}

/// Writes a tree as elements: `null` is left out, a list repeats its element, an empty list vanishes (`secutix.md §2.4`).
pub(super) fn xml(out: &mut String, name: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Array(list) => list.iter().for_each(|one| xml(out, name, one)),
        Value::Object(children) if children.is_empty() => out.push_str(&format!("<{name}/>")),
        Value::Object(children) => {
            out.push_str(&format!("<{name}>"));
            children.iter().for_each(|(child, value)| xml(out, child, value));
            out.push_str(&format!("</{name}>"));
        }
        Value::String(text) => out.push_str(&format!("<{name}>{}</{name}>", quick_xml::escape::escape(text.as_str()))),
        plain => out.push_str(&format!("<{name}>{plain}</{name}>")),
    }
}

/// The parameters of a call, written either way.
pub(super) struct Parameters(pub Value);

impl Parameters {
    /// A member, `null` where it is missing.
    pub fn get(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or(&Value::Null)
    }

    /// A number, as a number or as text.
    pub fn id(&self, name: &str) -> Option<i64> {
        number(self.get(name))
    }

    /// Text.
    pub fn text(&self, name: &str) -> Option<String> {
        text(self.get(name))
    }

    /// Yes or no.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.text(name).as_deref(), Some("true" | "1"))
    }

    /// A list, one element of it, or nothing.
    pub fn list(&self, name: &str) -> Vec<&Value> {
        list(self.get(name))
    }

    /// A list of numbers.
    pub fn ids(&self, name: &str) -> Vec<i64> {
        self.list(name).into_iter().filter_map(number).collect()
    }

    /// What is below a member.
    pub fn inner(&self, name: &str) -> Self {
        Self(self.get(name).clone())
    }

    /// An instant.
    pub fn instant(&self, name: &str) -> Option<Timestamp> {
        self.text(name)?.parse().ok()
    }
}

/// A number, as a number or as text.
pub(super) fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// Text, or what can be shown as such.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// A list, one element of it, or nothing.
pub(super) fn list(value: &Value) -> Vec<&Value> {
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
    fn instants_are_written_in_the_dialect_of_each_transport() {
        let instant: Timestamp = "2026-11-05T19:00:00Z".parse().expect("an instant");
        let zone = TimeZone::get("Europe/Paris").expect("a zone");
        let voice = |tongue| Voice { tongue, zone: zone.clone() };
        assert_eq!(voice(Tongue::Json).instant(instant), json!("2026-11-05T19:00:00.000+00:00"));
        assert_eq!(voice(Tongue::Soap).instant(instant), json!("2026-11-05T20:00:00+01:00"));
    }

    #[test]
    fn a_tree_is_written_with_repeated_elements_and_without_what_is_missing() {
        let mut out = String::new();
        xml(&mut out, "r", &json!({"ids": [1, 2], "none": null, "no": [], "t": "a<b", "yes": true, "map": {}}));
        assert_eq!(out, "<r><ids>1</ids><ids>2</ids><map/><t>a&lt;b</t><yes>true</yes></r>");
    }
}
