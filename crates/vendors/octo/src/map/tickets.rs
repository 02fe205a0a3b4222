//! Maps bookings to tickets (`octo.md §6.4`, `§12.1`).

use jiff::Timestamp;
use secrecy::ExposeSecret;

use crate::assumptions::FormatWord;
use crate::map::booking::{BookingIntent, BookingState, ItemIntent};
use crate::settings::{self, Facts};
use crate::wire::bookings::{Booking, DeliveryOption, Ticket, UnitItem};
use domain::ordering::{Barcode, IssuedTicket, Symbology, TicketState};
use domain::{ExternalRef, WebUrl};

/// Reference kind of a ticket: the uuid of its unit item.
pub(crate) const ITEM_REF: &str = "octo.unitItem";
/// Reference kind of a voucher: the uuid of the booking whose tickets share its code.
const VOUCHER_REF: &str = "octo.voucher";
/// Reference kind of a ticket, as the supplier shows it.
const SUPPLIER_ITEM_REF: &str = "octo.itemReference";
/// Word of tickets without a code.
pub(crate) const MANIFEST: &str = "MANIFEST";

/// Maps a booking to tickets, one for each unit item that was asked for. `is_manifest` is what the product said at the hold.
pub(crate) fn issued_tickets(
    intent: &BookingIntent,
    booking: &Booking,
    (state, is_manifest): (BookingState, bool),
    facts: &Facts,
) -> Vec<IssuedTicket> {
    let mut left: Vec<&UnitItem> = booking.unit_items.iter().collect();
    let mut take = |fits: &dyn Fn(&UnitItem) -> bool| {
        let place = left.iter().position(|item| fits(item))?;
        Some(left.remove(place))
    };
    // By our uuid first, so that an item without one never takes the place of another.
    let by_uuid: Vec<_> = intent.items.iter().map(|wanted| take(&|item| is_named(item, wanted))).collect();
    let pair = |(wanted, named): (&ItemIntent, Option<_>)| {
        let item = named.or_else(|| take(&|item| item.unit_id == wanted.unit))?;
        Some(ticket(wanted, item, booking, (state, is_manifest), facts))
    };
    intent.items.iter().zip(by_uuid).filter_map(pair).collect()
}

fn is_named(item: &UnitItem, wanted: &ItemIntent) -> bool {
    uuid::Uuid::parse_str(&item.uuid) == Ok(wanted.uuid) && item.unit_id == wanted.unit
}

fn ticket(
    wanted: &ItemIntent,
    item: &UnitItem,
    booking: &Booking,
    (state, is_manifest): (BookingState, bool),
    facts: &Facts,
) -> IssuedTicket {
    let voucher = booking.voucher.as_ref().filter(|_| has_voucher_only(booking));
    let document = voucher.or(item.ticket.as_ref());
    let barcode = document.and_then(|document| barcode(document, facts));
    let mut refs = vec![ExternalRef::new(ITEM_REF, item.uuid.to_lowercase())];
    refs.extend(voucher.map(|_| ExternalRef::new(VOUCHER_REF, &*booking.uuid)));
    refs.extend(item.supplier_reference.as_deref().map(|name| ExternalRef::new(SUPPLIER_ITEM_REF, name)));
    let is_listed = document.and_then(|document| document.redemption_method.as_deref()).map(|word| word == MANIFEST);
    let is_complete = barcode.is_some() || is_listed.unwrap_or(is_manifest);
    IssuedTicket {
        line: wanted.line,
        refs,
        state: ticket_state(item, booking, document, (state, is_complete)),
        barcode,
        seat: None,
    }
}

/// True if the booking has one code for all visitors. Tickets of their own win (`octo.md §12.1`).
fn has_voucher_only(booking: &Booking) -> bool {
    let delivers = |method: &str| booking.delivery_methods.iter().any(|one| one == method);
    let has_tickets = booking
        .unit_items
        .iter()
        .any(|item| item.ticket.as_ref().is_some_and(|ticket| !ticket.delivery_options.is_empty()));
    if booking.delivery_methods.is_empty() { !has_tickets } else { delivers("VOUCHER") && !delivers("TICKET") }
}

/// The booking's state governs; that of a unit item counts only if it is used or canceled (`octo.md §6.4`).
fn ticket_state(
    item: &UnitItem,
    booking: &Booking,
    document: Option<&Ticket>,
    (state, is_complete): (BookingState, bool),
) -> TicketState {
    let status = item.status.as_deref().unwrap_or_default();
    if state.is_gone() || status == "CANCELLED" {
        return TicketState::Void;
    }
    let of_ticket = document.and_then(|document| document.utc_redeemed_at.as_deref());
    let redeemed = [item.utc_redeemed_at.as_deref(), of_ticket, booking.utc_redeemed_at.as_deref()];
    let redeemed: Option<Timestamp> = redeemed.into_iter().flatten().find_map(|at| at.trim().parse().ok());
    if redeemed.is_some() || status == "REDEEMED" || booking.status == "REDEEMED" {
        return TicketState::Used(redeemed);
    }
    if is_complete && state == BookingState::Sold { TicketState::Issued } else { TicketState::Pending }
}

/// Returns the code that the supplier prefers; without a code, its first link, which is as secret as a code.
fn barcode(document: &Ticket, facts: &Facts) -> Option<Barcode> {
    let word = |option: &DeliveryOption| settings::meaning(&facts.delivery_format_words, &option.delivery_format);
    let options =
        || document.delivery_options.iter().filter(|one| !one.delivery_value.expose_secret().trim().is_empty());
    let symbology = |option: &DeliveryOption| match word(option) {
        Some(FormatWord::Qr) => Some(Symbology::Qr),
        Some(FormatWord::Code128) => Some(Symbology::Code128),
        Some(FormatWord::Aztec) => Some(Symbology::Aztec),
        Some(FormatWord::Pdf417) => Some(Symbology::Pdf417),
        Some(FormatWord::Other) | None => Some(Symbology::Other),
        Some(FormatWord::Link) => None,
    };
    let known = options().find(|option| symbology(option).is_some_and(|one| one != Symbology::Other));
    let is_web_address = |option: &&DeliveryOption| {
        word(option) == Some(FormatWord::Link) && WebUrl::resolve(option.delivery_value.expose_secret(), None).is_ok()
    };
    let chosen =
        known.or_else(|| options().find(is_web_address)).or_else(|| options().find(|one| symbology(one).is_some()))?;
    Some(Barcode { symbology: symbology(chosen).unwrap_or(Symbology::Other), value: chosen.delivery_value.clone() })
}

/// Returns the delivery formats of a booking that have no meaning.
pub(crate) fn unknown_formats<'a>(booking: &'a Booking, facts: &'a Facts) -> impl Iterator<Item = &'a str> {
    let documents = booking.unit_items.iter().filter_map(|item| item.ticket.as_ref()).chain(booking.voucher.as_ref());
    let formats = documents.flat_map(|document| &document.delivery_options).map(|one| one.delivery_format.as_str());
    formats.filter(|format| settings::meaning(&facts.delivery_format_words, format).is_none())
}
