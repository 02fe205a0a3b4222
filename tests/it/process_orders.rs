//! Kills the real binary during many orders over several vendors: nothing is lost, and nothing is sold twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::process::{Api, Process, TIMEOUT};

/// Number of concurrent orders.
const ORDERS: usize = 200;
/// Number of them that have a response when the server is killed.
const ANSWERED: usize = 40;
/// Sources by name, and the vendor of each.
pub(crate) const SOURCES: [(&str, &str); 5] =
    [("harbor", "acme"), ("opera", "secutix"), ("club", "secutix"), ("quay", "ticketing"), ("lagoon", "octo")];

/// Vendors that sell.
pub(crate) const VENDORS: [&str; 4] = ["acme", "secutix", "ticketing", "octo"];
/// Their usual ports.
const PORTS: [u16; 4] = [4101, 4102, 4103, 4105];

/// Time in which a sale that was made is found: four lookups.
pub(crate) const LOOKUP_TIME: Duration = Duration::from_secs(32);

/// Delays every call, so that many are in flight when the server is killed.
const SLOW: &str = "[[rules]]\nfault = { kind = \"delay\", ms = 25 }\n";

/// Additions to the sandbox configuration: short calls, so that a lease can be short, and limits for two hundred concurrent orders at vendors that limit nothing.
const SETTINGS: &str = r#"
[orders]
call_timeout = "10s"
late_arrival_window = "2s"
poll_interval = "250ms"

[resilience]
attempt_timeout = "8s"

[resilience.rate_limit]
endpoint_quota = "6000/1m"
quota = "6000/1m"

[resilience.bulkhead]
browsing = 400
checkout = 400
max_wait = "30s"

[resilience.deadlines]
order = "9s"
read = "29s"
availability = "29s"
"#;

/// Emulated vendors in their own process, which outlives the server.
pub(crate) struct Vendors {
    _process: Process,
    bases: BTreeMap<&'static str, String>,
    client: reqwest::Client,
}

impl Vendors {
    pub(crate) fn start(folder: &TempDir) -> Self {
        Self::start_with(folder, &["--unlimited"])
    }

    /// Starts the vendors with more arguments.
    pub(crate) fn start_with(folder: &TempDir, more: &[&str]) -> Self {
        std::fs::write(folder.path().join("slow.toml"), SLOW).expect("a file");
        let process = Process::start(folder, &[&["sandbox", "--scenario", "slow.toml"], more].concat());
        let bases = VENDORS.into_iter().map(|name| (name, process.address(&format!("vendor=\"{name}\"")))).collect();
        Self { _process: process, bases, client: http_client::build_client().expect("a client") }
    }

    /// Returns the holds and orders of a vendor.
    pub(crate) async fn holdings(&self, vendor: &str) -> Value {
        let url = format!("{}/_emu/inventory", self.bases[vendor]);
        let response = self.client.get(url).send().await.expect("a response");
        response.json().await.expect("the inventory")
    }

    /// Advances the clock of all vendors by an hour, so that every hold expires.
    pub(crate) async fn wait_an_hour(&self) {
        for vendor in self.bases.keys() {
            self.control(reqwest::Method::POST, vendor, "clock", &json!({ "advance_ms": 3_600_000 })).await;
        }
    }

    /// Calls a control endpoint of a vendor.
    pub(crate) async fn control(&self, method: reqwest::Method, vendor: &str, endpoint: &str, body: &Value) {
        let request = self.client.request(method, format!("{}/_emu/{endpoint}", self.bases[vendor])).json(body);
        let response = request.send().await.expect("a response");
        assert!(response.status().is_success(), "{endpoint} of {vendor}: {response:?}");
    }
}

/// Returns the sandbox configuration with the URLs of the vendors and a database in the folder.
pub(crate) fn configuration(folder: &TempDir, vendors: &Vendors) -> String {
    let ledger = folder.path().join("orders.db");
    let ledger = format!("[ledger]\nurl = \"sqlite://{}\"\nlease = \"20s\"\n", ledger.display());
    sandbox_at(&vendors.bases).replace("[ledger]\n", &ledger) + SETTINGS
}

