//! Request ids: taken from the client if well-formed, otherwise generated, and returned with every response.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// Header of requests and responses.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Id of the current request.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// Returns the id in the headers, or a new one.
pub fn from_headers(headers: &HeaderMap) -> String {
    headers.get(&HEADER).and_then(parse).unwrap_or_else(generate)
}

/// Adds the id to the headers of a response.
pub fn add_header(id: &str, headers: &mut HeaderMap) {
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(HEADER, value);
    }
}

/// Accepts at most 128 letters, digits and `._-`, because ids are logged.
fn parse(value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok()?;
    let is_valid =
        !text.is_empty() && text.len() <= 128 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    is_valid.then(|| text.to_owned())
}

/// Returns a new id.
pub(super) fn generate() -> String {
    format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_that_are_safe_in_logs_are_accepted() {
        let take = |text: &'static str| parse(&HeaderValue::from_static(text));
        assert_eq!(take("req-1.A_b").as_deref(), Some("req-1.A_b"));
        assert_eq!(take("a b"), None);
        assert_eq!(take(""), None);
        assert_eq!(generate().len(), 32);
    }
}
