//! The emulated TickeTing: its REST API v3, section generation, under `/v3` and equally without that prefix (`ticketing.md`).
//!
//! It sells the nights and festivals of two hosts. What can be twisted is listed in the README of this folder.

mod accounts;
mod book;
mod door;
mod events;
mod gate;
mod hosts;
mod orders;
mod places;
mod reply;
mod reviews;
mod sections;
mod seed;
mod sessions;
mod show;
mod tokens;
mod transfers;
mod twists;

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Response, Uri};
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::clock::SandboxClock;
use crate::faults::Twist;
use crate::keeper::Keeper;
use crate::stage::Emulator;
use crate::ticketing::book::Book;
use crate::ticketing::door::{Ask, Place};
use crate::ticketing::reply::{Outcome, Query, Refusal};
use domain::Clock;

pub use crate::ticketing::seed::{ADMINISTRATOR_KEY, HOST, WEAK_KEY};

/// The zone of the emulated events' local times.
const ZONE: &str = "America/Port_of_Spain";

/// The emulated TickeTing.
pub struct TicketingSandbox {
    clock: Arc<SandboxClock>,
    zone: TimeZone,
    keeper: Keeper<Book>,
}

impl TicketingSandbox {
    /// Takes up what was remembered in `folder`, or starts anew. The vendor publishes no request limits: there are none to enforce.
    pub fn new(clock: Arc<SandboxClock>, folder: Option<&Path>, _limits_requests: bool) -> Arc<Self> {
        let zone = TimeZone::get(ZONE).unwrap_or(TimeZone::UTC);
        Arc::new(Self { clock, zone, keeper: Keeper::open(folder, "ticketing") })
    }

