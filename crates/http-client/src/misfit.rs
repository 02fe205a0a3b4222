//! Reasons why a response does not fit, for operators: keys and types are shown, values never.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

/// Number of characters of a response that are logged.
const MAX_SAMPLE: usize = 400;
/// Longest body that is sampled by its keys, in bytes.
const MAX_SAMPLED_BYTES: usize = 1 << 20;
/// Longest key that is shown.
const MAX_KEY: usize = 40;
/// Most digits at the end of a key that is shown.
const MAX_KEY_DIGITS: usize = 2;
/// Stands for a key that is a value.
const HIDDEN_KEY: &str = "…";

/// Returns the path of the first field that does not fit a type, and why. Reads the body again, because finding the path costs time.
pub(crate) fn misfit<T: DeserializeOwned>(body: &[u8]) -> String {
    let mut reader = serde_json::Deserializer::from_slice(body);
    match serde_path_to_error::deserialize::<_, T>(&mut reader) {
        Err(error) if error.inner().is_data() => format!("field `{}`: {}", shown_path(error.path()), error.inner()),
        Err(error) if body.iter().any(|byte| !byte.is_ascii_whitespace()) => format!("is not JSON: {}", error.inner()),
        Err(_) => "the body is empty".to_owned(),
        Ok(_) => "there is more than one value".to_owned(),
    }
}

/// Returns why the first row of a list does not fit a type. The list is the body, or the only list among its fields.
pub(crate) fn row_misfit<T: DeserializeOwned>(body: &[u8]) -> String {
    let lists: Vec<Vec<Value>> = match serde_json::from_slice::<Value>(body) {
        Ok(Value::Array(rows)) => vec![rows],
        Ok(Value::Object(fields)) => fields.into_iter().filter_map(|(_, value)| as_rows(value)).collect(),
        _ => Vec::new(),
    };
    match lists.as_slice() {
        [rows] if !rows.is_empty() => misfit::<T>(rows[0].to_string().as_bytes()),
        _ => "no row is readable".to_owned(),
    }
}

fn as_rows(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(rows) => Some(rows),
        _ => None,
    }
}

/// Returns a key if it reads as a name. The keys of a map may be addresses of people or codes of tickets.
fn shown_key(key: &str) -> &str {
    let name = key.trim_end_matches(|c: char| c.is_ascii_digit());
    let is_name = !name.is_empty()
        && key.len() <= MAX_KEY
        && key.len() - name.len() <= MAX_KEY_DIGITS
        && name.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b'.'));
    if is_name { key } else { HIDDEN_KEY }
}

/// Formats a path as the library does, without keys that are values.
fn shown_path(path: &Path) -> String {
    let mut shown = String::new();
    for segment in path {
        if !shown.is_empty() && !matches!(segment, Segment::Seq { .. }) {
            shown.push('.');
        }
        match segment {
            Segment::Seq { index } => shown.push_str(&format!("[{index}]")),
            Segment::Map { key } | Segment::Enum { variant: key } => shown.push_str(shown_key(key)),
            Segment::Unknown => shown.push('?'),
        }
    }
    if shown.is_empty() { ".".to_owned() } else { shown }
}

/// Hides the key in a message about an unknown field, unless it reads as a name.
fn with_shown_field(message: &str) -> String {
    const UNKNOWN: &str = "unknown field `";
    let Some((before, rest)) = message.split_once(UNKNOWN) else { return message.to_owned() };
    // The last one: a key may contain the same words.
    let end = rest.rfind("`, expected").or_else(|| rest.rfind("`, there are no")).unwrap_or(rest.len());
    format!("{before}{UNKNOWN}{}{}", shown_key(&rest[..end]), &rest[end..])
}

/// Removes the value that a parser's message quotes. Names of fields and what was expected stay.
pub(crate) fn without_values(message: &str) -> String {
    const NAMES_FIELDS: [&str; 3] = ["missing field", "unknown field", "duplicate field"];
    let (path, reason) =
        message.split_once(": ").filter(|(path, _)| path.starts_with("field `")).unwrap_or(("", message));
    if !reason.contains(['`', '"']) || NAMES_FIELDS.iter().any(|names| reason.starts_with(names)) {
        return with_shown_field(message);
    }
    let kind = reason.split(['`', '"']).next().unwrap_or_default().trim_end();
    // The last one: a value may contain the same words.
    let expected = reason.rsplit_once(", expected").map(|(_, expected)| format!(", expected{expected}"));
    let separator = if path.is_empty() { "" } else { ": " };
    format!("{path}{separator}{kind}{}", expected.unwrap_or_default())
}

