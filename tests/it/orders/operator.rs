//! A person's hand: settling legs, trying them again, notes, orphans, and pauses of sources.

use std::time::Duration;

use domain::{ExternalRef, OrderKey};
use orders::operator::MAX_RETRIED_LEGS;
use orders::{
    AddNote, FulfillmentPolicy, LegSettlement, LegStatus, Order, OrderAction, OrderOutcome, OrderStatus, Orders,
    PauseMode, PauseSource, ProblemCode, RetryLegs, SettleLeg,
};

use crate::orders::audit::statuses;
use crate::orders::database::Stage;
use crate::orders::vendor::{BLIND, Fault, KEYED, PLAIN, VendorCall, VendorTraits};
use crate::orders::world::{World, storefront};

pub(super) async fn world(traits: &[VendorTraits]) -> (World, Orders) {
    let world = World::new(Stage::Sqlite.ledger().await, traits);
    let orders = world.process();
    (world, orders)
}

pub(super) fn codes(problems: &[orders::Problem]) -> Vec<ProblemCode> {
    problems.iter().map(|problem| problem.code).collect()
}

/// Places an order and runs it until nothing goes on by itself.
pub(super) async fn place(world: &World, orders: &Orders) -> Order {
    let input = world.input(FulfillmentPolicy::AllOrNothing);
    let placed = orders.place(&storefront(), &input).await.expect("the store").order.expect("an order");
    orders.wait_until_idle().await;
    world.run_until_final(orders, placed.key).await
}

/// An order whose last confirmation was lost at a vendor without lookups.
async fn unknown_sale(fault: Fault) -> (World, Orders, Order) {
    let (world, orders) = world(&[PLAIN, BLIND]).await;
    world.vendors[1].fail(VendorCall::Confirm, 1, fault);
    let order = place(&world, &orders).await;
    assert_eq!(statuses(&order), [LegStatus::Confirmed, LegStatus::NeedsAttention]);
    assert_eq!(order.operator_actions(), [OrderAction::Settle, OrderAction::Retry]);
    (world, orders, order)
}

/// An order that failed and whose sold leg could not be undone.
async fn refused_undo() -> (World, Orders, Order) {
    let (world, orders) = world(&[PLAIN, BLIND]).await;
    world.vendors[1].fail(VendorCall::Confirm, 1, Fault::Refused);
    world.vendors[0].fail(VendorCall::Cancel, 1, Fault::Refused);
    let order = place(&world, &orders).await;
    assert_eq!(statuses(&order), [LegStatus::NeedsAttention, LegStatus::ConfirmFailed]);
    (world, orders, order)
}

pub(super) fn settlement(world: &World, order: OrderKey, leg: usize, outcome: LegSettlement) -> SettleLeg {
    let (key, note) = (world.next_key(), "by phone".to_owned());
    SettleLeg { key, order, leg, if_version: None, outcome, note, refs: Vec::new() }
}

pub(super) async fn settle(world: &World, orders: &Orders, request: &SettleLeg) -> (OrderOutcome, Order) {
    let outcome = orders.settle(&storefront(), request).await.expect("the store");
    orders.wait_until_idle().await;
    (outcome, world.read(request.order).await)
}

