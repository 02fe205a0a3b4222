//! The inferred facts that apply to a source: the values of [`ASSUMPTIONS`](crate::assumptions::ASSUMPTIONS), typed.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::ordering::{Symbology, TicketState};
use domain::{EventStatus, RefusalReason};
use jiff::SignedDuration;
use serde::Deserialize;
use vendor_api::{Assumptions, InvalidSetting};

use crate::assumptions::word;
use crate::map::family::ProductFamily;
use crate::map::money::AmountUnit;
use crate::protocol::{RateLimitScope, ResultStatus};
use crate::wire::{LenientString, ResultHeader};

/// Longest time between two requests of the catalog.
const MAX_CATALOG_INTERVAL: SignedDuration = SignedDuration::from_hours(24);

/// Place of the tickets in an order (`secutix.md §4.3`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TicketPlace {
    /// In its movement, otherwise in the order's list.
    Auto,
    /// In its movement only.
    Movement,
    /// In the order's list only.
    Order,
}

/// Treatment of the contingents that a cart took its seats from (`secutix.md §8`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ContingentRule {
    /// A cart with a seat of another contingent is given back.
    Compare,
    /// So is a cart with a seat of an unnamed contingent.
    Require,
    /// Any contingent is accepted.
    Ignore,
}

/// Order of the fields of a line in SOAP, where a schema may prescribe one (`secutix.md §3.3`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AttributionOrder {
    /// Tariff, quantity, date, seat category, as the one public client writes them.
    #[default]
    AudienceFirst,
    /// Date, seat category, tariff, quantity, as the JSON samples do.
    PerformanceFirst,
}

/// Call that takes the payments of a sale (`secutix.md §3.3`, §3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ClosePayments {
    /// `closeOrder`, as a list.
    List,
    /// None: `closeOrder` without payments.
    None,
    /// `createPaymentsAndCloseOrder`.
    Facade,
}

/// Meanings of the words of order states.
pub(crate) const ORDER_STATES: &[&str] = &["open", "closed", "abandoned", "canceled"];
/// Meanings of the words of ticket states.
pub(crate) const TICKET_STATES: &[&str] = &["issued", "void", "pending"];
/// Meanings of the words of product and date states.
pub(crate) const EVENT_STATUSES: &[&str] = &["on_sale", "off_sale", "draft", "canceled", "ended"];
/// Meanings of the codes of refusals.
pub(crate) const REJECTIONS: &[&str] = &[
    "sold_out",
    "hold_expired",
    "conflict",
    "payment_declined",
    "too_late",
    "not_on_sale",
    "not_found",
    "unknown_contact",
    "unknown_point_of_sale",
    "other",
];

/// State of an order.
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

/// Meaning of a rejection code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// The record does not exist.
    NotFound,
    /// A business refusal.
    Refused(RefusalReason),
}

/// Facts of one source.
#[derive(Debug)]
pub(crate) struct Facts {
    /// Detail of orders that is asked for. `None`: the parameter is not sent.
    pub order_granularity: Option<String>,
    /// Place of the tickets in an order.
    pub tickets_at: TicketPlace,
    /// Time between two requests of the catalog.
    pub catalog_min_interval: Duration,
    /// True if a poll of a catalog in progress counts as a request of it.
    pub catalog_poll_counts: bool,
    /// Requests that a rate-limit response concerns.
    pub rate_limit_scope: RateLimitScope,
    /// Maximum number of dates in one request of availability.
    pub max_performances: usize,
    /// Unit of amounts.
    pub amount_unit: AmountUnit,
    /// Ids or codes of the seasons, or of their organizations, that are offered. Empty: all.
    pub seasons: Vec<String>,
    /// Treatment of contingents in a cart.
    pub contingents: ContingentRule,
    /// Order of the fields of a line in SOAP.
    pub attribution_order: AttributionOrder,
    /// Lifetime of a cart without an expiry.
    pub hold_lifetime: Duration,
    /// Call that takes the payments.
    pub close_payments: ClosePayments,
    /// Type of a payment method that is a pending account.
    pub pending_account: String,
    /// Symbology of barcodes.
    pub symbology: Symbology,
    sold_families: Vec<String>,
    channel_types: Vec<String>,
    off_sale_categories: Vec<String>,
    active_states: Vec<String>,
    admissions: Vec<String>,
    event_states: BTreeMap<String, String>,
    order_states: BTreeMap<String, String>,
    ticket_states: BTreeMap<String, String>,
    rejections: BTreeMap<String, String>,
}

