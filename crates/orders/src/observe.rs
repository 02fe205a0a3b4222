//! Metrics and the tracing span of an order.

use metrics::{counter, gauge, histogram};
use tracing::Span;

use crate::order::Order;
use crate::status::OrderStatus;
use crate::store::Transition;

/// Span of a saga run. It is the root of its own trace, because it outlives the request that started it, and is
/// linked to that request.
pub(crate) fn span(order: &Order, is_resumed: bool) -> Span {
    let span = tracing::error_span!(parent: None, "order", order = %order.number, resumed = is_resumed);
    span.follows_from(Span::current());
    span
}

/// Counts an order as running until dropped.
pub(crate) struct RunningOrderGauge(());

impl RunningOrderGauge {
    pub(crate) fn start() -> Self {
        gauge!("ticketgraph_orders_running").increment(1.0);
        Self(())
    }
}

impl Drop for RunningOrderGauge {
    fn drop(&mut self) {
        gauge!("ticketgraph_orders_running").decrement(1.0);
    }
}

/// Counts stored status transitions.
pub(crate) fn count_transitions(order: &Order, transitions: &[Transition]) {
    for transition in transitions {
        let status = transition.to.clone();
        match transition.leg {
            Some(leg) => {
                let labels = [("source", order.legs[leg].source.to_string()), ("status", status)];
                counter!("ticketgraph_leg_changes_total", &labels).increment(1);
            }
            None => {
                tracing::info!(order = %order.number, from = transition.from, to = transition.to, "order status changed");
                counter!("ticketgraph_order_changes_total", "status" => status.clone()).increment(1);
                if is_sale_end(&status) {
                    let took = transition.at.duration_since(order.created_at).as_secs_f64();
                    histogram!("ticketgraph_order_duration_seconds", "status" => status).record(took.max(0.0));
                }
            }
        }
    }
}

fn is_sale_end(status: &str) -> bool {
    [OrderStatus::Confirmed, OrderStatus::PartiallyConfirmed, OrderStatus::Failed]
        .iter()
        .any(|end| end.name() == status)
}