#[tokio::test]
async fn a_sale_that_a_person_found_completes_the_order_and_its_tickets_are_read() {
    let (world, orders, order) = unknown_sale(Fault::LostAnswer).await;
    let sale = world.vendors[1].live_sales(&order.legs[1].reference)[0].0.clone();
    let request = SettleLeg {
        refs: vec![("acme.sale".to_owned(), sale.clone())],
        ..settlement(&world, order.key, 1, LegSettlement::Sold)
    };
    let (outcome, settled) = settle(&world, &orders, &request).await;
    assert_eq!((codes(&outcome.problems), settled.status()), (Vec::new(), OrderStatus::Confirmed));
    assert!(settled.legs[1].refs.contains(&ExternalRef::new("acme.sale", sale)));
    assert_eq!((settled.notes.len(), settled.notes[0].by.as_str()), (1, "storefront"));
    assert_eq!(calls(&world, 1, VendorCall::Confirm), 1, "nothing is sold again");
    let history = orders.list_transitions(order.key, 0, 100).await.expect("the store").lines;
    assert!(history.iter().any(|(_, entry)| entry.cause == "settled as SOLD by storefront"), "{history:?}");

    let again = orders.settle(&storefront(), &request).await.expect("the store");
    assert!(again.replayed && again.problems.is_empty());
    let other = settlement(&world, order.key, 1, LegSettlement::NotSold);
    assert_eq!(codes(&settle(&world, &orders, &other).await.0.problems), [ProblemCode::ActionNotAvailable]);
}

#[tokio::test]
async fn a_sale_that_a_person_did_not_find_undoes_the_rest_of_the_order() {
    let (world, orders, order) = unknown_sale(Fault::LostRequest).await;
    let request = settlement(&world, order.key, 1, LegSettlement::NotSold);
    let (outcome, settled) = settle(&world, &orders, &request).await;
    assert_eq!(codes(&outcome.problems), [ProblemCode::SourceUnavailable], "the problem of the leg");
    assert_eq!(statuses(&settled), [LegStatus::Cancelled, LegStatus::ConfirmFailed]);
    assert_eq!(settled.status(), OrderStatus::Failed);
    let totals = settled.totals(settled.updated_at)[0];
    assert_eq!((totals.confirmed.amount, totals.refunded.amount + totals.fee.amount), (0, 5_000));
}

#[tokio::test]
async fn a_refused_undo_ends_with_void_tickets_or_a_sale_that_is_kept_or_another_try() {
    let (world, orders, order) = refused_undo().await;
    let (_, settled) = settle(&world, &orders, &settlement(&world, order.key, 0, LegSettlement::Undone)).await;
    assert_eq!((settled.status(), statuses(&settled)[0]), (OrderStatus::Failed, LegStatus::Cancelled));

    let (world, orders, order) = refused_undo().await;
    let (_, settled) = settle(&world, &orders, &settlement(&world, order.key, 0, LegSettlement::NotUndone)).await;
    assert_eq!((settled.status(), statuses(&settled)[0]), (OrderStatus::PartiallyConfirmed, LegStatus::Confirmed));
    let later = world.run_until_final(&orders, order.key).await;
    assert_eq!((later.status(), calls(&world, 0, VendorCall::Cancel)), (OrderStatus::PartiallyConfirmed, 1));

    let (world, orders, order) = refused_undo().await;
    let retry = RetryLegs { key: world.next_key(), legs: Some(vec![(order.key, 0)]), source: None, rate: None };
    let outcome = orders.retry(&storefront(), &retry).await.expect("the store");
    assert_eq!((outcome.scheduled, codes(&outcome.problems)), (1, Vec::new()));
    let undone = world.run_until_final(&orders, order.key).await;
    assert_eq!((undone.status(), calls(&world, 0, VendorCall::Cancel)), (OrderStatus::Failed, 2));
    assert_eq!(orders.retry(&storefront(), &retry).await.expect("the store"), outcome, "the same key");
    let again = RetryLegs { key: world.next_key(), ..retry };
    let outcome = orders.retry(&storefront(), &again).await.expect("the store");
    assert_eq!((outcome.scheduled, codes(&outcome.problems)), (0, vec![ProblemCode::ActionNotAvailable]));
}

