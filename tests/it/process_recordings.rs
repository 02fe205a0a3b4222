//! The real binary records the sandbox, and serves from a replay of the recording.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Output;

use recording::Recording;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{Process, binary};

fn run(folder: &TempDir, arguments: &[&str]) -> Output {
    binary(folder.path(), arguments).output().expect("a run")
}

async fn query(address: &str, key: Option<&str>) -> Value {
    let document = "{ sources { name } events(first: 50) { nodes { title source { name } ticketTypes { name } } problems { code } } }";
    let client = http_client::build_client().expect("a client");
    let request = client.post(format!("{address}/graphql")).json(&json!({ "query": document }));
    let request = match key {
        Some(key) => request.bearer_auth(key),
        None => request,
    };
    request.send().await.expect("a response").json().await.expect("JSON")
}

/// Returns the names of the sources of the listed events.
fn sources_of_events(answer: &Value) -> BTreeSet<&str> {
    let nodes = answer["data"]["events"]["nodes"].as_array().unwrap_or_else(|| panic!("{answer}"));
    nodes.iter().map(|node| node["source"]["name"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn a_service_records_what_it_exchanges_with_vendors_while_it_serves() {
    let folder = TempDir::new().expect("a folder");
    let mut process =
        Process::start(&folder, &["serve", "--listen", "127.0.0.1:0", "--data", "data", "--record", "samples"]);
    let address = process.address(": listening on ");
    let answer = query(&address, Some("sandbox-storefront")).await;
    assert!(sources_of_events(&answer).len() >= 5, "{answer}");
    process.signal("-TERM");
    let (code, log) = process.end();
    assert_eq!(code, Some(0), "{log:#?}");
    assert!(log.iter().any(|line| line.contains("the recording is complete")), "{log:#?}");
    let samples = folder.path().join("samples");
    let recording = Recording::read(&samples).expect("a recording");
    for source in ["harbor", "opera", "club", "quay", "lagoon"] {
        assert!(recording.samples_of(source).next().is_some(), "{source}");
    }
    let again = run(&folder, &["serve", "--listen", "127.0.0.1:0", "--data", "data", "--record", "samples"]);
    assert_eq!(again.status.code(), Some(2), "two recordings in one folder");
    assert!(String::from_utf8_lossy(&again.stderr).contains("must be new or empty"));
}

#[tokio::test]
async fn a_service_serves_the_catalog_of_every_source_from_a_replay() {
    let folder = TempDir::new().expect("a folder");
    let recorded = run(&folder, &["record", "--out", "samples"]);
    let output = String::from_utf8_lossy(&recorded.stdout).into_owned();
    assert_eq!(recorded.status.code(), Some(0), "{output}{}", String::from_utf8_lossy(&recorded.stderr));
    assert!(output.contains("ok      harbor: events (1)") && output.contains(" 0 lost"), "{output}");
    let checked = run(&folder, &["check", "--config", "samples/replay.toml"]);
    assert_eq!(checked.status.code(), Some(0), "{}", String::from_utf8_lossy(&checked.stdout));

    let replay = Process::start(&folder, &["replay", "samples", "--listen", "127.0.0.1:0"]);
    let sources = Recording::read(&folder.path().join("samples")).expect("a recording").index.sources;
    let mut settings = vec![
        ("TICKETGRAPH__AUTH__ANONYMOUS__ENABLED".to_owned(), "true".to_owned()),
        ("TICKETGRAPH__AUTH__ANONYMOUS__SCOPES".to_owned(), "[\"catalog:read\"]".to_owned()),
    ];
    for source in sources {
        let address = format!("{}{}", replay.address(&format!("source=\"{}\"", source.name)), source.base_path);
        let key = if source.vendor == "tixngo" { ("DELIVERIES", "URL") } else { ("SOURCES", "BASE_URL") };
        settings.push((
            format!("TICKETGRAPH__{}__{}__{}", key.0, source.name.to_uppercase().replace('-', "_"), key.1),
            address,
        ));
    }
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--data", "data", "--config", "samples/replay.toml"];
    let process = Process::start_with(&folder, &arguments, &settings);
    let address = process.address(": listening on ");
    let answer = query(&address, None).await;
    assert_eq!(sources_of_events(&answer), BTreeSet::from(["club", "harbor", "lagoon", "opera", "quay"]), "{answer}");
    assert_eq!(answer["data"]["events"]["problems"], json!([]));
}

#[test]
fn a_folder_that_is_no_recording_is_wrong_usage() {
    let folder = TempDir::new().expect("a folder");
    let replayed = run(&folder, &["replay", "nowhere"]);
    assert_eq!(replayed.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&replayed.stderr).contains("recording.json"), "the missing file is named");
    std::fs::write(folder.path().join("venues.toml"), "[server").expect("a file");
    let recorded = run(&folder, &["record", "--config", "venues.toml", "--out", "samples"]);
    assert_eq!((recorded.status.code(), Path::exists(&folder.path().join("samples"))), (Some(2), false));
}
