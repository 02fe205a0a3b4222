//! Serialization of values as JSON.

use async_graphql::{Response, Value};
use serde::Serialize;

/// Serializes a response as JSON with keys in document order. Raw JSON from [`JsonRows`](super::JsonRows) is copied as
/// it is.
pub fn to_json(response: &Response) -> Vec<u8> {
    write_response(response, None)
}

/// Serializes the first response of several, with `hasNext`.
pub fn to_initial_json(response: &Response, has_next: bool) -> Vec<u8> {
    write_response(response, Some(has_next))
}

fn write_response(response: &Response, has_next: Option<bool>) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024 + raw_len(&response.data));
    out.push(b'{');
    if !response.errors.is_empty() {
        out.extend_from_slice(b"\"errors\":");
        write_serde(&response.errors, &mut out);
        out.push(b',');
    }
    out.extend_from_slice(b"\"data\":");
    write_value(&response.data, &mut out);
    if !response.extensions.is_empty() {
        out.extend_from_slice(b",\"extensions\":");
        write_serde(&response.extensions, &mut out);
    }
    if let Some(has_next) = has_next {
        out.extend_from_slice(b",\"hasNext\":");
        write_serde(&has_next, &mut out);
    }
    out.push(b'}');
    out
}

/// Number of bytes that are already serialized.
fn raw_len(value: &Value) -> usize {
    match value {
        Value::Binary(bytes) => bytes.len(),
        Value::Object(fields) => fields.values().map(raw_len).sum(),
        // Rows are serialized as one value; lists of the executor contain none.
        _ => 0,
    }
}

/// Writes a value of the executor.
pub(super) fn write_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Boolean(true) => out.extend_from_slice(b"true"),
        Value::Boolean(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => write_serde(number, out),
        Value::String(text) => write_text(text, out),
        Value::Enum(name) => write_text(name, out),
        Value::Binary(written) => out.extend_from_slice(written),
        Value::List(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_value(item, out);
            }
            out.push(b']');
        }
        Value::Object(fields) => {
            out.push(b'{');
            for (index, (name, field)) in fields.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_text(name, out);
                out.push(b':');
                write_value(field, out);
            }
            out.push(b'}');
        }
    }
}

/// Writes a quoted JSON string.
pub(super) fn write_text(text: &str, out: &mut Vec<u8>) {
    // Checking the whole text at once is many times faster than letter by letter, and hardly any text needs escaping.
    let must_escape = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    if text.bytes().fold(false, |found, byte| found | must_escape(byte)) {
        return write_serde(text, out);
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

fn write_serde(value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) {
    // Strings, numbers and errors always serialize, and writing to memory does not fail.
    let _ = serde_json::to_writer(out, value);
}

#[cfg(test)]
mod tests {
    use async_graphql::{ServerError, value};

    use super::*;

    #[test]
    fn a_response_serializes_like_serde() {
        let mut response = Response::new(value!({
            "a": [1, -2.5, true, false, null, "ü \"quoted\" \\ \u{7}\n", {}], "b": { "c": [[]], "d": "" }, "é\"": 1
        }));
        let plain = serde_json::to_string(&response).expect("JSON");
        assert_eq!(String::from_utf8(to_json(&response)).expect("text"), plain);
        response.errors.push(ServerError::new("no \"way\"", None));
        response.extensions.insert("x".to_owned(), value!({ "calls": 3 }));
        let plain = serde_json::to_string(&response).expect("JSON");
        assert_eq!(String::from_utf8(to_json(&response)).expect("text"), plain);
    }

    proptest::proptest! {
        #[test]
        fn a_string_serializes_like_serde(text in "[a-zé\"\\\\\u{0}-\u{20}\u{7f}]{0,40}") {
            let mut out = Vec::new();
            write_text(&text, &mut out);
            proptest::prop_assert_eq!(String::from_utf8(out).expect("text"), serde_json::to_string(&text).expect("JSON"));
        }
    }

    #[test]
    fn raw_json_is_copied_unchanged() {
        let response = Response::new(Value::Object(
            [(async_graphql::Name::new("rows"), Value::Binary(b"[{\"id\":\"x\"}]".as_slice().into()))].into(),
        ));
        assert_eq!(to_json(&response), b"{\"data\":{\"rows\":[{\"id\":\"x\"}]}}");
    }
}