#[tokio::test]
async fn a_settlement_that_is_wrong_names_its_field_and_changes_nothing() {
    let (world, orders, order) = unknown_sale(Fault::LostAnswer).await;
    let valid = || settlement(&world, order.key, 1, LegSettlement::Sold);
    let reference = |kind: &str, value: &str| vec![(kind.to_owned(), value.to_owned())];
    let cases = [
        (SettleLeg { outcome: LegSettlement::Undone, ..valid() }, ProblemCode::SettlementNotPossible, "outcome"),
        (SettleLeg { leg: 0, ..valid() }, ProblemCode::SettlementNotPossible, "outcome"),
        (SettleLeg { leg: 7, ..valid() }, ProblemCode::LegNotFound, "leg"),
        (SettleLeg { order: OrderKey::random(), ..valid() }, ProblemCode::OrderNotFound, "leg"),
        (SettleLeg { if_version: Some(1), ..valid() }, ProblemCode::VersionOutdated, "ifVersion"),
        (SettleLeg { note: " ".to_owned(), ..valid() }, ProblemCode::NoteMissing, "note"),
        (SettleLeg { note: "n".repeat(2_001), ..valid() }, ProblemCode::TextTooLong, "note"),
        (SettleLeg { refs: reference("secutix.file", "1"), ..valid() }, ProblemCode::ReferenceInvalid, "externalRefs"),
        (SettleLeg { refs: reference("acme.sale", ""), ..valid() }, ProblemCode::ReferenceInvalid, "externalRefs"),
        (
            SettleLeg { refs: reference("acme.sale", &"1".repeat(256)), ..valid() },
            ProblemCode::ReferenceInvalid,
            "externalRefs",
        ),
        (SettleLeg { key: String::new(), ..valid() }, ProblemCode::IdempotencyKeyInvalid, "idempotencyKey"),
    ];
    for (request, code, field) in cases {
        let outcome = orders.settle(&storefront(), &request).await.expect("the store");
        let now = world.read(order.key).await;
        assert_eq!((codes(&outcome.problems), &now), (vec![code], &order), "{field}");
        assert_eq!(outcome.problems[0].path, ["input", field]);
    }
    let legs = Some(vec![(order.key, 1), (order.key, 0), (OrderKey::random(), 0)]);
    let retry = RetryLegs { key: world.next_key(), legs, source: None, rate: None };
    let outcome = orders.retry(&storefront(), &retry).await.expect("the store");
    assert_eq!(outcome.scheduled, 1);
    let mut found: Vec<_> = outcome.problems.iter().map(|problem| (problem.code, problem.path[2].as_str())).collect();
    found.sort_unstable();
    assert_eq!(found, [(ProblemCode::ActionNotAvailable, "1"), (ProblemCode::LegNotFound, "2")]);
}

#[tokio::test]
async fn two_people_at_once_settle_a_leg_once() {
    let (world, orders, order) = unknown_sale(Fault::LostRequest).await;
    let one = settlement(&world, order.key, 1, LegSettlement::Sold);
    let other = settlement(&world, order.key, 1, LegSettlement::NotSold);
    let (actor, second) = (storefront(), world.process());
    let (one, other) = tokio::join!(orders.settle(&actor, &one), second.settle(&actor, &other));
    let problems = [one, other].map(|outcome| outcome.expect("the store").problems.len());
    assert_eq!(problems.iter().sum::<usize>(), 1, "{problems:?}");
    orders.wait_until_idle().await;
    second.wait_until_idle().await;
    assert_eq!(world.read(order.key).await.notes.len(), 1);
}

