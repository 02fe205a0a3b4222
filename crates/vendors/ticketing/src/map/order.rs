//! Maps legs to orders, orders to holds and sales, and wallets to tickets (`ticketing.md §4.10` to `§4.12`).

use std::collections::BTreeMap;

use crate::assumptions::{OrderWord, TicketWord};
use crate::map::{SourceDefaults, keys, price, time};
use crate::settings::Facts;
use crate::{settings, wire};
use domain::ordering::{
    Barcode, ConfirmedSale, HoldSecures, IssuedTicket, LegLine, LegRequest, PlacedHold, TicketState,
};
use domain::{ExternalRef, Money, SectionKey};

/// Reference kind of an order: its number.
pub(crate) const ORDER_REF: &str = "ticketing.order";
/// Reference kind of the account that a leg was placed for: its number.
pub(crate) const ACCOUNT_REF: &str = "ticketing.account";
/// Reference kind of an order's payment link.
pub(crate) const PAYMENTS_REF: &str = "ticketing.payments";
/// Reference kind of an order's refund link.
pub(crate) const REFUNDS_REF: &str = "ticketing.refunds";
/// Reference kind of a ticket: its serial.
pub(crate) const TICKET_REF: &str = "ticketing.ticket";

/// State of an order, as far as it matters to a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrderState {
    /// Its capacity is reserved, but it is not paid.
    Placed,
    /// Sold.
    Fulfilled,
    /// Canceled or timed out before it was sold.
    Abandoned,
    /// Sold, and refunded or voided since.
    Reversed,
    /// An undocumented status.
    Unknown,
}

/// Maps the state of an order. A free order needs no payment: its tickets are issued immediately, whatever its status.
pub(crate) fn order_state(order: &wire::Order, facts: &Facts) -> OrderState {
    let status = order.status.as_deref().unwrap_or_default();
    let state = match settings::meaning(&facts.order_status_words, status) {
        Some(OrderWord::Placed) => OrderState::Placed,
        Some(OrderWord::Fulfilled) => OrderState::Fulfilled,
        Some(OrderWord::Abandoned) => OrderState::Abandoned,
        Some(OrderWord::Reversed) => OrderState::Reversed,
        None => OrderState::Unknown,
    };
    let is_free = order.total.is_some_and(|total| total.0.is_zero());
    if is_free && state == OrderState::Placed { OrderState::Fulfilled } else { state }
}

/// Quantities by full section URI; `None` if a line has a malformed key.
pub(crate) fn items(lines: &[LegLine]) -> Option<BTreeMap<String, u32>> {
    let mut items = BTreeMap::new();
    for line in lines {
        let (event, _) = keys::split_key(line.ticket_type.as_str())?;
        if event != line.performance.as_str() {
            return None;
        }
        *items.entry(keys::section_uri(&line.ticket_type)?).or_insert(0) += line.quantity;
    }
    Some(items)
}

/// True if an order contains exactly these items.
pub(crate) fn contains_exactly(order: &wire::Order, items: &BTreeMap<String, u32>) -> bool {
    let mut ordered: BTreeMap<SectionKey, i64> = BTreeMap::new();
    for item in &order.items {
        let Some(section) = item.section.as_deref().and_then(keys::section_key_from_uri) else { return false };
        *ordered.entry(section).or_insert(0) += item.quantity.map_or(0, |count| count.0);
    }
    let wanted = items.iter().map(|(uri, quantity)| Some((keys::section_key_from_uri(uri)?, i64::from(*quantity))));
    wanted.collect::<Option<BTreeMap<_, _>>>().is_some_and(|wanted| wanted == ordered)
}

/// Returns the value of the first reference of a kind.
pub(crate) fn find_ref<'a>(refs: &'a [ExternalRef], kind: &str) -> Option<&'a str> {
    refs.iter().find(|reference| reference.kind == kind).map(|reference| reference.value.as_str())
}

