//! Assumptions about S-360 that its public documents do not confirm (`secutix.md §8`): the table of settings that correct them, and
//! the few that no setting needs.
//!
//! [`Facts`](crate::facts::Facts) holds the values that apply to a source. Inferred field names are marked in `wire`.

use domain::ErrorKind;
use domain::catalog::Audience;
use domain::{RefusalReason, VendorError};
use vendor_api::{Accepts, Assumption};

use crate::facts::{EVENT_STATUSES, ORDER_STATES, REJECTIONS, TICKET_STATES};
use crate::wire::LenientString;

/// Inferred facts, each with its setting.
pub(crate) const ASSUMPTIONS: &[Assumption] = &[
    Assumption {
        key: "order_granularity",
        at_source: false,
        fact: "an order that is read with this detail contains its tickets; `none` asks for none",
        section: "secutix.md §3.3",
        default: "\"TICKETS\"",
        accepts: Accepts::OneOf(&["TICKETS", "MOVEMENTS", "OPERATIONS", "none"]),
        if_wrong: "sold tickets come without code; the order reports them as overdue",
    },
    Assumption {
        key: "tickets_at",
        at_source: false,
        fact: "an order has its tickets in its movements (`movement`), in a list of its own (`order`), or in either (`auto`)",
        section: "secutix.md §8",
        default: "\"auto\"",
        accepts: Accepts::OneOf(&["auto", "movement", "order"]),
        if_wrong: "sold tickets come without code; the order reports them as overdue",
    },
    Assumption {
        key: "catalog_min_interval",
        at_source: false,
        fact: "the catalog may be requested once in this time",
        section: "secutix.md §2.8",
        default: "\"10m\"",
        accepts: Accepts::Duration,
        if_wrong: "the vendor refuses the catalog; the kept one is served",
    },
    Assumption {
        key: "catalog_poll_counts",
        at_source: false,
        fact: "a poll of a catalog in progress counts as a request of the catalog, so a refused one waits for its turn",
        section: "secutix.md §2.7",
        default: "true",
        accepts: Accepts::Flag,
        if_wrong: "a catalog whose poll was refused comes up to ten minutes later than it could",
    },
    Assumption {
        key: "rate_limit_scope",
        at_source: false,
        fact: "a 509 or 429 concerns all requests to the institution, or those to the same `service`",
        section: "secutix.md §2.8",
        default: "\"institution\"",
        accepts: Accepts::OneOf(&["institution", "service"]),
        if_wrong: "requests wait that need not, or are refused once more",
    },
    Assumption {
        key: "max_performances",
        at_source: false,
        fact: "one request of availability may name so many dates",
        section: "secutix.md §3.2",
        default: "100",
        accepts: Accepts::Count(1, 1000),
        if_wrong: "availability is refused, and its status is unknown",
    },
    Assumption {
        key: "amount_unit",
        at_source: false,
        fact: "amounts are in thousandths of the currency unit",
        section: "secutix.md §4.2",
        default: "\"thousandths\"",
        accepts: Accepts::OneOf(&["thousandths", "hundredths"]),
        if_wrong: "prices that do not fit the catalog's currency are not sold; round ones of a currency without `minAmount` are off by ten",
    },
    Assumption {
        key: "seasons",
        at_source: false,
        fact: "all seasons of the catalog are of this organization; otherwise their ids or codes, or those of the organization",
        section: "secutix.md §7",
        default: "[]",
        accepts: Accepts::Texts,
        if_wrong: "events of other organizations are offered",
    },
    Assumption {
        key: "sold_families",
        at_source: false,
        fact: "products of these families are sold by date or by item",
        section: "secutix.md §4.1",
        default: "[\"SINGLE_ENTRY\", \"PASS\"]",
        accepts: Accepts::Texts,
        if_wrong: "a sale is refused, or a product is missing",
    },
    Assumption {
        key: "off_sale_categories",
        at_source: false,
        fact: "prices of these main categories are not on public sale",
        section: "secutix.md §4.1",
        default: "[\"INSIDE_SEASONTICKET\", \"INVITED\"]",
        accepts: Accepts::Texts,
        if_wrong: "a price is offered that the vendor refuses, or is missing",
    },
    Assumption {
        key: "event_states",
        at_source: false,
        fact: "words of the state of a product, a date or a season; any other is off sale",
        section: "secutix.md §4.1",
        default: "{ RUNNING = \"on_sale\", PREPARING = \"draft\", VALIDATED = \"draft\", CANCELED = \"canceled\", CANCELED_CLOSED = \"canceled\", CANCELLED = \"canceled\", CLOSED = \"ended\" }",
        accepts: Accepts::Words(EVENT_STATUSES),
        if_wrong: "an event is shown as off sale",
    },
    Assumption {
        key: "active_states",
        at_source: false,
        fact: "words of an active sales channel, point of sale or contact",
        section: "secutix.md §5.1",
        default: "[\"RUNNING\", \"ACTIVE\"]",
        accepts: Accepts::Texts,
        if_wrong: "`check` calls an active record switched off",
    },
    Assumption {
        key: "channel_types",
        at_source: false,
        fact: "`getPOSConfig` may show the type of the sales channel, and these words are a real-time interface",
        section: "secutix.md §5.1",
        default: "[\"REALTIME_INTERFACE\"]",
        accepts: Accepts::Texts,
        if_wrong: "`check` calls a channel one of another type",
    },
    Assumption {
        key: "contingents",
        at_source: false,
        fact: "a cart names the contingent of each seat: another one than configured is given back (`compare`), also an unnamed one (`require`)",
        section: "secutix.md §8",
        default: "\"compare\"",
        accepts: Accepts::OneOf(&["compare", "require", "ignore"]),
        if_wrong: "seats of other contingents are sold",
    },
    Assumption {
        key: "soap_attribution_order",
        at_source: false,
        fact: "SOAP wants the tariff and the quantity of a line before its date (`audience_first`), or the date first",
        section: "secutix.md §3.3",
        default: "\"audience_first\"",
        accepts: Accepts::OneOf(&["audience_first", "performance_first"]),
        if_wrong: "each cart is refused",
    },
    Assumption {
        key: "hold_minutes",
        at_source: false,
        fact: "a cart without an expiry lives so many minutes",
        section: "secutix.md §5.4",
        default: "15",
        accepts: Accepts::Count(1, 1440),
        if_wrong: "a cart expires before it is confirmed, and the order fails",
    },
    Assumption {
        key: "close_payments",
        at_source: false,
        fact: "`closeOrder` takes a list of payments (`list`) or none (`none`), or `createPaymentsAndCloseOrder` takes them (`facade`)",
        section: "secutix.md §8",
        default: "\"list\"",
        accepts: Accepts::OneOf(&["list", "none", "facade"]),
        if_wrong: "each sale is refused, and the order fails",
    },
    Assumption {
        key: "pending_account",
        at_source: false,
        fact: "the type of a payment method that is a pending account",
        section: "secutix.md §4.6",
        default: "\"PENDING_ACCOUNT\"",
        accepts: Accepts::Text,
        if_wrong: "no payment method is found; name it by `payment_method`",
    },
    Assumption {
        key: "order_states",
        at_source: false,
        fact: "words of the state of an order; any other leaves its outcome unknown",
        section: "secutix.md §4.3",
        default: "{ IN_PROGRESS = \"open\", CLOSED = \"closed\", ABANDONED = \"abandoned\", ABANDONNED = \"abandoned\", CANCELLED = \"canceled\", CANCELED = \"canceled\" }",
        accepts: Accepts::Words(ORDER_STATES),
        if_wrong: "the outcome of a sale stays unknown until a person settles it",
    },
    Assumption {
        key: "ticket_states",
        at_source: false,
        fact: "words of the state of a ticket; any other is not issued yet",
        section: "secutix.md §4.5",
        default: "{ VALID = \"issued\", CANCELLED = \"void\", CANCELED = \"void\", INVALIDATED = \"void\", NOT_PRINTED = \"pending\" }",
        accepts: Accepts::Words(TICKET_STATES),
        if_wrong: "sold tickets stay pending; the order reports them as overdue",
    },
    Assumption {
        key: "admissions",
        at_source: false,
        fact: "words of a control that let the visitor in",
        section: "secutix.md §3.8",
        default: "[\"OK\", \"OFFLINE_OK\"]",
        accepts: Accepts::Texts,
        if_wrong: "a used ticket is shown as unused",
    },
    Assumption {
        key: "rejections",
        at_source: false,
        fact: "codes of refusals; any other is a refusal without a reason",
        section: "secutix.md §8",
        default: "{ \"error.order.availability\" = \"sold_out\", \"error.order.expired\" = \"hold_expired\", \"error.order.closed\" = \"conflict\", \"error.order.payment\" = \"payment_declined\", \"error.order.tooLate\" = \"too_late\", \"error.order.notFound\" = \"not_found\", \"error.product.notOnSale\" = \"not_on_sale\", \"error.contact.notFound\" = \"unknown_contact\", \"error.pointOfSales\" = \"unknown_point_of_sale\" }",
        accepts: Accepts::Words(REJECTIONS),
        if_wrong: "a refusal is reported without its reason",
    },
    Assumption {
        key: "symbology",
        at_source: false,
        fact: "the symbology of the barcodes",
        section: "secutix.md §4.5",
        default: "\"qr\"",
        accepts: Accepts::OneOf(&["qr", "code128", "aztec", "pdf417", "other"]),
        if_wrong: "the gate cannot read the printed code",
    },
];

