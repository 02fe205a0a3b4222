//! The real binary with its built-in sandbox, asked from outside: one graph over all vendors, and any of them may be missing.

use std::collections::{BTreeMap, BTreeSet};

use emulators::log::LoggedCall;
use http_client;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::Process;

/// A served sandbox with nothing remembered yet. It ends with its test.
pub(crate) struct Served {
    _process: Process,
    address: String,
    vendors: BTreeMap<&'static str, String>,
    client: reqwest::Client,
    _folder: TempDir,
}

impl Served {
    /// Starts the binary and waits until it listens.
    pub(crate) fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let data = folder.path().to_str().expect("a path");
        let process = Process::start(&folder, &["serve", "--listen", "127.0.0.1:0", "--data", data]);
        let base = |name| (name, process.address(&format!("the emulated {name} ")));
        let vendors = ["acme", "secutix", "ticketing", "tixngo"].into_iter().map(base).collect();
        let address = process.address(": listening on ");
        let client = http_client::client().expect("a client");
        Self { _process: process, address, vendors, client, _folder: folder }
    }

    /// Asks in the name of a client of the sandbox.
    pub(crate) async fn ask_as(&self, key: &str, query: &str, variables: Value) -> Value {
        let request = self.client.post(format!("{}/graphql", self.address)).bearer_auth(key);
        let sent = request.json(&json!({ "query": query, "variables": variables })).send().await;
        sent.expect("an answer").json().await.expect("JSON")
    }

    async fn ask(&self, query: &str) -> Value {
        self.ask_as("sandbox-storefront", query, json!({})).await
    }

    async fn control(&self, vendor: &str, what: &str) {
        let told = self.client.post(format!("{}/_emu/{what}", self.vendors[vendor])).send().await.expect("an answer");
        assert!(told.status().is_success(), "{what} of {vendor}");
    }

    /// Changes a vendor's world.
    pub(crate) async fn twist(&self, vendor: &str, what: &str, id: &str) {
        let request = self.client.post(format!("{}/_emu/{what}", self.vendors[vendor])).json(&json!({ "id": id }));
        let told = request.send().await.expect("an answer");
        assert!(told.status().is_success(), "{what} of {vendor}");
    }

    /// What a vendor holds: its holds and its orders.
    pub(crate) async fn holdings(&self, vendor: &str) -> Value {
        let told = self.client.get(format!("{}/_emu/holdings", self.vendors[vendor])).send().await.expect("an answer");
        told.json().await.expect("holdings")
    }

    /// How often each address of a vendor was asked.
    async fn levels(&self, vendor: &str) -> BTreeMap<String, usize> {
        let mut levels = BTreeMap::new();
        for call in self.calls(vendor).await {
            let path = call.target.split('?').next().unwrap_or_default();
            *levels.entry(format!("{path} {}", call.action).trim().to_owned()).or_default() += 1;
        }
        levels
    }

    /// The days that were asked for at an address of the museum.
    async fn days_asked(&self, level: &str) -> BTreeSet<String> {
        let calls = self.calls("acme").await;
        let targets = calls.iter().filter_map(|call| call.target.split_once('?')).filter(|(path, _)| *path == level);
        targets.filter_map(|(_, query)| Some(query.split_once("startTime=")?.1.get(..10)?.to_owned())).collect()
    }

    pub(crate) async fn calls(&self, vendor: &str) -> Vec<LoggedCall> {
        let told = self.client.get(format!("{}/_emu/log", self.vendors[vendor])).send().await.expect("an answer");
        told.json().await.expect("a log")
    }
}

/// The list of the front page, as partners ask for it.
const LIST: &str = "{ events(first: 50) {
    nodes { title ticketTypes { name } performances(first: 3) { nodes { startsAt availability { status } } } }
    problems { code source { name } } } }";

#[tokio::test]
async fn a_list_of_three_vendors_asks_each_at_most_once_for_each_level_and_batch() {
    let served = Served::start();
    let told = served.ask(LIST).await;
    assert_eq!(told["errors"], Value::Null);
    assert!(told["data"]["events"]["nodes"].as_array().is_some_and(|nodes| nodes.len() > 10), "{told}");

    for (vendor, base) in &served.vendors {
        let calls = served.calls(vendor).await;
        let asked: Vec<String> = calls.iter().map(|call| format!("{} {}", call.target, call.action)).collect();
        let each: BTreeSet<&String> = asked.iter().collect();
        assert_eq!(each.len(), asked.len(), "{vendor} at {base} was asked the same twice: {asked:#?}");
    }
    // One vendor takes a list of events and one of products a call, whatever the number of either; both ways of speaking to it.
    insta::assert_json_snapshot!(served.levels("secutix").await);
    // Another tells everything about its events in the list.
    insta::assert_json_snapshot!(served.levels("ticketing").await);
    // The third takes one day a call (`acme.md §4.2`). Instances tell of two levels: performances, and the ticket types of an event
    // whose template names none.
    let museum = served.levels("acme").await;
    assert_eq!(museum["/v2/b2b/event/template"], 1);
    for (address, levels) in [("/v2/b2b/event/instances", 2), ("/v2/b2b/event/instances/summaries", 1)] {
        let days = served.days_asked(address).await;
        assert!(museum[address] <= levels * days.len(), "one call a day and level: {} for {days:?}", museum[address]);
    }
    assert_eq!(museum.len(), 3, "{museum:?}");
}

