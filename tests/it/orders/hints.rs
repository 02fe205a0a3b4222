//! Hints of vendors: they bring the look-up of an unknown outcome forward, and nothing else.

use std::time::Duration;

use domain::{Clock, ExternalRef, SourceId};
use jiff::Timestamp;
use orders::{FulfillmentPolicy, LegStatus, Order, OrderSettings, OrderStatus, Orders};

use crate::orders::audit::statuses;
use crate::orders::database::Stage;
use crate::orders::operator::{place, world};
use crate::orders::vendor::{Fault, PLAIN, VendorCall};
use crate::orders::world::{World, storefront};

const MINUTE: Duration = Duration::from_secs(60);

async fn run_due(orders: &Orders) -> usize {
    let due = orders.resume_due().await.expect("the store");
    orders.wait_until_idle().await;
    due
}

/// Takes hints and follows them. Returns the number of look-ups that were brought forward.
async fn hint(orders: &Orders, source: &SourceId, references: &[ExternalRef]) -> usize {
    for reference in references {
        assert!(orders.take_hint(source, reference.clone()), "{reference:?}");
    }
    orders.follow_hints().await.expect("the store")
}

fn lookups(world: &World) -> usize {
    let state = world.vendors[0].state.lock().expect("books");
    state.calls.iter().filter(|call| **call == VendorCall::FindSale).count()
}

fn next_lookup(order: &Order) -> Timestamp {
    order.legs[0].unknown.expect("an unknown outcome").next_lookup_at
}

/// An order that was sold, whose response was lost, and whose look-ups fail. The next one is due in a quarter of an hour.
async fn lost_sale() -> (World, Orders, Order) {
    let (world, orders) = world(&[PLAIN]).await;
    world.vendors[0].fail(VendorCall::Confirm, 1, Fault::LostAnswer);
    (1..=100).for_each(|nth| world.vendors[0].fail(VendorCall::FindSale, nth, Fault::LostRequest));
    let input = world.input(FulfillmentPolicy::AllOrNothing);
    let placed = orders.place(&storefront(), &input).await.expect("the store").order.expect("an order");
    orders.wait_until_idle().await;
    for _ in 0..31 {
        world.clock.advance(MINUTE);
        run_due(&orders).await;
    }
    let order = world.read(placed.key).await;
    assert_eq!(statuses(&order), [LegStatus::OutcomeUnknown]);
    assert!(next_lookup(&order) > world.clock.now() + 10 * MINUTE, "{order:?}");
    (world, orders, order)
}

#[tokio::test]
async fn a_hint_confirms_a_lost_sale_long_before_its_next_look_up() {
    let (world, orders, order) = lost_sale().await;
    world.vendors[0].recover();
    let (before, source) = (lookups(&world), &world.vendors[0].id);
    assert_eq!(run_due(&orders).await, 0, "nothing is due by itself");
    assert_eq!(hint(&orders, source, &order.legs[0].refs).await, 1);
    assert_eq!(lookups(&world), before, "a hint calls nobody by itself");
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(run_due(&orders).await, 1);
    let sold = world.read(order.key).await;
    assert_eq!((sold.status(), lookups(&world) - before), (OrderStatus::Confirmed, 1));
    assert_eq!(world.vendors[0].live_sales(&sold.legs[0].reference).len(), 1);
}

#[tokio::test]
async fn another_process_looks_up_what_a_process_that_ends_was_hinted_at() {
    let (world, orders, order) = lost_sale().await;
    world.vendors[0].recover();
    assert_eq!(hint(&orders, &world.vendors[0].id, &order.legs[0].refs).await, 1);
    orders.close().await;
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(run_due(&world.process()).await, 1, "the look-up is scheduled in the store");
    assert_eq!(world.read(order.key).await.status(), OrderStatus::Confirmed);
}

