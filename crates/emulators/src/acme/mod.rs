//! The emulated ACME: the Harbor Museum, tenant 412, with timed and open admission, guided tours, a private event and a draft.
//!
//! Keys: `harbor-sandbox-key` belongs to a reseller (the permissions of `acme.md §5`), `harbor-venue-key` to the venue, which may edit.
//! State changes: `price` (id: a ticket type, or `instance/ticket type`; value: the price in major units), `sold_out`, `restock` and
//! `cancel` (id: an instance, or a template for all its instances), `deny` (id: a permission of `acme.md §5`), `use_ticket` (id: a
//! ticket's uuid). The other reading of what is not documented, without an id: the quirks of `quirks.rs`.
//!
//! Not emulated, because resellers may not use it or it is undocumented: sessions, carts, other check-outs, rebooking.

mod add_ons;
mod auth;
mod authoring;
mod catalog;
mod checkout;
mod error_response;
mod instances;
mod paging;
mod past;
mod quirks;
mod relations;
mod reservations;
mod sales;
mod state;
mod venue;

use std::path::Path;
use std::sync::Arc;

use axum::extract::State;
use axum::{Json, Router};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::acme::auth::RequestWindow;
use crate::acme::error_response::AcmeErrorResponse;
use crate::acme::instances::EventInstance;
use crate::acme::state::AcmeState;
use crate::faults::StateChange;
use crate::json_store::JsonStore;
use crate::latest::Latest;
use crate::past_sales::PastSales;
use crate::{Emulator, SandboxClock};
use domain::Clock;

/// Result of a route that returns JSON.
type JsonResult = Result<Json<Value>, AcmeErrorResponse>;
/// The emulator as a parameter of its routes.
type SharedAcme = State<Arc<AcmeEmulator>>;

/// The emulator of one ACME tenant.
pub struct AcmeEmulator {
    clock: Arc<SandboxClock>,
    zone: TimeZone,
    store: JsonStore<AcmeState>,
    /// Initial templates of the current day.
    templates: Latest<Date, Vec<Value>>,
    request_window: Option<Mutex<RequestWindow>>,
}

impl AcmeEmulator {
    /// Creates the emulator, with state in `folder` if given. `limits_requests` rejects more than ten requests per second and key
    /// (the vendor publishes no number).
    pub fn new(clock: Arc<SandboxClock>, folder: Option<&Path>, limits_requests: bool) -> Arc<Self> {
        let zone = TimeZone::get(venue::ZONE).unwrap_or(TimeZone::UTC);
        let window = limits_requests.then(Mutex::default);
        Arc::new(Self {
            clock,
            zone,
            store: JsonStore::open(folder, "acme"),
            templates: Latest::default(),
            request_window: window,
        })
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Reads all templates in the order of their ids: the initial ones, as edited, and those created later.
    fn read_templates<R>(&self, state: &AcmeState, read: impl FnOnce(Vec<&Value>) -> R) -> R {
        let today = self.now().to_zoned(self.zone.clone()).date();
        let initial = self.templates.get(today, || venue::templates(today));
        let own = initial.iter().filter(|t| t["id"].as_str().is_none_or(|id| !state.templates.contains_key(id)));
        let mut all: Vec<&Value> = own.chain(state.templates.values().flatten()).collect();
        all.sort_by(|a, b| a["id"].as_str().cmp(&b["id"].as_str()));
        read(all)
    }

    fn all_templates(&self, state: &AcmeState) -> Vec<Value> {
        self.read_templates(state, |all| all.into_iter().cloned().collect())
    }

    fn find_template(&self, state: &AcmeState, id: &str) -> Option<Value> {
        self.read_templates(state, |all| all.into_iter().find(|template| template["id"] == id).cloned())
    }

    fn find_instance(&self, state: &AcmeState, id: &str) -> Option<EventInstance> {
        self.read_templates(state, |all| instances::find_instance(id, all.into_iter(), &self.zone))
    }
}

impl Emulator for AcmeEmulator {
    fn name(&self) -> &'static str {
        "acme"
    }

    fn router(self: Arc<Self>) -> Router {
        let selling = reservations::router().merge(checkout::router()).merge(sales::router());
        let editing = authoring::router().merge(relations::router()).merge(add_ons::router());
        let routes = catalog::router().merge(selling).merge(editing);
        auth::require_key(routes, self)
    }

    fn past_sales(&self) -> Option<&dyn PastSales> {
        Some(self)
    }

    fn apply_change(&self, change: &StateChange) -> Result<(), String> {
        if let Some(set) = self.store.update(|state| state.quirks.set(&change.name, &change.value)) {
            return set;
        }
        let id = change.id.clone().ok_or("a state change needs an id")?;
        self.store.update(|state| match change.name.as_str() {
            "price" => {
                let text = change.value.as_str().map_or_else(|| change.value.to_string(), str::to_owned);
                let price =
                    text.parse::<rust_decimal::Decimal>().map_err(|_| "the value of `price` must be a decimal")?;
                state.prices.insert(id, format!("{price:.2}"));
                Ok(())
            }
            "sold_out" => {
                state.restocked.remove(&id);
                state.sold_out.insert(id);
                Ok(())
            }
            "restock" => {
                state.sold_out.remove(&id);
                state.restocked.insert(id);
                Ok(())
            }
            "cancel" => {
                state.canceled.insert(id);
                Ok(())
            }
            "deny" => {
                state.denied.insert(id);
                Ok(())
            }
            "use_ticket" => {
                let now = self.now();
                let mut tickets =
                    state.orders.values_mut().flat_map(|order| &mut order.items).flat_map(|item| &mut item.tickets);
                let ticket = tickets.find(|ticket| ticket.uuid == id).ok_or("no such ticket")?;
                ticket.checked_in = Some(now);
                Ok(())
            }
            _ => Err(format!(
                "unknown state change; supported: `price`, `sold_out`, `restock`, `cancel`, `deny`, `use_ticket`, {}",
                quirks::NAMES
            )),
        })
    }

    fn inventory(&self) -> Value {
        let now = self.now();
        self.store.read(|state| {
            let holds: Vec<Value> = state
                .reservations
                .values()
                .filter(|reservation| reservation.expires_at > now)
                .map(hold_entry)
                .collect();
            json!({ "holds": holds, "orders": state.orders.values().map(order_entry).collect::<Vec<_>>() })
        })
    }

    fn action(&self, _: &str, _: &[u8]) -> String {
        String::new()
    }
}

/// Summarizes a hold for the inventory. ACME holds carry no reference of the client.
fn hold_entry(reservation: &state::Reservation) -> Value {
    let quantity: u32 = reservation.items.iter().map(|places| places.quantity).sum();
    json!({ "reference": null, "id": reservation.id.to_string(), "quantity": quantity, "expires_at": reservation.expires_at.to_string() })
}

fn order_entry(order: &state::AcmeOrder) -> Value {
    let tickets = order.items.iter().flat_map(|item| &item.tickets);
    let tickets: Vec<Value> =
        tickets.map(|ticket| json!({ "id": ticket.id.to_string(), "state": ticket.status })).collect();
    let is_sold = order.items.iter().any(|item| item.quantity > 0);
    let minor = rust_decimal::prelude::ToPrimitive::to_i64(&(order.total() * rust_decimal::Decimal::ONE_HUNDRED));
    json!({ "reference": order.payment_id, "id": order.id.to_string(), "state": if is_sold { "paid" } else { "cancelled" },
        "tickets": tickets, "total_minor": minor })
}
