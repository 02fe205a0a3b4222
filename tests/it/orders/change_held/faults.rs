//! Faults of a change: unknown outcomes, holds that end, crashes at every write, and runners that compete.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use orders::{PauseMode, PauseSource};

use super::*;
use crate::orders::world::{CrashPoint, ProcessStore};

#[tokio::test]
async fn an_order_waits_while_the_outcome_of_the_new_hold_is_unknown() {
    for (traits, fault, ends) in [
        (KEYED, Fault::LostAnswer, OrderStatus::Released),
        (PLAIN, Fault::LostRequest, OrderStatus::Released),
        (BLIND, Fault::LostAnswer, OrderStatus::Released),
    ] {
        let case = format!("{traits:?} {fault:?}");
        let mut world = world(&Stage::Sqlite, &[traits]).await;
        world.settings.response_timeout = Duration::ZERO;
        let orders = world.process();
        let old = held(&world, &orders, ALL, 1).await;
        world.vendors[0].fail(VendorCall::Hold, 2, fault);
        world.vendors[0].fail(VendorCall::FindHold, 1, Fault::Waits);
        let change = change(&world, &old, 0..1);
        apply(&orders, &change).await;
        let now = world.read(old.key).await;
        assert_eq!((now.status(), now.is_being_replaced()), (OrderStatus::Held, true), "{case}");
        let refused = orders.confirm(&storefront(), &world.act(old.key)).await.expect("the store");
        assert_eq!(problems(&refused), one(P::ActionNotAvailable, "input.order"), "{case}");
        let (now, new) = settle(&world, &orders, old.key, &case).await;
        let new = new.expect("the new order");
        assert_eq!((now.status(), new.status()), (ends, OrderStatus::Held), "{case}");
        audit(&world, &now, &case).await;
        audit(&world, &new, &case).await;
        let again = apply(&orders, &change).await;
        assert_eq!(again.order.map(|order| order.key), Some(new.key), "{case}");
    }
}

#[tokio::test]
async fn the_hold_of_the_old_order_ends_in_its_time_while_the_new_one_is_undecided() {
    for (new_hold, old_ends, new_ends) in [
        (Fault::StallsAfter, OrderStatus::Expired, OrderStatus::Held),
        (Fault::Refused, OrderStatus::Expired, OrderStatus::Failed),
    ] {
        let mut world = world(&Stage::Sqlite, &[KEYED, PLAIN]).await;
        world.settings.response_timeout = Duration::ZERO;
        let orders = world.process();
        let old = held(&world, &orders, ALL, 1).await;
        world.vendors[1].fail(VendorCall::Hold, 1, Fault::Queued);
        world.vendors[1].fail(VendorCall::Hold, 2, new_hold);
        world.clock.advance(Duration::from_secs(590));
        let outcome = orders.change_held(&storefront(), &change(&world, &old, 1..2)).await.expect("the store");
        let new = outcome.order.expect("the new order").key;
        world.vendors[1].queued.notified().await;
        world.clock.advance(Duration::from_secs(20));
        let successor = world.process();
        successor.resume_due().await.expect("the store");
        successor.wait_until_idle().await;
        let now = world.read(old.key).await;
        assert_eq!((now.status(), now.is_being_replaced()), (OrderStatus::Expired, true));
        if new_hold == Fault::Refused {
            world.vendors[1].fail(VendorCall::Hold, 1, Fault::Refused);
        }
        world.vendors[1].resume.notify_one();
        orders.wait_until_idle().await;
        let (now, _) = settle(&world, &orders, old.key, "expired").await;
        assert_eq!((now.status(), world.read(new).await.status()), (old_ends, new_ends));
        assert_eq!(now.replaced_by.is_some(), new_ends == OrderStatus::Held);
    }
}

/// Policy of the order, and a fault of a vendor during its change.
#[derive(Debug, Clone, Copy)]
struct CrashCase {
    policy: FulfillmentPolicy,
    fault: Option<(usize, VendorCall, usize, Fault)>,
}

