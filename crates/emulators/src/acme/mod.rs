//! ACME, emulated: the Harbor Museum, tenant 412, with timed and open admission, guided tours, a private event and a draft.
//!
//! Keys: `harbor-sandbox-key` is a reseller's (the permissions of `acme.md §5`), `harbor-venue-key` the venue's own, which may edit.
//! Twists: `price` (id: a ticket type, or `instance/ticket type`; value: the price in major units), `sold_out`, `restock` and
//! `cancel` (id: an instance, or a template where it means all its instances), `deny` (id: a permission of `acme.md §5`), `use_ticket` (id: a ticket's uuid).
//!
//! Left out, because no reseller may use it or nobody has seen it: sessions, carts and the other check-outs, rebooking.

mod access;
mod authoring;
mod book;
mod catalog;
mod checkout;
mod extras;
mod holds;
mod instances;
mod paging;
mod refusal;
mod relations;
mod sales;
mod venue;

use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::acme::access::Pace;
use crate::acme::book::Book;
use crate::acme::instances::Show;
use crate::faults::Twist;
use crate::{Emulator, Keeper, SandboxClock};
use domain::Clock;

/// One tenant of the emulated vendor.
pub struct Acme {
    clock: Arc<SandboxClock>,
    zone: TimeZone,
    keeper: Keeper<Book>,
    pace: Option<Mutex<Pace>>,
}

impl Acme {
    /// Opens the museum. With a folder it remembers what it sold; `limits_requests` turns away more than ten requests a second of
    /// one key (a number of our own: the vendor publishes none).
    pub fn new(clock: Arc<SandboxClock>, folder: Option<&Path>, limits_requests: bool) -> Arc<Self> {
        let zone = TimeZone::get(venue::ZONE).unwrap_or(TimeZone::UTC);
        let pace = limits_requests.then(Mutex::default);
        Arc::new(Self { clock, zone, keeper: Keeper::open(folder, "acme"), pace })
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// All templates as they are now: the venue's own, as edited, and those made later.
    fn templates(&self, book: &Book) -> Vec<Value> {
        let today = self.now().to_zoned(self.zone.clone()).date();
        let own = venue::templates(today)
            .into_iter()
            .filter(|t| t["id"].as_str().is_none_or(|id| !book.templates.contains_key(id)));
        let mut all: Vec<Value> = own.chain(book.templates.values().flatten().cloned()).collect();
        all.sort_by(|a, b| a["id"].as_str().cmp(&b["id"].as_str()));
        all
    }

    fn template(&self, book: &Book, id: &str) -> Option<Value> {
        self.templates(book).into_iter().find(|template| template["id"] == id)
    }

    fn show(&self, book: &Book, id: &str) -> Option<Show> {
        instances::find(id, self.templates(book).iter(), &self.zone)
    }
}

impl Emulator for Acme {
    fn name(&self) -> &'static str {
        "acme"
    }

    fn router(self: Arc<Self>) -> Router {
        let selling = holds::router().merge(checkout::router()).merge(sales::router());
        let editing = authoring::router().merge(relations::router()).merge(extras::router());
        let routes = catalog::router().merge(selling).merge(editing);
        access::guarded(routes, self)
    }

    fn twist(&self, twist: &Twist) -> Result<(), String> {
        let id = twist.id.clone().ok_or("a twist needs an id")?;
        self.keeper.change(|book| match twist.what.as_str() {
            "price" => {
                let text = twist.value.as_str().map_or_else(|| twist.value.to_string(), str::to_owned);
                let price = text.parse::<rust_decimal::Decimal>().map_err(|_| "the value of `price` is a decimal")?;
                book.prices.insert(id, format!("{price:.2}"));
                Ok(())
            }
            "sold_out" => {
                book.restocked.remove(&id);
                book.sold_out.insert(id);
                Ok(())
            }
            "restock" => {
                book.sold_out.remove(&id);
                book.restocked.insert(id);
                Ok(())
            }
            "cancel" => {
                book.cancelled.insert(id);
                Ok(())
            }
            "deny" => {
                book.denied.insert(id);
                Ok(())
            }
            "use_ticket" => {
                let now = self.now();
                let mut tickets =
                    book.orders.values_mut().flat_map(|order| &mut order.items).flat_map(|item| &mut item.tickets);
                let ticket = tickets.find(|ticket| ticket.uuid == id).ok_or("no such ticket")?;
                ticket.checked_in = Some(now);
                Ok(())
            }
            _ => Err("it knows `price`, `sold_out`, `restock`, `cancel`, `deny` and `use_ticket`".to_owned()),
        })
    }

    fn holdings(&self) -> Value {
        let now = self.now();
        self.keeper.read(|book| {
            let holds: Vec<Value> = book.reservations.values().filter(|held| held.expires_at > now).map(hold).collect();
            json!({ "holds": holds, "orders": book.orders.values().map(order).collect::<Vec<_>>() })
        })
    }

    fn action(&self, _: &str, _: &[u8]) -> String {
        String::new()
    }
}

/// A hold for comparison: the wire carries no reference of ours.
fn hold(held: &book::Reservation) -> Value {
    let quantity: u32 = held.items.iter().map(|places| places.quantity).sum();
    json!({ "reference": null, "id": held.id.to_string(), "quantity": quantity, "expires_at": held.expires_at.to_string() })
}

fn order(order: &book::Order) -> Value {
    let tickets = order.items.iter().flat_map(|item| &item.tickets);
    let tickets: Vec<Value> =
        tickets.map(|ticket| json!({ "id": ticket.id.to_string(), "state": ticket.status })).collect();
    let is_sold = order.items.iter().any(|item| item.quantity > 0);
    let minor = rust_decimal::prelude::ToPrimitive::to_i64(&(order.total() * rust_decimal::Decimal::ONE_HUNDRED));
    json!({ "reference": order.payment_id, "id": order.id.to_string(), "state": if is_sold { "paid" } else { "cancelled" },
        "tickets": tickets, "total_minor": minor })
}
