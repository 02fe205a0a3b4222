//! Orphans: tied to a leg, or declared none of ours.

use std::sync::Arc;
use std::time::Duration;

use domain::ExternalRef;
use futures_util::future::join_all;
use orders::{OrderStatus, OrderStore, ProblemCode, ResolveOrphan};

use crate::orders::database::{Postgres, Stage};
use crate::orders::operator::{codes, place, world};
use crate::orders::vendor::{Fault, PLAIN, Sale, VendorCall};
use crate::orders::world::{CrashPoint, ProcessStore, World, storefront};

#[tokio::test]
async fn an_orphan_is_tied_to_its_order_or_declared_none_of_ours() {
    let (world, orders) = world(&[PLAIN]).await;
    let (one, other) = (place(&world, &orders).await, place(&world, &orders).await);
    {
        let mut state = world.vendors[0].state.lock().expect("books");
        let sale = state.sales.values().next().cloned().expect("a sale");
        for name in ["foreign", "ours"] {
            state.sales.insert(name.to_owned(), Sale { reference: format!("OTHER-{name}"), ..sale.clone() });
        }
    }
    let (from, to) = (one.created_at, one.created_at + Duration::from_secs(48 * 3600));
    let report = async || {
        let report = orders.reconcile(&world.vendors[0].id, from, to).await.expect("a report");
        report.orphans.into_iter().map(|orphan| orphan.value).collect::<Vec<_>>()
    };
    assert_eq!(report().await.len(), 2);
    let kind = "acme.sale";
    let request = |value: &str, leg| ResolveOrphan {
        key: world.next_key(),
        source: world.vendors[0].id.clone(),
        reference: (kind.to_owned(), value.to_owned()),
        leg,
        note: "asked the venue".to_owned(),
    };
    let resolve = async |request: &ResolveOrphan| {
        codes(&orders.resolve_orphan(&storefront(), request).await.expect("the store").problems)
    };
    assert_eq!(resolve(&request("foreign", None)).await, []);
    assert_eq!(report().await, ["ours"]);
    let tie = request("ours", Some((one.key, 0)));
    assert_eq!((resolve(&tie).await, resolve(&tie).await), (Vec::new(), Vec::new()), "the same key");
    orders.wait_until_idle().await;
    assert_eq!(report().await, Vec::<String>::new());
    let tied = world.read(one.key).await;
    assert!(tied.legs[0].refs.contains(&ExternalRef::new(kind, "ours")));
    assert_eq!(tied.notes.len(), 1);
    // The problems of its legs are no reason to refuse an orphan of an order that failed.
    world.vendors[0].fail(VendorCall::Confirm, 3, Fault::Refused);
    let failed = place(&world, &orders).await;
    assert_eq!(failed.status(), OrderStatus::Failed);
    assert_eq!(resolve(&request("left over", Some((failed.key, 0)))).await, []);
    let taken = request("ours", Some((other.key, 0)));
    assert_eq!(resolve(&taken).await, [ProblemCode::ReferenceOfAnotherOrder]);
    let sale = one.legs[0].refs[0].clone();
    let taken = ResolveOrphan { reference: (sale.kind, sale.value), ..request("", Some((other.key, 0))) };
    assert_eq!(resolve(&taken).await, [ProblemCode::ReferenceOfAnotherOrder]);
    assert_eq!(resolve(&request("x", Some((other.key, 9)))).await, [ProblemCode::LegNotFound]);
    assert_eq!(resolve(&ResolveOrphan { note: String::new(), ..request("x", None) }).await, [ProblemCode::NoteMissing]);
}

#[tokio::test]
async fn two_requests_at_once_cannot_tie_one_identifier_to_two_orders() {
    let mut stages = vec![Stage::Sqlite];
    stages.extend(Postgres::start().map(Stage::Postgres));
    for stage in stages {
        let world = World::new(stage.ledger().await, &[PLAIN]);
        let processes = [world.process(), world.process()];
        let keys = [place(&world, &processes[0]).await.key, place(&world, &processes[0]).await.key];
        for nth in 0..5 {
            let requests = keys.map(|key| ResolveOrphan {
                key: world.next_key(),
                source: world.vendors[0].id.clone(),
                reference: ("acme.sale".to_owned(), format!("found {nth}")),
                leg: Some((key, 0)),
                note: "asked the venue".to_owned(),
            });
            let both = join_all(processes.iter().zip(&requests).map(async |(orders, request)| {
                codes(&orders.resolve_orphan(&storefront(), request).await.expect("the store").problems)
            }));
            let mut both = both.await;
            both.sort_unstable();
            assert_eq!(both, [vec![], vec![ProblemCode::ReferenceOfAnotherOrder]]);
            for orders in &processes {
                orders.wait_until_idle().await;
            }
            let reference = ExternalRef::new("acme.sale", format!("found {nth}"));
            let orders = join_all(keys.iter().map(|key| world.read(*key))).await;
            let tied = orders.iter().filter(|order| order.legs[0].refs.contains(&reference));
            assert_eq!(tied.count(), 1, "{reference:?}");
        }
    }
}

#[tokio::test]
async fn a_tie_that_was_cut_off_after_its_decision_is_completed_by_the_same_request() {
    let (world, orders) = world(&[PLAIN]).await;
    let order = place(&world, &orders).await;
    // The decision is written first, then the order.
    let store = ProcessStore::new(Arc::clone(&world.store), Some(CrashPoint::Before(1)));
    let cut_off = world.process_on(Arc::clone(&store) as Arc<dyn OrderStore>);
    let request = ResolveOrphan {
        key: world.next_key(),
        source: world.vendors[0].id.clone(),
        reference: ("acme.sale".to_owned(), "ours".to_owned()),
        leg: Some((order.key, 0)),
        note: "asked the venue".to_owned(),
    };
    cut_off.resolve_orphan(&storefront(), &request).await.expect_err("cut off");
    let reference = ExternalRef::new("acme.sale", "ours");
    assert!(!world.read(order.key).await.legs[0].refs.contains(&reference));
    for _ in 0..2 {
        let again = orders.resolve_orphan(&storefront(), &request).await.expect("the store");
        assert_eq!(codes(&again.problems), []);
        orders.wait_until_idle().await;
        let tied = world.read(order.key).await;
        assert_eq!((tied.legs[0].refs.contains(&reference), tied.notes.len()), (true, 1));
    }
}