impl Facts {
    /// Returns true if a sale is closed with payments, for which the point of sale needs a payment method.
    pub(crate) fn needs_payment_method(&self) -> bool {
        self.close_payments != ClosePayments::None
    }

    /// Reads the values.
    pub(crate) fn from_assumptions(values: &Assumptions) -> Result<Self, InvalidSetting> {
        let interval: SignedDuration = values.get("catalog_min_interval")?;
        if interval > MAX_CATALOG_INTERVAL {
            return Err(InvalidSetting::new("assumptions.catalog_min_interval", "must be at most a day"));
        }
        let sold_families: Vec<String> = values.get("sold_families")?;
        if sold_families.iter().any(|family| ProductFamily::parse(family).is_privilege()) {
            let message = "must not contain MEMBERSHIP or SEASONTICKET: digital privileges are not supported";
            return Err(InvalidSetting::new("assumptions.sold_families", message));
        }
        let granularity: String = values.get("order_granularity")?;
        let minutes: u64 = values.get("hold_minutes")?;
        Ok(Self {
            order_granularity: Some(granularity).filter(|detail| detail != "none"),
            tickets_at: values.get("tickets_at")?,
            catalog_min_interval: interval.try_into().unwrap_or_default(),
            catalog_poll_counts: values.get("catalog_poll_counts")?,
            rate_limit_scope: values.get("rate_limit_scope")?,
            max_performances: values.get("max_performances")?,
            amount_unit: values.get("amount_unit")?,
            seasons: values.get("seasons")?,
            contingents: values.get("contingents")?,
            attribution_order: values.get("soap_attribution_order")?,
            hold_lifetime: Duration::from_secs(minutes * 60),
            close_payments: values.get("close_payments")?,
            pending_account: values.get("pending_account")?,
            symbology: values.symbology("symbology")?,
            sold_families,
            channel_types: values.get("channel_types")?,
            off_sale_categories: values.get("off_sale_categories")?,
            active_states: values.get("active_states")?,
            admissions: values.get("admissions")?,
            event_states: values.words("event_states")?,
            order_states: values.words("order_states")?,
            ticket_states: values.words("ticket_states")?,
            rejections: values.words("rejections")?,
        })
    }

    /// Returns true if a record is active. A record without a state is assumed active.
    pub(crate) fn is_active(&self, state: Option<&LenientString>) -> bool {
        word(state).is_none_or(|state| is_among(&self.active_states, state))
    }

    /// Returns true if a sales channel is a real-time interface. `None` if its type is not shown.
    pub(crate) fn is_realtime_interface(&self, channel_type: Option<&LenientString>) -> Option<bool> {
        word(channel_type).filter(|word| !word.is_empty()).map(|word| is_among(&self.channel_types, word))
    }

    /// Returns true if products of a family can be sold. A product without a family can.
    pub(crate) fn is_sold_family(&self, family: &str) -> bool {
        family.is_empty() || is_among(&self.sold_families, family)
    }

    /// Returns true if a tariff or price level is on public sale. Prices inside a season ticket and for invited guests are not.
    pub(crate) fn is_for_sale(&self, main_category: Option<&LenientString>) -> bool {
        word(main_category).is_none_or(|category| !is_among(&self.off_sale_categories, category))
    }

