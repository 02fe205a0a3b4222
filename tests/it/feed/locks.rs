//! Orders beside the feed on PostgreSQL: no write of an order waits for a row that another one holds.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use orders::FulfillmentPolicy;
use orders::lease::{LeaseAfterWrite, Precondition};

use crate::orders::database::Postgres;
use crate::orders::store::{draft_order, write_next_version};
use crate::orders::vendor::{COMMITTING, KEYED, PLAIN};
use crate::orders::world::{World, storefront};

/// Orders at the same time at each replica.
const ORDERS: usize = 15;
const REPLICAS: usize = 3;

/// Returns the writes of orders that wait for a row: their statements begin with the part that writes the order. A wait for the file of
/// a table to grow is none.
async fn waiting_writes(server: &Postgres) -> Vec<String> {
    let sql = "SELECT LEFT(query, 60) || ' ' || COALESCE(wait_event, '') FROM pg_stat_activity \
        WHERE wait_event_type = 'Lock' AND wait_event IN ('transactionid', 'tuple') AND query LIKE 'WITH written%'";
    sqlx::query_scalar(sql).fetch_all(server.pool()).await.expect("the activity")
}

/// A control: the sample sees a write that waits for the row of its own order.
async fn a_write_that_waits_is_seen(server: &Postgres, world: &World) {
    let order = draft_order(world).await;
    let mut holder = server.pool().begin().await.expect("a transaction");
    let lock = sqlx::query("SELECT key FROM orders WHERE key = $1 FOR UPDATE").bind(order.key.to_string());
    lock.execute(&mut *holder).await.expect("the lock");
    let store = world.store.as_ref();
    let write = write_next_version(store, Precondition::Unleased(&order), &order, LeaseAfterWrite::Released);
    let seen = async {
        while waiting_writes(server).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        holder.rollback().await.expect("released");
    };
    let both = async { tokio::join!(write, seen) };
    let (written, ()) = tokio::time::timeout(Duration::from_secs(10), both).await.expect("the wait is not seen");
    written.expect("the order is written");
}

#[tokio::test]
async fn on_postgres_no_write_of_an_order_waits_for_a_row_that_another_one_holds() {
    let Some(server) = Postgres::start() else { return };
    let world = World::new(server.ledger().await, &[KEYED, PLAIN, COMMITTING]);
    a_write_that_waits_is_seen(&server, &world).await;
    let mut replicas = Vec::new();
    for _ in 0..REPLICAS {
        replicas.push(world.process_on(server.another().await));
    }
    let (actor, input) = (storefront(), || world.input(FulfillmentPolicy::AllOrNothing));
    let inputs: Vec<_> = (0..ORDERS * REPLICAS).map(|_| input()).collect();
    let placed = inputs.iter().enumerate().map(|(number, input)| replicas[number % REPLICAS].place(&actor, input));
    let mut placing = Box::pin(async {
        let placed = join_all(placed).await;
        join_all(replicas.iter().map(orders::Orders::wait_until_idle)).await;
        placed
    });
    let (mut samples, mut waiting) = (0, BTreeSet::new());
    let placed = loop {
        tokio::select! {
            placed = &mut placing => break placed,
            found = waiting_writes(&server) => {
                samples += 1;
                waiting.extend(found);
            }
        }
    };
    assert_eq!(
        placed.iter().filter(|placed| placed.as_ref().is_ok_and(|placed| placed.order.is_some())).count(),
        ORDERS * REPLICAS
    );
    assert!(samples > 20, "{samples} samples");
    assert!(waiting.is_empty(), "writes of orders waited for locks in {samples} samples: {waiting:?}");
}
