//! A Redis that responds slowly, is full, is read-only, or forgets: the service goes on without a failed request, and health has the reason.

use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::Value;

use super::relay::Relay;
use super::shop::until;
use crate::layers::redis_server::RedisServer;
use crate::operation::{Deployment, LIST, OPERATOR, RunningService};
use crate::process::Process;

const BUY: &str =
    "mutation Buy($input: CreateOrderInput!) { placeOrder(input: $input) { order { status } problems { code } } }";

/// Command that causes a fault, what health says of it, and the command that ends it.
type Fault<'a> = (&'a [&'a str], Option<&'a str>, &'a [&'a str]);

const FAULTS: [Fault<'_>; 3] = [
    (&["CONFIG", "SET", "maxmemory", "1"], Some("is full"), &["CONFIG", "SET", "maxmemory", "0"]),
    (&["REPLICAOF", "127.0.0.1", "1"], Some("is read-only"), &["REPLICAOF", "NO", "ONE"]),
    (&["FLUSHALL"], None, &["SCRIPT", "FLUSH"]),
];

/// Delay of the responses of a slow Redis, many times `cache.redis_timeout`.
const SLOW: Duration = Duration::from_millis(400);

/// Returns why Redis shares no state, by `/health/ready`.
pub(super) fn fault_of(health: &str) -> Option<String> {
    let health: Value = serde_json::from_str(health).expect("JSON");
    let all = health["dependencies"].as_array().expect("dependencies");
    let redis = all.iter().find(|one| one["name"] == "redis").expect("redis");
    redis["reason"].as_str().map(str::to_owned)
}

async fn fault(service: &RunningService) -> Option<String> {
    let (status, health) = service.get("/health/ready").await;
    assert_eq!(status, 200, "Redis is not required: {health}");
    fault_of(&health)
}

async fn until_fault(service: &RunningService, reason: &str) {
    let expected = format!("{reason}: this process continues without it");
    until(reason, async || fault(service).await.as_ref() == Some(&expected)).await;
}

/// Reads a list and sells a ticket; both without an error.
async fn serve(service: &RunningService, key: &str) {
    service.query("shop", LIST, &Value::Null).await;
    let input = service.order_input("opera", key).await;
    let bought = service.query("shop", BUY, &input).await;
    assert_eq!(bought["placeOrder"]["order"]["status"], "CONFIRMED", "{bought}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_full_read_only_or_forgetful_redis_fails_no_request() {
    let Some(redis) = RedisServer::start() else { return };
    let relay = Relay::start(redis.port()).await;
    let cache = format!("\n[cache]\nredis_url = \"redis://127.0.0.1:{}\"\n", relay.port());
    let house = Deployment::start(&format!("{OPERATOR}{cache}")).await;
    let service = house.serve();
    until("redis is used", async || fault(&service).await.is_none()).await;
    relay.delay(SLOW);
    until_fault(&service, "does not respond in time").await;
    serve(&service, "slow").await;
    relay.delay(Duration::ZERO);
    until("redis is used again", async || fault(&service).await.is_none()).await;
    for (number, (cause, reason, end)) in FAULTS.into_iter().enumerate() {
        let caused = redis.cli(cause);
        assert!(caused.contains("OK"), "{cause:?}: {caused}");
        if let Some(reason) = reason {
            until_fault(&service, reason).await;
        }
        serve(&service, &format!("during {number}")).await;
        let ended = redis.cli(end);
        assert!(ended.contains("OK"), "{end:?}: {ended}");
        until("redis is used again", async || fault(&service).await.is_none()).await;
        serve(&service, &format!("after {number}")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_starts_without_redis_logs_it_and_sells() {
    let Some(mut redis) = RedisServer::start() else { return };
    redis.kill();
    let cache = format!("\n[cache]\nredis_url = \"{}\"\n", redis.address().expose_secret());
    let house = Deployment::start(&format!("{OPERATOR}{cache}")).await;
    let service = house.serve();
    let process: &Process = &service.process;
    process.lines_until("redis does not respond in time: caches and rate limits are local to this process", 0);
    serve(&service, "without").await;
    redis.restart();
    until("redis is used", async || fault(&service).await.is_none()).await;
}