    /// Returns true if the seasons of a record are offered, given all its names.
    pub(crate) fn is_offered_season<'a>(&self, mut names: impl Iterator<Item = &'a str>) -> bool {
        self.seasons.is_empty() || names.any(|name| is_among(&self.seasons, name))
    }

    /// Returns true if a control admitted the visitor (`secutix.md §3.8`).
    pub(crate) fn is_admission(&self, kind: Option<&LenientString>) -> bool {
        word(kind).is_some_and(|kind| is_among(&self.admissions, kind))
    }

    /// Maps the state of a product or date.
    pub(crate) fn event_status(&self, state: Option<&LenientString>) -> EventStatus {
        // Absent: the catalog contains only running and suspended products, and a date may omit its state.
        let Some(state) = word(state) else { return EventStatus::OnSale };
        match self.event_states.get(&state.to_lowercase()).map(String::as_str) {
            Some("on_sale") => EventStatus::OnSale,
            Some("draft") => EventStatus::Draft,
            Some("canceled") => EventStatus::Cancelled,
            Some("ended") => EventStatus::Ended,
            _ => EventStatus::OffSale,
        }
    }

    /// Maps the state of an order. Only `CLOSED` appears in the documents.
    pub(crate) fn order_state(&self, state: Option<&LenientString>) -> OrderState {
        let known = word(state).and_then(|state| self.order_states.get(&state.to_lowercase()));
        match known.map(String::as_str) {
            Some("open") => OrderState::Open,
            Some("closed") => OrderState::Closed,
            Some("abandoned") => OrderState::Abandoned,
            Some("canceled") => OrderState::Canceled,
            _ => OrderState::Unknown,
        }
    }

    /// Maps the state of a ticket. A barcode without a state is assumed valid, as in the SOAP sample.
    pub(crate) fn ticket_state(&self, state: Option<&LenientString>, has_barcode: bool) -> TicketState {
        let Some(state) = word(state) else {
            return if has_barcode { TicketState::Issued } else { TicketState::Pending };
        };
        match self.ticket_states.get(&state.to_lowercase()).map(String::as_str) {
            Some("issued") => TicketState::Issued,
            Some("void") => TicketState::Void,
            _ => TicketState::Pending,
        }
    }

    /// Returns true unless a ticket was canceled or replaced. An unknown state counts as valid.
    pub(crate) fn is_valid_ticket(&self, state: Option<&LenientString>) -> bool {
        self.ticket_state(state, false) != TicketState::Void
    }

    /// Maps a rejection code. Only `error.order.availability` is documented.
    pub(crate) fn rejection(&self, code: &str) -> Rejection {
        let field = |name: &str| RefusalReason::InvalidInput { field: name.to_owned() };
        Rejection::Refused(match self.rejections.get(&code.to_lowercase()).map(String::as_str) {
            Some("not_found") => return Rejection::NotFound,
            Some("sold_out") => RefusalReason::SoldOut { remaining: None },
            Some("hold_expired") => RefusalReason::HoldExpired,
            Some("conflict") => RefusalReason::Conflict,
            Some("payment_declined") => RefusalReason::PaymentDeclined,
            Some("too_late") => RefusalReason::TooLate,
            Some("not_on_sale") => RefusalReason::NotOnSale,
            Some("unknown_contact") => field("contact_reference"),
            Some("unknown_point_of_sale") => field("point_of_sales_id"),
            _ => RefusalReason::Other,
        })
    }

    /// Returns true if a failure of the vendor's own system is behind a rejection. That `expectedException` false means one is inferred;
    /// only known codes override it.
    pub(crate) fn is_technical(&self, code: &str, is_unexpected: bool) -> bool {
        is_unexpected && self.rejection(code) == Rejection::Refused(RefusalReason::Other)
    }
}

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
    let is_unexpected = header.expected_exception.is_some_and(|flag| !flag.0);
    Some(ResultStatus::Rejected { code: code.to_owned(), is_unexpected })
}

fn is_among(words: &[String], word: &str) -> bool {
    words.iter().any(|one| one.trim().eq_ignore_ascii_case(word))
}

#[cfg(test)]
impl Facts {
    /// Returns the facts of a table of settings.
    pub(crate) fn of(settings: &str) -> std::sync::Arc<Self> {
        let settings = settings.parse().expect("TOML");
        let values = Assumptions::from_settings(crate::assumptions::ASSUMPTIONS, &settings).expect("valid settings");
        std::sync::Arc::new(Self::from_assumptions(&values).expect("typed settings"))
    }
}
