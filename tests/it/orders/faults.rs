//! Fault suite of the saga: every call fails before acting, after acting, and again; the process crashes at every
//! write; two runners compete; compensation fails. Every case ends with an audit of the vendors.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use orders::{FulfillmentPolicy, LegStatus, OrderStatus};

use crate::orders::audit::{audit, statuses};
use crate::orders::database::{Postgres, Stage};
use crate::orders::flow::{FLOWS, Flow, act};
use crate::orders::vendor::{BLIND, COMMITTING, FINAL, Fault, KEYED, PLAIN, VendorCall, VendorTraits};
use crate::orders::world::{CrashPoint, ProcessStore, World, storefront};

/// Fault case: vendors, client flow, and the faults per vendor.
#[derive(Debug, Clone)]
#[expect(dead_code, reason = "identifies the case when an audit fails")]
struct Case {
    vendors: &'static str,
    traits: Vec<VendorTraits>,
    flow: Flow,
    faults: Vec<(usize, VendorCall, usize, Fault)>,
}

const FAULTS: [Fault; 6] =
    [Fault::Refused, Fault::NotSent, Fault::Waits, Fault::LostRequest, Fault::LostAnswer, Fault::Repeated];

fn vendor_sets() -> Vec<(&'static str, Vec<VendorTraits>)> {
    vec![
        ("one keyed", vec![KEYED]),
        ("one blind", vec![BLIND]),
        ("committing, keyed, plain", vec![COMMITTING, KEYED, PLAIN]),
        ("plain, keyed, blind", vec![PLAIN, KEYED, BLIND]),
        ("keyed, final", vec![KEYED, FINAL]),
    ]
}

async fn build(stage: &Stage, case: &Case) -> World {
    let world = World::new(stage.ledger().await, &case.traits);
    for (vendor, call, nth, fault) in &case.faults {
        world.vendors[*vendor].fail(*call, *nth, *fault);
    }
    world
}

/// Runs and audits a case without a crash. Returns the calls per vendor and the number of writes.
async fn run(stage: &Stage, case: &Case) -> (Vec<Vec<VendorCall>>, usize) {
    let world = build(stage, case).await;
    let ledger = ProcessStore::new(Arc::clone(&world.store), None);
    let orders = world.process_on(Arc::clone(&ledger) as Arc<_>);
    let order = act(&world, &orders, case.flow).await.expect("an order");
    let writes = ledger.writes.load(SeqCst);
    let order = world.run_until_final(&orders, order).await;
    audit(&world, &order, &format!("{case:?}")).await;
    let calls = world.vendors.iter().map(|vendor| vendor.state.lock().expect("state").calls.clone());
    (calls.collect(), writes)
}

/// Returns every call of a run as vendor, kind and ordinal.
fn each_call(calls: &[Vec<VendorCall>]) -> Vec<(usize, VendorCall, usize)> {
    let mut all = Vec::new();
    for (vendor, deeds) in calls.iter().enumerate() {
        for (place, call) in deeds.iter().enumerate() {
            let nth = deeds[..=place].iter().filter(|other| *other == call).count();
            all.push((vendor, *call, nth));
        }
    }
    all
}

/// Repeats a call only where that is harmless: the vendor honors keys, or the call releases.
fn applies(traits: VendorTraits, call: VendorCall, fault: Fault) -> bool {
    match fault {
        Fault::Repeated => {
            traits.honors_keys && call.writes() || matches!(call, VendorCall::Release | VendorCall::Cancel)
        }
        _ => true,
    }
}

