//! Reconciliation: orphans at the vendor, and sales of ours that the vendor does not have.

use std::time::Duration;

use domain::SourceId;
use orders::{Policy, ReconcileError};

use crate::orders::database::Stage;
use crate::orders::vendor::{Deed, Fault, KEYED, PLAIN, Sale};
use crate::orders::world::{World, storefront};

#[tokio::test]
async fn what_only_one_side_has_is_reported() {
    let world = World::new(Stage::Sqlite.ledger().await, &[PLAIN]);
    let orders = world.process();
    let mut references = Vec::new();
    for _ in 0..3 {
        let placed = orders.place(&storefront(), &world.input(Policy::AllOrNothing)).await.expect("the ledger");
        orders.settled().await;
        references.push(placed.order.expect("an order"));
    }
    let (from, to) = (references[0].created_at, references[0].created_at + Duration::from_secs(3600));
    let report = orders.reconcile(&world.vendors[0].id, from, to).await.expect("a report");
    assert_eq!((report.matched, report.orphans.len(), report.missing.len()), (3, 0, 0));
    {
        let mut books = world.vendors[0].books.lock().expect("books");
        // One is gone at the vendor, one was sold twice, one was never ours.
        let first = books.sales.keys().next().cloned().expect("a sale");
        books.sales.remove(&first);
        let twin = books.sales.values().next().cloned().expect("a sale");
        books.sales.insert("twin".to_owned(), twin.clone());
        books.sales.insert("stranger".to_owned(), Sale { reference: "OTHER-1".to_owned(), ..twin });
    }
    let report = orders.reconcile(&world.vendors[0].id, from, to).await.expect("a report");
    assert_eq!((report.matched, report.missing), (2, vec![(references[0].key, 0)]));
    let mut orphans: Vec<_> = report.orphans.iter().map(|orphan| orphan.value.as_str()).collect();
    orphans.sort_unstable();
    assert_eq!(orphans, ["stranger", "twin"]);
}

#[tokio::test]
async fn a_stray_hold_is_an_orphan_until_it_ends() {
    let world = World::new(Stage::Sqlite.ledger().await, &[PLAIN, KEYED]);
    // The hold was made, its answer was lost, and so was the look-up's; it was made once more.
    world.vendors[0].fail(Deed::Hold, 1, Fault::LostAnswer);
    world.vendors[0].fail(Deed::FindHold, 1, Fault::LostRequest);
    let orders = world.process();
    let placed = orders.place(&storefront(), &world.input(Policy::AllOrNothing)).await.expect("the ledger");
    orders.settled().await;
    let order = placed.order.expect("an order");
    let (from, to) = (order.created_at, order.created_at + Duration::from_secs(3600));
    let report = orders.reconcile(&world.vendors[0].id, from, to).await.expect("a report");
    assert_eq!((report.matched, report.orphans.len()), (1, 1));
    world.clock.pass(world.vendors[0].hold_ttl);
    let report = orders.reconcile(&world.vendors[0].id, from, to).await.expect("a report");
    assert_eq!((report.matched, report.orphans.len()), (1, 0));
}

#[tokio::test]
async fn a_source_that_is_not_there_has_no_report() {
    let world = World::new(Stage::Sqlite.ledger().await, &[PLAIN]);
    let (from, to) = ("2027-01-01T00:00:00Z".parse().expect("from"), "2027-12-31T00:00:00Z".parse().expect("to"));
    let report = world.process().reconcile(&SourceId::new("nowhere"), from, to).await;
    assert!(matches!(report, Err(ReconcileError::UnknownSource)));
}
