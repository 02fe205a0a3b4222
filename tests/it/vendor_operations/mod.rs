//! Checks the tables of docs/vendors.md: every listed operation is triggered through GraphQL and found in the vendor's log.

mod acme_authoring;
mod admissions;
mod mobile_app;
mod orders;
mod ticketing_authoring;

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

use emulators::LoggedCall;
use serde_json::{Value, json};

use crate::process_sandbox::SandboxProcess;

const OPERATOR: &str = "sandbox-operator";

/// The tables: heading, vendor, abbreviated path prefix, full path prefix, minimum number of rows.
const TABLES: &[(&str, &str, &str, &str, usize)] = &[
    ("ACME: event templates", "acme", "T", "/v2/b2b/event/template", 39),
    ("ACME: selling", "acme", "B", "/v2/b2b", 5),
    ("SecuTix: selling", "secutix", "B", "/tnseb/backend-apis", 8),
    ("TickeTing: events and sections", "ticketing", "E", "/v3/events", 11),
    ("TickeTing: the gate", "ticketing", "E", "/v3/events/{event}", 8),
    ("TickeTing: selling", "ticketing", "V", "/v3", 8),
    ("OCTO: selling", "octo", "B", "/octo", 9),
    ("TIXnGO: the four streams", "tixngo", "T", "/v3/organizer/tickets", 4),
];

/// Returns the rows of a table: method and path, with `{…}` for variable segments.
fn table_rows(heading: &str, (short, long): (&str, &str)) -> Vec<(String, String)> {
    let text = include_str!("../../../docs/vendors.md");
    let part =
        text.split("\n## ").find(|part| part.lines().next() == Some(heading)).expect("a section with this heading");
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
        let called: Vec<&str> = path_of(call).split('/').collect();
        let listed: Vec<&str> = path.split('/').collect();
        let fits = |(called, listed): (&&str, &&str)| listed.starts_with('{') || called == listed;
        call.method == method
            && (200..300).contains(&call.status)
            && called.len() == listed.len()
            && called.iter().zip(&listed).all(fits)
    })
}

#[tokio::test]
async fn every_operation_of_the_tables_is_triggered_through_graphql() {
    let served = SandboxProcess::start();
    acme_authoring::run(&served).await;
    ticketing_authoring::run(&served).await;
    admissions::run(&served).await;
    orders::run(&served).await;
    mobile_app::run(&served).await;
    let mut wrong = Vec::new();
    for (heading, vendor, short, long, least) in TABLES {
        let (rows, calls) = (table_rows(heading, (short, long)), served.calls(vendor).await);
        if rows.len() < *least {
            wrong.push(format!("{heading}: {} rows of {least}", rows.len()));
        }
        let missing = rows.iter().filter(|(method, path)| !was_called(&calls, method, path));
        wrong.extend(missing.map(|(method, path)| format!("{heading}: listed and not called: {method} {path}")));
    }
    for vendor in ["acme", "secutix", "ticketing", "octo", "tixngo"] {
        let calls = served.calls(vendor).await;
        let fine = calls.iter().filter(|call| (200..300).contains(&call.status));
        let seen: BTreeSet<String> =
            fine.map(|call| format!("{} {} {}", call.method, path_of(call), call.action)).collect();
        wrong.extend(seen.into_iter().map(|call| format!("  {vendor} received {call}")));
    }
    assert!(!wrong.iter().any(|line| !line.starts_with(' ')), "{}", wrong.join("\n"));
}

/// Executes one mutation of an event without problems and returns its payload.
async fn edit(served: &SandboxProcess, name: &str, kind: &str, input: Value) -> Value {
    let document = format!(
        "mutation($input: {kind}!) {{ payload: {name}(input: $input) {{ event {{ id title status sections {{ id name capacity }} }}
            problems {{ code path }} replayed }} }}"
    );
    let mut input = input;
    // The same input is the same edit.
    let mut digest = std::hash::DefaultHasher::new();
    input.to_string().hash(&mut digest);
    input["idempotencyKey"] = json!(format!("{name} {:016x}", digest.finish()));
    let response = served.query_as(OPERATOR, &document, json!({ "input": input })).await;
    assert_eq!(response["errors"], Value::Null, "{name}: {response}");
    assert_eq!(response["data"]["payload"]["problems"], json!([]), "{name}: {response}");
    response["data"]["payload"].clone()
}

async fn source_id(served: &SandboxProcess, name: &str) -> Value {
    let response = served.query_as(OPERATOR, "{ sources { id name } }", json!({})).await;
    let sources = response["data"]["sources"].as_array().cloned().expect("sources");
    sources.iter().find(|source| source["name"] == name).expect("the source")["id"].clone()
}
