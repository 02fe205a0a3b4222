//! Two processes of the service that share a Redis, and their behavior without it.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::redis_server::RedisServer;
use super::service::{EmulatedVendors, ServiceProcess};
use super::support::until;

const LIST: &str =
    "{ events(first: 50) { nodes { title ticketTypes { name price { retail { amount } } } } problems { message } } }";

const AVAILABILITY: &str = "query($id: ID!) { node(id: $id) { ... on Performance {
  availability { vacancies freshness { mode } offers { ticketType { id } vacancies } problems { message } }
} } }";

const BUY: &str = "mutation($input: CreateOrderInput!) { placeOrder(input: $input) {
  order { status } problems { message }
} }";

/// Returns a performance with vacancies and one of its ticket types.
async fn for_sale(service: &ServiceProcess) -> (String, String) {
    let document = "{ events(first: 50) { nodes { source { id } performances(first: 20) { nodes {
      id availability { status vacancies offers { ticketType { id audience } } }
    } } } } }";
    let data = service.query(document, json!({})).await;
    let events = data["events"]["nodes"].as_array().expect("events").clone();
    let performances = events.iter().flat_map(|event| event["performances"]["nodes"].as_array().expect("rows").clone());
    let has_vacancies = |row: &Value| {
        let free = &row["availability"];
        free["status"] == "AVAILABLE" && free["vacancies"].as_u64().is_some_and(|left| left > 10)
    };
    let row = performances
        .filter(has_vacancies)
        .find(|row| row["availability"]["offers"].as_array().is_some_and(|offers| !offers.is_empty()));
    let row = row.expect("something for sale");
    let text = |value: &Value| value.as_str().expect("an id").to_owned();
    (text(&row["id"]), text(&row["availability"]["offers"][0]["ticketType"]["id"]))
}

async fn vacancies(service: &ServiceProcess, performance: &str) -> (u64, String) {
    let data = service.query(AVAILABILITY, json!({ "id": performance })).await;
    let availability = &data["node"]["availability"];
    let mode = availability["freshness"]["mode"].as_str().expect("a mode").to_owned();
    (availability["vacancies"].as_u64().unwrap_or_else(|| panic!("{data}")), mode)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_at_one_process_invalidates_availability_at_the_other() {
    let Some(redis) = RedisServer::start() else { return };
    let vendors = EmulatedVendors::start().await;
    let start = || ServiceProcess::start(&vendors, Some(&redis.address()), "");
    let (one, other) = (start(), start());
    until("both are subscribed", async || redis.cli(&["PUBSUB", "NUMSUB", "ticketgraph:invalidations"]).contains('2'))
        .await;
    let (performance, ticket_type) = for_sale(&one).await;
    let (before, _) = vacancies(&other, &performance).await;
    assert_eq!(vacancies(&other, &performance).await, (before, "CACHED".to_owned()));
    let calls = vendors.stage("acme").log.all().len() + vendors.stage("secutix").log.all().len();
    assert_eq!(vacancies(&one, &performance).await.0, before);
    let again = vendors.stage("acme").log.all().len() + vendors.stage("secutix").log.all().len();
    assert_eq!(again, calls, "the value was not shared");

    let input = json!({
        "idempotencyKey": "key-1", "testMode": true, "lines": [{ "performance": performance, "ticketType": ticket_type, "quantity": 2 }],
        "contact": { "firstName": "Ada", "lastName": "Berg", "email": "ada@example.com" },
    });
    let bought = one.query(BUY, json!({ "input": input })).await;
    assert_eq!(bought["placeOrder"]["order"]["status"], "CONFIRMED", "{bought}");
    until("the other received the invalidation", async || vacancies(&other, &performance).await.0 == before - 2).await;
    assert_eq!(vacancies(&one, &performance).await.0, before - 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_that_stops_and_returns_under_load_fails_no_request_and_is_reported_in_health() {
    let Some(mut redis) = RedisServer::start() else { return };
    let vendors = EmulatedVendors::start().await;
    let lifetimes = "[cache.lifetimes]\navailability = \"1s\"";
    let service = Arc::new(ServiceProcess::start(&vendors, Some(&redis.address()), lifetimes));
    let (performance, _) = for_sale(&service).await;
    let ready = async |word: &str| service.get("/health/ready").await.contains(word);
    until("redis is reachable", async || ready("\"ready\"").await).await;

    let (tasks, stop, done) = (TaskTracker::new(), CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..6)
        .map(|client| {
            let (service, stop, done, id) =
                (Arc::clone(&service), stop.clone(), Arc::clone(&done), performance.clone());
            tasks.spawn(async move {
                while !stop.is_cancelled() {
                    let data = match client % 2 {
                        0 => service.query(LIST, json!({})).await,
                        _ => service.query(AVAILABILITY, json!({ "id": id })).await,
                    };
                    let text = data.to_string();
                    assert!(!text.contains("message"), "a problem: {text}");
                    done.fetch_add(1, SeqCst);
                }
            })
        })
        .collect();
    let wait_for_load = async |what: &str| {
        let before = done.load(SeqCst);
        until(what, async || done.load(SeqCst) > before + 50).await;
    };
    wait_for_load("load runs").await;
    redis.kill();
    until("redis is missing", async || ready("degraded").await).await;
    assert_eq!(service.metric("ticketgraph_redis_up", "").await, 0.0);
    wait_for_load("load runs without redis").await;
    redis.restart();
    until("redis is used again", async || ready("\"ready\"").await).await;
    wait_for_load("load runs with redis again").await;
    assert_eq!(service.metric("ticketgraph_redis_up", "").await, 1.0);
    stop.cancel();
    for client in clients {
        client.await.expect("no request fails");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_or_older_entry_is_discarded_counted_and_fetched_again() {
    let Some(redis) = RedisServer::start() else { return };
    let vendors = EmulatedVendors::start().await;
    let one = ServiceProcess::start(&vendors, Some(&redis.address()), "");
    let response = one.query(LIST, json!({})).await;
    let names = || redis.cli(&["KEYS", "ticketgraph:v*"]);
    until("the lists are stored", async || names().lines().filter(|name| name.contains(":list")).count() >= 2).await;
    for name in names().lines() {
        assert!(redis.cli(&["SET", name, "{\"schema_version\":0}"]).contains("OK"));
    }
    let calls = vendors.stage("acme").log.all().len();
    let other = ServiceProcess::start(&vendors, Some(&redis.address()), "");
    assert_eq!(other.query(LIST, json!({})).await, response);
    assert!(vendors.stage("acme").log.all().len() > calls, "the vendor was not called");
    assert!(other.metric("ticketgraph_cache_discarded_total", "").await >= 2.0);
}
