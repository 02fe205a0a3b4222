//! The suite that any saga gets: every call fails before acting, after acting and again; the process dies at every write;
//! two runners compete; undo fails. After each case the vendors are audited.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use orders::{LegStatus, OrderStatus, Policy};

use crate::orders::audit::{audit, statuses};
use crate::orders::database::{Postgres, Stage};
use crate::orders::flow::{FLOWS, Flow, act};
use crate::orders::vendor::{BLIND, COMMITTING, Deed, FINAL, Fault, Habits, KEYED, PLAIN};
use crate::orders::world::{Death, ProcessLedger, World, storefront};

/// A case: who sells, what the client does, and what goes wrong at which vendor.
#[derive(Debug, Clone)]
#[expect(dead_code, reason = "the cast names the case when an audit fails")]
struct Case {
    cast: &'static str,
    habits: Vec<Habits>,
    flow: Flow,
    faults: Vec<(usize, Deed, usize, Fault)>,
}

const FAULTS: [Fault; 5] = [Fault::Refused, Fault::NotSent, Fault::LostRequest, Fault::LostAnswer, Fault::Repeated];

fn casts() -> Vec<(&'static str, Vec<Habits>)> {
    vec![
        ("one keyed", vec![KEYED]),
        ("one blind", vec![BLIND]),
        ("committing, keyed, plain", vec![COMMITTING, KEYED, PLAIN]),
        ("plain, keyed, blind", vec![PLAIN, KEYED, BLIND]),
        ("keyed, final", vec![KEYED, FINAL]),
    ]
}

async fn build(stage: &Stage, case: &Case) -> World {
    let world = World::new(stage.ledger().await, &case.habits);
    for (vendor, deed, nth, fault) in &case.faults {
        world.vendors[*vendor].fail(*deed, *nth, *fault);
    }
    world
}

/// Runs a case in one process that lives, and audits it. Tells which calls were made, and how many writes.
async fn run(stage: &Stage, case: &Case) -> (Vec<Vec<Deed>>, usize) {
    let world = build(stage, case).await;
    let ledger = ProcessLedger::new(Arc::clone(&world.ledger), None);
    let orders = world.process_on(Arc::clone(&ledger) as Arc<_>);
    let order = act(&world, &orders, case.flow).await.expect("an order");
    let writes = ledger.writes.load(SeqCst);
    let order = world.finish(&orders, order).await;
    audit(&world, &order, &format!("{case:?}")).await;
    let calls = world.vendors.iter().map(|vendor| vendor.books.lock().expect("books").calls.clone());
    (calls.collect(), writes)
}

/// Every call of a run, as vendor, deed and number.
fn each_call(calls: &[Vec<Deed>]) -> Vec<(usize, Deed, usize)> {
    let mut all = Vec::new();
    for (vendor, deeds) in calls.iter().enumerate() {
        for (place, deed) in deeds.iter().enumerate() {
            let nth = deeds[..=place].iter().filter(|other| *other == deed).count();
            all.push((vendor, *deed, nth));
        }
    }
    all
}

/// A call may reach a vendor twice only where that is harmless: it honours keys, or gives back.
fn applies(habits: Habits, deed: Deed, fault: Fault) -> bool {
    match fault {
        Fault::Repeated => habits.honours_keys && deed.writes() || matches!(deed, Deed::Release | Deed::Cancel),
        _ => true,
    }
}

