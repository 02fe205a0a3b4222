//! Inputs of order mutations and their conversion. An invalid id becomes a problem that names the field.

use std::collections::BTreeSet;

use async_graphql::{Enum, ID, InputObject};
use domain::ordering::{self, Contact};
use domain::{self, OrderKey};
use orders::{
    CancelOrder, ChangeHeldOrder, CreateOrder, OrderActionRequest, OrderLineRequest, Problem, ProblemCode,
    QuoteCancellation, QuoteId, UpdateContact,
};

use crate::graphql::base::id::GlobalId;
use crate::graphql::base::scalars::{CurrencyCode, Locale, MinorUnits};
use crate::graphql::topics::orders::order::FulfilmentPolicy;

/// An amount of money in whole minor units.
#[derive(InputObject)]
pub struct MoneyInput {
    /// The minor units.
    amount: MinorUnits,
    /// The currency.
    currency: CurrencyCode,
}

impl From<MoneyInput> for domain::Money {
    fn from(money: MoneyInput) -> Self {
        Self::new(money.amount.0, money.currency.0)
    }
}

/// The delivery method of the tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "DeliveryPreference", remote = "ordering::DeliveryPreference")]
pub enum DeliveryPreferenceEnum {
    /// As barcodes in this API.
    Barcode,
    /// In the mobile app of the source.
    MobileApp,
}

/// Input of `createOrder` and `placeOrder`.
#[derive(InputObject)]
pub(super) struct CreateOrderInput {
    /// Client-chosen idempotency key. The same key with the same input returns the same order; with another input it is
    /// rejected.
    pub idempotency_key: ID,
    /// The reseller that sells. If omitted, the caller's own.
    reseller: Option<ID>,
    /// The reseller's own reference, at most 255 characters.
    reseller_reference: Option<String>,
    /// The effect of a rejected leg on the others.
    #[graphql(default_with = "FulfilmentPolicy::AllOrNothing")]
    policy: FulfilmentPolicy,
    /// True to reject the purchase of real tickets.
    #[graphql(default = false)]
    test_mode: bool,
    /// The lines of the order.
    lines: Vec<OrderLineInput>,
    /// The visitor's contact details. An order without them can be planned and held; `updateOrderContact` sets them before
    /// `confirmOrder`. Until then sources that require a contact at the hold get that of the seller.
    contact: Option<ContactInput>,
    /// The visitor's language.
    locale: Option<Locale>,
    /// The delivery method of the tickets.
    #[graphql(default_with = "DeliveryPreferenceEnum::Barcode")]
    delivery: DeliveryPreferenceEnum,
}

/// A line of a new or changed order.
#[derive(InputObject)]
pub(super) struct OrderLineInput {
    /// The performance to visit.
    performance: ID,
    /// The ticket type.
    ticket_type: ID,
    /// Number of tickets.
    quantity: i32,
    /// The expected price of one ticket. If the price differs, the order is rejected with a problem and nothing is
    /// booked.
    expected_unit_price: Option<MoneyInput>,
}

/// The visitor's contact details.
#[derive(InputObject)]
pub(super) struct ContactInput {
    /// First name.
    first_name: String,
    /// Last name.
    last_name: String,
    /// Email address.
    email: String,
    /// Phone number.
    phone: Option<String>,
    /// Postal code.
    postal_code: Option<String>,
}

/// Input of `updateOrderContact`.
#[derive(InputObject)]
pub(super) struct UpdateOrderContactInput {
    /// Client-chosen idempotency key. A request with a key that was used before has no further effect.
    idempotency_key: ID,
    /// The order.
    order: ID,
    /// The version that the client has read. If the order has another version, the action is rejected.
    if_version: Option<i32>,
    /// The visitor's contact details.
    contact: ContactInput,
}

/// Input of `changeHeldOrder`.
#[derive(InputObject)]
pub(super) struct ChangeHeldOrderInput {
    /// Client-chosen idempotency key. A request with a key that was used before has no further effect.
    idempotency_key: ID,
    /// The held order.
    order: ID,
    /// The version that the client has read. If the order has another version, the action is rejected.
    if_version: Option<i32>,
    /// All lines to hold instead of the present ones.
    lines: Vec<OrderLineInput>,
}

/// Input of an action on an order.
#[derive(InputObject)]
pub(super) struct OrderActionInput {
    /// Client-chosen idempotency key. A request with a key that was used before has no further effect.
    idempotency_key: ID,
    /// The order.
    order: ID,
    /// The version that the client has read. If the order has another version, the action is rejected.
    if_version: Option<i32>,
}

/// Input of `quoteCancellation`.
#[derive(InputObject)]
pub(super) struct QuoteCancellationInput {
    /// The order.
    order: ID,
    /// The lines to cancel. If omitted, all lines that can be canceled.
    lines: Option<Vec<ID>>,
}

/// Input of `cancelOrder`.
#[derive(InputObject)]
pub(super) struct CancelOrderInput {
    /// Client-chosen idempotency key. A request with a key that was used before has no further effect.
    idempotency_key: ID,
    /// The quote.
    quote: ID,
    /// The reason, for the venue's records.
    reason: Option<String>,
}

pub(super) fn problem_at(code: ProblemCode, path: impl IntoIterator<Item = String>) -> Problem {
    Problem::new(code).at_path(path)
}

pub(super) fn input_path(part: &str) -> [String; 2] {
    ["input".to_owned(), part.to_owned()]
}

