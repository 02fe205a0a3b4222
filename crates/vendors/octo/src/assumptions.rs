//! Facts that OCTO leaves open or in which suppliers differ (`octo.md §10`, `§11`). Each has a setting that corrects it.

use serde::Deserialize;

use vendor_api::{Accepts, Assumption};

/// The inferred facts and the switches of suppliers that differ.
pub(super) const ASSUMPTIONS: &[Assumption] = &[
    Assumption {
        key: "capability_prefix",
        at_source: true,
        fact: "the supplier reads the ids of capabilities as `octo/pricing`",
        section: "octo.md §11 O1",
        default: "\"octo/\"",
        accepts: Accepts::OneOf(&["octo/", "none"]),
        if_wrong: "the supplier returns no prices, so nothing is sold, and `check` reports it",
    },
    Assumption {
        key: "supplier_path",
        at_source: true,
        fact: "the key alone names the supplier; with `path`, `/suppliers/{supplier_id}` precedes every path; with `key`, the key is followed by `/` and the id",
        section: "octo.md §10",
        default: "\"none\"",
        accepts: Accepts::OneOf(&["none", "path", "key"]),
        if_wrong: "every call is refused, and nothing is sold",
    },
    Assumption {
        key: "cancel_by",
        at_source: true,
        fact: "a booking is canceled with `POST …/cancel`; with `delete`, with `DELETE /bookings/{uuid}`",
        section: "octo.md §3",
        default: "\"post\"",
        accepts: Accepts::OneOf(&["post", "delete"]),
        if_wrong: "cancellations are refused; holds end by themselves",
    },
    Assumption {
        key: "list_cap",
        at_source: true,
        fact: "a list is complete; with another number than 0, a list of so many products is taken for incomplete",
        section: "octo.md §2.5",
        default: "0",
        accepts: Accepts::Count(0, 10_000),
        if_wrong: "events are missing; with a number, `check` reports it",
    },
    Assumption {
        key: "env_header",
        at_source: true,
        fact: "the supplier knows the header `Octo-Env` and returns in `testMode` which bookings are tests",
        section: "octo.md §2.2",
        default: "true",
        accepts: Accepts::Flag,
        if_wrong: "holds are refused and canceled at once, because test bookings look like real ones",
    },
    Assumption {
        key: "honors_uuid",
        at_source: true,
        fact: "a repeated booking call with the same `uuid` may be refused, or take effect twice, so a lost one is looked up and not repeated",
        section: "octo.md §6.2",
        default: "false",
        accepts: Accepts::Flag,
        if_wrong: "with `false`, lost calls take longer; with `true`, a supplier that ignores the `uuid` books twice",
    },
    Assumption {
        key: "sells_on_request",
        at_source: true,
        fact: "products without `instantConfirmation` are not sold: how long a `PENDING` booking waits is not documented",
        section: "octo.md §11 O10",
        default: "false",
        accepts: Accepts::Flag,
        if_wrong: "with `false`, they are listed and not sold; with `true`, an order waits until the supplier decides, or for a person",
    },
    Assumption {
        key: "sells_open_dated",
        at_source: true,
        fact: "a product without `availabilityRequired` is booked without `availabilityId`, at the price of its first availability",
        section: "octo.md §11 O15",
        default: "true",
        accepts: Accepts::Flag,
        if_wrong: "holds of such products are refused, or have another price, which is reported before the sale",
    },
    Assumption {
        key: "hold_minutes",
        at_source: true,
        fact: "a hold lasts as long as requested, or as `utcExpiresAt` says",
        section: "octo.md §6.1",
        default: "15",
        accepts: Accepts::Count(1, 1440),
        if_wrong: "without `utcExpiresAt`, holds are confirmed too late and refused",
    },
    Assumption {
        key: "hold_fixes_price",
        at_source: false,
        fact: "a hold fixes its price",
        section: "octo.md §11 O5",
        default: "true",
        accepts: Accepts::Flag,
        if_wrong: "the price is compared again before the confirmation, which is refused if it has changed",
    },
    Assumption {
        key: "booking_status_words",
        at_source: false,
        fact: "the words of a booking's `status`; with any other word its outcome stays unknown, and the word is logged once. A canceled hold is `CANCELLED` or `EXPIRED`; with `REJECTED` nothing was sold",
        section: "octo.md §11 O4, O11",
        default: "{ \"ON_HOLD\" = \"held\", \"CONFIRMED\" = \"sold\", \"REDEEMED\" = \"sold\", \"PENDING\" = \"pending\", \"CANCELLED\" = \"canceled\", \"EXPIRED\" = \"expired\", \"REJECTED\" = \"rejected\" }",
        accepts: Accepts::Words(&["held", "sold", "pending", "canceled", "expired", "rejected"]),
        if_wrong: "orders wait for a person",
    },
    Assumption {
        key: "delivery_format_words",
        at_source: false,
        fact: "the formats of tickets; a ticket of any other format is issued with its value, and the word is logged once. A link is the value of a ticket without a code",
        section: "octo.md §4.2",
        default: "{ \"QRCODE\" = \"qr\", \"CODE128\" = \"code128\", \"AZTECCODE\" = \"aztec\", \"PDF_URL\" = \"link\", \"PKPASS_URL\" = \"link\" }",
        accepts: Accepts::Words(&["qr", "code128", "aztec", "pdf417", "link", "other"]),
        if_wrong: "the gate cannot scan the codes",
    },
    Assumption {
        key: "absent_after",
        at_source: false,
        fact: "a booking that can be read neither by `uuid` nor by our reference so long after its hold ended was not sold",
        section: "octo.md §8",
        default: "\"2m\"",
        accepts: Accepts::Duration,
        if_wrong: "an order whose confirmation was lost is closed as not sold although the supplier sold it; reconciliation finds it",
    },
];

/// Meaning of a booking's status word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum BookingWord {
    /// Its places are reserved.
    Held,
    /// Sold, and possibly used.
    Sold,
    /// Waits for somebody at the supplier.
    Pending,
    /// Canceled.
    Canceled,
    /// Its hold ended, or was released.
    Expired,
    /// Refused by somebody at the supplier.
    Rejected,
}

/// Meaning of a delivery format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FormatWord {
    /// QR code.
    Qr,
    /// Code 128.
    Code128,
    /// Aztec code.
    Aztec,
    /// PDF417.
    Pdf417,
    /// Address of a document.
    Link,
    /// Any other code.
    Other,
}
