//! Changes of what a booking holds: another product, availability or other units. `changeHeldOrder` holds them in a new order, which
//! replaces that of the booking once it is held. The change is stored with the booking before, so that it is adopted whatever fails in
//! between.

use octo_facade::OctoError;
use octo_facade::booking::{adopt, changed_units, lines_of};
use octo_facade::facts::{OrderFacts, OrderMutation};
use octo_facade::problem::to_error_of_lines;
use octo_facade::request::BookingChange;
use octo_facade::slot::SlotTimes;
use octo_facade::store::StoredChange;
use serde_json::json;

use crate::gateway::octo::bookings::{find_performance, order_lines};
use crate::gateway::octo::documents::CHANGE;
use crate::gateway::octo::exchange::{Exchange, Seller};
use crate::gateway::octo::orders::{FoundBooking, load_order_by_id, order_key, run, save};
use crate::gateway::octo::products::find_event;
use crate::gateway::request_id;

/// Holds what a change asks for, then releases what the booking held. A supplier that refuses leaves the booking as it was. The result
/// is pending if its hold is not decided within the time of a request.
pub(super) async fn change_hold(
    exchange: &Exchange<'_>,
    seller: &Seller,
    mut found: FoundBooking,
    change: &BookingChange,
) -> Result<FoundBooking, OctoError> {
    let (requested, performance) = plan(exchange, seller, &found, change).await?;
    if !found.order.can("CHANGE") {
        return Err(OctoError::refused("the state of the booking does not allow this"));
    }
    let lines = order_lines(requested.units.iter().map(|unit| unit.unit.as_str()), &performance);
    found.stored.details.change = Some(requested);
    save(exchange, &mut found.stored).await?;
    let input = json!({ "idempotencyKey": request_id::generate(), "order": found.order.id, "lines": lines });
    let OrderMutation { order, problems } = run(exchange, CHANGE, input).await?;
    if let Some(problem) = problems.first() {
        let units = found.stored.details.change.take().map(|change| change.units).unwrap_or_default();
        save(exchange, &mut found.stored).await?;
        let units = units.iter().map(|unit| unit.unit.as_str());
        return Err(to_error_of_lines(problem, exchange.uuid(), units));
    }
    let new = order.ok_or_else(OctoError::internal)?;
    follow(exchange, found, new).await
}

/// Returns the change to store, and the id of its performance.
async fn plan(
    exchange: &Exchange<'_>,
    seller: &Seller,
    found: &FoundBooking,
    change: &BookingChange,
) -> Result<(StoredChange, String), OctoError> {
    let stored = &found.stored;
    let product = change.product.as_deref().unwrap_or(&stored.product);
    let event = find_event(exchange, seller, product).await?;
    let units = changed_units(stored, change);
    if let Some(unknown) = units.iter().find(|unit| event.find_unit(&unit.unit).is_none()) {
        return Err(OctoError::unit(Some(&unknown.unit)));
    }
    let held = stored.details.slot.as_ref().filter(|_| product == stored.product).map(|slot| slot.id.as_str());
    let performance = find_performance(exchange, &event, change.availability.as_deref().or(held)).await?;
    let times = SlotTimes::of(&event, &performance);
    let requested = StoredChange {
        product: product.to_owned(),
        visit_day: times.as_ref().map(SlotTimes::day),
        slot: times.map(|times| times.to_slot(&event, &performance)),
        units,
    };
    Ok((requested, performance.id))
}

/// Returns a booking whose order may have been replaced: with the new order, if that one is held or sold, or not decided yet.
pub(super) async fn settle(exchange: &Exchange<'_>, found: FoundBooking) -> Result<FoundBooking, OctoError> {
    let Some(replaced_by) = found.order.replaced_by.as_ref().filter(|_| found.stored.details.change.is_some()) else {
        return Ok(found);
    };
    let new = load_order_by_id(exchange, &replaced_by.id).await?.ok_or_else(OctoError::internal)?;
    follow(exchange, found, new).await
}

/// Adopts the order that replaces that of a booking. It is stored once it is certain that it stays.
async fn follow(exchange: &Exchange<'_>, mut found: FoundBooking, new: OrderFacts) -> Result<FoundBooking, OctoError> {
    if !found.stored.details.change.as_ref().is_some_and(|change| is_order_of(change, &new)) {
        return Ok(found);
    }
    let is_decided = match new.status.as_str() {
        "DRAFT" | "HOLDING" => false,
        // The new order was given up, or could not be held: the old one stays what it is.
        "FAILED" | "RELEASING" | "RELEASED" | "PARTIALLY_HELD" if found.order.status == "HELD" => return Ok(found),
        _ => true,
    };
    adopt(&mut found.stored, &found.order, (order_key(&new)?, &new.number));
    found.order = new;
    if is_decided {
        match save(exchange, &mut found.stored).await {
            // Another request has adopted it.
            Err(error) if error.status == 400 => {}
            saved => saved?,
        }
    }
    Ok(found)
}

/// Returns true if an order has the lines of a change. The reseller may have changed the order over GraphQL, too.
fn is_order_of(change: &StoredChange, order: &OrderFacts) -> bool {
    let lines = lines_of(change.units.iter().map(|unit| unit.unit.as_str()));
    lines.len() == order.lines.len() && lines.iter().zip(&order.lines).all(|((_, count), line)| *count == line.quantity)
}
