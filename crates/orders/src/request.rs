//! Client requests and the checks that need neither a source nor the store.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::order::FulfillmentPolicy;
use crate::problem::{Problem, ProblemCode};
use crate::quote::QuoteId;
use crate::settings::OrderSettings;
use domain::ordering::{Contact, DeliveryPreference, is_email};
use domain::{EventKey, Locale, Money, OrderKey, PerformanceKey, SourceId, TicketTypeKey};

/// Originator of a request. A caller that belongs to a reseller sees only the orders of that reseller; other callers
/// see all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// API caller.
    pub caller: String,
    /// Reseller that the caller belongs to.
    pub reseller: Option<String>,
}

impl Actor {
    /// Returns the owner of idempotency keys: all callers of a reseller share their keys.
    pub fn idempotency_scope(&self) -> String {
        match &self.reseller {
            Some(reseller) => format!("reseller {reseller}"),
            None => format!("caller {}", self.caller),
        }
    }

    /// Returns true if the actor may see an order of this reseller.
    pub fn can_see(&self, reseller: Option<&str>) -> bool {
        self.reseller.is_none() || self.reseller.as_deref() == reseller
    }
}

/// Request to create an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CreateOrder {
    /// Idempotency key of the client.
    #[serde(skip)]
    pub key: String,
    /// Selling reseller. `None` selects the reseller of the caller.
    pub reseller: Option<String>,
    /// Reference chosen by the reseller.
    pub reseller_reference: Option<String>,
    /// Effect of a failed leg on the other legs.
    pub policy: FulfillmentPolicy,
    /// True to refuse live sources.
    pub is_test: bool,
    /// Lines to buy.
    pub lines: Vec<OrderLineRequest>,
    /// Contact of the visitor. `None`: it follows before the confirmation.
    pub contact: Option<Contact>,
    /// Language of the visitor.
    pub locale: Option<Locale>,
    /// Preferred delivery of the tickets.
    pub delivery: DeliveryPreference,
}

/// Line of a new order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderLineRequest {
    /// Source of the performance.
    pub source: SourceId,
    /// Performance to attend.
    pub performance: PerformanceKey,
    /// Source of the ticket type; must equal `source`.
    pub ticket_type_source: SourceId,
    /// Event of the ticket type; must be that of the performance.
    pub ticket_type_event: EventKey,
    /// Ticket type.
    pub ticket_type: TicketTypeKey,
    /// Number of tickets as sent by the client.
    pub quantity: i64,
    /// Unit price expected by the client.
    pub expected_unit_price: Option<Money>,
}

/// Action on an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderActionRequest {
    /// Idempotency key of the client.
    #[serde(skip)]
    pub key: String,
    /// The order.
    pub order: OrderKey,
    /// Version read by the client; any other version is rejected.
    pub if_version: Option<u64>,
}

/// Other lines for a held order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangeHeldOrder {
    /// The held order.
    pub action: OrderActionRequest,
    /// Lines to hold instead.
    pub lines: Vec<OrderLineRequest>,
}

/// Contact of the visitor of an order that is not confirmed yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UpdateContact {
    /// The order.
    pub action: OrderActionRequest,
    /// Contact of the visitor.
    pub contact: Contact,
}

/// Cancellation of a quote's lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelOrder {
    /// Idempotency key of the client.
    pub key: String,
    /// The quote.
    pub quote: QuoteId,
    /// Reason for the venue's records.
    pub reason: Option<String>,
}

/// Request for a cancellation quote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuoteCancellation {
    /// The order.
    pub order: OrderKey,
    /// Indexes of the lines, or `None` for everything cancelable.
    pub lines: Option<BTreeSet<usize>>,
}

/// Validates a new order as far as possible without a source or the store.
pub(crate) fn validate(input: &CreateOrder, settings: &OrderSettings) -> Vec<Problem> {
    let mut problems = input.contact.as_ref().map(validate_contact).unwrap_or_default();
    if input.reseller_reference.as_ref().is_some_and(|reference| reference.chars().count() > 255) {
        problems.push(Problem::new(ProblemCode::TextTooLong).at_path(["input", "resellerReference"]));
    }
    problems.extend(validate_lines(&input.lines, settings));
    problems
}

/// Validates the lines of a new order as far as possible without a source.
pub(crate) fn validate_lines(lines: &[OrderLineRequest], settings: &OrderSettings) -> Vec<Problem> {
    let mut problems = Vec::new();
    if lines.is_empty() {
        problems.push(Problem::new(ProblemCode::NoLines).at_path(["input", "lines"]));
    }
    if lines.len() > settings.max_lines {
        problems.push(Problem::new(ProblemCode::TooManyLines).at_path(["input", "lines"]));
    }
    for (number, line) in lines.iter().enumerate() {
        let code = if line.quantity < 1 {
            ProblemCode::QuantityInvalid
        } else if line.quantity > i64::from(settings.max_quantity) {
            ProblemCode::LimitExceeded
        } else {
            continue;
        };
        problems.push(Problem::new(code).at_path(line_path(number, "quantity")));
    }
    for (number, line) in lines.iter().enumerate() {
        if line.source != line.ticket_type_source {
            problems
                .push(Problem::new(ProblemCode::TicketTypeOfAnotherSource).at_path(line_path(number, "ticketType")));
        }
    }
    problems
}

/// Returns the input path of a part of a line.
pub(crate) fn line_path(number: usize, part: &str) -> Vec<String> {
    ["input", "lines", &number.to_string(), part].map(str::to_owned).to_vec()
}

/// Validates the contact of a visitor.
pub(crate) fn validate_contact(contact: &Contact) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, text) in [("firstName", &contact.first_name), ("lastName", &contact.last_name)] {
        if text.trim().is_empty() {
            problems.push(Problem::new(ProblemCode::ContactIncomplete).at_path(["input", "contact", name]));
        }
    }
    if !is_email(&contact.email) {
        problems.push(Problem::new(ProblemCode::EmailInvalid).at_path(["input", "contact", "email"]));
    }
    let texts = [
        ("firstName", Some(&contact.first_name)),
        ("lastName", Some(&contact.last_name)),
        ("phone", contact.phone.as_ref()),
        ("postalCode", contact.postal_code.as_ref()),
    ];
    for (name, text) in texts {
        if text.is_some_and(|text| text.chars().count() > 100 || text.chars().any(char::is_control)) {
            problems.push(Problem::new(ProblemCode::TextTooLong).at_path(["input", "contact", name]));
        }
    }
    problems
}
