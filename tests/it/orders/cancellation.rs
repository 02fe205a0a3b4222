//! Quote, then cancel: what comes back is told before, and whole orders take their other lines along.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::TicketTypeKey;
use domain::ordering::TicketState;
use orders::{
    CancelOrder, LegStatus, Order, OrderStatus, Orders, Policy, Problem, ProblemCode, Quote, QuoteCancellation, Rules,
    Terms,
};

use crate::orders::audit::{audit, statuses};
use crate::orders::database::Stage;
use crate::orders::vendor::{COMMITTING, Deed, FINAL, Fault, Habits, KEYED};
use crate::orders::world::{World, line, storefront};

/// Two lines at each vendor: adults and children; sold.
async fn sold(habits: &[Habits], terms: Terms) -> (World, Orders, Order) {
    let mut world = World::new(Stage::Sqlite.ledger().await, habits);
    let terms: BTreeMap<_, _> = world.vendors.iter().map(|vendor| (vendor.id.clone(), terms)).collect();
    world.rules = Rules { terms, ..world.rules.clone() };
    let mut input = world.input(Policy::AllOrNothing);
    for vendor in &world.vendors {
        let mut child = line(vendor, 1);
        child.ticket_type = TicketTypeKey::new("child");
        input.lines.push(child);
    }
    let orders = world.process();
    let placed = orders.place(&storefront(), &input).await.expect("the ledger");
    orders.settled().await;
    let order = world.read(placed.order.expect("an order").key).await;
    assert_eq!(order.status(), OrderStatus::Confirmed, "{:?}", order.problems());
    (world, orders, order)
}

async fn quote(orders: &Orders, order: &Order, lines: Option<&[usize]>) -> Result<Quote, Vec<Problem>> {
    let lines = lines.map(|lines| lines.iter().copied().collect::<BTreeSet<_>>());
    orders.quote(&storefront(), &QuoteCancellation { order: order.key, lines }).await.expect("the ledger")
}

fn cancel(world: &World, quote: &Quote) -> CancelOrder {
    CancelOrder { key: world.next_key(), quote: quote.id, reason: Some("changed my mind".to_owned()) }
}

fn codes(problems: &[Problem]) -> Vec<ProblemCode> {
    problems.iter().map(|problem| problem.code).collect()
}

#[tokio::test]
async fn some_lines_can_go_where_the_source_undoes_in_part() {
    let terms = Terms { fee: 1_000, ..Terms::default() };
    let (world, orders, order) = sold(&[KEYED], terms).await;
    let quote = quote(&orders, &order, Some(&[1])).await.expect("a quote");
    assert_eq!((quote.refund[0].amount, quote.fee[0].amount), (1125, 125), "a tenth of 12.50 is kept");
    assert!(quote.must_also_cancel.is_empty());
    orders.cancel(&storefront(), &cancel(&world, &quote)).await.expect("the ledger");
    orders.settled().await;
    let order = world.read(order.key).await;
    assert_eq!((order.status(), statuses(&order)), (OrderStatus::PartiallyCancelled, vec![LegStatus::Confirmed]));
    let void: Vec<bool> = order.tickets.iter().map(|ticket| ticket.state == TicketState::Void).collect();
    assert_eq!(void, [false, false, true]);
    let totals = order.totals(order.created_at);
    assert_eq!(totals[0].confirmed.amount, 5000);
    audit(&world, &order, "in part").await;
    let moves = orders.timeline(order.key, 0, 100).await.expect("the ledger");
    assert!(moves.lines.iter().any(|(_, line)| line.cause == "asked: changed my mind"), "{moves:?}");
}

#[tokio::test]
async fn a_source_that_undoes_whole_sales_takes_the_other_lines_along() {
    let (world, orders, order) = sold(&[COMMITTING, KEYED], Terms::default()).await;
    let line = order.lines_of(0).next().expect("a line").0;
    let quote = quote(&orders, &order, Some(&[line])).await.expect("a quote");
    assert_eq!(quote.must_also_cancel.len(), 1);
    assert_eq!(quote.refund[0].amount, 6250);
    orders.cancel(&storefront(), &cancel(&world, &quote)).await.expect("the ledger");
    orders.settled().await;
    let order = world.read(order.key).await;
    assert_eq!(statuses(&order), [LegStatus::Cancelled, LegStatus::Confirmed]);
    assert_eq!(order.status(), OrderStatus::PartiallyCancelled);
    audit(&world, &order, "whole").await;
}

