//! Random input for everything that parses client data: it is parsed or rejected and never panics. `make fuzz` runs
//! more cases, also for the SOAP envelopes of SecuTix.

use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use axum::body::Bytes;

use catalog::{EventCursor, OffsetCursor, PerformanceCursor};
use domain::{EventKey, PerformanceKey, SourceId};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use ticketgraph::app;
use ticketgraph::config::Config;
use ticketgraph::gateway::params::{parse_body, parse_query_string};
use ticketgraph::graphql::base::id::GlobalId;
use ticketgraph::graphql::operation::ServedSchema;
use tokio::runtime::Runtime;

use super::{TestGateway, start};
use crate::documents::lower;

/// A text with some characters inserted, removed or changed.
fn garbled(text: String) -> impl Strategy<Value = String> {
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<char>(), 0..3_u8), 0..6);
    edits.prop_map(move |edits| {
        let mut letters: Vec<char> = text.chars().collect();
        for (place, letter, how) in edits {
            let at = place.index(letters.len().max(1));
            match how {
                0 if at < letters.len() => letters[at] = letter,
                1 if at < letters.len() => {
                    letters.remove(at);
                }
                _ => letters.insert(at.min(letters.len()), letter),
            }
        }
        letters.into_iter().collect()
    })
}

/// Settings of all types, in valid and other places.
fn settings() -> impl Strategy<Value = String> {
    let name =
        prop::sample::select(vec!["server", "cache", "ledger", "sources.harbor", "clients.shop", "graphql", "nothing"]);
    let key = prop::sample::select(vec![
        "listen",
        "vendor",
        "base_url",
        "key_sha256",
        "scopes",
        "cost",
        "redis_url",
        "url",
        "x",
    ]);
    let value = prop::sample::select(vec![
        "\"\"",
        "1",
        "-1",
        "true",
        "[]",
        "{}",
        "{ env = \"X\" }",
        "\"acme\"",
        "9999999999999999999",
        "nan",
    ]);
    prop::collection::vec((name, key, value), 0..8)
        .prop_map(|lines| lines.into_iter().map(|(name, key, value)| format!("[{name}]\n{key} = {value}\n")).collect())
}

fn load(text: &str) -> Result<Config, String> {
    let read = |_: &Path| Ok(text.to_owned());
    Config::load(Some(Path::new("fuzz.toml")), Vec::new(), &read, &app::vendor_config_specs())
        .map_err(|found| found.lines().map(|line| line.to_string()).collect::<Vec<_>>().join("\n"))
}

