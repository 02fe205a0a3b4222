//! Content negotiation (GraphQL over HTTP, "Media Types").

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};

/// Media types of responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaType {
    /// `application/graphql-response+json`: the status shows whether the operation was executed.
    GraphqlResponse,
    /// `application/json`: a well-formed request gets status 200.
    Json,
    /// `text/event-stream`: one event per result.
    EventStream,
    /// `text/html`: a browser.
    Html,
}

impl MediaType {
    /// Returns the value of `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
            Self::EventStream => "text/event-stream; charset=utf-8",
            Self::Html => "text/html; charset=utf-8",
        }
    }

    const SUPPORTED: [(&'static str, Self); 4] = [
        ("application/json", Self::Json),
        ("application/graphql-response+json", Self::GraphqlResponse),
        ("text/event-stream", Self::EventStream),
        ("text/html", Self::Html),
    ];
}

/// Returns the media type that the client prefers, by weight and then by order; JSON if it sends no preference. Returns
/// `None` if no accepted type is supported.
pub fn accepted_media_type(headers: &HeaderMap) -> Option<MediaType> {
    let mut ranges = Vec::new();
    for value in headers.get_all(ACCEPT) {
        ranges.extend(value.to_str().ok()?.split(',').filter_map(parse_media_range));
    }
    if ranges.is_empty() {
        return Some(MediaType::Json);
    }
    // The sort is stable: equal weights keep the order of the client.
    ranges.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
    ranges.into_iter().filter(|(_, weight)| *weight > 0).find_map(|(name, _)| match name.as_str() {
        "*/*" | "application/*" => Some(MediaType::Json),
        "text/*" => None,
        name => MediaType::SUPPORTED.iter().find(|(supported, _)| *supported == name).map(|(_, media)| *media),
    })
}

/// Parses a media range and its weight in thousandths.
fn parse_media_range(text: &str) -> Option<(String, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().filter(|name| name.contains('/'))?.to_ascii_lowercase();
    let mut weight = 1000;
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        match key.trim().to_ascii_lowercase().as_str() {
            "q" => weight = parse_weight(value.trim()),
            "charset" if !value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8") => return None,
            _ => {}
        }
    }
    Some((name, weight))
}

/// Parses `0.85` as 850; an invalid weight is 0.
fn parse_weight(text: &str) -> u16 {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = rest.chars().chain("000".chars()).take(3).collect();
    match (whole, digits.parse::<u16>()) {
        ("1", _) => 1000,
        ("0" | "", Ok(digits)) => digits,
        _ => 0,
    }
}

/// Returns true if the body is JSON in UTF-8. Forms, plain text and multipart are rejected, because simple cross-site
/// requests can send them.
pub fn has_json_body(headers: &HeaderMap) -> bool {
    let Some(Ok(text)) = headers.get(CONTENT_TYPE).map(|value| value.to_str()) else { return false };
    matches!(parse_media_range(text), Some((name, _)) if name == "application/json" || name == "application/graphql+json")
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
    fn client_weights_and_order_decide() {
        for (accept, media) in [
            ("application/graphql-response+json", Some(MediaType::GraphqlResponse)),
            ("application/graphql-response+json, application/json;q=0.9", Some(MediaType::GraphqlResponse)),
            ("application/json;q=0.9, application/graphql-response+json", Some(MediaType::GraphqlResponse)),
            ("application/json, application/graphql-response+json", Some(MediaType::Json)),
            ("application/json; charset=utf-8", Some(MediaType::Json)),
            ("*/*", Some(MediaType::Json)),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Some(MediaType::Html)),
            ("text/event-stream", Some(MediaType::EventStream)),
            ("image/png", None),
            ("application/json;q=0", None),
        ] {
            assert_eq!(accepted_media_type(&with(ACCEPT, accept)), media, "{accept}");
        }
        assert_eq!(accepted_media_type(&HeaderMap::new()), Some(MediaType::Json));
    }

    #[test]
    fn only_json_is_accepted() {
        for (kind, fine) in [
            ("application/json", true),
            ("application/json; charset=UTF-8", true),
            ("application/json; charset=latin1", false),
            ("text/plain", false),
            ("multipart/form-data; boundary=x", false),
            ("application/x-www-form-urlencoded", false),
        ] {
            assert_eq!(has_json_body(&with(CONTENT_TYPE, kind)), fine, "{kind}");
        }
        assert!(!has_json_body(&HeaderMap::new()));
    }
}
