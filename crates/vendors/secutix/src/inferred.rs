//! Everything about S-360 that its readable documents do not say and that we reasoned out (`secutix.md §8`).
//!
//! When the real contract is at hand, this is the file to correct; field names that are inferred are marked so in `wire`.

use crate::speech::Verdict;
use crate::wire::{Outcome, Words};
use domain::catalog::Audience;
use domain::ordering::{Symbology, TicketState};
use domain::{ErrorKind, EventStatus, Reason, VendorError};

/// The payment type of a pending account.
pub(crate) const PENDING_ACCOUNT: &str = "PENDING_ACCOUNT";

/// Whether something is in use, by its state: `RUNNING` of a channel or a point of sale, `ACTIVE` of a contact. One that tells no
/// state is taken to be.
pub(crate) fn is_active(state: Option<&Words>) -> bool {
    state.is_none_or(|word| ["RUNNING", "ACTIVE"].iter().any(|known| word.0.trim().eq_ignore_ascii_case(known)))
}

/// Minutes that a cart lives, where the vendor does not tell: the unit of `orderAbandonDelay` is not documented.
pub(crate) const HOLD_MINUTES: u64 = 15;

/// Dates that one `getEventAvailability` names: no limit is documented.
pub(crate) const MOST_PERFORMANCES: usize = 100;

/// Asks for one row for each seat category.
pub(crate) const EACH_CATEGORY: i64 = -1;

/// Places left below which a date is nearly gone; S-360 has no word for it.
pub(crate) const NEARLY_GONE: i64 = 10;

/// How a barcode is printed: the order says only its text.
pub(crate) const SYMBOLOGY: Symbology = Symbology::Qr;

/// What a result says: that codes of refusals begin with `error.`, and may stand in any of three fields, is inferred.
/// `None`: neither success nor a code; such an answer must not be taken for either.
pub(crate) fn verdict(outcome: &Outcome) -> Option<Verdict> {
    let status = outcome.status_code.as_ref().map(|words| words.0.trim())?;
    if status.eq_ignore_ascii_case("success") {
        return Some(Verdict::Success);
    }
    if status.eq_ignore_ascii_case("in_progress") {
        return Some(Verdict::InProgress(outcome.request_id.map(|id| id.0)));
    }
    let texts = [&outcome.status_code, &outcome.status_detail, &outcome.status_message];
    let code = texts.into_iter().flatten().map(|words| words.0.trim()).find(|text| text.starts_with("error."))?;
    // `expectedException` false is inferred to mean a failure of the system; only codes that we know outweigh it.
    let is_technical = outcome.expected_exception.is_some_and(|flag| !flag.0) && reason(code) == Reason::Other;
    Some(Verdict::Refused { code: code.to_owned(), is_technical })
}

/// Our word for a refusal. Only `error.order.availability` is documented.
pub(crate) fn reason(code: &str) -> Reason {
    match code {
        "error.order.availability" => Reason::SoldOut { remaining: None },
        "error.order.expired" => Reason::HoldExpired,
        "error.order.closed" => Reason::Conflict,
        "error.order.payment" => Reason::PaymentDeclined,
        "error.order.tooLate" => Reason::TooLate,
        "error.product.notOnSale" => Reason::NotOnSale,
        "error.contact.notFound" => Reason::InvalidInput { field: "contact_reference".to_owned() },
        "error.pointOfSales" => Reason::InvalidInput { field: "point_of_sales_id".to_owned() },
        _ => Reason::Other,
    }
}

/// Whether a refusal says that a cart ran out.
pub(crate) fn says_expired(error: &VendorError) -> bool {
    matches!(&error.kind, ErrorKind::Rejected(refusal) if refusal.reason == Reason::HoldExpired)
}

/// Whether a refusal says that an order is no cart any more.
pub(crate) fn says_closed(error: &VendorError) -> bool {
    matches!(&error.kind, ErrorKind::Rejected(refusal) if refusal.reason == Reason::Conflict)
}

/// Whether a ticket is still one: cancelled and replaced ones are not. An unknown word is.
pub(crate) fn is_live(state: Option<&Words>) -> bool {
    ticket_state(state, false) != TicketState::Void
}

/// The code of an order that the vendor does not know.
pub(crate) const ORDER_NOT_FOUND: &str = "error.order.notFound";

/// Where an order stands. Only `CLOSED` was ever seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrderState {
    /// A cart.
    Open,
    /// A sale.
    Closed,
    /// A cart given back or run out.
    Abandoned,
    /// A sale of which nothing is left.
    Cancelled,
    /// A word that we do not know.
    Unknown,
}

/// Reads the state of an order.
pub(crate) fn order_state(text: Option<&Words>) -> OrderState {
    match text.map(|words| words.0.trim()) {
        Some("IN_PROGRESS") => OrderState::Open,
        Some("CLOSED") => OrderState::Closed,
        Some("ABANDONED" | "ABANDONNED") => OrderState::Abandoned,
        Some("CANCELLED" | "CANCELED") => OrderState::Cancelled,
        _ => OrderState::Unknown,
    }
}

/// Where a ticket stands. A code without a state is taken for a good ticket: the SOAP sample shows it so.
pub(crate) fn ticket_state(state: Option<&Words>, has_barcode: bool) -> TicketState {
    match state.map(|words| words.0.trim()) {
        Some("VALID") => TicketState::Issued,
        Some("CANCELLED" | "CANCELED" | "INVALIDATED") => TicketState::Void,
        None if has_barcode => TicketState::Issued,
        _ => TicketState::Pending,
    }
}

/// Whether a control let the visitor in (`secutix.md §3.8`). The words are documented; that these two open the gate is inferred.
pub(crate) fn lets_in(kind: Option<&Words>) -> bool {
    matches!(kind.map(|words| words.0.trim()), Some("OK" | "OFFLINE_OK"))
}

/// Where a product or date stands. The words are documented; which of them mean "for sale" is inferred.
pub(crate) fn status(state: Option<&Words>) -> EventStatus {
    match state.map(|words| words.0.trim()) {
        // Absent: the catalogue holds only what is running or suspended, and a date may leave its state out.
        None | Some("RUNNING") => EventStatus::OnSale,
        Some("PREPARING" | "VALIDATED") => EventStatus::Draft,
        Some("CANCELED" | "CANCELED_CLOSED" | "CANCELLED") => EventStatus::Cancelled,
        Some("CLOSED") => EventStatus::Ended,
        _ => EventStatus::OffSale,
    }
}

/// Whether a tariff or price level is for anybody. Prices inside a season ticket, and those of invited guests, are not.
pub(crate) fn is_for_sale(main_category: Option<&Words>) -> bool {
    !matches!(main_category.map(|words| words.0.trim()), Some("INSIDE_SEASONTICKET" | "INVITED"))
}

/// Parts of codes and names of tariffs, and who they are for. Venues choose both freely.
const AUDIENCES: &[(&str, Audience)] = &[
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

/// Who a tariff is for: by its category where that says it, then by the words of its code and name, then by its kind.
pub(crate) fn audience(main: Option<&str>, secondary: Option<&str>, kind: Option<&str>, words: &str) -> Audience {
    match (main, secondary) {
        (Some("SUBSCRIBER" | "MEMBER"), _) => return Audience::Member,
        (_, Some("GROUP")) => return Audience::Group,
        _ => {}
    }
    let words = words.to_lowercase();
    let named = AUDIENCES.iter().find(|(part, _)| words.contains(part)).map(|(_, audience)| *audience);
    named.unwrap_or(if kind == Some("FULL") { Audience::Adult } else { Audience::Other })
}