impl CreateOrderInput {
    /// Converts the input. Fails with one problem for every invalid id.
    pub(super) fn into_request(self) -> Result<CreateOrder, Vec<Problem>> {
        let mut problems = Vec::new();
        let reseller = self.reseller.and_then(|id| match GlobalId::decode(&id) {
            Some(GlobalId::Reseller(reseller)) => Some(reseller),
            _ => {
                problems.push(problem_at(ProblemCode::UnknownReseller, input_path("reseller")));
                None
            }
        });
        let lines = into_requested_lines(self.lines, &mut problems);
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
            contact: self.contact.map(ContactInput::into_contact),
            locale: self.locale.map(|locale| locale.0),
            delivery: self.delivery.into(),
        })
    }
}

/// Converts lines. Adds one problem for every invalid id.
fn into_requested_lines(lines: Vec<OrderLineInput>, problems: &mut Vec<Problem>) -> Vec<OrderLineRequest> {
    let mut requested = Vec::with_capacity(lines.len());
    for (number, line) in lines.into_iter().enumerate() {
        match line.into_requested_line(number) {
            Ok(line) => requested.push(line),
            Err(errors) => problems.extend(errors),
        }
    }
    requested
}

impl ContactInput {
    fn into_contact(self) -> Contact {
        let Self { first_name, last_name, email, phone, postal_code } = self;
        Contact { first_name, last_name, email, phone, postal_code }
    }
}

impl OrderLineInput {
    fn into_requested_line(self, number: usize) -> Result<OrderLineRequest, Vec<Problem>> {
        let path = |part: &str| ["input", "lines", &number.to_string(), part].map(str::to_owned);
        let performance = match GlobalId::decode(&self.performance) {
            Some(GlobalId::Performance(source, key)) => Ok((source, key)),
            _ => Err(problem_at(ProblemCode::UnknownPerformance, path("performance"))),
        };
        let ticket_type = match GlobalId::decode(&self.ticket_type) {
            Some(GlobalId::TicketType(source, event, key)) => Ok((source, event, key)),
            _ => Err(problem_at(ProblemCode::UnknownTicketType, path("ticketType"))),
        };
        match (performance, ticket_type) {
            (Ok((source, performance)), Ok((ticket_type_source, ticket_type_event, ticket_type))) => {
                Ok(OrderLineRequest {
                    source,
                    performance,
                    ticket_type_source,
                    ticket_type_event,
                    ticket_type,
                    quantity: self.quantity.into(),
                    expected_unit_price: self
                        .expected_unit_price
                        .map(|money| domain::Money::new(money.amount.0, money.currency.0)),
                })
            }
            (one, other) => Err(one.err().into_iter().chain(other.err()).collect()),
        }
    }
}

pub(super) fn parse_order_key(id: &ID) -> Result<OrderKey, Vec<Problem>> {
    match GlobalId::decode(id) {
        Some(GlobalId::Order(key)) => Ok(key),
        _ => Err(vec![problem_at(ProblemCode::OrderNotFound, input_path("order"))]),
    }
}

impl UpdateOrderContactInput {
    /// Converts the input.
    pub(super) fn into_request(self) -> Result<UpdateContact, Vec<Problem>> {
        let Self { idempotency_key, order, if_version, contact } = self;
        let action = OrderActionInput { idempotency_key, order, if_version }.into_request()?;
        Ok(UpdateContact { action, contact: contact.into_contact() })
    }
}

impl ChangeHeldOrderInput {
    /// Converts the input. Fails with one problem for every invalid id.
    pub(super) fn into_request(self) -> Result<ChangeHeldOrder, Vec<Problem>> {
        let Self { idempotency_key, order, if_version, lines } = self;
        let mut problems = Vec::new();
        let lines = into_requested_lines(lines, &mut problems);
        match (OrderActionInput { idempotency_key, order, if_version }).into_request() {
            Ok(action) if problems.is_empty() => Ok(ChangeHeldOrder { action, lines }),
            action => Err(action.err().into_iter().flatten().chain(problems).collect()),
        }
    }
}

impl OrderActionInput {
    /// Converts the input.
    pub(super) fn into_request(self) -> Result<OrderActionRequest, Vec<Problem>> {
        let order = parse_order_key(&self.order)?;
        // A negative version was never issued: it is treated as outdated.
        let if_version = self.if_version.map(|version| u64::try_from(version).unwrap_or(u64::MAX));
        Ok(OrderActionRequest { key: self.idempotency_key.0, order, if_version })
    }
}

impl QuoteCancellationInput {
    /// Converts the input.
    pub(super) fn into_request(self) -> Result<QuoteCancellation, Vec<Problem>> {
        let order = parse_order_key(&self.order)?;
        let Some(ids) = self.lines else { return Ok(QuoteCancellation { order, lines: None }) };
        let mut lines = BTreeSet::new();
        for (index, id) in ids.iter().enumerate() {
            match GlobalId::decode(id) {
                Some(GlobalId::OrderLine(of, line)) if of == order => lines.insert(line),
                _ => {
                    let path = ["input".to_owned(), "lines".to_owned(), index.to_string()];
                    return Err(vec![problem_at(ProblemCode::NothingToCancel, path)]);
                }
            };
        }
        Ok(QuoteCancellation { order, lines: Some(lines) })
    }
}

impl CancelOrderInput {
    /// Converts the input.
    pub(super) fn into_request(self) -> Result<CancelOrder, Vec<Problem>> {
        match GlobalId::decode(&self.quote) {
            Some(GlobalId::Quote(quote)) => {
                Ok(CancelOrder { key: self.idempotency_key.0, quote: QuoteId(quote), reason: self.reason })
            }
            _ => Err(vec![problem_at(ProblemCode::QuoteNotFound, input_path("quote"))]),
        }
    }
}
