//! Content negotiation (GraphQL over HTTP, "Media Types").

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use mediatype::{MediaTypeList, Name, ReadParams as _, names};

const JSON: mediatype::MediaType<'static> = mediatype::MediaType::new(names::APPLICATION, names::JSON);
const GRAPHQL_JSON: mediatype::MediaType<'static> =
    mediatype::MediaType::from_parts(names::APPLICATION, Name::new_unchecked("graphql"), Some(names::JSON), &[]);
const GRAPHQL_RESPONSE: mediatype::MediaType<'static> = mediatype::MediaType::from_parts(
    names::APPLICATION,
    Name::new_unchecked("graphql-response"),
    Some(names::JSON),
    &[],
);
const EVENT_STREAM: mediatype::MediaType<'static> = mediatype::MediaType::new(names::TEXT, names::EVENT_STREAM);
const MULTIPART_MIXED: mediatype::MediaType<'static> = mediatype::MediaType::new(names::MULTIPART, names::MIXED);
const DEFER_SPEC: Name<'static> = Name::new_unchecked("deferSpec");
const INCREMENTAL_SPEC: Name<'static> = Name::new_unchecked("incrementalSpec");

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

    const SUPPORTED: [(mediatype::MediaType<'static>, Self); 4] = [
        (JSON, Self::Json),
        (GRAPHQL_RESPONSE, Self::GraphqlResponse),
        (EVENT_STREAM, Self::EventStream),
        (mediatype::MediaType::new(names::TEXT, names::HTML), Self::Html),
    ];
}

/// Formats of the payloads of a query with deferred fragments. They are drafts of incremental delivery; clients ask for
/// the one that they read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncrementalFormat {
    /// `deferSpec=20220824`, the default: Apollo Router, Apollo Client (`Defer20220824Handler`), Relay.
    Defer20220824,
    /// `incrementalSpec=v0.2`: graphql-js 17, Apollo Client (`GraphQL17Alpha9Handler`).
    IncrementalV02,
}

/// Forms of a response with several payloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadStream {
    /// `text/event-stream`: one event per payload.
    Events(IncrementalFormat),
    /// `multipart/mixed`: one part per payload.
    Multipart(IncrementalFormat),
}

/// The media types that a client accepts and the server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// Media type of a single response.
    pub media: MediaType,
    /// Form of a response with several payloads.
    pub stream: Option<PayloadStream>,
}

/// Returns the media types that the client prefers, by weight and then by order; JSON if it sends no preference. Returns
/// `None` if no accepted type is supported.
pub fn accepted(headers: &HeaderMap) -> Option<Accepted> {
    let mut ranges = Vec::new();
    for value in headers.get_all(ACCEPT) {
        let listed = MediaTypeList::new(value.to_str().ok()?).filter_map(Result::ok).filter(is_utf8);
        ranges.extend(listed.map(|range| (weight(&range), range)).filter(|(weight, _)| *weight > 0.0));
    }
    if ranges.is_empty() {
        return (!headers.contains_key(ACCEPT)).then_some(Accepted { media: MediaType::Json, stream: None });
    }
    // The sort is stable: equal weights keep the order of the client.
    ranges.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let media = ranges.iter().find_map(|(_, range)| single_media_type(range));
    let stream = ranges.iter().find_map(|(_, range)| payload_stream(range));
    match (media, stream) {
        // A client that accepts parts only gets a single response as JSON, as from Apollo Router.
        (None, Some(_)) => Some(Accepted { media: MediaType::Json, stream }),
        (media, stream) => media.map(|media| Accepted { media, stream }),
    }
}

fn single_media_type(range: &mediatype::MediaType<'_>) -> Option<MediaType> {
    if let ("*" | "application", "*") = (range.ty.as_str(), range.subty.as_str()) {
        return Some(MediaType::Json);
    }
    MediaType::SUPPORTED.iter().find(|(supported, _)| range.essence() == *supported).map(|(_, media)| *media)
}

fn payload_stream(range: &mediatype::MediaType<'_>) -> Option<PayloadStream> {
    let parameter = |name| range.get_param(name).map(|value| value.unquoted_str().into_owned());
    let format = match parameter(INCREMENTAL_SPEC).as_deref() {
        Some("v0.2") => IncrementalFormat::IncrementalV02,
        // A draft that this server does not know.
        Some(_) => return None,
        None => IncrementalFormat::Defer20220824,
    };
    if parameter(DEFER_SPEC).is_some_and(|version| version != "20220824") {
        return None;
    }
    if range.essence() == MULTIPART_MIXED {
        Some(PayloadStream::Multipart(format))
    } else if range.essence() == EVENT_STREAM {
        Some(PayloadStream::Events(format))
    } else {
        None
    }
}

/// Returns false if a range asks for another charset than UTF-8.
fn is_utf8(range: &mediatype::MediaType<'_>) -> bool {
    range.get_param(names::CHARSET).is_none_or(|charset| charset.unquoted_str().eq_ignore_ascii_case("utf-8"))
}

/// Returns the weight of a range (RFC 9110 §12.4.2); one that is no number from 0 to 1 is 0.
fn weight(range: &mediatype::MediaType<'_>) -> f32 {
    let Some(weight) = range.get_param(names::Q) else { return 1.0 };
    weight.unquoted_str().parse().ok().filter(|weight| (0.0..=1.0).contains(weight)).unwrap_or(0.0)
}

/// Returns true if the body is JSON in UTF-8. Forms, plain text and multipart are rejected, because simple cross-site
/// requests can send them.
pub fn has_json_body(headers: &HeaderMap) -> bool {
    let Some(Ok(text)) = headers.get(CONTENT_TYPE).map(|value| value.to_str()) else { return false };
    let Ok(media) = mediatype::MediaType::parse(text) else { return false };
    is_utf8(&media) && (media.essence() == JSON || media.essence() == GRAPHQL_JSON)
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
            assert_eq!(accepted(&with(ACCEPT, accept)).map(|accepted| accepted.media), media, "{accept}");
        }
        assert_eq!(accepted(&HeaderMap::new()), Some(Accepted { media: MediaType::Json, stream: None }));
    }

    #[test]
    fn a_client_names_the_form_of_several_payloads() {
        use IncrementalFormat::*;
        for (accept, media, stream) in [
            (
                "multipart/mixed;deferSpec=20220824,application/graphql-response+json,application/json;q=0.9",
                MediaType::GraphqlResponse,
                Some(PayloadStream::Multipart(Defer20220824)),
            ),
            (
                "multipart/mixed;incrementalSpec=v0.2, application/json",
                MediaType::Json,
                Some(PayloadStream::Multipart(IncrementalV02)),
            ),
            (
                "multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0,application/json",
                MediaType::Json,
                Some(PayloadStream::Multipart(Defer20220824)),
            ),
            ("multipart/mixed", MediaType::Json, Some(PayloadStream::Multipart(Defer20220824))),
            ("text/event-stream", MediaType::EventStream, Some(PayloadStream::Events(Defer20220824))),
            ("application/json, multipart/mixed;q=0", MediaType::Json, None),
            ("multipart/mixed;incrementalSpec=v9, application/json", MediaType::Json, None),
            ("multipart/mixed;deferSpec=20990101, application/json", MediaType::Json, None),
            ("application/json", MediaType::Json, None),
        ] {
            assert_eq!(accepted(&with(ACCEPT, accept)), Some(Accepted { media, stream }), "{accept}");
        }
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
