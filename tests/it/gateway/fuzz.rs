//! Random input for everything that parses client data: it is parsed or rejected and never panics. `make fuzz` runs
//! more cases, also for the SOAP envelopes of SecuTix.

use std::path::Path;

use catalog::{EventCursor, OffsetCursor, PerformanceCursor};
use domain::{EventKey, PerformanceKey, SourceId};
use proptest::prelude::*;
use ticketgraph::app;
use ticketgraph::config::Config;
use ticketgraph::gateway::operation_limits::measure;
use ticketgraph::gateway::params::{parse_body, parse_query_string};
use ticketgraph::graphql::base::id::GlobalId;

use crate::default_config::default_limits;

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
    fn documents_are_measured_or_rejected(text in garbled("query($x: Int) { a: b(x: $x) { ...F @skip(if: true) } } fragment F on T { c \"\"\"x\"\"\" }".to_owned())) {
        if default_limits().check_tokens(&text).is_ok() && let Ok(document) = async_graphql_parser::parse_query(&text) {
            for (_, operation) in document.operations.iter() {
                let _ = measure(&document, &operation.node);
            }
        }
    }
}
