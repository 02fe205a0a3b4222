//! Ticket transfers between accounts (`ticketing.md §4.13`): by section and quantity, not by serial.

use serde_json::{Value, json};

use crate::ticketing::auth::RequestContext;
use crate::ticketing::responses::{EndpointResult, TicketingErrorResponse};
use crate::ticketing::state::{TicketingState, TicketingTransfer};
use crate::ticketing::views;

fn not_permitted() -> TicketingErrorResponse {
    TicketingErrorResponse::new(403, "This account is not permitted to manage transfers on behalf of the sender.")
}

fn find_transfer<'b>(state: &'b TicketingState, id: &str) -> Result<&'b TicketingTransfer, TicketingErrorResponse> {
    state.transfers.get(id).ok_or_else(TicketingErrorResponse::not_found)
}

pub(super) fn start(state: &mut TicketingState, request: &RequestContext<'_>) -> EndpointResult {
    let fields = request.fields();
    fields.require(&["sender", "recipient", "tickets"])?;
    let party = |name: &str| fields.text_or_number(name).filter(|number| state.accounts.contains_key(number));
    let not_located = || TicketingErrorResponse::new(404, "The requested account could not be located");
    let (sender, recipient) = (party("sender").ok_or_else(not_located)?, party("recipient").ok_or_else(not_located)?);
    if !request.acts_for(&sender) {
        return Err(not_permitted());
    }
    if sender == recipient {
        return Err(TicketingErrorResponse::new(409, "A transfer's recipient must not be its sender."));
    }
    let lots = requested_lots(&request.body["tickets"]).ok_or_else(|| TicketingErrorResponse::invalid(&["tickets"]))?;
    let mut chosen = Vec::new();
    for (event, section, quantity) in &lots {
        let spendable = state.tickets.values().filter(|ticket| {
            ticket.owner == sender
                && (&ticket.event, &ticket.section) == (event, section)
                && ticket.status == "Issued"
                && ticket.transfer.is_none()
        });
        let wanted = usize::try_from(*quantity).unwrap_or(usize::MAX);
        let serials: Vec<String> = spendable.take(wanted).map(|ticket| ticket.serial.clone()).collect();
        if serials.len() < wanted {
            let text = "The sender does not hold sufficient itckets in their wallet to complete this transfer";
            return Err(TicketingErrorResponse::new(400, text));
        }
        chosen.extend(serials);
    }
    let id = state.next_id(request.now);
    for serial in chosen {
        if let Some(ticket) = state.tickets.get_mut(&serial) {
            ticket.transfer = Some(id.clone());
        }
    }
    let status = "Pending".to_owned();
    let transfer = TicketingTransfer { id: id.clone(), status, initiated: request.now, sender, recipient, lots };
    let shown = views::transfer(state, &transfer);
    state.transfers.insert(id, transfer);
    Ok(shown)
}

fn requested_lots(tickets: &Value) -> Option<Vec<(String, String, u32)>> {
    let lot = |(uri, quantity): (&String, &Value)| {
        let (event, section) = uri.strip_prefix("/events/")?.split_once("/sections/")?;
        let quantity = u32::try_from(quantity.as_u64()?).ok().filter(|quantity| *quantity > 0)?;
        Some((event.to_owned(), section.to_owned(), quantity))
    };
    tickets.as_object().filter(|lots| !lots.is_empty())?.iter().map(lot).collect()
}

pub(super) fn read(state: &TicketingState, request: &RequestContext<'_>, id: &str) -> EndpointResult {
    let transfer = find_transfer(state, id)?;
    if !request.acts_for(&transfer.sender) && !request.acts_for(&transfer.recipient) {
        return Err(not_permitted());
    }
    Ok(views::transfer(state, transfer))
}

pub(super) fn cancel(state: &mut TicketingState, request: &RequestContext<'_>, id: &str) -> EndpointResult {
    let transfer = find_transfer(state, id)?;
    if !request.acts_for(&transfer.sender) {
        return Err(not_permitted());
    }
    if transfer.status != "Pending" {
        let status = transfer.status.to_lowercase();
        return Err(TicketingErrorResponse::new(409, format!("A {status} transfer cannot be cancelled.")));
    }
    close_transfer(state, id, "Cancelled", None);
    Ok(json!({}))
}

/// Claims a transfer; only the recipient's own session may.
pub(super) fn claim(state: &mut TicketingState, request: &RequestContext<'_>, id: &str) -> EndpointResult {
    let transfer = find_transfer(state, id)?;
    if request.account() != transfer.recipient {
        return Err(TicketingErrorResponse::new(403, "Only a transfer's recipient can claim a transfer."));
    }
    if transfer.status != "Pending" {
        return Err(TicketingErrorResponse::new(409, "This transfer can no longer be claimed."));
    }
    let recipient = transfer.recipient.clone();
    close_transfer(state, id, "Claimed", Some(&recipient));
    Ok(json!({ "success": true }))
}

fn close_transfer(state: &mut TicketingState, id: &str, status: &str, owner: Option<&str>) {
    if let Some(transfer) = state.transfers.get_mut(id) {
        status.clone_into(&mut transfer.status);
    }
    for ticket in state.tickets.values_mut().filter(|ticket| ticket.transfer.as_deref() == Some(id)) {
        ticket.transfer = None;
        if let Some(owner) = owner {
            owner.clone_into(&mut ticket.owner);
        }
    }
}

pub(super) fn history(state: &TicketingState, request: &RequestContext<'_>, number: &str) -> EndpointResult {
    if !request.acts_for(number) {
        return Err(TicketingErrorResponse::forbidden());
    }
    let query = &request.query;
    let takes_part = |transfer: &&TicketingTransfer| match query.get("role") {
        Some("sender") => transfer.sender == number,
        Some("recipient") => transfer.recipient == number,
        _ => transfer.sender == number || transfer.recipient == number,
    };
    let found = state.transfers.values().filter(takes_part);
    let found = found.filter(|it| query.get("status").is_none_or(|status| it.status.eq_ignore_ascii_case(status)));
    query.page(&state.quirks, found.collect(), |transfer: &&TicketingTransfer| views::transfer(state, transfer))
}
