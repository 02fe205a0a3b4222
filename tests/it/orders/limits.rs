//! Our own limits never decide an order: a step whose turn has not come is put off, and is neither an attempt nor an answer of the
//! vendor.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use async_trait::async_trait;
use domain::{CallCount, CapacityReport, CapacityWish, Environment, OrderCapacity, OrderKey, ReservationKey, Source};
use futures_util::future::join_all;
use orders::leg::{AttemptOutcome, LegOperation};
use orders::operator::RetryLegs;
use orders::{
    CancelOrder, FulfillmentPolicy, LegStatus, Order, OrderStatus, OrderStore, Orders, ProblemCode, QuoteCancellation,
    RetryAdvice,
};
use resilience::{RateLimitPolicy, WindowLimit};
use source_stack::LocalRateLimiter;
use tokio::time::{Instant, timeout};

use crate::orders::database::Stage;
use crate::orders::vendor::{Fault, KEYED, PLAIN, VendorCall};
use crate::orders::world::{ProcessStore, World, storefront};

/// Number of times that a step is put off: more often than it may be attempted.
const OFTEN: usize = 8;

async fn world() -> World {
    World::new(Stage::Sqlite.ledger().await, &[KEYED, PLAIN])
}

/// Places an order whose calls of a kind at the second vendor are put off, and runs it to its end.
async fn place(world: &World, call: VendorCall, times: usize) -> Order {
    (1..=times).for_each(|nth| world.vendors[1].fail(call, nth, Fault::Waits));
    let orders = world.process();
    let input = world.input(FulfillmentPolicy::AllOrNothing);
    let placed = orders.place(&storefront(), &input).await.expect("the store").order.expect("the order");
    run(world, &orders, placed.key).await
}

/// Advances the clock until the order is final; a little longer each time than a step is put off.
async fn run(world: &World, orders: &Orders, order: OrderKey) -> Order {
    for _ in 0..100 {
        orders.resume_due().await.expect("the store");
        orders.wait_until_idle().await;
        let now = world.read(order).await;
        if now.status().is_terminal() {
            return now;
        }
        world.clock.advance(Duration::from_secs(25));
    }
    world.read(order).await
}

/// Counts the calls of a kind that the second vendor got or that were put off before it.
fn calls(world: &World, call: VendorCall) -> usize {
    calls_of(world, 1, call)
}

/// Counts the calls of a kind that a vendor got or that were put off before it.
fn calls_of(world: &World, vendor: usize, call: VendorCall) -> usize {
    let state = world.vendors[vendor].state.lock().expect("books");
    state.calls.iter().filter(|other| **other == call).count()
}

/// Counts the attempts that an order remembers as not sent.
fn not_sent(order: &Order) -> usize {
    let attempts = order.legs.iter().flat_map(|leg| &leg.attempts);
    attempts.filter(|attempt| attempt.result.as_deref() == Some("not_sent")).count()
}

#[tokio::test]
async fn a_held_leg_waits_for_its_turn_however_long_the_queue_is() {
    let world = world().await;
    let order = place(&world, VendorCall::Confirm, OFTEN).await;
    assert_eq!((order.status(), order.problems()), (OrderStatus::Confirmed, Vec::new()));
    assert_eq!((calls(&world, VendorCall::Confirm), not_sent(&order)), (OFTEN + 1, 0));
    let last = order.legs[1].attempts.last().expect("an attempt");
    assert_eq!((last.outcome, order.legs[1].attempt_count(LegOperation::Confirm)), (AttemptOutcome::Succeeded, 1));
}

#[tokio::test]
async fn a_hold_is_put_off_while_the_promise_lasts_and_nothing_is_sold_before_it_is_there() {
    let world = world().await;
    let order = place(&world, VendorCall::Hold, 3).await;
    assert_eq!((order.status(), order.problems()), (OrderStatus::Confirmed, Vec::new()));
    let first_sale = order.legs[0].confirmed_at.expect("sold");
    let held = order.legs[1].attempts.iter().find(|attempt| attempt.outcome == AttemptOutcome::Succeeded);
    assert!(held.is_some_and(|held| held.ended_at.is_some_and(|at| at <= first_sale)));
}

#[tokio::test]
async fn a_hold_without_a_turn_within_the_promise_fails_the_order_and_a_new_key_is_advised() {
    let world = world().await;
    let order = place(&world, VendorCall::Hold, 100).await;
    assert_eq!(order.status(), OrderStatus::Failed);
    let problem = &order.legs[1].problems[0];
    assert_eq!((problem.code, problem.retry()), (ProblemCode::SourceBusy, RetryAdvice::WithNewKey));
    assert!(world.vendors[0].open_holds().is_empty(), "released");
    let sold = world.vendors.iter().map(|vendor| vendor.state.lock().expect("books").sales.len());
    assert_eq!(sold.sum::<usize>(), 0);
}

