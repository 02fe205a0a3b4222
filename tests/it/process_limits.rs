//! The real binary and vendors that enforce their documented limits, with the configuration of the sandbox as it is: what is accepted is
//! sold, with as few calls as the vendor allows, and the rest is refused before anything is held.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::{Instant, sleep, sleep_until};

use crate::layers::redis_server::RedisServer;
use crate::orders::database::Postgres;
use crate::process::{Api, Process, binary};
use crate::process_orders::{SellableLine, VENDORS, load_lines, sandbox_at};

/// A museum, an opera house and a night club.
const SOURCES: [&str; 3] = ["harbor", "opera", "quay"];
/// Longest wait for the end of an order.
const PATIENCE: Duration = Duration::from_secs(240);

/// Time for which a replica is frozen.
const FREEZE: Duration = Duration::from_secs(120);

/// Emulated vendors that enforce their limits, and the lines that they have on sale.
struct Venue {
    vendors: BTreeMap<&'static str, String>,
    lines: Vec<Vec<SellableLine>>,
    replicas: Vec<(Api, Process)>,
    _vendors: Process,
    folder: TempDir,
}

impl Venue {
    /// Starts replicas with the sandbox's own configuration and these additions.
    async fn open(replicas: usize, replaced: &[(&str, String)]) -> Self {
        let folder = TempDir::new().expect("a folder");
        let emulators = Process::start(&folder, &["sandbox"]);
        let base = |name| (name, emulators.address(&format!("vendor=\"{name}\"")));
        let vendors: BTreeMap<&'static str, String> = VENDORS.into_iter().map(base).collect();
        let mut text = sandbox_at(&vendors);
        for (from, to) in replaced {
            text = text.replace(from, to);
        }
        std::fs::write(folder.path().join("venues.toml"), text).expect("a file");
        let start = |_| {
            let process = Process::start(&folder, &["serve", "--config", "venues.toml", "--listen", "127.0.0.1:0"]);
            (Api::from_process(&process), process)
        };
        let replicas: Vec<_> = (0..replicas).map(start).collect();
        let api = &replicas[0].0;
        let listed = api.query("{ sources { id name } }", Value::Null).await;
        let sources = listed["sources"].as_array().expect("sources").clone();
        let mut lines = Vec::new();
        for name in SOURCES {
            let source = sources.iter().find(|source| source["name"] == name).expect("a source");
            lines.push(load_lines(api, source["id"].as_str().expect("an id")).await);
        }
        Self { vendors, lines, replicas, _vendors: emulators, folder }
    }

    async fn of_one_replica() -> Self {
        Self::open(1, &[]).await
    }

    /// Returns the replica of a client.
    fn api(&self, client: usize) -> &Api {
        &self.replicas[client % self.replicas.len()].0
    }

    /// Returns an order over all sources, each client with its own key.
    fn input(&self, client: usize) -> Value {
        let line = |lines: &Vec<SellableLine>| {
            let line = &lines[client % lines.len().min(3)];
            json!({ "performance": line.performance, "ticketType": line.ticket_type, "quantity": 1 })
        };
        json!({ "idempotencyKey": format!("client {client}"), "lines": self.lines.iter().map(line).collect::<Vec<_>>(),
            "testMode": true, "contact": { "firstName": "Ada", "lastName": "Guest", "email": "ada@example.org",
            "phone": "2025550101", "postalCode": "02110" } })
    }

    /// Places an order. The error is the longest time after which a source that is busy wants the request again.
    async fn place(&self, client: usize) -> Result<String, Duration> {
        let place = || self.api(client).ask(PLACE, json!({ "input": self.input(client) }));
        let mut answer = place().await.expect("a response");
        // A replica that was frozen longer than a request or a connection of the ledger may take says so, and its client asks again.
        let error = &answer["errors"][0]["extensions"];
        if error["code"] == "REQUEST_TIMEOUT" || error["code"] == "LEDGER_UNAVAILABLE" {
            answer = place().await.expect("a response");
        }
        assert_eq!(answer.get("errors"), None, "{answer}");
        let placed = &answer["data"]["placeOrder"];
        if let Some(id) = placed["order"]["id"].as_str() {
            return Ok(id.to_owned());
        }
        let problems = placed["problems"].as_array().expect("problems");
        assert!(problems.iter().all(|problem| problem["code"] == "SOURCE_BUSY"), "{placed}");
        let waits = problems.iter().filter_map(|problem| problem["retryAfterSeconds"].as_u64());
        Err(Duration::from_secs(waits.max().expect("a time")))
    }

