//! Confirms, extends, updates and cancels bookings.

use octo_facade::OctoError;
use octo_facade::booking::{apply_change, needs_another_hold, order_contact, price_change, status, status_of};
use octo_facade::facts::{OrderFacts, OrderMutation, ProblemFacts};
use octo_facade::problem::to_error;
use octo_facade::request::{self, BookingChange, CancelBody, ChangeBody, ExtendBody};
use octo_facade::wire::OctoContact;
use serde_json::{Map, json};

use crate::gateway::octo::another_hold::change_hold;
use crate::gateway::octo::bookings::reply;
use crate::gateway::octo::documents::{CANCEL, CONFIRM, CONTACT, EXTEND, RELEASE};
use crate::gateway::octo::exchange::Exchange;
use crate::gateway::octo::orders::{FoundBooking, act, find_booking, load_order, quote, run, save};
use crate::gateway::octo::reply::Reply;
use crate::gateway::request_id;

/// `POST /bookings/{uuid}/confirm`. A repetition returns the booking as it is now.
pub(super) async fn confirm(exchange: &Exchange<'_>, body: &[u8]) -> Result<Reply, OctoError> {
    let body: ChangeBody = request::parse(body)?;
    let seller = exchange.seller().await?;
    let mut found = find_booking(exchange, &seller).await?;
    let change = body.check(exchange.settings().max_units)?;
    match status_of(&found.order) {
        status::CONFIRMED | status::REDEEMED => return reply(exchange, &found),
        status::EXPIRED => return Err(OctoError::booking(exchange.uuid(), "the hold has expired")),
        status::PENDING if !found.order.can("CONFIRM") => return reply(exchange, &found),
        status::ON_HOLD | status::PENDING => {}
        _ => return Err(wrong_state()),
    }
    // Before anything else is held: what is missing for the sale. A new order has the contact of the old one.
    let contact = change.contact.as_ref().unwrap_or(&found.stored.details.contact).clone();
    if order_contact(&contact).is_none() {
        return Err(incomplete(&contact));
    }
    set_contact(exchange, &mut found, &contact).await?;
    if needs_another_hold(&found.stored, &change) {
        found = change_hold(exchange, &seller, found, (&change, true)).await?;
    }
    apply_change(&mut found.stored, &change);
    save(exchange, &mut found.stored).await?;
    // The supplier has not decided yet about another hold: the booking is read, and confirmed later.
    if status_of(&found.order) == status::PENDING && !found.order.can("CONFIRM") {
        return reply(exchange, &found);
    }
    if let Some(changed) = price_change(&found.order) {
        return Err(to_error(changed, exchange.uuid()));
    }
    let outcome = act(exchange, CONFIRM, (&found.order, None), Map::new()).await?;
    found.order = after(exchange, &found, &outcome).await?;
    match (status_of(&found.order), outcome.problems.first().or(found.order.problems.first())) {
        (status::CONFIRMED | status::REDEEMED | status::PENDING, _) | (status::ON_HOLD, None) => {
            reply(exchange, &found)
        }
        (_, Some(problem)) => Err(to_error(problem, exchange.uuid())),
        (status::EXPIRED, None) => Err(OctoError::booking(exchange.uuid(), "the hold has expired")),
        (_, None) => Err(OctoError::refused("the supplier refused the request")),
    }
}

/// `POST /bookings/{uuid}/extend`.
pub(super) async fn extend(exchange: &Exchange<'_>, body: &[u8]) -> Result<Reply, OctoError> {
    let body: ExtendBody = request::parse(body)?;
    let seller = exchange.seller().await?;
    let mut found = find_booking(exchange, &seller).await?;
    body.check()?;
    match status_of(&found.order) {
        status::ON_HOLD => {}
        status::EXPIRED => return Err(OctoError::booking(exchange.uuid(), "the hold has expired")),
        _ => return Err(wrong_state()),
    }
    if !found.order.can("EXTEND_HOLD") {
        return Err(OctoError::refused("the supplier cannot extend a hold"));
    }
    let outcome = act(exchange, EXTEND, (&found.order, None), Map::new()).await?;
    if let Some(problem) = outcome.problems.first() {
        return Err(to_error(problem, exchange.uuid()));
    }
    found.order = after(exchange, &found, &outcome).await?;
    reply(exchange, &found)
}

/// `PATCH /bookings/{uuid}`: everything of a hold; contact and notes of a sale.
pub(super) async fn update(exchange: &Exchange<'_>, body: &[u8]) -> Result<Reply, OctoError> {
    let body: ChangeBody = request::parse(body)?;
    let seller = exchange.seller().await?;
    let mut found = find_booking(exchange, &seller).await?;
    let change = body.check(exchange.settings().max_units)?;
    let another = needs_another_hold(&found.stored, &change);
    match status_of(&found.order) {
        status::ON_HOLD => {
            if let Some(contact) = &change.contact {
                set_contact(exchange, &mut found, contact).await?;
            }
            if another {
                found = change_hold(exchange, &seller, found, (&change, false)).await?;
            }
            apply_change(&mut found.stored, &change);
        }
        status::CONFIRMED if !another && !changes_reference(&found, &change) => {
            apply_change(&mut found.stored, &change)
        }
        status::EXPIRED => return Err(OctoError::booking(exchange.uuid(), "the hold has expired")),
        _ => return Err(wrong_state()),
    }
    save(exchange, &mut found.stored).await?;
    reply(exchange, &found)
}