/// Injects every fault into every call of every flow, then every fault into the follow-up calls.
async fn fail_every_call(stage: &Stage, vendor_sets: &[(&'static str, Vec<VendorTraits>)], is_deep: bool) -> usize {
    let mut cases = 0;
    for (vendors, traits) in vendor_sets {
        for flow in FLOWS {
            let plain = Case { vendors, traits: traits.clone(), flow, faults: Vec::new() };
            let (calls, _) = run(stage, &plain).await;
            cases += 1;
            for (vendor, call, nth) in each_call(&calls) {
                for fault in FAULTS.into_iter().filter(|fault| applies(traits[vendor], call, *fault)) {
                    let case = Case { faults: vec![(vendor, call, nth, fault)], ..plain.clone() };
                    let (then, _) = run(stage, &case).await;
                    cases += 1;
                    if is_deep {
                        cases += fail_every_followup(stage, &case, &calls, &then).await;
                    }
                }
            }
        }
    }
    cases
}

/// Injects faults into the follow-up calls of a fault: lookups, cancellations and retries.
async fn fail_every_followup(
    stage: &Stage,
    case: &Case,
    without: &[Vec<VendorCall>],
    with: &[Vec<VendorCall>],
) -> usize {
    let before = each_call(without);
    let mut cases = 0;
    for (vendor, call, nth) in each_call(with).into_iter().filter(|call| !before.contains(call)) {
        for fault in FAULTS.into_iter().filter(|fault| applies(case.traits[vendor], call, *fault)) {
            let mut faults = case.faults.clone();
            faults.push((vendor, call, nth, fault));
            run(stage, &Case { faults, ..case.clone() }).await;
            cases += 1;
        }
    }
    cases
}

/// Crashes the process before and after each write; another process resumes when the lease ends.
async fn crash_at_every_write(stage: &Stage, vendor_sets: &[(&'static str, Vec<VendorTraits>)]) -> usize {
    let mut cases = 0;
    for (vendors, traits) in vendor_sets {
        for flow in FLOWS {
            let last = traits.len() - 1;
            let troubles = [
                Vec::new(),
                vec![(last, VendorCall::Confirm, 1, Fault::Refused)],
                vec![(last, VendorCall::Confirm, 1, Fault::LostAnswer)],
                vec![(0, VendorCall::Confirm, 1, Fault::LostRequest)],
                vec![(0, VendorCall::Hold, 1, Fault::Refused)],
                vec![(0, VendorCall::Cancel, 1, Fault::LostAnswer), (last, VendorCall::Confirm, 1, Fault::Refused)],
            ];
            for faults in troubles {
                let case = Case { vendors, traits: traits.clone(), flow, faults };
                let (_, writes) = run(stage, &case).await;
                for write in 1..=writes {
                    for crash in [CrashPoint::Before(write), CrashPoint::After(write)] {
                        crash_and_recover(stage, &case, crash).await;
                        cases += 1;
                    }
                }
            }
        }
    }
    cases
}

async fn crash_and_recover(stage: &Stage, case: &Case, crash: CrashPoint) {
    let world = build(stage, case).await;
    let dying = world.process_on(ProcessStore::new(Arc::clone(&world.store), Some(crash)));
    let order = act(&world, &dying, case.flow).await;
    let label = format!("{case:?} {crash:?}");
    let Some(order) = order else {
        for vendor in &world.vendors {
            assert!(vendor.open_holds().is_empty() && vendor.state.lock().expect("state").sales.is_empty(), "{label}");
        }
        return;
    };
    let successor = world.process();
    assert_eq!(
        successor.resume_due().await.expect("the store"),
        0,
        "the lease of a crashed process is still valid, {label}"
    );
    world.clock.advance(world.settings.lease + Duration::from_secs(1));
    let order = world.run_until_final(&successor, order).await;
    audit(&world, &order, &label).await;
}

/// Hangs the first runner in a call until its lease ends and a second runner has taken over, then lets the first one
/// continue.
async fn two_runners_compete(stage: &Stage, vendor_sets: &[(&'static str, Vec<VendorTraits>)]) -> usize {
    let mut cases = 0;
    for (vendors, traits) in vendor_sets {
        for flow in [Flow::Place(FulfillmentPolicy::AllOrNothing), Flow::Place(FulfillmentPolicy::BestEffort)] {
            for vendor in 0..traits.len() {
                for call in [VendorCall::Hold, VendorCall::Confirm] {
                    for fault in [Fault::StallsBefore, Fault::StallsAfter] {
                        let case =
                            Case { vendors, traits: traits.clone(), flow, faults: vec![(vendor, call, 1, fault)] };
                        cases += usize::from(compete(stage, &case, vendor).await);
                    }
                }
            }
        }
    }
    cases
}

async fn compete(stage: &Stage, case: &Case, vendor: usize) -> bool {
    let world = build(stage, case).await;
    let (first, second) = (world.process(), world.process());
    let input = world.input(match case.flow {
        Flow::Place(policy) => policy,
        _ => FulfillmentPolicy::AllOrNothing,
    });
    let placed = first.place(&storefront(), &input).await.expect("the store");
    let order = placed.order.expect("an order").key;
    // The first runner works until it hangs.
    let hangs = || world.vendors[vendor].resume.notified();
    drop(hangs());
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
        if world.read(order).await.status().is_terminal() {
            // The vendor has no hold to hang in.
            return false;
        }
        let books = world.vendors[vendor].state.lock().expect("state");
        let (_, call, nth, _) = case.faults[0];
        if books.calls.iter().filter(|other| **other == call).count() >= nth {
            break;
        }
    }
    world.clock.advance(world.settings.lease + Duration::from_secs(1));
    second.resume_due().await.expect("the store");
    second.wait_until_idle().await;
    world.vendors[vendor].resume.notify_one();
    first.wait_until_idle().await;
    let order = world.run_until_final(&second, order).await;
    audit(&world, &order, &format!("{case:?}, two runners")).await;
    true
}

#[tokio::test]
async fn on_sqlite_every_call_may_fail_one_keyed() {
    let cases = fail_every_call(&Stage::Sqlite, &vendor_sets()[0..=0], false).await;
    println!("{cases} cases");
    assert!(cases > 20, "{cases}");
}

#[tokio::test]
async fn on_sqlite_the_process_may_crash_at_every_write_one_keyed() {
    let cases = crash_at_every_write(&Stage::Sqlite, &vendor_sets()[0..=0]).await;
    println!("{cases} cases");
    assert!(cases > 20, "{cases}");
}

#[tokio::test]
async fn on_sqlite_every_call_may_fail_one_blind() {
    let cases = fail_every_call(&Stage::Sqlite, &vendor_sets()[1..=1], false).await;
    println!("{cases} cases");
    assert!(cases > 20, "{cases}");
}

#[tokio::test]
async fn on_sqlite_the_process_may_crash_at_every_write_one_blind() {
    let cases = crash_at_every_write(&Stage::Sqlite, &vendor_sets()[1..=1]).await;
    println!("{cases} cases");
    assert!(cases > 20, "{cases}");
}

#[tokio::test]
async fn on_sqlite_every_call_may_fail_committing_keyed_plain() {
    let cases = fail_every_call(&Stage::Sqlite, &vendor_sets()[2..=2], false).await;
    println!("{cases} cases");
    assert!(cases > 20, "{cases}");
}

#[tokio::test]
async fn on_sqlite_the_process_may_crash_at_every_write_committing_keyed_plain() {
    let cases = crash_at_every_write(&Stage::Sqlite, &vendor_sets()[2..=2]).await;
    println!("{cases} cases");
    assert!(cases > 20, "{cases}");
}

#[tokio::test]
async fn on_sqlite_every_call_may_fail_plain_keyed_blind() {
    let cases = fail_every_call(&Stage::Sqlite, &vendor_sets()[3..=3], false).await;
    println!("{cases} cases");
    assert!(cases > 20, "{cases}");
}

#[tokio::test]
async fn on_sqlite_the_process_may_crash_at_every_write_plain_keyed_blind() {
    let cases = crash_at_every_write(&Stage::Sqlite, &vendor_sets()[3..=3]).await;
    println!("{cases} cases");
    assert!(cases > 20, "{cases}");
}

#[tokio::test]
async fn on_sqlite_every_call_may_fail_keyed_final() {
    let cases = fail_every_call(&Stage::Sqlite, &vendor_sets()[4..=4], true).await;
    println!("{cases} cases");
    assert!(cases > 20, "{cases}");
}

#[tokio::test]
async fn on_sqlite_the_process_may_crash_at_every_write_keyed_final() {
    let cases = crash_at_every_write(&Stage::Sqlite, &vendor_sets()[4..=4]).await;
    println!("{cases} cases");
    assert!(cases > 20, "{cases}");
}

#[tokio::test]
async fn on_sqlite_two_runners_never_confirm_twice() {
    let cases = two_runners_compete(&Stage::Sqlite, &vendor_sets()).await;
    println!("{cases} cases");
    assert!(cases > 30, "{cases}");
}

#[tokio::test]
async fn on_postgres_calls_fail_processes_crash_and_runners_compete() {
    let Some(server) = Postgres::start() else { return };
    let stage = Stage::Postgres(server);
    let vendor_sets = vendor_sets();
    let calls = fail_every_call(&stage, &vendor_sets, false).await;
    let writes = crash_at_every_write(&stage, &vendor_sets[2..3]).await;
    let runners = two_runners_compete(&stage, &vendor_sets).await;
    println!("{calls} cases of calls, {writes} of writes, {runners} of runners");
    assert!(calls > 300 && writes > 100 && runners > 30, "{calls} {writes} {runners}");
}

#[tokio::test]
async fn an_unresolved_confirmation_needs_attention_at_the_settle_deadline() {
    let world = World::new(Stage::Sqlite.ledger().await, &[KEYED, BLIND]);
    world.vendors[1].fail(VendorCall::Confirm, 1, Fault::LostAnswer);
    let orders = world.process();
    let placed = orders.place(&storefront(), &world.input(FulfillmentPolicy::AllOrNothing)).await.expect("the store");
    orders.wait_until_idle().await;
    let key = placed.order.expect("an order").key;
    let order = world.read(key).await;
    assert_eq!(order.status(), OrderStatus::Confirming);
    assert_eq!(statuses(&order), [LegStatus::Confirmed, LegStatus::OutcomeUnknown]);
    let order = world.run_until_final(&orders, key).await;
    assert_eq!(order.status(), OrderStatus::NeedsAttention);
    assert_eq!(statuses(&order), [LegStatus::Confirmed, LegStatus::NeedsAttention]);
    let books = world.vendors[1].state.lock().expect("state");
    let confirms = books.calls.iter().filter(|call| **call == VendorCall::Confirm).count();
    let look_ups = books.calls.iter().filter(|call| **call == VendorCall::FindSale).count();
    assert_eq!(confirms, 1, "a sale that may have happened was sent again");
    assert!(look_ups > 10, "{look_ups}");
}
