//! Serializes executed responses to JSON.

use async_graphql::Response;
use serde_json::json;

use crate::graphql::json_writer::to_json;

/// Returns true if execution never started: errors without a path, and no data. The body then has no `data` entry
/// (GraphQL §7.1).
pub fn is_request_error(response: &Response) -> bool {
    !response.errors.is_empty()
        && response.data == async_graphql::Value::Null
        && response.errors.iter().all(|error| error.path.is_empty())
}

/// Serializes a response as a JSON text.
pub fn to_json_text(response: &Response) -> String {
    if is_request_error(response) {
        return json!({ "errors": response.errors }).to_string();
    }
    // The serializer writes UTF-8 only.
    String::from_utf8(to_json(response)).unwrap_or_default()
}
