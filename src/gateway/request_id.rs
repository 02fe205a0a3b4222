//! The id of a request: taken from the client where it is well formed, drawn otherwise, and on every answer.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// The header that carries it, both ways.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The id of the request at hand.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// The id of a request with these headers: its own, or one that is drawn.
pub fn of(headers: &HeaderMap) -> String {
    headers.get(&HEADER).and_then(well_formed).unwrap_or_else(draw)
}

/// Puts the id on an answer.
pub fn tell(id: &str, headers: &mut HeaderMap) {
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(HEADER, value);
    }
}

/// Letters, digits and `._-`, at most 128: it goes into logs.
fn well_formed(value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok()?;
    let fine =
        !text.is_empty() && text.len() <= 128 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    fine.then(|| text.to_owned())
}

fn draw() -> String {
    format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_safe_in_a_log_is_taken_over() {
        let take = |text: &'static str| well_formed(&HeaderValue::from_static(text));
        assert_eq!(take("req-1.A_b").as_deref(), Some("req-1.A_b"));
        assert_eq!(take("a b"), None);
        assert_eq!(take(""), None);
        assert_eq!(draw().len(), 32);
    }
}
