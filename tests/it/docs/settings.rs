//! Settings: configuration examples are valid, and every key that a page names exists.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use emulators::Scenario;
use ticketgraph::app;
use ticketgraph::config::Config;
use vendor_registry::{APPS, VENDORS};

use crate::docs::{blocks, chapter, first_cells, pages, read, report, words};

/// Payment card in the documented format.
const CARD: &str = r#"{ "number": "4111111111111111", "cvv": "123", "expiryDate": "12/39", "name": "A", "address1": "1 Road",
    "city": "Port of Spain", "district": "Port of Spain", "country": "TT" }"#;
/// Configuration sections that do not depend on a vendor.
const SECTIONS: &[&str] = &[
    "server",
    "graphql",
    "exports",
    "auth",
    "cache",
    "edge",
    "resilience",
    "ledger",
    "orders",
    "telemetry",
    "notifications",
];

/// Returns the findings of a configuration whose secrets all exist.
pub(super) fn findings(text: &str, variables: &[(String, String)]) -> Vec<String> {
    let text = &with_key_hashes(text);
    let secrets = text.split("env = \"").skip(1).filter_map(|rest| rest.split('"').next());
    let mut all: BTreeMap<String, String> = secrets.map(|name| (name.to_owned(), secret(name).to_owned())).collect();
    all.extend(variables.iter().cloned());
    let files = |path: &Path| match path.to_string_lossy() {
        name if name == "venues.toml" => Ok(text.to_owned()),
        name if name.ends_with(".json") => Ok(CARD.to_owned()),
        name if name.contains("secrets/") => Ok("a secret".to_owned()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    let read = Config::load(Some(Path::new("venues.toml")), all, &files, &app::vendor_config_specs());
    read.map_or_else(|found| found.lines().collect(), |_| Vec::new())
}

/// Replaces each placeholder of a key hash by another hash, as a reader has to.
pub(crate) fn with_key_hashes(text: &str) -> String {
    let mut parts = text.split("REPLACE WITH THE SHA-256 OF YOUR KEY");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.enumerate().fold(first, |text, (number, part)| format!("{text}{:064x}{part}", number + 1))
}

fn secret(name: &str) -> &'static str {
    match name {
        "LEDGER_URL" | "LEDGER_MIGRATION_URL" => "postgres://user:password@db.example.com/ticketgraph",
        "LEDGER_KEY" => "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        "SMTP_URL" => "smtps://user:password@mail.example.com",
        "REDIS_URL" => "rediss://user:password@redis.example.com:6379",
        _ => "0123456789abcdef0123456789abcdef",
    }
}

#[test]
fn every_configuration_example_is_valid() {
    let mut broken = Vec::new();
    let mut read = 0;
    for (name, page) in pages() {
        for block in blocks(&page).iter().filter(|block| block.is("toml")) {
            read += 1;
            if block.words == "toml faults" {
                let script = Scenario::from_toml(&block.text);
                broken.extend(script.err().map(|why| format!("{name}: {why}")));
            } else {
                broken.extend(findings(&block.text, &[]).iter().map(|finding| format!("{name}: {finding}")));
            }
        }
    }
    assert!(read >= 6, "{read}");
    report(&broken);
}

/// Returns every key of `config/default.toml` as a dotted path.
fn keys() -> BTreeSet<String> {
    fn walk(table: &toml::Table, prefix: &str, found: &mut BTreeSet<String>) {
        for (key, value) in table {
            let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            if let toml::Value::Table(inner) = value {
                walk(inner, &path, found);
            }
            found.insert(path);
        }
    }
    let mut found = BTreeSet::new();
    walk(&read("config/default.toml").parse().expect("TOML"), "", &mut found);
    assert!(found.contains("cache.lifetimes.facts.stale_if_error"), "{found:?}");
    found
}

#[test]
fn every_setting_on_a_page_exists() {
    let keys = keys();
    let mut broken = Vec::new();
    let mut named = 0;
    for (name, page) in pages() {
        for word in words(&page) {
            let key = word.split([' ', '=']).next().expect("a word").trim_matches(['[', ']']);
            let is_key = key.split('.').next().is_some_and(|first| SECTIONS.contains(&first)) && key.contains('.');
            if is_key && !key.ends_with(".rs") {
                named += 1;
                if !keys.contains(key) {
                    broken.push(format!("{name}: `{word}`: no such key in config/default.toml"));
                }
            }
        }
    }
    assert!(named > 30, "{named}");
    report(&broken);
}

#[test]
fn the_page_of_each_vendor_lists_all_its_keys_and_no_other() {
    let shapes = app::vendor_config_specs();
    let vendors = shapes.vendors.iter().map(|shape| (shape.name, shape.keys, shape.connection_keys));
    let apps = shapes.apps.iter().map(|shape| (shape.name, shape.keys, shape.connection_keys));
    for (vendor, keys, connection_keys) in vendors.chain(apps) {
        let page = read(&format!("docs/vendors/{vendor}.md"));
        let documented: BTreeSet<&str> = first_cells(chapter(&page, "## Configuration")).into_iter().collect();
        let known: BTreeSet<&str> = keys.iter().chain(connection_keys).copied().collect();
        assert_eq!(documented, known, "left: docs/vendors/{vendor}.md, right: the code");
    }
}

#[test]
fn the_page_of_each_vendor_lists_its_assumptions_and_their_file() {
    for (name, page) in pages() {
        let Some(vendor) = name.strip_prefix("docs/vendors/").and_then(|name| name.strip_suffix(".md")) else {
            continue;
        };
        let documented = chapter(&page, "## Assumptions");
        assert!(documented.contains(&format!("`crates/vendors/{vendor}/src/assumptions.rs`")), "{name}");
        assert!(
            page.contains("ticketgraph check --config venues.toml --online"),
            "{name} does not name the check command"
        );
    }
}

#[test]
fn the_page_of_each_vendor_has_the_table_of_its_assumptions() {
    let vendors = VENDORS.iter().map(|vendor| (vendor.name, vendor.assumptions));
    let apps = APPS.iter().map(|app| (app.name, app.assumptions));
    let mut missing = Vec::new();
    for (name, assumptions) in vendors.chain(apps) {
        let page = read(&format!("docs/vendors/{name}.md"));
        let rows: BTreeSet<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
        for one in assumptions {
            let value = one.default_value().unwrap_or_else(|| panic!("{name}: {}: a default that is no TOML", one.key));
            assert!(one.accepts.normalize(&value).is_some(), "{name}: {}: a default that it does not accept", one.key);
            let row =
                format!("| `{}` | {} | {} | `{}` | {} |", one.key, one.fact, one.section, one.default, one.if_wrong);
            if !rows.contains(row.as_str()) {
                missing.push(format!("docs/vendors/{name}.md, \"## Assumptions\": {row}"));
            }
        }
    }
    report(&missing);
}
