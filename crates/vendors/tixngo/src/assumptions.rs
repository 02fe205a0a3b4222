//! Assumptions that no document of TIXnGO confirms (`tixngo.md §8`): the table of settings that correct them, and names and bodies.
//!
//! [`Facts`](crate::facts::Facts) holds the values that apply to a channel.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use vendor_api::{Accepts, Assumption};

use crate::facts::{OUTCOMES, REJECTIONS, STATUSES};

/// Inferred facts, each with its setting.
pub(crate) const ASSUMPTIONS: &[Assumption] = &[
    Assumption {
        key: "event_id",
        at_source: false,
        fact: "an event of the app has one start, so its id is the performance's; the product's is for apps that S-360 fills by product",
        section: "tixngo.md §4.2",
        default: "\"performance\"",
        accepts: Accepts::OneOf(&["performance", "product"]),
        if_wrong: "the same event stands in the app twice",
    },
    Assumption {
        key: "pass_validity",
        at_source: false,
        fact: "a pass whose product has no end is valid for this time; `none` holds its tickets back",
        section: "tixngo.md §4.2",
        default: "\"none\"",
        accepts: Accepts::OptionalDuration,
        if_wrong: "tickets of such passes are not delivered, and their delivery says so",
    },
    Assumption {
        key: "tickets_per_call",
        at_source: false,
        fact: "a call may hold so many tickets",
        section: "tixngo.md §2.6",
        default: "1000",
        accepts: Accepts::Count(1, 10_000),
        if_wrong: "a refused call is halved until it is accepted",
    },
    Assumption {
        key: "controlled_tickets_per_call",
        at_source: false,
        fact: "a call with controlled tickets may hold so many",
        section: "tixngo.md §2.6",
        default: "1000",
        accepts: Accepts::Count(1, 10_000),
        if_wrong: "a refused call is halved until it is accepted",
    },
    Assumption {
        key: "reinjection",
        at_source: false,
        fact: "a ticket that is injected again is updated (`update`), refused (`refused`), or a second one (`new_ticket`)",
        section: "tixngo.md §4.9",
        default: "\"update\"",
        accepts: Accepts::OneOf(&["update", "refused", "new_ticket"]),
        if_wrong: "a ticket whose response was lost may be billed again, at most `injection_attempts` times",
    },
    Assumption {
        key: "injection_attempts",
        at_source: false,
        fact: "a ticket is injected so many times with an unknown outcome, then a person looks for it",
        section: "tixngo.md §4.9",
        default: "3",
        accepts: Accepts::Count(1, 20),
        if_wrong: "a delivery fails that one more attempt would have made",
    },
    Assumption {
        key: "answer_shape",
        at_source: false,
        fact: "a push is answered by `result` or `tickets` with a row for each ticket, by a `list` of such rows, or by `accepted` and `rejected` ids",
        section: "tixngo.md §8.1 I6",
        default: "\"result\"",
        accepts: Accepts::OneOf(&["result", "tickets", "list", "accepted"]),
        if_wrong: "the outcome is unknown until the app is asked; then a person looks for the ticket",
    },
    Assumption {
        key: "feed_shape",
        at_source: false,
        fact: "the status feed has `result` and `pagination.nextPageKey`, `items` and `nextPageKey`, or is a `list`",
        section: "tixngo.md §8.1 I7",
        default: "\"result\"",
        accepts: Accepts::OneOf(&["result", "items", "list"]),
        if_wrong: "the stream `STATUS` fails and says so",
    },
    Assumption {
        key: "path_cancelled",
        at_source: false,
        fact: "canceled tickets are pushed to this path below the URL",
        section: "tixngo.md §8.1 I2",
        default: "\"cancelled\"",
        accepts: Accepts::Text,
        if_wrong: "the stream `CANCELLED` fails and says so",
    },
    Assumption {
        key: "path_controlled",
        at_source: false,
        fact: "controlled tickets are pushed to this path below the URL",
        section: "tixngo.md §8.1 I3",
        default: "\"controlled\"",
        accepts: Accepts::Text,
        if_wrong: "the stream `CONTROLLED` fails and says so",
    },
    Assumption {
        key: "path_diff",
        at_source: false,
        fact: "the status feed is at this path below the URL",
        section: "tixngo.md §8.1 I4",
        default: "\"diff\"",
        accepts: Accepts::Text,
        if_wrong: "the stream `STATUS` fails and says so",
    },
    Assumption {
        key: "outcomes",
        at_source: false,
        fact: "words of the outcome of a ticket; any other leaves it unknown",
        section: "tixngo.md §8.1 I6",
        default: "{ ACCEPTED = \"accepted\", REJECTED = \"rejected\" }",
        accepts: Accepts::Words(OUTCOMES),
        if_wrong: "the outcome is unknown until the app is asked; then a person looks for the ticket",
    },
    Assumption {
        key: "rejections",
        at_source: false,
        fact: "codes of rejected tickets; any other is a refusal without a reason",
        section: "tixngo.md §4.9",
        default: "{ UNKNOWN_TICKET = \"not_found\", MISSING_FIELD = \"invalid\", INVALID_FIELD = \"invalid\", TOO_LONG = \"invalid\", TICKET_DELETED = \"conflict\", TICKET_CONTROLLED = \"conflict\", DUPLICATE_BARCODE = \"conflict\", EVENT_EXPIRED = \"too_late\" }",
        accepts: Accepts::Words(REJECTIONS),
        if_wrong: "a refusal is reported without its reason",
    },
    Assumption {
        key: "statuses",
        at_source: false,
        fact: "words of the status of a ticket; any other leaves the known one",
        section: "tixngo.md §5",
        default: "{ INJECTED = \"injected\", DOWNLOADED = \"downloaded\", DEACTIVATED = \"downloaded\", ASSIGNED = \"assigned\", PENDING_TRANSFER = \"transfer_pending\", PENDING_TRANFER = \"transfer_pending\", PENDING = \"transfer_pending\", TRANSFERRED = \"transferred\", BT_ACTIVATED = \"activated\", MANUAL_ACTIVATED = \"activated\", OFFLINE_ACTIVATED = \"activated\", ONLINE_ACTIVATED = \"activated\", ACTIVATED = \"activated\", CONTROLLED = \"controlled\", DELETION_PENDING = \"deletion_pending\", DELETED = \"deleted\", FAILURE_TRANSFER = \"transfer_reverted\", FAILURE = \"transfer_reverted\" }",
        accepts: Accepts::Words(STATUSES),
        if_wrong: "the state of a ticket stays as it was",
    },
];

/// I1: header of the API key, unless `auth_header` names another.
pub(crate) const AUTH_HEADER: &str = "X-API-Key";
/// I4: page size parameter of the feed.
pub(crate) const LIMIT: &str = "limit";
/// I4: page key parameter of the feed.
pub(crate) const PAGINATION_KEY: &str = "paginationKey";

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

/// I6: response to a push, in any of its shapes.
pub(super) struct PushResponse {
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

impl TicketResult {
    /// Returns the result of a ticket that is in a list of accepted ones.
    pub(super) fn accepted(ticket_id: String) -> Self {
        Self { ticket_id, outcome: Some("ACCEPTED".to_owned()), status: None, errors: None }
    }

    /// Returns the result of a ticket that is in a list of rejected ones.
    pub(super) fn rejected(self) -> Self {
        Self { outcome: Some("REJECTED".to_owned()), ..self }
    }
}

/// I8: reason for rejecting a ticket. The vendor's message is not read.
#[derive(Deserialize)]
pub(super) struct TicketError {
    pub code: Option<String>,
    pub field: Option<String>,
}

/// I7: a page of the feed, in any of its shapes.
pub(super) struct FeedPage {
    pub result: Vec<FeedEntry>,
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
