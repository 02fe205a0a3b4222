//! The capacity of a source for orders.

use async_graphql::SimpleObject;
use domain::source;

use crate::graphql::base::scalars::{int, seconds};

/// Order work that waits for the vendor's own limits.
#[derive(Debug, Clone, SimpleObject)]
pub struct SourceCapacity {
    /// Orders that the limit allows in a minute, if each makes the usual number of requests. Null without a limit.
    orders_per_minute: Option<f64>,
    /// Requests of orders that wait for their turn at this replica.
    waiting: i32,
    /// Seconds until a request beyond those reserved for orders would be sent.
    expected_wait_seconds: i32,
}

impl SourceCapacity {
    /// Reads the capacity of a source.
    pub async fn of(source: &source::Source) -> Self {
        let Some(capacity) = &source.capacity else {
            return Self { orders_per_minute: None, waiting: 0, expected_wait_seconds: 0 };
        };
        let report = capacity.report().await;
        Self {
            orders_per_minute: report.orders_per_minute(source.traits.order_calls),
            waiting: int(u32::try_from(report.waiting).unwrap_or(u32::MAX)),
            expected_wait_seconds: seconds(report.expected_wait),
        }
    }
}