    /// Waits until an order is final, and returns it.
    async fn end_of(&self, client: usize, id: &str) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let order = self.api(client).query(READ, json!({ "id": id })).await["order"].take();
            if order["isTerminal"] == true {
                return order;
            }
            assert!(Instant::now() < end, "the order is not final: {order:#}");
            sleep(Duration::from_millis(500)).await;
        }
    }

    /// Requires that accepted orders are sold with all their tickets, and that no vendor undid anything.
    async fn sold(&self, orders: &[(usize, String)]) {
        for order in join_all(orders.iter().map(|(client, id)| self.end_of(*client, id))).await {
            assert_eq!((&order["status"], &order["problems"]), (&json!("CONFIRMED"), &json!([])), "{order:#}");
            let tickets = order["tickets"].as_array().expect("tickets");
            assert!(tickets.iter().all(|ticket| ticket["status"] == "ISSUED") && tickets.len() == 3, "{order:#}");
        }
        let calls = self.calls("secutix").await;
        let undone = ["abandonMovements", "cancelOperations"].map(|method| calls.get(method).copied());
        assert_eq!(undone, [None, None], "sold and undone");
        self.refused_nothing().await;
    }

    /// Counts the calls of a vendor by method, or by verb and last part of the path.
    async fn calls(&self, vendor: &str) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for call in self.log(vendor).await {
            let path = call["target"].as_str().expect("a path").split('?').next().unwrap_or_default().to_owned();
            let name = path.rsplit('/').next().unwrap_or_default().to_owned();
            *counts.entry(name).or_default() += 1;
        }
        counts
    }

    async fn log(&self, vendor: &str) -> Vec<Value> {
        let url = format!("{}/_emu/log", self.vendors[vendor]);
        reqwest::get(url).await.expect("a response").json().await.expect("the log")
    }

    /// Requires that no vendor refused a call because of its limits.
    async fn refused_nothing(&self) {
        for vendor in VENDORS {
            let log = self.log(vendor).await;
            let refused: Vec<_> = log.iter().filter(|call| call["status"] == 429 || call["status"] == 509).collect();
            assert!(refused.is_empty(), "{vendor}: {refused:?}");
        }
    }
}

const PLACE: &str = "mutation($input: CreateOrderInput!) { placeOrder(input: $input) { order { id status }
    problems { code retryAfterSeconds } } }";
const READ: &str = "query($id: ID!) { order(id: $id) { id status isTerminal problems { code }
    legs { status source { name } } tickets { id status } } }";
const QUOTE: &str = "mutation($order: ID!) { quoteCancellation(input: { order: $order }) { quote { id }
    problems { code } } }";
const CANCEL: &str = "mutation($quote: ID!, $key: ID!) { cancelOrder(input: { idempotencyKey: $key, quote: $quote }) {
    order { status } problems { code } } }";

/// Places orders at once that are all accepted.
async fn place_at_once(venue: &Venue, clients: usize) -> Vec<(usize, String)> {
    join_all((0..clients).map(async |client| (client, venue.place(client).await.expect("an accepted order")))).await
}

/// Twelve orders at once are sold within a minute, each with the least calls that the vendor allows.
async fn twelve_at_once() {
    let venue = Venue::of_one_replica().await;
    let before = venue.calls("secutix").await;
    let others = [("acme", venue.log("acme").await.len()), ("ticketing", venue.log("ticketing").await.len())];
    let begun = Instant::now();
    let accepted = place_at_once(&venue, 12).await;
    venue.sold(&accepted).await;
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    let after = venue.calls("secutix").await;
    let calls = |method: &str| after.get(method).unwrap_or(&0) - before.get(method).unwrap_or(&0);
    assert_eq!(["createOrUpdateOrder", "closeOrder", "getOrderDetails"].map(calls), [12, 12, 12]);
    // The table of docs/orders.md and, at ACME, four reads of the plan; at TickeTing three.
    for (vendor, before) in others {
        let calls = venue.log(vendor).await.len() - before;
        assert!(calls <= 12 * 8, "{calls} calls of twelve orders at {vendor}");
    }
}

