//! Assumptions that no document of TIXnGO confirms (`tixngo.md §8`): paths, names and bodies. Correct this file when the real
//! document is available.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// I1: header of the API key, unless the configuration names another.
pub(crate) const AUTH_HEADER: &str = "X-API-Key";
/// I2: path of canceled tickets, below the configured URL.
pub(crate) const CANCELED: &str = "cancelled";
/// I3: path of controlled tickets.
pub(crate) const CONTROLLED: &str = "controlled";
/// I4: path of the status feed.
pub(crate) const DIFF: &str = "diff";
/// I4: page size parameter of the feed.
pub(crate) const LIMIT: &str = "limit";
/// I4: page key parameter of the feed.
pub(crate) const PAGINATION_KEY: &str = "paginationKey";
/// I9: maximum number of tickets in a call.
pub(crate) const MAX_TICKETS_PER_CALL: usize = 1000;
/// I6: outcome of an accepted ticket.
pub(crate) const ACCEPTED: &str = "ACCEPTED";
/// I6: outcome of a rejected ticket.
pub(crate) const REJECTED: &str = "REJECTED";

/// I10: `purchaseDetails`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PurchaseDetails<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<&'a str>,
    pub tax_number: &'a str,
}

/// I11: `security`. Contains a barcode, so this type has no `Debug`.
#[derive(Serialize)]
pub(super) struct Security<'a> {
    pub barcode: &'a str,
}

/// I13: `ticketDetails`, each group a list in display order.
#[derive(Serialize)]
pub(super) struct TicketDetails<'a> {
    pub main: Vec<Detail<'a>>,
    pub extra: Vec<Detail<'a>>,
    pub hidden: Vec<Detail<'a>>,
}

/// I13: one detail.
#[derive(Serialize)]
pub(super) struct Detail<'a> {
    pub key: &'a str,
    pub value: &'a str,
}

/// I14: `transferRules`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TransferRules {
    pub allowed: bool,
    pub max_transfers: u32,
}

/// I15: a ticket to delete.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CancelItem<'a> {
    pub ticket_id: &'a str,
    pub reason: &'a str,
    pub show_deleted_ticket: bool,
}

/// I16: a ticket that was used.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ControlItem<'a> {
    pub ticket_id: &'a str,
    pub controlled_at: String,
}

/// I6: response to a push.
#[derive(Deserialize)]
pub(super) struct PushResponse {
    #[serde(default)]
    pub result: Vec<TicketResult>,
}

/// I6: result of one ticket.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TicketResult {
    pub ticket_id: String,
    pub outcome: Option<String>,
    pub status: Option<String>,
    #[serde(default)]
    pub errors: Option<Vec<TicketError>>,
}

/// I8: reason for rejecting a ticket. The vendor's message is not read.
#[derive(Deserialize)]
pub(super) struct TicketError {
    pub code: Option<String>,
    pub field: Option<String>,
}

/// I7: a page of the feed.
#[derive(Deserialize)]
pub(super) struct FeedPage {
    #[serde(default)]
    pub result: Vec<Box<RawValue>>,
    pub pagination: Option<Pagination>,
}

/// I7: key of the next page.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pagination {
    pub next_page_key: Option<String>,
}

/// I7: a ticket in the feed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FeedEntry {
    pub ticket_id: String,
    pub status: Option<String>,
    pub updated_at: Option<String>,
    pub transfer_level: Option<u32>,
    pub spectator_details: Option<FeedPerson>,
    pub assignee: Option<FeedPerson>,
}

/// A person in the feed; while a transfer is pending only the email address is present.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FeedPerson {
    pub email: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
}
