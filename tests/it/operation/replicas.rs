//! Two replicas over one PostgreSQL and one Redis. One is killed under load: no order is lost or sold twice, and
//! subscribers at the other one see every order complete.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use super::Socket;
use crate::layers::redis_server::RedisServer;
use crate::layers::support::until;
use crate::orders::database::Postgres;
use crate::process::{Api, Process, TIMEOUT};
use crate::process_orders::{
    Client, SOURCES, VENDORS, Vendors, clients, compare, configuration, load_lines, no_difference, repeat,
};

/// Number of orders, half of them at each replica.
const ORDERS: usize = 80;
/// Number of responses after which one replica is killed.
const ANSWERED: usize = 20;

const KEY: &str = "sandbox-operator";

/// Last status of each order as a subscriber received it, by id.
type StatusLog = Arc<Mutex<BTreeMap<String, String>>>;

fn last_status(log: &StatusLog, id: &str) -> Option<String> {
    log.lock().expect("a lock").get(id).cloned()
}

/// Records all order changes until the connection ends; returns the close code.
async fn record_statuses(mut socket: Socket, log: StatusLog) -> u16 {
    loop {
        match socket.receive().await {
            Ok(message) => {
                let order = &message["payload"]["data"]["ordersChanged"];
                if let (Some(id), Some(status)) = (order["id"].as_str(), order["status"].as_str()) {
                    log.lock().expect("a lock").insert(id.to_owned(), status.to_owned());
                }
            }
            Err(code) => return code,
        }
    }
}

async fn subscriber(address: &str) -> Socket {
    let mut socket = Socket::connected(address, KEY).await;
    socket.subscribe("all", "subscription { ordersChanged { id status } }", json!({})).await;
    socket
}

/// Lets every client buy and kills the first replica after enough responses. Returns the ids that clients received, by
/// number.
async fn buy_until_killed(first: &mut Process, apis: &[Api; 2], all: &Arc<Vec<Client>>) -> BTreeMap<usize, String> {
    let (answered, enough, tasks) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()), TaskTracker::new());
    let running: Vec<_> = (0..all.len())
        .map(|number| {
            let (all, api) = (Arc::clone(all), apis[number % 2].clone());
            let (answered, enough) = (Arc::clone(&answered), Arc::clone(&enough));
            tasks.spawn(async move {
                let (id, is_done) = all[number].buy(&api).await;
                if is_done && answered.fetch_add(1, SeqCst) + 1 == ANSWERED {
                    enough.notify_one();
                }
                id.map(|id| (number, id))
            })
        })
        .collect();
    tokio::time::timeout(TIMEOUT, enough.notified()).await.expect("enough responses");
    first.kill();
    let known = join_all(running).await.into_iter().filter_map(|known| known.expect("a client"));
    known.collect()
}

/// Returns the inventory of every vendor after all unclaimed holds have expired.
async fn holdings(vendors: &Vendors) -> BTreeMap<&'static str, Value> {
    vendors.wait_an_hour().await;
    let mut holdings = BTreeMap::new();
    for vendor in VENDORS {
        holdings.insert(vendor, vendors.holdings(vendor).await);
    }
    holdings
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_one_of_two_replicas_under_load_loses_and_duplicates_no_order() {
    let (Some(postgres), Some(redis)) = (Postgres::start(), RedisServer::start()) else { return };
    let folder = TempDir::new().expect("a folder");
    let vendors = Vendors::start(&folder);
    let sqlite = format!("sqlite://{}", folder.path().join("orders.db").display());
    let shared = format!("\n[cache]\nredis_url = \"{}\"\nredis_timeout = \"500ms\"\n", redis.address().expose_secret());
    let text = configuration(&folder, &vendors).replace(&sqlite, postgres.url()) + &shared;
    std::fs::write(folder.path().join("venues.toml"), text).expect("a file");
    let start = || {
        let process = Process::start(&folder, &["serve", "--config", "venues.toml", "--listen", "127.0.0.1:0"]);
        let address = process.address("listening on http://");
        (process, address)
    };
    let ((mut first, at_first), (second, at_second)) = (start(), start());
    let apis = [Api::at(&at_first), Api::at(&at_second)];
    until("both are subscribed", async || redis.cli(&["PUBSUB", "NUMSUB", "ticketgraph:invalidations"]).contains('2'))
        .await;

    let listed = apis[0].query("{ sources { id name } }", Value::Null).await;
    let sources = listed["sources"].as_array().expect("sources").clone();
    let id = |name: &str| {
        let source = sources.iter().find(|source| source["name"] == name).expect("a source");
        source["id"].as_str().expect("an id").to_owned()
    };
    let shelves = join_all(SOURCES.iter().map(async |(name, _)| load_lines(&apis[0], &id(name)).await)).await;
    let all = Arc::new(clients(ORDERS, &shelves));

    let (tasks, at_the_second, moved_over) = (TaskTracker::new(), StatusLog::default(), StatusLog::default());
    tasks.spawn(record_statuses(subscriber(&at_second).await, Arc::clone(&at_the_second)));
    let (mover, other) = (subscriber(&at_first).await, at_second.clone());
    let log = Arc::clone(&moved_over);
    let moving = tasks.spawn(async move {
        let code = record_statuses(mover, Arc::clone(&log)).await;
        // Clients reconnect after a broken connection, to any replica.
        (code, record_statuses(subscriber(&other).await, log).await)
    });
    let known = buy_until_killed(&mut first, &apis, &all).await;
    let made = repeat(&apis[1], &all, &known).await;
    assert_eq!(made.len(), ORDERS, "an order for each client");

    let holdings = holdings(&vendors).await;
    let orders = apis[1].orders().await;
    let ids: BTreeSet<String> = orders.iter().map(|order| order["id"].as_str().expect("an id").to_owned()).collect();
    assert_eq!((orders.len(), &ids), (ORDERS, &made), "no order that no client knows");
    let statuses = compare(&orders, &holdings);
    println!("{statuses:?}");
    assert!(statuses.get("CONFIRMED").is_some_and(|sold| *sold > ORDERS / 2), "{statuses:?}");
    let is_lost = |order: &&Value| order.to_string().contains("RESOLVED");
    assert!(
        orders.iter().any(|order| is_lost(&order)),
        "some answers were lost with the first, and looked up by the second"
    );
    for (name, _) in SOURCES {
        no_difference(&apis[1], &id(name)).await;
    }
    // The subscriber at the second replica receives the final status of every order, whichever replica ran it.
    for order in &orders {
        let (id, status) = (order["id"].as_str().expect("an id"), order["status"].as_str());
        until("the final status was received", async || last_status(&at_the_second, id).as_deref() == status).await;
    }
    assert!(!moved_over.lock().expect("a lock").is_empty(), "the subscriber at the first replica received changes");
    drop(second);
    let (broke, ended) = moving.await.expect("a subscriber");
    assert_eq!((broke, ended), (0, 0), "both connections broke off with their process");
}
