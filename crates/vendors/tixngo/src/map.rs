//! Maps wire types to domain types and back. Pure: no calls, no clock.

use domain::mobile::{AppCancellation, AppControl, AppTicket, AppTicketKey, AppTicketStatus};
use domain::{LocalizedText, Money};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::assumptions::{
    CancelItem, ControlItem, Detail, FeedEntry, FeedPerson, PurchaseDetails, Security, TicketDetails, TransferRules,
};
use crate::facts::Facts;
use crate::settings::DisplayOptions;
use crate::wire::{Activation, Address, Event, Spectator, Ticket};

/// Maximum text lengths (`tixngo.md §4.2`, `§4.5`); longer names are truncated, never rejected.
const MAX_NAME: usize = 128;
const MAX_PLACE: usize = 200;
const MAX_FIRST_NAME: usize = 50;
const MAX_LAST_NAME: usize = 100;
const MAX_TICKET_ID: usize = 256;

/// Returns the first field of a ticket that the vendor would reject, by our name for it.
pub(super) fn invalid_field(ticket: &AppTicket) -> Option<&'static str> {
    let is_date = ticket.event.starts_at <= ticket.event.expires_at;
    match () {
        () if !is_ticket_id(&ticket.key) => Some("key"),
        () if !ticket.holder.email.contains('@') => Some("holder.email"),
        () if ticket.holder.first_name.trim().is_empty() => Some("holder.first_name"),
        () if ticket.holder.last_name.trim().is_empty() => Some("holder.last_name"),
        () if ticket.barcode.expose_secret().is_empty() => Some("barcode"),
        () if ticket.event.id.is_empty() => Some("event.id"),
        () if !is_date => Some("event.expires_at"),
        () => None,
    }
}

/// Returns true if the key is a valid ticket id (`§4.1`).
pub(super) fn is_ticket_id(key: &AppTicketKey) -> bool {
    let text = key.as_str();
    let fits = |c: char| c.is_ascii_alphanumeric() || " *.-_+/()".contains(c);
    !text.trim().is_empty() && text.len() <= MAX_TICKET_ID && text.chars().all(fits)
}

/// Maps a ticket.
pub(super) fn ticket<'a>(ticket: &'a AppTicket, options: &DisplayOptions) -> Ticket<'a> {
    let event = &ticket.event;
    let detail = |(key, value): &'a (String, String)| Detail { key, value };
    Ticket {
        ticket_id: ticket.key.as_str(),
        event: Event {
            id: &event.id,
            name: text_value(&event.name, MAX_NAME, options),
            address: Address {
                site: text_value(&event.site, MAX_PLACE, options),
                city: text_value(&event.city, MAX_PLACE, options),
                country_code: &event.country_code,
                zip: &event.zip,
            },
            start_time: whole_seconds(event.starts_at),
            expiration_date: whole_seconds(event.expires_at),
            website: event.website.as_deref(),
            metadata: [],
        },
        purchase_details: PurchaseDetails {
            price: ticket.price.and_then(price_number),
            currency: ticket.price.map(|price| price.currency.code()),
            category: ticket.category.as_deref(),
            tax_number: &ticket.ticket_number,
        },
        security: Security { barcode: ticket.barcode.expose_secret() },
        spectator_details: Spectator {
            email: &ticket.holder.email,
            first_name: truncate(&ticket.holder.first_name, MAX_FIRST_NAME),
            last_name: truncate(&ticket.holder.last_name, MAX_LAST_NAME),
            phone_number: ticket.holder.phone.as_deref(),
            language: ticket.holder.language.as_ref().map(|language| language.as_str()),
        },
        activation_parameters: Activation {
            group_id: ticket.group.as_deref(),
            method: "offline",
            time: ticket.visible_from.map(whole_seconds),
        },
        ticket_details: TicketDetails {
            main: ticket.seating.iter().map(detail).collect(),
            extra: Vec::new(),
            hidden: Vec::new(),
        },
        file_id: ticket.file.as_deref(),
        transfer_rules: ticket.max_transfers.map(|max| TransferRules { allowed: max > 0, max_transfers: max }),
    }
}

/// Formats an instant in whole seconds (`§4.2`).
fn whole_seconds(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

/// Converts a price to a JSON number in major units, without floating point.
fn price_number(price: Money) -> Option<Box<RawValue>> {
    RawValue::from_string(price.to_major().to_string()).ok()
}

fn text_value(text: &LocalizedText, max_chars: usize, options: &DisplayOptions) -> Value {
    if !options.localized_maps || text.translations.is_empty() {
        return Value::String(truncate(&text.main, max_chars));
    }
    let of_language = |(language, text): (&domain::Locale, &String)| {
        (language.as_str().to_owned(), Value::String(truncate(text, max_chars)))
    };
    Value::Object(text.translations.iter().map(of_language).collect())
}

fn truncate(text: &str, max_chars: usize) -> String {
    text.trim().chars().take(max_chars).collect()
}

/// Maps a cancellation. The holder still sees the ticket if its reason, its notification or the setting says so, in the
/// vendor's order (`§4.10`).
pub(super) fn cancellation<'a>(cancellation: &'a AppCancellation, options: &DisplayOptions) -> CancelItem<'a> {
    let is_shown = options.show_deleted_reasons.contains(&cancellation.reason)
        || cancellation.notify_holder
        || options.show_deleted;
    CancelItem { ticket_id: cancellation.key.as_str(), reason: &cancellation.reason, show_deleted_ticket: is_shown }
}

/// Maps a control.
pub(super) fn control(control: &AppControl) -> ControlItem<'_> {
    ControlItem { ticket_id: control.key.as_str(), controlled_at: whole_seconds(control.controlled_at) }
}

/// Maps an entry of the feed.
pub(super) fn ticket_status(entry: FeedEntry, facts: &Facts) -> AppTicketStatus {
    let holder = entry.assignee.as_ref().or(entry.spectator_details.as_ref());
    let vendor_state = entry.status.unwrap_or_default();
    AppTicketStatus {
        update: facts.parse_status(&vendor_state),
        updated_at: entry.updated_at.as_deref().and_then(|at| at.parse::<Timestamp>().ok()),
        holder_name: holder.and_then(full_name),
        owner_email: entry.spectator_details.and_then(|person| person.email),
        transfers: entry.transfer_level,
        key: AppTicketKey::new(entry.ticket_id),
        vendor_state,
    }
}

fn full_name(person: &FeedPerson) -> Option<String> {
    let parts = [person.first_name.as_deref(), person.last_name.as_deref()];
    let whole = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    (!whole.trim().is_empty()).then_some(whole)
}
