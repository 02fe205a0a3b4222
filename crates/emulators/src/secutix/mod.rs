//! The emulated S-360: two institutions, `OPERA` and `CLUB`, served over JSON and SOAP from one state (`secutix.md`; assumptions in its §8).
//!
//! State changes: `price` (id of a product, performance or pass item; value: thousandths), `sold_out` (the same ids), `restock` (reverts
//! `sold_out` and adds `value` seats), `cancel` (product or performance: removed from the catalog, tickets canceled), `suspend` (product
//! or performance), `use_ticket` (barcode or ticket id), `print_ticket` (ticket id; what the mobile app does), `slow_catalog` (value: polls
//! until a catalog request completes), `late_barcodes` (value: reads of a sale without barcodes), `no_barcodes` (value: whether closing
//! generates none), `close_contingent` (id: it has no seats left), `close_channel` (id: an institution), `remove_contact` (id),
//! `unauthorize_contact` (id), `touch_setup` (marks the setup as changed now), `webhook` (id: an institution; value: `{"version": "v1",
//! "url": …, "body": …}` with `${orderId}`, or `{"version": "v2", "url": …}`; null: none), `hold_webhooks` (value: whether they are
//! kept until it is switched off, and then sent with the next call).
//!
//! Other readings of what the documents leave open: `tickets_beside`, `hundredths`, `other_season`, `unnamed_contingents`, `hidden_setup`,
//! `authorization_texts` (value: whether it is on), `payments_at` (value: `list`, `none` or `facade`), `word` (id: a word of a state; value: the one that is sent instead). An order has
//! the detail that `granularity` names, and operations only if it names none.

mod access;
mod auth;
mod availability;
mod catalog;
mod encoding;
mod limits;
mod method;
mod orders;
mod past;
mod readings;
mod reference_data;
mod routes;
mod state;
mod tickets;
mod webhook;
mod world;
mod xml;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};

use crate::clock::SandboxClock;
use crate::faults::StateChange;
use crate::json_store::JsonStore;
use crate::latest::Latest;
use crate::past_sales::PastSales;
use crate::secutix::limits::RequestLimits;
use crate::secutix::state::{OrderState, SecutixOrder, SecutixState, SecutixTicket, TicketState};
use crate::secutix::world::Institution;
use crate::stage::Emulator;
use domain::Clock;

/// The emulator.
pub struct SecutixEmulator {
    clock: Arc<SandboxClock>,
    store: JsonStore<SecutixState>,
    /// Institutions with the catalog of the current day and of some days before.
    institutions: Latest<([Date; 2], i32), [Institution; 2]>,
    limits: Option<RequestLimits>,
}

impl SecutixEmulator {
    /// Creates the emulator, with state in `folder` if given. `limits_requests` returns 509 above 60 calls of a service or 180 of an
    /// institution in a minute.
    pub fn new(clock: Arc<SandboxClock>, folder: Option<&Path>, limits_requests: bool) -> Arc<Self> {
        Self::open(clock, folder, limits_requests.then(RequestLimits::documented))
    }

    /// Creates the emulator without a folder, with other limits: calls of each service and of an institution in any window.
    pub fn limited(clock: Arc<SandboxClock>, of_service: usize, of_institution: usize, window: Duration) -> Arc<Self> {
        Self::open(clock, None, Some(RequestLimits::new(of_service, of_institution, window)))
    }

    fn open(clock: Arc<SandboxClock>, folder: Option<&Path>, limits: Option<RequestLimits>) -> Arc<Self> {
        let store = JsonStore::open(folder, "secutix");
        Arc::new(Self { clock, store, institutions: Latest::default(), limits })
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns both institutions with the catalog of the day.
    fn institutions(&self) -> Arc<[Institution; 2]> {
        let (now, days_back) = (self.now(), self.store.read(|state| state.days_back));
        self.institutions.get((world::days(now), days_back), || world::institutions(now, days_back))
    }
}

impl Emulator for SecutixEmulator {
    fn name(&self) -> &'static str {
        "secutix"
    }

    fn router(self: Arc<Self>) -> Router {
        routes::router(self)
    }

    fn past_sales(&self) -> Option<&dyn PastSales> {
        Some(self)
    }

    fn apply_change(&self, change: &StateChange) -> Result<(), String> {
        let now = self.now();
        let institutions = self.institutions();
        self.store.update(|state| match state.overrides.readings.apply(change)? {
            true => Ok(()),
            false => apply_change(state, change, institutions.as_slice(), now),
        })
    }

    fn inventory(&self) -> Value {
        let now = self.now();
        self.store.read(|state| {
            let of_state = |wanted: &[OrderState]| {
                state.orders.values().filter(|order| wanted.contains(&order.state(now))).cloned().collect::<Vec<_>>()
            };
            let holds: Vec<Value> =
                of_state(&[OrderState::Open]).iter().filter(|order| live_seats(order) > 0).map(hold_entry).collect();
            let orders: Vec<Value> =
                of_state(&[OrderState::Closed, OrderState::Canceled]).iter().map(order_entry).collect();
            json!({"holds": holds, "orders": orders})
        })
    }

    fn action(&self, target: &str, body: &[u8]) -> String {
        if target.contains("/external-remoting/") {
            routes::soap_method(body).unwrap_or_default()
        } else {
            String::new()
        }
    }
}

