//! What clients do with orders: keys, versions, actions that are there and actions that are not, holds that end.

use std::time::Duration;

use domain::{LegShape, Money};
use orders::leg::{AttemptOutcome, LegOperation};
use orders::plan::Guarantee;
use orders::{
    ActOnOrder, Asker, Detail, LegStatus, Order, OrderAction, OrderBy, OrderOutcome, OrderStatus, Orders, Policy,
    ProblemCode, Rules,
};

use crate::orders::audit::{audit, statuses};
use crate::orders::database::Stage;
use crate::orders::vendor::{BLIND, COMMITTING, Deed, Fault, Habits, KEYED, PLAIN};
use crate::orders::world::{World, storefront};

async fn world(habits: &[Habits]) -> (World, Orders) {
    let world = World::new(Stage::Sqlite.ledger().await, habits);
    let orders = world.process();
    (world, orders)
}

fn codes(outcome: &OrderOutcome) -> Vec<ProblemCode> {
    outcome.problems.iter().map(|problem| problem.code).collect()
}

/// A created order, brought to rest after being held.
async fn held(world: &World, orders: &Orders, policy: Policy) -> Order {
    let created = orders.create(&storefront(), &world.input(policy)).await.expect("the ledger");
    let key = created.order.expect("an order").key;
    orders.hold(&storefront(), &world.act(key)).await.expect("the ledger");
    orders.settled().await;
    world.read(key).await
}

