//! Picks the product of an acceptance run: the cheapest ticket with vacancies and a date that is not near.

use std::sync::Arc;
use std::time::Duration;

use crate::app::accept::run::{Run, Stopped, in_turn};
use domain::catalog::{CatalogScope, PerformanceWindow};
use domain::ordering::{Contact, DeliveryPreference, LegLine, LegRequest};
use domain::{
    Availability, AvailabilityStatus, Event, EventKey, EventStatus, Observed, Offer, OrderKey, Performance,
    VendorError, VendorOperation,
};
use jiff::SignedDuration;

/// Events that are searched. A run is no load test, and the first ones are as good as any.
const MAX_EVENTS: usize = 40;
/// Performances of each event that are searched.
const PERFORMANCES_EACH: usize = 3;
/// Distance of the product's date, so that no refund comes too late.
const DAYS_AHEAD: i64 = 2;

/// A product.
#[derive(Clone)]
pub(super) struct Product {
    pub performance: Observed<Arc<Performance>>,
    pub offer: Offer,
    pub title: String,
}

impl Run {
    /// Lists the events on sale.
    pub(super) async fn list_events(&mut self) -> Result<Vec<Arc<Event>>, Stopped> {
        self.begin("list the events")?;
        let catalog = Arc::clone(&self.source.catalog);
        let listed = in_turn(VendorOperation::ListEvents, catalog.list_events(CatalogScope::Public)).await;
        let events = listed.map_err(|error| self.failed(&error))?.value;
        let on_sale: Vec<Arc<Event>> =
            events.iter().filter(|event| event.status == EventStatus::OnSale).cloned().collect();
        let text = format!("{} events, {} of them on sale", events.len(), on_sale.len());
        if on_sale.is_empty() {
            self.finding(format!("{text}: nothing can be bought"));
            return Err(Stopped);
        }
        self.passed(text);
        Ok(on_sale)
    }

    /// Picks the cheapest ticket: with a date and a price, else a free one, else one without a date.
    pub(super) async fn pick_product(&mut self, events: &[Arc<Event>]) -> Result<Product, Stopped> {
        self.begin(format!("pick the cheapest ticket, at least {DAYS_AHEAD} days ahead"))?;
        let events = &events[..events.len().min(MAX_EVENTS)];
        let performances = self.list_performances(events).await;
        let mut products = Vec::new();
        let batch = self.source.traits.max_batch.max(1);
        for chunk in performances.chunks(batch) {
            let catalog = Arc::clone(&self.source.catalog);
            let load = catalog.load_availability(chunk, Duration::ZERO);
            let mut loaded = in_turn(VendorOperation::LoadAvailability, load).await;
            for performance in chunk {
                match loaded.remove(&performance.value.key) {
                    Some(Ok(availability)) => {
                        products.extend(self.products(events, performance, &availability.value));
                    }
                    Some(Err(error)) => self.unreadable(&error),
                    None => {}
                }
            }
        }
        let rank = |product: &Product| {
            let price = product.offer.price.retail.amount;
            (product.performance.value.date.is_none(), price == 0, price)
        };
        let Some(product) = products.into_iter().min_by_key(rank) else {
            self.finding(format!(
                "none of {} performances has a ticket that this account can sell",
                performances.len()
            ));
            return Err(Stopped);
        };
        let name = product.offer.ticket_type.name.resolve(None).to_owned();
        let date = product.performance.value.date.map_or_else(|| "no date".to_owned(), |date| date.to_string());
        let price = product.offer.price.retail;
        self.passed(format!(
            "{} / {name}, {date}, {price}: compare title and price with the back office",
            product.title
        ));
        self.seen.is_on_sale = true;
        self.seen.is_paid = price.amount > 0;
        Ok(product)
    }

