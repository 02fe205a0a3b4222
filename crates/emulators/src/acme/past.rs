//! Past sales of timed admissions.

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::Value;

use crate::acme::checkout::{RequestedItem, order_item, price_line};
use crate::acme::instances::{EventInstance, instances_on, is_channel_enabled};
use crate::acme::state::{AcmeOrder, AcmeOrderItem, AcmeState};
use crate::acme::{AcmeEmulator, reservations};
use crate::past_sales::{PastEnd, PastItem, PastOffer, PastReceipt, PastSale, PastSales, PastTicket, PastTicketType};

/// Sales channel of the buyer.
const CHANNEL: &str = "reseller";

impl PastSales for AcmeEmulator {
    fn offers(&self, _: &str, from: Date, to: Date) -> Vec<PastOffer> {
        self.store.read(|state| {
            let templates = self.all_templates(state);
            let timed = templates.iter().filter(|template| {
                template["type"] == "standard"
                    && template["admissionType"] == "standard"
                    && template["prerequisites"].is_null()
            });
            let mut offers = Vec::new();
            for template in timed {
                // The instances of a schedule share its prices, unless they were changed.
                let mut types: BTreeMap<String, Vec<PastTicketType>> = BTreeMap::new();
                for day in from.series(1.day()).take_while(|day| *day <= to) {
                    let instances = instances_on(template, day, &self.zone).into_iter();
                    for instance in instances.filter(|instance| instance.is_sold_on(CHANNEL)) {
                        let schedule = if state.prices.is_empty() {
                            instance.schedule["id"].to_string()
                        } else {
                            instance.id.clone()
                        };
                        let types = types.entry(schedule).or_insert_with(|| ticket_types(state, &instance));
                        offers.push(self.past_offer(state, day, &instance, types));
                    }
                }
            }
            offers.sort_by(|a, b| (a.starts_at, &a.performance).cmp(&(b.starts_at, &b.performance)));
            offers
        })
    }

    fn has_sales(&self) -> bool {
        self.store.read(|state| !state.orders.is_empty())
    }

    fn record(&self, _: &str, sales: &[PastSale]) -> Vec<Option<PastReceipt>> {
        self.store.update(|state| sales.iter().map(|sale| self.record_sale(state, sale)).collect())
    }
}

/// Returns the ticket types of an instance, without their places. A combo takes several places, so it is left out.
fn ticket_types(state: &AcmeState, instance: &EventInstance) -> Vec<PastTicketType> {
    let list = state.price_list(instance);
    let lines = list["prices"].as_array().into_iter().flatten();
    let lines = lines.filter(|line| {
        is_channel_enabled(&line["salesChannels"], CHANNEL) && line["personType"]["type"] == "individual"
    });
    let amount = |line: &Value, name: &str| line[name].to_string().parse::<Decimal>().ok();
    let ticket_type = |line: &Value| {
        let list_price = amount(line, "price")?;
        Some(PastTicketType {
            id: line["personType"]["id"].as_str()?.to_owned(),
            section: None,
            price: amount(line, "discountedPrice").unwrap_or(list_price).min(list_price),
            list_price,
            fee: None,
            places: 0,
        })
    };
    lines.filter_map(ticket_type).collect()
}

impl AcmeEmulator {
    fn past_offer(
        &self,
        state: &AcmeState,
        day: Date,
        instance: &EventInstance,
        types: &[PastTicketType],
    ) -> PastOffer {
        let places = state.instance_counts(instance, self.now()).available;
        PastOffer {
            event: instance.template_id().to_owned(),
            title: vec![("", instance.template["name"].as_str().unwrap_or_default().to_owned())],
            performance: instance.id.clone(),
            starts_at: instance.start,
            day,
            sale_starts_at: None,
            sale_ends_at: Some(instance.start),
            ticket_types: types.iter().map(|one| PastTicketType { places, ..one.clone() }).collect(),
        }
    }

    fn record_sale(&self, state: &mut AcmeState, sale: &PastSale) -> Option<PastReceipt> {
        let mut ids = BTreeMap::from([("reservationId", reservations::next_id(state).to_string())]);
        let organization_id = sale.buyer.parse().ok()?;
        let id = state.next_id(900_000);
        let items: Option<Vec<AcmeOrderItem>> =
            sale.items.iter().map(|item| self.record_item(state, item, sale.end)).collect();
        let mut order = AcmeOrder {
            id,
            organization_id,
            created_at: sale.at,
            contact: sale.contact.clone(),
            payment_method: "Voucher".to_owned(),
            payment_id: sale.reference.clone(),
            charged: Decimal::ZERO,
            items: items?,
            incidents: u32::from(sale.items.iter().any(|item| item.is_refunded)),
        };
        let total = order.original_total();
        order.charged = total;
        if sale.end == PastEnd::Expired {
            return Some(PastReceipt { ids, total, tickets: Vec::new() });
        }
        ids.extend([("id", id.to_string()), ("orderNumber", (100_000_000 + id).to_string())]);
        let ticket = |(number, item): (usize, &AcmeOrderItem)| {
            let ticket_ids = |id: u64| BTreeMap::from([("id", id.to_string()), ("orderItemId", item.id.to_string())]);
            let tickets = item.tickets.iter();
            let shown = tickets.map(|ticket| PastTicket {
                item: number,
                ids: ticket_ids(ticket.id),
                code: ticket.uuid.clone(),
            });
            shown.collect::<Vec<_>>()
        };
        let tickets = order.items.iter().enumerate().flat_map(ticket).collect();
        state.orders.insert(id, order);
        Some(PastReceipt { ids, total, tickets })
    }

    fn record_item(&self, state: &mut AcmeState, item: &PastItem, end: PastEnd) -> Option<AcmeOrderItem> {
        let instance = self.find_instance(state, &item.performance)?;
        let request = RequestedItem::of_past(&item.performance, &item.ticket_type, item.quantity);
        let line = price_line(state, &instance, &request).ok()?;
        let mut sold = order_item(state, line);
        if item.is_refunded {
            sold.quantity = 0;
        }
        for ticket in &mut sold.tickets {
            match end {
                _ if item.is_refunded => "Refunded".clone_into(&mut ticket.status),
                PastEnd::Sold(used_at) => ticket.checked_in = used_at,
                PastEnd::Expired => {}
            }
        }
        Some(sold)
    }
}