/// Returns the sandbox configuration with these URLs of the vendors. Every usual URL is taken out before the first one is put in: a
/// port such as 41020 begins like a usual one.
pub(crate) fn sandbox_at(bases: &BTreeMap<&'static str, String>) -> String {
    let usual = |place: usize| format!("http://127.0.0.1:{}", PORTS[place]);
    let names = || VENDORS.into_iter().enumerate();
    let sandbox = include_str!("../../config/sandbox.toml").to_owned();
    let marked = names().fold(sandbox, |text, (place, name)| text.replace(&usual(place), &format!("<{name}>")));
    names().fold(marked, |text, (_, name)| text.replace(&format!("<{name}>"), &bases[name]))
}

#[test]
fn the_port_of_one_vendor_may_begin_like_the_usual_port_of_another() {
    let ports = [41020, 41030, 41050, 41010].map(|port| format!("http://127.0.0.1:{port}"));
    let text = sandbox_at(&VENDORS.into_iter().zip(ports.clone()).collect());
    let bases: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("base_url = ")).collect();
    let [acme, secutix, ticketing, octo] = &ports;
    let written = [acme, secutix, secutix, &format!("{ticketing}/v3"), &format!("{octo}/octo")];
    assert_eq!(bases, written.map(|base| format!("\"{base}\"")));
}

/// Line on sale, with its remaining vacancies.
#[derive(Clone)]
pub(crate) struct SellableLine {
    pub(crate) performance: String,
    pub(crate) ticket_type: String,
    pub(crate) left: i64,
}

/// Everything that a source has on sale.
pub(crate) const CATALOG_QUERY: &str =
    "query($source: ID!) { events(first: 50, filter: { sources: [$source] }) { nodes { title
    performances(first: 20) { nodes { id availability { status vacancies
      offers { status vacancies ticketType { id } } } } } } } }";

/// Returns the lines that a source has on sale, by descending vacancies.
pub(crate) async fn load_lines(api: &Api, source: &str) -> Vec<SellableLine> {
    let listed = api.query(CATALOG_QUERY, json!({ "source": source })).await;
    let each = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut lines = Vec::new();
    for performance in each(&listed["events"]["nodes"]).iter().flat_map(|event| each(&event["performances"]["nodes"])) {
        let availability = &performance["availability"];
        let open = each(&availability["offers"]).into_iter().filter(|offer| offer["status"] == "AVAILABLE");
        let left = |offer: &Value| offer["vacancies"].as_i64().or(availability["vacancies"].as_i64()).unwrap_or(0);
        if let Some(best) = open.max_by_key(left) {
            let id = |value: &Value| value["id"].as_str().expect("an id").to_owned();
            lines.push(SellableLine {
                performance: id(&performance),
                ticket_type: id(&best["ticketType"]),
                left: left(&best),
            });
        }
    }
    lines.sort_by_key(|line| std::cmp::Reverse(line.left));
    lines
}

const FIELDS: &str = "order { id version status } problems { code path } replayed";

/// Client with its purchase and its idempotency keys, used before and after the crash.
pub(crate) struct Client {
    number: usize,
    lines: Vec<Value>,
}

impl Client {
    /// Returns the input of the purchase.
    pub(crate) fn input(&self, policy: &str) -> Value {
        json!({ "idempotencyKey": format!("client {}", self.number), "lines": self.lines, "policy": policy,
            "testMode": true, "contact": { "firstName": "Ada", "lastName": "Guest", "email": "ada@example.org",
            "phone": "2025550101", "postalCode": "02110" } })
    }

