//! Client actions on orders: idempotency keys, versions, available actions, and expiring holds.

use std::time::Duration;

use domain::{LegShape, Money};
use orders::leg::{AttemptOutcome, LegOperation};
use orders::plan::Guarantee;
use orders::{
    Actor, FulfillmentPolicy, LegStatus, Order, OrderAction, OrderActionRequest, OrderLookup, OrderOutcome,
    OrderSettings, OrderStatus, Orders, ProblemCode, ProblemDetail,
};

use crate::orders::audit::{audit, statuses};
use crate::orders::database::Stage;
use crate::orders::vendor::{BLIND, COMMITTING, Fault, KEYED, PLAIN, VendorCall, VendorTraits};
use crate::orders::world::{World, default_settings, storefront};

async fn world(traits: &[VendorTraits]) -> (World, Orders) {
    let world = World::new(Stage::Sqlite.ledger().await, traits);
    let orders = world.process();
    (world, orders)
}

fn codes(outcome: &OrderOutcome) -> Vec<ProblemCode> {
    outcome.problems.iter().map(|problem| problem.code).collect()
}

/// Creates an order, holds it, and waits until it is idle.
async fn held(world: &World, orders: &Orders, policy: FulfillmentPolicy) -> Order {
    let created = orders.create(&storefront(), &world.input(policy)).await.expect("the store");
    let key = created.order.expect("an order").key;
    orders.hold(&storefront(), &world.act(key)).await.expect("the store");
    orders.wait_until_idle().await;
    world.read(key).await
}

