//! Which media type an answer has, and which requests may carry a body (GraphQL over HTTP, "Media Types").

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};

/// The media types of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// `application/graphql-response+json`: the status says whether the operation ran.
    GraphqlResponse,
    /// `application/json`: a well-formed request is answered with 200.
    Json,
    /// `text/event-stream`: subscriptions, one event a result.
    EventStream,
    /// `text/html`: a browser that opens the address.
    Html,
}

impl Media {
    /// The value of `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
            Self::EventStream => "text/event-stream; charset=utf-8",
            Self::Html => "text/html; charset=utf-8",
        }
    }

    const KNOWN: [(&'static str, Self); 4] = [
        ("application/json", Self::Json),
        ("application/graphql-response+json", Self::GraphqlResponse),
        ("text/event-stream", Self::EventStream),
        ("text/html", Self::Html),
    ];
}

/// The best media type that the client accepts, by its own weights and then by its own order; JSON where it does not say.
/// `None`: it accepts nothing that we have.
pub fn accepted(headers: &HeaderMap) -> Option<Media> {
    let mut ranges = Vec::new();
    for value in headers.get_all(ACCEPT) {
        ranges.extend(value.to_str().ok()?.split(',').filter_map(range));
    }
    if ranges.is_empty() {
        return Some(Media::Json);
    }
    // A stable sort keeps the client's order among equal weights.
    ranges.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
    ranges.into_iter().filter(|(_, weight)| *weight > 0).find_map(|(name, _)| match name.as_str() {
        "*/*" | "application/*" => Some(Media::Json),
        "text/*" => None,
        name => Media::KNOWN.iter().find(|(known, _)| *known == name).map(|(_, media)| *media),
    })
}

/// A media range and its weight in thousandths.
fn range(text: &str) -> Option<(String, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().filter(|name| name.contains('/'))?.to_ascii_lowercase();
    let mut weight = 1000;
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        match key.trim().to_ascii_lowercase().as_str() {
            "q" => weight = thousandths(value.trim()),
            "charset" if !value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8") => return None,
            _ => {}
        }
    }
    Some((name, weight))
}

/// `0.85` as 850; nonsense weighs nothing.
fn thousandths(text: &str) -> u16 {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = rest.chars().chain("000".chars()).take(3).collect();
    match (whole, digits.parse::<u16>()) {
        ("1", _) => 1000,
        ("0" | "", Ok(digits)) => digits,
        _ => 0,
    }
}

/// Whether the body is JSON in UTF-8. Nothing else is read: forms, plain text and multipart are what a simple cross-site request can send.
pub fn carries_json(headers: &HeaderMap) -> bool {
    let Some(Ok(text)) = headers.get(CONTENT_TYPE).map(|value| value.to_str()) else { return false };
    matches!(range(text), Some((name, _)) if name == "application/json" || name == "application/graphql+json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: axum::http::HeaderName, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().expect("a header"));
        headers
    }

    #[test]
    fn the_clients_weights_and_order_decide() {
        for (accept, media) in [
            ("application/graphql-response+json", Some(Media::GraphqlResponse)),
            ("application/graphql-response+json, application/json;q=0.9", Some(Media::GraphqlResponse)),
            ("application/json;q=0.9, application/graphql-response+json", Some(Media::GraphqlResponse)),
            ("application/json, application/graphql-response+json", Some(Media::Json)),
            ("application/json; charset=utf-8", Some(Media::Json)),
            ("*/*", Some(Media::Json)),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Some(Media::Html)),
            ("text/event-stream", Some(Media::EventStream)),
            ("image/png", None),
            ("application/json;q=0", None),
        ] {
            assert_eq!(accepted(&with(ACCEPT, accept)), media, "{accept}");
        }
        assert_eq!(accepted(&HeaderMap::new()), Some(Media::Json));
    }

    #[test]
    fn only_json_is_read() {
        for (kind, fine) in [
            ("application/json", true),
            ("application/json; charset=UTF-8", true),
            ("application/json; charset=latin1", false),
            ("text/plain", false),
            ("multipart/form-data; boundary=x", false),
            ("application/x-www-form-urlencoded", false),
        ] {
            assert_eq!(carries_json(&with(CONTENT_TYPE, kind)), fine, "{kind}");
        }
        assert!(!carries_json(&HeaderMap::new()));
    }
}
