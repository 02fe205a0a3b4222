//! Changes of what a booking holds: another product, availability or other units. `changeHeldOrder` holds them in a new order, which
//! replaces that of the booking once it is held.
//!
//! The change is stored with the booking before, under an idempotency key of its own. Whoever finds a stored change repeats it by that key
//! before anything else, so that a crash or a second request in between loses nothing and mixes nothing up.

use domain::StoreError;
use octo_facade::OctoError;
use octo_facade::booking::{adopt, changed_units, lines_of};
use octo_facade::facts::OrderMutation;
use octo_facade::problem::to_error_of_lines;
use octo_facade::request::BookingChange;
use octo_facade::slot::SlotTimes;
use octo_facade::store::StoredChange;
use serde_json::{Value, json};

use crate::gateway::octo::bookings::find_performance;
use crate::gateway::octo::documents::CHANGE;
use crate::gateway::octo::exchange::{Exchange, Seller};
use crate::gateway::octo::failures::of_store;
use crate::gateway::octo::orders::{FoundBooking, load_order, order_key, run, save};
use crate::gateway::octo::products::find_event;
use crate::gateway::request_id;

/// Holds what a change asks for, then releases what the booking held. A supplier that refuses leaves the booking as it was. The result
/// is pending if its hold is not decided within the time of a request. `keeps_price`: units that stay at the same time must cost what
/// they did.
pub(super) async fn change_hold(
    exchange: &Exchange<'_>,
    seller: &Seller,
    mut found: FoundBooking,
    (change, keeps_price): (&BookingChange, bool),
) -> Result<FoundBooking, OctoError> {
    let mut requested = plan(exchange, seller, &found, change).await?;
    if !found.order.can("CHANGE") {
        return Err(OctoError::refused("the state of the booking does not allow this"));
    }
    requested.keeps_price = keeps_price;
    found.stored.details.change = Some(requested);
    save(exchange, &mut found.stored).await?;
    let (found, refusal) = carry_out(exchange, found).await?;
    refusal.map_or(Ok(found), Err)
}

/// Returns the change to store.
async fn plan(
    exchange: &Exchange<'_>,
    seller: &Seller,
    found: &FoundBooking,
    change: &BookingChange,
) -> Result<StoredChange, OctoError> {
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
    Ok(StoredChange {
        key: request_id::generate(),
        product: product.to_owned(),
        visit_day: times.as_ref().map(SlotTimes::day),
        slot: times.map(|times| times.to_slot(&event, &performance)),
        performance: performance.id,
        units,
        keeps_price: false,
    })
}

/// Carries out the stored change of a booking, if there is one that is not known to be made or refused.
pub(super) async fn settle(exchange: &Exchange<'_>, found: FoundBooking) -> Result<FoundBooking, OctoError> {
    Ok(carry_out(exchange, found).await?.0)
}

/// Carries out the stored change by its key, and returns the booking as it is then, with the reason of a refusal. Without a stored change
/// it does nothing.
async fn carry_out(
    exchange: &Exchange<'_>,
    mut found: FoundBooking,
) -> Result<(FoundBooking, Option<OctoError>), OctoError> {
    let Some(change) = found.stored.details.change.clone() else { return Ok((found, None)) };
    let input = json!({ "idempotencyKey": change.key, "order": found.order.id, "lines": lines(&found, &change) });
    let OrderMutation { order, problems } = run(exchange, CHANGE, input).await?;
    let old = found.order.id.clone();
    match order.filter(|order| order.id != old) {
        // Not decided yet: the booking keeps the change, and shows the new order.
        Some(new) if matches!(new.status.as_str(), "DRAFT" | "HOLDING") => {
            found.order = new;
            Ok((found, None))
        }
        Some(new) => {
            adopt(&mut found.stored, &found.order, (order_key(&new)?, &new.number));
            found.order = new;
            Ok((store(exchange, found).await?, None))
        }
        None => {
            found.stored.details.change = None;
            let units = change.units.iter().map(|unit| unit.unit.as_str());
            let refusal = problems.first().map_or_else(
                || OctoError::refused("the supplier refused the request"),
                |problem| to_error_of_lines(problem, exchange.uuid(), units),
            );
            Ok((store(exchange, found).await?, Some(refusal)))
        }
    }
}

/// Returns the lines to hold.
fn lines(found: &FoundBooking, change: &StoredChange) -> Vec<Value> {
    let stored = &found.stored.details;
    let known = lines_of(stored.units.iter().map(|unit| unit.unit.as_str()));
    let is_same_time = stored.slot.as_ref().is_some_and(|slot| slot.id == change.performance);
    let price_of = |unit: &str| {
        let line = known.iter().position(|(known, _)| *known == unit).and_then(|line| found.order.lines.get(line))?;
        let retail = &line.unit_price.retail;
        Some(json!({ "amount": retail.amount, "currency": retail.currency }))
    };
    let line = |(unit, quantity): (&str, usize)| {
        let price = if change.keeps_price && is_same_time { price_of(unit) } else { None };
        json!({ "performance": change.performance, "ticketType": unit, "quantity": quantity, "expectedUnitPrice": price })
    };
    lines_of(change.units.iter().map(|unit| unit.unit.as_str())).into_iter().map(line).collect()
}

/// Stores what became of a change. If another request has stored it at the same time, returns the booking as that one left it.
async fn store(exchange: &Exchange<'_>, mut found: FoundBooking) -> Result<FoundBooking, OctoError> {
    match exchange.bookings()?.replace_booking(&found.stored).await {
        Ok(()) => {
            found.stored.version += 1;
            Ok(found)
        }
        Err(StoreError::Outdated) => {
            let (scope, uuid) = (&found.stored.scope, found.stored.uuid);
            let stored = exchange.bookings()?.find_booking(scope, uuid).await.map_err(|error| of_store(&error))?;
            let stored = stored.ok_or_else(OctoError::internal)?;
            let order = load_order(exchange, stored.order).await?.ok_or_else(OctoError::internal)?;
            Ok(FoundBooking { stored, order })
        }
        Err(error) => Err(of_store(&error)),
    }
}
