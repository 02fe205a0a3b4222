//! Legs become orders, orders become holds and sales, wallets become tickets (`ticketing.md §4.10` to `§4.12`).

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::inferred;
use crate::map::{Terms, keys, price, time};
use crate::wire;
use domain::ordering::{
    Barcode, Confirmed, Held, HoldSecures, IssuedTicket, LegLine, LegRequest, Symbology, TicketState,
};
use domain::{ExternalRef, Money, SectionKey};

/// The reference kind of an order: its number.
pub(crate) const ORDER: &str = "ticketing.order";
/// The reference kind of the account that a leg was placed for: its number.
pub(crate) const ACCOUNT: &str = "ticketing.account";
/// The reference kind of the link that an order is paid by.
pub(crate) const PAYMENTS: &str = "ticketing.payments";
/// The reference kind of the link that an order is refunded by.
pub(crate) const REFUNDS: &str = "ticketing.refunds";
/// The reference kind of a ticket: its serial.
pub(crate) const TICKET: &str = "ticketing.ticket";

/// Where an order stands, as far as it matters to a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Its places are set aside, it is not paid.
    Placed,
    /// Sold.
    Fulfilled,
    /// Given up before it was sold.
    Ended,
    /// Sold, and undone since.
    Undone,
    /// A status that we do not know.
    Unknown,
}

/// Where an order stands. One that costs nothing needs no payment: its tickets are issued at once, whatever its status is called.
pub(crate) fn standing(order: &wire::Order) -> Standing {
    let told = order.status.as_deref().unwrap_or_default();
    let standing = match told.to_ascii_lowercase().as_str() {
        "placed" => Standing::Placed,
        "fulfilled" => Standing::Fulfilled,
        "cancelled" | "timed out" => Standing::Ended,
        "refunded" | "returned" | "voided" => Standing::Undone,
        _ => Standing::Unknown,
    };
    let is_free = order.total.is_some_and(|total| total.0.is_zero());
    if is_free && standing == Standing::Placed { Standing::Fulfilled } else { standing }
}

/// Quantities by full section URI; `None` where a line names nothing that we made.
pub(crate) fn items(lines: &[LegLine]) -> Option<BTreeMap<String, u32>> {
    let mut items = BTreeMap::new();
    for line in lines {
        let (event, _) = keys::split(line.ticket_type.as_str())?;
        if event != line.performance.as_str() {
            return None;
        }
        *items.entry(keys::section_uri(&line.ticket_type)?).or_insert(0) += line.quantity;
    }
    Some(items)
}

/// Whether an order holds just these items.
pub(crate) fn holds(order: &wire::Order, items: &BTreeMap<String, u32>) -> bool {
    let mut told: BTreeMap<SectionKey, i64> = BTreeMap::new();
    for item in &order.items {
        let Some(section) = item.section.as_deref().and_then(keys::section_of_full) else { return false };
        *told.entry(section).or_insert(0) += item.quantity.map_or(0, |count| count.0);
    }
    let wanted = items.iter().map(|(uri, quantity)| Some((keys::section_of_full(uri)?, i64::from(*quantity))));
    wanted.collect::<Option<BTreeMap<_, _>>>().is_some_and(|wanted| wanted == told)
}

/// The first reference of a kind.
pub(crate) fn reference<'a>(refs: &'a [ExternalRef], kind: &str) -> Option<&'a str> {
    refs.iter().find(|reference| reference.kind == kind).map(|reference| reference.value.as_str())
}

/// Everything that a later step needs of an order.
pub(crate) fn refs(order: &wire::Order, account: &str) -> Vec<ExternalRef> {
    let link = |kind: &str, told: &Option<String>| told.as_deref().map(|link| ExternalRef::new(kind, link));
    let mut refs = vec![ExternalRef::new(ORDER, order.number.as_str()), ExternalRef::new(ACCOUNT, account)];
    refs.extend([link(PAYMENTS, &order.payments), link(REFUNDS, &order.refunds)].into_iter().flatten());
    refs
}

/// What an order costs, where it says so.
pub(crate) fn total(order: &wire::Order, terms: &Terms) -> Option<Money> {
    order.total.and_then(|total| price::money(total.0, terms.currency).ok())
}

/// A placed order as a hold. It ends when the payment window closes.
pub(crate) fn held(order: &wire::Order, account: &str, terms: &Terms) -> Held {
    let window = SignedDuration::try_from(inferred::PAYMENT_WINDOW).unwrap_or(SignedDuration::ZERO);
    let placed = time::server_instant(order.placed.as_deref());
    Held {
        refs: refs(order, account),
        expires_at: placed.and_then(|at| at.checked_add(window).ok()),
        secures: vec![HoldSecures::Capacity, HoldSecures::Price],
        total: total(order, terms),
    }
}

/// A paid order as a sale.
pub(crate) fn confirmed(order: &wire::Order, account: &str, terms: &Terms, tickets: Vec<IssuedTicket>) -> Confirmed {
    Confirmed { refs: refs(order, account), tickets, total: total(order, terms) }
}

/// The tickets of a leg out of its account's wallet, which holds nothing else. Tickets of one section go to the lines that want it,
/// by serial, so that every reading gives the same.
pub(crate) fn tickets(leg: &LegRequest, mut wallet: Vec<wire::Ticket>) -> Vec<IssuedTicket> {
    wallet.sort_by(|a, b| a.serial.cmp(&b.serial));
    let mut issued = Vec::new();
    for line in &leg.lines {
        for _ in 0..line.quantity {
            let fits = |ticket: &wire::Ticket| {
                let section = ticket.section.as_deref().and_then(keys::section_of_full);
                section.is_some_and(|section| section.as_str() == line.ticket_type.as_str())
            };
            let Some(place) = wallet.iter().position(fits) else { break };
            issued.push(ticket(line.line, wallet.remove(place)));
        }
    }
    issued
}

fn ticket(line: usize, wire: wire::Ticket) -> IssuedTicket {
    let own = wire.uri.as_deref().map(|uri| ExternalRef::new("ticketing.ticket_uri", uri));
    IssuedTicket {
        line,
        refs: [Some(ExternalRef::new(TICKET, wire.serial.as_str())), own].into_iter().flatten().collect(),
        state: state(&wire),
        barcode: Some(Barcode { symbology: Symbology::Qr, value: wire.serial.into() }),
        seat: None,
    }
}

fn state(wire: &wire::Ticket) -> TicketState {
    let redeemed = time::server_instant(wire.redeemed.as_deref());
    match wire.status.as_deref().unwrap_or_default().to_ascii_lowercase().as_str() {
        "redeemed" => TicketState::Used(redeemed),
        "voided" | "void" | "cancelled" | "refunded" | "returned" => TicketState::Void,
        _ if redeemed.is_some() => TicketState::Used(redeemed),
        "issued" | "held" | "unclaimed" => TicketState::Issued,
        _ => TicketState::Pending,
    }
}