    async fn list_performances(&mut self, events: &[Arc<Event>]) -> Vec<Observed<Arc<Performance>>> {
        let from = self.clock.now().saturating_add(SignedDuration::from_hours(24 * DAYS_AHEAD));
        let Ok(from) = from else { return Vec::new() };
        let window = PerformanceWindow { from, to: None, limit: PERFORMANCES_EACH };
        let keys: Vec<EventKey> = events.iter().map(|event| event.key.clone()).collect();
        let mut found = Vec::new();
        for chunk in keys.chunks(self.source.traits.max_batch.max(1)) {
            let catalog = Arc::clone(&self.source.catalog);
            let list = catalog.list_performances(chunk, &window);
            let mut listed = in_turn(VendorOperation::ListPerformances, list).await;
            for key in chunk {
                match listed.remove(key) {
                    Some(Ok(listed)) => {
                        let freshness = listed.freshness;
                        let each = |value: &Arc<Performance>| Observed { value: Arc::clone(value), freshness };
                        found.extend(listed.value.iter().map(each));
                    }
                    Some(Err(error)) => self.unreadable(&error),
                    None => {}
                }
            }
        }
        found
    }

    fn unreadable(&mut self, error: &VendorError) {
        self.finding(format!("a performance cannot be read: {}", super::run::describe(error)));
    }

    /// Returns the tickets of a performance of which one can be bought and settled.
    fn products(
        &self,
        events: &[Arc<Event>],
        performance: &Observed<Arc<Performance>>,
        availability: &Availability,
    ) -> Vec<Product> {
        let is_open = |status| {
            use AvailabilityStatus::{Available, Freesale, Limited};
            matches!(status, Available | Limited | Freesale)
        };
        if !is_open(availability.status) {
            return Vec::new();
        }
        let title = events.iter().find(|event| event.key == performance.value.event);
        let title = title.map(|event| event.title.resolve(None).to_owned()).unwrap_or_default();
        let fits = |offer: &&Offer| {
            let has_places = vacancies(availability, offer).is_none_or(|left| left > 0);
            is_open(offer.status) && has_places && offer.ticket_type.min_per_order.is_none_or(|least| least <= 1)
        };
        let products = availability.offers.iter().filter(fits).map(|offer| Product {
            performance: performance.clone(),
            offer: offer.clone(),
            title: title.clone(),
        });
        let is_settled = |product: &Product| {
            let leg = leg_request(product, OrderKey::random());
            self.source.ordering.as_ref().is_some_and(|ordering| ordering.settlement_refusal(&leg).is_none())
        };
        products.filter(is_settled).collect()
    }

    /// Reads the vacancies of a product from the vendor. `None` if the vendor does not count them.
    pub(super) async fn vacancies(&mut self, product: &Product) -> Result<Option<u32>, VendorError> {
        let performances = std::slice::from_ref(&product.performance);
        let catalog = Arc::clone(&self.source.catalog);
        let load = catalog.load_availability(performances, Duration::ZERO);
        let mut loaded = in_turn(VendorOperation::LoadAvailability, load).await;
        let Some(availability) = loaded.remove(&product.performance.value.key) else { return Ok(None) };
        let availability = availability?.value;
        let is_same = |offer: &&Offer| {
            let ticket_type = &product.offer.ticket_type;
            offer.ticket_type.key == ticket_type.key && offer.ticket_type.event == ticket_type.event
        };
        let offer = availability.offers.iter().find(is_same);
        // A sold-out offer may be missing.
        Ok(offer.map_or(Some(0), |offer| vacancies(&availability, offer)))
    }
}

fn vacancies(availability: &Availability, offer: &Offer) -> Option<u32> {
    offer.vacancies.into_iter().chain(availability.vacancies).min()
}

/// Returns the request for one ticket, for a visitor who does not exist.
pub(super) fn leg_request(product: &Product, key: OrderKey) -> LegRequest {
    LegRequest {
        reference: orders::leg_reference(key, 0),
        lines: vec![LegLine {
            line: 0,
            performance: product.performance.value.key.clone(),
            ticket_type: product.offer.ticket_type.key.clone(),
            quantity: 1,
            unit_price: product.offer.price.retail,
        }],
        contact: Some(Contact {
            first_name: "Acceptance".to_owned(),
            last_name: "Test".to_owned(),
            email: "acceptance@example.org".to_owned(),
            phone: Some("2025550101".to_owned()),
            postal_code: Some("02110".to_owned()),
        }),
        account: std::collections::BTreeMap::new(),
        locale: None,
        delivery: DeliveryPreference::Barcode,
        hold_waits_for_client: false,
    }
}
