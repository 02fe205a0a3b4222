//! What clients ask, and the checks that need nobody else.

use std::collections::BTreeSet;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::order::Policy;
use crate::problem::{Problem, ProblemCode};
use crate::quote::QuoteId;
use crate::rules::Rules;
use domain::ordering::{Contact, DeliveryPreference};
use domain::{Locale, Money, OrderKey, PerformanceKey, SourceId, TicketTypeKey};

/// Who asks. A caller that belongs to a reseller sees only that reseller's orders; the others see all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    /// The caller of the API.
    pub caller: String,
    /// The reseller that it belongs to.
    pub reseller: Option<String>,
}

impl Asker {
    /// Whose idempotency keys these are: all callers of a reseller share theirs.
    pub fn scope(&self) -> String {
        match &self.reseller {
            Some(reseller) => format!("reseller {reseller}"),
            None => format!("caller {}", self.caller),
        }
    }

    /// Whether it may see an order of this reseller.
    pub fn sees(&self, reseller: Option<&str>) -> bool {
        self.reseller.is_none() || self.reseller.as_deref() == reseller
    }
}

/// A new order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CreateOrder {
    /// The client's key.
    #[serde(skip)]
    pub key: String,
    /// The reseller that sells; none: the caller's own.
    pub reseller: Option<String>,
    /// The reseller's own reference.
    pub reseller_reference: Option<String>,
    /// What a refused leg does to the others.
    pub policy: Policy,
    /// Refuses to buy anything real.
    pub is_test: bool,
    /// What is bought.
    pub lines: Vec<AskedLine>,
    /// For whom.
    pub contact: Contact,
    /// The language of the visitor.
    pub locale: Option<Locale>,
    /// How the tickets reach the visitor.
    pub delivery: DeliveryPreference,
}

/// A line of a new order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AskedLine {
    /// The source of the performance.
    pub source: SourceId,
    /// What is visited.
    pub performance: PerformanceKey,
    /// The source of the ticket type; another one is refused.
    pub ticket_type_source: SourceId,
    /// As what.
    pub ticket_type: TicketTypeKey,
    /// How many, as the client wrote it.
    pub quantity: i64,
    /// What the client believes one costs.
    pub expected_unit_price: Option<Money>,
}

/// An action on an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActOnOrder {
    /// The client's key.
    #[serde(skip)]
    pub key: String,
    /// The order.
    pub order: OrderKey,
    /// The version that the client read; another one is refused.
    pub if_version: Option<u64>,
}

/// Undoing what a quote named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelOrder {
    /// The client's key.
    pub key: String,
    /// The quote.
    pub quote: QuoteId,
    /// Why, for the venue's books.
    pub reason: Option<String>,
}

/// Undoing to be quoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuoteCancellation {
    /// The order.
    pub order: OrderKey,
    /// The numbers of the lines; none: all that can be undone.
    pub lines: Option<BTreeSet<usize>>,
}

/// A hash of a request. Two requests that say the same have the same.
pub(crate) fn hash<T: Serialize>(request: &T) -> String {
    // Requests are plain text and numbers; they always become JSON.
    let told = serde_json::to_vec(request).unwrap_or_default();
    Sha256::digest(told).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A key that can be kept.
pub(crate) fn check_key(key: &str) -> Option<Problem> {
    let is_fine = !key.trim().is_empty() && key.len() <= 128;
    (!is_fine).then(|| Problem::new(ProblemCode::IdempotencyKeyInvalid).at(["input", "idempotencyKey"]))
}

/// Everything about a new order that needs neither a source nor the ledger.
pub(crate) fn check(input: &CreateOrder, rules: &Rules) -> Vec<Problem> {
    let mut problems = check_contact(&input.contact);
    if input.reseller_reference.as_ref().is_some_and(|reference| reference.chars().count() > 255) {
        problems.push(Problem::new(ProblemCode::TextTooLong).at(["input", "resellerReference"]));
    }
    if input.lines.is_empty() {
        problems.push(Problem::new(ProblemCode::NoLines).at(["input", "lines"]));
    }
    if input.lines.len() > rules.max_lines {
        problems.push(Problem::new(ProblemCode::TooManyLines).at(["input", "lines"]));
    }
    for (number, line) in input.lines.iter().enumerate() {
        let code = if line.quantity < 1 {
            ProblemCode::QuantityInvalid
        } else if line.quantity > i64::from(rules.max_quantity) {
            ProblemCode::LimitExceeded
        } else {
            continue;
        };
        problems.push(Problem::new(code).at(line_path(number, "quantity")));
    }
    for (number, line) in input.lines.iter().enumerate() {
        if line.source != line.ticket_type_source {
            problems.push(Problem::new(ProblemCode::TicketTypeOfAnotherSource).at(line_path(number, "ticketType")));
        }
    }
    problems
}

/// Where a part of a line stands in the input.
pub(crate) fn line_path(number: usize, part: &str) -> Vec<String> {
    ["input", "lines", &number.to_string(), part].map(str::to_owned).to_vec()
}

fn check_contact(contact: &Contact) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, text) in [("firstName", &contact.first_name), ("lastName", &contact.last_name)] {
        if text.trim().is_empty() {
            problems.push(Problem::new(ProblemCode::ContactIncomplete).at(["input", "contact", name]));
        }
    }
    if !is_email(&contact.email) {
        problems.push(Problem::new(ProblemCode::EmailInvalid).at(["input", "contact", "email"]));
    }
    let texts = [
        ("firstName", Some(&contact.first_name)),
        ("lastName", Some(&contact.last_name)),
        ("phone", contact.phone.as_ref()),
        ("postalCode", contact.postal_code.as_ref()),
    ];
    for (name, text) in texts {
        if text.is_some_and(|text| text.chars().count() > 100 || text.chars().any(char::is_control)) {
            problems.push(Problem::new(ProblemCode::TextTooLong).at(["input", "contact", name]));
        }
    }
    problems
}

/// Looks like an address: one at-sign, something before it, a dotted name after it. The venue's mail decides the rest.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let has_dot = domain.split_once('.').is_some_and(|(name, rest)| !name.is_empty() && !rest.is_empty());
    let is_plain = |part: &str| {
        !part.is_empty() && !part.contains('@') && !part.chars().any(|c| c.is_whitespace() || c.is_control())
    };
    text.len() <= 254 && is_plain(local) && is_plain(domain) && has_dot && !domain.ends_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_a_name_and_a_place() {
        for fine in ["ada@example.org", "a+leg1@sub.example.co"] {
            assert!(is_email(fine), "{fine}");
        }
        for wrong in ["", "ada", "@example.org", "ada@", "ada@example", "a b@example.org", "a@b@c.org", "ada@example."]
        {
            assert!(!is_email(wrong), "{wrong}");
        }
    }
}
