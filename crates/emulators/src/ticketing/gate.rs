//! The gate: tickets of an event, and letting their bearers in (`ticketing.md §4.9`).

use jiff::Timestamp;
use serde_json::Value;

use crate::ticketing::book::{Admission, Book, Ticket};
use crate::ticketing::door::{Ask, Caller};
use crate::ticketing::reply::{Outcome, Refusal};
use crate::ticketing::show;

/// Whether the caller's key covers a section of the event.
fn covers(book: &Book, ask: &Ask<'_>, event: &str, section: &str) -> bool {
    let Caller::Gate(token) = &ask.caller else {
        return book.events.get(event).is_some_and(|event| ask.administers(book, &event.host));
    };
    book.tokens.get(token).is_some_and(|token| {
        token.event == event && (token.global || token.sections.iter().any(|covered| covered == section))
    })
}

/// Gates come in by their key, others must administer the host.
fn enter(book: &Book, ask: &Ask<'_>, event: &str) -> Result<(), Refusal> {
    match ask.caller {
        Caller::Gate(_) => Ok(()),
        _ => ask.managed(book, event).map(drop),
    }
}

pub(super) fn tickets(book: &Book, ask: &Ask<'_>, event: &str) -> Outcome {
    enter(book, ask, event)?;
    let since = match ask.query.get("modified_since") {
        Some(text) => Some(text.parse::<Timestamp>().map_err(|_| Refusal::invalid(&["modified_since"]))?),
        None => None,
    };
    let of_event = book.tickets.values().filter(|ticket| {
        ticket.event == event
            && since.is_none_or(|since| ticket.changed > since)
            && covers(book, ask, event, &ticket.section)
    });
    ask.query.page(&book.switches, of_event.collect(), |ticket: &&Ticket| show::ticket(book, ticket))
}

pub(super) fn admit(book: &mut Book, ask: &Ask<'_>, event: &str) -> Outcome {
    enter(book, ask, event)?;
    let fields = ask.fields();
    fields.require(&["redeemer", "device", "serials"])?;
    let serials = fields.texts("serials").ok_or_else(|| Refusal::invalid(&["serials"]))?;
    let (redeemer, device) = (fields.text("redeemer").unwrap_or_default(), fields.text("device").unwrap_or_default());
    let mut admitted: Vec<Value> = Vec::new();
    for serial in serials {
        let fit = |ticket: &&Ticket| {
            ticket.event == event
                && ticket.status == "Issued"
                && ticket.transfer.is_none()
                && covers(book, ask, event, &ticket.section)
        };
        let Some(mut ticket) = book.tickets.get(&serial).filter(fit).cloned() else { continue };
        "Redeemed".clone_into(&mut ticket.status);
        (ticket.redeemed, ticket.changed) = (Some(ask.now), ask.now);
        let admission = Admission {
            id: book.next_id(ask.now),
            event: event.to_owned(),
            section: ticket.section.clone(),
            serial: serial.clone(),
            patron: ticket.owner.clone(),
            redeemer: redeemer.to_owned(),
            device: device.to_owned(),
            admitted: ask.now,
        };
        admitted.push(show::admission(book, &admission));
        book.admissions.push(admission);
        book.tickets.insert(serial, ticket);
    }
    if admitted.is_empty() {
        return Err(Refusal::new(400, "None of the provided ticket serials grants admission to this event"));
    }
    Ok(Value::Array(admitted))
}

pub(super) fn admissions(book: &Book, ask: &Ask<'_>, event: &str) -> Outcome {
    enter(book, ask, event)?;
    let query = &ask.query;
    let is = |name: &str, value: &str| query.get(name).is_none_or(|wanted| wanted == value);
    let of_event = book.admissions.iter().filter(|admission| {
        admission.event == event
            && covers(book, ask, event, &admission.section)
            && is("redeemer", &admission.redeemer)
            && is("device", &admission.device)
            && is("ticket", &admission.serial)
            && query.allows("patron", &admission.patron)
            && query.allows("section", &admission.section)
    });
    query.page(&book.switches, of_event.collect(), |admission: &&Admission| show::admission(book, admission))
}
