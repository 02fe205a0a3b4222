//! What clients send about orders, and its reading. A wrong id becomes a problem that names the field.

use std::collections::BTreeSet;

use async_graphql::{Enum, ID, InputObject};

use crate::graphql::id::GlobalId;
use crate::graphql::orders::order::{FulfilmentPolicy, OrderStatus};
use crate::graphql::scalars::{CurrencyCode, DateTime, Locale, MinorUnits};
use domain::ordering::{self, Contact};
use domain::{self, OrderKey};
use orders::{ActOnOrder, AskedLine, CancelOrder, CreateOrder, Problem, ProblemCode, QuoteCancellation, QuoteId};

/// An amount of a currency in whole minor units.
#[derive(InputObject)]
pub struct MoneyInput {
    /// Minor units.
    amount: MinorUnits,
    /// The currency.
    currency: CurrencyCode,
}

impl From<MoneyInput> for domain::Money {
    fn from(money: MoneyInput) -> Self {
        Self::new(money.amount.0, money.currency.0)
    }
}

/// How the tickets shall reach the visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "ordering::DeliveryPreference")]
pub enum DeliveryPreference {
    /// As codes in this API.
    Barcode,
    /// Into the mobile app of the source.
    MobileApp,
}

/// A new order.
#[derive(InputObject)]
pub struct CreateOrderInput {
    /// Chosen by the client. The same key with the same input answers the same order; with another input it is refused.
    pub idempotency_key: ID,
    /// The reseller that sells; none: the caller's own.
    reseller: Option<ID>,
    /// The reseller's own reference, at most 255 characters.
    reseller_reference: Option<String>,
    /// What a refused leg does to the others.
    #[graphql(default_with = "FulfilmentPolicy::AllOrNothing")]
    policy: FulfilmentPolicy,
    /// Refuses to buy anything real.
    #[graphql(default = false)]
    test_mode: bool,
    /// What is bought.
    lines: Vec<OrderLineInput>,
    /// For whom.
    contact: ContactInput,
    /// The language of the visitor.
    locale: Option<Locale>,
    /// How the tickets shall reach the visitor.
    #[graphql(default_with = "DeliveryPreference::Barcode")]
    delivery: DeliveryPreference,
}

/// A line of a new order.
#[derive(InputObject)]
pub struct OrderLineInput {
    /// What is visited.
    performance: ID,
    /// As what.
    ticket_type: ID,
    /// How many tickets.
    quantity: i32,
    /// What you believe one costs; another price is a problem and books nothing.
    expected_unit_price: Option<MoneyInput>,
}

/// The visitor.
#[derive(InputObject)]
pub struct ContactInput {
    /// Given name.
    first_name: String,
    /// Family name.
    last_name: String,
    /// Address for e-mail.
    email: String,
    /// Telephone number.
    phone: Option<String>,
    /// Postal code.
    postal_code: Option<String>,
}

/// An action on an order.
#[derive(InputObject)]
pub struct OrderActionInput {
    /// Chosen by the client; the same key repeats nothing.
    idempotency_key: ID,
    /// The order.
    order: ID,
    /// The version that you read; another one is refused.
    if_version: Option<i32>,
}

/// Undoing to be quoted.
#[derive(InputObject)]
pub struct QuoteCancellationInput {
    /// The order.
    order: ID,
    /// The lines; none: all that can be undone.
    lines: Option<Vec<ID>>,
}

/// Undoing what a quote named.
#[derive(InputObject)]
pub struct CancelOrderInput {
    /// Chosen by the client; the same key repeats nothing.
    idempotency_key: ID,
    /// The quote.
    quote: ID,
    /// Why, for the venue's books.
    reason: Option<String>,
}

/// Which orders are wanted.
#[derive(InputObject, Default)]
pub struct OrderFilter {
    /// Any of these.
    pub status: Option<Vec<OrderStatus>>,
    /// With a leg at any of these.
    pub sources: Option<Vec<ID>>,
    /// Not created before.
    pub created_from: Option<DateTime>,
    /// Created before.
    pub created_to: Option<DateTime>,
    /// Changed at or after.
    pub updated_since: Option<DateTime>,
    /// For trying out, or real.
    pub test_mode: Option<bool>,
}

fn wrong(code: ProblemCode, path: impl IntoIterator<Item = String>) -> Problem {
    Problem::new(code).at(path)
}

fn input(part: &str) -> [String; 2] {
    ["input".to_owned(), part.to_owned()]
}

