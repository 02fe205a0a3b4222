//! A process dies between any two writes, or an answer is lost: the two systems agree in the end, and no ticket lives twice.

use std::sync::Arc;
use std::time::Duration;

use deliveries::ledger::DeliveryLedger;
use domain::ordering::DeliveryPreference::MobileApp;
use emulators::Fault;

use crate::delivery::world::{Death, INTERVAL, ProcessLedger, World};
use crate::orders::database::Postgres;

/// Longer than a lease.
const LAPSE: Duration = Duration::from_secs(200);

/// Lets a process run one cycle and die; tells whether it did.
async fn run_and_die(world: &World, death: Death) -> bool {
    let ledger = ProcessLedger::new(&world.ledgers.deliveries, death);
    let process = world.process(Arc::clone(&ledger) as Arc<dyn DeliveryLedger>);
    let outcome = process.cycle().await;
    assert_eq!(outcome.is_err(), ledger.is_dead(), "{death:?}");
    ledger.is_dead()
}

/// A process dies while tickets are injected, another while they are taken back.
async fn survive(world: &World, death: Death) -> bool {
    let order = world.buy(MobileApp).await;
    let mut has_died = run_and_die(world, death).await;
    // Whatever moment it died at: the app was told of nothing that the ledger does not know to have been sent.
    let sent = world.parcels(order.key).await.iter().filter(|parcel| parcel.injection.tries > 0).count();
    assert!(world.app_holds().len() <= sent, "{death:?}");
    world.pass(LAPSE);
    world.cycle().await;
    let held = world.app_holds();
    assert_eq!(held.len(), 2, "{death:?}");
    assert!(held.iter().all(|(_, status)| status == "INJECTED"), "{death:?} {held:?}");
    for parcel in world.parcels(order.key).await {
        let moments: Vec<&str> = parcel.moments.iter().map(|moment| moment.state.as_str()).collect();
        assert_eq!(moments, ["PRINTED", "INJECTED"], "{death:?}");
    }
    world.cancel(order.key).await;
    has_died |= run_and_die(world, death).await;
    world.pass(LAPSE);
    world.cycle().await;
    world.pass(INTERVAL);
    world.cycle().await;
    assert!(world.app_holds().iter().all(|(_, status)| status == "DELETED"), "{death:?}");
    assert!(world.parcels(order.key).await.iter().all(|parcel| parcel.is_at_its_end()), "{death:?}");
    has_died
}

/// Lets processes die at every write that they make, each in a world of its own.
async fn die_everywhere(open: impl AsyncFn() -> World) {
    let mut deaths = 0;
    for write in 1..60 {
        let before = survive(&open().await, Death::Before(write)).await;
        let after = survive(&open().await, Death::After(write)).await;
        deaths += usize::from(before) + usize::from(after);
        if !before && !after {
            assert!(deaths >= 12, "the processes wrote too little to prove anything: {deaths}");
            return;
        }
    }
    panic!("a cycle never came to its end");
}

#[tokio::test]
async fn a_process_may_die_before_or_after_each_of_its_writes() {
    die_everywhere(World::open).await;
}

#[tokio::test]
async fn a_process_may_die_before_or_after_each_of_its_writes_to_postgres() {
    let Some(server) = Postgres::start() else { return };
    die_everywhere(async || {
        server.run("TRUNCATE orders, changes, idempotency_keys, delivery_channels, delivery_streams, delivery_parcels CASCADE").await;
        World::over(server.url()).await
    })
    .await;
}

#[tokio::test]
async fn every_lost_answer_is_asked_again_and_no_ticket_lives_twice() {
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
            world.pass(INTERVAL);
        }
        world.cycle().await;
        assert_eq!(world.app_holds().len(), 2, "{fault:?}");
        let parcels = world.parcels(order.key).await;
        assert!(parcels.iter().all(|parcel| parcel.state.is_some() && parcel.injection.trouble.is_none()), "{fault:?}");
        world.cancel(order.key).await;
        world.fail("/cancelled", fault.clone());
        world.cycle().await;
        world.pass(INTERVAL);
        world.cycle().await;
        world.pass(INTERVAL);
        world.cycle().await;
        assert!(world.app_holds().iter().all(|(_, status)| status == "DELETED"), "{fault:?}");
        assert!(world.parcels(order.key).await.iter().all(|parcel| parcel.is_at_its_end()), "{fault:?}");
    }
}
