//! Changes of held orders: the new lines are held first, and the old order is released once they are.

mod faults;

use std::time::Duration;

use domain::OrderKey;
use orders::{
    Actor, ChangeHeldOrder, FulfillmentPolicy, Order, OrderAction, OrderLineRequest, OrderOutcome, OrderStatus, Orders,
    PageRequest, ProblemCode as P, UpdateContact,
};

use crate::orders::audit::audit;
use crate::orders::database::{Postgres, Stage};
use crate::orders::vendor::{BLIND, FINAL, Fault, KEYED, PLAIN, VendorCall, VendorTraits, key};
use crate::orders::world::{World, contact, line, storefront};

const ALL: FulfillmentPolicy = FulfillmentPolicy::AllOrNothing;
const ANY: FulfillmentPolicy = FulfillmentPolicy::BestEffort;

/// Returns a world whose mutations wait for their outcome.
async fn world(stage: &Stage, traits: &[VendorTraits]) -> World {
    let mut world = World::new(stage.ledger().await, traits);
    world.settings.response_timeout = Duration::from_secs(20);
    world
}

/// Creates and holds two tickets at each of the first vendors.
async fn held(world: &World, orders: &Orders, policy: FulfillmentPolicy, vendors: usize) -> Order {
    let mut input = world.input(policy);
    input.lines.truncate(vendors);
    let created = orders.create(&storefront(), &input).await.expect("the store");
    let order = created.order.unwrap_or_else(|| panic!("{:?}", created.problems)).key;
    orders.hold(&storefront(), &world.act(order)).await.expect("the store");
    orders.wait_until_idle().await;
    let order = world.read(order).await;
    assert_eq!(order.status(), OrderStatus::Held, "{:?}", order.problems());
    order
}

/// Returns a change to three tickets at each of the vendors.
fn change(world: &World, order: &Order, vendors: impl IntoIterator<Item = usize>) -> ChangeHeldOrder {
    let lines = vendors.into_iter().map(|vendor| line(&world.vendors[vendor], 3)).collect();
    ChangeHeldOrder { action: world.act(order.key), lines }
}

async fn apply(orders: &Orders, change: &ChangeHeldOrder) -> OrderOutcome {
    let outcome = orders.change_held(&storefront(), change).await.expect("the store");
    orders.wait_until_idle().await;
    outcome
}

fn problems(outcome: &OrderOutcome) -> Vec<(P, String)> {
    outcome.problems.iter().map(|problem| (problem.code, problem.path.join("."))).collect()
}

fn one(code: P, path: &str) -> Vec<(P, String)> {
    vec![(code, path.to_owned())]
}

/// Returns the references of the open holds at all vendors, in ascending order.
fn held_references(world: &World) -> Vec<String> {
    let holds = world.vendors.iter().flat_map(|vendor| vendor.open_holds());
    let mut references: Vec<String> = holds.map(|(_, hold)| hold.reference).collect();
    references.sort();
    references
}

fn references(order: &Order) -> Vec<String> {
    let mut references: Vec<String> = order.legs.iter().map(|leg| leg.reference.clone()).collect();
    references.sort();
    references
}

async fn confirmed(world: &World, orders: &Orders, order: OrderKey) -> OrderStatus {
    orders.confirm(&storefront(), &world.act(order)).await.expect("the store");
    orders.wait_until_idle().await;
    world.read(order).await.status()
}

fn count(world: &World, vendor: usize, call: VendorCall) -> usize {
    world.vendors[vendor].state.lock().expect("books").calls.iter().filter(|other| **other == call).count()
}

/// Resumes what is due until the change is decided, and returns both orders.
async fn settle(world: &World, orders: &Orders, old: OrderKey, case: &str) -> (Order, Option<Order>) {
    for step in [3, 3, 10, 15, 31, 61, 121].map(Duration::from_secs) {
        orders.resume_due().await.expect("the store");
        orders.wait_until_idle().await;
        let now = world.read(old).await;
        let new = match now.replaced_by {
            Some(new) => Some(world.read(new).await),
            None => None,
        };
        if !now.is_being_replaced() && now.is_idle() && new.as_ref().is_none_or(Order::is_idle) {
            return (now, new);
        }
        world.clock.advance(step);
    }
    panic!("the change is not decided, {case}: {:?}", world.read(old).await.status());
}

