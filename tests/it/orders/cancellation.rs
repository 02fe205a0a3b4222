//! Quoting and canceling: the quote announces the refund, and whole-leg cancellation includes the other lines.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::TicketTypeKey;
use domain::ordering::TicketState;
use orders::{
    CancelOrder, CancellationPolicy, FulfillmentPolicy, LegStatus, Order, OrderSettings, OrderStatus, Orders, Problem,
    ProblemCode, Quote, QuoteCancellation,
};

use crate::orders::audit::{audit, statuses};
use crate::orders::database::Stage;
use crate::orders::vendor::{COMMITTING, FINAL, Fault, KEYED, VendorCall, VendorTraits};
use crate::orders::world::{World, line, storefront};

/// Confirms an order with two lines per vendor: adults and children.
async fn sold(habits: &[VendorTraits], policy: CancellationPolicy) -> (World, Orders, Order) {
    let mut world = World::new(Stage::Sqlite.ledger().await, habits);
    let cancellation_policies = world.vendors.iter().map(|vendor| (vendor.id.clone(), policy)).collect();
    world.settings = OrderSettings { cancellation_policies, ..world.settings.clone() };
    let mut input = world.input(FulfillmentPolicy::AllOrNothing);
    for vendor in &world.vendors {
        let mut child = line(vendor, 1);
        child.ticket_type = TicketTypeKey::new("child");
        input.lines.push(child);
    }
    let orders = world.process();
    let placed = orders.place(&storefront(), &input).await.expect("the store");
    orders.wait_until_idle().await;
    let order = world.read(placed.order.expect("an order").key).await;
    assert_eq!(order.status(), OrderStatus::Confirmed, "{:?}", order.problems());
    (world, orders, order)
}

pub(super) async fn quote(orders: &Orders, order: &Order, lines: Option<&[usize]>) -> Result<Quote, Vec<Problem>> {
    let lines = lines.map(|lines| lines.iter().copied().collect::<BTreeSet<_>>());
    orders.quote(&storefront(), &QuoteCancellation { order: order.key, lines }).await.expect("the store")
}

pub(super) fn cancel(world: &World, quote: &Quote) -> CancelOrder {
    CancelOrder { key: world.next_key(), quote: quote.id, reason: Some("changed my mind".to_owned()) }
}

fn codes(problems: &[Problem]) -> Vec<ProblemCode> {
    problems.iter().map(|problem| problem.code).collect()
}

#[tokio::test]
async fn single_lines_can_be_canceled_if_the_source_supports_it() {
    let policy = CancellationPolicy { fee: 1_000, ..CancellationPolicy::default() };
    let (world, orders, order) = sold(&[KEYED], policy).await;
    let quote = quote(&orders, &order, Some(&[1])).await.expect("a quote");
    assert_eq!((quote.refund[0].amount, quote.fee[0].amount), (1125, 125), "the fee is a tenth of 12.50");
    assert!(quote.must_also_cancel.is_empty());
    orders.cancel(&storefront(), &cancel(&world, &quote)).await.expect("the store");
    orders.wait_until_idle().await;
    let order = world.read(order.key).await;
    assert_eq!((order.status(), statuses(&order)), (OrderStatus::PartiallyCancelled, vec![LegStatus::Confirmed]));
    let void: Vec<bool> = order.tickets.iter().map(|ticket| ticket.state == TicketState::Void).collect();
    assert_eq!(void, [false, false, true]);
    let totals = order.totals(order.created_at);
    assert_eq!(totals[0].confirmed.amount, 5000);
    audit(&world, &order, "partial cancellation").await;
    let moves = orders.list_transitions(order.key, 0, 100).await.expect("the store");
    assert!(moves.lines.iter().any(|(_, line)| line.cause == "requested: changed my mind"), "{moves:?}");
}

#[tokio::test]
async fn whole_leg_cancellation_includes_the_other_lines() {
    let (world, orders, order) = sold(&[COMMITTING, KEYED], CancellationPolicy::default()).await;
    let line = order.lines_of(0).next().expect("a line").0;
    let quote = quote(&orders, &order, Some(&[line])).await.expect("a quote");
    assert_eq!(quote.must_also_cancel.len(), 1);
    assert_eq!(quote.refund[0].amount, 6250);
    orders.cancel(&storefront(), &cancel(&world, &quote)).await.expect("the store");
    orders.wait_until_idle().await;
    let order = world.read(order.key).await;
    assert_eq!(statuses(&order), [LegStatus::Cancelled, LegStatus::Confirmed]);
    assert_eq!(order.status(), OrderStatus::PartiallyCancelled);
    audit(&world, &order, "whole").await;
}