#[tokio::test]
async fn a_cancellation_is_put_off_until_it_is_done() {
    let world = world().await;
    let sold = place(&world, VendorCall::Cancel, OFTEN).await;
    let orders = world.process();
    let request = QuoteCancellation { order: sold.key, lines: None };
    let quote = orders.quote(&storefront(), &request).await.expect("the store").expect("a quote");
    let cancel = CancelOrder { key: world.next_key(), quote: quote.id, reason: None };
    orders.cancel(&storefront(), &cancel).await.expect("the store");
    let order = run(&world, &orders, sold.key).await;
    assert_eq!((order.status(), order.problems()), (OrderStatus::Cancelled, Vec::new()));
    assert_eq!((calls(&world, VendorCall::Cancel), not_sent(&order)), (OFTEN + 1, 0));
}

#[tokio::test]
async fn a_compensation_and_a_lookup_are_put_off_until_they_are_done() {
    let world = world().await;
    world.vendors[1].fail(VendorCall::Confirm, 1, Fault::Refused);
    (1..=OFTEN).for_each(|nth| world.vendors[0].fail(VendorCall::Cancel, nth, Fault::Waits));
    world.vendors[0].fail(VendorCall::Confirm, 1, Fault::LostAnswer);
    (1..=OFTEN).for_each(|nth| world.vendors[0].fail(VendorCall::FindSale, nth, Fault::Waits));
    let order = place(&world, VendorCall::Release, OFTEN).await;
    let legs: Vec<LegStatus> = order.legs.iter().map(|leg| leg.status).collect();
    assert_eq!((order.status(), legs), (OrderStatus::Failed, vec![LegStatus::Cancelled, LegStatus::ConfirmFailed]));
    assert!(world.vendors[1].open_holds().is_empty(), "released");
}

#[tokio::test]
async fn a_call_goes_on_while_the_outcome_of_another_is_written_slowly() {
    let world = world().await;
    let store = ProcessStore::new(Arc::clone(&world.store), None);
    world.vendors[1].fail(VendorCall::Hold, 1, Fault::Slow);
    // The order, the intent to hold, then the outcome of the first hold.
    store.slow_write.store(3, SeqCst);
    let orders = world.process_on(Arc::clone(&store) as Arc<dyn OrderStore>);
    let input = world.input(FulfillmentPolicy::AllOrNothing);
    let placed = orders.place(&storefront(), &input).await.expect("the store").order.expect("the order");
    store.slowed.notified().await;
    let held = async {
        while world.vendors.iter().any(|vendor| vendor.open_holds().is_empty()) {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), held).await.expect("both hold although the store is slow");
    store.resumed.notify_one();
    let order = run(&world, &orders, placed.key).await;
    assert_eq!((order.status(), order.problems()), (OrderStatus::Confirmed, Vec::new()));
}

/// Places an order on a ledger and returns its key once a call at the second vendor waits for its turn.
async fn place_until_queued(world: &World, orders: &Orders, call: VendorCall) -> OrderKey {
    world.vendors[1].fail(call, 1, Fault::Queued);
    let input = world.input(FulfillmentPolicy::AllOrNothing);
    let placed = orders.place(&storefront(), &input).await.expect("the store").order.expect("the order");
    world.vendors[1].queued.notified().await;
    // What the other leg led to is written although this one waits.
    let written = async {
        while world.read(placed.key).await.legs[0].status.is_in_flight() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), written).await.expect("the other leg is written");
    placed.key
}

#[tokio::test]
async fn a_process_that_dies_while_a_call_waits_for_its_turn_leaves_nothing_unknown() {
    for call in [VendorCall::Hold, VendorCall::Confirm] {
        let world = world().await;
        let dead = world.process();
        let key = place_until_queued(&world, &dead, call).await;
        let order = world.read(key).await;
        assert_eq!((order.legs[1].status.is_in_flight(), not_in_flight(&order)), (false, true), "{order:?}");
        // It never runs again until its lease is over and another process has sold the order.
        world.clock.advance(world.settings.lease * 2);
        let orders = world.process();
        let sold = run(&world, &orders, key).await;
        assert_eq!((sold.status(), sold.problems()), (OrderStatus::Confirmed, Vec::new()), "{call:?}");
        world.vendors[1].resume.notify_one();
        dead.wait_until_idle().await;
        assert_eq!(calls(&world, call), 1, "a runner that was superseded in the queue sends nothing");
        assert_eq!(world.read(key).await, sold);
    }
}

/// Returns true if no attempt of an order is in flight.
fn not_in_flight(order: &Order) -> bool {
    let mut attempts = order.legs.iter().flat_map(|leg| &leg.attempts);
    attempts.all(|attempt| attempt.outcome != AttemptOutcome::InFlight)
}

