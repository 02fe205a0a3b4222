//! What the emulated TIXnGO tells: the feed of changes, single tickets, the log (`tixngo.md §4.12`, `§4.13`).

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::tixngo::book::{Book, Organizer, Ticket};
use crate::tixngo::door::{Outcome, Refusal};
use crate::tixngo::wire::{LIMIT, MOST_TICKETS, PAGINATION_KEY};

type Query = [(String, String)];

fn value<'a>(query: &'a Query, name: &str) -> Option<&'a str> {
    let found = query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    found.filter(|value| !value.is_empty())
}

fn wrong(message: &'static str) -> Refusal {
    Refusal::new(400, "VALIDATION_ERROR", message)
}

/// `GET {T}/diff`: each ticket that changed since the key, once, as it is now. At the end the key stays the same.
pub(super) fn changes(book: &Book, organizer: &str, query: &Query) -> Outcome {
    let after = value(query, PAGINATION_KEY);
    let place = match after {
        Some(key) => key.parse::<u64>().map_err(|_| wrong("the pagination key is none of ours"))?,
        None => 0,
    };
    let limit = value(query, LIMIT).map_or(Ok(MOST_TICKETS), str::parse).map_err(|_| wrong("limit"))?;
    let limit = limit.clamp(1, MOST_TICKETS);
    let nobody = Organizer::default();
    let organizer = book.organizers.get(organizer).unwrap_or(&nobody);
    let mut changed: Vec<(&String, &Ticket)> =
        organizer.tickets.iter().filter(|(_, ticket)| ticket.changed > place).collect();
    changed.sort_by_key(|(_, ticket)| ticket.changed);
    changed.truncate(limit);
    let next = changed.last().map(|(_, ticket)| format!("{:015}", ticket.changed)).or(after.map(str::to_owned));
    let result: Vec<Value> = changed.into_iter().map(|(id, ticket)| entry(id, ticket)).collect();
    Ok(json!({"result": result, "pagination": {"limit": limit, "nextPageKey": next}}))
}

/// `GET {T}/{ticketId}`.
pub(super) fn ticket(book: &Book, organizer: &str, id: &str) -> Outcome {
    let known = book.organizers.get(organizer).and_then(|organizer| organizer.tickets.get(id));
    match known {
        Some(ticket) => Ok(entry(id, ticket)),
        None if book.is_foreign(organizer, id) => Err(Refusal::new(403, "FORBIDDEN", "a ticket of another organizer")),
        None => Err(Refusal::new(404, "UNKNOWN_TICKET", "no such ticket")),
    }
}

/// A ticket as the feed shows it. While a transfer is pending only the recipient's address is known.
fn entry(id: &str, ticket: &Ticket) -> Value {
    let spectator = match &ticket.recipient {
        Some(email) => json!({"email": email}),
        None => ticket.owner.clone(),
    };
    json!({
        "ticketId": id, "status": ticket.status, "updatedAt": ticket.updated_at.to_string(),
        "eventId": ticket.text("/event/id"), "taxNumber": ticket.text("/purchaseDetails/taxNumber"),
        "transferLevel": ticket.level, "spectatorDetails": spectator,
        "initialOwner": {"email": ticket.first_owner["email"]}, "assignee": ticket.assignee,
    })
}

/// `GET {O}/report/ticket-status-logs`: the log between two instants, in pages.
pub(super) fn report(book: &Book, organizer: &str, query: &Query) -> Outcome {
    let instant = |name| value(query, name).and_then(|at| at.parse::<Timestamp>().ok());
    let (Some(_), Some(from), Some(to)) = (value(query, "mobileAppId"), instant("from"), instant("to")) else {
        return Err(wrong("mobileAppId, from and to are required"));
    };
    let limit = value(query, LIMIT).and_then(|limit| limit.parse().ok()).unwrap_or(10_000).clamp(1, 10_000);
    let skip = value(query, PAGINATION_KEY).and_then(|key| key.parse::<usize>().ok()).unwrap_or(0);
    let among = |name: &str, told: &str| {
        let mut wanted = query.iter().filter(|(key, _)| key == name).peekable();
        wanted.peek().is_none() || wanted.any(|(_, value)| value == told)
    };
    let rows = book.organizers.get(organizer).map(|organizer| organizer.log.as_slice()).unwrap_or_default();
    let fits = rows.iter().filter(|row| {
        from <= row.at
            && row.at < to
            && among("actionNames", &row.action)
            && among("fromStatuses", row.from.as_deref().unwrap_or_default())
            && among("toStatuses", &row.to)
    });
    let page: Vec<Value> = fits
        .skip(skip)
        .take(limit)
        .map(|row| {
            json!({
                "ticketId": row.ticket, "actionName": row.action, "fromStatus": row.from, "toStatus": row.to,
                "actor": row.actor, "date": row.at.to_string(),
            })
        })
        .collect();
    let next = (page.len() == limit).then(|| (skip + limit).to_string());
    Ok(json!({"result": page, "pagination": {"limit": limit, "nextPageKey": next}}))
}

/// Every ticket and where it stands, for comparison with a ledger. No code is told.
pub(super) fn holdings(book: &Book) -> Value {
    let tickets = book.organizers.iter().flat_map(|(organizer, its)| {
        its.tickets.iter().map(move |(id, ticket)| {
            let mut shown = entry(id, ticket);
            shown["organizer"] = json!(organizer);
            shown["reason"] = json!(ticket.reason);
            shown["showDeletedTicket"] = json!(ticket.shows_deleted);
            shown
        })
    });
    json!({"tickets": tickets.collect::<Vec<_>>()})
}
