//! Crashes between any two writes, and lost responses: the two systems agree in the end, and no ticket is valid
//! twice.

use std::sync::Arc;
use std::time::Duration;

use deliveries::store::DeliveryStore;
use domain::ordering::DeliveryPreference::MobileApp;
use emulators::Fault;

use crate::deliveries::world::{CrashPoint, INTERVAL, ProcessStore, World};
use crate::orders::database::Postgres;

/// Longer than a lease.
const LEASE_LAPSE: Duration = Duration::from_secs(200);

/// Runs one cycle of a process that crashes; returns true if it did.
async fn run_and_crash(world: &World, crash: CrashPoint) -> bool {
    let ledger = ProcessStore::new(&world.ledgers.deliveries, crash);
    let process = world.process(Arc::clone(&ledger) as Arc<dyn DeliveryStore>);
    let outcome = process.run_cycle().await;
    assert_eq!(outcome.is_err(), ledger.is_dead(), "{crash:?}");
    ledger.is_dead()
}

/// Crashes one process while tickets are injected, and another while they are canceled.
async fn survive(world: &World, crash: CrashPoint) -> bool {
    let order = world.buy(MobileApp).await;
    let mut has_died = run_and_crash(world, crash).await;
    // Whenever it crashed, the app received nothing that the store does not have as sent.
    let sent = world.deliveries_of(order.key).await.iter().filter(|delivery| delivery.injection.attempts > 0).count();
    assert!(world.app_holds().len() <= sent, "{crash:?}");
    world.advance(LEASE_LAPSE);
    world.cycle().await;
    let held = world.app_holds();
    assert_eq!(held.len(), 2, "{crash:?}");
    assert!(held.iter().all(|(_, status)| status == "INJECTED"), "{crash:?} {held:?}");
    for delivery in world.deliveries_of(order.key).await {
        let states: Vec<&str> = delivery.status_events.iter().map(|event| event.state.as_str()).collect();
        assert_eq!(states, ["PRINTED", "INJECTED"], "{crash:?}");
    }
    world.cancel(order.key).await;
    has_died |= run_and_crash(world, crash).await;
    world.advance(LEASE_LAPSE);
    world.cycle().await;
    world.advance(INTERVAL);
    world.cycle().await;
    assert!(world.app_holds().iter().all(|(_, status)| status == "DELETED"), "{crash:?}");
    assert!(world.deliveries_of(order.key).await.iter().all(|delivery| delivery.is_final()), "{crash:?}");
    has_died
}

/// Crashes a process at each of its writes, each in its own environment.
async fn crash_everywhere(open: impl AsyncFn() -> World) {
    let mut crashes = 0;
    for write in 1..60 {
        let before = survive(&open().await, CrashPoint::Before(write)).await;
        let after = survive(&open().await, CrashPoint::After(write)).await;
        crashes += usize::from(before) + usize::from(after);
        if !before && !after {
            assert!(crashes >= 12, "too few writes for a meaningful test: {crashes}");
            return;
        }
    }
    panic!("a cycle never finished");
}

#[tokio::test]
async fn a_process_may_crash_before_or_after_each_of_its_writes() {
    crash_everywhere(World::open).await;
}

#[tokio::test]
async fn a_process_may_crash_before_or_after_each_of_its_writes_to_postgres() {
    let Some(server) = Postgres::start() else { return };
    crash_everywhere(async || {
        server.run("TRUNCATE orders, changes, idempotency_keys, delivery_channels, delivery_streams, delivery_parcels CASCADE").await;
        World::over(server.url()).await
    })
    .await;
}

#[tokio::test]
async fn every_lost_push_is_repeated_and_no_ticket_is_valid_twice() {
    let faults = [
        Fault::DropBefore,
        Fault::CommitThenDrop,
        Fault::Truncate,
        Fault::Malformed,
        Fault::Html502,
        Fault::Status { status: 503, retry_after: None, body: None },
        Fault::Status { status: 429, retry_after: Some(2), body: None },
    ];
    for fault in faults {
        let world = World::open().await;
        let order = world.buy(MobileApp).await;
        for path in ["/tickets", "/tickets/diff"] {
            world.fail(path, fault.clone());
            world.cycle().await;
            world.advance(INTERVAL);
        }
        world.cycle().await;
        assert_eq!(world.app_holds().len(), 2, "{fault:?}");
        let deliveries = world.deliveries_of(order.key).await;
        assert!(
            deliveries.iter().all(|delivery| delivery.state.is_some() && delivery.injection.last_error.is_none()),
            "{fault:?}"
        );
        world.cancel(order.key).await;
        world.fail("/cancelled", fault.clone());
        world.cycle().await;
        world.advance(INTERVAL);
        world.cycle().await;
        world.advance(INTERVAL);
        world.cycle().await;
        assert!(world.app_holds().iter().all(|(_, status)| status == "DELETED"), "{fault:?}");
        assert!(world.deliveries_of(order.key).await.iter().all(|delivery| delivery.is_final()), "{fault:?}");
    }
}