    /// Buys, or repeats a purchase. Returns the ID of the order, and true if every request was answered.
    pub(crate) async fn buy(&self, api: &Api) -> (Option<String>, bool) {
        let (operation, policy) = (
            if self.number.is_multiple_of(2) { "placeOrder" } else { "createOrder" },
            if self.number.is_multiple_of(5) { "BEST_EFFORT" } else { "ALL_OR_NOTHING" },
        );
        let input = self.input(policy);
        let query = format!("mutation($input: CreateOrderInput!) {{ it: {operation}(input: $input) {{ {FIELDS} }} }}");
        let until = Instant::now() + TIMEOUT;
        let made = loop {
            let Some(made) = api.try_query(&query, json!({ "input": input })).await else { return (None, false) };
            // A slow machine reaches the limits of the vendors: nothing is held, and the same key may come again.
            let is_busy = made["it"]["problems"][0]["code"] == "SOURCE_BUSY" && Instant::now() < until;
            if !is_busy {
                break made;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        };
        let id = made["it"]["order"]["id"].as_str().unwrap_or_else(|| panic!("no order: {made}")).to_owned();
        if operation == "placeOrder" {
            return (Some(id), true);
        }
        for step in ["holdOrder", "confirmOrder"] {
            let input = json!({ "idempotencyKey": format!("client {}", self.number), "order": id });
            let query = format!("mutation($input: OrderActionInput!) {{ it: {step}(input: $input) {{ {FIELDS} }} }}");
            let is_answered = api.try_query(&query, json!({ "input": input })).await.is_some();
            // The response may precede the end of the hold, so the client waits before it continues.
            let rests = |order: &Value| order["status"] != "HOLDING";
            if !is_answered || api.wait_for(&id, rests).await.is_none() {
                return (Some(id), false);
            }
        }
        (Some(id), true)
    }
}

/// Creates clients that each buy from two to four sources, spread over the available lines.
pub(crate) fn clients(count: usize, lines_by_source: &[Vec<SellableLine>]) -> Vec<Client> {
    let mut lines_by_source = lines_by_source.to_vec();
    let mut take = |source: usize| {
        let line = lines_by_source[source].iter_mut().max_by_key(|line| line.left).expect("a ware");
        line.left -= 1;
        assert!(line.left >= 0, "{} has too few vacancies for this test", SOURCES[source].0);
        json!({ "performance": line.performance, "ticketType": line.ticket_type, "quantity": 1 })
    };
    let lines = |number: usize| (0..2 + number % 3).map(|place| (number + place) % SOURCES.len()).collect::<Vec<_>>();
    (0..count).map(|number| Client { number, lines: lines(number).into_iter().map(&mut take).collect() }).collect()
}

const ORDER: &str = "id version status isTerminal policy legs { ourReference status source { name }
    problems { code } attempts { operation outcome } } lines { quantity leg { ourReference } } tickets { id status }";

impl Api {
    /// Polls an order until it is as expected. `None` if the server was killed before.
    pub(crate) async fn wait_for(&self, id: &str, is_fine: impl Fn(&Value) -> bool) -> Option<Value> {
        let query = format!("query($id: ID!) {{ order(id: $id) {{ {ORDER} }} }}");
        let end = Instant::now() + TIMEOUT;
        let mut ticks = tokio::time::interval(Duration::from_millis(200));
        loop {
            ticks.tick().await;
            let order = self.try_query(&query, json!({ "id": id })).await?["order"].take();
            if is_fine(&order) {
                return Some(order);
            }
            assert!(Instant::now() < end, "the order is not final: {order:#}");
        }
    }

    /// Returns all orders.
    pub(crate) async fn orders(&self) -> Vec<Value> {
        let query = format!(
            "query($after: String) {{ orders(first: 50, after: $after) {{ nodes {{ {ORDER} }}
             pageInfo {{ hasNextPage endCursor }} }} }}"
        );
        let (mut all, mut after) = (Vec::new(), Value::Null);
        loop {
            let page = self.query(&query, json!({ "after": after })).await;
            all.extend(page["orders"]["nodes"].as_array().expect("orders").iter().cloned());
            after = page["orders"]["pageInfo"]["endCursor"].clone();
            if page["orders"]["pageInfo"]["hasNextPage"] == false {
                return all;
            }
        }
    }
}