/// Runs a change in a process that crashes at a write, and then in another one. Exactly one of both orders is held at the end, and
/// confirming both sells once. Returns the number of writes.
async fn crash(stage: &Stage, case: CrashCase, point: Option<CrashPoint>) -> usize {
    let label = format!("{case:?} {point:?}");
    let mut world = world(stage, &[KEYED, PLAIN]).await;
    world.settings.response_timeout = Duration::from_millis(100);
    let first = world.process();
    let old = held(&world, &first, case.policy, 2).await;
    if let Some((vendor, call, nth, fault)) = case.fault {
        world.vendors[vendor].fail(call, nth, fault);
    }
    let store = ProcessStore::new(Arc::clone(&world.store), point);
    let dying = world.process_on(Arc::clone(&store) as Arc<_>);
    let change = change(&world, &old, 0..2);
    let _ = dying.change_held(&storefront(), &change).await;
    dying.wait_until_idle().await;
    let writes = store.writes.load(SeqCst);

    let successor = world.process();
    world.clock.advance(world.settings.lease + Duration::from_secs(1));
    let (now, new) = settle(&world, &successor, old.key, &label).await;
    let new_is_held = new.as_ref().is_some_and(|new| new.status() == OrderStatus::Held);
    let old_is_held = now.status() == OrderStatus::Held;
    assert!(new_is_held != old_is_held, "exactly one is held, {label}: {now:?} {new:?}");
    // A client that repeats its request gets the one that is held, or continues what was only planned.
    apply(&successor, &change).await;
    let (now, _) = settle(&world, &successor, old.key, &label).await;
    let repeated = apply(&successor, &change).await;
    let kept = repeated.order.unwrap_or_else(|| panic!("{:?}, {label}", repeated.problems));
    assert_eq!(kept.status(), OrderStatus::Held, "{label}");
    assert_eq!(kept.key == now.key, now.replaced_by.is_none(), "{label}");
    assert_eq!(kept.key == now.key, !repeated.problems.is_empty(), "{label}");
    let strays = usize::from(case.fault.is_some_and(|(.., fault)| fault == Fault::LostAnswer));
    let open: Vec<String> = held_references(&world);
    let others = open.iter().filter(|reference| !references(&kept).contains(reference)).count();
    assert!(others <= strays, "a hold is left, {label}: {open:?}");

    assert_eq!(confirmed(&world, &successor, kept.key).await, OrderStatus::Confirmed, "{label}");
    for order in [Some(now.key), now.replaced_by].into_iter().flatten().filter(|order| *order != kept.key) {
        let refused = successor.confirm(&storefront(), &world.act(order)).await.expect("the store");
        assert_eq!(problems(&refused), one(P::ActionNotAvailable, "input.order"), "{label}");
    }
    for vendor in &world.vendors {
        assert_eq!(vendor.state.lock().expect("books").sales.len(), 1, "{label}");
    }
    audit(&world, &world.read(kept.key).await, &label).await;
    writes
}

async fn crash_at_every_write(stage: &Stage) -> usize {
    let mut cases = 0;
    for policy in [ALL, ANY] {
        for fault in [
            None,
            Some((1, VendorCall::Hold, 2, Fault::Refused)),
            Some((0, VendorCall::Hold, 2, Fault::LostAnswer)),
            Some((1, VendorCall::Hold, 2, Fault::Waits)),
            Some((0, VendorCall::Release, 1, Fault::LostRequest)),
        ] {
            let case = CrashCase { policy, fault };
            let writes = crash(stage, case, None).await;
            for write in 1..=writes {
                for point in [CrashPoint::Before(write), CrashPoint::After(write)] {
                    crash(stage, case, Some(point)).await;
                    cases += 1;
                }
            }
        }
    }
    cases
}

#[tokio::test]
async fn on_sqlite_a_process_may_crash_at_every_write_of_a_change() {
    let cases = crash_at_every_write(&Stage::Sqlite).await;
    println!("{cases} cases");
    assert!(cases > 120, "{cases}");
}

