//! Fail-over of Redis during orders: by sentinels, and within a cluster of six.

use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::time::Instant;

use super::order_count;
use super::shop::{Purchases, Shop, most_are_sold, until};
use crate::layers::redis_server::RedisServer;
use crate::orders::database::Postgres;

/// Longest gap of the service beyond the fail-over of the store itself.
const MARGIN: Duration = Duration::from_secs(5);

/// Opens a shop over PostgreSQL and this section of the cache.
async fn open(postgres: &Postgres, orders: usize, cache: &str) -> Shop {
    let ledger = format!("url = \"{}\"\n", postgres.url());
    Shop::open(orders, &ledger, &format!("\n[cache]\nredis_timeout = \"250ms\"\n{cache}\n")).await
}

/// Compares the books, and asserts that no request failed and that the service waited no longer than its store. Returns the figures.
async fn verify(shop: &Shop, purchases: &Purchases, own: Duration) -> String {
    let Purchases { longest_gap, refused, .. } = purchases;
    let statuses = shop.compare(purchases).await;
    most_are_sold(&statuses);
    assert_eq!(*refused, 0, "Redis is not needed for an order");
    assert!(*longest_gap <= own + MARGIN, "{longest_gap:?} without an order, {own:?} of them without Redis");
    format!("{statuses:?}: fail-over of Redis {own:?}, longest gap {longest_gap:?}, {refused} refused")
}

/// Waits until both replicas share state through Redis.
async fn until_shared(shop: &Shop) {
    for replica in 0..2 {
        until("redis is used", async || shop.redis_fault(replica).await.is_none()).await;
    }
}

/// Ends a master during orders, which its sentinels notice. Returns the figures, if the servers are installed.
async fn sentinels_promote_a_replica(orders: usize, end: impl AsyncFnOnce(&mut RedisServer)) -> Option<String> {
    let (postgres, mut master) = (Postgres::start()?, RedisServer::start()?);
    let replica = master.start_replica();
    until("the replica is in sync", async || replica.cli(&["INFO", "replication"]).contains("master_link_status:up"))
        .await;
    let sentinels: Vec<RedisServer> = (0..3).map(|_| master.start_sentinel("shop")).collect();
    for sentinel in &sentinels {
        until("the sentinels see each other and the replica", async || {
            let state = sentinel.cli(&["INFO", "sentinel"]);
            state.contains("slaves=1,sentinels=3")
        })
        .await;
    }
    let addresses: Vec<_> = sentinels.iter().map(|one| one.address().expose_secret().to_owned()).collect();
    let cache = format!("redis_url = \"{}\"\nredis_sentinel_master = \"shop\"", addresses.join(","));
    let mut shop = open(&postgres, orders, &cache).await;
    until_shared(&shop).await;
    let fail_over = async |_: &mut Shop| {
        let begun = Instant::now();
        end(&mut master).await;
        until("the replica is the master", async || replica.cli(&["ROLE"]).starts_with("master")).await;
        begun.elapsed()
    };
    let (purchases, own) = shop.buy(fail_over).await;
    until_shared(&shop).await;
    assert!(replica.cli(&["EXISTS", "ticketgraph:write_check"]).contains('1'), "the promoted replica is used");
    let channels = replica.cli(&["PUBSUB", "NUMSUB", "ticketgraph:invalidations"]);
    assert!(channels.contains('2'), "both are subscribed at the promoted replica: {channels}");
    Some(verify(&shop, &purchases, own).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_promote_a_replica_during_orders() {
    let figures = sentinels_promote_a_replica(order_count(40), async |master: &mut RedisServer| master.kill()).await;
    println!("{figures:?}");
}

/// Its connections stay open, and nothing responds on them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_promote_a_replica_if_the_master_hangs() {
    let figures = sentinels_promote_a_replica(order_count(24), async |master: &mut RedisServer| master.freeze()).await;
    println!("{figures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_of_a_cluster_of_six_is_killed_during_orders() {
    let (Some(postgres), Some(mut nodes)) = (Postgres::start(), RedisServer::start_cluster_of_six("1500")) else {
        return;
    };
    for node in &nodes {
        until("all nodes are known", async || node.cli(&["CLUSTER", "INFO"]).contains("cluster_known_nodes:6")).await;
    }
    let ids: Vec<String> = nodes.iter().map(|node| node.cli(&["CLUSTER", "MYID"]).trim().to_owned()).collect();
    for (node, master) in nodes[3..].iter().zip(&ids) {
        until("the node replicates", async || node.cli(&["CLUSTER", "REPLICATE", master]).contains("OK")).await;
        until("the replica is in sync", async || node.cli(&["INFO", "replication"]).contains("master_link_status:up"))
            .await;
    }
    for node in &nodes {
        until("the cluster is ready", async || node.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok")).await;
    }
    let addresses: Vec<_> = nodes.iter().map(|one| one.address().expose_secret().to_owned()).collect();
    let mut shop = open(&postgres, order_count(40), &format!("redis_url = \"{}\"", addresses.join(","))).await;
    until_shared(&shop).await;
    let fail_over = async |_: &mut Shop| {
        let begun = Instant::now();
        nodes[0].kill();
        until("its replica is a master", async || nodes[3].cli(&["ROLE"]).starts_with("master")).await;
        for node in &nodes[1..] {
            until("the cluster is ready", async || node.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok")).await;
        }
        begun.elapsed()
    };
    let (purchases, own) = shop.buy(fail_over).await;
    until_shared(&shop).await;
    println!("{}", verify(&shop, &purchases, own).await);
}
