//! Holds, reads and lists bookings.

use domain::StoreError;
use octo_facade::booking::{BookingIdentity, booking, lines_of, new_booking, order_contact, price_change};
use octo_facade::facts::{EventFacts, OrderFacts, OrderMutation, PerformanceFacts};
use octo_facade::problem::{to_error, to_error_of_lines};
use octo_facade::request::{self, ListRequest, Reserve, ReserveBody};
use octo_facade::slot::SlotTimes;
use octo_facade::wire::OctoBooking;
use octo_facade::{BookingFilter, OctoError, StoredBooking};
use orders::idempotency::request_hash;
use serde_json::{Map, Value, json};

use crate::gateway::octo::another_hold::settle;
use crate::gateway::octo::availability::{by_ids, open_performance};
use crate::gateway::octo::documents::{CREATE, HOLD, RELEASE};
use crate::gateway::octo::exchange::{Exchange, Seller};
use crate::gateway::octo::failures::of_store;
use crate::gateway::octo::orders::{
    FoundBooking, act, find_booking, is_refused, load_order, load_orders, order_key, run, save,
};
use crate::gateway::octo::products::find_event;
use crate::gateway::octo::reply::Reply;

/// `GET /bookings/{uuid}`.
pub(super) async fn get(exchange: &Exchange<'_>) -> Result<Reply, OctoError> {
    let seller = exchange.seller().await?;
    let found = find_booking(exchange, &seller).await?;
    reply(exchange, &found)
}

/// Returns the response with a booking.
pub(super) fn reply(exchange: &Exchange<'_>, found: &FoundBooking) -> Result<Reply, OctoError> {
    Reply::of(&booking(&found.stored, &found.order, exchange.capabilities.has_pricing()))
}

/// `GET /bookings`.
pub(super) async fn list(exchange: &Exchange<'_>) -> Result<Reply, OctoError> {
    let filter = ListRequest::of(&exchange.parameters())?;
    let seller = exchange.seller().await?;
    let filter = BookingFilter {
        source: seller.source.name,
        reseller_reference: filter.reseller_reference,
        number: filter.supplier_reference,
        days: filter.days,
        product: filter.product,
    };
    let limit = exchange.settings().max_bookings;
    let stored = exchange.bookings()?.list_bookings(&exchange.scope(), &filter, limit + 1).await;
    let stored = stored.map_err(|error| of_store(&error))?;
    // Nobody takes a part for the whole.
    if stored.len() > limit {
        return Err(OctoError::bad_request(format!("more than {limit} bookings match: narrow the filter")));
    }
    let keys: Vec<_> = stored.iter().map(|stored| stored.order).collect();
    let orders = load_orders(exchange, &keys).await?;
    let has_pricing = exchange.capabilities.has_pricing();
    let mut listed: Vec<OctoBooking> = Vec::with_capacity(stored.len());
    for (stored, order) in stored.into_iter().zip(orders) {
        let Some(order) = order.filter(|order| !is_refused(&stored, order)) else { continue };
        let found = settle(exchange, FoundBooking { stored, order }).await?;
        listed.push(booking(&found.stored, &found.order, has_pricing));
    }
    Reply::of(&listed)
}

/// `POST /bookings`.
pub(super) async fn reserve(exchange: &Exchange<'_>, body: &[u8]) -> Result<Reply, OctoError> {
    let body: ReserveBody = request::parse(body)?;
    let seller = exchange.seller().await?;
    let request = body.check(&seller.source.name, exchange.settings().max_units, exchange.is_test)?;
    let hash = request_hash(&request);
    let found = match find_same(exchange, &request, &hash).await? {
        SameUuid::Booking(found) => *found,
        SameUuid::Refused(refused) => create(exchange, &seller, &request, (hash, Some(*refused))).await?,
        SameUuid::None => create(exchange, &seller, &request, (hash, None)).await?,
    };
    let found = hold(exchange, found).await?;
    reply(exchange, &found)
}

/// Use of a uuid by earlier requests.
enum SameUuid {
    /// Nothing.
    None,
    /// A reservation that the supplier refused: it is no booking, and the uuid may be used again.
    Refused(Box<StoredBooking>),
    /// The booking of the same request.
    Booking(Box<FoundBooking>),
}

/// Finds the booking of a repeated request.
///
/// # Errors
///
/// The uuid was used for a request with another content (octo.md O3).
async fn find_same(exchange: &Exchange<'_>, request: &Reserve, hash: &str) -> Result<SameUuid, OctoError> {
    let stored = exchange.bookings()?.find_booking(&exchange.scope(), request.uuid).await;
    let Some(stored) = stored.map_err(|error| of_store(&error))? else { return Ok(SameUuid::None) };
    let order = load_order(exchange, stored.order).await?.ok_or_else(OctoError::internal)?;
    if is_refused(&stored, &order) {
        return Ok(SameUuid::Refused(Box::new(stored)));
    }
    if stored.request_hash != hash {
        let uuid = request.uuid.to_string();
        return Err(OctoError::booking(&uuid, "the uuid was used for a booking with another content"));
    }
    Ok(SameUuid::Booking(Box::new(settle(exchange, FoundBooking { stored, order }).await?)))
}

