//! What no paper of TIXnGO says and we had to decide (`tixngo.md §8`): paths, names and bodies. To be replaced here, and only here,
//! when the real document is at hand. The emulator reads it too.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// I1: the header of the key, unless the configuration names another.
pub const AUTH_HEADER: &str = "X-API-Key";
/// I1: the other name that one public page hints at; the emulator accepts either.
pub const AUTH_HEADER_ALIAS: &str = "x-tixngo-key";
/// I2: where cancelled tickets are pushed, behind the configured address.
pub const CANCELLED: &str = "cancelled";
/// I3: where controlled tickets are pushed.
pub const CONTROLLED: &str = "controlled";
/// I4: the status feed.
pub const DIFF: &str = "diff";
/// I4: the parameters of the feed.
pub const LIMIT: &str = "limit";
/// See [`LIMIT`].
pub const PAGINATION_KEY: &str = "paginationKey";
/// I9: most tickets of a call; above it the emulator answers 413.
pub const MOST_TICKETS: usize = 1000;
/// I6: a ticket that was taken.
pub const ACCEPTED: &str = "ACCEPTED";
/// I6: a ticket that was not.
pub const REJECTED: &str = "REJECTED";

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

/// I11: `security`. A secret: this type has no `Debug`.
#[derive(Serialize)]
pub(super) struct Security<'a> {
    pub barcode: &'a str,
}

/// I13: `ticketDetails`, each group a list in the order of display.
#[derive(Serialize)]
pub(super) struct TicketDetails<'a> {
    pub main: Vec<Detail<'a>>,
    pub extra: Vec<Detail<'a>>,
    pub hidden: Vec<Detail<'a>>,
}

/// I13: one of them.
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

/// I6: the answer to a push.
#[derive(Deserialize)]
pub(super) struct Results {
    #[serde(default)]
    pub result: Vec<TicketResult>,
}

/// I6: what became of one ticket.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TicketResult {
    pub ticket_id: String,
    pub outcome: Option<String>,
    pub status: Option<String>,
    #[serde(default)]
    pub errors: Option<Vec<TicketFault>>,
}

/// I8: why a ticket was refused. The vendor's prose is not read.
#[derive(Deserialize)]
pub(super) struct TicketFault {
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

/// I7: where the next page begins.
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

/// A person in the feed; while a transfer is pending only the address is there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FeedPerson {
    pub email: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
}
