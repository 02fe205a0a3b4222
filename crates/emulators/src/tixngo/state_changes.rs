//! State changes by spectators and operators of the app, listed in the README of this folder.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::faults::StateChange;
use crate::tixngo::state::{EmulatedOrganizer, TixngoState};

const CHANGE_NAMES: &str = "download, assign, transfer/start, transfer/accept, transfer/reject, activate, deactivate, control, delete, \
                     restore, tick, by_hand, hold_deletions, reset, answer_shape, feed_shape, wraps_ticket, refuses_again, path";

/// Statuses of a ticket in its owner's wallet.
const HELD_STATUSES: &[&str] = &["DOWNLOADED", "ASSIGNED", "TRANSFERRED", "FAILURE_TRANSFER", "FAILURE"];

/// Applies a state change; an error names the unknown change or the invalid value.
pub(super) fn apply(state: &mut TixngoState, change: &StateChange, now: Timestamp) -> Result<(), String> {
    if state.readings.apply(change)? {
        return Ok(());
    }
    let is_on = || change.value.as_bool().unwrap_or(true);
    match change.name.as_str() {
        "by_hand" => state.is_manual = is_on(),
        "hold_deletions" => state.holds_deletions = is_on(),
        "reset" => *state = TixngoState::default(),
        "tick" => {
            for organizer in state.organizers.values_mut() {
                let pending = organizer.tickets.iter().filter(|(_, ticket)| ticket.status == "DELETION_PENDING");
                let pending: Vec<String> = pending.map(|(id, _)| id.clone()).collect();
                pending.iter().for_each(|id| organizer.set_status(id, "DELETED", ("DELETE", "clock"), now));
            }
        }
        _ => {
            let id = change.id.as_deref().ok_or("a ticket id is required")?;
            let organizer = state.find(id).ok_or("no such ticket")?;
            change_ticket(organizer, id, (&change.name, &change.value), now)?;
        }
    }
    Ok(())
}

/// Changes the status of one ticket, if the transition is allowed (`tixngo.md §5.2`).
fn change_ticket(
    organizer: &mut EmulatedOrganizer,
    id: &str,
    (name, value): (&str, &Value),
    now: Timestamp,
) -> Result<(), String> {
    let ticket = organizer.tickets.get_mut(id).ok_or("no such ticket")?;
    let from = ticket.status.clone();
    let is_held = HELD_STATUSES.contains(&from.as_str());
    let refuse = || Err(format!("{name} is not allowed in status {from}"));
    let to = match name {
        "download" if from == "INJECTED" => "DOWNLOADED",
        "assign" if is_held => {
            let names = value.as_str().unwrap_or("Cy Guest");
            let (first, last) = names.split_once(' ').unwrap_or((names, ""));
            ticket.assignee = Some(json!({"firstName": first, "lastName": last}));
            "ASSIGNED"
        }
        "transfer/start" if (is_held || from == "INJECTED") && ticket.level < ticket.max_transfers() => {
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
        // An operator's action in the back office, which S-360 does not see.
        "control" if !from.starts_with("DELET") => "CONTROLLED",
        "delete" if from != "DELETED" => "DELETED",
        "restore" if from.starts_with("DELET") => "DOWNLOADED",
        "download" | "assign" | "transfer/start" | "transfer/accept" | "transfer/reject" | "activate"
        | "deactivate" | "control" | "delete" | "restore" => return refuse(),
        other => return Err(format!("unknown state change {other:?}; supported: {CHANGE_NAMES}")),
    };
    organizer.set_status(id, to, (name, "spectator"), now);
    Ok(())
}
