//! Injection: each ticket is checked for itself, and makes or updates its event (`tixngo.md §4.1` to `§4.9`).

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::tixngo::book::{Organizer, Ticket};
use crate::tixngo::door::Outcome;
use crate::tixngo::wire::{ACCEPTED, REJECTED};

/// Where the code of a ticket stands.
const BARCODE: &str = "/security/barcode";

/// Why a ticket is not taken: a code, and the field.
pub(super) struct Flaw(pub &'static str, pub &'static str);

/// A ticket that was taken.
pub(super) fn accepted(id: &str, status: &str) -> Value {
    json!({"ticketId": id, "outcome": ACCEPTED, "status": status, "errors": []})
}

/// A ticket that was not.
pub(super) fn rejected(id: &str, Flaw(code, field): &Flaw) -> Value {
    let fault = json!({"code": code, "field": field, "message": format!("{field}: {code}")});
    json!({"ticketId": id, "outcome": REJECTED, "errors": [fault]})
}

/// `POST {T}`.
pub(super) fn inject(organizer: &mut Organizer, tickets: &[Value], now: Timestamp) -> Outcome {
    let mut taken = 0;
    let live = organizer.tickets.iter().filter(|(_, ticket)| ticket.status != "DELETED");
    let mut codes: HashMap<String, String> =
        live.map(|(id, ticket)| (ticket.text(BARCODE).unwrap_or_default().to_owned(), id.clone())).collect();
    let result: Vec<Value> = tickets
        .iter()
        .map(|ticket| {
            let id = ticket["ticketId"].as_str().unwrap_or_default();
            let is_free = |codes: &mut HashMap<String, String>| {
                let code = ticket.pointer(BARCODE).and_then(Value::as_str).unwrap_or_default();
                let holder = codes.entry(code.to_owned()).or_insert_with(|| id.to_owned());
                if holder == id { Ok(()) } else { Err(Flaw("DUPLICATE_BARCODE", "security.barcode")) }
            };
            let fine = check(ticket, now).and_then(|()| is_free(&mut codes));
            match fine.and_then(|()| take(organizer, id, ticket, now)) {
                Ok(()) => {
                    taken += 1;
                    accepted(id, &organizer.tickets[id].status)
                }
                Err(flaw) => rejected(id, &flaw),
            }
        })
        .collect();
    Ok(json!({"accepted": taken, "rejected": result.len() - taken, "result": result}))
}

/// A new ticket, or the same again: owner and status stay.
fn take(organizer: &mut Organizer, id: &str, told: &Value, now: Timestamp) -> Result<(), Flaw> {
    match organizer.tickets.get_mut(id) {
        Some(known) => match known.status.as_str() {
            "DELETION_PENDING" | "DELETED" => return Err(Flaw("TICKET_DELETED", "ticketId")),
            "CONTROLLED" => return Err(Flaw("TICKET_CONTROLLED", "ticketId")),
            _ => known.told = told.clone(),
        },
        None => {
            let owner = told["spectatorDetails"].clone();
            let ticket = Ticket {
                told: told.clone(),
                status: String::new(),
                updated_at: now,
                changed: 0,
                level: 0,
                first_owner: owner.clone(),
                owner,
                recipient: None,
                assignee: None,
                reason: None,
                shows_deleted: false,
            };
            organizer.tickets.insert(id.to_owned(), ticket);
            organizer.set(id, "INJECTED", ("INJECT", "organizer"), now);
        }
    }
    let event = &told["event"];
    organizer.events.insert(event["id"].as_str().unwrap_or_default().to_owned(), event.clone());
    Ok(())
}

/// Required texts and how long they may be; a language map is as long as its longest reading.
const TEXTS: &[(&str, &str, usize)] = &[
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

fn check(ticket: &Value, now: Timestamp) -> Result<(), Flaw> {
    for (path, field, longest) in TEXTS {
        let length = match ticket.pointer(path) {
            Some(Value::String(text)) if !text.trim().is_empty() => text.chars().count(),
            Some(Value::Object(map)) if !map.is_empty() => {
                map.values().filter_map(|text| Some(text.as_str()?.chars().count())).max().unwrap_or(0)
            }
            _ => return Err(Flaw("MISSING_FIELD", field)),
        };
        if length > *longest {
            return Err(Flaw("TOO_LONG", field));
        }
    }
    let id = ticket["ticketId"].as_str().unwrap_or_default();
    if !id.chars().all(|c| c.is_ascii_alphanumeric() || " *.-_+/()".contains(c)) {
        return Err(Flaw("INVALID_FIELD", "ticketId"));
    }
    if !ticket["purchaseDetails"].is_object() {
        return Err(Flaw("MISSING_FIELD", "purchaseDetails"));
    }
    if !ticket["spectatorDetails"]["email"].as_str().is_some_and(|email| email.contains('@')) {
        return Err(Flaw("INVALID_FIELD", "spectatorDetails.email"));
    }
    // One table of the vendor spells the begin without its second capital.
    let start = ticket.pointer("/event/startTime").or_else(|| ticket.pointer("/event/startime"));
    let end = ticket.pointer("/event/expirationDate");
    let instant = |value: Option<&Value>, field| match value {
        None | Some(Value::Null) => Err(Flaw("MISSING_FIELD", field)),
        Some(value) => {
            let read = value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
            read.ok_or(Flaw("INVALID_FIELD", field))
        }
    };
    let (start, end) = (instant(start, "event.startTime")?, instant(end, "event.expirationDate")?);
    match () {
        () if end < start => Err(Flaw("INVALID_FIELD", "event.expirationDate")),
        () if end <= now => Err(Flaw("EVENT_EXPIRED", "event.expirationDate")),
        () => Ok(()),
    }
}
