//! Order changes published between replicas through a real Redis.

use std::sync::Arc;

use domain::OrderKey;
use futures_util::StreamExt;
use orders::change_feed::OrderChange;
use orders::{ChangeBus, ChangeEvent, OrderStatus};
use store_redis::{Redis, RedisChangeBus};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::redis_server::RedisServer;
use super::support::{REDIS_TIMEOUT, until};

fn change(cursor: u64) -> OrderChange {
    OrderChange {
        cursor,
        at: "2027-03-01T12:00:00Z".parse().expect("an instant"),
        order: OrderKey(uuid::Uuid::from_u128(cursor.into())),
        version: cursor,
        status: OrderStatus::Confirmed,
        reseller: Some("tiqets".to_owned()),
    }
}

struct Replica {
    bus: Arc<RedisChangeBus>,
    stop: CancellationToken,
}

impl Replica {
    async fn subscribed(server: &RedisServer, tasks: &TaskTracker) -> Self {
        let redis = Arc::new(Redis::new(&server.address(), REDIS_TIMEOUT).expect("an address"));
        until("redis is reachable", async || redis.is_reachable().await).await;
        let (bus, stop) = (RedisChangeBus::new(redis), CancellationToken::new());
        let mut events = bus.subscribe();
        tasks.spawn(Arc::clone(&bus).run_subscriber(stop.clone()));
        assert_eq!(events.next().await, Some(ChangeEvent::Lagged), "earlier changes are in the feed");
        Self { bus, stop }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_replica_receives_a_change_exactly_once() {
    let Some(server) = RedisServer::start() else { return };
    let tasks = TaskTracker::new();
    let (one, other) = (Replica::subscribed(&server, &tasks).await, Replica::subscribed(&server, &tasks).await);
    let (mut local, mut remote) = (one.bus.subscribe(), other.bus.subscribe());
    for cursor in 1..=2 {
        one.bus.publish(&change(cursor)).await;
    }
    for events in [&mut local, &mut remote] {
        for cursor in 1..=2 {
            assert_eq!(events.next().await, Some(ChangeEvent::Changed(change(cursor))));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_a_replica_receives_its_own_changes_and_has_to_read_the_feed() {
    let Some(mut server) = RedisServer::start() else { return };
    let tasks = TaskTracker::new();
    let one = Replica::subscribed(&server, &tasks).await;
    let mut local = one.bus.subscribe();
    server.kill();
    one.bus.publish(&change(1)).await;
    let mut events = Vec::new();
    while events.len() < 3 {
        events.push(local.next().await.expect("the bus goes on"));
    }
    assert_eq!(events.iter().filter(|events| **events == ChangeEvent::Changed(change(1))).count(), 1);
    assert!(events.contains(&ChangeEvent::Lagged), "subscribers read the feed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_another_version_is_reported_as_lost() {
    let Some(server) = RedisServer::start() else { return };
    let tasks = TaskTracker::new();
    let one = Replica::subscribed(&server, &tasks).await;
    let mut local = one.bus.subscribe();
    server.cli(&["PUBLISH", "ticketgraph:orders", r#"{"from":1,"what":"is this"}"#]);
    assert_eq!(local.next().await, Some(ChangeEvent::Lagged));
}