#[tokio::test]
async fn a_process_that_stops_waits_for_no_turn_and_its_successor_goes_on_at_once() {
    let world = world().await;
    let stopping = world.process();
    let key = place_until_queued(&world, &stopping, VendorCall::Confirm).await;
    timeout(Duration::from_secs(10), stopping.close()).await.expect("nothing was sent that it has to wait for");
    let orders = world.process();
    assert_eq!(orders.resume_due().await.expect("the store"), 1, "handed over");
    orders.wait_until_idle().await;
    let order = world.read(key).await;
    assert_eq!((order.status(), order.problems()), (OrderStatus::Confirmed, Vec::new()));
}

#[tokio::test]
async fn a_step_is_written_when_its_turn_comes_and_before_it_is_sent() {
    let world = world().await;
    let store = ProcessStore::new(Arc::clone(&world.store), None);
    let orders = world.process_on(Arc::clone(&store) as Arc<dyn OrderStore>);
    let key = place_until_queued(&world, &orders, VendorCall::Hold).await;
    let next = store.writes.load(SeqCst) + 1;
    store.slow_write.store(next, SeqCst);
    world.vendors[1].resume.notify_one();
    store.slowed.notified().await;
    assert_eq!(calls(&world, VendorCall::Hold), 0, "nothing is sent while its step is written");
    store.resumed.notify_one();
    let order = run(&world, &orders, key).await;
    assert_eq!((order.status(), order.problems()), (OrderStatus::Confirmed, Vec::new()));
}

#[tokio::test]
async fn a_process_that_was_frozen_while_it_wrote_a_step_sends_nothing_on_waking() {
    for call in [VendorCall::Hold, VendorCall::Confirm] {
        let world = world().await;
        let store = ProcessStore::new(Arc::clone(&world.store), None);
        let orders = world.process_on(Arc::clone(&store) as Arc<dyn OrderStore>);
        let key = place_until_queued(&world, &orders, call).await;
        store.slow_write.store(store.writes.load(SeqCst) + 1, SeqCst);
        world.vendors[1].resume.notify_one();
        store.slowed.notified().await;
        world.clock.advance(world.settings.lease);
        store.resumed.notify_one();
        orders.wait_until_idle().await;
        let order = world.read(key).await;
        assert_eq!((calls(&world, call), not_sent(&order) > 0), (0, true), "{:#?}", order.legs);
        let order = run(&world, &orders, key).await;
        assert_eq!((order.status(), calls(&world, call)), (OrderStatus::Confirmed, 1));
    }
}

/// Limiter of the first vendor, and a world in which its calls are counted.
async fn limited_world() -> (World, Arc<LocalRateLimiter>) {
    let mut world = world().await;
    let quota = RateLimitPolicy {
        all: WindowLimit { requests: 60, per: Duration::from_secs(60) },
        each_endpoint: None,
        priority_percent: 0,
        max_wait: Duration::ZERO,
        replicas: 1,
    };
    let limiter = Arc::new(LocalRateLimiter::new(Some(&quota), 16, Duration::ZERO));
    let own = world.vendors[0].source(Environment::Sandbox);
    world.sources.push(Source { capacity: Some(Arc::clone(&limiter) as Arc<dyn OrderCapacity>), ..own });
    (world, limiter)
}

/// More calls than the burst, so that what is reserved shows as a wait.
const MANY: CallCount = CallCount { all: 60, endpoint: None };

/// Capacity of a source that does not answer.
struct Unanswered;

#[async_trait]
impl OrderCapacity for Unanswered {
    async fn time_for(&self, _: CallCount) -> Duration {
        Duration::ZERO
    }

    async fn reserve(&self, _: &CapacityWish) -> Result<Duration, Duration> {
        std::future::pending().await
    }

    async fn release(&self, _: ReservationKey) {}

    fn stop_for(&self, _: Duration) {}

    async fn report(&self) -> CapacityReport {
        CapacityReport {
            requests_per_minute: None,
            endpoint_requests_per_minute: None,
            waiting: 0,
            expected_wait: Duration::ZERO,
            month: None,
        }
    }
}

#[tokio::test]
async fn a_client_that_leaves_before_its_order_is_written_leaves_no_reservation() {
    let (mut world, limiter) = limited_world().await;
    let own = world.vendors[1].source(Environment::Sandbox);
    world.sources.push(Source { capacity: Some(Arc::new(Unanswered)), ..own });
    let orders = world.process();
    let input = world.input(FulfillmentPolicy::AllOrNothing);
    let free = limiter.time_for(MANY).await;
    let reserved = async {
        while limiter.time_for(MANY).await <= free {
            tokio::task::yield_now().await;
        }
    };
    let client = async { orders.place(&storefront(), &input).await };
    tokio::select! {
        _ = client => unreachable!("the second source does not answer"),
        () = reserved => {}
    }
    orders.wait_until_idle().await;
    assert!(limiter.time_for(MANY).await <= free, "given back");
}