#[tokio::test]
async fn an_order_over_three_vendors_is_planned_held_and_sold() {
    let (world, orders) = world(&[PLAIN, COMMITTING, BLIND]).await;
    let created = orders.create(&storefront(), &world.input(Policy::AllOrNothing)).await.expect("the ledger");
    let order = created.order.expect("an order");
    assert_eq!((order.status(), order.version), (OrderStatus::Draft, 1));
    assert_eq!(order.plan.guarantee, Guarantee::Compensated);
    assert_eq!(order.plan.confirm_sequence, [1, 0, 2], "what cannot be held first, what cannot be undone last");
    assert_eq!(order.available_actions(order.created_at), [OrderAction::Hold, OrderAction::Release]);
    for leg in &order.legs {
        assert!(leg.reference.len() <= 20 && leg.reference.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
    }
    orders.hold(&storefront(), &world.act(order.key)).await.expect("the ledger");
    orders.settled().await;
    let order = world.read(order.key).await;
    assert_eq!(statuses(&order), [LegStatus::Held, LegStatus::Draft, LegStatus::Held]);
    assert_eq!(order.status(), OrderStatus::PartiallyHeld, "nothing is set aside at the second source");
    orders.confirm(&storefront(), &world.act(order.key)).await.expect("the ledger");
    orders.settled().await;
    let order = world.read(order.key).await;
    assert_eq!(order.status(), OrderStatus::Confirmed, "{:?}", order.problems());
    assert_eq!(order.tickets.len(), 6);
    let totals = order.totals(order.created_at);
    assert_eq!((totals.len(), totals[0].requested.amount, totals[0].confirmed.amount), (1, 15_000, 15_000));
    audit(&world, &order, "three vendors").await;
}

#[tokio::test]
async fn the_same_key_answers_the_same_order_and_another_request_with_it_is_refused() {
    let (world, orders) = world(&[KEYED]).await;
    let input = world.input(Policy::AllOrNothing);
    let first = orders.place(&storefront(), &input).await.expect("the ledger");
    orders.settled().await;
    let again = orders.place(&storefront(), &input).await.expect("the ledger");
    assert!(again.replayed && !first.replayed);
    let order = again.order.expect("an order");
    assert_eq!(first.order.map(|order| order.key), Some(order.key));
    assert_eq!(order.status(), OrderStatus::Confirmed, "the order as it is now");
    let mut other = input.clone();
    other.lines[0].quantity = 3;
    let refused = orders.place(&storefront(), &other).await.expect("the ledger");
    assert_eq!((codes(&refused), refused.order), (vec![ProblemCode::IdempotencyKeyReused], None));
    // The key is the caller's own, and belongs to the operation.
    let stranger = Asker { caller: "another".to_owned(), reseller: None };
    assert!(!orders.place(&stranger, &other).await.expect("the ledger").replayed);
    assert!(!orders.create(&storefront(), &input).await.expect("the ledger").replayed);
    orders.settled().await;
    assert_eq!(world.vendors[0].books.lock().expect("books").sales.len(), 2);
}

#[tokio::test]
async fn a_double_click_makes_one_order() {
    let (world, orders) = world(&[PLAIN]).await;
    let input = world.input(Policy::AllOrNothing);
    let (asker, clicks) = (storefront(), 8);
    let placed = futures_util::future::join_all((0..clicks).map(|_| orders.place(&asker, &input))).await;
    orders.settled().await;
    let keys: std::collections::BTreeSet<_> = placed
        .iter()
        .map(|outcome| outcome.as_ref().expect("the ledger").order.as_ref().expect("an order").key)
        .collect();
    assert_eq!(keys.len(), 1);
    assert_eq!(placed.iter().filter(|outcome| !outcome.as_ref().expect("the ledger").replayed).count(), 1);
    assert_eq!(world.vendors[0].books.lock().expect("books").sales.len(), 1);
}

#[tokio::test]
async fn an_outdated_version_and_an_action_that_is_not_there_change_nothing() {
    let (world, orders) = world(&[KEYED]).await;
    let order = held(&world, &orders, Policy::AllOrNothing).await;
    let outdated = ActOnOrder { if_version: Some(order.version - 1), ..world.act(order.key) };
    let refused = orders.confirm(&storefront(), &outdated).await.expect("the ledger");
    assert_eq!(codes(&refused), [ProblemCode::VersionOutdated]);
    assert_eq!(refused.problems[0].path, ["input", "ifVersion"]);
    let refused = orders.hold(&storefront(), &world.act(order.key)).await.expect("the ledger");
    assert_eq!(codes(&refused), [ProblemCode::ActionNotAvailable]);
    assert_eq!(refused.problems[0].path, ["input", "order"]);
    assert_eq!(world.read(order.key).await, order);
    let fine = ActOnOrder { if_version: Some(order.version), ..world.act(order.key) };
    orders.confirm(&storefront(), &fine).await.expect("the ledger");
    orders.settled().await;
    assert_eq!(world.read(order.key).await.status(), OrderStatus::Confirmed);
}

#[tokio::test]
async fn orders_of_another_reseller_do_not_exist() {
    let (world, orders) = world(&[KEYED, KEYED]).await;
    let asker = |reseller: &str| Asker { caller: "shop".to_owned(), reseller: Some(reseller.to_owned()) };
    let mut input = world.input(Policy::AllOrNothing);
    input.reseller_reference = Some("cart 7".to_owned());
    let order = orders.create(&asker("tiqets"), &input).await.expect("the ledger").order.expect("an order");
    let other = asker("digitick");
    for by in [
        OrderBy::Key(order.key),
        OrderBy::Number(order.number.clone()),
        OrderBy::ResellerReference("cart 7".to_owned(), None),
    ] {
        assert_eq!(orders.find(&other, &by).await.expect("the ledger"), None, "{by:?}");
        assert!(orders.find(&asker("tiqets"), &by).await.expect("the ledger").is_some(), "{by:?}");
        assert!(orders.find(&storefront(), &by).await.expect("the ledger").is_some(), "{by:?}");
    }
    let refused = orders.hold(&other, &world.act(order.key)).await.expect("the ledger");
    assert_eq!(codes(&refused), [ProblemCode::OrderNotFound]);
    assert_eq!(orders.changes(&other, 0, 10).await.expect("the ledger").lines.len(), 0);
    assert_eq!(orders.list(&other, &Default::default(), None, 10).await.expect("the ledger").total, 0);
}

#[tokio::test]
async fn a_hold_that_ends_too_soon_is_not_confirmed() {
    let (world, orders) = world(&[KEYED, PLAIN]).await;
    let order = held(&world, &orders, Policy::AllOrNothing).await;
    // Two sales may take a minute each; a minute and a half is left.
    world.clock.pass(Duration::from_secs(510));
    let refused = orders.confirm(&storefront(), &world.act(order.key)).await.expect("the ledger");
    assert_eq!(codes(&refused), [ProblemCode::HoldTooShort]);
    assert!(refused.problems[0].leg.is_some(), "it names the leg");
    assert_eq!(world.read(order.key).await.status(), OrderStatus::Held);
    // One of the two can be prolonged, the other stays as it is.
    let extended = orders.extend(&storefront(), &world.act(order.key)).await.expect("the ledger");
    orders.settled().await;
    assert_eq!(codes(&extended), [ProblemCode::HoldNotExtended]);
    let extended = world.read(order.key).await;
    assert!(extended.legs[0].held_until > order.legs[0].held_until);
    assert_eq!(extended.legs[1].held_until, order.legs[1].held_until);
    assert_eq!(extended.status(), OrderStatus::Held);
}

#[tokio::test]
async fn a_hold_that_was_prolonged_is_confirmed() {
    let (world, orders) = world(&[KEYED]).await;
    let order = held(&world, &orders, Policy::AllOrNothing).await;
    world.clock.pass(Duration::from_secs(570));
    orders.extend(&storefront(), &world.act(order.key)).await.expect("the ledger");
    orders.settled().await;
    let confirmed = orders.confirm(&storefront(), &world.act(order.key)).await.expect("the ledger");
    assert_eq!(codes(&confirmed), []);
    orders.settled().await;
    let order = world.read(order.key).await;
    assert_eq!(order.status(), OrderStatus::Confirmed);
    let operations: Vec<_> =
        order.legs[0].attempts.iter().map(|attempt| (attempt.operation, attempt.outcome)).collect();
    let done = AttemptOutcome::Succeeded;
    assert_eq!(operations, [(LegOperation::Hold, done), (LegOperation::Extend, done), (LegOperation::Confirm, done)]);
}

#[tokio::test]
async fn a_placed_order_whose_holds_are_too_short_gives_them_back() {
    let (mut world, _) = world(&[KEYED]).await;
    world.vendors[0] = {
        let clock = std::sync::Arc::clone(&world.clock);
        let mut short =
            std::sync::Arc::into_inner(crate::orders::vendor::Vendor::new("a", KEYED, clock)).expect("alone");
        short.hold_ttl = Duration::from_secs(30);
        std::sync::Arc::new(short)
    };
    let orders = world.process();
    let placed = orders.place(&storefront(), &world.input(Policy::AllOrNothing)).await.expect("the ledger");
    orders.settled().await;
    let order = world.read(placed.order.expect("an order").key).await;
    assert_eq!((order.status(), statuses(&order)), (OrderStatus::Failed, vec![LegStatus::HoldFailed]));
    assert_eq!(order.problems()[0].code, ProblemCode::HoldTooShort);
    assert!(world.vendors[0].open_holds().is_empty());
}

#[tokio::test]
async fn an_expired_hold_gives_the_others_back() {
    let (world, orders) = world(&[KEYED, PLAIN]).await;
    let order = held(&world, &orders, Policy::AllOrNothing).await;
    world.clock.pass(Duration::from_secs(300));
    orders.extend(&storefront(), &world.act(order.key)).await.expect("the ledger");
    orders.settled().await;
    world.clock.pass(Duration::from_secs(301));
    let order = world.finish(&orders, order.key).await;
    assert_eq!(statuses(&order), [LegStatus::Released, LegStatus::Expired]);
    assert_eq!(order.status(), OrderStatus::Released);
    assert!(world.vendors[0].open_holds().is_empty());
}

#[tokio::test]
async fn a_dearer_hold_is_told_and_agreed_to_by_confirming_but_never_sold_by_placing() {
    let (world, orders) = world(&[KEYED]).await;
    world.vendors[0].shelf.lock().expect("shelf").total = Some(5100);
    let order = held(&world, &orders, Policy::AllOrNothing).await;
    let eur = |amount| Money::new(amount, "EUR".parse().expect("a currency"));
    let problems = order.problems();
    assert_eq!(problems[0].code, ProblemCode::PriceChanged);
    assert_eq!(problems[0].detail, Some(Detail::Price { was: eur(5000), now: eur(5100) }));
    assert_eq!(order.totals(order.created_at)[0].held, eur(5100));
    orders.confirm(&storefront(), &world.act(order.key)).await.expect("the ledger");
    orders.settled().await;
    let order = world.read(order.key).await;
    assert_eq!((order.status(), order.totals(order.created_at)[0].confirmed), (OrderStatus::Confirmed, eur(5100)));
    let placed = orders.place(&storefront(), &world.input(Policy::AllOrNothing)).await.expect("the ledger");
    orders.settled().await;
    let order = world.read(placed.order.expect("an order").key).await;
    assert_eq!((order.status(), order.problems()[0].code), (OrderStatus::Failed, ProblemCode::PriceChanged));
    assert!(world.vendors[0].open_holds().is_empty());
}

#[tokio::test]
async fn best_effort_keeps_what_could_be_had() {
    let (world, orders) = world(&[KEYED, PLAIN]).await;
    world.vendors[0].fail(Deed::Hold, 1, Fault::Refused);
    let placed = orders.place(&storefront(), &world.input(Policy::BestEffort)).await.expect("the ledger");
    orders.settled().await;
    let order = world.read(placed.order.expect("an order").key).await;
    assert_eq!(statuses(&order), [LegStatus::HoldFailed, LegStatus::Confirmed]);
    assert_eq!(order.status(), OrderStatus::PartiallyConfirmed);
    assert_eq!(order.problems()[0].vendor_code.as_deref(), Some("refused.by.script"));
}

#[tokio::test]
async fn codes_that_come_later_are_read_again() {
    let (world, orders) = world(&[KEYED]).await;
    world.vendors[0].shelf.lock().expect("shelf").codes_come_later = true;
    let placed = orders.place(&storefront(), &world.input(Policy::AllOrNothing)).await.expect("the ledger");
    orders.settled().await;
    let key = placed.order.expect("an order").key;
    let order = world.read(key).await;
    assert_eq!(order.status(), OrderStatus::Confirmed, "slow codes do not hold an order back");
    assert!(orders.tickets(&order).await.expect("the ledger").iter().all(|ticket| ticket.barcode.is_none()));
    world.vendors[0].shelf.lock().expect("shelf").codes_come_later = false;
    let order = world.finish(&orders, key).await;
    assert!(orders.tickets(&order).await.expect("the ledger").iter().all(|ticket| ticket.barcode.is_some()));
    audit(&world, &order, "late codes").await;
}

#[tokio::test]
async fn a_mutation_answers_in_time_and_the_order_goes_on_without_the_client() {
    let (mut world, _) = world(&[KEYED]).await;
    world.rules = Rules { answer_within: Duration::from_millis(20), ..Rules::default() };
    let orders = world.process();
    world.vendors[0].fail(Deed::Confirm, 1, Fault::StallsAfter);
    let placed = orders.place(&storefront(), &world.input(Policy::AllOrNothing)).await.expect("the ledger");
    let order = placed.order.expect("an order");
    assert_eq!(order.status(), OrderStatus::Confirming);
    world.vendors[0].go_on.notify_one();
    orders.settled().await;
    let order = world.finish(&orders, order.key).await;
    assert_eq!(order.status(), OrderStatus::Confirmed);
}

#[tokio::test]
async fn a_mutation_waits_for_the_end_of_its_work() {
    let (mut world, _) = world(&[KEYED, PLAIN, COMMITTING]).await;
    world.rules = Rules::default();
    let orders = world.process();
    let placed = orders.place(&storefront(), &world.input(Policy::AllOrNothing)).await.expect("the ledger");
    assert_eq!(placed.order.expect("an order").status(), OrderStatus::Confirmed);
}

#[tokio::test]
async fn a_process_that_stops_leaves_its_orders_to_the_next_one_at_once() {
    let (world, orders) = world(&[KEYED, PLAIN]).await;
    world.vendors[0].fail(Deed::Confirm, 1, Fault::StallsAfter);
    let placed = orders.place(&storefront(), &world.input(Policy::AllOrNothing)).await.expect("the ledger");
    let key = placed.order.expect("an order").key;
    while world.vendors[0].books.lock().expect("books").calls.iter().all(|deed| *deed != Deed::Confirm) {
        tokio::task::yield_now().await;
    }
    tokio::join!(orders.close(), async { world.vendors[0].go_on.notify_one() });
    let order = world.read(key).await;
    assert_eq!(order.legs[0].status, LegStatus::OutcomeUnknown, "the call in flight wrote its outcome");
    let heir = world.process();
    assert_eq!(heir.recover().await.expect("the ledger"), 1, "without waiting for a lease");
    heir.settled().await;
    let order = world.finish(&heir, key).await;
    assert_eq!(order.status(), OrderStatus::Confirmed);
    assert_eq!(order.legs[0].traits.shape, LegShape::HoldThenConfirm);
}

#[tokio::test]
async fn a_client_that_hangs_up_changes_nothing_about_its_order() {
    let (mut world, _) = world(&[KEYED, PLAIN]).await;
    world.rules = Rules { answer_within: Duration::from_secs(60), ..Rules::default() };
    let orders = world.process();
    world.vendors[0].fail(Deed::Hold, 1, Fault::StallsAfter);
    let (asker, input) = (storefront(), world.input(Policy::AllOrNothing));
    {
        let mut request = std::pin::pin!(orders.place(&asker, &input));
        while world.vendors[0].books.lock().expect("books").calls.is_empty() {
            tokio::select! {
                biased;
                _ = &mut request => panic!("the vendor has not answered yet"),
                () = tokio::task::yield_now() => {}
            }
        }
        // The request is dropped here, amid its hold.
    }
    world.vendors[0].go_on.notify_one();
    orders.settled().await;
    let again = orders.place(&asker, &input).await.expect("the ledger");
    assert!(again.replayed);
    let order = world.finish(&orders, again.order.expect("an order").key).await;
    assert_eq!(order.status(), OrderStatus::Confirmed);
}

#[tokio::test]
async fn a_sale_slower_than_its_deadline_is_unknown_and_looked_up_not_sent_again() {
    let (mut world, _) = world(&[PLAIN]).await;
    world.rules.call_limit = Duration::from_millis(50);
    let orders = world.process();
    world.vendors[0].fail(Deed::Confirm, 1, Fault::StallsAfter);
    let placed = orders.place(&storefront(), &world.input(Policy::AllOrNothing)).await.expect("the ledger");
    let key = placed.order.expect("an order").key;
    // Nobody says that it may go on: the call ends by its own limit.
    orders.settled().await;
    let order = world.finish(&orders, key).await;
    assert_eq!(order.status(), OrderStatus::Confirmed);
    let calls = world.vendors[0].books.lock().expect("books").calls.clone();
    let count = |wanted| calls.iter().filter(|deed| **deed == wanted).count();
    assert_eq!((count(Deed::Confirm), count(Deed::FindSale)), (1, 1), "{calls:?}");
}