/// Seat category id that requests one row per seat category.
pub(crate) const ALL_SEAT_CATEGORIES: i64 = -1;

/// Vacancies below which a date is limited; S-360 has no such status.
pub(crate) const LIMITED_THRESHOLD: i64 = 10;

/// Returns true if a rejection means that the cart expired.
pub(crate) fn is_hold_expired(error: &VendorError) -> bool {
    matches!(&error.kind, ErrorKind::Rejected(refusal) if refusal.reason == RefusalReason::HoldExpired)
}

/// Returns the trimmed word of a field.
pub(crate) fn word(text: Option<&LenientString>) -> Option<&str> {
    text.map(|words| words.0.trim())
}

/// Substrings of tariff codes and names, and their audience. Venues choose both freely.
const AUDIENCE_KEYWORDS: &[(&str, Audience)] = &[
    ("senior", Audience::Senior),
    ("ahv", Audience::Senior),
    ("student", Audience::Student),
    ("etudiant", Audience::Student),
    ("étudiant", Audience::Student),
    ("child", Audience::Child),
    ("enfant", Audience::Child),
    ("kind", Audience::Child),
    ("kid", Audience::Child),
    ("youth", Audience::Youth),
    ("jeune", Audience::Youth),
    ("jugend", Audience::Youth),
    ("famil", Audience::Family),
    ("adult", Audience::Adult),
    ("group", Audience::Group),
    ("member", Audience::Member),
];

/// Returns the audience of a tariff: by its category, then by keywords in its code and name, then by its kind.
pub(crate) fn audience(main: Option<&str>, secondary: Option<&str>, kind: Option<&str>, words: &str) -> Audience {
    match (main, secondary) {
        (Some("SUBSCRIBER" | "MEMBER"), _) => return Audience::Member,
        (_, Some("GROUP")) => return Audience::Group,
        _ => {}
    }
    let words = words.to_lowercase();
    let named = AUDIENCE_KEYWORDS.iter().find(|(part, _)| words.contains(part)).map(|(_, audience)| *audience);
    named.unwrap_or(if kind == Some("FULL") { Audience::Adult } else { Audience::Other })
}