#[tokio::test]
async fn a_held_order_is_replaced_at_one_and_at_three_vendors() {
    let server = Postgres::start();
    let stages = [Some(Stage::Sqlite), server.map(Stage::Postgres)];
    for stage in stages.iter().flatten() {
        for (before, after) in [(1, 0..1), (3, 0..3), (3, 1..2), (1, 1..3)] {
            let case = format!("{before} to {after:?}");
            let world = world(stage, &[KEYED, PLAIN, BLIND]).await;
            let orders = world.process();
            let old = held(&world, &orders, ALL, before).await;
            let version = Some(old.version);
            let mut change = change(&world, &old, after.clone());
            change.action.if_version = version;
            let outcome = apply(&orders, &change).await;
            assert_eq!((problems(&outcome), outcome.replayed), (vec![], false), "{case}");
            let new = outcome.order.expect("an order");
            assert_eq!((new.status(), new.replaces), (OrderStatus::Held, Some(old.key)), "{case}");
            assert_eq!(new.lines.iter().map(|line| line.quantity).collect::<Vec<_>>(), vec![3; after.len()], "{case}");
            assert_eq!((&new.contact, &new.caller, new.policy), (&old.contact, &old.caller, old.policy), "{case}");
            let (old, new) = (world.read(old.key).await, world.read(new.key).await);
            assert_eq!((old.status(), old.replaced_by), (OrderStatus::Released, Some(new.key)), "{case}");
            assert_eq!(held_references(&world), references(&new), "exactly the new order is held, {case}");
            assert_eq!(old.available_actions(old.updated_at), [], "{case}");

            let refused = orders.confirm(&storefront(), &world.act(old.key)).await.expect("the store");
            assert_eq!(problems(&refused), one(P::ActionNotAvailable, "input.order"), "{case}");
            assert_eq!(confirmed(&world, &orders, new.key).await, OrderStatus::Confirmed, "{case}");
            for vendor in &world.vendors {
                let sales = vendor.state.lock().expect("books").sales.len();
                let wanted = usize::from(new.legs.iter().any(|leg| leg.source == vendor.id));
                assert_eq!(sales, wanted, "sales at {}, {case}", vendor.id);
            }
            audit(&world, &world.read(new.key).await, &case).await;
            audit(&world, &world.read(old.key).await, &case).await;
        }
    }
}

#[tokio::test]
async fn lines_that_are_refused_leave_the_order_held_and_confirmable() {
    for policy in [ALL, ANY] {
        let world = world(&Stage::Sqlite, &[KEYED, PLAIN]).await;
        let orders = world.process();
        let old = held(&world, &orders, policy, 2).await;
        world.vendors[1].fail(VendorCall::Hold, 2, Fault::Refused);
        let change = change(&world, &old, 0..2);
        let outcome = apply(&orders, &change).await;
        assert_eq!(problems(&outcome), one(P::RefusedBySource, "input.lines.1.performance"), "{policy:?}");
        let returned = outcome.order.expect("the old order");
        assert_eq!((returned.key, returned.status(), returned.replaced_by), (old.key, OrderStatus::Held, None));
        assert_eq!(returned.available_actions(returned.updated_at), old.available_actions(old.updated_at));
        let new = outcome.legs_of.expect("the new order");
        let new = world.read(new).await;
        assert_eq!((new.status(), new.replaces), (OrderStatus::Failed, Some(old.key)), "{policy:?}");
        assert_eq!(held_references(&world), references(&old), "{policy:?}");

        // The same key gives the same answer, a new one tries again.
        let again = apply(&orders, &change).await;
        assert_eq!((again.problems, again.legs_of, again.replayed), (outcome.problems, outcome.legs_of, true));
        assert_eq!(again.order.map(|order| order.key), Some(old.key), "{policy:?}");
        assert_eq!(count(&world, 1, VendorCall::Hold), 2, "nothing was held again, {policy:?}");
        assert_eq!(confirmed(&world, &orders, old.key).await, OrderStatus::Confirmed, "{policy:?}");
        audit(&world, &world.read(old.key).await, "refused").await;
        audit(&world, &new, "refused").await;
    }
}