proptest! {
    #[test]
    fn ids_and_cursors_are_parsed_or_rejected(text in ".{0,80}", garbage in garbled("MWUAaGFyYm9yADY2ZjA".to_owned())) {
        for text in [text, garbage] {
            if let Some(id) = GlobalId::decode(&text) {
                prop_assert_eq!(GlobalId::decode(&id.encode()), Some(id));
            }
            let _ = (EventCursor::decode(&text), PerformanceCursor::decode(&text), OffsetCursor::decode(&text));
        }
    }

    #[test]
    fn a_cursor_survives_a_round_trip(at in any::<i64>(), source in "[a-z-]{1,12}", key in "[^\0]{1,30}", skip in 0..1_000_000_usize) {
        let event = EventCursor { starts_at_ms: at, source: SourceId::new(source), key: EventKey::new(key.clone()) };
        prop_assert_eq!(EventCursor::decode(&event.encode()).ok(), Some(event));
        let performance = PerformanceCursor { starts_at_ms: at, key: PerformanceKey::new(key) };
        prop_assert_eq!(PerformanceCursor::decode(&performance.encode()).ok(), Some(performance));
        prop_assert_eq!(OffsetCursor::decode(&OffsetCursor(skip).encode()).map(|cursor| cursor.0).ok(), Some(skip));
    }

    #[test]
    fn a_configuration_is_loaded_or_all_diagnostics_are_reported(text in prop_oneof![".{0,200}", settings(), garbled(include_str!("../../../config/sandbox.toml").chars().take(1_500).collect())]) {
        if let Err(found) = load(&text) {
            prop_assert!(!found.is_empty(), "refused without a word: {}", text);
        }
    }

    #[test]
    fn requests_are_parsed_or_rejected(bytes in prop::collection::vec(any::<u8>(), 0..300), text in garbled(r#"{"query":"{ a }","variables":{"x":[1,{"y":null}]},"extensions":{}}"#.to_owned())) {
        let _ = (parse_body(&bytes, 10), parse_body(text.as_bytes(), 10), parse_query_string(&text));
    }

    #[test]
    fn documents_are_measured_or_rejected(text in garbled("query($x: Int = 7) { a: events(first: $x, filter: {text: \"\"\"x\"\"\"}) { ...F @skip(if: true) } } fragment F on EventConnection { nodes { id } }".to_owned())) {
        let _ = lower(ServedSchema::new(true), &text, &Value::Null);
    }
}

/// Sends requests that are nearly right, and bytes, for the seconds in `FUZZ_SECONDS`, or as many as other properties have
/// cases.
#[test]
fn the_gateway_answers_whatever_is_sent() {
    let seconds = std::env::var_os("FUZZ_SECONDS").and_then(|seconds| seconds.to_str()?.parse().ok()).unwrap_or(0);
    let began = Instant::now();
    loop {
        let mut runner = TestRunner::default();
        let outcome = runner.run(&front_request(), |request| {
            let (runtime, door) = &*GATEWAY;
            let (status, body) = runtime.block_on(send(door, request));
            prop_assert!(status < 500, "{status}: {}", String::from_utf8_lossy(&body));
            Ok(())
        });
        outcome.unwrap_or_else(|failure| panic!("{failure}"));
        if began.elapsed() >= Duration::from_secs(seconds) {
            break;
        }
    }
}

async fn send(door: &TestGateway, request: FrontRequest) -> (u16, Bytes) {
    let FrontRequest { is_get, content_type, accept, body } = request;
    let url = door.url();
    let sent = if is_get {
        door.client.get(format!("{url}?{}", String::from_utf8_lossy(&body))).header("accept", accept)
    } else {
        door.client.post(url).header("content-type", content_type).header("accept", accept).body(body)
    };
    let response = sent.send().await.expect("a response");
    let (status, kind) = (response.status().as_u16(), response.headers().get("content-type").cloned());
    // A subscription ends when its client does.
    let is_stream = kind.is_some_and(|kind| {
        kind.as_bytes().starts_with(b"text/event-stream") || kind.as_bytes().starts_with(b"multipart/")
    });
    (status, if is_stream { Bytes::new() } else { response.bytes().await.expect("a body") })
}

/// A gateway for all cases, and the runtime that it lives in.
static GATEWAY: LazyLock<(Runtime, TestGateway)> = LazyLock::new(|| {
    let runtime = Runtime::new().expect("a runtime");
    let gateway = runtime.block_on(start());
    (runtime, gateway)
});

#[derive(Debug)]
struct FrontRequest {
    is_get: bool,
    content_type: &'static str,
    accept: &'static str,
    body: Vec<u8>,
}

/// Requests that are nearly right, and bytes.
fn front_request() -> impl Strategy<Value = FrontRequest> {
    let documents = prop::sample::select(vec![
        "query($n: Int = 7, $s: Boolean!) { a: events(first: $n) { ...F @skip(if: $s) } } fragment F on EventConnection { nodes { id } }",
        "{ viewer { id ... @defer(label: \"x\") { name scopes } } ...D @defer } fragment D on Query { sources { name } }",
        "{ __schema { types { name fields { name args { name } } } } viewer { id scopes } }",
        "mutation { placeOrder(input: {idempotencyKey: \"k\", lines: [], contact: {email: \"a@example.org\"}}) { problems { code } } }",
        "subscription { sourceHealthChanged { name } }",
        "{ nodes(ids: [\"x\", \"\"\"y \\\"\"\" z\"\"\"]) { ... on Event { title(locale: \"fr\") } __typename } }",
    ]);
    let json = documents.prop_flat_map(|document| garbled(document.to_owned())).prop_map(|document| {
        json!({ "query": document, "variables": { "n": 1, "s": false }, "extensions": { "cost": true } }).to_string()
    });
    let body = prop_oneof![
        4 => json.clone(),
        2 => json.prop_flat_map(garbled),
    ];
    let body = prop_oneof![
        6 => body.prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..400),
        1 => (0..3_000_usize, prop::sample::select(vec!["{a", "[", "{\"a\":", "{\"query\":\"{a(b:[", "\"", "\\"]))
            .prop_map(|(times, part)| part.repeat(times).into_bytes()),
    ];
    let content_type = prop::sample::select(vec![
        "application/json",
        "application/json",
        "application/json; charset=utf-8",
        "text/plain",
    ]);
    let accept = prop::sample::select(vec![
        "*/*",
        "application/json",
        "application/graphql-response+json",
        "application/json;q=0.5, */*",
        "text/html",
        "text/event-stream",
        "multipart/mixed;deferSpec=20220824, application/json",
        "multipart/mixed;incrementalSpec=v0.2",
    ]);
    (prop::bool::weighted(0.1), content_type, accept, body).prop_map(|(is_get, content_type, accept, body)| {
        FrontRequest {
            is_get,
            content_type,
            accept,
            body: if is_get { body.into_iter().filter(u8::is_ascii_alphanumeric).collect() } else { body },
        }
    })
}
