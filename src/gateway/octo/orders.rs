//! Orders behind bookings.

use domain::{BookingUuid, OrderKey};
use octo_facade::facts::{OrderFacts, OrderMutation, QuoteMutation};
use octo_facade::{OctoError, StoredBooking};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::gateway::octo::another_hold::settle;
use crate::gateway::octo::bookings::mark_held;
use crate::gateway::octo::documents::{ORDER, ORDERS, QUOTE};
use crate::gateway::octo::exchange::{Exchange, Seller, read};
use crate::gateway::octo::failures::of_store;
use crate::gateway::request_id;
use crate::graphql::base::id::{GlobalId, order_id};

/// Orders that are read at once.
const ORDERS_AT_ONCE: usize = 25;

#[derive(Deserialize)]
struct OrderResult {
    order: Option<OrderFacts>,
}

#[derive(Deserialize)]
struct OrdersResult {
    nodes: Vec<Value>,
}

#[derive(Deserialize)]
struct Outcome<T> {
    outcome: T,
}

/// A booking with its order as it is now.
pub(super) struct FoundBooking {
    /// The booking.
    pub(super) stored: StoredBooking,
    /// The order.
    pub(super) order: OrderFacts,
}

/// Finds the booking of the path.
///
/// # Errors
///
/// The uuid is none, or names no booking of the caller at the supplier, or one whose places were refused.
pub(super) async fn find_booking(exchange: &Exchange<'_>, seller: &Seller) -> Result<FoundBooking, OctoError> {
    let unknown = || OctoError::booking(exchange.uuid(), "there is no such booking");
    let uuid = BookingUuid::parse(exchange.uuid()).ok_or_else(unknown)?;
    let stored = exchange.bookings()?.find_booking(&exchange.scope(), uuid).await.map_err(|error| of_store(&error))?;
    let mut stored = stored.filter(|stored| stored.source == seller.source.name).ok_or_else(unknown)?;
    let order = load_order(exchange, stored.order).await?.ok_or_else(unknown)?;
    if is_refused(&stored, &order) {
        return Err(unknown());
    }
    mark_held(exchange, &mut stored, &order).await?;
    settle(exchange, FoundBooking { stored, order }).await
}

/// Returns true for an order whose places were never held: there is no booking.
pub(super) fn is_refused(stored: &StoredBooking, order: &OrderFacts) -> bool {
    order.status == "FAILED" && !stored.is_held
}

/// Loads an order as it is now.
pub(super) async fn load_order(exchange: &Exchange<'_>, key: OrderKey) -> Result<Option<OrderFacts>, OctoError> {
    let found: OrderResult = exchange.query_bookings(ORDER, json!({ "id": order_id(key) })).await?;
    Ok(found.order)
}

/// Loads orders, in the order of their keys. `None` for one that is gone.
pub(super) async fn load_orders(
    exchange: &Exchange<'_>,
    keys: &[OrderKey],
) -> Result<Vec<Option<OrderFacts>>, OctoError> {
    let mut orders = Vec::with_capacity(keys.len());
    for keys in keys.chunks(ORDERS_AT_ONCE) {
        let ids: Vec<_> = keys.iter().map(|key| order_id(*key)).collect();
        let found: OrdersResult = exchange.query_bookings(ORDERS, json!({ "ids": ids })).await?;
        for node in found.nodes {
            orders.push(if node.is_null() { None } else { Some(read(node)?) });
        }
    }
    Ok(orders)
}

/// Returns the key of an order by its id.
pub(super) fn order_key(order: &OrderFacts) -> Result<OrderKey, OctoError> {
    match GlobalId::decode(&order.id) {
        Some(GlobalId::Order(key)) => Ok(key),
        _ => Err(OctoError::internal()),
    }
}

/// Runs a mutation with an input.
pub(super) async fn run(
    exchange: &Exchange<'_>,
    document: &'static str,
    input: Value,
) -> Result<OrderMutation, OctoError> {
    let Outcome { outcome } = exchange.query_bookings(document, json!({ "input": input })).await?;
    Ok(outcome)
}

/// Runs an action on an order. Each request is an action of its own, unless it has a key: whether it is allowed depends on the state of the
/// order, not on earlier requests.
pub(super) async fn act(
    exchange: &Exchange<'_>,
    document: &'static str,
    (order, key): (&OrderFacts, Option<String>),
    others: Map<String, Value>,
) -> Result<OrderMutation, OctoError> {
    let mut input = others;
    input.insert("order".to_owned(), order.id.as_str().into());
    input.insert("idempotencyKey".to_owned(), key.unwrap_or_else(request_id::generate).into());
    run(exchange, document, Value::Object(input)).await
}

/// Quotes the cancellation of a whole order.
pub(super) async fn quote(exchange: &Exchange<'_>, order: &OrderFacts) -> Result<QuoteMutation, OctoError> {
    let input = json!({ "input": { "order": order.id } });
    let Outcome { outcome } = exchange.query_bookings(QUOTE, input).await?;
    Ok(outcome)
}

/// Stores a changed booking.
pub(super) async fn save(exchange: &Exchange<'_>, stored: &mut StoredBooking) -> Result<(), OctoError> {
    match exchange.bookings()?.replace_booking(stored).await {
        Ok(()) => {
            stored.version += 1;
            Ok(())
        }
        Err(domain::StoreError::Outdated) => {
            Err(OctoError::refused("the booking is being changed by another request: read it, then try again"))
        }
        Err(error) => Err(of_store(&error)),
    }
}
