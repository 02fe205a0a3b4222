//! Between their words and ours. Pure: no calls, no clock.

use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::inferred::{
    CancelItem, ControlItem, Detail, FeedEntry, FeedPerson, PurchaseDetails, Security, TicketDetails, TicketFault,
    TransferRules,
};
use crate::settings::Texts;
use crate::wire::{Activation, Address, Event, Spectator, Ticket};
use domain::mobile::{AppCancellation, AppControl, AppSays, AppState, AppStatus, AppTicket, AppTicketKey};
use domain::{Money, Reason, Text};

/// Longest texts that the vendor takes (`tixngo.md §4.2`, `§4.5`); names for people are cut, never refused.
const NAME: usize = 128;
const PLACE: usize = 200;
const FIRST_NAME: usize = 50;
const LAST_NAME: usize = 100;
const TICKET_ID: usize = 256;

/// Which part of a ticket the vendor would refuse for its form, in our words.
pub(super) fn flaw(ticket: &AppTicket) -> Option<&'static str> {
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

/// Whether text can name a ticket (`§4.1`).
pub(super) fn is_ticket_id(key: &AppTicketKey) -> bool {
    let text = key.as_str();
    let fits = |c: char| c.is_ascii_alphanumeric() || " *.-_+/()".contains(c);
    !text.trim().is_empty() && text.len() <= TICKET_ID && text.chars().all(fits)
}

/// A ticket as the vendor wants it.
pub(super) fn ticket<'a>(ticket: &'a AppTicket, texts: &Texts) -> Ticket<'a> {
    let event = &ticket.event;
    let detail = |(key, value): &'a (String, String)| Detail { key, value };
    Ticket {
        ticket_id: ticket.key.as_str(),
        event: Event {
            id: &event.id,
            name: text(&event.name, NAME, texts),
            address: Address {
                site: text(&event.site, PLACE, texts),
                city: text(&event.city, PLACE, texts),
                country_code: &event.country_code,
                zip: &event.zip,
            },
            start_time: event.starts_at.to_string(),
            expiration_date: event.expires_at.to_string(),
            website: event.website.as_deref(),
            metadata: [],
        },
        purchase_details: PurchaseDetails {
            price: ticket.price.and_then(number),
            currency: ticket.price.map(|price| price.currency.code()),
            category: ticket.category.as_deref(),
            tax_number: &ticket.ticket_number,
        },
        security: Security { barcode: ticket.barcode.expose_secret() },
        spectator_details: Spectator {
            email: &ticket.holder.email,
            first_name: cut(&ticket.holder.first_name, FIRST_NAME),
            last_name: cut(&ticket.holder.last_name, LAST_NAME),
            phone_number: ticket.holder.phone.as_deref(),
            language: ticket.holder.language.as_ref().map(|language| language.as_str()),
        },
        activation_parameters: Activation {
            group_id: ticket.group.as_deref(),
            method: "offline",
            time: ticket.visible_from.map(|at| at.to_string()),
        },
        ticket_details: TicketDetails {
            main: ticket.places.iter().map(detail).collect(),
            extra: Vec::new(),
            hidden: Vec::new(),
        },
        file_id: ticket.file.as_deref(),
        transfer_rules: ticket.max_transfers.map(|most| TransferRules { allowed: most > 0, max_transfers: most }),
    }
}

/// An amount in major units, as a number written from its digits.
fn number(price: Money) -> Option<Box<RawValue>> {
    RawValue::from_string(price.to_major().to_string()).ok()
}

fn text(told: &Text, longest: usize, texts: &Texts) -> Value {
    if !texts.as_maps || told.translations.is_empty() {
        return Value::String(cut(&told.main, longest));
    }
    let of_language = |(language, text): (&domain::Locale, &String)| {
        (language.as_str().to_owned(), Value::String(cut(text, longest)))
    };
    Value::Object(told.translations.iter().map(of_language).collect())
}

fn cut(text: &str, longest: usize) -> String {
    text.trim().chars().take(longest).collect()
}

/// A cancellation as the vendor wants it. Whether the holder still sees the ticket is decided in the vendor's order (`§4.10`):
/// by the reason, by the wish to tell the holder, by the setting.
pub(super) fn cancellation<'a>(told: &'a AppCancellation, texts: &Texts) -> CancelItem<'a> {
    let is_shown = texts.shown_reasons.contains(&told.reason) || told.notifies || texts.shows_deleted;
    CancelItem { ticket_id: told.key.as_str(), reason: &told.reason, show_deleted_ticket: is_shown }
}

/// A control as the vendor wants it.
pub(super) fn control(told: &AppControl) -> ControlItem<'_> {
    ControlItem { ticket_id: told.key.as_str(), controlled_at: told.controlled_at.to_string() }
}

/// What a status means (`§5`); one that is not in the table means nothing.
pub(super) fn says(status: &str) -> AppSays {
    let state = match status {
        "INJECTED" => AppState::Injected,
        // What was activated and is not any more is still in the wallet, its code hidden.
        "DOWNLOADED" | "DEACTIVATED" => AppState::Downloaded,
        "ASSIGNED" => AppState::Assigned,
        "PENDING_TRANSFER" | "PENDING_TRANFER" | "PENDING" => AppState::TransferPending,
        "TRANSFERRED" => AppState::Transferred,
        "BT_ACTIVATED" | "MANUAL_ACTIVATED" | "OFFLINE_ACTIVATED" | "ONLINE_ACTIVATED" | "ACTIVATED" => {
            AppState::Activated
        }
        "CONTROLLED" => AppState::Controlled,
        "DELETION_PENDING" => AppState::DeletionPending,
        "DELETED" => AppState::Deleted,
        "FAILURE_TRANSFER" | "FAILURE" => return AppSays::Back,
        _ => return AppSays::Unknown,
    };
    AppSays::Is(state)
}

/// An entry of the feed.
pub(super) fn status(entry: FeedEntry) -> AppStatus {
    let holder = entry.assignee.as_ref().or(entry.spectator_details.as_ref());
    let vendor_state = entry.status.unwrap_or_default();
    AppStatus {
        says: says(&vendor_state),
        updated_at: entry.updated_at.as_deref().and_then(|at| at.parse::<Timestamp>().ok()),
        holder_name: holder.and_then(name),
        owner_email: entry.spectator_details.and_then(|person| person.email),
        transfers: entry.transfer_level,
        key: AppTicketKey::new(entry.ticket_id),
        vendor_state,
    }
}

fn name(person: &FeedPerson) -> Option<String> {
    let parts = [person.first_name.as_deref(), person.last_name.as_deref()];
    let whole = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    (!whole.trim().is_empty()).then_some(whole)
}

/// Why a ticket was refused; `None`: the vendor does not know it.
pub(super) fn reason(fault: Option<&TicketFault>) -> Option<Reason> {
    let field = || fault.and_then(|fault| fault.field.clone()).unwrap_or_else(|| "ticket".to_owned());
    Some(match fault.and_then(|fault| fault.code.as_deref()).unwrap_or_default() {
        "UNKNOWN_TICKET" => return None,
        "MISSING_FIELD" | "INVALID_FIELD" | "TOO_LONG" => Reason::InvalidInput { field: field() },
        "TICKET_DELETED" | "TICKET_CONTROLLED" | "DUPLICATE_BARCODE" => Reason::Conflict,
        "EVENT_EXPIRED" => Reason::TooLate,
        _ => Reason::Other,
    })
}
