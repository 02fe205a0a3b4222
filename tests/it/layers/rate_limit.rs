//! A rate limit that replicas share through a real Redis.

use std::sync::Arc;
use std::time::Duration;

use domain::RateLimiter;
use resilience::RateLimitPolicy;
use store_redis::{Redis, RedisRateLimiter};
use tokio_util::task::TaskTracker;

use super::redis_server::RedisServer;
use super::support::{REDIS_TIMEOUT, until};

/// So slow that no request becomes available during a test: a burst of 15, of which 4 are reserved for orders.
fn policy() -> RateLimitPolicy {
    RateLimitPolicy {
        requests: 60,
        per: Duration::from_secs(36_000),
        priority_percent: 25,
        max_wait: Duration::ZERO,
        replicas: 2,
    }
}

fn replica(server: &RedisServer) -> (Arc<Redis>, RedisRateLimiter) {
    let redis = Arc::new(Redis::new(&server.address(), REDIS_TIMEOUT).expect("an address"));
    let limiter = RedisRateLimiter::new(Arc::clone(&redis), "opera", &policy(), TaskTracker::new());
    (redis, limiter)
}

async fn drain(limiter: &RedisRateLimiter, serves_an_order: bool) -> usize {
    let mut count = 0;
    while limiter.acquire(serves_an_order, None).await.is_ok() {
        count += 1;
    }
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_together_never_exceed_the_limit_and_leave_the_reserve_to_orders() {
    let Some(server) = RedisServer::start() else { return };
    let ((redis, one), (_, other)) = (replica(&server), replica(&server));
    until("redis is reachable", async || redis.is_reachable().await).await;
    for _ in 0..5 {
        assert_eq!(one.acquire(false, None).await, Ok(()));
        assert_eq!(other.acquire(false, None).await, Ok(()));
    }
    assert_eq!((drain(&one, false).await, drain(&other, false).await), (1, 0));
    assert_eq!((one.remaining(), other.remaining()), (Some(4), Some(4)));
    let wait = other.acquire(false, None).await.expect_err("used up");
    assert!(wait > Duration::from_secs(60) && wait < Duration::from_secs(3600), "{wait:?}");
    assert_eq!((drain(&one, true).await, drain(&other, true).await), (4, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_requested_of_one_replica_applies_to_all() {
    let Some(server) = RedisServer::start() else { return };
    let ((redis, one), (_, other)) = (replica(&server), replica(&server));
    until("redis is reachable", async || redis.is_reachable().await).await;
    one.pause(Some("catalog"), Duration::from_secs(120));
    until("the other is paused at the endpoint", async || other.acquire(true, Some("catalog")).await.is_err()).await;
    assert_eq!((one.acquire(true, None).await, other.acquire(true, Some("orders")).await), (Ok(()), Ok(())));
    one.pause(None, Duration::from_secs(60));
    assert!(one.acquire(true, None).await.is_err_and(|wait| wait > Duration::from_secs(50)));
    until("the other is paused", async || other.acquire(true, None).await.is_err()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_each_replica_uses_its_own_share() {
    let Some(mut server) = RedisServer::start() else { return };
    let ((redis, one), (_, other)) = (replica(&server), replica(&server));
    until("redis is reachable", async || redis.is_reachable().await).await;
    server.kill();
    // A quarter of half the limit each.
    assert_eq!((drain(&one, true).await, drain(&other, true).await), (7, 7));
    assert_eq!(one.remaining(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_taken_from_the_shared_limit_are_not_available_locally_again() {
    let Some(mut server) = RedisServer::start() else { return };
    let (redis, one) = replica(&server);
    until("redis is reachable", async || redis.is_reachable().await).await;
    assert_eq!(drain(&one, true).await, 15);
    server.kill();
    assert_eq!(drain(&one, true).await, 0);
}
