//! Tickets that S-360 canceled or controlled (`tixngo.md §4.10`, `§4.11`).

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::tixngo::inject::{TicketError, accepted, rejected};
use crate::tixngo::responses::{EndpointResult, TixngoErrorResponse};
use crate::tixngo::state::{EmulatedOrganizer, TixngoState};

/// `POST {T}/cancelled`: starts the deletion, which is confirmed later.
pub(super) fn cancel(state: &mut TixngoState, organizer: &str, tickets: &[Value], now: Timestamp) -> EndpointResult {
    apply_to_tickets(state, organizer, tickets, |organizer, id, item| {
        let Some(ticket) = organizer.tickets.get_mut(id) else { return };
        ticket.reason = item["reason"].as_str().map(str::to_owned);
        let shown = item.get("showDeletedTicket").or_else(|| item.get("isShowDeletedTicket"));
        ticket.shows_deleted = shown.and_then(Value::as_bool).unwrap_or(false);
        if !matches!(ticket.status.as_str(), "DELETION_PENDING" | "DELETED") {
            ticket.recipient = None;
            organizer.set_status(id, "DELETION_PENDING", ("CANCEL", "organizer"), now);
        }
    })
}

/// `POST {T}/controlled`: prevents further transfers; a pending transfer is stopped first.
pub(super) fn control(state: &mut TixngoState, organizer: &str, tickets: &[Value], now: Timestamp) -> EndpointResult {
    apply_to_tickets(state, organizer, tickets, |organizer, id, item| {
        let Some(ticket) = organizer.tickets.get_mut(id) else { return };
        if matches!(ticket.status.as_str(), "DELETION_PENDING" | "DELETED" | "CONTROLLED") {
            return;
        }
        ticket.recipient = None;
        if ticket.status == "PENDING_TRANSFER" {
            organizer.set_status(id, "FAILURE", ("STOP_TRANSFER", "organizer"), now);
        }
        let at = item["controlledAt"].as_str().and_then(|at| at.parse().ok()).unwrap_or(now);
        organizer.set_status(id, "CONTROLLED", ("CONTROL", "organizer"), at);
    })
}

fn apply_to_tickets(
    state: &mut TixngoState,
    organizer: &str,
    tickets: &[Value],
    change: impl Fn(&mut EmulatedOrganizer, &str, &Value),
) -> EndpointResult {
    let ids = || tickets.iter().map(|item| item["ticketId"].as_str().unwrap_or_default());
    if ids().any(|id| state.is_foreign(organizer, id) && !state.organizer(organizer).tickets.contains_key(id)) {
        return Err(TixngoErrorResponse::new(403, "FORBIDDEN", "a ticket of another organizer"));
    }
    let organizer = state.organizer(organizer);
    let mut taken = 0;
    let result: Vec<Value> = ids()
        .zip(tickets)
        .map(|(id, item)| {
            change(organizer, id, item);
            match organizer.tickets.get(id) {
                Some(ticket) => {
                    taken += 1;
                    accepted(id, &ticket.status)
                }
                None => rejected(id, &TicketError("UNKNOWN_TICKET", "ticketId")),
            }
        })
        .collect();
    Ok(json!({"accepted": taken, "rejected": result.len() - taken, "result": result}))
}
