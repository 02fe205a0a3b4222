//! A shop that goes on buying through two replicas while a store fails over, and the comparison with the vendors at the end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::redis_faults::fault_of;
use crate::process::{Api, Process, TIMEOUT};
use crate::process_orders::{
    Client, LOOKUP_TIME, SOURCES, VENDORS, Vendors, clients, compare, configuration, is_unknown_at_acme, load_lines,
    no_difference,
};

/// Clients that buy at the same time.
const BUYERS: usize = 8;
/// Wait of a client before it repeats a request.
const REPEAT_WAIT: Duration = Duration::from_millis(100);
/// Longest time for which a client repeats a request.
const PATIENCE: Duration = Duration::from_secs(120);

const PLACE: &str =
    "mutation($input: CreateOrderInput!) { it: placeOrder(input: $input) { order { id } problems { code } } }";

/// Replicas of the real binary, and emulated vendors.
pub(super) struct Shop {
    folder: TempDir,
    pub vendors: Vendors,
    pub replicas: Vec<Process>,
    apis: Vec<Api>,
    clients: Arc<Vec<Client>>,
}

/// Purchases of a campaign.
pub(super) struct Purchases {
    /// Order of each client.
    ids: Vec<String>,
    /// Longest time between two responses with an order.
    pub longest_gap: Duration,
    /// Responses that the ledger was unavailable.
    pub refused: usize,
}

/// Progress of the buyers.
#[derive(Default)]
struct Progress {
    next: AtomicUsize,
    refused: AtomicUsize,
    responses: Mutex<Vec<Instant>>,
}

impl Shop {
    /// Starts vendors and two replicas with these lines in the section of the ledger and these further sections.
    pub(super) async fn open(orders: usize, ledger: &str, sections: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let vendors = Vendors::start(&folder);
        let sqlite = format!("url = \"sqlite://{}\"\n", folder.path().join("orders.db").display());
        let text = configuration(&folder, &vendors).replace(&sqlite, ledger) + sections;
        assert!(text.contains(ledger), "the ledger is configured");
        std::fs::write(folder.path().join("venues.toml"), text).expect("a file");
        let mut shop = Self { folder, vendors, replicas: Vec::new(), apis: Vec::new(), clients: Arc::default() };
        for _ in 0..2 {
            shop.start_replica();
        }
        let sources = shop.sources().await;
        let shelves = join_all(SOURCES.iter().map(async |(name, _)| load_lines(&shop.apis[0], &sources[*name]).await));
        shop.clients = Arc::new(clients(orders, &shelves.await));
        shop
    }

    /// Starts a replica, which serves the next clients.
    pub(super) fn start_replica(&mut self) {
        let process = Process::start(&self.folder, &["serve", "--config", "venues.toml", "--listen", "127.0.0.1:0"]);
        self.apis.push(Api::from_process(&process));
        self.replicas.push(process);
    }

    /// Returns the API of a replica.
    pub(super) fn api(&self, replica: usize) -> &Api {
        &self.apis[replica]
    }

    /// Lets a client try once to buy at a replica. Returns the response.
    pub(super) async fn try_to_buy(&self, replica: usize, client: usize) -> Value {
        let input = self.clients[client].input("ALL_OR_NOTHING");
        self.apis[replica].ask(PLACE, json!({ "input": input })).await.expect("a response")
    }

    /// Returns why a replica shares no state through Redis, by its health.
    pub(super) async fn redis_fault(&self, replica: usize) -> Option<String> {
        fault_of(&self.apis[replica].get("/health/ready").await)
    }

    /// Returns the ids of the sources by name.
    async fn sources(&self) -> BTreeMap<String, String> {
        let listed = self.apis[1].query("{ sources { id name } }", Value::Null).await;
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let sources = listed["sources"].as_array().expect("sources").iter();
        sources.map(|source| (text(&source["name"]), text(&source["id"]))).collect()
    }

    /// Lets every client buy. `disturb` runs when a third of them have an order. Clients repeat requests without a response, and those
    /// that the ledger could not take; every other error fails the test.
    pub(super) async fn buy<T>(&mut self, disturb: impl AsyncFnOnce(&mut Self) -> T) -> (Purchases, T) {
        let (clients, progress) = (Arc::clone(&self.clients), Arc::new(Progress::default()));
        let mut buyers = JoinSet::new();
        for _ in 0..BUYERS {
            let (clients, apis, progress) = (Arc::clone(&clients), self.apis.clone(), Arc::clone(&progress));
            buyers.spawn(async move { buy_in_turn(&clients, &apis, &progress).await });
        }
        let enough = clients.len() / 3;
        while progress.responses.lock().expect("a lock").len() < enough {
            assert!(buyers.try_join_next().is_none(), "no buyer is done yet");
            sleep(Duration::from_millis(5)).await;
        }
        let disturbed = disturb(self).await;
        let mut ids = vec![String::new(); clients.len()];
        for (number, id) in buyers.join_all().await.into_iter().flatten() {
            ids[number] = id;
        }
        let mut responses = progress.responses.lock().expect("a lock").clone();
        responses.sort_unstable();
        let longest_gap = responses.windows(2).map(|pair| pair[1] - pair[0]).max().expect("responses");
        let refused = progress.refused.load(SeqCst);
        (Purchases { ids, longest_gap, refused }, disturbed)
    }

