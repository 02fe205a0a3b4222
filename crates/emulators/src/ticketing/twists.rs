//! What can be changed from outside the vendor's API: see the README of this folder.

use jiff::Timestamp;
use serde_json::Value;

use crate::faults::Twist;
use crate::ticketing::book::{Book, Section};
use crate::ticketing::sections::hundredths;

const WORDS: &str = "price, sold_out, restock, cancel, publish, use_ticket, decline, fees, gateway_errors, \
                     text_numbers, empty_lists, page_cap, role";

/// Changes the vendor's world; an error names what was not understood.
pub(super) fn apply(book: &mut Book, twist: &Twist, now: Timestamp) -> Result<(), String> {
    let id = twist.id.as_deref();
    match twist.what.as_str() {
        "price" => {
            let price = text(&twist.value).as_deref().and_then(hundredths).ok_or("price: the value is no amount")?;
            each_section(book, id, |section| (section.base, section.current) = (price, price))
        }
        "sold_out" => each_section(book, id, |section| section.capacity = section.sold + section.reserved),
        "restock" => each_section(book, id, |section| {
            if section.remaining() < 100 {
                section.capacity = section.sold + section.reserved + 100;
            }
        }),
        "cancel" => set_status(book, id, "Cancelled", now),
        "publish" => set_status(book, id, "Scheduled", now),
        "use_ticket" => {
            let ticket = book.tickets.get_mut(id.unwrap_or_default()).ok_or("use_ticket: no such serial")?;
            "Redeemed".clone_into(&mut ticket.status);
            (ticket.redeemed, ticket.changed) = (Some(now), now);
            Ok(())
        }
        "decline" => whole(&twist.value).map(|times| book.switches.declines = u32::try_from(times).unwrap_or(u32::MAX)),
        "fees" => {
            let more = text(&twist.value).as_deref().and_then(hundredths).ok_or("fees: the value is no amount")?;
            book.switches.fee_surcharge = more;
            Ok(())
        }
        "gateway_errors" => switch(&twist.value).map(|on| book.switches.gateway_errors = on),
        "text_numbers" => switch(&twist.value).map(|on| book.switches.text_numbers = on),
        "empty_lists" => switch(&twist.value).map(|on| book.switches.empty_lists = on),
        "page_cap" => {
            whole(&twist.value).map(|most| book.switches.page_cap = usize::try_from(most).ok().filter(|m| *m > 0))
        }
        "role" => {
            let account = book.accounts.get_mut(id.unwrap_or_default()).ok_or("role: no such account")?;
            account.role = text(&twist.value).ok_or("role: the value is no text")?;
            Ok(())
        }
        other => Err(format!("{other:?} is unknown; known are {WORDS}")),
    }
}

/// Changes one section (by id, or by event and section with a slash), all of an event, or all.
fn each_section(book: &mut Book, id: Option<&str>, change: impl Fn(&mut Section)) -> Result<(), String> {
    let mut is_found = false;
    let (owner, wanted) =
        id.and_then(|id| id.split_once('/')).map_or((None, id), |(event, id)| (Some(event), Some(id)));
    for event in book.events.values_mut().filter(|event| owner.is_none_or(|owner| event.id == owner)) {
        let is_event = wanted.is_none_or(|wanted| event.id == wanted);
        for section in event.sections.iter_mut().filter(|section| is_event || Some(section.id.as_str()) == wanted) {
            change(section);
            is_found = true;
        }
    }
    if is_found { Ok(()) } else { Err("no such event or section".to_owned()) }
}

fn set_status(book: &mut Book, id: Option<&str>, status: &str, now: Timestamp) -> Result<(), String> {
    let event = book.events.get_mut(id.unwrap_or_default()).ok_or("no such event")?;
    status.clone_into(&mut event.status);
    event.published.get_or_insert(now);
    Ok(())
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn whole(value: &Value) -> Result<u64, String> {
    value.as_u64().ok_or_else(|| "the value is no whole number".to_owned())
}

fn switch(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| "the value must be true or false".to_owned())
}