#[tokio::test]
async fn all_legs_of_a_source_are_tried_again_at_a_rate() {
    let (world, orders) = world(&[PLAIN, BLIND]).await;
    let mut keys = Vec::new();
    for nth in 1..=3 {
        world.vendors[1].fail(VendorCall::Confirm, nth, Fault::LostAnswer);
        let input = world.input(FulfillmentPolicy::AllOrNothing);
        keys.push(orders.place(&storefront(), &input).await.expect("the store").order.expect("an order").key);
        orders.wait_until_idle().await;
    }
    world.clock.advance(Duration::from_secs(20 * 60));
    orders.resume_due().await.expect("the store");
    orders.wait_until_idle().await;
    let now = domain::Clock::now(&*world.clock);
    let source = Some(world.vendors[1].id.clone());
    let retry = RetryLegs { key: world.next_key(), legs: None, source: source.clone(), rate: Some(6) };
    let outcome = orders.retry(&storefront(), &retry).await.expect("the store");
    assert_eq!((outcome.scheduled, codes(&outcome.problems)), (3, Vec::new()));
    let mut waits = Vec::new();
    for key in keys {
        let unknown = world.read(key).await.legs[1].unknown.expect("unknown");
        waits.push(unknown.next_lookup_at.duration_since(now).as_secs());
    }
    waits.sort_unstable();
    assert_eq!(waits, [0, 10, 20]);

    let rejected =
        async |request: RetryLegs| codes(&orders.retry(&storefront(), &request).await.expect("the store").problems);
    let new = || RetryLegs { key: world.next_key(), ..retry.clone() };
    assert_eq!(rejected(RetryLegs { rate: Some(0), ..new() }).await, [ProblemCode::RateInvalid]);
    assert_eq!(rejected(RetryLegs { rate: Some(6_001), ..new() }).await, [ProblemCode::RateInvalid]);
    assert_eq!(rejected(RetryLegs { source: None, ..new() }).await, [ProblemCode::LegNotFound]);
    let many = vec![(OrderKey::random(), 0); MAX_RETRIED_LEGS + 1];
    assert_eq!(rejected(RetryLegs { legs: Some(many), ..new() }).await, [ProblemCode::LegNotFound]);
    let nowhere = Some(domain::SourceId::new("nowhere"));
    assert_eq!(rejected(RetryLegs { source: nowhere, ..new() }).await, [ProblemCode::UnknownSource]);
}

#[tokio::test]
async fn notes_are_kept_in_their_order_and_their_number_is_limited() {
    let (world, orders) = world(&[PLAIN]).await;
    let order = place(&world, &orders).await;
    let note = |text: &str| AddNote { key: world.next_key(), order: order.key, text: text.to_owned() };
    for number in 0..200 {
        let added = orders.add_note(&storefront(), &note(&format!("note {number}"))).await.expect("the store");
        assert_eq!(codes(&added.problems), []);
        orders.wait_until_idle().await;
    }
    let more = orders.add_note(&storefront(), &note("one more")).await.expect("the store");
    assert_eq!(codes(&more.problems), [ProblemCode::TooManyNotes]);
    let notes = world.read(order.key).await.notes;
    assert_eq!((notes.len(), notes[199].text.as_str()), (200, "note 199"));
}

