//! What spectators and operators do in the app, from outside: see the README of this folder.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::faults::Twist;
use crate::tixngo::book::{Book, Organizer};

const WORDS: &str = "download, assign, transfer/start, transfer/accept, transfer/reject, activate, deactivate, control, delete, \
                     restore, tick, by_hand, hold_deletions, reset";

/// Statuses in which an owner has the ticket in the wallet.
const HELD: &[&str] = &["DOWNLOADED", "ASSIGNED", "TRANSFERRED", "FAILURE_TRANSFER", "FAILURE"];

/// Changes the vendor's world; an error names what was not understood.
pub(super) fn apply(book: &mut Book, twist: &Twist, now: Timestamp) -> Result<(), String> {
    let is_on = || twist.value.as_bool().unwrap_or(true);
    match twist.what.as_str() {
        "by_hand" => book.is_by_hand = is_on(),
        "hold_deletions" => book.holds_deletions = is_on(),
        "reset" => *book = Book::default(),
        "tick" => {
            for organizer in book.organizers.values_mut() {
                let pending = organizer.tickets.iter().filter(|(_, ticket)| ticket.status == "DELETION_PENDING");
                let pending: Vec<String> = pending.map(|(id, _)| id.clone()).collect();
                pending.iter().for_each(|id| organizer.set(id, "DELETED", ("DELETE", "clock"), now));
            }
        }
        _ => {
            let id = twist.id.as_deref().ok_or("the id of a ticket is needed")?;
            let organizer = book.find(id).ok_or("no such ticket")?;
            act(organizer, id, (&twist.what, &twist.value), now)?;
        }
    }
    Ok(())
}

/// Moves one ticket, where the table of transitions allows it (`tixngo.md §5.2`).
fn act(organizer: &mut Organizer, id: &str, (what, value): (&str, &Value), now: Timestamp) -> Result<(), String> {
    let ticket = organizer.tickets.get_mut(id).ok_or("no such ticket")?;
    let from = ticket.status.clone();
    let is_held = HELD.contains(&from.as_str());
    let refuse = || Err(format!("{what} is not possible from {from}"));
    let to = match what {
        "download" if from == "INJECTED" => "DOWNLOADED",
        "assign" if is_held => {
            let names = value.as_str().unwrap_or("Cy Guest");
            let (first, last) = names.split_once(' ').unwrap_or((names, ""));
            ticket.assignee = Some(json!({"firstName": first, "lastName": last}));
            "ASSIGNED"
        }
        "transfer/start" if (is_held || from == "INJECTED") && ticket.level < ticket.most_transfers() => {
            ticket.recipient = Some(value.as_str().unwrap_or("cy@example.net").to_owned());
            "PENDING_TRANSFER"
        }
        "transfer/accept" if from == "PENDING_TRANSFER" => {
            let email = ticket.recipient.take();
            let names = value.as_str().unwrap_or("Cy Guest");
            let (first, last) = names.split_once(' ').unwrap_or((names, ""));
            ticket.owner = json!({"email": email, "firstName": first, "lastName": last});
            (ticket.assignee, ticket.level) = (None, ticket.level + 1);
            "TRANSFERRED"
        }
        "transfer/reject" if from == "PENDING_TRANSFER" => {
            ticket.recipient = None;
            "FAILURE_TRANSFER"
        }
        "activate" if is_held || from == "INJECTED" => "MANUAL_ACTIVATED",
        "deactivate" if from.ends_with("ACTIVATED") => "DEACTIVATED",
        // What an operator does in the back office, behind the back of S-360.
        "control" if !from.starts_with("DELET") => "CONTROLLED",
        "delete" if from != "DELETED" => "DELETED",
        "restore" if from.starts_with("DELET") => "DOWNLOADED",
        "download" | "assign" | "transfer/start" | "transfer/accept" | "transfer/reject" | "activate"
        | "deactivate" | "control" | "delete" | "restore" => return refuse(),
        other => return Err(format!("{other:?} is unknown; known are {WORDS}")),
    };
    organizer.set(id, to, (what, "spectator"), now);
    Ok(())
}
