//! Two processes of the service with one Redis between them, and what becomes of them without it.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::redis_server::RedisServer;
use super::service::{Service, Vendors};
use super::support::until;

const LIST: &str =
    "{ events(first: 50) { nodes { title ticketTypes { name price { retail { amount } } } } problems { message } } }";

const FREE: &str = "query($id: ID!) { node(id: $id) { ... on Performance {
  availability { vacancies freshness { mode } offers { ticketType { id } vacancies } problems { message } }
} } }";

const BUY: &str = "mutation($input: CreateOrderInput!) { placeOrder(input: $input) {
  order { status } problems { message }
} }";

/// A performance of the museum that has places to sell, and a ticket type of it.
async fn for_sale(service: &Service) -> (String, String) {
    let document = "{ events(first: 50) { nodes { source { id } performances(first: 20) { nodes {
      id availability { status vacancies offers { ticketType { id audience } } }
    } } } } }";
    let found = service.ask(document, json!({})).await;
    let events = found["events"]["nodes"].as_array().expect("events").clone();
    let performances = events.iter().flat_map(|event| event["performances"]["nodes"].as_array().expect("rows").clone());
    let is_free = |row: &Value| row["availability"]["vacancies"].as_u64().is_some_and(|left| left > 10);
    let row = performances
        .filter(is_free)
        .find(|row| row["availability"]["offers"].as_array().is_some_and(|offers| !offers.is_empty()));
    let row = row.expect("something for sale");
    let text = |value: &Value| value.as_str().expect("an id").to_owned();
    (text(&row["id"]), text(&row["availability"]["offers"][0]["ticketType"]["id"]))
}

async fn vacancies(service: &Service, performance: &str) -> (u64, String) {
    let found = service.ask(FREE, json!({ "id": performance })).await;
    let free = &found["node"]["availability"];
    let mode = free["freshness"]["mode"].as_str().expect("a mode").to_owned();
    (free["vacancies"].as_u64().unwrap_or_else(|| panic!("{found}")), mode)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_process_sells_the_other_forgets_through_redis() {
    let Some(redis) = RedisServer::start() else { return };
    let vendors = Vendors::raise().await;
    let start = || Service::start(&vendors, Some(&redis.address()), "");
    let (one, other) = (start(), start());
    until("both listen to the news", async || redis.cli(&["PUBSUB", "NUMSUB", "ticketgraph:news"]).contains('2')).await;
    let (performance, ticket_type) = for_sale(&one).await;
    let (before, _) = vacancies(&other, &performance).await;
    assert_eq!(vacancies(&other, &performance).await, (before, "CACHED".to_owned()));
    let calls = vendors.stage("acme").log.all().len() + vendors.stage("secutix").log.all().len();
    assert_eq!(vacancies(&one, &performance).await.0, before);
    let again = vendors.stage("acme").log.all().len() + vendors.stage("secutix").log.all().len();
    assert_eq!(again, calls, "what one fetched the other tells");

    let input = json!({
        "idempotencyKey": "key-1", "testMode": true, "lines": [{ "performance": performance, "ticketType": ticket_type, "quantity": 2 }],
        "contact": { "firstName": "Ada", "lastName": "Berg", "email": "ada@example.com" },
    });
    let bought = one.ask(BUY, json!({ "input": input })).await;
    assert_eq!(bought["placeOrder"]["order"]["status"], "CONFIRMED", "{bought}");
    until("the other has heard", async || vacancies(&other, &performance).await.0 == before - 2).await;
    assert_eq!(vacancies(&one, &performance).await.0, before - 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_that_dies_and_returns_under_load_fails_no_request_and_health_tells_of_it() {
    let Some(mut redis) = RedisServer::start() else { return };
    let vendors = Vendors::raise().await;
    let lifetimes = "[cache.lifetimes]\navailability = \"1s\"";
    let service = Arc::new(Service::start(&vendors, Some(&redis.address()), lifetimes));
    let (performance, _) = for_sale(&service).await;
    let ready = async |word: &str| service.get("/health/ready").await.contains(word);
    until("redis is there", async || ready("\"ready\"").await).await;

    let (tasks, stop, done) = (TaskTracker::new(), CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..6)
        .map(|client| {
            let (service, stop, done, id) =
                (Arc::clone(&service), stop.clone(), Arc::clone(&done), performance.clone());
            tasks.spawn(async move {
                while !stop.is_cancelled() {
                    let answer = match client % 2 {
                        0 => service.ask(LIST, json!({})).await,
                        _ => service.ask(FREE, json!({ "id": id })).await,
                    };
                    let text = answer.to_string();
                    assert!(!text.contains("message"), "a problem: {text}");
                    done.fetch_add(1, SeqCst);
                }
            })
        })
        .collect();
    let go_on = async |what: &str| {
        let before = done.load(SeqCst);
        until(what, async || done.load(SeqCst) > before + 50).await;
    };
    go_on("load runs").await;
    redis.kill();
    until("redis is missed", async || ready("degraded").await).await;
    assert_eq!(service.metric("ticketgraph_redis_up", "").await, 0.0);
    go_on("load runs without redis").await;
    redis.restart();
    until("redis is used again", async || ready("\"ready\"").await).await;
    go_on("load runs with redis again").await;
    assert_eq!(service.metric("ticketgraph_redis_up", "").await, 1.0);
    stop.cancel();
    for client in clients {
        client.await.expect("no request fails");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poisoned_or_older_entry_is_dropped_counted_and_fetched_anew() {
    let Some(redis) = RedisServer::start() else { return };
    let vendors = Vendors::raise().await;
    let one = Service::start(&vendors, Some(&redis.address()), "");
    let told = one.ask(LIST, json!({})).await;
    let names = || redis.cli(&["KEYS", "ticketgraph:v*"]);
    until("the lists are shared", async || names().lines().filter(|name| name.contains(":list")).count() >= 2).await;
    for name in names().lines() {
        assert!(redis.cli(&["SET", name, "{\"shape\":0}"]).contains("OK"));
    }
    let calls = vendors.stage("acme").log.all().len();
    let other = Service::start(&vendors, Some(&redis.address()), "");
    assert_eq!(other.ask(LIST, json!({})).await, told);
    assert!(vendors.stage("acme").log.all().len() > calls, "asked of the vendor");
    assert!(other.metric("ticketgraph_cache_dropped_total", "").await >= 2.0);
}