#[tokio::test]
async fn on_postgres_a_process_may_crash_at_every_write_of_a_change() {
    let Some(server) = Postgres::start() else { return };
    let cases = crash_at_every_write(&Stage::Postgres(server)).await;
    println!("{cases} cases");
    assert!(cases > 120, "{cases}");
}

#[tokio::test]
async fn a_runner_that_slept_starts_no_hold_that_its_successor_has_given_up() {
    // Its writes: the draft, the mark on the old order, the start of the hold.
    for slow in [2, 3] {
        let mut world = world(&Stage::Sqlite, &[KEYED]).await;
        world.settings.response_timeout = Duration::ZERO;
        let successor = world.process();
        let old = held(&world, &successor, ALL, 1).await;
        let store = ProcessStore::new(Arc::clone(&world.store), None);
        store.slow_write.store(slow, SeqCst);
        let sleeper = world.process_on(Arc::clone(&store) as Arc<_>);
        let change = change(&world, &old, 0..1);
        let (slept, ()) = tokio::join!(sleeper_request(&sleeper, &change), async {
            store.slowed.notified().await;
            world.clock.advance(world.settings.lease + Duration::from_secs(1));
            let pause = PauseSource {
                key: world.next_key(),
                source: world.vendors[0].id.clone(),
                mode: PauseMode::RefuseNewOrders,
                until: None,
                note: "closed".to_owned(),
            };
            successor.pause_source(&storefront(), &pause).await.expect("the store");
            successor.resume_due().await.expect("the store");
            successor.wait_until_idle().await;
            store.resumed.notify_one();
        });
        sleeper.wait_until_idle().await;
        let (now, new) = settle(&world, &successor, old.key, "slept").await;
        if slow == 3 {
            assert_eq!((now.status(), now.replaced_by), (OrderStatus::Held, None), "given up by the successor");
            assert_eq!(count(&world, 0, VendorCall::Hold), 1, "the sleeper has held");
            assert_eq!(held_references(&world), references(&now));
        } else {
            // Nothing was to be given up: the sleeper was alone.
            assert_eq!((now.status(), new.map(|new| new.status())), (OrderStatus::Released, Some(OrderStatus::Held)));
        }
        assert!(slept.order.is_some());
    }
}

async fn sleeper_request(sleeper: &Orders, change: &ChangeHeldOrder) -> OrderOutcome {
    sleeper.change_held(&storefront(), change).await.expect("the store")
}

#[tokio::test]
async fn two_runners_of_one_change_hold_once() {
    for fault in [Fault::StallsBefore, Fault::StallsAfter] {
        let mut world = world(&Stage::Sqlite, &[KEYED]).await;
        world.settings.response_timeout = Duration::ZERO;
        let (first, second) = (world.process(), world.process());
        let old = held(&world, &first, ALL, 1).await;
        world.vendors[0].fail(VendorCall::Hold, 2, fault);
        first.change_held(&storefront(), &change(&world, &old, 0..1)).await.expect("the store");
        while count(&world, 0, VendorCall::Hold) < 2 {
            tokio::task::yield_now().await;
        }
        world.clock.advance(world.settings.lease + Duration::from_secs(1));
        second.resume_due().await.expect("the store");
        second.wait_until_idle().await;
        world.vendors[0].resume.notify_one();
        first.wait_until_idle().await;
        let (now, new) = settle(&world, &second, old.key, "two runners").await;
        let new = new.expect("the new order");
        assert_eq!((now.status(), new.status()), (OrderStatus::Released, OrderStatus::Held), "{fault:?}");
        assert_eq!(held_references(&world), references(&new), "{fault:?}");
        assert_eq!(confirmed(&world, &second, new.key).await, OrderStatus::Confirmed);
        assert_eq!(world.vendors[0].state.lock().expect("books").sales.len(), 1);
    }
}