/// Returns the order IDs known to the clients when the server was killed, by client.
async fn buy_until_killed(server: &mut Process, api: &Api, clients: &Arc<Vec<Client>>) -> BTreeMap<usize, String> {
    let answered = Arc::new(AtomicUsize::new(0));
    let (enough, signal) = tokio::sync::oneshot::channel();
    let enough = Arc::new(std::sync::Mutex::new(Some(enough)));
    let tasks = TaskTracker::new();
    let running: Vec<_> = (0..clients.len())
        .map(|number| {
            let (clients, api) = (Arc::clone(clients), api.clone());
            let (answered, enough) = (Arc::clone(&answered), Arc::clone(&enough));
            tasks.spawn(async move {
                let (id, is_done) = clients[number].buy(&api).await;
                if is_done && answered.fetch_add(1, Ordering::SeqCst) + 1 == ANSWERED {
                    let enough = enough.lock().expect("a lock").take();
                    let _ = enough.expect("the first signal").send(());
                }
                id.map(|id| (number, id))
            })
        })
        .collect();
    tokio::time::timeout(TIMEOUT, signal).await.expect("enough responses").expect("a signal");
    server.kill();
    let ids = join_all(running).await.into_iter().filter_map(|ids| ids.expect("a client"));
    let ids: BTreeMap<usize, String> = ids.collect();
    assert!(answered.load(Ordering::SeqCst) < ORDERS, "the server was killed early");
    ids
}

/// Repeats the requests of every client at the running server, and waits until all orders are final.
pub(crate) async fn repeat(api: &Api, clients: &[Client], ids: &BTreeMap<usize, String>) -> BTreeSet<String> {
    let again = join_all(clients.iter().map(async |client| {
        let (id, is_done) = client.buy(api).await;
        assert!(is_done, "the server is running");
        id.expect("an order")
    }))
    .await;
    for (number, id) in ids {
        assert_eq!(&again[*number], id, "client {number}: the same key returns the same order");
    }
    let start = Instant::now();
    let settled = |order: &Value| {
        let is_settled = order["isTerminal"] == true || order["status"] == "NEEDS_ATTENTION";
        is_settled || is_unknown_at_acme(order) && start.elapsed() > LOOKUP_TIME
    };
    let ends = join_all(again.iter().map(|id| api.wait_for(id, settled))).await;
    assert!(ends.iter().all(Option::is_some), "the server is running");
    again.into_iter().collect()
}

/// Returns true if a check-out at ACME may never have arrived. Its reservation and its absence from the lists prove nothing
/// (`acme.md §4.5`), so it stays unknown until a person settles it; `compare` shows that nothing was sold by it.
pub(crate) fn is_unknown_at_acme(order: &Value) -> bool {
    let legs = order["legs"].as_array().expect("legs");
    legs.iter().any(|leg| leg["source"]["name"] == "harbor" && leg["status"] == "OUTCOME_UNKNOWN")
}

/// Returns our references of the active sales at a vendor, each with its number of valid tickets.
pub(crate) fn sold(holdings: &Value) -> Vec<(String, usize)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_ascii_uppercase();
    let is_valid =
        |ticket: &&Value| !["REFUNDED", "VOID", "VOIDED", "CANCELLED"].contains(&text(&ticket["state"]).as_str());
    let orders = holdings["orders"].as_array().expect("orders").iter();
    let tickets = |order: &Value| order["tickets"].as_array().map_or(0, |all| all.iter().filter(is_valid).count());
    let sold = orders.map(|order| (text(&order["reference"]), tickets(order)));
    sold.filter(|(_, tickets)| *tickets > 0).collect()
}

