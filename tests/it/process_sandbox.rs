//! The real binary with its built-in sandbox: one graph over all vendors, any of which may be down.

use std::collections::{BTreeMap, BTreeSet};

use emulators::LoggedCall;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::Process;

/// A running sandbox with empty caches. It ends with its test.
pub(crate) struct SandboxProcess {
    _process: Process,
    address: String,
    vendors: BTreeMap<&'static str, String>,
    client: reqwest::Client,
    _folder: TempDir,
}

impl SandboxProcess {
    /// Starts the binary and waits until it listens.
    pub(crate) fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let data = folder.path().to_str().expect("a path");
        let process = Process::start(&folder, &["serve", "--listen", "127.0.0.1:0", "--data", data]);
        let base = |name| (name, process.address(&format!("the emulated {name} ")));
        let vendors = ["acme", "secutix", "ticketing", "tixngo", "octo"].into_iter().map(base).collect();
        let address = process.address(": listening on ");
        let client = http_client::build_client().expect("a client");
        Self { _process: process, address, vendors, client, _folder: folder }
    }

    /// Sends a query with an API key of the sandbox.
    pub(crate) async fn query_as(&self, key: &str, query: &str, variables: Value) -> Value {
        let request = self.client.post(format!("{}/graphql", self.address)).bearer_auth(key);
        let sent = request.json(&json!({ "query": query, "variables": variables })).send().await;
        sent.expect("a response").json().await.expect("JSON")
    }

    async fn query(&self, query: &str) -> Value {
        self.query_as("sandbox-storefront", query, json!({})).await
    }

    /// Returns a line for one ticket of a source that has a price and a start: others may be sold without a hold.
    async fn paid_line(&self, source: &str) -> Value {
        let listed = self.query(OFFERS).await;
        let each = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let events =
            each(&listed["data"]["events"]["nodes"]).into_iter().filter(|event| event["source"]["name"] == source);
        let mut performances = events.flat_map(|event| each(&event["performances"]["nodes"]));
        let line = performances.find_map(|performance| {
            let availability = &performance["availability"];
            let sells = |offer: &Value| {
                let price = offer["price"]["retail"]["amount"].as_i64();
                offer["status"] == "AVAILABLE" && price.is_some_and(|amount| amount > 0)
            };
            let offer = each(&availability["offers"]).into_iter().find(sells)?;
            let has_room = availability["vacancies"].as_u64().is_some_and(|left| left > 10);
            has_room.then(
                || json!({ "performance": performance["id"], "ticketType": offer["ticketType"]["id"], "quantity": 1 }),
            )
        });
        line.unwrap_or_else(|| panic!("{source} sells nothing: {listed}"))
    }

    async fn control(&self, vendor: &str, what: &str) {
        let response =
            self.client.post(format!("{}/_emu/{what}", self.vendors[vendor])).send().await.expect("a response");
        assert!(response.status().is_success(), "{what} of {vendor}");
    }

    /// Changes the state of a vendor.
    pub(crate) async fn change_state(&self, vendor: &str, what: &str, id: &str) {
        let request = self.client.post(format!("{}/_emu/{what}", self.vendors[vendor])).json(&json!({ "id": id }));
        let response = request.send().await.expect("a response");
        assert!(response.status().is_success(), "{what} of {vendor}");
    }

    /// Returns the inventory of a vendor: its holds and its orders.
    pub(crate) async fn holdings(&self, vendor: &str) -> Value {
        let response =
            self.client.get(format!("{}/_emu/inventory", self.vendors[vendor])).send().await.expect("a response");
        response.json().await.expect("the inventory")
    }

    /// Returns the number of calls of each endpoint of a vendor.
    async fn calls_per_endpoint(&self, vendor: &str) -> BTreeMap<String, usize> {
        let mut levels = BTreeMap::new();
        for call in self.calls(vendor).await {
            let path = call.target.split('?').next().unwrap_or_default();
            *levels.entry(format!("{path} {}", call.action).trim().to_owned()).or_default() += 1;
        }
        levels
    }

    /// Returns the days that were requested at an endpoint of the museum.
    async fn requested_days(&self, level: &str) -> BTreeSet<String> {
        let calls = self.calls("acme").await;
        let targets = calls.iter().filter_map(|call| call.target.split_once('?')).filter(|(path, _)| *path == level);
        targets.filter_map(|(_, query)| Some(query.split_once("startTime=")?.1.get(..10)?.to_owned())).collect()
    }

    pub(crate) async fn calls(&self, vendor: &str) -> Vec<LoggedCall> {
        let response = self.client.get(format!("{}/_emu/log", self.vendors[vendor])).send().await.expect("a response");
        response.json().await.expect("a log")
    }
}

