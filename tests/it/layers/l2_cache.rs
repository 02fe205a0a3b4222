//! The L2 cache in a real Redis.

use std::time::{Duration, Instant};

use domain::{FreshnessMode, PerformanceKey, SourceId};
use source_stack::Invalidation;

use super::redis_server::RedisServer;
use super::support::{REDIS_TIMEOUT, Replica, until, venue};

fn sold(key: &str) -> Invalidation {
    Invalidation::Performances(SourceId::new("opera"), vec![PerformanceKey::new(key)])
}

/// Waits until a value is in the store.
async fn stored(server: &RedisServer, key: &str) {
    until("the value is stored", async || server.cli(&["KEYS", &format!("ticketgraph:v*{key}")]).contains(key)).await;
}

async fn replicas_share_values_and_invalidations(server: RedisServer) {
    let venue = venue();
    let (one, other) = (Replica::subscribed(&venue, &server).await, Replica::subscribed(&venue, &server).await);
    assert_eq!(one.vacancies("p1").await.expect("vacancies"), (100, FreshnessMode::Live));
    stored(&server, "p1").await;
    assert_eq!(other.vacancies("p1").await.expect("vacancies"), (100, FreshnessMode::Cached));
    assert_eq!(venue.call_count(), 1);

    venue.records.sell();
    one.cache.invalidate(sold("p1"));
    assert_eq!(one.vacancies("p1").await.expect("vacancies").0, 99, "the replica that sold");
    until("the other replica received it", async || other.events().iter().any(|event| event.contains("p1"))).await;
    assert_eq!(other.vacancies("p1").await.expect("vacancies").0, 99, "the other replica");
    assert!(!one.events().iter().any(|event| event.contains("p1")), "it received its own message");
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_share_values_and_invalidations_through_redis() {
    let Some(server) = RedisServer::start() else { return };
    replicas_share_values_and_invalidations(server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_share_values_and_invalidations_through_a_cluster() {
    let Some(server) = RedisServer::start_cluster() else { return };
    until("the cluster is ready", async || server.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok")).await;
    let venue = venue();
    // Two addresses make a cluster, even if both lead to the same node.
    let twice: secrecy::SecretString = {
        use secrecy::ExposeSecret;
        format!("{0},{0}", server.address().expose_secret()).into()
    };
    let (one, other) = (Replica::new(&venue, &twice), Replica::new(&venue, &twice));
    until("both are subscribed", async || !one.events().is_empty() && !other.events().is_empty()).await;
    until("the cluster is reachable", async || one.redis.is_reachable().await && other.redis.is_reachable().await)
        .await;
    for key in ["p1", "p2", "p3"] {
        assert_eq!(one.vacancies(key).await.expect("vacancies").1, FreshnessMode::Live);
        stored(&server, key).await;
        assert_eq!(other.vacancies(key).await.expect("vacancies").1, FreshnessMode::Cached, "{key}");
    }
    venue.records.sell();
    one.cache.invalidate(sold("p2"));
    until("the other received it", async || other.events().iter().any(|event| event.contains("p2"))).await;
    assert_eq!(other.vacancies("p2").await.expect("vacancies").0, 99);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_or_older_entry_is_replaced_and_never_served() {
    let Some(server) = RedisServer::start() else { return };
    let venue = venue();
    let one = Replica::subscribed(&venue, &server).await;
    for (round, corrupt) in ["not a value", "", "{\"schema_version\":0}"].into_iter().enumerate() {
        let key = format!("p{round}");
        one.vacancies(&key).await.expect("vacancies");
        stored(&server, &key).await;
        let name = server.cli(&["KEYS", &format!("ticketgraph:v*{key}")]).trim().to_owned();
        assert!(server.cli(&["SET", &name, corrupt]).contains("OK"));
        let other = Replica::new(&venue, &server.address());
        assert_eq!(other.vacancies(&key).await.expect("vacancies").1, FreshnessMode::Live);
        until("it is replaced", async || server.cli(&["GET", &name]).len() > corrupt.len() + 100).await;
        let third = Replica::new(&venue, &server.address());
        assert_eq!(third.vacancies(&key).await.expect("vacancies").1, FreshnessMode::Cached);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_each_replica_works_alone_and_no_call_waits_longer_than_the_timeout() {
    let Some(mut server) = RedisServer::start() else { return };
    let venue = venue();
    let replica = Replica::subscribed(&venue, &server).await;
    assert!(replica.redis.is_reachable().await);
    server.kill();
    let mut slowest = Duration::ZERO;
    for number in 0..200 {
        let started_at = Instant::now();
        assert!(replica.vacancies(&format!("p{number}")).await.is_ok());
        slowest = slowest.max(started_at.elapsed());
    }
    assert!(slowest < 2 * REDIS_TIMEOUT, "{slowest:?}");
    assert_eq!(venue.call_count(), 200);
    assert_eq!(replica.vacancies("p7").await.expect("vacancies").1, FreshnessMode::Cached, "its own L1 cache");
    assert!(!replica.redis.is_reachable().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_redis_costs_a_few_calls_the_timeout_and_all_others_nothing() {
    let Some(server) = RedisServer::start() else { return };
    let venue = venue();
    let replica = Replica::subscribed(&venue, &server).await;
    assert!(replica.redis.is_reachable().await);
    server.freeze();
    let started_at = Instant::now();
    for number in 0..200 {
        assert!(replica.vacancies(&format!("p{number}")).await.is_ok());
    }
    // Without the circuit breaker they would have waited for 200 timeouts.
    assert!(started_at.elapsed() < 20 * REDIS_TIMEOUT, "{:?}", started_at.elapsed());
    server.thaw();
    until("redis is used again", async || replica.redis.is_reachable().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_redis_returns_pending_invalidations_are_published() {
    let Some(mut server) = RedisServer::start() else { return };
    let venue = venue();
    let (one, other) = (Replica::subscribed(&venue, &server).await, Replica::subscribed(&venue, &server).await);
    other.vacancies("p1").await.expect("vacancies");
    server.kill();
    venue.records.sell();
    one.cache.invalidate(sold("p1"));
    assert_eq!(one.vacancies("p1").await.expect("vacancies").0, 99);
    let lags = |replica: &Replica| replica.events().iter().filter(|event| event.as_str() == "Lagged").count();
    let before = (lags(&one), lags(&other));
    server.restart();
    until("both are subscribed again", async || lags(&one) > before.0 && lags(&other) > before.1).await;
    // Whether the other receives the message depends on which replica reconnects first; the tag is updated for both.
    let tag = "ticketgraph:tag:opera:performance:p1";
    until("the tag is updated", async || server.cli(&["EXISTS", tag]).contains('1')).await;
    assert_eq!(other.vacancies("p1").await.expect("vacancies").0, 99);
    until("both use redis", async || one.redis.is_reachable().await && other.redis.is_reachable().await).await;
    one.vacancies("p2").await.expect("vacancies");
    stored(&server, "p2").await;
    assert_eq!(other.vacancies("p2").await.expect("vacancies").1, FreshnessMode::Cached);
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_that_stops_and_returns_under_load_fails_no_request() {
    let Some(mut server) = RedisServer::start() else { return };
    let venue = venue();
    let replica = std::sync::Arc::new(Replica::subscribed(&venue, &server).await);
    let load = tokio_util::task::TaskTracker::new();
    let stop = tokio_util::sync::CancellationToken::new();
    let clients: Vec<_> = (0..8)
        .map(|client| {
            let (replica, stop) = (std::sync::Arc::clone(&replica), stop.clone());
            load.spawn(async move {
                let mut count = 0;
                while !stop.is_cancelled() {
                    replica.vacancies(&format!("p{}", (count * 7 + client) % 500)).await.expect("no request fails");
                    count += 1;
                    tokio::task::yield_now().await;
                }
                count
            })
        })
        .collect();
    until("load runs", async || venue.call_count() > 50).await;
    server.kill();
    until("redis is missing", async || !replica.redis.is_reachable().await).await;
    server.restart();
    until("redis is used again", async || replica.redis.is_reachable().await).await;
    stop.cancel();
    for client in clients {
        assert!(client.await.expect("no client fails") > 0);
    }
}