    /// Waits until all orders are final, and compares the ledger with the books of the vendors: every order is there once, sold as the
    /// ledger says, and nothing else is.
    pub(super) async fn compare(&self, purchases: &Purchases) -> BTreeMap<String, usize> {
        let api = self.apis.last().expect("a replica");
        // The same key returns the same order: none was lost by the store after its client got it.
        let last = std::slice::from_ref(api);
        let again =
            join_all(self.clients.iter().map(async |client| buy_one(client, last, 0, &Progress::default()).await));
        assert_eq!(again.await, purchases.ids, "the same key returns the same order");
        let begun = Instant::now();
        let settled = |order: &Value| {
            let is_settled = order["isTerminal"] == true || order["status"] == "NEEDS_ATTENTION";
            is_settled || is_unknown_at_acme(order) && begun.elapsed() > LOOKUP_TIME
        };
        let ends = join_all(purchases.ids.iter().map(|id| api.wait_for(id, settled))).await;
        assert!(ends.iter().all(Option::is_some), "the replica is running");
        self.vendors.wait_an_hour().await;
        let mut holdings = BTreeMap::new();
        for vendor in VENDORS {
            holdings.insert(vendor, self.vendors.holdings(vendor).await);
        }
        let orders = api.orders().await;
        let mut stored: Vec<&str> = orders.iter().filter_map(|order| order["id"].as_str()).collect();
        let mut known: Vec<&str> = purchases.ids.iter().map(String::as_str).collect();
        stored.sort_unstable();
        known.sort_unstable();
        assert_eq!(stored, known, "the ledger has one order for each client");
        let statuses = compare(&orders, &holdings);
        for id in self.sources().await.values() {
            no_difference(api, id).await;
        }
        statuses
    }
}

/// Buys for one client after another until none is left. Returns the ids of their orders.
async fn buy_in_turn(clients: &[Client], apis: &[Api], progress: &Progress) -> Vec<(usize, String)> {
    let mut bought = Vec::new();
    loop {
        let number = progress.next.fetch_add(1, SeqCst);
        let Some(client) = clients.get(number) else { return bought };
        let id = buy_one(client, apis, number, progress).await;
        progress.responses.lock().expect("a lock").push(Instant::now());
        bought.push((number, id));
    }
}

/// Buys at the replica of this number, or at the next one if it does not respond.
async fn buy_one(client: &Client, apis: &[Api], mut replica: usize, progress: &Progress) -> String {
    let end = Instant::now() + PATIENCE;
    loop {
        let api = &apis[replica % apis.len()];
        let response = api.ask(PLACE, json!({ "input": client.input("ALL_OR_NOTHING") })).await.unwrap_or_default();
        if let Some(id) = response["data"]["it"]["order"]["id"].as_str() {
            return id.to_owned();
        }
        let code = &response["errors"][0]["extensions"]["code"];
        let is_busy = response["data"]["it"]["problems"][0]["code"] == "SOURCE_BUSY";
        assert!(response.is_null() || is_busy || code == "LEDGER_UNAVAILABLE", "{response}");
        replica += usize::from(response.is_null());
        progress.refused.fetch_add(usize::from(code == "LEDGER_UNAVAILABLE"), SeqCst);
        assert!(Instant::now() < end, "no order within {PATIENCE:?}: {response}");
        sleep(REPEAT_WAIT).await;
    }
}

/// Asserts that most orders were sold.
pub(super) fn most_are_sold(statuses: &BTreeMap<String, usize>) {
    let (sold, all) = (statuses.get("CONFIRMED").copied().unwrap_or_default(), statuses.values().sum::<usize>());
    assert!(sold > all / 2, "{statuses:?}");
}

/// Waits until this is true.
pub(super) async fn until(what: &str, mut is_fine: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + TIMEOUT;
    while !is_fine().await {
        assert!(Instant::now() < end, "not within {TIMEOUT:?}: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}
