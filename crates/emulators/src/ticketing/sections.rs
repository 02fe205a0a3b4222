//! Sections: the ticket types of an event (`ticketing.md §4.7`).

use std::str::FromStr;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::json;

use crate::ticketing::book::{Book, Section};
use crate::ticketing::door::Ask;
use crate::ticketing::reply::{Fields, Outcome, Refusal};
use crate::ticketing::show;

/// What every section has (`§4.7`, INFERRED).
const WHOLE: [&str; 5] = ["name", "basePrice", "salesStart", "salesEnd", "capacity"];

pub(super) fn read(book: &Book, ask: &Ask<'_>, event: &str, id: &str) -> Outcome {
    let section = book.section(event, id).ok_or_else(Refusal::gone)?;
    let event = book.events.get(event).ok_or_else(Refusal::gone)?;
    Ok(show::section(ask.view(), event, section, show::section_uri(&event.id, id)))
}

pub(super) fn add(book: &mut Book, ask: &Ask<'_>, event: &str) -> Outcome {
    ask.managed(book, event)?;
    ask.fields().require(&WHOLE)?;
    let mut section = Section {
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
    fill(&mut section, &ask.fields(), ask)?;
    section.id = book.next_id(ask.now);
    let event = book.events.get_mut(event).ok_or_else(Refusal::gone)?;
    event.sections.push(section.clone());
    Ok(show::section(ask.view(), event, &section, format!("/sections/{}", section.id)))
}

pub(super) fn update(book: &mut Book, ask: &Ask<'_>, event: &str, id: &str) -> Outcome {
    ask.managed(book, event)?;
    let mut section = book.section(event, id).ok_or_else(Refusal::gone)?.clone();
    // INFERRED: a PUT replaces the whole, so what it leaves out is gone.
    ask.fields().require(&WHOLE)?;
    section.description.clear();
    fill(&mut section, &ask.fields(), ask)?;
    if section.capacity < section.sold + section.reserved {
        return Err(Refusal::invalid(&["capacity"]));
    }
    if let Some(kept) = book.section_mut(event, id) {
        *kept = section;
    }
    Ok(json!({}))
}

pub(super) fn delete(book: &mut Book, ask: &Ask<'_>, event: &str, id: &str) -> Outcome {
    ask.managed(book, event)?;
    let section = book.section(event, id).ok_or_else(Refusal::gone)?;
    if section.sold + section.reserved > 0 {
        return Err(Refusal::new(409, "A section cannot be deleted once tickets have been sold."));
    }
    if let Some(event) = book.events.get_mut(event) {
        event.sections.retain(|section| section.id != id);
    }
    Ok(json!({}))
}

fn fill(section: &mut Section, fields: &Fields<'_>, ask: &Ask<'_>) -> Result<(), Refusal> {
    let mut invalid = Vec::new();
    for (name, field) in [("name", &mut section.name), ("description", &mut section.description)] {
        if let Some(text) = fields.text(name) {
            text.clone_into(field);
        }
    }
    for (name, field) in [("salesStart", &mut section.sales_start), ("salesEnd", &mut section.sales_end)] {
        match fields.text(name) {
            Some(text) if ask.view().local(text).is_some() => text.clone_into(field),
            Some(_) => invalid.push(name),
            None => {}
        }
    }
    if let Some(text) = fields.loose("basePrice") {
        match hundredths(&text) {
            Some(price) => (section.base, section.current) = (price, price),
            None => invalid.push("basePrice"),
        }
    }
    if let Some(text) = fields.loose("capacity") {
        match text.parse() {
            Ok(capacity) if capacity > 0 => section.capacity = capacity,
            _ => invalid.push("capacity"),
        }
    }
    if invalid.is_empty() { Ok(()) } else { Err(Refusal::invalid(&invalid)) }
}

/// An amount in major units as hundredths; `None` below nothing or finer than a hundredth.
pub(super) fn hundredths(text: &str) -> Option<i64> {
    let scaled = Decimal::from_str(text).ok()?.checked_mul(Decimal::ONE_HUNDRED)?;
    scaled.to_i64().filter(|whole| *whole >= 0 && Decimal::from(*whole) == scaled)
}