#[tokio::test]
async fn a_client_that_leaves_while_its_order_is_written_leaves_an_order_that_runs_to_its_end() {
    let (world, limiter) = limited_world().await;
    let store = ProcessStore::new(Arc::clone(&world.store), None);
    store.slow_write.store(1, SeqCst);
    let orders = world.process_on(Arc::clone(&store) as Arc<dyn OrderStore>);
    let input = world.input(FulfillmentPolicy::AllOrNothing);
    let free = limiter.time_for(MANY).await;
    let client = async { orders.place(&storefront(), &input).await };
    tokio::select! {
        _ = client => unreachable!("the store is slow"),
        () = store.slowed.notified() => assert!(limiter.time_for(MANY).await > free, "reserved"),
    }
    store.resumed.notify_one();
    orders.wait_until_idle().await;
    let again = orders.place(&storefront(), &input).await.expect("the store");
    assert!(again.replayed);
    let order = again.order.expect("the order");
    assert_eq!((order.status(), order.problems()), (OrderStatus::Confirmed, Vec::new()));
    assert!(limiter.time_for(MANY).await <= free, "given back");
}

/// Orders that an outage left behind.
const STRANDED: usize = 1_000;
/// Calls a second that the vendor allows.
const PACE: u32 = 50;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_orders_stranded_by_an_outage_resume_at_the_pace_of_the_vendor() {
    let world = World::new(Stage::Sqlite.ledger().await, &[PLAIN]);
    let orders = world.process();
    (1..=STRANDED).for_each(|nth| world.vendors[0].fail(VendorCall::Confirm, nth, Fault::LostAnswer));
    (1..=STRANDED * 5).for_each(|nth| world.vendors[0].fail(VendorCall::FindSale, nth, Fault::NotSent));
    let mut keys = Vec::new();
    for _ in 0..STRANDED / 50 {
        let placed = (0..50).map(async |_| {
            let input = world.input(FulfillmentPolicy::AllOrNothing);
            orders.place(&storefront(), &input).await.expect("the store").order.expect("the order").key
        });
        keys.extend(join_all(placed).await);
    }
    orders.wait_until_idle().await;
    let unknown = |order: &Order| order.legs[0].status == LegStatus::OutcomeUnknown;
    assert!(join_all(keys.iter().map(|key| world.read(*key))).await.iter().all(unknown), "all are stranded");

    let quota = RateLimitPolicy {
        all: WindowLimit { requests: PACE * 60, per: Duration::from_secs(60) },
        each_endpoint: None,
        priority_percent: 0,
        max_wait: Duration::ZERO,
        replicas: 1,
    };
    let limiter = Arc::new(LocalRateLimiter::new(Some(&quota), 16, Duration::ZERO));
    *world.vendors[0].limiter.lock().expect("a limiter") = Some(limiter);
    world.vendors[0].recover();
    let before = calls_of(&world, 0, VendorCall::FindSale);
    let source = Some(world.vendors[0].id.clone());
    let retry = RetryLegs { key: world.next_key(), legs: None, source, rate: None };
    let begun = Instant::now();
    let outcome = orders.retry(&storefront(), &retry).await.expect("the store");
    assert_eq!((outcome.scheduled, outcome.problems), (STRANDED as u64, Vec::new()));
    let mut open = keys.clone();
    while !open.is_empty() {
        orders.resume_due().await.expect("the store");
        orders.wait_until_idle().await;
        world.clock.advance(Duration::from_secs(1));
        let now = join_all(open.iter().map(|key| world.read(*key))).await;
        open = now.iter().filter(|order| !order.status().is_terminal()).map(|order| order.key).collect();
        assert!(begun.elapsed() < Duration::from_secs(300), "{} are open", open.len());
    }
    let lookups = calls_of(&world, 0, VendorCall::FindSale) - before;
    assert!(lookups >= STRANDED, "{lookups}");
    // A quarter of a minute's calls may come at once, and the others at three quarters of the pace.
    let burst = PACE as usize * 60 / 4;
    let least = Duration::from_secs((lookups - burst) as u64) * 4 / 3 / PACE;
    assert!(begun.elapsed() >= least, "{:?} for {lookups} look-ups", begun.elapsed());
    for order in join_all(keys.iter().map(|key| world.read(*key))).await {
        assert_eq!((order.status(), order.problems()), (OrderStatus::Confirmed, Vec::new()));
        assert_eq!(world.vendors[0].live_sales(&order.legs[0].reference).len(), 1, "sold once");
    }
    assert_eq!(calls_of(&world, 0, VendorCall::Confirm), STRANDED, "nothing was sold again");
}