/// Creates the order of a new booking, and stores the booking: in place of one that was refused, if there is one. Nothing is held yet.
async fn create(
    exchange: &Exchange<'_>,
    seller: &Seller,
    request: &Reserve,
    (hash, refused): (String, Option<StoredBooking>),
) -> Result<FoundBooking, OctoError> {
    let event = find_event(exchange, seller, &request.product).await?;
    let unknown = request.unit_items.iter().find(|item| event.find_unit(&item.unit_id).is_none());
    let performance = find_performance(exchange, &event, request.availability.as_deref()).await?;
    if let Some(item) = unknown {
        return Err(OctoError::unit(Some(&item.unit_id)));
    }
    let attempt = refused.as_ref().map_or(0, |refused| refused.version + 1);
    let input = order_input(request, &performance, attempt);
    let OrderMutation { order, problems } = run(exchange, CREATE, input).await?;
    let order = match (order, problems.first()) {
        (Some(order), None) => order,
        (_, Some(problem)) => {
            let units = request.unit_items.iter().map(|item| item.unit_id.as_str());
            return Err(to_error_of_lines(problem, &request.uuid.to_string(), units));
        }
        (None, None) => return Err(OctoError::internal()),
    };
    let times = SlotTimes::of(&event, &performance);
    let new = BookingIdentity {
        scope: exchange.scope(),
        order: order_key(&order)?,
        request_hash: hash,
        visit_day: times.as_ref().map(SlotTimes::day),
        slot: times.map(|times| times.to_slot(&event, &performance)),
    };
    let mut stored = new_booking(request, &order, new);
    let bookings = exchange.bookings()?;
    let written = match &refused {
        None => bookings.insert_booking(&stored).await,
        Some(refused) => {
            stored.version = refused.version;
            bookings.replace_booking(&stored).await
        }
    };
    match written {
        Ok(()) => {
            stored.version += u64::from(refused.is_some());
            Ok(FoundBooking { stored, order })
        }
        // The same request came twice at the same time.
        Err(StoreError::KeyTaken | StoreError::Outdated) => {
            match find_same(exchange, request, &stored.request_hash).await? {
                SameUuid::Booking(found) => Ok(*found),
                SameUuid::Refused(_) | SameUuid::None => Err(OctoError::internal()),
            }
        }
        Err(error) => Err(of_store(&error)),
    }
}

/// Finds the performance to book: the one with an id, or the only one of open visits.
pub(super) async fn find_performance(
    exchange: &Exchange<'_>,
    event: &EventFacts,
    id: Option<&str>,
) -> Result<PerformanceFacts, OctoError> {
    match id {
        Some(id) => {
            let found = by_ids(exchange, event, &[id.to_owned()], None).await?;
            found.into_iter().next().ok_or_else(OctoError::internal)
        }
        None if octo_facade::availability::is_open(event) => open_performance(exchange, event).await,
        None => Err(OctoError::availability(None)),
    }
}

/// Returns the lines of an order for units: one for each kind, all for one performance.
pub(super) fn order_lines<'a>(units: impl IntoIterator<Item = &'a str>, performance: &str) -> Vec<Value> {
    let line = |(unit, quantity)| json!({ "performance": performance, "ticketType": unit, "quantity": quantity });
    lines_of(units).into_iter().map(line).collect()
}

/// Returns the input of `createOrder`. The uuid is the idempotency key, with a number after a refusal.
fn order_input(request: &Reserve, performance: &PerformanceFacts, attempt: u64) -> Value {
    let key = match attempt {
        0 => format!("octo-{}", request.uuid),
        attempt => format!("octo-{}-{attempt}", request.uuid),
    };
    let units = request.unit_items.iter().map(|item| item.unit_id.as_str());
    json!({
        "idempotencyKey": key,
        "lines": order_lines(units, &performance.id),
        "contact": request.contact.as_ref().and_then(order_contact),
        "resellerReference": request.reseller_reference,
        "testMode": request.is_test,
    })
}

/// Holds the places of a booking unless that was tried before. A booking that was held before is returned as it is now.
///
/// # Errors
///
/// The supplier refused: there is no booking.
async fn hold(exchange: &Exchange<'_>, found: FoundBooking) -> Result<FoundBooking, OctoError> {
    let FoundBooking { mut stored, mut order } = found;
    let mut problems = Vec::new();
    if order.status == "DRAFT" && order.can("HOLD") {
        // The same key for every repetition: the places are held once.
        let key = Some(format!("octo-hold-{}", order.number));
        let outcome = act(exchange, HOLD, (&order, key), Map::new()).await?;
        problems = outcome.problems;
        order = outcome.order.unwrap_or(order);
    }
    mark_held(exchange, &mut stored, &order).await?;
    let refused = is_refused(&stored, &order) || (order.status == "DRAFT" && !problems.is_empty());
    if refused {
        let problem = problems.first().or(order.problems.first());
        let uuid = stored.uuid.to_string();
        return Err(problem.map_or_else(
            || OctoError::refused("the supplier refused the request"),
            |problem| to_error(problem, &uuid),
        ));
    }
    // The price that was asked for is not the one of the hold: it is given back (octo.md §12.2).
    if order.status == "HELD"
        && let Some(changed) = price_change(&order)
    {
        let refusal = to_error(changed, &stored.uuid.to_string());
        act(exchange, RELEASE, (&order, None), Map::new()).await?;
        return Err(refusal);
    }
    Ok(FoundBooking { stored, order })
}

/// Stores that places are held. From then on the booking exists, whatever becomes of it.
pub(super) async fn mark_held(
    exchange: &Exchange<'_>,
    stored: &mut StoredBooking,
    order: &OrderFacts,
) -> Result<(), OctoError> {
    if stored.is_held || matches!(order.status.as_str(), "DRAFT" | "HOLDING" | "FAILED") {
        return Ok(());
    }
    stored.is_held = true;
    match save(exchange, stored).await {
        // Another request has stored the same.
        Err(error) if error.status == 400 => Ok(()),
        saved => saved,
    }
}
