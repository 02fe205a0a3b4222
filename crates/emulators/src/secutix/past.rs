//! Past sales of seats.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::past_sales::{PastEnd, PastItem, PastOffer, PastReceipt, PastSale, PastSales, PastTicket, PastTicketType};
use crate::secutix::SecutixEmulator;
use crate::secutix::availability::free_seats;
use crate::secutix::orders::{new_order, print_ticket};
use crate::secutix::state::{
    OrderOperation, OrderState, SeatMovement, SecutixOrder, SecutixState, SoldItem, TicketState,
};
use crate::secutix::world::{self, Institution, ProductContent, SecutixPerformance, SecutixProduct};

/// Days before today that the catalog shows once there are past sales.
const DAYS_BACK: i32 = 100;
/// Tariffs are public on this kind of price level, and for this kind of visitor.
const PUBLIC: &str = "OCCASIONAL";

impl PastSales for SecutixEmulator {
    fn offers(&self, institution: &str, from: Date, to: Date) -> Vec<PastOffer> {
        let institutions = world::institutions(self.now(), DAYS_BACK);
        let Some(institution) = institutions.iter().find(|one| one.code == institution) else { return Vec::new() };
        self.store.read(|state| {
            let running = institution.season.products.iter().filter(|product| product.state == "RUNNING");
            let performances = running.flat_map(|product| {
                let listed = match &product.content {
                    ProductContent::Performances(performances) => performances.as_slice(),
                    ProductContent::Pass { .. } | ProductContent::Empty => &[],
                };
                listed.iter().map(move |performance| (product, performance))
            });
            let offer = |(product, performance)| self.past_offer(state, institution, product, performance);
            let mut offers: Vec<PastOffer> = performances.map(offer).collect();
            offers.retain(|offer| (from..=to).contains(&offer.day));
            offers.sort_by(|a, b| (a.starts_at, &a.performance).cmp(&(b.starts_at, &b.performance)));
            offers
        })
    }

    fn has_sales(&self) -> bool {
        self.store.read(|state| !state.orders.is_empty())
    }

    fn record(&self, institution: &str, sales: &[PastSale]) -> Vec<Option<PastReceipt>> {
        let institutions = world::institutions(self.now(), DAYS_BACK);
        let Some(institution) = institutions.iter().find(|one| one.code == institution) else {
            return vec![None; sales.len()];
        };
        self.store.update(|state| {
            state.days_back = DAYS_BACK;
            sales.iter().map(|sale| record_sale(state, institution, sale)).collect()
        })
    }
}

impl SecutixEmulator {
    fn past_offer(
        &self,
        state: &SecutixState,
        institution: &Institution,
        product: &SecutixProduct,
        performance: &SecutixPerformance,
    ) -> PastOffer {
        let (contingent, _, share) = institution.contingents[0];
        let is_public = |tariff: i64, level: i64| {
            let levels = institution.season.price_levels.iter();
            let mut categories = institution.season.audience_categories.iter();
            levels.filter(|(id, ..)| *id == level).any(|(.., main)| *main == PUBLIC)
                && categories.any(|category| {
                    category.main == PUBLIC
                        && category.secondary == "INDIVIDUAL"
                        && category.tariffs.iter().any(|one| one.id == tariff)
                })
        };
        let prices = performance.prices.iter().filter(|(_, tariff, level, _)| is_public(*tariff, *level));
        let ticket_types = prices.map(|(category, tariff, _, amount)| {
            let seats = SoldItem::Seats { performance: performance.id, category: *category };
            let places = free_seats(state, institution, seats, (contingent, share), self.now());
            let price = Decimal::new(*amount, 3);
            PastTicketType {
                id: tariff.to_string(),
                section: Some(category.map_or_else(String::new, |category| category.to_string())),
                price,
                list_price: price,
                fee: None,
                places: u32::try_from(places).unwrap_or(0),
            }
        });
        PastOffer {
            event: product.id.to_string(),
            title: main_language_first(institution, product),
            performance: performance.id.to_string(),
            starts_at: performance.start,
            day: performance.start.to_zoned(institution.zone.clone()).date(),
            sale_starts_at: None,
            sale_ends_at: None,
            ticket_types: ticket_types.collect(),
        }
    }
}

