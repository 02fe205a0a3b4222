//! The tables of docs/vendors.md, walked: every operation that is claimed is made through GraphQL and found in the vendor's log.

mod app;
mod gate;
mod museum;
mod nights;
mod sale;

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

use emulators::log::LoggedCall;
use serde_json::{Value, json};

use crate::process_sandbox::Served;

const OPERATOR: &str = "sandbox-operator";

/// The tables: heading, vendor, what stands for a prefix in it, and how many rows it has at least.
const TABLES: &[(&str, &str, &str, &str, usize)] = &[
    ("ACME: event templates", "acme", "T", "/v2/b2b/event/template", 39),
    ("ACME: selling", "acme", "B", "/v2/b2b", 5),
    ("SecuTix: selling", "secutix", "B", "/tnseb/backend-apis", 8),
    ("TickeTing: events and sections", "ticketing", "E", "/v3/events", 11),
    ("TickeTing: the gate", "ticketing", "E", "/v3/events/{event}", 8),
    ("TickeTing: selling", "ticketing", "V", "/v3", 8),
    ("TIXnGO: the four streams", "tixngo", "T", "/v3/organizer/tickets", 4),
];

/// The rows of a table: method and path, with `{…}` for what varies.
fn rows(heading: &str, (short, long): (&str, &str)) -> Vec<(String, String)> {
    let text = include_str!("../../../docs/vendors.md");
    let part = text.split("\n## ").find(|part| part.lines().next() == Some(heading)).expect("a part of this heading");
    let row = |line: &str| {
        let call = line.split('|').nth(3)?.trim();
        let (method, path) = call.split_once(' ')?;
        let is_row =
            method.bytes().all(|b| b.is_ascii_uppercase()) && line.split('|').nth(1)?.trim().parse::<u32>().is_ok();
        let path = match path.strip_prefix(short) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("{long}{rest}"),
            _ => path.to_owned(),
        };
        is_row.then(|| (method.to_owned(), path))
    };
    part.lines().filter_map(row).collect()
}

fn path_of(call: &LoggedCall) -> &str {
    call.target.split('?').next().unwrap_or_default()
}

fn was_called(calls: &[LoggedCall], method: &str, path: &str) -> bool {
    calls.iter().any(|call| {
        let asked: Vec<&str> = path_of(call).split('/').collect();
        let claimed: Vec<&str> = path.split('/').collect();
        let fits = |(asked, claimed): (&&str, &&str)| claimed.starts_with('{') || asked == claimed;
        call.method == method
            && (200..300).contains(&call.status)
            && asked.len() == claimed.len()
            && asked.iter().zip(&claimed).all(fits)
    })
}

#[tokio::test]
async fn every_operation_of_the_tables_is_reached_through_the_graph() {
    let served = Served::start();
    museum::walk(&served).await;
    nights::walk(&served).await;
    gate::walk(&served).await;
    sale::walk(&served).await;
    app::walk(&served).await;
    let mut wrong = Vec::new();
    for (heading, vendor, short, long, least) in TABLES {
        let (rows, calls) = (rows(heading, (short, long)), served.calls(vendor).await);
        if rows.len() < *least {
            wrong.push(format!("{heading}: {} rows of {least}", rows.len()));
        }
        let missing = rows.iter().filter(|(method, path)| !was_called(&calls, method, path));
        wrong.extend(missing.map(|(method, path)| format!("{heading}: claimed and not called: {method} {path}")));
    }
    for vendor in ["acme", "secutix", "ticketing", "tixngo"] {
        let calls = served.calls(vendor).await;
        let fine = calls.iter().filter(|call| (200..300).contains(&call.status));
        let seen: BTreeSet<String> =
            fine.map(|call| format!("{} {} {}", call.method, path_of(call), call.action)).collect();
        wrong.extend(seen.into_iter().map(|call| format!("  {vendor} was asked {call}")));
    }
    assert!(!wrong.iter().any(|line| !line.starts_with(' ')), "{}", wrong.join("\n"));
}

/// Makes one mutation of an event and expects no problem; tells its payload.
async fn edit(served: &Served, name: &str, kind: &str, input: Value) -> Value {
    let document = format!(
        "mutation($input: {kind}!) {{ told: {name}(input: $input) {{ event {{ id title status sections {{ id name capacity }} }}
            problems {{ code path }} replayed }} }}"
    );
    let mut input = input;
    // The same input is the same edit.
    let mut digest = std::hash::DefaultHasher::new();
    input.to_string().hash(&mut digest);
    input["idempotencyKey"] = json!(format!("{name} {:016x}", digest.finish()));
    let told = served.ask_as(OPERATOR, &document, json!({ "input": input })).await;
    assert_eq!(told["errors"], Value::Null, "{name}: {told}");
    assert_eq!(told["data"]["told"]["problems"], json!([]), "{name}: {told}");
    told["data"]["told"].clone()
}

async fn source_id(served: &Served, name: &str) -> Value {
    let told = served.ask_as(OPERATOR, "{ sources { id name } }", json!({})).await;
    let sources = told["data"]["sources"].as_array().cloned().expect("sources");
    sources.iter().find(|source| source["name"] == name).expect("the source")["id"].clone()
}
