//! The id of a request: taken from the client where it is well formed, drawn otherwise, and on every answer.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

/// The header that carries it, both ways.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The id of the request at hand.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// Puts the id into the request and on the answer.
pub async fn layer(mut request: Request, next: Next) -> Response {
    let id = request.headers().get(&HEADER).and_then(well_formed).unwrap_or_else(draw);
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    response
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
