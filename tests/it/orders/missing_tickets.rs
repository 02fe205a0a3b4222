//! Sold tickets that never come: the order needs a person, and the sale stays what it is.

use std::time::Duration;

use domain::ordering::TicketState;
use orders::{
    CancellationPolicy, LegSettlement, LegStatus, Order, OrderSettings, OrderStatus, Orders, ProblemCode, RetryLegs,
};

use crate::orders::audit::{audit, statuses};
use crate::orders::cancellation::{cancel, quote};
use crate::orders::database::Stage;
use crate::orders::operator::{calls, codes, place, settle, settlement};
use crate::orders::vendor::{KEYED, VendorCall};
use crate::orders::world::{World, storefront};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn set_codes_come(world: &World, come: bool) {
    world.vendors[0].catalog.lock().expect("catalog").codes_come_later = !come;
}

/// A sold order whose first source has returned no code until the settle deadline.
async fn without_codes() -> (World, Orders, Order) {
    let mut world = World::new(Stage::Sqlite.ledger().await, &[KEYED, KEYED]);
    let refundable = CancellationPolicy::default();
    let cancellation_policies = world.vendors.iter().map(|vendor| (vendor.id.clone(), refundable)).collect();
    world.settings = OrderSettings { cancellation_policies, ..world.settings.clone() };
    set_codes_come(&world, false);
    let orders = world.process();
    let order = place(&world, &orders).await;
    assert_eq!((order.status(), statuses(&order)), (OrderStatus::NeedsAttention, vec![LegStatus::Confirmed; 2]));
    assert_eq!(codes(&order.problems()), [ProblemCode::TicketsMissing]);
    assert_eq!(order.totals(order.updated_at)[0].confirmed, order.totals(order.updated_at)[0].requested);
    (world, orders, order)
}

async fn settled(world: &World, orders: &Orders, order: &Order, outcome: LegSettlement) -> Order {
    let (outcome, _) = settle(world, orders, &settlement(world, order.key, 0, outcome)).await;
    assert_eq!(codes(&outcome.problems), []);
    orders.resume_due().await.expect("the store");
    orders.wait_until_idle().await;
    world.read(order.key).await
}

#[tokio::test]
async fn codes_that_come_late_end_it_by_themselves_or_when_they_are_read_again() {
    let (world, orders, order) = without_codes().await;
    world.clock.advance(27 * DAY);
    orders.refresh_sold().await.expect("the store");
    assert_eq!(world.read(order.key).await.version, order.version, "an unchanged order is not written");
    set_codes_come(&world, true);
    orders.refresh_sold().await.expect("the store");
    let found = world.read(order.key).await;
    assert_eq!((found.status(), codes(&found.problems())), (OrderStatus::Confirmed, vec![]));
    assert!(found.is_terminal() && found.tickets.iter().all(|ticket| ticket.state == TicketState::Issued));
    audit(&world, &found, "late codes").await;

    let (world, orders, order) = without_codes().await;
    set_codes_come(&world, true);
    let retry = RetryLegs { key: world.next_key(), legs: Some(vec![(order.key, 0)]), source: None, rate: None };
    assert_eq!(orders.retry(&storefront(), &retry).await.expect("the store").scheduled, 1);
    assert_eq!(world.run_until_final(&orders, order.key).await.status(), OrderStatus::Confirmed);
}

#[tokio::test]
async fn what_a_person_said_of_missing_tickets_stands_and_costs_the_other_legs_nothing() {
    let (world, orders, order) = without_codes().await;
    let accepted = settled(&world, &orders, &order, LegSettlement::Sold).await;
    assert_eq!((accepted.status(), accepted.is_terminal()), (OrderStatus::Confirmed, true));
    orders.refresh_sold().await.expect("the store");
    let later = world.run_until_final(&orders, order.key).await;
    assert_eq!((later.status(), codes(&later.problems())), (OrderStatus::Confirmed, vec![]));

    let (world, orders, order) = without_codes().await;
    let undone = settled(&world, &orders, &order, LegSettlement::Undone).await;
    assert_eq!(undone.status(), OrderStatus::PartiallyCancelled);
    assert_eq!(statuses(&undone), [LegStatus::Cancelled, LegStatus::Confirmed]);
    let calls = [0, 1].map(|vendor| calls(&world, vendor, VendorCall::Cancel));
    assert_eq!(calls, [0, 0], "nothing is canceled at a vendor by it");
}

#[tokio::test]
async fn an_order_whose_tickets_never_came_is_canceled_like_any_other() {
    let (world, orders, order) = without_codes().await;
    let quote = quote(&orders, &order, None).await.expect("a quote");
    let outcome = orders.cancel(&storefront(), &cancel(&world, &quote)).await.expect("the store");
    assert_eq!(codes(&outcome.problems), []);
    orders.wait_until_idle().await;
    let canceled = world.read(order.key).await;
    assert_eq!((canceled.status(), statuses(&canceled)), (OrderStatus::Cancelled, vec![LegStatus::Cancelled; 2]));
    assert!(canceled.tickets.iter().all(|ticket| ticket.state == TicketState::Void));
}
