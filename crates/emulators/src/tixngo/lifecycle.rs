//! Time-driven transitions of tickets: download, activation, transfer timeout, confirmed deletion.

use jiff::{SignedDuration, Timestamp};

use crate::tixngo::state::{InjectedTicket, TixngoState};

/// Delay between injection and download.
const DOWNLOAD_DELAY: SignedDuration = SignedDuration::from_mins(10);
/// Activation time before the start of the event, if the ticket has none.
const DEFAULT_ACTIVATION_LEAD: SignedDuration = SignedDuration::from_hours(3);
/// Lifetime of a pending transfer.
const TRANSFER_TTL: SignedDuration = SignedDuration::from_hours(24);
/// Delay between a deletion request and its confirmation (`tixngo.md §8.2` B4).
pub(super) const DELETION_DELAY: SignedDuration = SignedDuration::from_secs(2);

/// Returns the next automatic transition of a ticket: time, status and action.
fn next_transition(state: &TixngoState, ticket: &InjectedTicket) -> Option<(Timestamp, &'static str, &'static str)> {
    let after = |wait: SignedDuration| ticket.updated_at.checked_add(wait).unwrap_or(ticket.updated_at);
    match ticket.status.as_str() {
        "DELETION_PENDING" if !state.holds_deletions => Some((after(DELETION_DELAY), "DELETED", "DELETE")),
        _ if state.is_manual => None,
        "INJECTED" => Some((after(DOWNLOAD_DELAY), "DOWNLOADED", "DOWNLOAD")),
        "PENDING_TRANSFER" => Some((after(TRANSFER_TTL), "FAILURE_TRANSFER", "TRANSFER_TIMEOUT")),
        "DOWNLOADED" | "ASSIGNED" | "TRANSFERRED" | "FAILURE_TRANSFER" | "FAILURE" => {
            let start = ticket.instant("/event/startTime").or_else(|| ticket.instant("/event/startime"));
            let injected = ticket.instant("/activationParameters/time");
            let at = injected.or_else(|| start?.checked_sub(DEFAULT_ACTIVATION_LEAD).ok())?;
            let word = if ticket.text("/activationParameters/method") == Some("online") {
                "ONLINE_ACTIVATED"
            } else {
                "OFFLINE_ACTIVATED"
            };
            Some((at.max(ticket.updated_at), word, "ACTIVATE"))
        }
        _ => None,
    }
}

/// True if a transition is due.
pub(super) fn is_due(state: &TixngoState, now: Timestamp) -> bool {
    let mut tickets = state.organizers.values().flat_map(|organizer| organizer.tickets.values());
    tickets.any(|ticket| next_transition(state, ticket).is_some_and(|(at, ..)| at <= now))
}

/// Applies all due transitions in the order of their times.
pub(super) fn apply_due_transitions(state: &mut TixngoState, now: Timestamp) {
    loop {
        let steps = state.organizers.iter().flat_map(|(organizer, its)| {
            let step = |(id, ticket): (&String, &InjectedTicket)| {
                let (at, status, action) = next_transition(state, ticket)?;
                (at <= now).then(|| (at, organizer.clone(), id.clone(), status, action))
            };
            its.tickets.iter().filter_map(step).collect::<Vec<_>>()
        });
        let mut steps: Vec<_> = steps.collect();
        if steps.is_empty() {
            return;
        }
        steps.sort();
        for (at, organizer, id, status, action) in steps {
            let organizer = state.organizer(&organizer);
            if let Some(ticket) = organizer.tickets.get_mut(&id) {
                ticket.recipient = None;
            }
            organizer.set_status(&id, status, (action, "clock"), at);
        }
    }
}