fn live_seats(order: &SecutixOrder) -> usize {
    order.operations.iter().flat_map(|line| &line.movements).filter(|place| place.is_live()).count()
}

fn hold_entry(order: &SecutixOrder) -> Value {
    json!({
        "institution": order.institution,
        "reference": order.reference,
        "id": order.id.to_string(),
        "quantity": live_seats(order),
        "expires_at": order.expires_at.to_string(),
    })
}

fn order_entry(order: &SecutixOrder) -> Value {
    let places = order.operations.iter().flat_map(|line| &line.movements);
    let ticket = |id: i64, ticket: &SecutixTicket| {
        json!({
            "id": id.to_string(), "ticket_id": ticket.id.to_string(),
            "state": ticket.print.wire_name(), "barcode": ticket.barcode,
        })
    };
    let tickets: Vec<Value> = places.filter_map(|place| Some(ticket(place.id, place.ticket.as_ref()?))).collect();
    json!({
        "institution": order.institution,
        "reference": order.reference,
        "id": order.id.to_string(),
        "state": order.state.wire_name(),
        "tickets": tickets,
        "total_minor": order.amount() / 10,
    })
}

fn apply_change(
    state: &mut SecutixState,
    change: &StateChange,
    institutions: &[Institution],
    now: Timestamp,
) -> Result<(), String> {
    let text = change.id.clone().unwrap_or_default();
    let id = || text.parse::<i64>().map_err(|_| format!("{} needs a numeric id", change.name));
    let value = || encoding::as_number(&change.value);
    match change.name.as_str() {
        "price" => {
            let price = value().ok_or("price needs a value in thousandths")?;
            state.overrides.prices.insert(id()?, price);
        }
        "sold_out" => {
            state.overrides.sold_out.insert(id()?);
        }
        "restock" => {
            state.overrides.sold_out.remove(&id()?);
            *state.overrides.extra_capacity.entry(id()?).or_default() += value().unwrap_or(0);
        }
        "cancel" => {
            state.overrides.states.insert(id()?, "CANCELED".to_owned());
            cancel_tickets(state, id()?);
        }
        "suspend" => {
            state.overrides.states.insert(id()?, "SUSPENDED".to_owned());
        }
        "use_ticket" => {
            let ticket = state.ticket_mut(None, &text).ok_or("no such ticket")?;
            ticket.controls.push(("OK".to_owned(), now));
            return Ok(());
        }
        "print_ticket" => {
            let ticket = state.ticket_mut(None, &text).ok_or("no such ticket")?;
            ticket.print = TicketState::Valid;
            ticket.printed_at = Some(now);
            ticket.medium = Some("MOBILE".to_owned());
            return Ok(());
        }
        "slow_catalog" => state.overrides.slow_catalog = parse_count(value())?,
        "late_barcodes" => state.overrides.late_barcodes = parse_count(value())?,
        "no_barcodes" => state.overrides.no_barcodes = change.value.as_bool().unwrap_or(true),
        "close_contingent" => {
            state.overrides.closed_contingents.insert(id()?);
        }
        "close_channel" => {
            state.overrides.closed_channels.insert(text);
            return Ok(());
        }
        "unauthorize_contact" => {
            state.overrides.unauthorized_contacts.insert(id()?);
        }
        "remove_contact" => {
            state.overrides.removed_contacts.insert(id()?);
        }
        "webhook" => return webhook::set(state, institutions, &text, &change.value),
        "hold_webhooks" => {
            state.overrides.holds_webhooks = change.value.as_bool().unwrap_or(true);
            return Ok(());
        }
        "touch_setup" => {}
        other => return Err(format!("unknown state change {other}")),
    }
    mark_changed(state, (&change.name, &text), institutions, now);
    Ok(())
}

/// Marks the setup and the product of an id as changed now.
fn mark_changed(state: &mut SecutixState, (change, id): (&str, &str), institutions: &[Institution], now: Timestamp) {
    if matches!(change, "price" | "cancel" | "suspend" | "touch_setup") {
        for institution in institutions {
            state.overrides.setup_changed_at.insert(institution.code.to_owned(), now);
        }
    }
    let touched = institutions.iter().flat_map(|institution| product_id_of(institution, id)).collect::<Vec<_>>();
    state.mark_changed(touched, now);
}

fn parse_count(value: Option<i64>) -> Result<u32, String> {
    value.and_then(|value| u32::try_from(value).ok()).ok_or_else(|| "the value must be a count".to_owned())
}

fn product_id_of(institution: &Institution, id: &str) -> Option<i64> {
    let id: i64 = id.parse().ok()?;
    institution
        .product(id)
        .map(|product| product.id)
        .or_else(|| institution.performance(id).map(|(product, _)| product.id))
        .or_else(|| institution.pass_item(id).map(|(product, _)| product.id))
}

/// Cancels the tickets of a canceled product or performance; its sales remain (`secutix.md §5.7`).
fn cancel_tickets(state: &mut SecutixState, id: i64) {
    let lines = state.orders.values_mut().flat_map(|order| &mut order.operations);
    let called_off = lines.filter(|line| {
        line.product == id || matches!(line.item, state::SoldItem::Seats { performance, .. } if performance == id)
    });
    for ticket in called_off.flat_map(|line| &mut line.movements).filter_map(|place| place.ticket.as_mut()) {
        ticket.print = TicketState::Canceled;
    }
}