#[tokio::test]
async fn what_is_not_for_sale_is_refused_at_its_field_and_changes_nothing() {
    type Modify = fn(&World, &mut ChangeHeldOrder);
    let table: [(Modify, P, &str); 9] = [
        (|_, change| change.lines.clear(), P::NoLines, "input.lines"),
        (|_, change| change.lines = vec![change.lines[0].clone(); 51], P::TooManyLines, "input.lines"),
        (|_, change| change.lines[0].quantity = 0, P::QuantityInvalid, "input.lines.0.quantity"),
        (|_, change| change.lines[0].performance = key("gone"), P::UnknownPerformance, "input.lines.0.performance"),
        (
            |world, _| world.vendors[0].catalog.lock().expect("catalog").vacancies = Some(2),
            P::NotAvailable,
            "input.lines.0.quantity",
        ),
        (
            |world, change| change.lines.push(line(&world.vendors[1], 1)),
            P::UnsupportedBySource,
            "input.lines.1.performance",
        ),
        (|_, change| change.action.if_version = Some(1), P::VersionOutdated, "input.ifVersion"),
        (|_, change| change.action.key.clear(), P::IdempotencyKeyInvalid, "input.idempotencyKey"),
        (|_, change| change.action.order = OrderKey::random(), P::OrderNotFound, "input.order"),
    ];
    for (modify, code, path) in table {
        let world = world(&Stage::Sqlite, &[KEYED, FINAL]).await;
        let orders = world.process();
        let old = held(&world, &orders, ALL, 1).await;
        let mut change = change(&world, &old, 0..1);
        modify(&world, &mut change);
        let outcome = apply(&orders, &change).await;
        assert_eq!(problems(&outcome), one(code, path));
        assert_eq!(world.read(old.key).await, old, "{code:?}");
        assert_eq!(count(&world, 0, VendorCall::Hold), 1, "{code:?}");
        let orders_now = orders.list(&storefront(), &Default::default(), &PageRequest::newest(None, 10)).await;
        assert_eq!(orders_now.expect("the store").orders.len(), 1, "a draft was stored, {code:?}");
    }
}

#[tokio::test]
async fn only_the_own_order_that_is_held_can_be_changed() {
    let world = world(&Stage::Sqlite, &[KEYED]).await;
    let orders = world.process();
    let old = held(&world, &orders, ALL, 1).await;
    let foreign = Actor { caller: "digitick".to_owned(), reseller: Some("digitick".to_owned()) };
    let hidden = orders.change_held(&foreign, &change(&world, &old, 0..1)).await.expect("the store");
    assert_eq!((problems(&hidden), hidden.order), (one(P::OrderNotFound, "input.order"), None));

    let draft = orders.create(&storefront(), &world.input(ALL)).await.expect("the store").order.expect("an order");
    let refused = apply(&orders, &change(&world, &draft, 0..1)).await;
    assert_eq!(problems(&refused), one(P::ActionNotAvailable, "input.order"));

    world.clock.advance(Duration::from_secs(601));
    let refused = apply(&orders, &change(&world, &old, 0..1)).await;
    assert_eq!(problems(&refused), one(P::ActionNotAvailable, "input.order"), "its hold has ended");

    let sold = held(&world, &orders, ALL, 1).await;
    assert_eq!(confirmed(&world, &orders, sold.key).await, OrderStatus::Confirmed);
    let refused = apply(&orders, &change(&world, &sold, 0..1)).await;
    assert_eq!(problems(&refused), one(P::ActionNotAvailable, "input.order"));
}