#[tokio::test]
async fn a_request_without_lines_cancels_everything() {
    let (world, orders, order) = sold(&[KEYED, COMMITTING], CancellationPolicy::default()).await;
    let quote = quote(&orders, &order, None).await.expect("a quote");
    let asked = cancel(&world, &quote);
    orders.cancel(&storefront(), &asked).await.expect("the store");
    orders.wait_until_idle().await;
    assert_eq!(world.read(order.key).await.status(), OrderStatus::Cancelled);
    let again = orders.cancel(&storefront(), &asked).await.expect("the store");
    assert!(again.replayed, "the same key returns the same order");
    let other = orders.cancel(&storefront(), &cancel(&world, &quote)).await.expect("the store");
    assert_eq!(codes(&other.problems), [ProblemCode::ActionNotAvailable], "nothing is left to cancel");
}

#[tokio::test]
async fn a_quote_expires_by_time_and_by_changes_of_the_order() {
    let (world, orders, order) = sold(&[KEYED], CancellationPolicy::default()).await;
    let old = quote(&orders, &order, Some(&[0])).await.expect("a quote");
    world.clock.advance(world.settings.quote_ttl);
    let outcome = orders.cancel(&storefront(), &cancel(&world, &old)).await.expect("the store");
    assert_eq!(codes(&outcome.problems), [ProblemCode::QuoteExpired]);
    let whole = quote(&orders, &order, None).await.expect("a quote");
    let part = quote(&orders, &order, Some(&[0])).await.expect("a quote");
    orders.cancel(&storefront(), &cancel(&world, &part)).await.expect("the store");
    orders.wait_until_idle().await;
    let outcome = orders.cancel(&storefront(), &cancel(&world, &whole)).await.expect("the store");
    assert_eq!(codes(&outcome.problems), [ProblemCode::QuoteExpired], "one of its lines is canceled");
}

#[tokio::test]
async fn lines_that_cannot_be_canceled_are_not_quoted() {
    let (world, orders, order) =
        sold(&[KEYED, FINAL], CancellationPolicy { until_before_start: Duration::from_secs(86_400), fee: 0 }).await;
    let last = order.lines_of(1).next().expect("a line").0;
    let first = order.lines_of(0).next().expect("a line").0;
    let problems = quote(&orders, &order, Some(&[last])).await.expect_err("no quote");
    assert_eq!(codes(&problems), [ProblemCode::UnsupportedBySource]);
    assert_eq!(problems[0].path, ["input", "lines", &last.to_string()]);
    assert_eq!(
        codes(&quote(&orders, &order, Some(&[99])).await.expect_err("no quote")),
        [ProblemCode::NothingToCancel]
    );
    assert!(quote(&orders, &order, None).await.expect("a quote").lines.contains(&first));
    world.clock.advance(Duration::from_secs(29 * 86_400));
    let problems = quote(&orders, &order, Some(&[first])).await.expect_err("no quote");
    assert_eq!(codes(&problems), [ProblemCode::CancellationTooLate]);
    assert_eq!(codes(&quote(&orders, &order, None).await.expect_err("no quote")), [ProblemCode::NothingToCancel]);
}

#[tokio::test]
async fn a_rejected_cancellation_leaves_the_leg_confirmed() {
    let (world, orders, order) = sold(&[KEYED], CancellationPolicy::default()).await;
    world.vendors[0].fail(VendorCall::Cancel, 1, Fault::Refused);
    let quote = quote(&orders, &order, None).await.expect("a quote");
    orders.cancel(&storefront(), &cancel(&world, &quote)).await.expect("the store");
    orders.wait_until_idle().await;
    let order = world.read(order.key).await;
    assert_eq!(order.status(), OrderStatus::Confirmed);
    assert_eq!(codes(&order.problems()), [ProblemCode::RefusedBySource]);
    audit(&world, &order, "refused").await;
}

#[tokio::test]
async fn a_rejected_compensation_needs_attention() {
    let world = World::new(Stage::Sqlite.ledger().await, &[KEYED, KEYED]);
    world.vendors[1].fail(VendorCall::Confirm, 1, Fault::Refused);
    world.vendors[0].fail(VendorCall::Cancel, 1, Fault::Refused);
    let orders = world.process();
    let placed = orders.place(&storefront(), &world.input(FulfillmentPolicy::AllOrNothing)).await.expect("the store");
    orders.wait_until_idle().await;
    let order = world.read(placed.order.expect("an order").key).await;
    assert_eq!(statuses(&order), [LegStatus::NeedsAttention, LegStatus::ConfirmFailed]);
    assert_eq!(order.status(), OrderStatus::NeedsAttention);
    assert_eq!(codes(&order.problems()), [ProblemCode::UndoRefused, ProblemCode::RefusedBySource]);
    audit(&world, &order, "compensation rejected").await;
}
