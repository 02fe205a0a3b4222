//! Injection: validates each ticket individually and creates or updates its event (`tixngo.md §4.1` to `§4.9`).

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::tixngo::responses::EndpointResult;
use crate::tixngo::state::{EmulatedOrganizer, InjectedTicket};
use crate::tixngo::wire::{ACCEPTED, REJECTED};

/// JSON pointer to a ticket's barcode.
const BARCODE_PATH: &str = "/security/barcode";

/// Reason for rejecting a ticket: error code and field.
pub(super) struct TicketError(pub &'static str, pub &'static str);

/// Serializes an accepted ticket.
pub(super) fn accepted(id: &str, status: &str) -> Value {
    json!({"ticketId": id, "outcome": ACCEPTED, "status": status, "errors": []})
}

/// Serializes a rejected ticket.
pub(super) fn rejected(id: &str, TicketError(code, field): &TicketError) -> Value {
    let fault = json!({"code": code, "field": field, "message": format!("{field}: {code}")});
    json!({"ticketId": id, "outcome": REJECTED, "errors": [fault]})
}

/// `POST {T}`.
pub(super) fn inject(
    organizer: &mut EmulatedOrganizer,
    tickets: &[Value],
    refuses_again: bool,
    now: Timestamp,
) -> EndpointResult {
    let mut taken = 0;
    let live = organizer.tickets.iter().filter(|(_, ticket)| ticket.status != "DELETED");
    let mut codes: HashMap<String, String> =
        live.map(|(id, ticket)| (ticket.text(BARCODE_PATH).unwrap_or_default().to_owned(), id.clone())).collect();
    let result: Vec<Value> = tickets
        .iter()
        .map(|ticket| {
            let id = ticket["ticketId"].as_str().unwrap_or_default();
            let is_free = |codes: &mut HashMap<String, String>| {
                let code = ticket.pointer(BARCODE_PATH).and_then(Value::as_str).unwrap_or_default();
                let holder = codes.entry(code.to_owned()).or_insert_with(|| id.to_owned());
                if holder == id { Ok(()) } else { Err(TicketError("DUPLICATE_BARCODE", "security.barcode")) }
            };
            let fine = check_ticket(ticket, now).and_then(|()| is_free(&mut codes));
            let fine = fine.and_then(|()| match refuses_again && organizer.tickets.contains_key(id) {
                true => Err(TicketError("DUPLICATE_BARCODE", "ticketId")),
                false => Ok(()),
            });
            match fine.and_then(|()| store_ticket(organizer, id, ticket, now)) {
                Ok(()) => {
                    taken += 1;
                    accepted(id, &organizer.tickets[id].status)
                }
                Err(error) => rejected(id, &error),
            }
        })
        .collect();
    Ok(json!({"accepted": taken, "rejected": result.len() - taken, "result": result}))
}

/// Stores a new ticket, or updates an existing one and keeps its owner and status.
fn store_ticket(
    organizer: &mut EmulatedOrganizer,
    id: &str,
    injected: &Value,
    now: Timestamp,
) -> Result<(), TicketError> {
    match organizer.tickets.get_mut(id) {
        Some(known) => match known.status.as_str() {
            "DELETION_PENDING" | "DELETED" => return Err(TicketError("TICKET_DELETED", "ticketId")),
            "CONTROLLED" => return Err(TicketError("TICKET_CONTROLLED", "ticketId")),
            _ => {
                known.injected = injected.clone();
                known.injections += 1;
            }
        },
        None => {
            let owner = injected["spectatorDetails"].clone();
            let ticket = InjectedTicket {
                injected: injected.clone(),
                injections: 1,
                status: String::new(),
                updated_at: now,
                position: 0,
                level: 0,
                first_owner: owner.clone(),
                owner,
                recipient: None,
                assignee: None,
                reason: None,
                shows_deleted: false,
            };
            organizer.tickets.insert(id.to_owned(), ticket);
            organizer.set_status(id, "INJECTED", ("INJECT", "organizer"), now);
        }
    }
    let event = &injected["event"];
    organizer.events.insert(event["id"].as_str().unwrap_or_default().to_owned(), event.clone());
    Ok(())
}

/// Required texts with their maximum lengths. The length of a language map is that of its longest text.
const REQUIRED_TEXTS: &[(&str, &str, usize)] = &[
    ("/ticketId", "ticketId", 256),
    ("/event/id", "event.id", 256),
    ("/event/name", "event.name", 128),
    ("/event/address/site", "event.address.site", 200),
    ("/event/address/city", "event.address.city", 200),
    ("/event/address/countryCode", "event.address.countryCode", 200),
    ("/event/address/zip", "event.address.zip", 200),
    ("/security/barcode", "security.barcode", 512),
    ("/spectatorDetails/email", "spectatorDetails.email", 256),
    ("/spectatorDetails/firstName", "spectatorDetails.firstName", 50),
    ("/spectatorDetails/lastName", "spectatorDetails.lastName", 100),
];

fn check_ticket(ticket: &Value, now: Timestamp) -> Result<(), TicketError> {
    for (path, field, longest) in REQUIRED_TEXTS {
        let length = match ticket.pointer(path) {
            Some(Value::String(text)) if !text.trim().is_empty() => text.chars().count(),
            Some(Value::Object(map)) if !map.is_empty() => {
                map.values().filter_map(|text| Some(text.as_str()?.chars().count())).max().unwrap_or(0)
            }
            _ => return Err(TicketError("MISSING_FIELD", field)),
        };
        if length > *longest {
            return Err(TicketError("TOO_LONG", field));
        }
    }
    let id = ticket["ticketId"].as_str().unwrap_or_default();
    if !id.chars().all(|c| c.is_ascii_alphanumeric() || " *.-_+/()".contains(c)) {
        return Err(TicketError("INVALID_FIELD", "ticketId"));
    }
    if !ticket["purchaseDetails"].is_object() {
        return Err(TicketError("MISSING_FIELD", "purchaseDetails"));
    }
    if !ticket["spectatorDetails"]["email"].as_str().is_some_and(|email| email.contains('@')) {
        return Err(TicketError("INVALID_FIELD", "spectatorDetails.email"));
    }
    // One table of the vendor's documentation spells it `startime`.
    let start = ticket.pointer("/event/startTime").or_else(|| ticket.pointer("/event/startime"));
    let end = ticket.pointer("/event/expirationDate");
    let instant = |value: Option<&Value>, field| match value {
        None | Some(Value::Null) => Err(TicketError("MISSING_FIELD", field)),
        Some(value) => {
            let read = value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
            read.ok_or(TicketError("INVALID_FIELD", field))
        }
    };
    let (start, end) = (instant(start, "event.startTime")?, instant(end, "event.expirationDate")?);
    match () {
        () if end < start => Err(TicketError("INVALID_FIELD", "event.expirationDate")),
        () if end <= now => Err(TicketError("EVENT_EXPIRED", "event.expirationDate")),
        () => Ok(()),
    }
}
