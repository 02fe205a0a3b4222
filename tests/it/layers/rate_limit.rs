//! A rate limit that replicas share through a real Redis.

use std::sync::Arc;
use std::time::Duration;

use domain::{
    CallCount, CapacityWish, Endpoint, OrderCapacity, OrderKey, RateLimiter, RequestClass, RequestTurn, ReservationKey,
};
use resilience::{RateLimitPolicy, WindowLimit};
use store_redis::{Redis, RedisRateLimiter};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::redis_server::RedisServer;
use super::support::{REDIS_TIMEOUT, until};

/// So slow that no request becomes available during a test: a burst of 15, of which 4 are reserved for orders.
fn policy() -> RateLimitPolicy {
    RateLimitPolicy {
        all: WindowLimit { requests: 60, per: Duration::from_secs(36_000) },
        each_endpoint: Some(WindowLimit { requests: 40, per: Duration::from_secs(36_000) }),
        priority_percent: 25,
        max_wait: Duration::ZERO,
        replicas: 2,
    }
}

fn replica(server: &RedisServer) -> (Arc<Redis>, RedisRateLimiter) {
    let redis = Arc::new(Redis::new(&server.address(), REDIS_TIMEOUT).expect("an address"));
    let limiter = RedisRateLimiter::new(Arc::clone(&redis), "opera", &policy(), 16, TaskTracker::new());
    (redis, limiter)
}

async fn take(limiter: &RedisRateLimiter, serves_an_order: bool) -> Result<(), Duration> {
    take_at(limiter, serves_an_order, None).await
}

async fn take_at(
    limiter: &RedisRateLimiter,
    serves_an_order: bool,
    name: Option<&'static str>,
) -> Result<(), Duration> {
    let endpoint = Endpoint { limit: name, pause: name };
    let class = if serves_an_order { RequestClass::Settle } else { RequestClass::Read };
    limiter.acquire(RequestTurn { endpoint, ..RequestTurn::of(class) }).await.map(drop)
}

async fn drain(limiter: &RedisRateLimiter, serves_an_order: bool) -> usize {
    let mut count = 0;
    while take(limiter, serves_an_order).await.is_ok() {
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
        assert_eq!(take(&one, false).await, Ok(()));
        assert_eq!(take(&other, false).await, Ok(()));
    }
    assert_eq!((drain(&one, false).await, drain(&other, false).await), (1, 0));
    assert_eq!((one.remaining(), other.remaining()), (Some(4), Some(4)));
    let wait = take(&other, false).await.expect_err("used up");
    assert!(wait > Duration::from_secs(60) && wait < Duration::from_secs(3600), "{wait:?}");
    assert_eq!((drain(&one, true).await, drain(&other, true).await), (4, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_requested_of_one_replica_applies_to_all() {
    let Some(server) = RedisServer::start() else { return };
    let ((redis, one), (_, other)) = (replica(&server), replica(&server));
    until("redis is reachable", async || redis.is_reachable().await).await;
    one.pause(Some("catalog"), Duration::from_secs(120));
    until("the other is paused at the endpoint", async || take_at(&other, true, Some("catalog")).await.is_err()).await;
    assert_eq!((take(&one, true).await, take_at(&other, true, Some("orders")).await), (Ok(()), Ok(())));
    one.pause(None, Duration::from_secs(60));
    assert!(take(&one, true).await.is_err_and(|wait| wait > Duration::from_secs(50)));
    until("the other is paused", async || take(&other, true).await.is_err()).await;
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

/// Wish of an order's first leg within three intervals of the slow limit.
fn wish(order: u128, caller: &str, calls: u32) -> CapacityWish {
    CapacityWish {
        key: ReservationKey { order: OrderKey(Uuid::from_u128(order)), leg: 0 },
        ticket: caller.to_owned(),
        to_sell: CallCount { all: calls, endpoint: None },
        to_undo: CallCount::default(),
        within: Duration::from_secs(800) * 3,
        undo_within: Duration::from_secs(800) * 3,
        lifetime: Duration::from_secs(3600),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_share_their_reservations_and_the_waiting_list() {
    let Some(server) = RedisServer::start_cluster() else { return };
    until("the cluster is ready", async || server.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok")).await;
    let ((redis, one), (_, other)) = (replica(&server), replica(&server));
    until("redis is reachable", async || redis.is_reachable().await).await;
    // A burst of 15 and three more in time: three orders of six calls.
    for (order, replica) in [(1, &one), (2, &other), (3, &one)] {
        assert!(replica.reserve(&wish(order, "early", 6)).await.is_ok(), "{order}");
    }
    let hint = other.reserve(&wish(4, "first", 2)).await.expect_err("full");
    let later = one.reserve(&wish(5, "second", 2)).await;
    assert!(hint > Duration::from_secs(1500) && hint <= Duration::from_secs(1600), "{hint:?}");
    assert!(later.is_err_and(|later| later > hint), "those who came first are served first");
    assert_eq!(one.time_for(CallCount::default()).await.as_secs().div_ceil(800), 3);
    // A reserved call uses its reservation: the total stays, and the limit moves on.
    let turn = RequestTurn { reservation: Some(wish(1, "", 6).key), ..RequestTurn::of(RequestClass::Hold) };
    assert!(other.acquire(turn).await.is_ok());
    assert_eq!(one.time_for(CallCount::default()).await.as_secs().div_ceil(800), 3);
    other.release(wish(1, "", 6).key).await;
    one.release(wish(2, "", 6).key).await;
    assert!(other.reserve(&wish(6, "first", 2)).await.is_ok(), "the first of the waiting list");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_each_replica_keeps_its_own_reservations() {
    let Some(mut server) = RedisServer::start() else { return };
    let (redis, one) = replica(&server);
    until("redis is reachable", async || redis.is_reachable().await).await;
    server.kill();
    assert!(one.reserve(&wish(1, "early", 6)).await.is_ok());
    assert!(one.reserve(&wish(2, "late", 6)).await.is_err(), "half the limit");
    one.release(wish(1, "early", 6).key).await;
    assert!(one.reserve(&wish(2, "late", 6)).await.is_ok());
}
