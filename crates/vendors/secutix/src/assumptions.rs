//! Assumptions about S-360 that its public documents do not confirm (`secutix.md §8`).
//!
//! Correct this file when the real contract is available. Inferred field names are marked in `wire`.

use domain::catalog::Audience;
use domain::ordering::{Symbology, TicketState};
use domain::{ErrorKind, EventStatus, RefusalReason, VendorError};

use crate::protocol::ResultStatus;
use crate::wire::{LenientString, ResultHeader};

/// Detail of orders that contains the tickets. The words are documented, what each contains is inferred from the names
/// (`secutix.md §3.4`).
pub(crate) const DEFAULT_ORDER_GRANULARITY: &str = "TICKETS";

/// Details of orders that can be asked for; `none` does not send the parameter.
pub(crate) const ORDER_GRANULARITIES: &[&str] = &["TICKETS", "MOVEMENTS", "OPERATIONS", "none"];

/// Payment type of a pending account.
pub(crate) const PENDING_ACCOUNT: &str = "PENDING_ACCOUNT";

/// Returns true if a record is active: `RUNNING` for a channel or a point of sale, `ACTIVE` for a contact. A record without a
/// state is assumed active.
pub(crate) fn is_active(state: Option<&LenientString>) -> bool {
    state.is_none_or(|word| ["RUNNING", "ACTIVE"].iter().any(|active| word.0.trim().eq_ignore_ascii_case(active)))
}

/// Lifetime of a cart in minutes if the vendor sends no expiry. The unit of `orderAbandonDelay` is not documented.
pub(crate) const HOLD_MINUTES: u64 = 15;

/// Maximum number of dates in one `getEventAvailability`; no limit is documented.
pub(crate) const MAX_PERFORMANCES_PER_REQUEST: usize = 100;

/// Seat category id that requests one row per seat category.
pub(crate) const ALL_SEAT_CATEGORIES: i64 = -1;

/// Vacancies below which a date is limited; S-360 has no such status.
pub(crate) const LIMITED_THRESHOLD: i64 = 10;

/// Symbology of barcodes; the order contains only their text.
pub(crate) const SYMBOLOGY: Symbology = Symbology::Qr;

/// Classifies a result. Inferred: rejection codes begin with `error.` and may be in any of three fields. `None` if the result
/// contains neither success nor a code; it must not be treated as either.
pub(crate) fn result_status(header: &ResultHeader) -> Option<ResultStatus> {
    let status = header.status_code.as_ref().map(|words| words.0.trim())?;
    if status.eq_ignore_ascii_case("success") {
        return Some(ResultStatus::Success);
    }
    if status.eq_ignore_ascii_case("in_progress") {
        return Some(ResultStatus::InProgress(header.request_id.map(|id| id.0)));
    }
    let texts = [&header.status_code, &header.status_detail, &header.status_message];
    let code = texts.into_iter().flatten().map(|words| words.0.trim()).find(|text| text.starts_with("error."))?;
    // `expectedException` false is inferred to mean a system failure; only known codes override it.
    let is_technical =
        header.expected_exception.is_some_and(|flag| !flag.0) && rejection_reason(code) == RefusalReason::Other;
    Some(ResultStatus::Rejected { code: code.to_owned(), is_technical })
}

/// Maps a rejection code to a reason. Only `error.order.availability` is documented.
pub(crate) fn rejection_reason(code: &str) -> RefusalReason {
    match code {
        "error.order.availability" => RefusalReason::SoldOut { remaining: None },
        "error.order.expired" => RefusalReason::HoldExpired,
        "error.order.closed" => RefusalReason::Conflict,
        "error.order.payment" => RefusalReason::PaymentDeclined,
        "error.order.tooLate" => RefusalReason::TooLate,
        "error.product.notOnSale" => RefusalReason::NotOnSale,
        "error.contact.notFound" => RefusalReason::InvalidInput { field: "contact_reference".to_owned() },
        "error.pointOfSales" => RefusalReason::InvalidInput { field: "point_of_sales_id".to_owned() },
        _ => RefusalReason::Other,
    }
}

/// Returns true if a rejection means that the cart expired.
pub(crate) fn is_hold_expired(error: &VendorError) -> bool {
    matches!(&error.kind, ErrorKind::Rejected(refusal) if refusal.reason == RefusalReason::HoldExpired)
}

/// Returns true unless a ticket was canceled or replaced. An unknown state counts as valid.
pub(crate) fn is_valid_ticket(state: Option<&LenientString>) -> bool {
    ticket_state(state, false) != TicketState::Void
}

/// Code of an order that does not exist.
pub(crate) const ORDER_NOT_FOUND: &str = "error.order.notFound";

/// State of an order. Only `CLOSED` appears in the documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrderState {
    /// A cart.
    Open,
    /// A sale.
    Closed,
    /// A cart that was abandoned or expired.
    Abandoned,
    /// A sale that was canceled completely.
    Canceled,
    /// An unknown state.
    Unknown,
}

/// Maps the state of an order.
pub(crate) fn order_state(text: Option<&LenientString>) -> OrderState {
    match text.map(|words| words.0.trim()) {
        Some("IN_PROGRESS") => OrderState::Open,
        Some("CLOSED") => OrderState::Closed,
        Some("ABANDONED" | "ABANDONNED") => OrderState::Abandoned,
        Some("CANCELLED" | "CANCELED") => OrderState::Canceled,
        _ => OrderState::Unknown,
    }
}

/// Maps the state of a ticket. A barcode without a state is assumed valid, as in the SOAP sample.
pub(crate) fn ticket_state(state: Option<&LenientString>, has_barcode: bool) -> TicketState {
    match state.map(|words| words.0.trim()) {
        Some("VALID") => TicketState::Issued,
        Some("CANCELLED" | "CANCELED" | "INVALIDATED") => TicketState::Void,
        None if has_barcode => TicketState::Issued,
        _ => TicketState::Pending,
    }
}

/// Returns true if a control admitted the visitor (`secutix.md §3.8`). The codes are documented; that these two open the gate
/// is inferred.
pub(crate) fn is_admission(kind: Option<&LenientString>) -> bool {
    matches!(kind.map(|words| words.0.trim()), Some("OK" | "OFFLINE_OK"))
}

/// Maps the state of a product or date. The codes are documented; which of them mean "for sale" is inferred.
pub(crate) fn event_status(state: Option<&LenientString>) -> EventStatus {
    match state.map(|words| words.0.trim()) {
        // Absent: the catalog contains only running and suspended products, and a date may omit its state.
        None | Some("RUNNING") => EventStatus::OnSale,
        Some("PREPARING" | "VALIDATED") => EventStatus::Draft,
        Some("CANCELED" | "CANCELED_CLOSED" | "CANCELLED") => EventStatus::Cancelled,
        Some("CLOSED") => EventStatus::Ended,
        _ => EventStatus::OffSale,
    }
}

/// Returns true if a tariff or price level is on public sale. Prices inside a season ticket and for invited guests are not.
pub(crate) fn is_for_sale(main_category: Option<&LenientString>) -> bool {
    !matches!(main_category.map(|words| words.0.trim()), Some("INSIDE_SEASONTICKET" | "INVITED"))
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
