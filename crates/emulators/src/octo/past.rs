//! Past sales of products that are priced by unit in euros. A performance is `product|option|slot`, an event `product|option`.

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use crate::octo::OctoEmulator;
use crate::octo::pricing::Amounts;
use crate::octo::state::{Booking, Cancellation, Item, OctoState, Status, TakenPlaces, place};
use crate::octo::world::{LANGUAGES, PRODUCTS, Product, ProductOption, Slot, find_slot, slots_on};
use crate::past_sales::{PastEnd, PastItem, PastOffer, PastReceipt, PastSale, PastSales, PastTicket, PastTicketType};
use domain::Clock;

/// Currency of past sales.
const CURRENCY: &str = "EUR";

/// Product, option and slot of a past performance.
type Performance = (&'static Product, &'static ProductOption, Slot);

/// Returns true if a product has past sales.
fn has_past(product: &Product) -> bool {
    let is_in_euros = product.currencies.first().is_some_and(|currency| currency.code == CURRENCY);
    is_in_euros && product.needs_availability && product.confirms_at_once && !product.is_per_booking
}

impl PastSales for OctoEmulator {
    fn offers(&self, _: &str, from: Date, to: Date) -> Vec<PastOffer> {
        let now = self.clock.now();
        self.store.read(|state| {
            let taken = state.taken_places(now, None);
            let mut offers = Vec::new();
            for product in PRODUCTS.iter().filter(|product| has_past(product)) {
                for option in product.options {
                    for day in from.series(1.day()).take_while(|day| *day <= to) {
                        let slots = slots_on(option, day, &self.zone).into_iter();
                        offers.extend(slots.map(|slot| past_offer(state, product, option, &slot, &taken)));
                    }
                }
            }
            offers.sort_by(|a, b| (a.starts_at, &a.performance).cmp(&(b.starts_at, &b.performance)));
            offers
        })
    }

    fn has_sales(&self) -> bool {
        self.store.read(|state| state.bookings.values().any(|booking| booking.confirmed_at.is_some()))
    }

    fn record(&self, _: &str, sales: &[PastSale]) -> Vec<Option<PastReceipt>> {
        self.store.update(|state| sales.iter().map(|sale| self.record_sale(state, sale)).collect())
    }
}

fn past_offer(
    state: &OctoState,
    product: &Product,
    option: &ProductOption,
    slot: &Slot,
    taken: &TakenPlaces,
) -> PastOffer {
    let places = state.places(product.id, option, slot, taken).vacancies.unwrap_or(0);
    let currency = &product.currencies[0];
    let amount = |minor: i64| Decimal::new(minor, currency.precision);
    // Units that admit several people, or that need company, are left out.
    let units = option.units.iter().filter(|unit| unit.people == 1 && unit.accompanied_by.is_empty());
    let ticket_types = units.map(|unit| {
        let price = state.unit_price(product.id, unit, currency, Some(slot.date));
        PastTicketType {
            id: unit.id.to_owned(),
            section: None,
            price: amount(price.retail),
            list_price: amount(price.original),
            fee: None,
            places,
        }
    });
    PastOffer {
        event: format!("{}|{}", product.id, option.id),
        title: LANGUAGES.into_iter().zip(product.title.map(str::to_owned)).collect(),
        performance: place(product.id, option.id, &slot.id),
        starts_at: slot.start.timestamp(),
        day: slot.date,
        sale_starts_at: None,
        sale_ends_at: Some(slot.sales_end),
        ticket_types: ticket_types.collect(),
    }
}

impl OctoEmulator {
    /// Records a sale: one booking for each performance.
    fn record_sale(&self, state: &mut OctoState, sale: &PastSale) -> Option<PastReceipt> {
        let mut groups: BTreeMap<&str, Vec<(usize, &PastItem)>> = BTreeMap::new();
        for (number, item) in sale.items.iter().enumerate() {
            groups.entry(&item.performance).or_default().push((number, item));
        }
        let (mut total, mut uuids, mut tickets) = (0, Vec::new(), Vec::new());
        for (performance, items) in groups {
            let (booking, issued) = self.past_booking(state, sale, performance, &items)?;
            total += issued.iter().map(|(_, item)| item.price.retail).sum::<i64>();
            if sale.end != PastEnd::Expired {
                tickets.extend(issued.iter().map(|(number, item)| past_ticket(*number, &booking, item)));
            }
            uuids.push(booking.uuid.clone());
            state.bookings.insert(booking.uuid.clone(), booking);
        }
        tickets.sort_by_key(|ticket| ticket.item);
        let ids = BTreeMap::from([("uuid", uuids.join(","))]);
        Some(PastReceipt { ids, total: Decimal::new(total, 2), tickets })
    }

