//! Rows of the statement by event or ticket type.

use serde::Deserialize;

use crate::gateway::exports::rows::{Amount, Cell, Page, decimal, text, value};

/// Columns of `statement_breakdown.csv`: one row per reseller, source, currency and event or ticket type. The last row of a currency has no
/// ids if it is everything else.
pub(super) const BREAKDOWN_COLUMNS: &[&str] = &[
    "reseller",
    "from",
    "to",
    "source",
    "currency",
    "event_id",
    "event",
    "ticket_type_id",
    "ticket_type",
    "orders",
    "tickets_sold",
    "tickets_voided",
    "tickets_used",
    "gross",
    "refunded",
];

/// Response of the documents of statements by event or ticket type.
#[derive(Deserialize)]
pub(super) struct BreakdownResponse {
    resellers: Option<Vec<ResellerBreakdown>>,
    reseller: Option<ResellerBreakdown>,
}

#[derive(Deserialize)]
struct ResellerBreakdown {
    name: String,
    statement: Vec<BreakdownRow>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BreakdownRow {
    source_name: String,
    currency: String,
    breakdown: Vec<Part>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    is_other: bool,
    event_id: Option<String>,
    event_title: Option<String>,
    ticket_type_id: Option<String>,
    ticket_type_name: Option<String>,
    orders: u64,
    tickets_sold: u64,
    tickets_voided: u64,
    tickets_used: u64,
    gross: Amount,
    refunded: Amount,
}

/// Text of the event of a row for everything else.
const OTHER: &str = "other";

impl BreakdownResponse {
    /// Returns the only page, or `None` if the caller has no such reseller.
    pub(super) fn into_page(self, from: &str, to: &str) -> Option<Page> {
        let resellers = self.resellers.or(self.reseller.map(|reseller| vec![reseller]))?;
        let mut rows = Vec::new();
        for reseller in &resellers {
            for row in &reseller.statement {
                let head = [text(&reseller.name), value(from), value(to), text(&row.source_name), value(&row.currency)];
                rows.extend(row.breakdown.iter().map(|part| head.iter().cloned().chain(part.cells()).collect()));
            }
        }
        let count = rows.len() as u64;
        Some(Page { total: Some(count), count, rows, next: None })
    }
}

impl Part {
    fn cells(&self) -> [Cell; 10] {
        let known = |name: &Option<String>| text(name.as_deref().unwrap_or_default());
        [
            known(&self.event_id),
            if self.is_other { text(OTHER) } else { known(&self.event_title) },
            known(&self.ticket_type_id),
            known(&self.ticket_type_name),
            value(self.orders),
            value(self.tickets_sold),
            value(self.tickets_voided),
            value(self.tickets_used),
            decimal(&self.gross),
            decimal(&self.refunded),
        ]
    }
}
