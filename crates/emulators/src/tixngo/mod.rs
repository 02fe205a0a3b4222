//! The emulated TIXnGO: the organizer API, version 3, under `/v3/organizer` (`tixngo.md`; assumptions in its §8), one organizer per
//! API key.
//!
//! The README of this folder lists the manual and the time-driven state changes.

mod auth;
mod feed;
mod inject;
mod lifecycle;
mod readings;
mod responses;
mod state;
mod state_changes;
mod status_push;
mod wire;

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Response, Uri};
use serde_json::Value;

use crate::clock::SandboxClock;
use crate::faults::StateChange;
use crate::json_store::JsonStore;
use crate::past_sales::PastSales;
use crate::stage::Emulator;
use crate::tixngo::auth::OrganizerLimits;
use crate::tixngo::responses::{EndpointResult, TixngoErrorResponse};
use crate::tixngo::state::TixngoState;
use domain::Clock;

/// API key of the opera house.
pub const OPERA_KEY: &str = "tixngo-sandbox-key";
/// API key of the sports club, another organizer.
pub const CLUB_KEY: &str = "tixngo-club-key";

/// The emulator.
pub struct TixngoEmulator {
    clock: Arc<SandboxClock>,
    store: JsonStore<TixngoState>,
    limits: Option<OrganizerLimits>,
}

impl TixngoEmulator {
    /// Creates the emulator, with state in `folder` if given. `limits_requests` returns 429 above 120 calls per minute and organizer;
    /// the vendor documents no limit.
    pub fn new(clock: Arc<SandboxClock>, folder: Option<&Path>, limits_requests: bool) -> Arc<Self> {
        let keeper = JsonStore::open(folder, "tixngo");
        Arc::new(Self { clock, store: keeper, limits: limits_requests.then(OrganizerLimits::default) })
    }

    fn apply_due_transitions(&self) {
        let now = self.clock.now();
        if self.store.read(|state| lifecycle::is_due(state, now)) {
            self.store.update(|state| lifecycle::apply_due_transitions(state, now));
        }
    }

    fn handle(&self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Response<Body> {
        self.apply_due_transitions();
        let outcome = self.dispatch(method, uri, headers, body);
        outcome.map_or_else(TixngoErrorResponse::into_response, |shown| responses::json_response(200, &shown))
    }

    fn dispatch(&self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> EndpointResult {
        let organizer = auth::authenticate(headers)?;
        let now = self.clock.now();
        if let Some(limits) = &self.limits {
            limits.try_acquire(organizer, now)?;
        }
        let path = uri.path().strip_prefix("/v3/organizer/").ok_or_else(TixngoErrorResponse::unknown_endpoint)?;
        let query: Vec<(String, String)> =
            url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        let path = self.store.read(|state| state.readings.usual_path(path).map(str::to_owned));
        let path = path.ok_or_else(TixngoErrorResponse::unknown_endpoint)?;
        match (method.as_str(), path.as_str()) {
            ("POST", "tickets") => {
                let tickets = responses::parse_tickets(body)?;
                self.store.update(|state| {
                    let refuses_again = state.readings.refuses_again;
                    let answer = inject::inject(state.organizer(organizer), &tickets, refuses_again, now)?;
                    Ok(state.readings.answer(answer))
                })
            }
            ("POST", "tickets/cancelled") => {
                let tickets = responses::parse_tickets(body)?;
                self.store.update(|state| {
                    let answer = status_push::cancel(state, organizer, &tickets, now)?;
                    Ok(state.readings.answer(answer))
                })
            }
            ("POST", "tickets/controlled") => {
                let tickets = responses::parse_tickets(body)?;
                self.store.update(|state| {
                    let answer = status_push::control(state, organizer, &tickets, now)?;
                    Ok(state.readings.answer(answer))
                })
            }
            ("GET", "tickets/diff") => {
                self.store.read(|state| Ok(state.readings.page(feed::changes(state, organizer, &query)?)))
            }
            ("GET", "report/ticket-status-logs") => self.store.read(|state| feed::status_log(state, organizer, &query)),
            ("GET", path) if path.starts_with("tickets/") => {
                let id = path.trim_start_matches("tickets/");
                let id = percent_encoding::percent_decode_str(id).decode_utf8_lossy();
                self.store.read(|state| Ok(state.readings.ticket(feed::read_ticket(state, organizer, &id)?)))
            }
            _ => Err(TixngoErrorResponse::unknown_endpoint()),
        }
    }
}

impl Emulator for TixngoEmulator {
    fn name(&self) -> &'static str {
        "tixngo"
    }

    fn router(self: Arc<Self>) -> Router {
        Router::new().fallback(move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let sandbox = Arc::clone(&self);
            async move { sandbox.handle(&method, &uri, &headers, &body) }
        })
    }

    fn past_sales(&self) -> Option<&dyn PastSales> {
        None
    }

    fn apply_change(&self, change: &StateChange) -> Result<(), String> {
        self.apply_due_transitions();
        let now = self.clock.now();
        self.store.update(|state| state_changes::apply(state, change, now))
    }

    fn inventory(&self) -> Value {
        self.apply_due_transitions();
        self.store.read(feed::inventory)
    }

    fn action(&self, _target: &str, _body: &[u8]) -> String {
        String::new()
    }
}
