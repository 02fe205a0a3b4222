//! Tickets that S-360 cancelled or let in (`tixngo.md §4.10`, `§4.11`).

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::tixngo::book::{Book, Organizer};
use crate::tixngo::door::{Outcome, Refusal};
use crate::tixngo::inject::{Flaw, accepted, rejected};

/// `POST {T}/cancelled`: two steps, and the second comes later.
pub(super) fn cancel(book: &mut Book, organizer: &str, tickets: &[Value], now: Timestamp) -> Outcome {
    push(book, organizer, tickets, |organizer, id, item| {
        let Some(ticket) = organizer.tickets.get_mut(id) else { return };
        ticket.reason = item["reason"].as_str().map(str::to_owned);
        let shown = item.get("showDeletedTicket").or_else(|| item.get("isShowDeletedTicket"));
        ticket.shows_deleted = shown.and_then(Value::as_bool).unwrap_or(false);
        if !matches!(ticket.status.as_str(), "DELETION_PENDING" | "DELETED") {
            ticket.recipient = None;
            organizer.set(id, "DELETION_PENDING", ("CANCEL", "organizer"), now);
        }
    })
}

/// `POST {T}/controlled`: from then on the ticket never changes hands; a transfer on its way is stopped first.
pub(super) fn control(book: &mut Book, organizer: &str, tickets: &[Value], now: Timestamp) -> Outcome {
    push(book, organizer, tickets, |organizer, id, item| {
        let Some(ticket) = organizer.tickets.get_mut(id) else { return };
        if matches!(ticket.status.as_str(), "DELETION_PENDING" | "DELETED" | "CONTROLLED") {
            return;
        }
        ticket.recipient = None;
        if ticket.status == "PENDING_TRANSFER" {
            organizer.set(id, "FAILURE", ("STOP_TRANSFER", "organizer"), now);
        }
        let at = item["controlledAt"].as_str().and_then(|at| at.parse().ok()).unwrap_or(now);
        organizer.set(id, "CONTROLLED", ("CONTROL", "organizer"), at);
    })
}

fn push(book: &mut Book, organizer: &str, tickets: &[Value], change: impl Fn(&mut Organizer, &str, &Value)) -> Outcome {
    let ids = || tickets.iter().map(|item| item["ticketId"].as_str().unwrap_or_default());
    if ids().any(|id| book.is_foreign(organizer, id) && !book.organizer(organizer).tickets.contains_key(id)) {
        return Err(Refusal::new(403, "FORBIDDEN", "a ticket of another organizer"));
    }
    let organizer = book.organizer(organizer);
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
                None => rejected(id, &Flaw("UNKNOWN_TICKET", "ticketId")),
            }
        })
        .collect();
    Ok(json!({"accepted": taken, "rejected": result.len() - taken, "result": result}))
}