#[tokio::test]
async fn a_paused_source_gets_no_new_orders_and_a_stopped_one_no_calls() {
    let (world, orders) = world(&[KEYED, PLAIN]).await;
    let source = world.vendors[0].id.clone();
    let pause = |mode, until| PauseSource {
        key: world.next_key(),
        source: source.clone(),
        mode,
        note: "works on site".to_owned(),
        until,
    };
    let now = domain::Clock::now(&*world.clock);
    let past = orders.pause_source(&storefront(), &pause(PauseMode::RefuseNewOrders, Some(now))).await;
    assert_eq!(codes(&past.expect("the store").problems), [ProblemCode::TimeInvalid]);
    let until = Some(now + Duration::from_secs(600));
    let request = pause(PauseMode::RefuseNewOrders, until);
    assert_eq!(orders.pause_source(&storefront(), &request).await.expect("the store").problems, []);
    assert_eq!(orders.pause_source(&storefront(), &request).await.expect("the store").problems, [], "the same key");
    let twice = orders.pause_source(&storefront(), &pause(PauseMode::StopAllCalls, None)).await.expect("the store");
    assert_eq!(codes(&twice.problems), [ProblemCode::SourcePaused]);
    assert_eq!(
        orders.pause_of(&source).map(|pause| (pause.mode, pause.until)),
        Some((PauseMode::RefuseNewOrders, until))
    );

    let input = world.input(FulfillmentPolicy::AllOrNothing);
    let refused = orders.place(&storefront(), &input).await.expect("the store");
    assert_eq!((codes(&refused.problems), refused.order.is_none()), (vec![ProblemCode::SourcePaused], true));
    assert_eq!(refused.problems[0].retry_after, Some(Duration::from_secs(600)));
    assert!(world.vendors.iter().all(|vendor| vendor.open_holds().is_empty()), "nothing is held");

    let resumed = orders.resume_source(&storefront(), &world.next_key(), &source).await.expect("the store");
    assert_eq!(resumed.problems, []);
    let twice = orders.resume_source(&storefront(), &world.next_key(), &source).await.expect("the store");
    assert_eq!(codes(&twice.problems), [ProblemCode::SourceNotPaused]);
    assert!(orders.place(&storefront(), &input).await.expect("the store").order.is_some(), "the same key");
    orders.wait_until_idle().await;

    let stop = pause(PauseMode::StopAllCalls, None);
    assert_eq!(orders.pause_source(&storefront(), &stop).await.expect("the store").problems, []);
    let other_process = world.process();
    assert_eq!(other_process.pause_of(&source), None);
    other_process.start();
    let paused = async {
        while other_process.pause_of(&source).is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), paused).await.expect("every process follows");
    let before = world.vendors[0].state.lock().expect("books").calls.len();
    let refused = other_process.place(&storefront(), &world.input(FulfillmentPolicy::AllOrNothing)).await;
    assert_eq!(codes(&refused.expect("the store").problems), [ProblemCode::SourcePaused]);
    other_process.close().await;
    assert_eq!(world.vendors[0].state.lock().expect("books").calls.len(), before);
}

#[tokio::test]
async fn a_stopped_source_gets_no_call_of_an_order_that_has_begun_and_goes_on_when_it_is_resumed() {
    let (world, orders) = world(&[PLAIN, BLIND]).await;
    let created = orders.create(&storefront(), &world.input(FulfillmentPolicy::AllOrNothing)).await.expect("the store");
    let key = created.order.expect("an order").key;
    orders.hold(&storefront(), &world.act(key)).await.expect("the store");
    orders.wait_until_idle().await;
    let source = world.vendors[1].id.clone();
    let stop = PauseSource {
        key: world.next_key(),
        source: source.clone(),
        mode: PauseMode::StopAllCalls,
        note: "asked to".to_owned(),
        until: None,
    };
    assert_eq!(orders.pause_source(&storefront(), &stop).await.expect("the store").problems, []);
    orders.confirm(&storefront(), &world.act(key)).await.expect("the store");
    orders.wait_until_idle().await;
    let versions = world.read(key).await.version;
    for _ in 0..10 {
        world.clock.advance(Duration::from_secs(30));
        orders.resume_due().await.expect("the store");
        orders.wait_until_idle().await;
    }
    let waiting = world.read(key).await;
    assert_eq!(calls(&world, 1, VendorCall::Confirm), 0);
    assert_eq!(statuses(&waiting)[1], LegStatus::Held);
    // Five minutes: it is put off for two at a time.
    assert!(waiting.version - versions <= 3, "{} versions", waiting.version - versions);
    orders.resume_source(&storefront(), &world.next_key(), &source).await.expect("the store");
    orders.wait_until_idle().await;
    world.clock.advance(Duration::from_secs(120));
    orders.resume_due().await.expect("the store");
    orders.wait_until_idle().await;
    assert_eq!(world.read(key).await.status(), OrderStatus::Confirmed);
}

