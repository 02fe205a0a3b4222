//! Values as JSON.

use async_graphql::{Response, Value};
use serde::Serialize;

/// An answer as JSON, keys in the order of the document. What [`Rows`](super::Rows) wrote goes out as it is.
pub fn to_json(response: &Response) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024 + written(&response.data));
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
    out.push(b'}');
    out
}

/// How many bytes of it are written already.
fn written(value: &Value) -> usize {
    match value {
        Value::Binary(bytes) => bytes.len(),
        Value::Object(fields) => fields.values().map(written).sum(),
        // Rows are written as one value: lists of the executor hold none.
        _ => 0,
    }
}

/// A value of the executor.
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
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write_value(item, out);
            }
            out.push(b']');
        }
        Value::Object(fields) => {
            out.push(b'{');
            for (place, (name, field)) in fields.iter().enumerate() {
                if place > 0 {
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

/// A text with its quotes.
pub(super) fn write_text(text: &str, out: &mut Vec<u8>) {
    // Looked at as a whole, which is many times faster than letter by letter: hardly any text has something to escape.
    let must_escape = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    if text.bytes().fold(false, |found, byte| found | must_escape(byte)) {
        return write_serde(text, out);
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

fn write_serde(value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) {
    // Neither a text, a number nor an error can fail to be JSON, and memory does not refuse to be written.
    let _ = serde_json::to_writer(out, value);
}

#[cfg(test)]
mod tests {
    use async_graphql::{ServerError, value};

    use super::*;

    #[test]
    fn an_answer_reads_as_serde_would_write_it() {
        let mut answer = Response::new(value!({
            "a": [1, -2.5, true, false, null, "ü \"quoted\" \\ \u{7}\n", {}], "b": { "c": [[]], "d": "" }, "é\"": 1
        }));
        let plain = serde_json::to_string(&answer).expect("JSON");
        assert_eq!(String::from_utf8(to_json(&answer)).expect("text"), plain);
        answer.errors.push(ServerError::new("no \"way\"", None));
        answer.extensions.insert("x".to_owned(), value!({ "calls": 3 }));
        let plain = serde_json::to_string(&answer).expect("JSON");
        assert_eq!(String::from_utf8(to_json(&answer)).expect("text"), plain);
    }

    proptest::proptest! {
        #[test]
        fn a_text_is_written_as_serde_writes_it(text in "[a-zé\"\\\\\u{0}-\u{20}\u{7f}]{0,40}") {
            let mut out = Vec::new();
            write_text(&text, &mut out);
            proptest::prop_assert_eq!(String::from_utf8(out).expect("text"), serde_json::to_string(&text).expect("JSON"));
        }
    }

    #[test]
    fn what_was_written_goes_out_as_it_is() {
        let answer = Response::new(Value::Object(
            [(async_graphql::Name::new("rows"), Value::Binary(b"[{\"id\":\"x\"}]".as_slice().into()))].into(),
        ));
        assert_eq!(to_json(&answer), b"{\"data\":{\"rows\":[{\"id\":\"x\"}]}}");
    }
}
