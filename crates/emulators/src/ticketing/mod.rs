//! The emulated TickeTing: REST API v3, section generation, with or without the prefix `/v3` (`ticketing.md`).
//!
//! It sells the nights and festivals of two hosts. The README of this folder lists the state changes.

mod accounts;
mod admissions;
mod auth;
mod events;
mod hosts;
mod orders;
mod past;
mod reference_data;
mod responses;
mod reviews;
mod routes;
mod sections;
mod seed;
mod sessions;
mod state;
mod state_changes;
mod tokens;
mod transfers;
mod views;

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Response, Uri};
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::clock::SandboxClock;
use crate::faults::StateChange;
use crate::json_store::JsonStore;
use crate::past_sales::PastSales;
use crate::stage::Emulator;
use crate::ticketing::auth::RequestContext;
use crate::ticketing::responses::{EndpointResult, QueryParameters, TicketingErrorResponse};
use crate::ticketing::routes::Route;
use crate::ticketing::state::TicketingState;
use domain::Clock;

pub use crate::ticketing::seed::{ADMINISTRATOR_KEY, HOST, RESTRICTED_KEY};

/// Time zone of the emulated events.
const ZONE: &str = "America/Port_of_Spain";

/// The emulator.
pub struct TicketingEmulator {
    clock: Arc<SandboxClock>,
    zone: TimeZone,
    store: JsonStore<TicketingState>,
}

impl TicketingEmulator {
    /// Creates the emulator, with state in `folder` if given. The vendor publishes no request limits, so none are enforced.
    pub fn new(clock: Arc<SandboxClock>, folder: Option<&Path>) -> Arc<Self> {
        let zone = TimeZone::get(ZONE).unwrap_or(TimeZone::UTC);
        Arc::new(Self { clock, zone, store: JsonStore::open(folder, "ticketing") })
    }