/// A person who acts on an order whose process died takes it over as recovery would.
#[tokio::test]
async fn a_note_on_an_order_whose_process_died_leaves_nothing_in_flight() {
    let world = World::new(Stage::Sqlite.ledger().await, &[KEYED]);
    world.vendors[0].fail(VendorCall::Confirm, 1, Fault::StallsAfter);
    let dead = world.process();
    let placed = dead.place(&storefront(), &world.input(FulfillmentPolicy::AllOrNothing)).await.expect("the store");
    let key = placed.order.expect("an order").key;
    while statuses(&world.read(key).await)[0] != LegStatus::Confirming {
        tokio::task::yield_now().await;
    }
    world.clock.advance(world.settings.lease * 2);
    let orders = world.process();
    let note = AddNote { key: world.next_key(), order: key, text: "hangs".to_owned() };
    let noted = orders.add_note(&storefront(), &note).await.expect("the store");
    assert!(noted.problems.iter().all(|problem| problem.path.is_empty()), "nothing of the input is wrong");
    orders.wait_until_idle().await;
    let order = world.run_until_final(&orders, key).await;
    assert_eq!((order.status(), order.notes.len()), (OrderStatus::Confirmed, 1));
    assert_eq!(calls(&world, 0, VendorCall::Confirm), 1, "found, not sold again");
}

#[tokio::test]
async fn a_rate_puts_nothing_off() {
    let (world, orders) = world(&[PLAIN]).await;
    world.vendors[0].fail(VendorCall::Confirm, 1, Fault::NotSent);
    let input = world.input(FulfillmentPolicy::AllOrNothing);
    let order = orders.place(&storefront(), &input).await.expect("the store").order.expect("an order");
    orders.wait_until_idle().await;
    let retry = world.read(order.key).await.legs[0].retry.expect("it waits");
    let legs = Some(vec![(order.key, 0), (order.key, 0)]);
    let request = RetryLegs { key: world.next_key(), legs, source: None, rate: Some(1) };
    assert_eq!(orders.retry(&storefront(), &request).await.expect("the store").scheduled, 1);
    assert!(world.read(order.key).await.legs[0].retry.expect("it waits").next_at <= retry.next_at);
    assert_eq!(world.run_until_final(&orders, order.key).await.status(), OrderStatus::Confirmed);
}

#[tokio::test]
async fn a_sale_of_an_order_that_its_client_gave_up_is_undone_once_the_rest_is_settled() {
    let (world, orders) = world(&[PLAIN, BLIND, VendorTraits { rank: 60, ..PLAIN }]).await;
    world.vendors[1].fail(VendorCall::Confirm, 1, Fault::LostRequest);
    let mut order = place(&world, &orders).await;
    // The holds of the fake vendors end within the day that the lookups take.
    assert_eq!(statuses(&order)[..2], [LegStatus::Confirmed, LegStatus::NeedsAttention]);
    if order.available_actions(order.updated_at).contains(&OrderAction::Release) {
        orders.release(&storefront(), &world.act(order.key)).await.expect("the store");
        orders.wait_until_idle().await;
        order = world.read(order.key).await;
    }
    let (_, settled) = settle(&world, &orders, &settlement(&world, order.key, 1, LegSettlement::NotSold)).await;
    assert_eq!((settled.status(), statuses(&settled)[0]), (OrderStatus::Failed, LegStatus::Cancelled));
}

#[tokio::test]
async fn a_settlement_with_the_identifier_of_another_order_is_refused() {
    let (world, orders) = world(&[BLIND]).await;
    let sold = place(&world, &orders).await;
    world.vendors[0].fail(VendorCall::Confirm, 2, Fault::LostRequest);
    let order = place(&world, &orders).await;
    assert_eq!(order.status(), OrderStatus::NeedsAttention);
    let taken = sold.legs[0].refs[0].clone();
    let request =
        SettleLeg { refs: vec![(taken.kind, taken.value)], ..settlement(&world, order.key, 0, LegSettlement::Sold) };
    let outcome = orders.settle(&storefront(), &request).await.expect("the store");
    assert_eq!(codes(&outcome.problems), [ProblemCode::ReferenceOfAnotherOrder]);
    assert_eq!(world.read(order.key).await.version, order.version);
}

pub(super) fn calls(world: &World, vendor: usize, call: VendorCall) -> usize {
    world.vendors[vendor].state.lock().expect("books").calls.iter().filter(|other| **other == call).count()
}
