//! `ExternalOrderHistoryService` (`secutix.md §3.5`).

use serde::{Deserialize, Serialize};

use crate::wire::{Flag, HISTORY, List, Method, Whole, Words};

/// Lists tickets of a product.
pub const LIST_TICKETS_BY_CRITERIA: Method = Method { service: HISTORY, name: "listTicketsByCriteria" };

/// The parameters of `listTicketsByCriteria`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketQuery {
    /// Which tickets.
    pub ticket_filter_criteria: TicketFilter,
    /// Which page of them.
    pub pagination_parameter: Pagination,
}

/// Which tickets. No point of sale: with one the list came back empty (`secutix.md §3.5`).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketFilter {
    /// The product.
    pub product_id: i64,
    /// From when.
    pub start_date: String,
    /// Until when.
    pub end_date: String,
}

/// Which page.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pagination {
    /// How many are left out.
    pub start_position: usize,
    /// Most on a page.
    pub max_result: usize,
}

/// The answer of `listTicketsByCriteria`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TicketListResult {
    /// The tickets.
    pub ticket_summaries: List<TicketSummary>,
    /// Whether there are more.
    pub truncated: Option<Flag>,
}

/// A ticket.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TicketSummary {
    /// Its id.
    pub ticket_id: Option<Whole>,
    /// Where it stands.
    pub ticket_state: Option<Words>,
    /// The date.
    pub performance_id: Option<Whole>,
}
