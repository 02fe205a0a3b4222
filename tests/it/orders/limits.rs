//! Our own limits never decide an order: a step whose turn has not come is put off, and is neither an attempt nor an answer of the
//! vendor.

use std::time::Duration;

use domain::OrderKey;
use orders::leg::{AttemptOutcome, LegOperation};
use orders::{
    CancelOrder, FulfillmentPolicy, LegStatus, Order, OrderStatus, Orders, ProblemCode, QuoteCancellation, RetryAdvice,
};

use crate::orders::database::Stage;
use crate::orders::vendor::{Fault, KEYED, PLAIN, VendorCall};
use crate::orders::world::{World, storefront};

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

fn not_sent(order: &Order, operation: LegOperation) -> usize {
    let attempts = order.legs[1].attempts.iter().filter(|attempt| attempt.operation == operation);
    attempts.filter(|attempt| attempt.result.as_deref() == Some("not_sent")).count()
}

#[tokio::test]
async fn a_held_leg_waits_for_its_turn_however_long_the_queue_is() {
    let world = world().await;
    let order = place(&world, VendorCall::Confirm, OFTEN).await;
    assert_eq!((order.status(), order.problems()), (OrderStatus::Confirmed, Vec::new()));
    assert_eq!(not_sent(&order, LegOperation::Confirm), OFTEN);
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
    assert_eq!(not_sent(&order, LegOperation::Cancel), OFTEN);
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