impl CreateOrderInput {
    /// The order that is asked for, or every id in it that names nothing.
    pub fn read(self) -> Result<CreateOrder, Vec<Problem>> {
        let mut problems = Vec::new();
        let reseller = self.reseller.and_then(|id| match GlobalId::decode(&id) {
            Some(GlobalId::Reseller(reseller)) => Some(reseller),
            _ => {
                problems.push(wrong(ProblemCode::UnknownReseller, input("reseller")));
                None
            }
        });
        let mut lines = Vec::with_capacity(self.lines.len());
        for (number, line) in self.lines.into_iter().enumerate() {
            match line.read(number) {
                Ok(line) => lines.push(line),
                Err(wrong) => problems.extend(wrong),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(CreateOrder {
            key: self.idempotency_key.0,
            reseller,
            reseller_reference: self.reseller_reference,
            policy: self.policy.into(),
            is_test: self.test_mode,
            lines,
            contact: Contact {
                first_name: self.contact.first_name,
                last_name: self.contact.last_name,
                email: self.contact.email,
                phone: self.contact.phone,
                postal_code: self.contact.postal_code,
            },
            locale: self.locale.map(|locale| locale.0),
            delivery: self.delivery.into(),
        })
    }
}

impl OrderLineInput {
    fn read(self, number: usize) -> Result<AskedLine, Vec<Problem>> {
        let path = |part: &str| ["input", "lines", &number.to_string(), part].map(str::to_owned);
        let performance = match GlobalId::decode(&self.performance) {
            Some(GlobalId::Performance(source, key)) => Ok((source, key)),
            _ => Err(wrong(ProblemCode::UnknownPerformance, path("performance"))),
        };
        let ticket_type = match GlobalId::decode(&self.ticket_type) {
            Some(GlobalId::TicketType(source, _, key)) => Ok((source, key)),
            _ => Err(wrong(ProblemCode::UnknownTicketType, path("ticketType"))),
        };
        match (performance, ticket_type) {
            (Ok((source, performance)), Ok((ticket_type_source, ticket_type))) => Ok(AskedLine {
                source,
                performance,
                ticket_type_source,
                ticket_type,
                quantity: self.quantity.into(),
                expected_unit_price: self
                    .expected_unit_price
                    .map(|money| domain::Money::new(money.amount.0, money.currency.0)),
            }),
            (one, other) => Err(one.err().into_iter().chain(other.err()).collect()),
        }
    }
}

fn order_key(id: &ID) -> Result<OrderKey, Vec<Problem>> {
    match GlobalId::decode(id) {
        Some(GlobalId::Order(key)) => Ok(key),
        _ => Err(vec![wrong(ProblemCode::OrderNotFound, input("order"))]),
    }
}

impl OrderActionInput {
    /// The action that is asked for.
    pub fn read(self) -> Result<ActOnOrder, Vec<Problem>> {
        let order = order_key(&self.order)?;
        // A version below zero was never read: it is outdated like any other wrong one.
        let if_version = self.if_version.map(|version| u64::try_from(version).unwrap_or(u64::MAX));
        Ok(ActOnOrder { key: self.idempotency_key.0, order, if_version })
    }
}

impl QuoteCancellationInput {
    /// What is to be quoted.
    pub fn read(self) -> Result<QuoteCancellation, Vec<Problem>> {
        let order = order_key(&self.order)?;
        let Some(ids) = self.lines else { return Ok(QuoteCancellation { order, lines: None }) };
        let mut lines = BTreeSet::new();
        for (place, id) in ids.iter().enumerate() {
            match GlobalId::decode(id) {
                Some(GlobalId::OrderLine(of, line)) if of == order => lines.insert(line),
                _ => {
                    let path = ["input".to_owned(), "lines".to_owned(), place.to_string()];
                    return Err(vec![wrong(ProblemCode::NothingToCancel, path)]);
                }
            };
        }
        Ok(QuoteCancellation { order, lines: Some(lines) })
    }
}

impl CancelOrderInput {
    /// What is to be undone.
    pub fn read(self) -> Result<CancelOrder, Vec<Problem>> {
        match GlobalId::decode(&self.quote) {
            Some(GlobalId::Quote(quote)) => {
                Ok(CancelOrder { key: self.idempotency_key.0, quote: QuoteId(quote), reason: self.reason })
            }
            _ => Err(vec![wrong(ProblemCode::QuoteNotFound, input("quote"))]),
        }
    }
}
