//! An emulated S-360 with two institutions, `OPERA` and `CLUB`, over JSON and SOAP from one state (`secutix.md`, decisions of its §8).
//!
//! Twists: `price` (id of a product, date or thing; value: thousandths), `sold_out` (the same ids), `restock` (undoes it, and adds
//! `value` places), `cancel` (a product or date: it leaves the catalogue, its tickets are cancelled), `suspend` (a product or date),
//! `use_ticket` (barcode or ticket id), `print_ticket` (ticket id: what the mobile app does), `slow_catalog` (value: how often a
//! catalogue request is still in the making), `late_barcodes` (value: how often a sale is read without codes), `no_barcodes`
//! (value: whether closing makes none), `close_contingent` (id: it has no places any more), `close_channel` (id: an institution), `forget_contact` (id), `touch_setup` (the
//! set-up was changed now).

mod access;
mod availability;
mod book;
mod catalog;
mod door;
mod limits;
mod method;
mod orders;
mod others;
mod tickets;
mod voice;
mod world;
mod xml;

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::clock::SandboxClock;
use crate::faults::Twist;
use crate::keeper::Keeper;
use crate::secutix::book::{Book, Order, Print, State, Ticket};
use crate::secutix::limits::Limits;
use crate::stage::Emulator;
use domain::Clock;

/// The emulator.
pub struct Secutix {
    clock: Arc<SandboxClock>,
    book: Keeper<Book>,
    limits: Option<Limits>,
}

impl Secutix {
    /// An emulator by a clock, remembering in a folder where one is given; with limits it answers 509 above 60 calls a minute
    /// for each institution and endpoint.
    pub fn new(clock: Arc<SandboxClock>, folder: Option<&Path>, limits_requests: bool) -> Arc<Self> {
        let book = Keeper::open(folder, "secutix");
        Arc::new(Self { clock, book, limits: limits_requests.then(Limits::default) })
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Emulator for Secutix {
    fn name(&self) -> &'static str {
        "secutix"
    }

    fn router(self: Arc<Self>) -> Router {
        door::router(self)
    }

    fn twist(&self, twist: &Twist) -> Result<(), String> {
        let now = self.now();
        self.book.change(|book| twisted(book, twist, now))
    }

    fn holdings(&self) -> Value {
        let now = self.now();
        self.book.read(|book| {
            let of_state = |wanted: &[State]| {
                book.orders.values().filter(|order| wanted.contains(&order.state(now))).cloned().collect::<Vec<_>>()
            };
            let holds: Vec<Value> =
                of_state(&[State::Open]).iter().filter(|order| places(order) > 0).map(hold).collect();
            let orders: Vec<Value> = of_state(&[State::Closed, State::Cancelled]).iter().map(sale).collect();
            json!({"holds": holds, "orders": orders})
        })
    }

    fn action(&self, target: &str, body: &[u8]) -> String {
        if target.contains("/external-remoting/") { door::soap_method(body).unwrap_or_default() } else { String::new() }
    }
}

fn places(order: &Order) -> usize {
    order.operations.iter().flat_map(|line| &line.movements).filter(|place| place.is_live()).count()
}

fn hold(order: &Order) -> Value {
    json!({
        "institution": order.institution,
        "reference": order.reference,
        "id": order.id.to_string(),
        "quantity": places(order),
        "expires_at": order.expires_at.to_string(),
    })
}

fn sale(order: &Order) -> Value {
    let places = order.operations.iter().flat_map(|line| &line.movements);
    let ticket = |id: i64, ticket: &Ticket| {
        json!({
            "id": id.to_string(), "ticket_id": ticket.id.to_string(),
            "state": ticket.print.word(), "barcode": ticket.barcode,
        })
    };
    let tickets: Vec<Value> = places.filter_map(|place| Some(ticket(place.id, place.ticket.as_ref()?))).collect();
    json!({
        "institution": order.institution,
        "reference": order.reference,
        "id": order.id.to_string(),
        "state": order.state.word(),
        "tickets": tickets,
        "total_minor": order.amount() / 10,
    })
}

fn twisted(book: &mut Book, twist: &Twist, now: Timestamp) -> Result<(), String> {
    let text = twist.id.clone().unwrap_or_default();
    let id = || text.parse::<i64>().map_err(|_| format!("{} needs a numeric id", twist.what));
    let value = || voice::number(&twist.value);
    match twist.what.as_str() {
        "price" => {
            let price = value().ok_or("price needs a value in thousandths")?;
            book.twists.prices.insert(id()?, price);
        }
        "sold_out" => {
            book.twists.sold_out.insert(id()?);
        }
        "restock" => {
            book.twists.sold_out.remove(&id()?);
            *book.twists.more.entry(id()?).or_default() += value().unwrap_or(0);
        }
        "cancel" => {
            book.twists.states.insert(id()?, "CANCELED".to_owned());
            void(book, id()?);
        }
        "suspend" => {
            book.twists.states.insert(id()?, "SUSPENDED".to_owned());
        }
        "use_ticket" => {
            let ticket = book.ticket_mut(None, &text).ok_or("no such ticket")?;
            ticket.controls.push(("OK".to_owned(), now));
            return Ok(());
        }
        "print_ticket" => {
            let ticket = book.ticket_mut(None, &text).ok_or("no such ticket")?;
            ticket.print = Print::Valid;
            ticket.printed_at = Some(now);
            ticket.medium = Some("MOBILE".to_owned());
            return Ok(());
        }
        "slow_catalog" => book.twists.slow_catalog = counted(value())?,
        "late_barcodes" => book.twists.late_barcodes = counted(value())?,
        "no_barcodes" => book.twists.no_barcodes = twist.value.as_bool().unwrap_or(true),
        "close_contingent" => {
            book.twists.closed_contingents.insert(id()?);
        }
        "close_channel" => {
            book.twists.closed_channels.insert(text);
            return Ok(());
        }
        "forget_contact" => {
            book.twists.forgotten_contacts.insert(id()?);
        }
        "touch_setup" => {}
        other => return Err(format!("secutix does not understand {other}")),
    }
    if matches!(twist.what.as_str(), "price" | "cancel" | "suspend" | "touch_setup") {
        for institution in world::institutions(now) {
            book.twists.set_up_at.insert(institution.code.to_owned(), now);
        }
    }
    let touched =
        world::institutions(now).iter().flat_map(|institution| product_of(institution, &text)).collect::<Vec<_>>();
    book.touch(touched, now);
    Ok(())
}

fn counted(value: Option<i64>) -> Result<u32, String> {
    value.and_then(|value| u32::try_from(value).ok()).ok_or_else(|| "a count is needed as value".to_owned())
}

fn product_of(institution: &world::Institution, id: &str) -> Option<i64> {
    let id: i64 = id.parse().ok()?;
    institution
        .product(id)
        .map(|product| product.id)
        .or_else(|| institution.show(id).map(|(product, _)| product.id))
        .or_else(|| institution.item(id).map(|(product, _)| product.id))
}

/// The venue calls something off: its tickets are cancelled, its sales stay (`secutix.md §5.7`).
fn void(book: &mut Book, id: i64) {
    let lines = book.orders.values_mut().flat_map(|order| &mut order.operations);
    let called_off =
        lines.filter(|line| line.product == id || matches!(line.what, book::Sold::Seats { show, .. } if show == id));
    for ticket in called_off.flat_map(|line| &mut line.movements).filter_map(|place| place.ticket.as_mut()) {
        ticket.print = Print::Cancelled;
    }
}