/// A service that starts again within ten minutes reads no catalog, and a check does not either: the vendor would refuse it.
async fn restarted() {
    let mut venue = Venue::of_one_replica().await;
    let catalogs = venue.calls("secutix").await["getCatalogDetailed"];
    venue.replicas.clear();
    let process = Process::start(&venue.folder, &["serve", "--config", "venues.toml", "--listen", "127.0.0.1:0"]);
    venue.replicas.push((Api::from_process(&process), process));
    let accepted = place_at_once(&venue, 2).await;
    venue.sold(&accepted).await;
    let titles = venue.api(0).query("{ events(first: 50) { totalCount problems { code } } }", Value::Null).await;
    assert!(titles["events"]["totalCount"].as_u64() > Some(10), "{titles}");
    assert_eq!(titles["events"]["problems"], json!([]));
    // Neither does a check beside the running service.
    let check = binary(venue.folder.path(), &["check", "--online", "--config", "venues.toml"]);
    let checked = Command::from(check).output().await.expect("a check");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    assert_eq!(venue.calls("secutix").await["getCatalogDetailed"], catalogs);
}

/// Of sixty orders at once as many are accepted as fit into the promised time, and sold. The others are refused before anything is held,
/// and accepted after the time that was returned to them.
async fn sixty_at_once() {
    let venue = Venue::of_one_replica().await;
    let placed = join_all((0..60).map(async |client| match venue.place(client).await {
        Ok(id) => (client, id, false),
        Err(wait) => {
            sleep(wait).await;
            let again = venue.place(client).await;
            let id = again.unwrap_or_else(|more| panic!("client {client} waited {wait:?} and is refused for {more:?}"));
            (client, id, true)
        }
    }));
    let placed = placed.await;
    let waited = placed.iter().filter(|(_, _, has_waited)| *has_waited).count();
    assert!((10..=30).contains(&waited), "{waited} of 60 were refused at first");
    let accepted: Vec<_> = placed.into_iter().map(|(client, id, _)| (client, id)).collect();
    venue.sold(&accepted).await;
}

/// Orders that come one after the other never wait for each other.
async fn one_every_five_seconds() {
    let venue = Venue::of_one_replica().await;
    let mut accepted = Vec::new();
    for client in 0..18 {
        accepted.push((client, venue.place(client).await.expect("an accepted order")));
        sleep(Duration::from_secs(5)).await;
    }
    venue.sold(&accepted).await;
}

/// Orders that are canceled together are all canceled at every vendor.
async fn eight_canceled_together() {
    let venue = Venue::of_one_replica().await;
    let accepted = place_at_once(&venue, 8).await;
    venue.sold(&accepted).await;
    let canceled = accepted.iter().map(async |(client, id)| {
        let quoted = venue.api(*client).query(QUOTE, json!({ "order": id })).await;
        let quote = &quoted["quoteCancellation"]["quote"]["id"];
        assert!(quote.is_string(), "{quoted}");
        venue.api(*client).query(CANCEL, json!({ "quote": quote, "key": format!("cancel {client}") })).await;
        venue.end_of(*client, id).await
    });
    for order in join_all(canceled).await {
        assert_eq!((&order["status"], &order["problems"]), (&json!("CANCELLED"), &json!([])), "{order:#}");
    }
    venue.refused_nothing().await;
}

/// Replicas share the limits, and one that is frozen for two minutes holds up only its own orders.
async fn two_replicas() {
    let (Some(postgres), Some(redis)) = (Postgres::start(), RedisServer::start()) else { return };
    let ledger = format!("[ledger]\nurl = \"{}\"\n", postgres.url());
    let redis = format!("[cache]\nredis_url = \"{}\"\n\n", redis.address().expose_secret());
    let venue = Venue::open(2, &[("[ledger]\n", format!("{redis}{ledger}"))]).await;
    let accepted = place_at_once(&venue, 12).await;
    venue.sold(&accepted).await;
    let place = async |client| (client, venue.place(client).await.expect("an accepted order"));
    let of_first = join_all((100..112).step_by(2).map(place));
    let of_second = async {
        sleep(Duration::from_millis(700)).await;
        venue.replicas[0].1.signal("-STOP");
        let end = Instant::now() + FREEZE;
        let accepted = join_all((101..113).step_by(2).map(place)).await;
        venue.sold(&accepted).await;
        assert!(Instant::now() < end, "the orders of one replica do not wait for the other");
        sleep_until(end).await;
        venue.replicas[0].1.signal("-CONT");
    };
    let (accepted, ()) = tokio::join!(of_first, of_second);
    venue.sold(&accepted).await;
}

/// All at the same time, because they mostly wait for the limits.
#[tokio::test(flavor = "multi_thread")]
async fn an_on_sale_morning_sells_what_the_limits_allow_and_refuses_the_rest_before_anything_is_held() {
    tokio::join!(
        twelve_at_once(),
        restarted(),
        sixty_at_once(),
        one_every_five_seconds(),
        eight_canceled_together(),
        two_replicas()
    );
}
