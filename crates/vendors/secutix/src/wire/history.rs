//! `ExternalOrderHistoryService` (`secutix.md §3.5`).

use serde::{Deserialize, Serialize};

use crate::wire::{HISTORY, LenientBool, LenientInt, LenientList, LenientString, Method};

/// Lists tickets of a product.
pub(crate) const LIST_TICKETS_BY_CRITERIA: Method = Method { service: HISTORY, name: "listTicketsByCriteria" };

/// Parameters of `listTicketsByCriteria`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TicketQuery {
    /// Filter of the tickets.
    pub ticket_filter_criteria: TicketFilter,
    /// Page to return.
    pub pagination_parameter: Pagination,
}

/// Filter of tickets. Has no point of sale: with one the list was empty (`secutix.md §3.5`).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TicketFilter {
    /// The product.
    pub product_id: i64,
    /// Start of the time window.
    pub start_date: String,
    /// End of the time window.
    pub end_date: String,
}

/// A page of a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pagination {
    /// Number of entries to skip.
    pub start_position: usize,
    /// Maximum number of entries on the page.
    pub max_result: usize,
}

/// Result of `listTicketsByCriteria`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct TicketListResult {
    /// The tickets.
    pub ticket_summaries: LenientList<TicketSummary>,
    /// True if there are more.
    pub truncated: Option<LenientBool>,
}

/// A ticket.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct TicketSummary {
    /// Its id.
    pub ticket_id: Option<LenientInt>,
    /// Its state.
    pub ticket_state: Option<LenientString>,
    /// The date.
    pub performance_id: Option<LenientInt>,
}