    /// Answers one request, in the vendor's order of checks.
    fn answer(&self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Response<Body> {
        let now = self.clock.now();
        let today = now.to_zoned(self.zone.clone()).date();
        if self.keeper.read(|book| book.is_due(now, today)) {
            self.keeper.change(|book| book.bring_up_to_date(now, today));
        }
        let switches = self.keeper.read(|book| book.switches.clone());
        match self.outcome(method.as_str(), uri, headers, body) {
            Ok(shown) => reply::respond(if method == Method::POST { 201 } else { 200 }, &shown),
            Err(refusal) => refusal.into_response(&switches),
        }
    }

    fn outcome(&self, method: &str, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Outcome {
        let path = percent_encoding::percent_decode_str(uri.path()).decode_utf8_lossy();
        let path = path.strip_prefix("/v3").unwrap_or(&path);
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let place = Place::find(&parts).ok_or_else(|| Refusal::no_endpoint(path))?;
        if !place.methods().contains(&method) {
            return Err(Refusal::no_method(&format!("/{}", parts[0]), method));
        }
        let caller = self.keeper.read(|book| door::admit(book, place, method, headers))?;
        let key = headers.get("x-api-key").and_then(|key| key.to_str().ok()).unwrap_or_default().to_owned();
        let ask = Ask {
            method,
            query: Query::parse(uri.query().unwrap_or_default()),
            body: if body.is_empty() { Value::Null } else { serde_json::from_slice(body).map_err(|_| not_json())? },
            caller,
            key,
            now: self.clock.now(),
            zone: &self.zone,
        };
        if method == "GET" {
            return self.keeper.read(|book| look(book, &ask, place));
        }
        self.keeper.change(|book| act(book, &ask, place))
    }
}

fn not_json() -> Refusal {
    Refusal::new(400, "The request body could not be read.")
}

/// What reads.
fn look(book: &Book, ask: &Ask<'_>, place: Place<'_>) -> Outcome {
    match place {
        Place::ActiveSession => sessions::active(book, ask),
        Place::TokenCode(code) => tokens::exchange(book, code),
        Place::Integrations => reviews::integrations(book, ask),
        Place::Accounts => accounts::list(book, ask),
        Place::Account(number) => accounts::read(book, ask, number),
        Place::Wallet(number) => accounts::wallet(book, ask, number),
        Place::TransferHistory(number) => transfers::history(book, ask, number),
        Place::Preferences(number) => accounts::preferences(book, ask, number),
        Place::Hosts => hosts::list(book, ask),
        Place::Host(id) => hosts::read(book, id),
        Place::HostEvents(id) => events::of_host(book, ask, id),
        Place::HostStatistics(id) => hosts::statistics(book, ask, id),
        Place::PublishedEvents => events::published(book, ask),
        Place::Events => events::all(book, ask),
        Place::Event(id) => events::read(book, ask, id),
        Place::EventStatistics(id) => hosts::event_statistics(book, ask, id),
        Place::Section(event, id) => sections::read(book, ask, event, id),
        Place::Tokens(event) => tokens::list(book, ask, event),
        Place::Token(event, id) => tokens::read(book, ask, event, id),
        Place::EventTickets(event) => gate::tickets(book, ask, event),
        Place::Admissions(event) => gate::admissions(book, ask, event),
        Place::Orders => orders::list(book, ask),
        Place::Order(number) => orders::read(book, ask, number),
        Place::Transfer(id) => transfers::read(book, ask, id),
        Place::Regions => places::regions(book, ask),
        Place::Region(id) => places::region(book, id),
        Place::Venues => places::venues(book, ask),
        Place::Venue(id) => places::venue(book, id),
        Place::Categories => places::categories(book, ask),
        Place::Category(id) => places::category(book, id),
        Place::Countries => places::countries(),
        Place::Submissions => reviews::list(book, ask),
        _ => Err(Refusal::gone()),
    }
}

/// What writes. Each checks everything before it changes anything.
fn act(book: &mut Book, ask: &Ask<'_>, place: Place<'_>) -> Outcome {
    match (place, ask.method) {
        (Place::Sessions, _) => sessions::start(book, ask),
        (Place::ActiveSession, _) => sessions::end(book, ask),
        (Place::Integrations, _) => reviews::add_integration(book, ask),
        (Place::Integration(id), _) => reviews::remove_integration(book, id),
        (Place::Accounts, _) => accounts::create(book, ask),
        (Place::Account(number), "PUT") => accounts::update(book, ask, number),
        (Place::Account(number), _) => accounts::delete(book, ask, number),
        (Place::Preferences(number), _) => accounts::set_preferences(book, ask, number),
        (Place::Lookups, _) => accounts::look_up(book, ask),
        (Place::Hosts, _) => hosts::create(book, ask),
        (Place::Host(id), "PUT") => hosts::update(book, ask, id),
        (Place::Host(id), _) => hosts::delete(book, ask, id),
        (Place::Events, _) => events::register(book, ask),
        (Place::Event(id), "PUT") => events::update(book, ask, id),
        (Place::Event(id), _) => events::delete(book, ask, id),
        (Place::EventSubmissions(id), _) => reviews::submit(book, ask, id),
        (Place::Decisions(id), _) => reviews::decide(book, ask, id),
        (Place::Sections(event), _) => sections::add(book, ask, event),
        (Place::Section(event, id), "PUT") => sections::update(book, ask, event, id),
        (Place::Section(event, id), _) => sections::delete(book, ask, event, id),
        (Place::Tokens(event), _) => tokens::issue(book, ask, event),
        (Place::Token(event, id), "PUT") => tokens::rescope(book, ask, event, id),
        (Place::Token(event, id), _) => tokens::revoke(book, ask, event, id),
        (Place::Admissions(event), _) => gate::admit(book, ask, event),
        (Place::Orders, _) => orders::place(book, ask),
        (Place::Order(number), _) => orders::cancel(book, ask, number),
        (Place::Payments(number), _) => orders::pay(book, ask, number),
        (Place::Refunds(number), _) => orders::refund(book, ask, number),
        (Place::Transfers, _) => transfers::start(book, ask),
        (Place::Transfer(id), _) => transfers::cancel(book, ask, id),
        (Place::Claims(id), _) => transfers::claim(book, ask, id),
        (Place::Regions | Place::Region(_), _) => places::change_region(book, ask, place),
        (Place::Venues | Place::Venue(_), _) => places::change_venue(book, ask, place),
        (Place::Categories | Place::Category(_), _) => places::change_category(book, ask, place),
        _ => Err(Refusal::gone()),
    }
}

impl Emulator for TicketingSandbox {
    fn name(&self) -> &'static str {
        "ticketing"
    }

    fn router(self: Arc<Self>) -> Router {
        Router::new().fallback(move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let sandbox = Arc::clone(&self);
            async move { sandbox.answer(&method, &uri, &headers, &body) }
        })
    }

    fn twist(&self, twist: &Twist) -> Result<(), String> {
        let now = self.clock.now();
        let today = now.to_zoned(self.zone.clone()).date();
        self.keeper.change(|book| {
            book.bring_up_to_date(now, today);
            twists::apply(book, twist, now)
        })
    }

    fn holdings(&self) -> Value {
        let now = self.clock.now();
        let today = now.to_zoned(self.zone.clone()).date();
        self.keeper.change(|book| book.bring_up_to_date(now, today));
        self.keeper.read(orders::holdings)
    }

    fn action(&self, _target: &str, _body: &[u8]) -> String {
        String::new()
    }
}