#[tokio::test]
async fn many_hints_of_one_order_are_one_look_up_in_an_interval() {
    let (world, orders, order) = lost_sale().await;
    let (source, refs, interval) = (&world.vendors[0].id, &order.legs[0].refs, world.settings.hint_interval);
    let second = world.process();
    let before = lookups(&world);
    let flood = async |when: &str| {
        let mut scheduled = 0;
        for _ in 0..50 {
            scheduled += hint(&orders, source, refs).await + hint(&second, source, refs).await;
        }
        assert_eq!(scheduled, 1, "{when}");
    };
    flood("at first").await;
    assert_eq!(world.read(order.key).await.version, order.version + 1, "the others are not written");
    world.clock.advance(Duration::from_millis(1));
    run_due(&orders).await;
    assert_eq!(lookups(&world), before + 1);
    for nth in 2..=4 {
        let looked_up = world.clock.now();
        world.clock.advance(interval / 2);
        flood("after a look-up that failed").await;
        world.clock.advance(interval / 2 - Duration::from_secs(1));
        run_due(&orders).await;
        assert_eq!(lookups(&world), before + nth - 1, "within the interval");
        assert_eq!(next_lookup(&world.read(order.key).await), looked_up + interval);
        world.clock.advance(Duration::from_secs(1));
        run_due(&orders).await;
        assert_eq!(lookups(&world), before + nth);
    }
}

#[tokio::test]
async fn a_hint_of_anything_else_changes_nothing_and_calls_nobody() {
    let (world, orders, lost) = lost_sale().await;
    let source = world.vendors[0].id.clone();
    let sold = place(&world, &orders).await;
    assert_eq!(sold.status(), OrderStatus::Confirmed);
    world.vendors[0].fail(VendorCall::Confirm, 3, Fault::Refused);
    let failed = place(&world, &orders).await;
    assert_eq!(failed.status(), OrderStatus::Failed);
    let input = world.input(FulfillmentPolicy::AllOrNothing);
    let open = orders.create(&storefront(), &input).await.expect("the store").order.expect("an order");
    orders.hold(&storefront(), &world.act(open.key)).await.expect("the store");
    orders.wait_until_idle().await;
    let (held, lost) = (world.read(open.key).await, world.read(lost.key).await);
    assert_eq!(held.status(), OrderStatus::Held);
    let calls = || world.vendors[0].state.lock().expect("books").calls.len();
    let before = calls();

    let unknown = ["1", "", "10229000000001"].map(|number| ExternalRef::new("acme.hold", number));
    let other_kind = lost.legs[0].refs.iter().map(|known| ExternalRef::new("acme.ticket", known.value.clone()));
    let of_others = [&sold, &failed, &held].into_iter().flat_map(|order| order.legs[0].refs.clone());
    let references: Vec<ExternalRef> = of_others.chain(unknown).chain(other_kind).collect();
    assert!(references.len() >= 7, "{references:?}");
    assert_eq!(hint(&orders, &source, &references).await, 0);
    assert!(!orders.take_hint(&SourceId::new("b"), lost.legs[0].refs[0].clone()), "a source that does not exist");
    world.clock.advance(Duration::from_millis(1));
    assert_eq!((run_due(&orders).await, calls()), (0, before));
    for order in [sold, failed, held, lost] {
        assert_eq!(world.read(order.key).await, order);
    }
}

#[tokio::test]
async fn a_hint_of_one_source_does_not_reach_the_leg_of_another() {
    let (world, orders) = world(&[PLAIN, PLAIN]).await;
    world.vendors[1].fail(VendorCall::Confirm, 1, Fault::LostAnswer);
    (1..=100).for_each(|nth| world.vendors[1].fail(VendorCall::FindSale, nth, Fault::LostRequest));
    let input = world.input(FulfillmentPolicy::AllOrNothing);
    let key = orders.place(&storefront(), &input).await.expect("the store").order.expect("an order").key;
    orders.wait_until_idle().await;
    for _ in 0..31 {
        world.clock.advance(MINUTE);
        run_due(&orders).await;
    }
    let refs = world.read(key).await.legs[1].refs.clone();
    assert_eq!(hint(&orders, &world.vendors[0].id, &refs).await, 0);
    assert_eq!(hint(&orders, &world.vendors[1].id, &refs).await, 1);
}

