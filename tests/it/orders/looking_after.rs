//! What was sold is looked after: what is called off or used is noticed, once.

use std::time::Duration;

use domain::EventStatus;
use domain::ordering::TicketState;
use orders::{Order, Orders, Policy, ProblemCode};

use crate::orders::database::Stage;
use crate::orders::vendor::{Habits, KEYED, PLAIN};
use crate::orders::world::{World, storefront};

/// An order that is sold at vendors with these habits.
async fn sold(habits: &[Habits]) -> (World, Orders, Order) {
    let world = World::new(Stage::Sqlite.ledger().await, habits);
    let orders = world.process();
    let placed = orders.place(&storefront(), &world.input(Policy::AllOrNothing)).await.expect("the ledger");
    orders.settled().await;
    let order = world.read(placed.order.expect("an order").key).await;
    (world, orders, order)
}

fn codes(order: &Order, leg: usize) -> Vec<ProblemCode> {
    order.legs[leg].problems.iter().map(|problem| problem.code).collect()
}

#[tokio::test]
async fn a_performance_that_the_venue_calls_off_is_told_once_and_only_of_its_leg() {
    let (world, orders, order) = sold(&[KEYED, PLAIN]).await;
    orders.look_after().await.expect("the ledger");
    assert_eq!(world.read(order.key).await.version, order.version, "nothing changed, so nothing is told");

    world.vendors[1].shelf.lock().expect("shelf").event_status = EventStatus::Cancelled;
    orders.look_after().await.expect("the ledger");
    let told = world.read(order.key).await;
    assert_eq!((codes(&told, 0), codes(&told, 1)), (vec![], vec![ProblemCode::CalledOff]));
    assert_eq!((told.version, told.status()), (order.version + 1, order.status()));
    let feed = orders.changes(&storefront(), 0, 100).await.expect("the ledger");
    assert_eq!(feed.lines.last().map(|(_, change)| change.version), Some(told.version), "whoever watches hears of it");

    orders.look_after().await.expect("the ledger");
    assert_eq!(world.read(order.key).await.version, told.version, "it is told once");
}

#[tokio::test]
async fn a_visitor_who_was_let_in_is_noticed_on_the_day_and_not_asked_for_before() {
    let (world, orders, order) = sold(&[KEYED]).await;
    let day = Duration::from_secs(24 * 3600);
    let at = world.vendors[0].shelf.lock().expect("shelf").starts_at;
    world.vendors[0].books.lock().expect("books").sales.values_mut().for_each(|sale| sale.used = Some(at));

    orders.look_after().await.expect("the ledger");
    let state = |order: &Order| order.tickets[0].state;
    assert_eq!(state(&world.read(order.key).await), TicketState::Issued, "a month ahead nobody is let in");

    world.clock.pass(30 * day);
    orders.look_after().await.expect("the ledger");
    assert_eq!(state(&world.read(order.key).await), TicketState::Used(Some(at)));
}