    /// Handles one request, with checks in the vendor's order.
    fn handle(&self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Response<Body> {
        let now = self.clock.now();
        let today = now.to_zoned(self.zone.clone()).date();
        if self.store.read(|state| state.is_due(now, today)) {
            self.store.update(|state| state.bring_up_to_date(now, today));
        }
        let switches = self.store.read(|state| state.quirks.clone());
        if switches.server_errors > 0 {
            self.store.update(|state| state.quirks.server_errors -= 1);
            return TicketingErrorResponse::server_error().into_response(&switches);
        }
        match self.dispatch(method.as_str(), uri, headers, body) {
            Ok(mut shown) => {
                switches.rewrite_words(&mut shown);
                responses::json_response(if method == Method::POST { 201 } else { 200 }, &shown)
            }
            Err(error) => error.into_response(&switches),
        }
    }

    fn dispatch(&self, method: &str, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> EndpointResult {
        let path = percent_encoding::percent_decode_str(uri.path()).decode_utf8_lossy();
        let path = path.strip_prefix("/v3").unwrap_or(&path);
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let route = Route::find(&parts).ok_or_else(|| TicketingErrorResponse::unknown_endpoint(path))?;
        if !route.methods().contains(&method) {
            return Err(TicketingErrorResponse::method_not_allowed(&format!("/{}", parts[0]), method));
        }
        let caller = self.store.read(|state| auth::authorize(state, route, method, headers))?;
        let key = headers.get("x-api-key").and_then(|key| key.to_str().ok()).unwrap_or_default().to_owned();
        let request = RequestContext {
            method,
            query: QueryParameters::parse(uri.query().unwrap_or_default()),
            body: if body.is_empty() { Value::Null } else { serde_json::from_slice(body).map_err(|_| not_json())? },
            caller,
            key,
            now: self.clock.now(),
            zone: &self.zone,
        };
        if method == "GET" {
            return self.store.read(|state| dispatch_read(state, &request, route));
        }
        self.store.update(|state| dispatch_write(state, &request, route))
    }
}

fn not_json() -> TicketingErrorResponse {
    TicketingErrorResponse::new(400, "The request body could not be read.")
}

/// Routes read requests.
fn dispatch_read(state: &TicketingState, request: &RequestContext<'_>, route: Route<'_>) -> EndpointResult {
    match route {
        Route::ActiveSession => sessions::active(state, request),
        Route::TokenCode(code) => tokens::exchange_code(state, code),
        Route::Integrations => reviews::integrations(state, request),
        Route::Accounts => accounts::list(state, request),
        Route::Account(number) => accounts::read(state, request, number),
        Route::Wallet(number) => accounts::wallet(state, request, number),
        Route::TransferHistory(number) => transfers::history(state, request, number),
        Route::Preferences(number) => accounts::preferences(state, request, number),
        Route::Hosts => hosts::list(state, request),
        Route::Host(id) => hosts::read(state, id),
        Route::HostEvents(id) => events::list_of_host(state, request, id),
        Route::HostStatistics(id) => hosts::statistics(state, request, id),
        Route::PublishedEvents => events::list_published(state, request),
        Route::Events => events::list_all(state, request),
        Route::Event(id) => events::read(state, request, id),
        Route::EventStatistics(id) => hosts::event_statistics(state, request, id),
        Route::Section(event, id) => sections::read(state, request, event, id),
        Route::Tokens(event) => tokens::list(state, request, event),
        Route::Token(event, id) => tokens::read(state, request, event, id),
        Route::EventTickets(event) => admissions::tickets(state, request, event),
        Route::Admissions(event) => admissions::admissions(state, request, event),
        Route::Orders => orders::list(state, request),
        Route::Order(number) => orders::read(state, request, number),
        Route::Transfer(id) => transfers::read(state, request, id),
        Route::Regions => reference_data::regions(state, request),
        Route::Region(id) => reference_data::region(state, id),
        Route::Venues => reference_data::venues(state, request),
        Route::Venue(id) => reference_data::venue(state, id),
        Route::Categories => reference_data::categories(state, request),
        Route::Category(id) => reference_data::category(state, id),
        Route::Countries => reference_data::countries(),
        Route::Submissions => reviews::list(state, request),
        _ => Err(TicketingErrorResponse::not_found()),
    }
}

/// Routes write requests. Each validates everything before it changes the state.
fn dispatch_write(state: &mut TicketingState, request: &RequestContext<'_>, route: Route<'_>) -> EndpointResult {
    match (route, request.method) {
        (Route::Sessions, _) => sessions::start(state, request),
        (Route::ActiveSession, _) => sessions::end(state, request),
        (Route::Integrations, _) => reviews::add_integration(state, request),
        (Route::Integration(id), _) => reviews::remove_integration(state, id),
        (Route::Accounts, _) => accounts::create(state, request),
        (Route::Account(number), "PUT") => accounts::update(state, request, number),
        (Route::Account(number), _) => accounts::delete(state, request, number),
        (Route::Preferences(number), _) => accounts::set_preferences(state, request, number),
        (Route::Lookups, _) => accounts::look_up(state, request),
        (Route::Hosts, _) => hosts::create(state, request),
        (Route::Host(id), "PUT") => hosts::update(state, request, id),
        (Route::Host(id), _) => hosts::delete(state, request, id),
        (Route::Events, _) => events::register(state, request),
        (Route::Event(id), "PUT") => events::update(state, request, id),
        (Route::Event(id), _) => events::delete(state, request, id),
        (Route::EventSubmissions(id), _) => reviews::submit(state, request, id),
        (Route::Decisions(id), _) => reviews::decide(state, request, id),
        (Route::Sections(event), _) => sections::add(state, request, event),
        (Route::Section(event, id), "PUT") => sections::update(state, request, event, id),
        (Route::Section(event, id), _) => sections::delete(state, request, event, id),
        (Route::Tokens(event), _) => tokens::issue(state, request, event),
        (Route::Token(event, id), "PUT") => tokens::update_sections(state, request, event, id),
        (Route::Token(event, id), _) => tokens::revoke(state, request, event, id),
        (Route::Admissions(event), _) => admissions::admit(state, request, event),
        (Route::Orders, _) => orders::route(state, request),
        (Route::Order(number), _) => orders::cancel(state, request, number),
        (Route::Payments(number), _) => orders::pay(state, request, number),
        (Route::Refunds(number), _) => orders::refund(state, request, number),
        (Route::Transfers, _) => transfers::start(state, request),
        (Route::Transfer(id), _) => transfers::cancel(state, request, id),
        (Route::Claims(id), _) => transfers::claim(state, request, id),
        (Route::Regions | Route::Region(_), _) => reference_data::change_region(state, request, route),
        (Route::Venues | Route::Venue(_), _) => reference_data::change_venue(state, request, route),
        (Route::Categories | Route::Category(_), _) => reference_data::change_category(state, request, route),
        _ => Err(TicketingErrorResponse::not_found()),
    }
}

impl Emulator for TicketingEmulator {
    fn name(&self) -> &'static str {
        "ticketing"
    }

    fn router(self: Arc<Self>) -> Router {
        Router::new().fallback(move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let sandbox = Arc::clone(&self);
            async move { sandbox.handle(&method, &uri, &headers, &body) }
        })
    }

    fn past_sales(&self) -> Option<&dyn PastSales> {
        Some(self)
    }

    fn apply_change(&self, change: &StateChange) -> Result<(), String> {
        let now = self.clock.now();
        let today = now.to_zoned(self.zone.clone()).date();
        self.store.update(|state| {
            state.bring_up_to_date(now, today);
            state_changes::apply(state, change, now)
        })
    }

    fn inventory(&self) -> Value {
        let now = self.clock.now();
        let today = now.to_zoned(self.zone.clone()).date();
        self.store.update(|state| state.bring_up_to_date(now, today));
        self.store.read(orders::inventory)
    }

    fn action(&self, _target: &str, _body: &[u8]) -> String {
        String::new()
    }
}
