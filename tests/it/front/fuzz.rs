//! What comes from outside, thrown at everything that reads it: it is read or refused, and never breaks anything.
//! More cases than usual: `make fuzz`, which runs the envelopes of `src/vendors/secutix/speech/soap.rs` too.

use std::path::Path;

use catalog::{EventCursor, PerformanceCursor, SkipCursor};
use domain::{EventKey, PerformanceKey, SourceId};
use proptest::prelude::*;
use ticketgraph::app;
use ticketgraph::config::Config;
use ticketgraph::gateway::params::{from_body, from_query_string};
use ticketgraph::gateway::precheck::{Limits, weigh};
use ticketgraph::graphql::id::GlobalId;

/// A text with a few characters put in, taken out or changed.
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

/// Settings of every kind, in the places where they belong and in others.
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
    Config::load(Some(Path::new("fuzz.toml")), Vec::new(), &read, &app::shapes())
        .map_err(|found| found.lines().map(|line| line.to_string()).collect::<Vec<_>>().join("\n"))
}

proptest! {
    #[test]
    fn ids_and_cursors_are_read_or_refused(text in ".{0,80}", garbage in garbled("MWUAaGFyYm9yADY2ZjA".to_owned())) {
        for text in [text, garbage] {
            if let Some(id) = GlobalId::decode(&text) {
                prop_assert_eq!(GlobalId::decode(&id.encode()), Some(id));
            }
            let _ = (EventCursor::decode(&text), PerformanceCursor::decode(&text), SkipCursor::decode(&text));
        }
    }

    #[test]
    fn a_cursor_survives_the_way_out_and_back(at in any::<i64>(), source in "[a-z-]{1,12}", key in "[^\0]{1,30}", skip in 0..1_000_000_usize) {
        let event = EventCursor { at, source: SourceId::new(source), key: EventKey::new(key.clone()) };
        prop_assert_eq!(EventCursor::decode(&event.encode()).ok(), Some(event));
        let performance = PerformanceCursor { at, key: PerformanceKey::new(key) };
        prop_assert_eq!(PerformanceCursor::decode(&performance.encode()).ok(), Some(performance));
        prop_assert_eq!(SkipCursor::decode(&SkipCursor(skip).encode()).map(|cursor| cursor.0).ok(), Some(skip));
    }

    #[test]
    fn a_configuration_is_read_or_every_finding_is_told(text in prop_oneof![".{0,200}", settings(), garbled(include_str!("../../../config/sandbox.toml").chars().take(1_500).collect())]) {
        if let Err(found) = load(&text) {
            prop_assert!(!found.is_empty(), "refused without a word: {}", text);
        }
    }

    #[test]
    fn requests_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), text in garbled(r#"{"query":"{ a }","variables":{"x":[1,{"y":null}]},"extensions":{}}"#.to_owned())) {
        let _ = (from_body(&bytes, 10), from_body(text.as_bytes(), 10), from_query_string(&text));
    }

    #[test]
    fn documents_are_weighed_or_refused(text in garbled("query($x: Int) { a: b(x: $x) { ...F @skip(if: true) } } fragment F on T { c \"\"\"x\"\"\" }".to_owned())) {
        if Limits::default().check_tokens(&text).is_ok() && let Ok(document) = async_graphql_parser::parse_query(&text) {
            for (_, operation) in document.operations.iter() {
                let _ = weigh(&document, &operation.node);
            }
        }
    }
}