#[tokio::test]
async fn an_order_over_three_vendors_is_planned_held_and_confirmed() {
    let (world, orders) = world(&[PLAIN, COMMITTING, BLIND]).await;
    let created = orders.create(&storefront(), &world.input(FulfillmentPolicy::AllOrNothing)).await.expect("the store");
    let order = created.order.expect("an order");
    assert_eq!((order.status(), order.version), (OrderStatus::Draft, 1));
    assert_eq!(order.plan.guarantee, Guarantee::Compensated);
    assert_eq!(
        order.plan.confirm_sequence,
        [1, 0, 2],
        "legs without a hold come first, legs without cancellation last"
    );
    assert_eq!(order.available_actions(order.created_at), [OrderAction::Hold, OrderAction::Release]);
    for leg in &order.legs {
        assert!(leg.reference.len() <= 20 && leg.reference.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
    }
    orders.hold(&storefront(), &world.act(order.key)).await.expect("the store");
    orders.wait_until_idle().await;
    let order = world.read(order.key).await;
    assert_eq!(statuses(&order), [LegStatus::Held, LegStatus::Draft, LegStatus::Held]);
    assert_eq!(order.status(), OrderStatus::PartiallyHeld, "the second source has no hold");
    orders.confirm(&storefront(), &world.act(order.key)).await.expect("the store");
    orders.wait_until_idle().await;
    let order = world.read(order.key).await;
    assert_eq!(order.status(), OrderStatus::Confirmed, "{:?}", order.problems());
    assert_eq!(order.tickets.len(), 6);
    let totals = order.totals(order.created_at);
    assert_eq!((totals.len(), totals[0].requested.amount, totals[0].confirmed.amount), (1, 15_000, 15_000));
    audit(&world, &order, "three vendors").await;
}

#[tokio::test]
async fn the_same_key_returns_the_same_order_and_rejects_another_request() {
    let (world, orders) = world(&[KEYED]).await;
    let input = world.input(FulfillmentPolicy::AllOrNothing);
    let first = orders.place(&storefront(), &input).await.expect("the store");
    orders.wait_until_idle().await;
    let again = orders.place(&storefront(), &input).await.expect("the store");
    assert!(again.replayed && !first.replayed);
    let order = again.order.expect("an order");
    assert_eq!(first.order.map(|order| order.key), Some(order.key));
    assert_eq!(order.status(), OrderStatus::Confirmed, "the current state of the order");
    let mut other = input.clone();
    other.lines[0].quantity = 3;
    let refused = orders.place(&storefront(), &other).await.expect("the store");
    assert_eq!((codes(&refused), refused.order), (vec![ProblemCode::IdempotencyKeyReused], None));
    // Keys are scoped to caller and operation.
    let other_caller = Actor { caller: "another".to_owned(), reseller: None };
    assert!(!orders.place(&other_caller, &other).await.expect("the store").replayed);
    assert!(!orders.create(&storefront(), &input).await.expect("the store").replayed);
    orders.wait_until_idle().await;
    assert_eq!(world.vendors[0].state.lock().expect("books").sales.len(), 2);
}

#[tokio::test]
async fn a_double_click_creates_one_order() {
    let (world, orders) = world(&[PLAIN]).await;
    let input = world.input(FulfillmentPolicy::AllOrNothing);
    let (actor, clicks) = (storefront(), 8);
    let placed = futures_util::future::join_all((0..clicks).map(|_| orders.place(&actor, &input))).await;
    orders.wait_until_idle().await;
    let keys: std::collections::BTreeSet<_> = placed
        .iter()
        .map(|outcome| outcome.as_ref().expect("the store").order.as_ref().expect("an order").key)
        .collect();
    assert_eq!(keys.len(), 1);
    assert_eq!(placed.iter().filter(|outcome| !outcome.as_ref().expect("the store").replayed).count(), 1);
    assert_eq!(world.vendors[0].state.lock().expect("books").sales.len(), 1);
}

#[tokio::test]
async fn an_outdated_version_and_an_unavailable_action_change_nothing() {
    let (world, orders) = world(&[KEYED]).await;
    let order = held(&world, &orders, FulfillmentPolicy::AllOrNothing).await;
    let outdated = OrderActionRequest { if_version: Some(order.version - 1), ..world.act(order.key) };
    let refused = orders.confirm(&storefront(), &outdated).await.expect("the store");
    assert_eq!(codes(&refused), [ProblemCode::VersionOutdated]);
    assert_eq!(refused.problems[0].path, ["input", "ifVersion"]);
    let refused = orders.hold(&storefront(), &world.act(order.key)).await.expect("the store");
    assert_eq!(codes(&refused), [ProblemCode::ActionNotAvailable]);
    assert_eq!(refused.problems[0].path, ["input", "order"]);
    assert_eq!(world.read(order.key).await, order);
    let fine = OrderActionRequest { if_version: Some(order.version), ..world.act(order.key) };
    orders.confirm(&storefront(), &fine).await.expect("the store");
    orders.wait_until_idle().await;
    assert_eq!(world.read(order.key).await.status(), OrderStatus::Confirmed);
}

#[tokio::test]
async fn orders_of_another_reseller_are_invisible() {
    let (world, orders) = world(&[KEYED, KEYED]).await;
    let actor = |reseller: &str| Actor { caller: "shop".to_owned(), reseller: Some(reseller.to_owned()) };
    let mut input = world.input(FulfillmentPolicy::AllOrNothing);
    input.reseller_reference = Some("cart 7".to_owned());
    let order = orders.create(&actor("tiqets"), &input).await.expect("the store").order.expect("an order");
    let other = actor("digitick");
    for by in [
        OrderLookup::Key(order.key),
        OrderLookup::Number(order.number.clone()),
        OrderLookup::ResellerReference("cart 7".to_owned(), None),
    ] {
        assert_eq!(orders.find(&other, &by).await.expect("the store"), None, "{by:?}");
        assert!(orders.find(&actor("tiqets"), &by).await.expect("the store").is_some(), "{by:?}");
        assert!(orders.find(&storefront(), &by).await.expect("the store").is_some(), "{by:?}");
    }
    let refused = orders.hold(&other, &world.act(order.key)).await.expect("the store");
    assert_eq!(codes(&refused), [ProblemCode::OrderNotFound]);
    assert_eq!(orders.list_changes(&other, 0, 10).await.expect("the store").lines.len(), 0);
    assert_eq!(orders.count(&other, &Default::default()).await.expect("the store"), Some(0));
}

#[tokio::test]
async fn a_hold_that_expires_too_soon_is_not_confirmed() {
    let (world, orders) = world(&[KEYED, PLAIN]).await;
    let order = held(&world, &orders, FulfillmentPolicy::AllOrNothing).await;
    // Each of the two confirmations may take a minute; a minute and a half is left.
    world.clock.advance(Duration::from_secs(510));
    let refused = orders.confirm(&storefront(), &world.act(order.key)).await.expect("the store");
    assert_eq!(codes(&refused), [ProblemCode::HoldTooShort]);
    assert!(refused.problems[0].leg.is_some(), "the problem refers to the leg");
    assert_eq!(world.read(order.key).await.status(), OrderStatus::Held);
    // Only one of the two holds can be extended.
    let extended = orders.extend(&storefront(), &world.act(order.key)).await.expect("the store");
    orders.wait_until_idle().await;
    assert_eq!(codes(&extended), [ProblemCode::HoldNotExtended]);
    let extended = world.read(order.key).await;
    assert!(extended.legs[0].hold_expires_at > order.legs[0].hold_expires_at);
    assert_eq!(extended.legs[1].hold_expires_at, order.legs[1].hold_expires_at);
    assert_eq!(extended.status(), OrderStatus::Held);
}

#[tokio::test]
async fn an_extended_hold_is_confirmed() {
    let (world, orders) = world(&[KEYED]).await;
    let order = held(&world, &orders, FulfillmentPolicy::AllOrNothing).await;
    world.clock.advance(Duration::from_secs(570));
    orders.extend(&storefront(), &world.act(order.key)).await.expect("the store");
    orders.wait_until_idle().await;
    let confirmed = orders.confirm(&storefront(), &world.act(order.key)).await.expect("the store");
    assert_eq!(codes(&confirmed), []);
    orders.wait_until_idle().await;
    let order = world.read(order.key).await;
    assert_eq!(order.status(), OrderStatus::Confirmed);
    let operations: Vec<_> =
        order.legs[0].attempts.iter().map(|attempt| (attempt.operation, attempt.outcome)).collect();
    let done = AttemptOutcome::Succeeded;
    assert_eq!(operations, [(LegOperation::Hold, done), (LegOperation::Extend, done), (LegOperation::Confirm, done)]);
}

#[tokio::test]
async fn a_placed_order_releases_holds_that_are_too_short() {
    let (mut world, _) = world(&[KEYED]).await;
    world.vendors[0] = {
        let clock = std::sync::Arc::clone(&world.clock);
        let mut short =
            std::sync::Arc::into_inner(crate::orders::vendor::Vendor::new("a", KEYED, clock)).expect("alone");
        short.hold_ttl = Duration::from_secs(30);
        std::sync::Arc::new(short)
    };
    let orders = world.process();
    let placed = orders.place(&storefront(), &world.input(FulfillmentPolicy::AllOrNothing)).await.expect("the store");
    orders.wait_until_idle().await;
    let order = world.read(placed.order.expect("an order").key).await;
    assert_eq!((order.status(), statuses(&order)), (OrderStatus::Failed, vec![LegStatus::HoldFailed]));
    assert_eq!(order.problems()[0].code, ProblemCode::HoldTooShort);
    assert!(world.vendors[0].open_holds().is_empty());
}

#[tokio::test]
async fn an_expired_hold_releases_the_others() {
    let (world, orders) = world(&[KEYED, PLAIN]).await;
    let order = held(&world, &orders, FulfillmentPolicy::AllOrNothing).await;
    world.clock.advance(Duration::from_secs(300));
    orders.extend(&storefront(), &world.act(order.key)).await.expect("the store");
    orders.wait_until_idle().await;
    world.clock.advance(Duration::from_secs(301));
    let order = world.run_until_final(&orders, order.key).await;
    assert_eq!(statuses(&order), [LegStatus::Released, LegStatus::Expired]);
    assert_eq!(order.status(), OrderStatus::Released);
    assert!(world.vendors[0].open_holds().is_empty());
}

#[tokio::test]
async fn a_price_increase_is_accepted_by_confirming_but_never_by_placing() {
    let (world, orders) = world(&[KEYED]).await;
    world.vendors[0].catalog.lock().expect("catalog").total = Some(5100);
    let order = held(&world, &orders, FulfillmentPolicy::AllOrNothing).await;
    let eur = |amount| Money::new(amount, "EUR".parse().expect("a currency"));
    let problems = order.problems();
    assert_eq!(problems[0].code, ProblemCode::PriceChanged);
    assert_eq!(problems[0].detail, Some(ProblemDetail::Price { was: eur(5000), now: eur(5100) }));
    assert_eq!(order.totals(order.created_at)[0].held, eur(5100));
    orders.confirm(&storefront(), &world.act(order.key)).await.expect("the store");
    orders.wait_until_idle().await;
    let order = world.read(order.key).await;
    assert_eq!((order.status(), order.totals(order.created_at)[0].confirmed), (OrderStatus::Confirmed, eur(5100)));
    let placed = orders.place(&storefront(), &world.input(FulfillmentPolicy::AllOrNothing)).await.expect("the store");
    orders.wait_until_idle().await;
    let order = world.read(placed.order.expect("an order").key).await;
    assert_eq!((order.status(), order.problems()[0].code), (OrderStatus::Failed, ProblemCode::PriceChanged));
    assert!(world.vendors[0].open_holds().is_empty());
}

#[tokio::test]
async fn best_effort_keeps_the_confirmed_legs() {
    let (world, orders) = world(&[KEYED, PLAIN]).await;
    world.vendors[0].fail(VendorCall::Hold, 1, Fault::Refused);
    let placed = orders.place(&storefront(), &world.input(FulfillmentPolicy::BestEffort)).await.expect("the store");
    orders.wait_until_idle().await;
    let order = world.read(placed.order.expect("an order").key).await;
    assert_eq!(statuses(&order), [LegStatus::HoldFailed, LegStatus::Confirmed]);
    assert_eq!(order.status(), OrderStatus::PartiallyConfirmed);
    assert_eq!(order.problems()[0].vendor_code.as_deref(), Some("refused.by.script"));
}

#[tokio::test]
async fn pending_barcodes_are_reloaded() {
    let (world, orders) = world(&[KEYED]).await;
    world.vendors[0].catalog.lock().expect("catalog").codes_come_later = true;
    let placed = orders.place(&storefront(), &world.input(FulfillmentPolicy::AllOrNothing)).await.expect("the store");
    orders.wait_until_idle().await;
    let key = placed.order.expect("an order").key;
    let order = world.read(key).await;
    assert_eq!(order.status(), OrderStatus::Confirmed, "pending barcodes do not delay an order");
    assert!(!order.is_terminal() && order.legs[0].next_check_at().is_some(), "its clients wait for them");
    assert!(orders.load_tickets(&order).await.expect("the store").iter().all(|ticket| ticket.barcode.is_none()));
    world.vendors[0].catalog.lock().expect("catalog").codes_come_later = false;
    let order = world.run_until_final(&orders, key).await;
    assert!(orders.load_tickets(&order).await.expect("the store").iter().all(|ticket| ticket.barcode.is_some()));
    assert!(order.is_terminal() && order.legs.iter().all(|leg| leg.next_check_at().is_none()));
    audit(&world, &order, "late barcodes").await;
}

#[tokio::test]
async fn a_mutation_responds_in_time_and_the_order_continues_without_the_client() {
    let (mut world, _) = world(&[KEYED]).await;
    world.settings = OrderSettings { response_timeout: Duration::from_millis(20), ..default_settings() };
    let orders = world.process();
    world.vendors[0].fail(VendorCall::Confirm, 1, Fault::StallsAfter);
    let placed = orders.place(&storefront(), &world.input(FulfillmentPolicy::AllOrNothing)).await.expect("the store");
    let order = placed.order.expect("an order");
    assert_eq!(order.status(), OrderStatus::Confirming);
    world.vendors[0].resume.notify_one();
    orders.wait_until_idle().await;
    let order = world.run_until_final(&orders, order.key).await;
    assert_eq!(order.status(), OrderStatus::Confirmed);
}

#[tokio::test]
async fn a_mutation_waits_for_its_saga() {
    let (mut world, _) = world(&[KEYED, PLAIN, COMMITTING]).await;
    world.settings = default_settings();
    let orders = world.process();
    let placed = orders.place(&storefront(), &world.input(FulfillmentPolicy::AllOrNothing)).await.expect("the store");
    assert_eq!(placed.order.expect("an order").status(), OrderStatus::Confirmed);
}

#[tokio::test]
async fn a_stopping_process_hands_its_orders_over_at_once() {
    let (world, orders) = world(&[KEYED, PLAIN]).await;
    world.vendors[0].fail(VendorCall::Confirm, 1, Fault::StallsAfter);
    let placed = orders.place(&storefront(), &world.input(FulfillmentPolicy::AllOrNothing)).await.expect("the store");
    let key = placed.order.expect("an order").key;
    while world.vendors[0].state.lock().expect("books").calls.iter().all(|deed| *deed != VendorCall::Confirm) {
        tokio::task::yield_now().await;
    }
    tokio::join!(orders.close(), async { world.vendors[0].resume.notify_one() });
    let order = world.read(key).await;
    assert_eq!(order.legs[0].status, LegStatus::OutcomeUnknown, "the call in flight wrote its outcome");
    let successor = world.process();
    assert_eq!(successor.resume_due().await.expect("the store"), 1, "resumed without waiting for the lease");
    successor.wait_until_idle().await;
    let order = world.run_until_final(&successor, key).await;
    assert_eq!(order.status(), OrderStatus::Confirmed);
    assert_eq!(order.legs[0].capabilities.shape, LegShape::HoldThenConfirm);
}

#[tokio::test]
async fn a_disconnected_client_does_not_affect_its_order() {
    let (mut world, _) = world(&[KEYED, PLAIN]).await;
    world.settings = OrderSettings { response_timeout: Duration::from_secs(60), ..default_settings() };
    let orders = world.process();
    world.vendors[0].fail(VendorCall::Hold, 1, Fault::StallsAfter);
    let (actor, input) = (storefront(), world.input(FulfillmentPolicy::AllOrNothing));
    {
        let mut request = std::pin::pin!(orders.place(&actor, &input));
        while world.vendors[0].state.lock().expect("books").calls.is_empty() {
            tokio::select! {
                biased;
                _ = &mut request => panic!("the vendor has not responded yet"),
                () = tokio::task::yield_now() => {}
            }
        }
        // Drops the request during its hold.
    }
    world.vendors[0].resume.notify_one();
    orders.wait_until_idle().await;
    let again = orders.place(&actor, &input).await.expect("the store");
    assert!(again.replayed);
    let order = world.run_until_final(&orders, again.order.expect("an order").key).await;
    assert_eq!(order.status(), OrderStatus::Confirmed);
}

#[tokio::test]
async fn a_confirmation_that_times_out_is_looked_up_and_not_repeated() {
    let (mut world, _) = world(&[PLAIN]).await;
    world.settings.call_timeout = Duration::from_millis(50);
    let orders = world.process();
    world.vendors[0].fail(VendorCall::Confirm, 1, Fault::StallsAfter);
    let placed = orders.place(&storefront(), &world.input(FulfillmentPolicy::AllOrNothing)).await.expect("the store");
    let key = placed.order.expect("an order").key;
    // The vendor never responds, so the call ends by its timeout.
    orders.wait_until_idle().await;
    let order = world.run_until_final(&orders, key).await;
    assert_eq!(order.status(), OrderStatus::Confirmed);
    let calls = world.vendors[0].state.lock().expect("books").calls.clone();
    let count = |wanted| calls.iter().filter(|deed| **deed == wanted).count();
    assert_eq!((count(VendorCall::Confirm), count(VendorCall::FindSale)), (1, 1), "{calls:?}");
}