/// Shows the structure of a body: of JSON the keys and the types, of anything else its length only.
pub(crate) fn sample(body: &[u8]) -> String {
    if body.len() > MAX_SAMPLED_BYTES {
        return "(long)".to_owned();
    }
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return "(not JSON)".to_owned() };
    let text = shape(&value).to_string();
    text.chars().take(MAX_SAMPLE).collect()
}

/// Replaces each value by its type, and a list by its first row.
fn shape(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Bool(_) => "bool".into(),
        Value::Number(number) if number.is_f64() => "decimal".into(),
        Value::Number(_) => "number".into(),
        Value::String(_) => "text".into(),
        Value::Array(rows) => rows.iter().take(1).map(shape).collect(),
        Value::Object(fields) => fields.iter().map(|(key, value)| (shown_key(key).to_owned(), shape(value))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Row {
        #[serde(rename = "price")]
        _price: u32,
    }

    #[test]
    fn a_misfit_names_the_field_and_the_types_and_no_value() {
        for (body, expected) in [
            (
                r#"[{"price": 5}, {"price": "K7P2, expected \" `x"}]"#,
                "field `[1].price`: invalid type: string, expected u32",
            ),
            (r#"[{"price": 4711.5}]"#, "field `[0].price`: invalid type: floating point, expected u32"),
            (r#"[{"cost": 5}]"#, "field `[0]`: missing field `price`"),
            (r#"{"rows": []}"#, "field `.`: invalid type: map, expected a sequence"),
            ("<html>Ada Guest</html>", "is not JSON: expected value"),
            (" ", "the body is empty"),
        ] {
            let said = without_values(&misfit::<Vec<Row>>(body.as_bytes()));
            assert!(said.starts_with(expected), "{said}");
            assert!(["K7P2", "4711", "Ada"].iter().all(|value| !said.contains(value)), "{said}");
        }
        assert_eq!(
            without_values("unknown variant `secret`, expected `a` or `b`"),
            "unknown variant, expected `a` or `b`"
        );
        assert_eq!(without_values("no row is readable"), "no row is readable");
    }

    #[test]
    fn a_list_without_a_readable_row_is_explained_by_its_first_row() {
        for body in [r#"[{"cost": "K7P2"}, {}]"#, r#"{"total": 2, "list": [{"cost": "K7P2"}]}"#] {
            let said = row_misfit::<Row>(body.as_bytes());
            assert!(said.starts_with("field `.`: missing field `price`"), "{said}");
        }
        for body in ["5", "[]", r#"{"errors": [{}], "list": [{"cost": 1}]}"#] {
            assert_eq!(row_misfit::<Row>(body.as_bytes()), "no row is readable");
        }
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        #[serde(rename = "price")]
        _price: u32,
    }

    #[test]
    fn a_key_that_is_a_value_is_hidden() {
        let body = br#"{"ada@example.com":{"K7P2M9QX":[1],"address2":1},"4711":null,"a-b_c.d":2,"Ada Guest":1}"#;
        assert_eq!(sample(body), r#"{"a-b_c.d":"number","…":{"address2":"number","…":["number"]}}"#);
        for key in ["ada@example.com", "K7P2M9QX", "ada: `x`, expected y", "", "abc123", &"x".repeat(41)] {
            let rows = serde_json::json!({ "rows": { key: [{ "price": 1 }, { "price": true }] } }).to_string();
            let said = without_values(&misfit::<HashMap<String, HashMap<String, Vec<Row>>>>(rows.as_bytes()));
            assert!(said.starts_with("field `rows.…[1].price`: invalid type: boolean, expected u32"), "{said}");
            let row = serde_json::json!({ key: 1 }).to_string();
            let said = without_values(&misfit::<Strict>(row.as_bytes()));
            assert!(said.contains("unknown field `…`, expected `price`"), "{said}");
        }
        let said = without_values(&misfit::<Strict>(br#"{"cost": 1}"#));
        assert!(said.contains("unknown field `cost`, expected `price`"), "{said}");
    }

    #[test]
    fn a_sample_shows_keys_and_types_and_no_value() {
        let body = br#"{"code":"K7P2M9QX","rows":[{"n":41,"price":1.5},{"n":42}],"name":null,"paid":true}"#;
        let expected = r#"{"code":"text","name":null,"paid":"bool","rows":[{"n":"number","price":"decimal"}]}"#;
        assert_eq!(sample(body), expected);
        assert_eq!(sample(b"<p>Ada</p>"), "(not JSON)");
    }
}