#[tokio::test]
async fn the_same_key_changes_an_order_once() {
    let world = world(&Stage::Sqlite, &[KEYED]).await;
    let orders = world.process();
    let old = held(&world, &orders, ALL, 1).await;
    // The same lines as now are a new hold.
    let change = ChangeHeldOrder { action: world.act(old.key), lines: world.input(ALL).lines };
    let actor = storefront();
    let clicks = futures_util::future::join_all((0..6).map(|_| orders.change_held(&actor, &change))).await;
    orders.wait_until_idle().await;
    let clicks: Vec<OrderOutcome> = clicks.into_iter().map(|outcome| outcome.expect("the store")).collect();
    let new = clicks[0].order.as_ref().expect("an order").key;
    for outcome in &clicks {
        let order = outcome.order.as_ref().expect("an order");
        assert_eq!((order.key, order.status(), problems(outcome)), (new, OrderStatus::Held, vec![]));
    }
    assert_eq!(clicks.iter().filter(|outcome| !outcome.replayed).count(), 1);
    assert_eq!(count(&world, 0, VendorCall::Hold), 2);
    let reused = apply(&orders, &ChangeHeldOrder { lines: vec![line(&world.vendors[0], 1)], ..change.clone() }).await;
    assert_eq!((problems(&reused), reused.order), (one(P::IdempotencyKeyReused, "input.idempotencyKey"), None));
    // Later repetitions return the current state.
    assert_eq!(confirmed(&world, &orders, new).await, OrderStatus::Confirmed);
    let late = apply(&orders, &change).await;
    assert_eq!(late.order.map(|order| (order.key, order.status())), Some((new, OrderStatus::Confirmed)));
}

#[tokio::test]
async fn of_two_changes_at_once_one_is_refused() {
    let world = world(&Stage::Sqlite, &[KEYED]).await;
    let orders = world.process();
    let old = held(&world, &orders, ALL, 1).await;
    let changes = [change(&world, &old, 0..1), change(&world, &old, 0..1)];
    let actor = storefront();
    let outcomes =
        futures_util::future::join_all(changes.iter().map(|change| orders.change_held(&actor, change))).await;
    orders.wait_until_idle().await;
    let outcomes: Vec<OrderOutcome> = outcomes.into_iter().map(|outcome| outcome.expect("the store")).collect();
    let won: Vec<&Order> =
        outcomes.iter().filter(|one| one.problems.is_empty()).filter_map(|one| one.order.as_ref()).collect();
    assert_eq!(won.len(), 1, "{outcomes:?}");
    assert_eq!(held_references(&world), references(won[0]));
    let lost = outcomes.iter().find(|one| !one.problems.is_empty()).expect("the other one");
    assert_eq!(problems(lost), one(P::ActionNotAvailable, "input.order"));
    for (change, outcome) in changes.iter().zip(&outcomes) {
        let again = apply(&orders, change).await;
        assert_eq!(
            (&again.problems, again.order.map(|order| order.key)),
            (&outcome.problems, outcome.order.as_ref().map(|order| order.key))
        );
    }
    let page = orders.list(&storefront(), &Default::default(), &PageRequest::newest(None, 10)).await;
    let drafts = page.expect("the store").orders.into_iter().filter(|order| order.status() == OrderStatus::Draft);
    assert_eq!(drafts.count(), 0, "a draft that replaces nothing is left");
}