/// Offers with their prices.
const OFFERS: &str = "{ events(first: 50) { nodes { source { name } performances(first: 10) { nodes { id startsAt
    availability { vacancies offers { status price { retail { amount } } ticketType { id } } } } } } } }";

/// The list of the start page, as partners query it.
const LIST: &str = "{ events(first: 50) {
    nodes { title ticketTypes { name } performances(first: 3) { nodes { startsAt availability { status } } } }
    problems { code source { name } } } }";

#[tokio::test]
async fn a_page_of_a_development_server_reads_responses_and_one_of_another_machine_does_not() {
    let sandbox = SandboxProcess::start();
    let ask = |origin: &'static str| {
        let request = sandbox.client.post(format!("{}/graphql", sandbox.address)).header("origin", origin);
        request.json(&json!({ "query": "{ viewer { id } }" })).send()
    };
    for origin in ["http://localhost:5173", "http://127.0.0.1:3000", "http://[::1]:8080"] {
        let response = ask(origin).await.expect("a response");
        assert_eq!(response.headers()["access-control-allow-origin"], origin);
    }
    for origin in ["http://localhost.example.com", "https://127.0.0.1.example.com", "null"] {
        let response = ask(origin).await.expect("a response");
        assert!(!response.headers().contains_key("access-control-allow-origin"), "{origin}");
    }
}

#[tokio::test]
async fn a_list_over_four_vendors_calls_each_once_per_level_and_batch() {
    let served = SandboxProcess::start();
    let response = served.query(LIST).await;
    assert_eq!(response["errors"], Value::Null);
    assert!(response["data"]["events"]["nodes"].as_array().is_some_and(|nodes| nodes.len() > 10), "{response}");

    for (vendor, base) in &served.vendors {
        let calls = served.calls(vendor).await;
        // The reader of deliveries polls TIXnGO in the background, however long the list takes; no list calls it. What is asked for at
        // `/octo/availability` is in the body.
        let is_counted = |call: &&LoggedCall| {
            !call.target.starts_with("/v3/organizer/tickets/diff") && call.target != "/octo/availability"
        };
        let asked: Vec<String> =
            calls.iter().filter(is_counted).map(|call| format!("{} {}", call.target, call.action)).collect();
        let each: BTreeSet<&String> = asked.iter().collect();
        assert_eq!(each.len(), asked.len(), "{vendor} at {base} was asked the same twice: {asked:#?}");
    }
    // One vendor accepts a list of events and one of products per call, in both protocols.
    insta::assert_json_snapshot!(served.calls_per_endpoint("secutix").await);
    // Another one returns everything about its events in the list; the host's own list proves whose they are.
    insta::assert_json_snapshot!(served.calls_per_endpoint("ticketing").await);
    // The third one accepts one day per call (`acme.md §4.2`). Instances provide two levels: performances, and the
    // ticket types of an event whose template has none.
    let museum = served.calls_per_endpoint("acme").await;
    assert_eq!(museum["/v2/b2b/event/template"], 1);
    for (address, levels) in [("/v2/b2b/event/instances", 2), ("/v2/b2b/event/instances/summaries", 1)] {
        let days = served.requested_days(address).await;
        assert!(museum[address] <= levels * days.len(), "one call a day and level: {} for {days:?}", museum[address]);
    }
    assert_eq!(museum.len(), 3, "{museum:?}");
    // The fourth one accepts one product per call, and a month or the rest of a year (`octo.md §5.2`).
    let tours = served.calls_per_endpoint("octo").await;
    let products = tours.keys().filter(|path| path.starts_with("/octo/products/")).count();
    assert_eq!(tours["/octo/products"], 1);
    assert!(products > 5 && tours["/octo/availability"] <= 2 * (products + 1), "{tours:?}");
    assert_eq!(tours.len(), products + 2, "{tours:?}");
}

/// Nodes and problems of a list from which a vendor is missing.
struct EventList {
    nodes: Vec<Value>,
    problems: Vec<Value>,
}

impl EventList {
    fn from_response(response: &Value) -> Self {
        assert_eq!(response["errors"], Value::Null, "a list has no errors");
        let part = |name: &str| response["data"]["events"][name].as_array().cloned().expect("a list");
        Self { nodes: part("nodes"), problems: part("problems") }
    }
}

const SIBLINGS: &str = "{ events(first: 50) {
    nodes { id title source { name } ticketTypes { name price { retail { formatted } } } priceFrom { formatted }
        performances(first: 3) { nodes { id startsAt availability { status vacancies } } } }
    problems { code source { name } } } }";

