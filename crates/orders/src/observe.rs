//! What is counted of orders, and the span that their work is told in.

use metrics::{counter, gauge, histogram};
use tracing::Span;

use crate::ledger::Transition;
use crate::order::Order;
use crate::status::OrderStatus;

/// The span of an order's work: a trace of its own, since it outlives the request that set it off, and linked to that.
pub(crate) fn span(order: &Order, is_taken_over: bool) -> Span {
    let span = tracing::error_span!(parent: None, "order", order = %order.number, taken_over = is_taken_over);
    span.follows_from(Span::current());
    span
}

/// An order that is worked on as long as this lives.
pub(crate) struct UnderWork(());

impl UnderWork {
    pub fn begin() -> Self {
        gauge!("ticketgraph_orders_running").increment(1.0);
        Self(())
    }
}

impl Drop for UnderWork {
    fn drop(&mut self) {
        gauge!("ticketgraph_orders_running").decrement(1.0);
    }
}

/// Counts what moved, once the ledger has it.
pub(crate) fn count(order: &Order, moves: &[Transition]) {
    for transition in moves {
        let status = transition.to.clone();
        match transition.leg {
            Some(leg) => {
                let labels = [("source", order.legs[leg].source.to_string()), ("status", status)];
                counter!("ticketgraph_leg_changes_total", &labels).increment(1);
            }
            None => {
                tracing::info!(order = %order.number, from = transition.from, to = transition.to, "an order moved");
                counter!("ticketgraph_order_changes_total", "status" => status.clone()).increment(1);
                if ends_a_sale(&status) {
                    let took = transition.at.duration_since(order.created_at).as_secs_f64();
                    histogram!("ticketgraph_order_duration_seconds", "status" => status).record(took.max(0.0));
                }
            }
        }
    }
}

fn ends_a_sale(status: &str) -> bool {
    [OrderStatus::Confirmed, OrderStatus::PartiallyConfirmed, OrderStatus::Failed]
        .iter()
        .any(|end| end.name() == status)
}
