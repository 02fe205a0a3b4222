//! Reconciliation: orphans at the vendor, and confirmed legs that the vendor does not have.

use std::time::Duration;

use domain::SourceId;
use orders::{FulfillmentPolicy, ReconcileError};

use crate::orders::database::Stage;
use crate::orders::vendor::{BLIND, Fault, KEYED, PLAIN, Sale, VendorCall};
use crate::orders::world::{World, storefront};

#[tokio::test]
async fn bookings_of_only_one_side_are_reported() {
    let world = World::new(Stage::Sqlite.ledger().await, &[PLAIN]);
    let orders = world.process();
    let mut references = Vec::new();
    for _ in 0..3 {
        let placed =
            orders.place(&storefront(), &world.input(FulfillmentPolicy::AllOrNothing)).await.expect("the store");
        orders.wait_until_idle().await;
        references.push(placed.order.expect("an order"));
    }
    let (from, to) = (references[0].created_at, references[0].created_at + Duration::from_secs(3600));
    let report = orders.reconcile(&world.vendors[0].id, from, to).await.expect("a report");
    assert_eq!((report.matched, report.orphans.len(), report.missing.len()), (3, 0, 0));
    {
        let mut state = world.vendors[0].state.lock().expect("books");
        // One sale is missing at the vendor, one was made twice, and one is not ours.
        let first = state.sales.keys().next().cloned().expect("a sale");
        state.sales.remove(&first);
        let twin = state.sales.values().next().cloned().expect("a sale");
        state.sales.insert("twin".to_owned(), twin.clone());
        state.sales.insert("foreign".to_owned(), Sale { reference: "OTHER-1".to_owned(), ..twin });
    }
    let report = orders.reconcile(&world.vendors[0].id, from, to).await.expect("a report");
    assert_eq!((report.matched, report.missing), (2, vec![(references[0].key, 0)]));
    let mut orphans: Vec<_> = report.orphans.iter().map(|orphan| orphan.value.as_str()).collect();
    orphans.sort_unstable();
    assert_eq!(orphans, ["foreign", "twin"]);
}

#[tokio::test]
async fn a_stray_hold_is_an_orphan_until_it_expires() {
    let world = World::new(Stage::Sqlite.ledger().await, &[BLIND, KEYED]);
    // The hold succeeded, its response was lost, it cannot be looked up, and it was repeated.
    world.vendors[0].fail(VendorCall::Hold, 1, Fault::LostAnswer);
    let orders = world.process();
    let placed = orders.place(&storefront(), &world.input(FulfillmentPolicy::AllOrNothing)).await.expect("the store");
    orders.wait_until_idle().await;
    let order = placed.order.expect("an order");
    let (from, to) = (order.created_at, order.created_at + Duration::from_secs(3600));
    let report = orders.reconcile(&world.vendors[0].id, from, to).await.expect("a report");
    assert_eq!((report.matched, report.orphans.len()), (1, 1));
    let ends_at = order.created_at + world.vendors[0].hold_ttl;
    let stray: Vec<_> = report.stray_holds.iter().map(|stray| (stray.leg, stray.ends_at)).collect();
    assert_eq!(stray, [((order.key, 0), ends_at)], "with its end, as far as it is known");
    world.clock.advance(world.vendors[0].hold_ttl);
    let report = orders.reconcile(&world.vendors[0].id, from, to).await.expect("a report");
    assert_eq!((report.matched, report.orphans.len(), report.stray_holds.len()), (1, 0, 0));
}

#[tokio::test]
async fn a_lost_hold_whose_lookup_fails_is_looked_up_again_and_leaves_no_stray() {
    let world = World::new(Stage::Sqlite.ledger().await, &[PLAIN]);
    world.vendors[0].fail(VendorCall::Hold, 1, Fault::LostAnswer);
    world.vendors[0].fail(VendorCall::FindHold, 1, Fault::LostRequest);
    let orders = world.process();
    let placed = orders.place(&storefront(), &world.input(FulfillmentPolicy::AllOrNothing)).await.expect("the store");
    let order = world.run_until_final(&orders, placed.order.expect("an order").key).await;
    let (from, to) = (order.created_at, order.created_at + Duration::from_secs(3600));
    let report = orders.reconcile(&world.vendors[0].id, from, to).await.expect("a report");
    assert_eq!((report.matched, report.orphans.len(), report.stray_holds.len()), (1, 0, 0));
    assert_eq!(world.vendors[0].state.lock().expect("books").holds.len(), 1, "held once");
}

#[tokio::test]
async fn an_unknown_source_has_no_report() {
    let world = World::new(Stage::Sqlite.ledger().await, &[PLAIN]);
    let (from, to) = ("2027-01-01T00:00:00Z".parse().expect("from"), "2027-12-31T00:00:00Z".parse().expect("to"));
    let report = world.process().reconcile(&SourceId::new("nowhere"), from, to).await;
    assert!(matches!(report, Err(ReconcileError::UnknownSource)));
}