#[tokio::test]
async fn a_hint_that_comes_during_a_look_up_is_followed_after_it() {
    let (world, orders, order) = lost_sale().await;
    let (vendor, before) = (&world.vendors[0], lookups(&world));
    vendor.recover();
    vendor.fail(VendorCall::FindSale, before + 1, Fault::StallsBefore);
    world.clock.advance(15 * MINUTE);
    assert_eq!(orders.resume_due().await.expect("the store"), 1);
    while lookups(&world) == before {
        tokio::task::yield_now().await;
    }
    assert_eq!(hint(&orders, &vendor.id, &order.legs[0].refs).await, 0, "a look-up is running");
    vendor.resume.notify_one();
    orders.wait_until_idle().await;
    assert_eq!(statuses(&world.read(order.key).await), [LegStatus::OutcomeUnknown]);
    world.clock.advance(world.settings.hint_interval / 2);
    assert_eq!(orders.follow_hints().await.expect("the store"), 1);
    world.clock.advance(world.settings.hint_interval);
    assert_eq!(run_due(&orders).await, 1);
    assert_eq!(world.read(order.key).await.status(), OrderStatus::Confirmed);
}

#[tokio::test]
async fn a_hint_that_comes_during_the_call_itself_is_followed_once_its_response_is_lost() {
    let (world, orders) = world(&[PLAIN]).await;
    let vendor = &world.vendors[0];
    vendor.fail(VendorCall::Confirm, 1, Fault::StallsAfter);
    let input = world.input(FulfillmentPolicy::AllOrNothing);
    let key = orders.place(&storefront(), &input).await.expect("the store").order.expect("an order").key;
    let call = || world.vendors[0].state.lock().expect("books").calls.contains(&VendorCall::Confirm);
    while !call() {
        tokio::task::yield_now().await;
    }
    let refs = world.read(key).await.legs[0].refs.clone();
    assert_eq!(hint(&orders, &vendor.id, &refs).await, 0, "the call is in flight");
    (1..=100).for_each(|nth| vendor.fail(VendorCall::FindSale, nth, Fault::LostRequest));
    vendor.resume.notify_one();
    orders.wait_until_idle().await;
    // Look-ups fail until the next one is later than the one that the hint brings.
    let interval = world.settings.hint_interval;
    while next_lookup(&world.read(key).await) <= world.clock.now() + interval {
        world.clock.advance(Duration::from_secs(1));
        run_due(&orders).await;
    }
    assert_eq!(orders.follow_hints().await.expect("the store"), 1);
}

#[tokio::test]
async fn the_hints_of_a_source_are_followed_once_in_half_an_interval() {
    let (world, orders, order) = lost_sale().await;
    let (source, pause) = (&world.vendors[0].id, world.settings.hint_interval / 2);
    assert_eq!(hint(&orders, source, &[ExternalRef::new("acme.hold", "1")]).await, 0, "an order of others");
    assert_eq!(hint(&orders, source, &order.legs[0].refs).await, 0, "at the same time");
    world.clock.advance(pause - Duration::from_millis(1));
    assert_eq!(orders.follow_hints().await.expect("the store"), 0, "too early");
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(orders.follow_hints().await.expect("the store"), 1, "it waited");
}

#[tokio::test]
async fn hints_that_wait_are_bounded_and_those_of_one_order_count_once() {
    let mut world = World::new(Stage::Sqlite.ledger().await, &[PLAIN]);
    world.settings = OrderSettings { max_pending_hints: 2, ..world.settings };
    let (orders, source) = (world.process(), &world.vendors[0].id);
    let take = |number: &str| orders.take_hint(source, ExternalRef::new("acme.hold", number));
    assert_eq!([take("1"), take("2"), take("1"), take("3")], [true, true, true, false]);
    assert_eq!(orders.follow_hints().await.expect("the store"), 0);
    assert!(take("3"), "followed hints leave room");
}
