//! Ticket transfers between accounts (`ticketing.md §4.13`): a quantity of a section moves, not chosen serials.

use serde_json::{Value, json};

use crate::ticketing::book::{Book, Transfer};
use crate::ticketing::door::Ask;
use crate::ticketing::reply::{Outcome, Refusal};
use crate::ticketing::show;

fn not_permitted() -> Refusal {
    Refusal::new(403, "This account is not permitted to manage transfers on behalf of the sender.")
}

fn find<'b>(book: &'b Book, id: &str) -> Result<&'b Transfer, Refusal> {
    book.transfers.get(id).ok_or_else(Refusal::gone)
}

pub(super) fn start(book: &mut Book, ask: &Ask<'_>) -> Outcome {
    let fields = ask.fields();
    fields.require(&["sender", "recipient", "tickets"])?;
    let party = |name: &str| fields.loose(name).filter(|number| book.accounts.contains_key(number));
    let not_located = || Refusal::new(404, "The requested account could not be located");
    let (sender, recipient) = (party("sender").ok_or_else(not_located)?, party("recipient").ok_or_else(not_located)?);
    if !ask.acts_for(&sender) {
        return Err(not_permitted());
    }
    if sender == recipient {
        return Err(Refusal::new(409, "A transfer's recipient must not be its sender."));
    }
    let lots = lots(&ask.body["tickets"]).ok_or_else(|| Refusal::invalid(&["tickets"]))?;
    let mut chosen = Vec::new();
    for (event, section, quantity) in &lots {
        let spendable = book.tickets.values().filter(|ticket| {
            ticket.owner == sender
                && (&ticket.event, &ticket.section) == (event, section)
                && ticket.status == "Issued"
                && ticket.transfer.is_none()
        });
        let wanted = usize::try_from(*quantity).unwrap_or(usize::MAX);
        let serials: Vec<String> = spendable.take(wanted).map(|ticket| ticket.serial.clone()).collect();
        if serials.len() < wanted {
            let text = "The sender does not hold sufficient itckets in their wallet to complete this transfer";
            return Err(Refusal::new(400, text));
        }
        chosen.extend(serials);
    }
    let id = book.next_id(ask.now);
    for serial in chosen {
        if let Some(ticket) = book.tickets.get_mut(&serial) {
            ticket.transfer = Some(id.clone());
        }
    }
    let status = "Pending".to_owned();
    let transfer = Transfer { id: id.clone(), status, initiated: ask.now, sender, recipient, lots };
    let shown = show::transfer(book, &transfer);
    book.transfers.insert(id, transfer);
    Ok(shown)
}

fn lots(tickets: &Value) -> Option<Vec<(String, String, u32)>> {
    let lot = |(uri, quantity): (&String, &Value)| {
        let (event, section) = uri.strip_prefix("/events/")?.split_once("/sections/")?;
        let quantity = u32::try_from(quantity.as_u64()?).ok().filter(|quantity| *quantity > 0)?;
        Some((event.to_owned(), section.to_owned(), quantity))
    };
    tickets.as_object().filter(|lots| !lots.is_empty())?.iter().map(lot).collect()
}

pub(super) fn read(book: &Book, ask: &Ask<'_>, id: &str) -> Outcome {
    let transfer = find(book, id)?;
    if !ask.acts_for(&transfer.sender) && !ask.acts_for(&transfer.recipient) {
        return Err(not_permitted());
    }
    Ok(show::transfer(book, transfer))
}

pub(super) fn cancel(book: &mut Book, ask: &Ask<'_>, id: &str) -> Outcome {
    let transfer = find(book, id)?;
    if !ask.acts_for(&transfer.sender) {
        return Err(not_permitted());
    }
    if transfer.status != "Pending" {
        let status = transfer.status.to_lowercase();
        return Err(Refusal::new(409, format!("A {status} transfer cannot be cancelled.")));
    }
    close(book, id, "Cancelled", None);
    Ok(json!({}))
}

/// Only the recipient's own session may claim.
pub(super) fn claim(book: &mut Book, ask: &Ask<'_>, id: &str) -> Outcome {
    let transfer = find(book, id)?;
    if ask.account() != transfer.recipient {
        return Err(Refusal::new(403, "Only a transfer's recipient can claim a transfer."));
    }
    if transfer.status != "Pending" {
        return Err(Refusal::new(409, "This transfer can no longer be claimed."));
    }
    let recipient = transfer.recipient.clone();
    close(book, id, "Claimed", Some(&recipient));
    Ok(json!({ "success": true }))
}

fn close(book: &mut Book, id: &str, status: &str, owner: Option<&str>) {
    if let Some(transfer) = book.transfers.get_mut(id) {
        status.clone_into(&mut transfer.status);
    }
    for ticket in book.tickets.values_mut().filter(|ticket| ticket.transfer.as_deref() == Some(id)) {
        ticket.transfer = None;
        if let Some(owner) = owner {
            owner.clone_into(&mut ticket.owner);
        }
    }
}

pub(super) fn history(book: &Book, ask: &Ask<'_>, number: &str) -> Outcome {
    if !ask.acts_for(number) {
        return Err(Refusal::restricted());
    }
    let query = &ask.query;
    let takes_part = |transfer: &&Transfer| match query.get("role") {
        Some("sender") => transfer.sender == number,
        Some("recipient") => transfer.recipient == number,
        _ => transfer.sender == number || transfer.recipient == number,
    };
    let found = book.transfers.values().filter(takes_part);
    let found = found.filter(|it| query.get("status").is_none_or(|status| it.status.eq_ignore_ascii_case(status)));
    query.page(&book.switches, found.collect(), |transfer: &&Transfer| show::transfer(book, transfer))
}
