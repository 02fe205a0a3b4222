//! Refresh of sold orders: canceled performances and used tickets are detected once.

use std::time::Duration;

use domain::EventStatus;
use domain::ordering::TicketState;
use orders::{FulfillmentPolicy, Order, Orders, ProblemCode};

use crate::orders::database::Stage;
use crate::orders::vendor::{KEYED, PLAIN, VendorTraits};
use crate::orders::world::{World, storefront};

/// Creates a confirmed order at vendors with these traits.
async fn sold(traits: &[VendorTraits]) -> (World, Orders, Order) {
    let world = World::new(Stage::Sqlite.ledger().await, traits);
    let orders = world.process();
    let placed = orders.place(&storefront(), &world.input(FulfillmentPolicy::AllOrNothing)).await.expect("the store");
    orders.wait_until_idle().await;
    let order = world.read(placed.order.expect("an order").key).await;
    (world, orders, order)
}

fn codes(order: &Order, leg: usize) -> Vec<ProblemCode> {
    order.legs[leg].problems.iter().map(|problem| problem.code).collect()
}

#[tokio::test]
async fn a_canceled_performance_is_reported_once_and_only_on_its_leg() {
    let (world, orders, order) = sold(&[KEYED, PLAIN]).await;
    orders.refresh_sold().await.expect("the store");
    assert_eq!(world.read(order.key).await.version, order.version, "an unchanged order is not written");

    world.vendors[1].catalog.lock().expect("catalog").event_status = EventStatus::Cancelled;
    orders.refresh_sold().await.expect("the store");
    let refreshed = world.read(order.key).await;
    assert_eq!((codes(&refreshed, 0), codes(&refreshed, 1)), (vec![], vec![ProblemCode::CalledOff]));
    assert_eq!((refreshed.version, refreshed.status()), (order.version + 1, order.status()));
    let feed = orders.list_changes(&storefront(), 0, 100).await.expect("the store");
    assert_eq!(
        feed.lines.last().map(|(_, change)| change.version),
        Some(refreshed.version),
        "subscribers are notified"
    );

    orders.refresh_sold().await.expect("the store");
    assert_eq!(world.read(order.key).await.version, refreshed.version, "it is reported once");
}

#[tokio::test]
async fn an_admission_is_detected_on_the_day_without_earlier_calls() {
    let (world, orders, order) = sold(&[KEYED]).await;
    let day = Duration::from_secs(24 * 3600);
    let at = world.vendors[0].catalog.lock().expect("catalog").starts_at;
    world.vendors[0].state.lock().expect("books").sales.values_mut().for_each(|sale| sale.used = Some(at));

    orders.refresh_sold().await.expect("the store");
    let state = |order: &Order| order.tickets[0].state;
    assert_eq!(state(&world.read(order.key).await), TicketState::Issued, "a month ahead nobody is let in");

    world.clock.advance(30 * day);
    orders.refresh_sold().await.expect("the store");
    let used = world.read(order.key).await;
    assert_eq!(state(&used), TicketState::Used(Some(at)));
    orders.refresh_sold().await.expect("the store");
    assert_eq!(world.read(order.key).await.version, used.version, "the same codes are no change");
}