#[tokio::test]
async fn nothing_can_be_done_to_either_order_while_the_new_hold_is_in_progress() {
    let mut world = world(&Stage::Sqlite, &[KEYED]).await;
    world.settings.response_timeout = Duration::ZERO;
    let orders = world.process();
    let old = held(&world, &orders, ALL, 1).await;
    world.vendors[0].fail(VendorCall::Hold, 2, Fault::StallsAfter);
    let outcome = orders.change_held(&storefront(), &change(&world, &old, 0..1)).await.expect("the store");
    let new = outcome.order.expect("the new order");
    assert_eq!((problems(&outcome_of(&new)), new.replaces), (vec![], Some(old.key)));
    while count(&world, 0, VendorCall::Hold) < 2 {
        tokio::task::yield_now().await;
    }
    let (now, new) = (world.read(old.key).await, world.read(new.key).await);
    assert_eq!((now.status(), now.replaced_by), (OrderStatus::Held, Some(new.key)));
    assert_eq!(new.status(), OrderStatus::Holding);
    for order in [old.key, new.key] {
        let act = || world.act(order);
        let contact = UpdateContact { action: act(), contact: contact() };
        let refused = [
            orders.confirm(&storefront(), &act()).await,
            orders.release(&storefront(), &act()).await,
            orders.extend(&storefront(), &act()).await,
            orders.hold(&storefront(), &act()).await,
            orders.update_contact(&storefront(), &contact).await,
            orders.change_held(&storefront(), &ChangeHeldOrder { action: act(), lines: world.input(ALL).lines }).await,
        ];
        for outcome in refused {
            assert_eq!(problems(&outcome.expect("the store")), one(P::ActionNotAvailable, "input.order"));
        }
    }
    world.vendors[0].resume.notify_one();
    orders.wait_until_idle().await;
    let (now, replaced_by) = settle(&world, &orders, old.key, "stalled").await;
    let new = replaced_by.expect("the new order");
    assert_eq!((now.status(), new.status()), (OrderStatus::Released, OrderStatus::Held));
    assert_eq!(held_references(&world), references(&new));
    assert_eq!(confirmed(&world, &orders, new.key).await, OrderStatus::Confirmed);
    assert_eq!(world.vendors[0].state.lock().expect("books").sales.len(), 1);
}

fn outcome_of(order: &Order) -> OrderOutcome {
    OrderOutcome { order: None, problems: order.problems(), replayed: false, legs_of: None }
}

#[tokio::test]
async fn a_replacement_can_be_replaced_and_keeps_seller_and_visitor() {
    let tiqets = Actor { caller: "tiqets-shop".to_owned(), reseller: Some("tiqets".to_owned()) };
    let traits = VendorTraits { needs_contact: true, ..KEYED };
    let world = world(&Stage::Sqlite, &[traits]).await;
    let orders = world.process();
    let mut input = world.input(ALL);
    (input.contact, input.reseller_reference) = (None, Some("T-1".to_owned()));
    let created = orders.create(&tiqets, &input).await.expect("the store").order.expect("an order");
    orders.hold(&tiqets, &world.act(created.key)).await.expect("the store");
    orders.wait_until_idle().await;
    let mut last = world.read(created.key).await;
    for quantity in [3, 4] {
        let change = ChangeHeldOrder { action: world.act(last.key), lines: lines(&world, quantity) };
        // An operator acts for the seller.
        let outcome = orders.change_held(&storefront(), &change).await.expect("the store");
        orders.wait_until_idle().await;
        let new = outcome.order.unwrap_or_else(|| panic!("{:?}", outcome.problems));
        assert_eq!((new.status(), new.replaces), (OrderStatus::Held, Some(last.key)), "{:?}", outcome.problems);
        assert_eq!((&new.caller, &new.reseller), (&last.caller, &last.reseller));
        assert_eq!((&new.reseller_reference, &new.hold_contact), (&last.reseller_reference, &last.hold_contact));
        last = world.read(new.key).await;
    }
    assert_eq!(last.hold_contact.as_ref().map(|contact| contact.email.as_str()), Some("tiqets@example.org"));
    assert_eq!(held_references(&world), references(&last));
    assert!(last.available_actions(last.updated_at).contains(&OrderAction::Change));
}

fn lines(world: &World, quantity: i64) -> Vec<OrderLineRequest> {
    vec![line(&world.vendors[0], quantity)]
}