fn changes_reference(found: &FoundBooking, change: &BookingChange) -> bool {
    change.reseller_reference.is_some() && change.reseller_reference != found.stored.reseller_reference
}

/// `POST /bookings/{uuid}/cancel` and `DELETE /bookings/{uuid}`. A repetition returns the booking as it is now.
pub(super) async fn cancel(exchange: &Exchange<'_>, body: &[u8]) -> Result<Reply, OctoError> {
    let body: CancelBody = request::parse(body)?;
    let seller = exchange.seller().await?;
    let mut found = find_booking(exchange, &seller).await?;
    let reason = body.check()?;
    let outcome = match (found.order.status.as_str(), status_of(&found.order)) {
        (_, status::CANCELLED) | ("CANCELLING" | "RELEASING", _) => return reply(exchange, &found),
        (_, status::CONFIRMED) => cancel_sale(exchange, &mut found, reason).await?,
        (_, status::ON_HOLD | status::PENDING) if found.order.can("RELEASE") => {
            remember(exchange, &mut found, reason).await?;
            act(exchange, RELEASE, (&found.order, None), Map::new()).await?
        }
        (_, status::EXPIRED) => return Err(OctoError::booking(exchange.uuid(), "the hold has expired")),
        _ => return Err(wrong_state()),
    };
    found.order = after(exchange, &found, &outcome).await?;
    let is_done = status_of(&found.order) == status::CANCELLED;
    let is_running = matches!(found.order.status.as_str(), "CANCELLING" | "RELEASING" | "NEEDS_ATTENTION");
    match outcome.problems.first() {
        Some(problem) if !is_done && !is_running => Err(to_error(problem, exchange.uuid())),
        None if !is_done && !is_running => Err(not_canceled(&found.order.problems, exchange.uuid())),
        _ => reply(exchange, &found),
    }
}

/// Cancels a whole sale by a quote of now.
async fn cancel_sale(
    exchange: &Exchange<'_>,
    found: &mut FoundBooking,
    reason: Option<String>,
) -> Result<OrderMutation, OctoError> {
    let quoted = quote(exchange, &found.order).await?;
    let Some(quoted_sale) = quoted.quote else { return Err(not_canceled(&quoted.problems, exchange.uuid())) };
    // A part that cannot be canceled: whole bookings only.
    if quoted_sale.lines.len() != found.order.lines.len() {
        return Err(OctoError::refused("the booking cannot be canceled as a whole"));
    }
    let input = json!({
        "idempotencyKey": request_id::generate(), "quote": quoted_sale.id, "reason": &reason,
    });
    remember(exchange, found, reason).await?;
    run(exchange, CANCEL, input).await
}

fn not_canceled(problems: &[ProblemFacts], uuid: &str) -> OctoError {
    problems.first().map_or_else(|| OctoError::refused("the booking cannot be canceled"), |first| to_error(first, uuid))
}

/// Stores the reason before the booking is canceled. It is shown only once it is.
async fn remember(exchange: &Exchange<'_>, found: &mut FoundBooking, reason: Option<String>) -> Result<(), OctoError> {
    found.stored.details.cancel_reason = reason;
    save(exchange, &mut found.stored).await
}

fn wrong_state() -> OctoError {
    OctoError::refused("the state of the booking does not allow this")
}

/// Sets the contact of the order, if it is complete.
async fn set_contact(
    exchange: &Exchange<'_>,
    found: &mut FoundBooking,
    contact: &OctoContact,
) -> Result<(), OctoError> {
    let Some(contact) = order_contact(contact) else { return Ok(()) };
    let mut input = Map::new();
    let contact = serde_json::to_value(contact).map_err(|_| OctoError::internal())?;
    input.insert("contact".to_owned(), contact);
    let outcome = act(exchange, CONTACT, (&found.order, None), input).await?;
    // The others are those of the hold.
    if let Some(problem) = outcome.problems.iter().find(|problem| problem.is_about_input()) {
        return Err(to_error(problem, exchange.uuid()));
    }
    found.order = after(exchange, found, &outcome).await?;
    Ok(())
}

/// Names the parts of a contact that are missing.
fn incomplete(contact: &OctoContact) -> OctoError {
    let is_named = contact.full_name.is_some() || (contact.first_name.is_some() && contact.last_name.is_some());
    let missing = match (is_named, contact.email_address.is_some()) {
        (true, true) => "a first and a last name",
        (true, false) => "`emailAddress`",
        (false, true) => "`firstName` and `lastName`",
        (false, false) => "`firstName`, `lastName` and `emailAddress`",
    };
    OctoError::bad_request(format!("the contact needs {missing}"))
}

/// Returns the order after an action, as the action returned it, or else as it is now.
async fn after(
    exchange: &Exchange<'_>,
    found: &FoundBooking,
    outcome: &OrderMutation,
) -> Result<OrderFacts, OctoError> {
    match &outcome.order {
        Some(order) => Ok(order.clone()),
        None => load_order(exchange, found.stored.order).await?.ok_or_else(OctoError::internal),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_contact_without_a_part_names_the_part_and_no_value() {
        let contact = |fields: Value| serde_json::from_value::<OctoContact>(fields).expect("a contact");
        let error = |fields| incomplete(&contact(fields)).message;
        assert!(error(json!({})).contains("`firstName`, `lastName` and `emailAddress`"));
        let message = error(json!({ "firstName": "Ada", "lastName": "Lovelace" }));
        assert!(message.contains("`emailAddress`") && !message.contains("Ada"), "{message}");
    }
}