/// Every flow, and every call of it with every fault; then, for what follows from a fault, every call with every fault.
async fn every_call_fails(stage: &Stage, casts: &[(&'static str, Vec<Habits>)], is_deep: bool) -> usize {
    let mut cases = 0;
    for (cast, habits) in casts {
        for flow in FLOWS {
            let plain = Case { cast, habits: habits.clone(), flow, faults: Vec::new() };
            let (calls, _) = run(stage, &plain).await;
            cases += 1;
            for (vendor, deed, nth) in each_call(&calls) {
                for fault in FAULTS.into_iter().filter(|fault| applies(habits[vendor], deed, *fault)) {
                    let case = Case { faults: vec![(vendor, deed, nth, fault)], ..plain.clone() };
                    let (then, _) = run(stage, &case).await;
                    cases += 1;
                    if is_deep {
                        cases += every_consequence_fails(stage, &case, &calls, &then).await;
                    }
                }
            }
        }
    }
    cases
}

/// The calls that a fault brought about fail too: look-ups, undos, second tries.
async fn every_consequence_fails(stage: &Stage, case: &Case, without: &[Vec<Deed>], with: &[Vec<Deed>]) -> usize {
    let before = each_call(without);
    let mut cases = 0;
    for (vendor, deed, nth) in each_call(with).into_iter().filter(|call| !before.contains(call)) {
        for fault in FAULTS.into_iter().filter(|fault| applies(case.habits[vendor], deed, *fault)) {
            let mut faults = case.faults.clone();
            faults.push((vendor, deed, nth, fault));
            run(stage, &Case { faults, ..case.clone() }).await;
            cases += 1;
        }
    }
    cases
}

/// The process dies before and after each of its writes; another one takes over when its lease is over.
async fn every_write_is_the_last(stage: &Stage, casts: &[(&'static str, Vec<Habits>)]) -> usize {
    let mut cases = 0;
    for (cast, habits) in casts {
        for flow in FLOWS {
            let last = habits.len() - 1;
            let troubles = [
                Vec::new(),
                vec![(last, Deed::Confirm, 1, Fault::Refused)],
                vec![(last, Deed::Confirm, 1, Fault::LostAnswer)],
                vec![(0, Deed::Confirm, 1, Fault::LostRequest)],
                vec![(0, Deed::Hold, 1, Fault::Refused)],
                vec![(0, Deed::Cancel, 1, Fault::LostAnswer), (last, Deed::Confirm, 1, Fault::Refused)],
            ];
            for faults in troubles {
                let case = Case { cast, habits: habits.clone(), flow, faults };
                let (_, writes) = run(stage, &case).await;
                for write in 1..=writes {
                    for death in [Death::Before(write), Death::After(write)] {
                        die_and_recover(stage, &case, death).await;
                        cases += 1;
                    }
                }
            }
        }
    }
    cases
}

async fn die_and_recover(stage: &Stage, case: &Case, death: Death) {
    let world = build(stage, case).await;
    let dying = world.process_on(ProcessLedger::new(Arc::clone(&world.ledger), Some(death)));
    let order = act(&world, &dying, case.flow).await;
    let told = format!("{case:?} {death:?}");
    let Some(order) = order else {
        for vendor in &world.vendors {
            assert!(vendor.open_holds().is_empty() && vendor.books.lock().expect("books").sales.is_empty(), "{told}");
        }
        return;
    };
    let heir = world.process();
    assert_eq!(heir.recover().await.expect("the ledger"), 0, "the dead still own what they own, {told}");
    world.clock.pass(world.rules.lease + Duration::from_secs(1));
    let order = world.finish(&heir, order).await;
    audit(&world, &order, &told).await;
}

/// The first runner hangs in a call until its lease is over; a second one takes over; then the first wakes up.
async fn two_runners_compete(stage: &Stage, casts: &[(&'static str, Vec<Habits>)]) -> usize {
    let mut cases = 0;
    for (cast, habits) in casts {
        for flow in [Flow::Place(Policy::AllOrNothing), Flow::Place(Policy::BestEffort)] {
            for vendor in 0..habits.len() {
                for deed in [Deed::Hold, Deed::Confirm] {
                    for fault in [Fault::StallsBefore, Fault::StallsAfter] {
                        let case = Case { cast, habits: habits.clone(), flow, faults: vec![(vendor, deed, 1, fault)] };
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
        _ => Policy::AllOrNothing,
    });
    let placed = first.place(&storefront(), &input).await.expect("the ledger");
    let order = placed.order.expect("an order").key;
    // The first runner works on until it hangs.
    let hangs = || world.vendors[vendor].go_on.notified();
    drop(hangs());
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
        if world.read(order).await.status().is_terminal() {
            // Not every vendor is held: nothing to hang in.
            return false;
        }
        let books = world.vendors[vendor].books.lock().expect("books");
        let (_, deed, nth, _) = case.faults[0];
        if books.calls.iter().filter(|other| **other == deed).count() >= nth {
            break;
        }
    }
    world.clock.pass(world.rules.lease + Duration::from_secs(1));
    second.recover().await.expect("the ledger");
    second.settled().await;
    world.vendors[vendor].go_on.notify_one();
    first.settled().await;
    let order = world.finish(&second, order).await;
    audit(&world, &order, &format!("{case:?}, two runners")).await;
    true
}

#[tokio::test]
async fn on_sqlite_every_call_may_fail_one_keyed() {
    let cases = every_call_fails(&Stage::Sqlite, &casts()[0..=0], false).await;
    println!("{cases} cases");
    assert!(cases > 20, "{cases}");
}

#[tokio::test]
async fn on_sqlite_the_process_may_die_at_every_write_one_keyed() {
    let cases = every_write_is_the_last(&Stage::Sqlite, &casts()[0..=0]).await;
    println!("{cases} cases");
    assert!(cases > 20, "{cases}");
}

#[tokio::test]
async fn on_sqlite_every_call_may_fail_one_blind() {
    let cases = every_call_fails(&Stage::Sqlite, &casts()[1..=1], false).await;
    println!("{cases} cases");
    assert!(cases > 20, "{cases}");
}

#[tokio::test]
async fn on_sqlite_the_process_may_die_at_every_write_one_blind() {
    let cases = every_write_is_the_last(&Stage::Sqlite, &casts()[1..=1]).await;
    println!("{cases} cases");
    assert!(cases > 20, "{cases}");
}

#[tokio::test]
async fn on_sqlite_every_call_may_fail_committing_keyed_plain() {
    let cases = every_call_fails(&Stage::Sqlite, &casts()[2..=2], false).await;
    println!("{cases} cases");
    assert!(cases > 20, "{cases}");
}

#[tokio::test]
async fn on_sqlite_the_process_may_die_at_every_write_committing_keyed_plain() {
    let cases = every_write_is_the_last(&Stage::Sqlite, &casts()[2..=2]).await;
    println!("{cases} cases");
    assert!(cases > 20, "{cases}");
}

#[tokio::test]
async fn on_sqlite_every_call_may_fail_plain_keyed_blind() {
    let cases = every_call_fails(&Stage::Sqlite, &casts()[3..=3], false).await;
    println!("{cases} cases");
    assert!(cases > 20, "{cases}");
}

#[tokio::test]
async fn on_sqlite_the_process_may_die_at_every_write_plain_keyed_blind() {
    let cases = every_write_is_the_last(&Stage::Sqlite, &casts()[3..=3]).await;
    println!("{cases} cases");
    assert!(cases > 20, "{cases}");
}

#[tokio::test]
async fn on_sqlite_every_call_may_fail_keyed_final() {
    let cases = every_call_fails(&Stage::Sqlite, &casts()[4..=4], true).await;
    println!("{cases} cases");
    assert!(cases > 20, "{cases}");
}

#[tokio::test]
async fn on_sqlite_the_process_may_die_at_every_write_keyed_final() {
    let cases = every_write_is_the_last(&Stage::Sqlite, &casts()[4..=4]).await;
    println!("{cases} cases");
    assert!(cases > 20, "{cases}");
}

#[tokio::test]
async fn on_sqlite_two_runners_never_sell_twice() {
    let cases = two_runners_compete(&Stage::Sqlite, &casts()).await;
    println!("{cases} cases");
    assert!(cases > 30, "{cases}");
}

#[tokio::test]
async fn on_postgres_calls_fail_processes_die_and_runners_compete() {
    let Some(server) = Postgres::start() else { return };
    let stage = Stage::Postgres(server);
    let casts = casts();
    let calls = every_call_fails(&stage, &casts, false).await;
    let writes = every_write_is_the_last(&stage, &casts[2..3]).await;
    let runners = two_runners_compete(&stage, &casts).await;
    println!("{calls} cases of calls, {writes} of writes, {runners} of runners");
    assert!(calls > 300 && writes > 100 && runners > 30, "{calls} {writes} {runners}");
}

#[tokio::test]
async fn a_sale_whose_answer_never_comes_is_left_to_a_human_at_the_settle_deadline() {
    let world = World::new(Stage::Sqlite.ledger().await, &[KEYED, BLIND]);
    world.vendors[1].fail(Deed::Confirm, 1, Fault::LostAnswer);
    let orders = world.process();
    let placed = orders.place(&storefront(), &world.input(Policy::AllOrNothing)).await.expect("the ledger");
    orders.settled().await;
    let key = placed.order.expect("an order").key;
    let order = world.read(key).await;
    assert_eq!(order.status(), OrderStatus::Confirming);
    assert_eq!(statuses(&order), [LegStatus::Confirmed, LegStatus::OutcomeUnknown]);
    let order = world.finish(&orders, key).await;
    assert_eq!(order.status(), OrderStatus::NeedsAttention);
    assert_eq!(statuses(&order), [LegStatus::Confirmed, LegStatus::NeedsAttention]);
    let books = world.vendors[1].books.lock().expect("books");
    let confirms = books.calls.iter().filter(|deed| **deed == Deed::Confirm).count();
    let look_ups = books.calls.iter().filter(|deed| **deed == Deed::FindSale).count();
    assert_eq!(confirms, 1, "a sale that may have happened was sent again");
    assert!(look_ups > 10, "{look_ups}");
}