    fn performance(&self, id: &str) -> Option<Performance> {
        let mut parts = id.splitn(3, '|');
        let (product, option, slot) = (parts.next()?, parts.next()?, parts.next()?);
        let product = PRODUCTS.iter().find(|known| known.id == product && has_past(known))?;
        let option = product.option(option)?;
        Some((product, option, find_slot(option, slot, &self.zone)?))
    }

    /// Creates a booking and every ticket that was issued for it. Those that were refunded alone are no longer part of it.
    fn past_booking(
        &self,
        state: &mut OctoState,
        sale: &PastSale,
        performance: &str,
        items: &[(usize, &PastItem)],
    ) -> Option<(Booking, Vec<(usize, Item)>)> {
        let (product, option, slot) = self.performance(performance)?;
        let mut issued = Vec::new();
        for (number, item) in items {
            let unit = option.unit(&item.ticket_type)?;
            let price = state.unit_price(product.id, unit, &product.currencies[0], Some(slot.date));
            for _ in 0..item.quantity {
                issued.push((*number, new_item(state, item, price.clone(), sale.end)));
            }
        }
        let is_refunded = |number: usize| items.iter().any(|(known, item)| *known == number && item.is_refunded);
        let is_canceled = items.iter().all(|(_, item)| item.is_refunded);
        let kept = issued.iter().filter(|(number, _)| is_canceled || !is_refunded(*number));
        let used_at = match sale.end {
            PastEnd::Sold(used_at) if !is_canceled => used_at,
            _ => None,
        };
        let is_sold = sale.end != PastEnd::Expired;
        let cancellation = Cancellation { at: sale.at, reason: None, refund: "FULL".to_owned() };
        let booking = Booking {
            number: state.next_number(),
            uuid: state.next_uuid(),
            is_test: false,
            status: match (sale.end, used_at) {
                (PastEnd::Expired, _) => Status::Expired,
                _ if is_canceled => Status::Canceled,
                (_, Some(_)) => Status::Redeemed,
                _ => Status::Confirmed,
            },
            product: product.id.to_owned(),
            option: option.id.to_owned(),
            slot: Some(slot.id),
            created_at: sale.at,
            updated_at: used_at.unwrap_or(sale.at),
            expires_at: (!is_sold).then_some(sale.at),
            confirmed_at: is_sold.then_some(sale.at),
            redeemed_at: used_at,
            cancellation: (is_sold && is_canceled).then_some(cancellation),
            reseller_reference: Some(sale.reference.clone()),
            notes: None,
            contact: past_contact(sale),
            items: kept.map(|(_, item)| item.clone()).collect(),
            currency: CURRENCY.to_owned(),
            price: None,
            request: Value::Null,
            is_delivered: true,
        };
        Some((booking, issued))
    }
}

fn new_item(state: &mut OctoState, item: &PastItem, price: Amounts, end: PastEnd) -> Item {
    Item {
        uuid: state.next_uuid(),
        number: state.next_number(),
        unit: item.ticket_type.clone(),
        reseller_reference: None,
        contact: Value::Null,
        redeemed_at: if let (PastEnd::Sold(used_at), false) = (end, item.is_refunded) { used_at } else { None },
        price,
    }
}

fn past_ticket(item: usize, booking: &Booking, ticket: &Item) -> PastTicket {
    let ids = BTreeMap::from([("uuid", ticket.uuid.clone()), ("booking", booking.uuid.clone())]);
    PastTicket { item, ids, code: booking.ticket_code(ticket) }
}

fn past_contact(sale: &PastSale) -> Value {
    let fields = sale.contact.iter().map(|(field, value)| (field.clone(), Value::from(value.clone())));
    Value::Object(fields.collect::<Map<String, Value>>())
}
