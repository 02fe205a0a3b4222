//! A quota that replicas share through a real Redis.

use std::sync::Arc;
use std::time::Duration;

use domain::{Budget, Quota};
use source_stack::BudgetPolicy;
use store_redis::{Redis, RedisBudget};
use tokio_util::task::TaskTracker;

use super::redis_server::RedisServer;
use super::support::{BOUND, until};

/// Slow enough that nothing comes back while a test runs: a burst of 15, of which 4 are for orders.
fn policy() -> BudgetPolicy {
    BudgetPolicy {
        quota: Quota { requests: 60, per: Duration::from_secs(36_000) },
        order_percent: 25,
        patience: Duration::ZERO,
        replicas: 2,
    }
}

fn replica(server: &RedisServer) -> (Arc<Redis>, RedisBudget) {
    let redis = Arc::new(Redis::new(&server.address(), BOUND).expect("an address"));
    let budget = RedisBudget::new(Arc::clone(&redis), "opera", &policy(), TaskTracker::new());
    (redis, budget)
}

async fn drained(budget: &RedisBudget, serves_an_order: bool) -> usize {
    let mut count = 0;
    while budget.take(serves_an_order).await.is_ok() {
        count += 1;
    }
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_together_never_take_more_than_one_quota_and_leave_the_reserve_to_orders() {
    let Some(server) = RedisServer::start() else { return };
    let ((redis, one), (_, other)) = (replica(&server), replica(&server));
    until("redis answers", async || redis.answers().await).await;
    for _ in 0..5 {
        assert_eq!(one.take(false).await, Ok(()));
        assert_eq!(other.take(false).await, Ok(()));
    }
    assert_eq!((drained(&one, false).await, drained(&other, false).await), (1, 0));
    assert_eq!((one.remaining(), other.remaining()), (Some(4), Some(4)));
    let wait = other.take(false).await.expect_err("used up");
    assert!(wait > Duration::from_secs(60) && wait < Duration::from_secs(3600), "{wait:?}");
    assert_eq!((drained(&one, true).await, drained(&other, true).await), (4, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_that_the_vendor_asks_of_one_replica_holds_for_all() {
    let Some(server) = RedisServer::start() else { return };
    let ((redis, one), (_, other)) = (replica(&server), replica(&server));
    until("redis answers", async || redis.answers().await).await;
    one.pause(Duration::from_secs(60));
    assert!(one.take(true).await.is_err_and(|wait| wait > Duration::from_secs(50)));
    until("the other has heard of it", async || other.take(true).await.is_err()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_each_replica_keeps_to_its_own_share() {
    let Some(mut server) = RedisServer::start() else { return };
    let ((redis, one), (_, other)) = (replica(&server), replica(&server));
    until("redis answers", async || redis.answers().await).await;
    server.kill();
    // A quarter of half the quota each.
    assert_eq!((drained(&one, true).await, drained(&other, true).await), (7, 7));
    assert_eq!(one.remaining(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_together_is_not_there_once_more_alone() {
    let Some(mut server) = RedisServer::start() else { return };
    let (redis, one) = replica(&server);
    until("redis answers", async || redis.answers().await).await;
    assert_eq!(drained(&one, true).await, 15);
    server.kill();
    assert_eq!(drained(&one, true).await, 0);
}
