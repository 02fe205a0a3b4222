//! Tickets of an event, and admitting their holders (`ticketing.md §4.9`).

use jiff::Timestamp;
use serde_json::Value;

use crate::ticketing::auth::{Identity, RequestContext};
use crate::ticketing::responses::{EndpointResult, TicketingErrorResponse};
use crate::ticketing::state::{IssuedTicket, TicketingAdmission, TicketingState};
use crate::ticketing::views;

/// True if the caller's key covers the section.
fn covers_section(state: &TicketingState, request: &RequestContext<'_>, event: &str, section: &str) -> bool {
    let Identity::TokenBearer(token) = &request.caller else {
        return state.events.get(event).is_some_and(|event| request.administers(state, &event.host));
    };
    state.tokens.get(token).is_some_and(|token| {
        token.event == event && (token.global || token.sections.iter().any(|covered| covered == section))
    })
}

/// Allows admission tokens and administrators of the host.
fn check_access(
    state: &TicketingState,
    request: &RequestContext<'_>,
    event: &str,
) -> Result<(), TicketingErrorResponse> {
    match request.caller {
        Identity::TokenBearer(_) => Ok(()),
        _ => request.managed_event(state, event).map(drop),
    }
}

pub(super) fn tickets(state: &TicketingState, request: &RequestContext<'_>, event: &str) -> EndpointResult {
    check_access(state, request, event)?;
    let since = match request.query.get("modified_since") {
        Some(text) => {
            Some(text.parse::<Timestamp>().map_err(|_| TicketingErrorResponse::invalid(&["modified_since"]))?)
        }
        None => None,
    };
    let of_event = state.tickets.values().filter(|ticket| {
        ticket.event == event
            && since.is_none_or(|since| ticket.changed > since)
            && covers_section(state, request, event, &ticket.section)
    });
    request.query.page(&state.quirks, of_event.collect(), |ticket: &&IssuedTicket| views::ticket(state, ticket))
}

pub(super) fn admit(state: &mut TicketingState, request: &RequestContext<'_>, event: &str) -> EndpointResult {
    check_access(state, request, event)?;
    let fields = request.fields();
    fields.require(&["redeemer", "device", "serials"])?;
    let serials = fields.texts("serials").ok_or_else(|| TicketingErrorResponse::invalid(&["serials"]))?;
    let (redeemer, device) = (fields.text("redeemer").unwrap_or_default(), fields.text("device").unwrap_or_default());
    let mut admitted: Vec<Value> = Vec::new();
    for serial in serials {
        let fit = |ticket: &&IssuedTicket| {
            ticket.event == event
                && ticket.status == "Issued"
                && ticket.transfer.is_none()
                && covers_section(state, request, event, &ticket.section)
        };
        let Some(mut ticket) = state.tickets.get(&serial).filter(fit).cloned() else { continue };
        "Redeemed".clone_into(&mut ticket.status);
        (ticket.redeemed, ticket.changed) = (Some(request.now), request.now);
        let admission = TicketingAdmission {
            id: state.next_id(request.now),
            event: event.to_owned(),
            section: ticket.section.clone(),
            serial: serial.clone(),
            patron: ticket.owner.clone(),
            redeemer: redeemer.to_owned(),
            device: device.to_owned(),
            admitted: request.now,
        };
        admitted.push(views::admission(state, &admission));
        state.admissions.push(admission);
        state.tickets.insert(serial, ticket);
    }
    if admitted.is_empty() {
        return Err(TicketingErrorResponse::new(
            400,
            "None of the provided ticket serials grants admission to this event",
        ));
    }
    Ok(Value::Array(admitted))
}

pub(super) fn admissions(state: &TicketingState, request: &RequestContext<'_>, event: &str) -> EndpointResult {
    check_access(state, request, event)?;
    let query = &request.query;
    let is = |name: &str, value: &str| query.get(name).is_none_or(|wanted| wanted == value);
    let of_event = state.admissions.iter().filter(|admission| {
        admission.event == event
            && covers_section(state, request, event, &admission.section)
            && is("redeemer", &admission.redeemer)
            && is("device", &admission.device)
            && is("ticket", &admission.serial)
            && query.matches_id("patron", &admission.patron)
            && query.matches_id("section", &admission.section)
    });
    query.page(&state.quirks, of_event.collect(), |admission: &&TicketingAdmission| views::admission(state, admission))
}