fn main_language_first(institution: &Institution, product: &SecutixProduct) -> Vec<(&'static str, String)> {
    let mut title = product.name.clone();
    title.sort_by_key(|(language, _)| institution.languages.first() != Some(language));
    title
}

fn record_sale(state: &mut SecutixState, institution: &Institution, sale: &PastSale) -> Option<PastReceipt> {
    let bought_at = sale.at.checked_sub(SignedDuration::from_secs(2)).ok()?;
    let mut order = new_order(state, institution.code, "SALE".to_owned(), &sale.buyer, bought_at);
    order.extend_expiry(bought_at);
    order.reference = Some(sale.reference.clone());
    for item in &sale.items {
        let operation = sold_seats(state, institution, item)?;
        order.operations.push(operation);
    }
    let amount = order.amount();
    let ids = BTreeMap::from([
        ("orderId", order.id.to_string()),
        ("orderSecretId", order.secret.clone()),
        ("saleAmount", amount.to_string()),
    ]);
    if sale.end == PastEnd::Expired {
        let seats = order.operations.iter().enumerate().flat_map(|(number, operation)| {
            operation.movements.iter().map(move |seat| PastTicket {
                item: number,
                ids: BTreeMap::from([("movementId", seat.id.to_string())]),
                code: String::new(),
            })
        });
        let tickets = seats.collect();
        state.orders.insert(order.id, SecutixOrder { state: OrderState::Abandoned, ..order });
        return Some(PastReceipt { ids, total: Decimal::new(amount, 3), tickets });
    }
    (order.state, order.closed_at) = (OrderState::Closed, Some(sale.at));
    let mut tickets = Vec::new();
    for (number, (operation, item)) in order.operations.iter_mut().zip(&sale.items).enumerate() {
        for seat in &mut operation.movements {
            let ticket = print_ticket(state, institution.code, true, sale.at);
            let shown = BTreeMap::from([("movementId", seat.id.to_string()), ("ticketId", ticket.id.to_string())]);
            tickets.push(PastTicket { item: number, ids: shown, code: ticket.barcode.clone().unwrap_or_default() });
            let ticket = seat.ticket.insert(ticket);
            match sale.end {
                _ if item.is_refunded => ticket.print = TicketState::Canceled,
                PastEnd::Sold(used_at) => ticket.controls.extend(used_at.map(|at| ("OK".to_owned(), at))),
                PastEnd::Expired => {}
            }
        }
    }
    if sale.items.iter().all(|item| item.is_refunded) {
        order.state = OrderState::Canceled;
    }
    state.orders.insert(order.id, order);
    Some(PastReceipt { ids, total: Decimal::new(amount, 3), tickets })
}

/// Takes seats of the first contingent.
fn sold_seats(state: &mut SecutixState, institution: &Institution, item: &PastItem) -> Option<OrderOperation> {
    let (product, performance) = institution.performance(item.performance.parse().ok()?)?;
    let category = item.section.as_deref().filter(|section| !section.is_empty());
    let category: Option<i64> = category.map(str::parse).transpose().ok()?;
    let tariff: i64 = item.ticket_type.parse().ok()?;
    let (.., level, unit_price) =
        *performance.prices.iter().find(|(place, audience, ..)| *place == category && *audience == tariff)?;
    let movement = |id| SeatMovement { id, is_removed: false, ticket: None };
    Some(OrderOperation {
        id: state.next_number(),
        item: SoldItem::Seats { performance: performance.id, category },
        product: product.id,
        audience: tariff,
        level,
        contingent: institution.contingents[0].0,
        unit_price,
        movements: (0..item.quantity).map(|_| movement(state.next_number())).collect(),
    })
}