/// Compares every leg with the sales at its vendor; neither side may have a remainder.
pub(crate) fn compare(orders: &[Value], holdings: &BTreeMap<&str, Value>) -> BTreeMap<String, usize> {
    let mut statuses = BTreeMap::new();
    let mut left: BTreeMap<&str, Vec<(String, usize)>> =
        holdings.iter().map(|(vendor, held)| (*vendor, sold(held))).collect();
    for order in orders {
        *statuses.entry(order["status"].as_str().expect("a status").to_owned()).or_insert(0) += 1;
        let needs_attention = order["status"] == "NEEDS_ATTENTION";
        let mut sold_legs = 0;
        let legs = order["legs"].as_array().expect("legs");
        for leg in legs {
            let (_, vendor) = SOURCES.iter().find(|(name, _)| leg["source"]["name"] == *name).expect("a source");
            let reference = leg["ourReference"].as_str().expect("a reference");
            let at_vendor = left.get_mut(vendor).expect("a vendor");
            let found: Vec<_> = at_vendor.extract_if(.., |(name, _)| name == reference).collect();
            let lines = order["lines"].as_array().expect("lines").iter();
            let wanted = lines.filter(|line| line["leg"]["ourReference"] == leg["ourReference"]);
            let wanted: i64 = wanted.filter_map(|line| line["quantity"].as_i64()).sum();
            let is_sold = leg["status"] == "CONFIRMED";
            sold_legs += usize::from(is_sold);
            match (is_sold, &found[..]) {
                (true, [(_, tickets)]) => assert_eq!(i64::try_from(*tickets), Ok(wanted), "{order:#}"),
                (false, []) => {}
                (_, found) => assert!(needs_attention, "{leg} against {found:?} at {vendor}: {order:#}"),
            }
        }
        let is_whole = sold_legs == 0 || sold_legs == legs.len();
        let may_be_partial = needs_attention || is_unknown_at_acme(order) || order["policy"] == "BEST_EFFORT";
        assert!(is_whole || may_be_partial, "half done: {order:#}");
        let tickets = order["tickets"].as_array().map_or(0, Vec::len);
        assert!(needs_attention || tickets >= sold_legs, "a ticket for each sale: {order:#}");
    }
    assert!(left.values().all(Vec::is_empty), "sold but not stored: {left:?}");
    statuses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_during_two_hundred_orders_loses_and_duplicates_none() {
    let folder = TempDir::new().expect("a folder");
    let vendors = Vendors::start(&folder);
    std::fs::write(folder.path().join("venues.toml"), configuration(&folder, &vendors)).expect("a file");
    let serve = ["serve", "--config", "venues.toml", "--listen", "127.0.0.1:0"];
    let mut server = Process::start(&folder, &serve);
    let api = Api::from_process(&server);
    let listed = api.query("{ sources { id name } }", Value::Null).await;
    let id = |name: &str| {
        let all = listed["sources"].as_array().expect("sources").iter();
        all.clone().find(|source| source["name"] == name).expect("a source")["id"].as_str().expect("an id").to_owned()
    };
    let lines_by_source = join_all(SOURCES.iter().map(async |(name, _)| load_lines(&api, &id(name)).await)).await;
    let clients = Arc::new(clients(ORDERS, &lines_by_source));
    let ids = buy_until_killed(&mut server, &api, &clients).await;

    let server = Process::start(&folder, &serve);
    let api = Api::from_process(&server);
    let made = repeat(&api, &clients, &ids).await;
    assert_eq!(made.len(), ORDERS, "one order per client");

    vendors.wait_an_hour().await;
    let mut holdings = BTreeMap::new();
    for vendor in VENDORS {
        let held = vendors.holdings(vendor).await;
        assert_eq!(held["holds"], json!([]), "{vendor}: unknown holds expire");
        holdings.insert(vendor, held);
    }
    let orders = api.orders().await;
    let ids: BTreeSet<String> = orders.iter().map(|order| order["id"].as_str().expect("an id").to_owned()).collect();
    assert_eq!((orders.len(), &ids), (ORDERS, &made), "every order is known to a client");
    let statuses = compare(&orders, &holdings);
    println!("{statuses:?}");
    assert!(statuses.get("CONFIRMED").is_some_and(|sold| *sold > ORDERS / 2), "{statuses:?}");
    let lost = |order: &&Value| order.to_string().contains("RESOLVED");
    assert!(orders.iter().any(|order| lost(&order)), "some responses were lost and looked up");
    for (name, _) in SOURCES {
        no_difference(&api, &id(name)).await;
    }
}

/// Asserts that the reconciliation report of the server is empty.
pub(crate) async fn no_difference(api: &Api, source: &str) {
    let now = domain::Clock::now(&domain::SystemClock);
    let at = |hours: i64| -> Timestamp { now + SignedDuration::from_hours(hours) };
    let query = "query($source: ID!, $from: DateTime!, $to: DateTime!) {
        reconciliation(source: $source, from: $from, to: $to) { matched orphans { value } missing { id } } }";
    let report = api.query(query, json!({ "source": source, "from": at(-2), "to": at(2) })).await;
    let report = &report["reconciliation"];
    assert_eq!((&report["orphans"], &report["missing"]), (&json!([]), &json!([])), "{source}");
}
