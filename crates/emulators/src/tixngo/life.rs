//! What time does to tickets: phones fetch them, codes appear, transfers run out, deletions are confirmed.

use jiff::{SignedDuration, Timestamp};

use crate::tixngo::book::{Book, Ticket};

/// From injection until the phone has fetched the ticket.
const FETCHED_AFTER: SignedDuration = SignedDuration::from_mins(10);
/// Where nobody said when the code appears: so long before the event.
const ACTIVE_BEFORE: SignedDuration = SignedDuration::from_hours(3);
/// A transfer that nobody accepts.
const TRANSFER_LASTS: SignedDuration = SignedDuration::from_hours(24);
/// From the wish to delete until it is confirmed (`tixngo.md §8.2` B4).
pub(super) const DELETED_AFTER: SignedDuration = SignedDuration::from_secs(2);

/// The next step of a ticket by itself: when, to which status, and what it is called.
fn next(book: &Book, ticket: &Ticket) -> Option<(Timestamp, &'static str, &'static str)> {
    let after = |wait: SignedDuration| ticket.updated_at.checked_add(wait).unwrap_or(ticket.updated_at);
    match ticket.status.as_str() {
        "DELETION_PENDING" if !book.holds_deletions => Some((after(DELETED_AFTER), "DELETED", "DELETE")),
        _ if book.is_by_hand => None,
        "INJECTED" => Some((after(FETCHED_AFTER), "DOWNLOADED", "DOWNLOAD")),
        "PENDING_TRANSFER" => Some((after(TRANSFER_LASTS), "FAILURE_TRANSFER", "TRANSFER_TIMEOUT")),
        "DOWNLOADED" | "ASSIGNED" | "TRANSFERRED" | "FAILURE_TRANSFER" | "FAILURE" => {
            let start = ticket.instant("/event/startTime").or_else(|| ticket.instant("/event/startime"));
            let told = ticket.instant("/activationParameters/time");
            let at = told.or_else(|| start?.checked_sub(ACTIVE_BEFORE).ok())?;
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

/// Whether something has happened by itself that is not in the book yet.
pub(super) fn is_due(book: &Book, now: Timestamp) -> bool {
    let mut tickets = book.organizers.values().flat_map(|organizer| organizer.tickets.values());
    tickets.any(|ticket| next(book, ticket).is_some_and(|(at, ..)| at <= now))
}

/// Lets everything happen that is due, each thing at its time, the earliest first.
pub(super) fn pass_time(book: &mut Book, now: Timestamp) {
    loop {
        let steps = book.organizers.iter().flat_map(|(organizer, its)| {
            let step = |(id, ticket): (&String, &Ticket)| {
                let (at, status, action) = next(book, ticket)?;
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
            let organizer = book.organizer(&organizer);
            if let Some(ticket) = organizer.tickets.get_mut(&id) {
                ticket.recipient = None;
            }
            organizer.set(&id, status, (action, "clock"), at);
        }
    }
}
