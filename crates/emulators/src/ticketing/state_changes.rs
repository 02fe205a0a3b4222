//! State changes from outside the vendor's API, listed in the README of this folder.

use jiff::Timestamp;
use serde_json::Value;

use crate::faults::StateChange;
use crate::ticketing::sections::parse_hundredths;
use crate::ticketing::state::{TicketingSection, TicketingState};

const CHANGE_NAMES: &str = "price, sold_out, restock, cancel, publish, use_ticket, decline, fees, gateway_errors, \
                     text_numbers, empty_lists, page_cap, role, ignore_host, hide_host_events, delete_sold, \
                     server_error, word";

/// Applies a state change; an error names the unknown change or the invalid value.
pub(super) fn apply(state: &mut TicketingState, change: &StateChange, now: Timestamp) -> Result<(), String> {
    let id = change.id.as_deref();
    match change.name.as_str() {
        "price" => {
            let price = as_text(&change.value)
                .as_deref()
                .and_then(parse_hundredths)
                .ok_or("price: the value must be an amount")?;
            update_sections(state, id, |section| (section.base, section.current) = (price, price))
        }
        "sold_out" => update_sections(state, id, |section| section.capacity = section.sold + section.reserved),
        "restock" => update_sections(state, id, |section| {
            if section.remaining() < 100 {
                section.capacity = section.sold + section.reserved + 100;
            }
        }),
        "cancel" => set_status(state, id, "Cancelled", now),
        "publish" => set_status(state, id, "Scheduled", now),
        "use_ticket" => {
            let ticket = state.tickets.get_mut(id.unwrap_or_default()).ok_or("use_ticket: no such serial")?;
            "Redeemed".clone_into(&mut ticket.status);
            (ticket.redeemed, ticket.changed) = (Some(now), now);
            Ok(())
        }
        "decline" => {
            as_count(&change.value).map(|times| state.quirks.declines = u32::try_from(times).unwrap_or(u32::MAX))
        }
        "fees" => {
            let more = as_text(&change.value)
                .as_deref()
                .and_then(parse_hundredths)
                .ok_or("fees: the value must be an amount")?;
            state.quirks.fee_surcharge = more;
            Ok(())
        }
        "gateway_errors" => as_flag(&change.value).map(|on| state.quirks.gateway_errors = on),
        "text_numbers" => as_flag(&change.value).map(|on| state.quirks.text_numbers = on),
        "ignore_host" => as_flag(&change.value).map(|on| state.quirks.ignores_host = on),
        "hide_host_events" => as_flag(&change.value).map(|on| state.quirks.hides_host_events = on),
        "delete_sold" => as_flag(&change.value).map(|on| state.quirks.deletes_sold_sections = on),
        "server_error" => {
            as_count(&change.value).map(|times| state.quirks.server_errors = u32::try_from(times).unwrap_or(u32::MAX))
        }
        "word" => {
            let status = id.ok_or("word: the id must be a status")?.to_owned();
            let word = as_text(&change.value).ok_or("word: the value must be text")?;
            state.quirks.words.insert(status, word);
            Ok(())
        }
        "empty_lists" => as_flag(&change.value).map(|on| state.quirks.empty_lists = on),
        "page_cap" => {
            as_count(&change.value).map(|most| state.quirks.page_cap = usize::try_from(most).ok().filter(|m| *m > 0))
        }
        "role" => {
            let account = state.accounts.get_mut(id.unwrap_or_default()).ok_or("role: no such account")?;
            account.role = as_text(&change.value).ok_or("role: the value must be text")?;
            Ok(())
        }
        other => Err(format!("unknown state change {other:?}; supported: {CHANGE_NAMES}")),
    }
}

/// Changes one section (by id, or `event/section`), all sections of an event, or all sections.
fn update_sections(
    state: &mut TicketingState,
    id: Option<&str>,
    change: impl Fn(&mut TicketingSection),
) -> Result<(), String> {
    let mut is_found = false;
    let (owner, wanted) =
        id.and_then(|id| id.split_once('/')).map_or((None, id), |(event, id)| (Some(event), Some(id)));
    for event in state.events.values_mut().filter(|event| owner.is_none_or(|owner| event.id == owner)) {
        let is_event = wanted.is_none_or(|wanted| event.id == wanted);
        for section in event.sections.iter_mut().filter(|section| is_event || Some(section.id.as_str()) == wanted) {
            change(section);
            is_found = true;
        }
    }
    if is_found { Ok(()) } else { Err("no such event or section".to_owned()) }
}

fn set_status(state: &mut TicketingState, id: Option<&str>, status: &str, now: Timestamp) -> Result<(), String> {
    let event = state.events.get_mut(id.unwrap_or_default()).ok_or("no such event")?;
    status.clone_into(&mut event.status);
    event.published.get_or_insert(now);
    Ok(())
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn as_count(value: &Value) -> Result<u64, String> {
    value.as_u64().ok_or_else(|| "the value must be a non-negative integer".to_owned())
}

fn as_flag(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| "the value must be true or false".to_owned())
}
