//! The capacity of a source for orders.

use async_graphql::{Enum, SimpleObject};
use domain::{MonthlyUse, RequestClass, source};

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
    /// Requests of the current calendar month, in UTC, by all replicas. They report every few seconds.
    month: SourceMonth,
}

/// Requests to a source in the current calendar month.
#[derive(Debug, Clone, Default, SimpleObject)]
pub(super) struct SourceMonth {
    /// Requests so far.
    requests: i32,
    /// Requests so far by what they were for, most urgent first.
    by_purpose: Vec<RequestCount>,
    /// Requests that the contract with the vendor allows. Null if none are configured.
    quota: Option<i32>,
    /// Requests at the end of the month if they go on as they did so far.
    forecast: i32,
}

/// Number of requests for one purpose.
#[derive(Debug, Clone, SimpleObject)]
pub(super) struct RequestCount {
    /// The purpose.
    purpose: RequestPurpose,
    /// The number of requests.
    requests: i32,
}

/// Purpose of a request to a source. Requests of orders are sent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "RequestClass")]
pub enum RequestPurpose {
    /// Ends something that is held or sold: a confirmation, a release, a cancellation or a lookup.
    Settle,
    /// Holds tickets.
    Hold,
    /// Reads the tickets of a sale.
    Tickets,
    /// Reads the facts that a new order is planned with.
    Plan,
    /// Everything else.
    Read,
}

impl SourceMonth {
    fn of(month: &MonthlyUse) -> Self {
        let count = |requests: u64| int(u32::try_from(requests).unwrap_or(u32::MAX));
        let by_purpose = month.calls.iter();
        Self {
            requests: count(month.calls.values().sum()),
            by_purpose: by_purpose
                .map(|(class, requests)| RequestCount { purpose: (*class).into(), requests: count(*requests) })
                .collect(),
            quota: month.quota.map(int),
            forecast: count(month.forecast),
        }
    }
}

impl SourceCapacity {
    /// Reads the capacity of a source.
    pub async fn of(source: &source::Source) -> Self {
        let Some(capacity) = &source.capacity else {
            let month = SourceMonth::default();
            return Self { orders_per_minute: None, waiting: 0, expected_wait_seconds: 0, month };
        };
        let report = capacity.report().await;
        Self {
            orders_per_minute: report.orders_per_minute(source.traits.order_calls),
            waiting: int(u32::try_from(report.waiting).unwrap_or(u32::MAX)),
            expected_wait_seconds: seconds(report.expected_wait),
            month: report.month.as_ref().map(SourceMonth::of).unwrap_or_default(),
        }
    }
}
