//! Changes of orders told between replicas through a real Redis.

use std::sync::Arc;

use domain::OrderKey;
use futures_util::StreamExt;
use orders::ledger::Change;
use orders::{ChangeBus, Heard, OrderStatus};
use store_redis::{Redis, RedisBus};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::redis_server::RedisServer;
use super::support::{BOUND, until};

fn change(cursor: u64) -> Change {
    Change {
        cursor,
        at: "2027-03-01T12:00:00Z".parse().expect("an instant"),
        order: OrderKey(uuid::Uuid::from_u128(cursor.into())),
        version: cursor,
        status: OrderStatus::Confirmed,
        reseller: Some("tiqets".to_owned()),
    }
}

struct Replica {
    bus: Arc<RedisBus>,
    stop: CancellationToken,
}

impl Replica {
    async fn listening(server: &RedisServer, tasks: &TaskTracker) -> Self {
        let redis = Arc::new(Redis::new(&server.address(), BOUND).expect("an address"));
        until("redis answers", async || redis.answers().await).await;
        let (bus, stop) = (RedisBus::new(redis), CancellationToken::new());
        let mut heard = bus.subscribe();
        tasks.spawn(Arc::clone(&bus).listen(stop.clone()));
        assert_eq!(heard.next().await, Some(Heard::Missed), "what came before it listened is in the feed");
        Self { bus, stop }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_heard_once_at_the_replica_that_wrote_it_and_once_at_every_other() {
    let Some(server) = RedisServer::start() else { return };
    let tasks = TaskTracker::new();
    let (one, other) = (Replica::listening(&server, &tasks).await, Replica::listening(&server, &tasks).await);
    let (mut here, mut there) = (one.bus.subscribe(), other.bus.subscribe());
    for cursor in 1..=2 {
        one.bus.publish(&change(cursor)).await;
    }
    for heard in [&mut here, &mut there] {
        for cursor in 1..=2 {
            assert_eq!(heard.next().await, Some(Heard::Changed(change(cursor))));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_away_own_changes_are_heard_and_the_feed_is_read_for_the_others() {
    let Some(mut server) = RedisServer::start() else { return };
    let tasks = TaskTracker::new();
    let one = Replica::listening(&server, &tasks).await;
    let mut here = one.bus.subscribe();
    server.kill();
    one.bus.publish(&change(1)).await;
    let mut heard = Vec::new();
    while heard.len() < 3 {
        heard.push(here.next().await.expect("the bus goes on"));
    }
    assert_eq!(heard.iter().filter(|heard| **heard == Heard::Changed(change(1))).count(), 1);
    assert!(heard.contains(&Heard::Missed), "whoever watches reads the feed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_version_says_is_looked_up_in_the_feed() {
    let Some(server) = RedisServer::start() else { return };
    let tasks = TaskTracker::new();
    let one = Replica::listening(&server, &tasks).await;
    let mut here = one.bus.subscribe();
    server.cli(&["PUBLISH", "ticketgraph:orders", r#"{"from":1,"what":"is this"}"#]);
    assert_eq!(here.next().await, Some(Heard::Missed));
}