#[tokio::test]
async fn a_vendor_that_is_down_from_the_start_costs_only_its_own_events() {
    let killed =
        [("acme", &["harbor"][..]), ("secutix", &["club", "opera"]), ("ticketing", &["quay"]), ("octo", &["lagoon"])];
    for (vendor, sources) in killed {
        let served = SandboxProcess::start();
        let whole = EventList::from_response(&served.query(SIBLINGS).await);
        assert!(whole.problems.is_empty(), "{:?}", whole.problems);
        // Another process, whose caches do not contain the vendor's data.
        let served = SandboxProcess::start();
        served.control(vendor, "down").await;
        let response = EventList::from_response(&served.query(SIBLINGS).await);
        let of = |node: &Value| word(&node["source"]["name"]);
        let siblings: Vec<&Value> = whole.nodes.iter().filter(|node| !sources.contains(&of(node).as_str())).collect();
        assert!(siblings.len() < whole.nodes.len(), "{vendor} has events");
        // A page of fifty ends later if a vendor is missing: its entries are identical, followed by more.
        for (response, before) in response.nodes.iter().zip(&siblings) {
            assert!(response == *before, "{vendor} down: {response}\nbut {before}");
        }
        assert!(response.nodes.len() >= siblings.len(), "{vendor} down: none is missing");
        let named: Vec<(String, String)> = response.problems.iter().map(problem).collect();
        let expected: Vec<(String, String)> =
            sources.iter().map(|source| ("SOURCE_UNAVAILABLE".to_owned(), (*source).to_owned())).collect();
        assert_eq!(named, expected, "one problem for each source of {vendor}");
    }
}

/// Performs an action of an order as the storefront, and returns its payload.
async fn act(sandbox: &SandboxProcess, action: &str, kind: &str, input: Value) -> Value {
    let document = format!(
        "mutation($input: {kind}!) {{ it: {action}(input: $input) {{ problems {{ code path }} order {{ id status
        contact {{ firstName lastName email phone }} legs {{ status source {{ name }} }} }} }} }}"
    );
    let response = sandbox.query_as("sandbox-storefront", &document, json!({ "input": input })).await;
    assert_eq!(response.get("errors"), None, "{action}: {response}");
    response["data"]["it"].clone()
}

#[tokio::test]
async fn an_order_over_three_vendors_is_held_without_a_contact_and_confirmed_with_the_one_that_follows() {
    let sandbox = SandboxProcess::start();
    let names = ["harbor", "opera", "quay"];
    let mut lines = Vec::new();
    for name in names {
        lines.push(sandbox.paid_line(name).await);
    }
    let created =
        act(&sandbox, "createOrder", "CreateOrderInput", json!({ "idempotencyKey": "new", "lines": lines })).await;
    assert_eq!((&created["problems"], &created["order"]["contact"]), (&json!([]), &Value::Null), "{created}");
    let order = &created["order"]["id"];
    let step = |key: &str| json!({ "idempotencyKey": key, "order": order });
    let held = act(&sandbox, "holdOrder", "OrderActionInput", step("hold")).await;
    assert_eq!((&held["problems"], &held["order"]["status"]), (&json!([]), &json!("HELD")), "{held}");
    assert_eq!(held["order"]["legs"].as_array().map(Vec::len), Some(names.len()), "{held}");

    let refused = act(&sandbox, "confirmOrder", "OrderActionInput", step("early")).await;
    let missing = json!([{ "code": "CONTACT_MISSING", "path": ["input", "order"] }]);
    assert_eq!((&refused["problems"], &refused["order"]["status"]), (&missing, &json!("HELD")), "{refused}");
    let contact =
        json!({ "firstName": "Ada", "lastName": "Berg", "email": "ada.berg@example.com", "phone": "2025550101" });
    let mut update = step("contact");
    update["contact"] = contact.clone();
    update["contact"]["postalCode"] = json!("02110");
    let known = act(&sandbox, "updateOrderContact", "UpdateOrderContactInput", update).await;
    assert_eq!((&known["problems"], &known["order"]["contact"]), (&json!([]), &contact), "{known}");
    let sold = act(&sandbox, "confirmOrder", "OrderActionInput", step("confirm")).await;
    assert_eq!((&sold["problems"], &sold["order"]["status"]), (&json!([]), &json!("CONFIRMED")), "{sold}");
    assert_eq!(sold["order"]["contact"], contact, "{sold}");
}