#[tokio::test]
async fn everything_goes_where_no_line_is_named() {
    let (world, orders, order) = sold(&[KEYED, COMMITTING], Terms::default()).await;
    let quote = quote(&orders, &order, None).await.expect("a quote");
    let asked = cancel(&world, &quote);
    orders.cancel(&storefront(), &asked).await.expect("the ledger");
    orders.settled().await;
    assert_eq!(world.read(order.key).await.status(), OrderStatus::Cancelled);
    let again = orders.cancel(&storefront(), &asked).await.expect("the ledger");
    assert!(again.replayed, "the same key answers the same order");
    let other = orders.cancel(&storefront(), &cancel(&world, &quote)).await.expect("the ledger");
    assert_eq!(codes(&other.problems), [ProblemCode::ActionNotAvailable], "nothing is left to undo");
}

#[tokio::test]
async fn a_quote_does_not_outlive_its_time_or_its_truth() {
    let (world, orders, order) = sold(&[KEYED], Terms::default()).await;
    let old = quote(&orders, &order, Some(&[0])).await.expect("a quote");
    world.clock.pass(world.rules.quote_ttl);
    let outcome = orders.cancel(&storefront(), &cancel(&world, &old)).await.expect("the ledger");
    assert_eq!(codes(&outcome.problems), [ProblemCode::QuoteExpired]);
    let whole = quote(&orders, &order, None).await.expect("a quote");
    let part = quote(&orders, &order, Some(&[0])).await.expect("a quote");
    orders.cancel(&storefront(), &cancel(&world, &part)).await.expect("the ledger");
    orders.settled().await;
    let outcome = orders.cancel(&storefront(), &cancel(&world, &whole)).await.expect("the ledger");
    assert_eq!(codes(&outcome.problems), [ProblemCode::QuoteExpired], "a line of it is gone");
}

#[tokio::test]
async fn what_cannot_be_undone_is_not_quoted() {
    let (world, orders, order) =
        sold(&[KEYED, FINAL], Terms { until_before_start: Duration::from_secs(86_400), fee: 0 }).await;
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
    world.clock.pass(Duration::from_secs(29 * 86_400));
    let problems = quote(&orders, &order, Some(&[first])).await.expect_err("no quote");
    assert_eq!(codes(&problems), [ProblemCode::CancellationTooLate]);
    assert_eq!(codes(&quote(&orders, &order, None).await.expect_err("no quote")), [ProblemCode::NothingToCancel]);
}

#[tokio::test]
async fn an_undo_that_the_buyer_wants_and_the_source_refuses_leaves_the_sale_as_it_was() {
    let (world, orders, order) = sold(&[KEYED], Terms::default()).await;
    world.vendors[0].fail(Deed::Cancel, 1, Fault::Refused);
    let quote = quote(&orders, &order, None).await.expect("a quote");
    orders.cancel(&storefront(), &cancel(&world, &quote)).await.expect("the ledger");
    orders.settled().await;
    let order = world.read(order.key).await;
    assert_eq!(order.status(), OrderStatus::Confirmed);
    assert_eq!(codes(&order.problems()), [ProblemCode::RefusedBySource]);
    audit(&world, &order, "refused").await;
}

#[tokio::test]
async fn an_undo_that_we_want_and_the_source_refuses_needs_a_human() {
    let world = World::new(Stage::Sqlite.ledger().await, &[KEYED, KEYED]);
    world.vendors[1].fail(Deed::Confirm, 1, Fault::Refused);
    world.vendors[0].fail(Deed::Cancel, 1, Fault::Refused);
    let orders = world.process();
    let placed = orders.place(&storefront(), &world.input(Policy::AllOrNothing)).await.expect("the ledger");
    orders.settled().await;
    let order = world.read(placed.order.expect("an order").key).await;
    assert_eq!(statuses(&order), [LegStatus::NeedsAttention, LegStatus::ConfirmFailed]);
    assert_eq!(order.status(), OrderStatus::NeedsAttention);
    assert_eq!(codes(&order.problems()), [ProblemCode::UndoRefused, ProblemCode::RefusedBySource]);
    audit(&world, &order, "compensation refused").await;
}
