//! Assumptions where TickeTing's documentation is silent (`ticketing.md §7`). They are corrected here, and only here,
//! once the real document is available. Those on which money, tickets or sales depend are in [`ASSUMPTIONS`], so that an
//! operator can correct them.

use rust_decimal::Decimal;
use serde::Deserialize;

use vendor_api::{Accepts, Assumption};

/// The inferred facts that a setting corrects.
pub(super) const ASSUMPTIONS: &[Assumption] = &[
    Assumption {
        key: "published_host_filter",
        at_source: false,
        fact: "the public list of events ignores `host`, so only events that are in the host's own list too are the host's",
        section: "ticketing.md §4.6",
        default: "\"never\"",
        accepts: Accepts::OneOf(&["never", "trusted"]),
        if_wrong: "with `never`, a key that may read no list of the host sells nothing; with `trusted`, events of other hosts are sold if the filter is ignored",
    },
    Assumption {
        key: "delete_sold_section",
        at_source: false,
        fact: "the vendor deletes a section with sold or reserved tickets, so the client refuses it",
        section: "ticketing.md §4.7",
        default: "\"refuse\"",
        accepts: Accepts::OneOf(&["refuse", "allow"]),
        if_wrong: "with `refuse`, such a section is deleted in the back office; with `allow`, visitors with tickets of a deleted section may not be admitted",
    },
    Assumption {
        key: "page_size",
        at_source: false,
        fact: "a list returns as many rows as requested, or says in `records` how many",
        section: "ticketing.md §3.2",
        default: "100",
        accepts: Accepts::Count(1, 1000),
        if_wrong: "rows are missing: events that are not sold, orders that are not found",
    },
    Assumption {
        key: "event_status_words",
        at_source: false,
        fact: "the words of an event's `status`; an event with any other word is listed and not sold, and the word is logged once",
        section: "ticketing.md §7 I5",
        default: "{ \"Draft\" = \"draft\", \"Submitted\" = \"submitted\", \"Scheduled\" = \"published\", \"Cancelled\" = \"canceled\" }",
        accepts: Accepts::Words(&["canceled", "draft", "published", "submitted"]),
        if_wrong: "events are not sold, or a canceled one is",
    },
    Assumption {
        key: "order_status_words",
        at_source: false,
        fact: "the words of an order's `status`; with any other word its outcome stays unknown, and the word is logged once",
        section: "ticketing.md §4.11",
        default: "{ \"Placed\" = \"placed\", \"Fulfilled\" = \"fulfilled\", \"Cancelled\" = \"abandoned\", \"Timed Out\" = \"abandoned\", \"Refunded\" = \"reversed\", \"Returned\" = \"reversed\", \"Voided\" = \"reversed\" }",
        accepts: Accepts::Words(&["abandoned", "fulfilled", "placed", "reversed"]),
        if_wrong: "orders wait for a person",
    },
    Assumption {
        key: "ticket_status_words",
        at_source: false,
        fact: "the words of a ticket's `status`; a ticket with any other word is pending, and the word is logged once",
        section: "ticketing.md §5.6",
        default: "{ \"Issued\" = \"issued\", \"Held\" = \"issued\", \"Unclaimed\" = \"issued\", \"Redeemed\" = \"used\", \"Voided\" = \"void\", \"Void\" = \"void\", \"Cancelled\" = \"void\", \"Refunded\" = \"void\", \"Returned\" = \"void\" }",
        accepts: Accepts::Words(&["issued", "pending", "used", "void"]),
        if_wrong: "paid tickets stay pending, or refunded ones count as valid",
    },
    Assumption {
        key: "payment_status_words",
        at_source: false,
        fact: "the words of a payment's or refund's `status`; any other word is a decline if the order does not say that it is paid",
        section: "ticketing.md §7 I8",
        default: "{ \"Authorised\" = \"authorized\", \"Declined\" = \"declined\" }",
        accepts: Accepts::Words(&["authorized", "declined"]),
        if_wrong: "an accepted card counts as declined while the order is not paid yet, and the order is canceled",
    },
    Assumption {
        key: "payment_window",
        at_source: false,
        fact: "a placed order waits so long for its payment; then its capacity is released",
        section: "ticketing.md §7 I10",
        default: "\"15m\"",
        accepts: Accepts::Duration,
        if_wrong: "orders are paid too late and refused, or canceled too early",
    },
    Assumption {
        key: "open_ended_event",
        at_source: false,
        fact: "an event without an end lasts so long",
        section: "ticketing.md §5.3",
        default: "\"24h\"",
        accepts: Accepts::Duration,
        if_wrong: "an event is sold after its end, or not until it",
    },
    Assumption {
        key: "barcode_symbology",
        at_source: false,
        fact: "the gate scans a QR code of the plain `serial` of the ticket",
        section: "ticketing.md §4.9",
        default: "\"qr\"",
        accepts: Accepts::OneOf(&["qr", "code128", "aztec", "pdf417"]),
        if_wrong: "the gate cannot scan the codes",
    },
];

/// Meaning of an event's status word (I5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EventWord {
    /// Registered, and not submitted for review.
    Draft,
    /// Under review.
    Submitted,
    /// Published; it keeps this status after it ended.
    Published,
    /// Canceled.
    Canceled,
}

/// Meaning of an order's status word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum OrderWord {
    /// Its capacity is reserved, but it is not paid.
    Placed,
    /// Sold.
    Fulfilled,
    /// Canceled or timed out before it was sold.
    Abandoned,
    /// Sold, and refunded or voided since.
    Reversed,
}

/// Meaning of a ticket's status word (I12, I13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TicketWord {
    /// It admits its visitor.
    Issued,
    /// It is not ready.
    Pending,
    /// It admitted its visitor.
    Used,
    /// It admits nobody.
    Void,
}

/// Meaning of a payment's status word (I8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PaymentWord {
    /// The card was charged, or the refund was made.
    Authorized,
    /// Nothing was charged.
    Declined,
}

/// I11: fee of a free ticket.
pub(super) const FREE_TICKET_FEE: Decimal = Decimal::ZERO;

/// I14: name of the redeemer and of the device that admit visitors; the vendor requires both (`§4.9`).
pub(super) const REDEEMER: &str = "ticketgraph";
/// See [`REDEEMER`].
pub(super) const DEVICE: &str = "ticketgraph gate";

/// I5 and `§4.6`: read-only fields of an event. Not sent back: images are read as URLs and written as data, sections
/// have their own endpoints, and the host is part of the first write only.
pub(super) const READ_ONLY_EVENT_FIELDS: &[&str] =
    &["self", "host", "status", "published", "popularity", "banner", "thumbnail", "sections"];
/// I7: read-only fields of a section; its price is written as `basePrice`.
pub(super) const READ_ONLY_SECTION_FIELDS: &[&str] = &["self", "price", "active", "sold", "remaining", "reserved"];
