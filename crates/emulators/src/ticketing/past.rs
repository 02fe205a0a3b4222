//! Past sales of tickets of the host.

use std::collections::BTreeMap;

use jiff::civil::{Date, DateTime};
use jiff::{Timestamp, ToSpan};
use rust_decimal::Decimal;

use crate::past_sales::{PastEnd, PastItem, PastOffer, PastReceipt, PastSale, PastSales, PastTicket, PastTicketType};
use crate::ticketing::orders::{new_item, new_ticket, ticket_fee};
use crate::ticketing::state::{
    HEX, TicketingAccount, TicketingEvent, TicketingOrder, TicketingOrderItem, TicketingSection, TicketingState,
};
use crate::ticketing::{HOST, TicketingEmulator, accounts, seed, views};
use domain::Clock;

/// Days before today that have events once there are past sales.
const DAYS_BACK: i64 = 100;
/// Places of a section that nobody bought in the past.
const SPARE_PLACES: u32 = 5;

impl PastSales for TicketingEmulator {
    fn offers(&self, _: &str, from: Date, to: Date) -> Vec<PastOffer> {
        let now = self.clock.now();
        let today = now.to_zoned(self.zone.clone()).date();
        let mut world = TicketingState::default();
        world.bring_up_to_date(now, today);
        seed::seed_events(&mut world, today, today.saturating_sub(DAYS_BACK.days()), now);
        let is_sold = |event: &&TicketingEvent| event.host == HOST && event.public && event.status == "Scheduled";
        let mut offers: Vec<PastOffer> =
            world.events.values().filter(is_sold).filter_map(|event| self.past_offer(event)).collect();
        offers.retain(|offer| (from..=to).contains(&offer.day));
        offers.sort_by(|a, b| (a.starts_at, &a.performance).cmp(&(b.starts_at, &b.performance)));
        offers
    }

    fn has_sales(&self) -> bool {
        self.store.read(|state| !state.orders.is_empty())
    }

    fn record(&self, _: &str, sales: &[PastSale]) -> Vec<Option<PastReceipt>> {
        let now = self.clock.now();
        let today = now.to_zoned(self.zone.clone()).date();
        self.store.update(|state| {
            state.bring_up_to_date(now, today);
            seed::seed_events(state, today, today.saturating_sub(DAYS_BACK.days()), now);
            sales.iter().map(|sale| record_sale(state, sale)).collect()
        })
    }
}

impl TicketingEmulator {
    fn local(&self, text: Option<&str>) -> Option<Timestamp> {
        let local: DateTime = text?.parse().ok()?;
        self.zone.to_ambiguous_timestamp(local).compatible().ok()
    }

    fn past_offer(&self, event: &TicketingEvent) -> Option<PastOffer> {
        let starts_at = self.local(event.start.as_deref())?;
        let ticket_type = |section: &TicketingSection| PastTicketType {
            id: section.id.clone(),
            section: Some(section.id.clone()),
            price: Decimal::new(section.current, 2),
            list_price: Decimal::new(section.base, 2),
            fee: Some(Decimal::new(ticket_fee(section.base, section.current, 0), 2)),
            places: section.remaining().saturating_sub(SPARE_PLACES),
        };
        Some(PastOffer {
            event: event.id.clone(),
            title: vec![("", event.title.clone())],
            performance: event.id.clone(),
            starts_at,
            day: starts_at.to_zoned(self.zone.clone()).date(),
            sale_starts_at: event.sections.iter().filter_map(|section| self.local(Some(&section.sales_start))).max(),
            sale_ends_at: event.sections.iter().filter_map(|section| self.local(Some(&section.sales_end))).max(),
            // A free ticket is sold in one step, and is left out.
            ticket_types: event.sections.iter().filter(|section| section.current > 0).map(ticket_type).collect(),
        })
    }
}

fn record_sale(state: &mut TicketingState, sale: &PastSale) -> Option<PastReceipt> {
    let items: Option<Vec<TicketingOrderItem>> = sale.items.iter().map(|item| record_item(state, item)).collect();
    let items = items?;
    let is_refunded = sale.items.iter().all(|item| item.is_refunded);
    let number = state.next_text("order", b"0123456789ABCDEF", 12);
    let account = record_account(state, sale);
    let mut order = TicketingOrder {
        number: number.clone(),
        status: status_of(sale).to_owned(),
        placed: sale.at,
        customer: account.clone(),
        fees: items.iter().map(|item| fees(state, item)).sum(),
        items,
        tickets: Vec::new(),
    };
    let mut tickets = Vec::new();
    let sold = if sale.end == PastEnd::Expired { &[] } else { order.items.as_slice() };
    for (index, item) in sold.iter().enumerate() {
        if !is_refunded && let Some(section) = state.section_mut(&item.event, &item.section) {
            section.sold += item.quantity;
        }
        for _ in 0..item.quantity {
            let mut ticket = new_ticket(state, item, &account, sale.at);
            match sale.end {
                _ if is_refunded => "Voided".clone_into(&mut ticket.status),
                PastEnd::Sold(Some(used_at)) => {
                    "Redeemed".clone_into(&mut ticket.status);
                    (ticket.redeemed, ticket.changed) = (Some(used_at), used_at);
                }
                PastEnd::Sold(None) | PastEnd::Expired => {}
            }
            let uri = format!("/events/{}/tickets/{}", ticket.event, ticket.id);
            let ids = BTreeMap::from([("serial", ticket.serial.clone()), ("self", uri)]);
            tickets.push(PastTicket { item: index, ids, code: ticket.serial.clone() });
            order.tickets.push(ticket.serial.clone());
            state.tickets.insert(ticket.serial.clone(), ticket);
        }
    }
    let shown = views::order(&order);
    let link = |name: &'static str| Some((name, shown[name].as_str()?.to_owned()));
    let mut ids: BTreeMap<&'static str, String> = ["payments", "refunds"].into_iter().filter_map(link).collect();
    ids.extend([("number", number.clone()), ("customer", account)]);
    let total = Decimal::new(order.total(), 2);
    state.orders.insert(number, order);
    Some(PastReceipt { ids, total, tickets })
}

fn status_of(sale: &PastSale) -> &'static str {
    match sale.end {
        PastEnd::Expired => "Timed Out",
        PastEnd::Sold(_) if sale.items.iter().all(|item| item.is_refunded) => "Refunded",
        PastEnd::Sold(_) => "Fulfilled",
    }
}

fn fees(state: &TicketingState, item: &TicketingOrderItem) -> i64 {
    let base = state.section(&item.event, &item.section).map_or(item.price, |section| section.base);
    ticket_fee(base, item.price, 0) * i64::from(item.quantity)
}

fn record_item(state: &mut TicketingState, item: &PastItem) -> Option<TicketingOrderItem> {
    let event = state.events.get(&item.performance)?;
    let section = state.section(&item.performance, &item.ticket_type)?;
    let booked = new_item(event, section, item.quantity);
    Some(TicketingOrderItem { number: state.next_text("item", HEX, 32), ..booked })
}

/// Opens the account of the buyer.
fn record_account(state: &mut TicketingState, sale: &PastSale) -> String {
    let number = accounts::next_number(state);
    let mut profile = sale.contact.clone();
    let mut take = |name: &str| profile.remove(name).unwrap_or_default();
    let (email, password) = (take("email"), take("password"));
    let account = TicketingAccount {
        number: number.clone(),
        username: sale.reference.clone(),
        email,
        password,
        role: "customer".to_owned(),
        profile,
        region: None,
    };
    state.accounts.insert(number.clone(), account);
    number
}
