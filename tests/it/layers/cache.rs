//! The shared level of the cache in a real Redis.

use std::time::{Duration, Instant};

use domain::{FreshnessMode, PerformanceKey, SourceId};
use source_stack::Invalidation;

use super::redis_server::RedisServer;
use super::support::{BOUND, Replica, Venue, until};

fn sold(key: &str) -> Invalidation {
    Invalidation::Performances(SourceId::new("opera"), vec![PerformanceKey::new(key)])
}

/// Waits until what one replica fetched is in the store.
async fn shared(server: &RedisServer, key: &str) {
    until("the answer is shared", async || server.cli(&["KEYS", &format!("ticketgraph:v*{key}")]).contains(key)).await;
}

async fn replicas_share_and_forget_together(server: RedisServer) {
    let venue = Venue::new();
    let (one, other) = (Replica::listening(&venue, &server).await, Replica::listening(&venue, &server).await);
    assert_eq!(one.free("p1").await.expect("an answer"), (100, FreshnessMode::Live));
    shared(&server, "p1").await;
    assert_eq!(other.free("p1").await.expect("an answer"), (100, FreshnessMode::Cached));
    assert_eq!(venue.calls(), 1);

    venue.sell();
    one.cache.forget(sold("p1"));
    assert_eq!(one.free("p1").await.expect("an answer").0, 99, "the replica that sold");
    until("the other replica has heard", async || other.heard().iter().any(|what| what.contains("p1"))).await;
    assert_eq!(other.free("p1").await.expect("an answer").0, 99, "the other replica");
    assert!(!one.heard().iter().any(|what| what.contains("p1")), "it heard itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_replica_fetched_the_other_tells_and_what_one_sold_the_other_forgets() {
    let Some(server) = RedisServer::start() else { return };
    replicas_share_and_forget_together(server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_serves_as_well_as_one_redis() {
    let Some(server) = RedisServer::start_cluster() else { return };
    until("the cluster is ready", async || server.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok")).await;
    let venue = Venue::new();
    // Two addresses make a cluster; that both lead to the same node is fine.
    let twice: secrecy::SecretString = {
        use secrecy::ExposeSecret;
        format!("{0},{0}", server.address().expose_secret()).into()
    };
    let (one, other) = (Replica::new(&venue, &twice), Replica::new(&venue, &twice));
    until("both listen", async || !one.heard().is_empty() && !other.heard().is_empty()).await;
    until("the cluster answers", async || one.redis.answers().await && other.redis.answers().await).await;
    for key in ["p1", "p2", "p3"] {
        assert_eq!(one.free(key).await.expect("an answer").1, FreshnessMode::Live);
        shared(&server, key).await;
        assert_eq!(other.free(key).await.expect("an answer").1, FreshnessMode::Cached, "{key}");
    }
    venue.sell();
    one.cache.forget(sold("p2"));
    until("the other has heard", async || other.heard().iter().any(|what| what.contains("p2"))).await;
    assert_eq!(other.free("p2").await.expect("an answer").0, 99);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poisoned_or_older_entry_is_replaced_and_never_told() {
    let Some(server) = RedisServer::start() else { return };
    let venue = Venue::new();
    let one = Replica::listening(&venue, &server).await;
    for (round, poison) in ["not an answer", "", "{\"shape\":0}"].into_iter().enumerate() {
        let key = format!("p{round}");
        one.free(&key).await.expect("an answer");
        shared(&server, &key).await;
        let name = server.cli(&["KEYS", &format!("ticketgraph:v*{key}")]).trim().to_owned();
        assert!(server.cli(&["SET", &name, poison]).contains("OK"));
        let other = Replica::new(&venue, &server.address());
        assert_eq!(other.free(&key).await.expect("an answer").1, FreshnessMode::Live);
        until("it is replaced", async || server.cli(&["GET", &name]).len() > poison.len() + 100).await;
        let third = Replica::new(&venue, &server.address());
        assert_eq!(third.free(&key).await.expect("an answer").1, FreshnessMode::Cached);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_the_service_goes_on_alone_and_nobody_waits_longer_than_the_bound() {
    let Some(mut server) = RedisServer::start() else { return };
    let venue = Venue::new();
    let replica = Replica::listening(&venue, &server).await;
    assert!(replica.redis.answers().await);
    server.kill();
    let mut slowest = Duration::ZERO;
    for number in 0..200 {
        let begun = Instant::now();
        assert!(replica.free(&format!("p{number}")).await.is_ok());
        slowest = slowest.max(begun.elapsed());
    }
    assert!(slowest < 2 * BOUND, "{slowest:?}");
    assert_eq!(venue.calls(), 200);
    assert_eq!(replica.free("p7").await.expect("an answer").1, FreshnessMode::Cached, "its own memory");
    assert!(!replica.redis.answers().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_redis_costs_each_of_a_few_the_bound_and_all_others_nothing() {
    let Some(server) = RedisServer::start() else { return };
    let venue = Venue::new();
    let replica = Replica::listening(&venue, &server).await;
    assert!(replica.redis.answers().await);
    server.freeze();
    let begun = Instant::now();
    for number in 0..200 {
        assert!(replica.free(&format!("p{number}")).await.is_ok());
    }
    // Alone they would have waited 200 times the bound.
    assert!(begun.elapsed() < 20 * BOUND, "{:?}", begun.elapsed());
    server.thaw();
    until("redis is used again", async || replica.redis.answers().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_redis_returns_it_is_used_again_and_what_was_untold_is_told() {
    let Some(mut server) = RedisServer::start() else { return };
    let venue = Venue::new();
    let (one, other) = (Replica::listening(&venue, &server).await, Replica::listening(&venue, &server).await);
    other.free("p1").await.expect("an answer");
    server.kill();
    venue.sell();
    one.cache.forget(sold("p1"));
    assert_eq!(one.free("p1").await.expect("an answer").0, 99);
    let gaps = |replica: &Replica| replica.heard().iter().filter(|what| what.as_str() == "Gap").count();
    let before = (gaps(&one), gaps(&other));
    server.restart();
    until("both listen again", async || gaps(&one) > before.0 && gaps(&other) > before.1).await;
    // Whether the other hears of it depends on who was back first; the mark is there for both.
    let mark = "ticketgraph:mark:opera:performance:p1";
    until("it is marked late", async || server.cli(&["EXISTS", mark]).contains('1')).await;
    assert_eq!(other.free("p1").await.expect("an answer").0, 99);
    until("both use redis", async || one.redis.answers().await && other.redis.answers().await).await;
    one.free("p2").await.expect("an answer");
    shared(&server, "p2").await;
    assert_eq!(other.free("p2").await.expect("an answer").1, FreshnessMode::Cached);
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_that_dies_and_returns_in_the_middle_of_load_fails_no_request() {
    let Some(mut server) = RedisServer::start() else { return };
    let venue = Venue::new();
    let replica = std::sync::Arc::new(Replica::listening(&venue, &server).await);
    let load = tokio_util::task::TaskTracker::new();
    let stop = tokio_util::sync::CancellationToken::new();
    let clients: Vec<_> = (0..8)
        .map(|client| {
            let (replica, stop) = (std::sync::Arc::clone(&replica), stop.clone());
            load.spawn(async move {
                let mut count = 0;
                while !stop.is_cancelled() {
                    replica.free(&format!("p{}", (count * 7 + client) % 500)).await.expect("no request fails");
                    count += 1;
                    tokio::task::yield_now().await;
                }
                count
            })
        })
        .collect();
    until("load runs", async || venue.calls() > 50).await;
    server.kill();
    until("redis is missed", async || !replica.redis.answers().await).await;
    server.restart();
    until("redis is used again", async || replica.redis.answers().await).await;
    stop.cancel();
    for client in clients {
        assert!(client.await.expect("no client fails") > 0);
    }
}