/// References of an order that later steps need.
pub(crate) fn refs(order: &wire::Order, account: &str) -> Vec<ExternalRef> {
    let link = |kind: &str, url: &Option<String>| url.as_deref().map(|url| ExternalRef::new(kind, url));
    let mut refs = vec![ExternalRef::new(ORDER_REF, order.number.as_str()), ExternalRef::new(ACCOUNT_REF, account)];
    refs.extend([link(PAYMENTS_REF, &order.payments), link(REFUNDS_REF, &order.refunds)].into_iter().flatten());
    refs
}

/// Total of an order, if it has one.
pub(crate) fn order_total(order: &wire::Order, defaults: &SourceDefaults) -> Option<Money> {
    order.total.and_then(|total| price::money(total.0, defaults.currency).ok())
}

/// Maps a placed order to a hold, which expires at the end of the payment window.
pub(crate) fn held(order: &wire::Order, account: &str, defaults: &SourceDefaults) -> PlacedHold {
    let placed = time::parse_server_instant(order.placed.as_deref());
    PlacedHold {
        refs: refs(order, account),
        expires_at: placed.and_then(|at| at.checked_add(defaults.facts.payment_window).ok()),
        secures: vec![HoldSecures::Capacity, HoldSecures::Price],
        total: order_total(order, defaults),
    }
}

/// Maps a paid order to a sale.
pub(crate) fn confirmed(
    order: &wire::Order,
    account: &str,
    defaults: &SourceDefaults,
    tickets: Vec<IssuedTicket>,
) -> ConfirmedSale {
    ConfirmedSale { refs: refs(order, account), tickets, total: order_total(order, defaults) }
}

/// Maps the wallet of a leg's account, which contains nothing else, to tickets. Tickets of one section are assigned to
/// the lines of that section in order of their serials, so that every read yields the same.
pub(crate) fn issued_tickets(leg: &LegRequest, mut wallet: Vec<wire::Ticket>, facts: &Facts) -> Vec<IssuedTicket> {
    wallet.sort_by(|a, b| a.serial.cmp(&b.serial));
    let mut issued = Vec::new();
    for line in &leg.lines {
        for _ in 0..line.quantity {
            let fits = |ticket: &wire::Ticket| {
                let section = ticket.section.as_deref().and_then(keys::section_key_from_uri);
                section.is_some_and(|section| section.as_str() == line.ticket_type.as_str())
            };
            let Some(place) = wallet.iter().position(fits) else { break };
            issued.push(ticket(line.line, wallet.remove(place), facts));
        }
    }
    issued
}

fn ticket(line: usize, wire: wire::Ticket, facts: &Facts) -> IssuedTicket {
    let own = wire.uri.as_deref().map(|uri| ExternalRef::new("ticketing.ticket_uri", uri));
    IssuedTicket {
        line,
        refs: [Some(ExternalRef::new(TICKET_REF, wire.serial.as_str())), own].into_iter().flatten().collect(),
        state: ticket_state(&wire, facts),
        barcode: Some(Barcode { symbology: facts.symbology, value: wire.serial.into() }),
        seat: None,
    }
}

fn ticket_state(wire: &wire::Ticket, facts: &Facts) -> TicketState {
    let redeemed = time::parse_server_instant(wire.redeemed.as_deref());
    match settings::meaning(&facts.ticket_status_words, wire.status.as_deref().unwrap_or_default()) {
        Some(TicketWord::Used) => TicketState::Used(redeemed),
        Some(TicketWord::Void) => TicketState::Void,
        _ if redeemed.is_some() => TicketState::Used(redeemed),
        Some(TicketWord::Issued) => TicketState::Issued,
        Some(TicketWord::Pending) | None => TicketState::Pending,
    }
}

/// Returns a ticket's status word if it has no meaning.
pub(crate) fn unknown_ticket_word<'a>(wire: &'a wire::Ticket, facts: &Facts) -> Option<&'a str> {
    wire.status.as_deref().filter(|word| settings::meaning(&facts.ticket_status_words, word).is_none())
}
