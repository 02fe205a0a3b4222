//! Two replicas over one PostgreSQL and one Redis. One is killed under load: nothing is lost, nothing is sold twice, and whoever
//! watches at the other sees everything come to its end.

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
use crate::process::{Api, PATIENCE, Process};
use crate::process_orders::{Client, SOURCES, Vendors, clients, compare, configuration, no_difference, repeat, shelf};

/// How many orders are placed, half of them at each replica.
const ORDERS: usize = 80;
/// How many of them have their answer when one replica is killed.
const ANSWERED: usize = 20;

const KEY: &str = "sandbox-operator";

/// What a subscriber heard: the last status of each order, by id.
type Heard = Arc<Mutex<BTreeMap<String, String>>>;

fn lasting(heard: &Heard, id: &str) -> Option<String> {
    heard.lock().expect("a lock").get(id).cloned()
}

/// Hears of all orders until the connection ends; answers with how it ended.
async fn listen(mut socket: Socket, heard: Heard) -> u16 {
    loop {
        match socket.hear().await {
            Ok(message) => {
                let order = &message["payload"]["data"]["ordersChanged"];
                if let (Some(id), Some(status)) = (order["id"].as_str(), order["status"].as_str()) {
                    heard.lock().expect("a lock").insert(id.to_owned(), status.to_owned());
                }
            }
            Err(code) => return code,
        }
    }
}

async fn subscriber(address: &str) -> Socket {
    let mut socket = Socket::begun(address, KEY).await;
    socket.subscribe("all", "subscription { ordersChanged { id status } }", json!({})).await;
    socket
}

/// Lets every client buy, and kills the first replica once enough are answered. The ids that clients know, by their numbers.
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
    tokio::time::timeout(PATIENCE, enough.notified()).await.expect("enough answers");
    first.kill();
    let known = join_all(running).await.into_iter().filter_map(|known| known.expect("a client"));
    known.collect()
}

/// What every vendor has sold, once all holds that nobody knows have ended.
async fn holdings(vendors: &Vendors) -> BTreeMap<&'static str, Value> {
    vendors.wait_an_hour().await;
    let mut holdings = BTreeMap::new();
    for vendor in ["acme", "secutix", "ticketing"] {
        holdings.insert(vendor, vendors.holdings(vendor).await);
    }
    holdings
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_replicas_killed_under_load_loses_and_doubles_nothing_and_the_other_tells_all() {
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
    until("both hear each other", async || redis.cli(&["PUBSUB", "NUMSUB", "ticketgraph:news"]).contains('2')).await;

    let listed = apis[0].ask("{ sources { id name } }", Value::Null).await;
    let sources = listed["sources"].as_array().expect("sources").clone();
    let id = |name: &str| {
        let source = sources.iter().find(|source| source["name"] == name).expect("a source");
        source["id"].as_str().expect("an id").to_owned()
    };
    let shelves = join_all(SOURCES.iter().map(async |(name, _)| shelf(&apis[0], &id(name)).await)).await;
    let all = Arc::new(clients(ORDERS, &shelves));

    let (tasks, at_the_second, moved_over) = (TaskTracker::new(), Heard::default(), Heard::default());
    tasks.spawn(listen(subscriber(&at_second).await, Arc::clone(&at_the_second)));
    let (mover, other) = (subscriber(&at_first).await, at_second.clone());
    let heard = Arc::clone(&moved_over);
    let moving = tasks.spawn(async move {
        let code = listen(mover, Arc::clone(&heard)).await;
        // As clients do: the connection broke, so it is made again, at whoever answers.
        (code, listen(subscriber(&other).await, heard).await)
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
    // Whoever ran them: the subscriber at the second heard of every order how it ended.
    for order in &orders {
        let (id, status) = (order["id"].as_str().expect("an id"), order["status"].as_str());
        until("the end was told", async || lasting(&at_the_second, id).as_deref() == status).await;
    }
    assert!(!moved_over.lock().expect("a lock").is_empty(), "who watched at the first heard of orders there");
    drop(second);
    let (broke, ended) = moving.await.expect("a subscriber");
    assert_eq!((broke, ended), (0, 0), "both connections broke off with their process");
}
