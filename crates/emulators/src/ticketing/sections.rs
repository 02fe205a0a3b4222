//! Sections: the ticket types of an event (`ticketing.md §4.7`).

use std::str::FromStr;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::json;

use crate::ticketing::auth::RequestContext;
use crate::ticketing::responses::{BodyFields, EndpointResult, TicketingErrorResponse};
use crate::ticketing::state::{TicketingSection, TicketingState};
use crate::ticketing::views;

/// Required fields of a section (`§4.7`, INFERRED).
const REQUIRED_FIELDS: [&str; 5] = ["name", "basePrice", "salesStart", "salesEnd", "capacity"];

pub(super) fn read(state: &TicketingState, request: &RequestContext<'_>, event: &str, id: &str) -> EndpointResult {
    let section = state.section(event, id).ok_or_else(TicketingErrorResponse::not_found)?;
    let event = state.events.get(event).ok_or_else(TicketingErrorResponse::not_found)?;
    Ok(views::section(request.view(), event, section, views::section_uri(&event.id, id)))
}

pub(super) fn add(state: &mut TicketingState, request: &RequestContext<'_>, event: &str) -> EndpointResult {
    request.managed_event(state, event)?;
    request.fields().require(&REQUIRED_FIELDS)?;
    let mut section = TicketingSection {
        id: String::new(),
        name: String::new(),
        description: String::new(),
        base: 0,
        current: 0,
        expires: None,
        sales_start: String::new(),
        sales_end: String::new(),
        capacity: 0,
        sold: 0,
        reserved: 0,
    };
    apply_fields(&mut section, &request.fields(), request)?;
    section.id = state.next_id(request.now);
    let event = state.events.get_mut(event).ok_or_else(TicketingErrorResponse::not_found)?;
    event.sections.push(section.clone());
    Ok(views::section(request.view(), event, &section, format!("/sections/{}", section.id)))
}

pub(super) fn update(
    state: &mut TicketingState,
    request: &RequestContext<'_>,
    event: &str,
    id: &str,
) -> EndpointResult {
    request.managed_event(state, event)?;
    let mut section = state.section(event, id).ok_or_else(TicketingErrorResponse::not_found)?.clone();
    // INFERRED: a PUT replaces the whole object and resets omitted fields.
    request.fields().require(&REQUIRED_FIELDS)?;
    section.description.clear();
    apply_fields(&mut section, &request.fields(), request)?;
    if section.capacity < section.sold + section.reserved {
        return Err(TicketingErrorResponse::invalid(&["capacity"]));
    }
    if let Some(kept) = state.section_mut(event, id) {
        *kept = section;
    }
    Ok(json!({}))
}

pub(super) fn delete(
    state: &mut TicketingState,
    request: &RequestContext<'_>,
    event: &str,
    id: &str,
) -> EndpointResult {
    request.managed_event(state, event)?;
    let section = state.section(event, id).ok_or_else(TicketingErrorResponse::not_found)?;
    if section.sold + section.reserved > 0 && !state.quirks.deletes_sold_sections {
        return Err(TicketingErrorResponse::new(409, "A section cannot be deleted once tickets have been sold."));
    }
    if let Some(event) = state.events.get_mut(event) {
        event.sections.retain(|section| section.id != id);
    }
    Ok(json!({}))
}

fn apply_fields(
    section: &mut TicketingSection,
    fields: &BodyFields<'_>,
    request: &RequestContext<'_>,
) -> Result<(), TicketingErrorResponse> {
    let mut invalid = Vec::new();
    for (name, field) in [("name", &mut section.name), ("description", &mut section.description)] {
        if let Some(text) = fields.text(name) {
            text.clone_into(field);
        }
    }
    for (name, field) in [("salesStart", &mut section.sales_start), ("salesEnd", &mut section.sales_end)] {
        match fields.text(name) {
            Some(text) if request.view().parse_local(text).is_some() => text.clone_into(field),
            Some(_) => invalid.push(name),
            None => {}
        }
    }
    if let Some(text) = fields.text_or_number("basePrice") {
        match parse_hundredths(&text) {
            Some(price) => (section.base, section.current) = (price, price),
            None => invalid.push("basePrice"),
        }
    }
    if let Some(text) = fields.text_or_number("capacity") {
        match text.parse() {
            Ok(capacity) if capacity > 0 => section.capacity = capacity,
            _ => invalid.push("capacity"),
        }
    }
    if invalid.is_empty() { Ok(()) } else { Err(TicketingErrorResponse::invalid(&invalid)) }
}

/// Parses an amount in major units to hundredths. Negative amounts and finer fractions are rejected.
pub(super) fn parse_hundredths(text: &str) -> Option<i64> {
    let scaled = Decimal::from_str(text).ok()?.checked_mul(Decimal::ONE_HUNDRED)?;
    scaled.to_i64().filter(|whole| *whole >= 0 && Decimal::from(*whole) == scaled)
}