#[tokio::test]
async fn a_held_order_is_changed_and_both_orders_name_each_other() {
    let sandbox = SandboxProcess::start();
    let line = sandbox.paid_line("harbor").await;
    let created =
        act(&sandbox, "createOrder", "CreateOrderInput", json!({ "idempotencyKey": "new", "lines": [line] })).await;
    let old = &created["order"]["id"];
    let held = json!({ "idempotencyKey": "hold", "order": old });
    act(&sandbox, "holdOrder", "OrderActionInput", held).await;

    let change = |key: &str, lines: Value| json!({ "idempotencyKey": key, "order": old, "lines": lines });
    let mut strange = line.clone();
    strange["performance"] = old.clone();
    let refused = change("strange", json!([line, strange]));
    let refused = act(&sandbox, "changeHeldOrder", "ChangeHeldOrderInput", refused).await;
    let unknown = json!([{ "code": "UNKNOWN_PERFORMANCE", "path": ["input", "lines", "1", "performance"] }]);
    assert_eq!((&refused["problems"], &refused["order"]), (&unknown, &Value::Null), "{refused}");

    let lines = json!([line, sandbox.paid_line("quay").await]);
    let changed = act(&sandbox, "changeHeldOrder", "ChangeHeldOrderInput", change("change", lines)).await;
    let new = &changed["order"];
    assert_eq!((&changed["problems"], &new["status"]), (&json!([]), &json!("HELD")), "{changed}");
    assert_ne!(&new["id"], old);
    let document =
        "query($id: ID!) { order(id: $id) { id status replaces { id } replacedBy { id } availableActions } }";
    let read = async |client: &str, id: &Value| {
        sandbox.query_as(client, document, json!({ "id": id })).await["data"]["order"].clone()
    };
    let after = read("sandbox-storefront", &new["id"]).await;
    assert_eq!((&after["replaces"]["id"], &after["replacedBy"]), (old, &Value::Null), "{after}");
    assert!(after["availableActions"].as_array().is_some_and(|all| all.contains(&json!("CHANGE"))), "{after}");
    let before = read("sandbox-storefront", old).await;
    assert_eq!((&before["replacedBy"]["id"], &before["replaces"]), (&new["id"], &Value::Null), "{before}");
    assert_eq!(read("sandbox-tiqets-dashboard", &new["id"]).await, Value::Null, "another seller");
}

#[tokio::test]
async fn a_page_stops_and_starts_a_vendor_of_the_sandbox_alone() {
    let served = SandboxProcess::start();
    let outage = async |method: reqwest::Method, source: &str| {
        let url = format!("{}/sandbox/sources/{source}/outage", served.address);
        served.client.request(method, url).send().await.expect("a response").status().as_u16()
    };
    let unknown = |response: &Value| {
        let unknown = statuses(response).into_iter().filter(|(_, status)| status == "UNKNOWN");
        unknown.map(|(source, _)| source).collect::<BTreeSet<_>>()
    };
    assert!(!unknown(&served.query(FRESH).await).contains("quay"));
    assert_eq!(outage(reqwest::Method::PUT, "quay").await, 204);
    assert!(unknown(&served.query(FRESH).await).contains("quay"));
    assert_eq!(outage(reqwest::Method::DELETE, "quay").await, 204);
    let mut restarted = unknown(&served.query(FRESH).await);
    while restarted.contains("quay") {
        // Its circuit breaker is open for a moment longer.
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        restarted = unknown(&served.query(FRESH).await);
    }

    assert_eq!(outage(reqwest::Method::PUT, "nowhere").await, 404);
    assert_eq!(outage(reqwest::Method::POST, "quay").await, 405, "a form of another site could send it");
}

#[tokio::test]
async fn a_vendor_that_goes_down_later_is_served_from_the_cache_with_unknown_availability() {
    let served = SandboxProcess::start();
    let before = statuses(&served.query(FRESH).await);
    for vendor in served.vendors.keys() {
        served.control(vendor, "down").await;
    }
    let after = statuses(&served.query(FRESH).await);
    assert_eq!(before.len(), after.len(), "descriptive facts outlive the vendor");
    // Setup and schedule decide some statuses without a vendor call; an unreachable vendor never means sold out.
    for ((source, was), (_, is)) in before.iter().zip(&after) {
        assert!(is == was || is == "UNKNOWN", "{source}: {was}, then {is}");
    }
    for source in ["harbor", "lagoon", "quay"] {
        let unknown = |response: &[(String, String)]| response.contains(&(source.to_owned(), "UNKNOWN".to_owned()));
        assert!(!unknown(&before) && unknown(&after), "{source} was asked for the present number and is gone");
    }
}

/// Returns source and availability of every performance.
fn statuses(response: &Value) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for node in EventList::from_response(response).nodes {
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

fn problem(response: &Value) -> (String, String) {
    (word(&response["code"]), word(&response["source"]["name"]))
}
