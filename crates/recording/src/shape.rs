//! Describes a body by its keys and types, for reports that contain no values.

use serde_json::Value;

use crate::sample::SampleBody;

/// Longest description in bytes.
const MAX_SHAPE: usize = 600;

/// Describes a body: keys and types of JSON, elements of XML, the kind and size of anything else.
pub fn shape(body: &SampleBody) -> String {
    let mut text = match body {
        SampleBody::Empty => "no body".to_owned(),
        SampleBody::Json(value) => json(value),
        SampleBody::Xml(text) => format!("XML of {} bytes", text.len()),
        SampleBody::Text(text) => format!("text of {} bytes", text.len()),
        SampleBody::Binary(bytes) => format!("{bytes} bytes that are not text"),
        SampleBody::TooLarge(bytes) => format!("{bytes} bytes, more than a sample may have"),
    };
    if text.len() > MAX_SHAPE {
        // Keys are ASCII unless a recording was edited.
        let end = (0..=MAX_SHAPE).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        text.truncate(end);
        text.push('…');
    }
    text
}

fn json(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "boolean".to_owned(),
        Value::Number(_) => "number".to_owned(),
        Value::String(_) => "string".to_owned(),
        Value::Array(items) => items.first().map_or_else(|| "[]".to_owned(), |first| format!("[{}]", json(first))),
        Value::Object(members) => {
            let members: Vec<String> = members.iter().map(|(key, value)| format!("{key}: {}", json(value))).collect();
            format!("{{{}}}", members.join(", "))
        }
    }
}
