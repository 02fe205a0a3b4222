//! Read endpoints: the change feed, single tickets, the status log (`tixngo.md §4.12`, `§4.13`).

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::tixngo::responses::{EndpointResult, TixngoErrorResponse};
use crate::tixngo::state::{EmulatedOrganizer, InjectedTicket, TixngoState};
use crate::tixngo::wire::{LIMIT, MAX_TICKETS, PAGINATION_KEY};

type Query = [(String, String)];

fn query_value<'a>(query: &'a Query, name: &str) -> Option<&'a str> {
    let found = query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    found.filter(|value| !value.is_empty())
}

fn invalid(message: &'static str) -> TixngoErrorResponse {
    TixngoErrorResponse::new(400, "VALIDATION_ERROR", message)
}

/// `GET {T}/diff`: returns each ticket that changed since the page key, once, in its current state. At the end the key stays the same.
pub(super) fn changes(state: &TixngoState, organizer: &str, query: &Query) -> EndpointResult {
    let after = query_value(query, PAGINATION_KEY);
    let place = match after {
        Some(key) => key.parse::<u64>().map_err(|_| invalid("invalid pagination key"))?,
        None => 0,
    };
    let limit = query_value(query, LIMIT).map_or(Ok(MAX_TICKETS), str::parse).map_err(|_| invalid("invalid limit"))?;
    let limit = limit.clamp(1, MAX_TICKETS);
    let nobody = EmulatedOrganizer::default();
    let organizer = state.organizers.get(organizer).unwrap_or(&nobody);
    let mut changed: Vec<(&String, &InjectedTicket)> =
        organizer.tickets.iter().filter(|(_, ticket)| ticket.position > place).collect();
    changed.sort_by_key(|(_, ticket)| ticket.position);
    changed.truncate(limit);
    let next = changed.last().map(|(_, ticket)| format!("{:015}", ticket.position)).or(after.map(str::to_owned));
    let result: Vec<Value> = changed.into_iter().map(|(id, ticket)| ticket_view(id, ticket)).collect();
    Ok(json!({"result": result, "pagination": {"limit": limit, "nextPageKey": next}}))
}

/// `GET {T}/{ticketId}`.
pub(super) fn read_ticket(state: &TixngoState, organizer: &str, id: &str) -> EndpointResult {
    let known = state.organizers.get(organizer).and_then(|organizer| organizer.tickets.get(id));
    match known {
        Some(ticket) => Ok(ticket_view(id, ticket)),
        None if state.is_foreign(organizer, id) => {
            Err(TixngoErrorResponse::new(403, "FORBIDDEN", "a ticket of another organizer"))
        }
        None => Err(TixngoErrorResponse::new(404, "UNKNOWN_TICKET", "no such ticket")),
    }
}

/// Serializes a ticket for the feed. While a transfer is pending, only the recipient's e-mail address is included.
fn ticket_view(id: &str, ticket: &InjectedTicket) -> Value {
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

/// `GET {O}/report/ticket-status-logs`: returns the log between two instants, in pages.
pub(super) fn status_log(state: &TixngoState, organizer: &str, query: &Query) -> EndpointResult {
    let instant = |name| query_value(query, name).and_then(|at| at.parse::<Timestamp>().ok());
    let (Some(_), Some(from), Some(to)) = (query_value(query, "mobileAppId"), instant("from"), instant("to")) else {
        return Err(invalid("mobileAppId, from and to are required"));
    };
    let limit = query_value(query, LIMIT).and_then(|limit| limit.parse().ok()).unwrap_or(10_000).clamp(1, 10_000);
    let skip = query_value(query, PAGINATION_KEY).and_then(|key| key.parse::<usize>().ok()).unwrap_or(0);
    let among = |name: &str, injected: &str| {
        let mut wanted = query.iter().filter(|(key, _)| key == name).peekable();
        wanted.peek().is_none() || wanted.any(|(_, value)| value == injected)
    };
    let rows = state.organizers.get(organizer).map(|organizer| organizer.log.as_slice()).unwrap_or_default();
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

/// Returns every ticket with its state, for comparison with a ledger. Barcodes are omitted.
pub(super) fn inventory(state: &TixngoState) -> Value {
    let tickets = state.organizers.iter().flat_map(|(organizer, its)| {
        its.tickets.iter().map(move |(id, ticket)| {
            let mut shown = ticket_view(id, ticket);
            shown["organizer"] = json!(organizer);
            shown["reason"] = json!(ticket.reason);
            shown["injections"] = json!(ticket.injections);
            shown["event"] = ticket.injected["event"].clone();
            shown["showDeletedTicket"] = json!(ticket.shows_deleted);
            shown
        })
    });
    json!({"tickets": tickets.collect::<Vec<_>>()})
}