/// What stands in the list of a graph from which a vendor is missing, taken apart.
struct List {
    nodes: Vec<Value>,
    problems: Vec<Value>,
}

impl List {
    fn of(told: &Value) -> Self {
        assert_eq!(told["errors"], Value::Null, "a list has no errors");
        let part = |name: &str| told["data"]["events"][name].as_array().cloned().expect("a list");
        Self { nodes: part("nodes"), problems: part("problems") }
    }
}

const SIBLINGS: &str = "{ events(first: 50) {
    nodes { id title source { name } ticketTypes { name price { retail { formatted } } } priceFrom { formatted }
        performances(first: 3) { nodes { id startsAt availability { status vacancies } } } }
    problems { code source { name } } } }";

#[tokio::test]
async fn a_vendor_that_is_dead_from_the_start_costs_its_own_events_and_nothing_else() {
    let killed = [("acme", &["harbor"][..]), ("secutix", &["club", "opera"]), ("ticketing", &["quay"])];
    for (vendor, sources) in killed {
        let served = Served::start();
        let whole = List::of(&served.ask(SIBLINGS).await);
        assert!(whole.problems.is_empty(), "{:?}", whole.problems);
        // Another process: this one has remembered nothing that it could tell in the vendor's place.
        let served = Served::start();
        served.control(vendor, "down").await;
        let told = List::of(&served.ask(SIBLINGS).await);
        let of = |node: &Value| word(&node["source"]["name"]);
        let siblings: Vec<&Value> = whole.nodes.iter().filter(|node| !sources.contains(&of(node).as_str())).collect();
        assert!(siblings.len() < whole.nodes.len(), "{vendor} has events");
        // A page of fifty ends later where a vendor is missing: what stood on it is told to the last byte, and more after it.
        for (told, before) in told.nodes.iter().zip(&siblings) {
            assert!(told == *before, "{vendor} down: {told}\nbut {before}");
        }
        assert!(told.nodes.len() >= siblings.len(), "{vendor} down: none is missing");
        let named: Vec<(String, String)> = told.problems.iter().map(problem).collect();
        let expected: Vec<(String, String)> =
            sources.iter().map(|source| ("SOURCE_UNAVAILABLE".to_owned(), (*source).to_owned())).collect();
        assert_eq!(named, expected, "one problem for each source of {vendor}");
    }
}

#[tokio::test]
async fn a_vendor_that_dies_later_is_told_from_memory_and_what_is_left_is_unknown() {
    let served = Served::start();
    let before = statuses(&served.ask(FRESH).await);
    for vendor in served.vendors.keys() {
        served.control(vendor, "down").await;
    }
    let after = statuses(&served.ask(FRESH).await);
    assert_eq!(before.len(), after.len(), "descriptive facts outlive the vendor");
    // Set-up and schedule decide some without asking; nobody is sold out because a vendor is silent.
    for ((source, was), (_, is)) in before.iter().zip(&after) {
        assert!(is == was || is == "UNKNOWN", "{source}: {was}, then {is}");
    }
    for source in ["harbor", "quay"] {
        let unknown = |told: &[(String, String)]| told.contains(&(source.to_owned(), "UNKNOWN".to_owned()));
        assert!(!unknown(&before) && unknown(&after), "{source} was asked for the present number and is gone");
    }
}

/// The source and the availability of every performance.
fn statuses(told: &Value) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for node in List::of(told).nodes {
        for performance in node["performances"]["nodes"].as_array().expect("performances") {
            all.push((word(&node["source"]["name"]), word(&performance["availability"]["status"])));
        }
    }
    all
}

const FRESH: &str = "{ events(first: 50) { nodes { source { name }
    performances(first: 3) { nodes { availability(maxAgeSeconds: 0) { status } } } } problems { code source { name } } } }";

fn word(value: &Value) -> String {
    value.as_str().expect("a word").to_owned()
}

fn problem(told: &Value) -> (String, String) {
    (word(&told["code"]), word(&told["source"]["name"]))
}
