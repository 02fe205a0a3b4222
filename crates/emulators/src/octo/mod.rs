//! The emulated OCTO supplier: Laguna Tours in Venice, with timed tours, entries by the day, an open-dated pass, a private boat that is
//! priced by booking, a guest list, and products that confirm or deliver late (`octo.md`).
//!
//! The README of this folder lists the products, the state changes, and the switches for what suppliers do differently.

mod availability;
mod bookings;
mod catalog;
mod content;
mod error_response;
mod past;
mod pricing;
mod request;
mod routes;
mod state;
mod state_changes;
mod switches;
#[cfg(test)]
mod tests;
mod world;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, Uri, header};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::clock::SandboxClock;
use crate::faults::StateChange;
use crate::json_store::JsonStore;
use crate::octo::error_response::{OperationResult, Refusal, json_response};
use crate::octo::request::{CAPABILITIES, Call, ENV};
use crate::octo::routes::{Operation, Route};
use crate::octo::state::{OctoState, Status};
use crate::octo::switches::{Flag, Switches};
use crate::past_sales::PastSales;
use crate::stage::Emulator;
use domain::Clock;

pub use crate::octo::request::{KEY, TEST_KEY};

/// Calls per second that an assumed limit allows: more than the first reading of a catalog, because no limit is documented.
const MAX_CALLS_PER_SECOND: usize = 100;

/// The emulator.
pub struct OctoEmulator {
    clock: Arc<SandboxClock>,
    zone: TimeZone,
    store: JsonStore<OctoState>,
    /// Times of the calls of the last second, if they are limited.
    recent: Option<Mutex<VecDeque<Timestamp>>>,
}

/// Answer to a request that was carried out.
struct Answer {
    operation: Operation,
    shown: Value,
    /// Ids of the capabilities in effect.
    capabilities: Vec<String>,
}

impl OctoEmulator {
    /// Creates the emulator, with state in `folder` if given. `limits_requests` refuses more than twenty calls per second; OCTO
    /// documents no limit (`octo.md §2.5`).
    pub fn new(clock: Arc<SandboxClock>, folder: Option<&Path>, limits_requests: bool) -> Arc<Self> {
        let zone = TimeZone::get(world::ZONE).unwrap_or(TimeZone::UTC);
        let recent = limits_requests.then(Mutex::default);
        Arc::new(Self { clock, zone, store: JsonStore::open(folder, "octo"), recent })
    }

    fn handle(&self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Response<Body> {
        let switches = self.store.read(|state| state.switches.clone());
        let language = request::language(headers);
        let outcome = self.dispatch(method.as_str(), uri, headers, body, &switches);
        let (mut response, names) = match outcome {
            Ok(Answer { operation, mut shown, capabilities }) => {
                switches.rewrite(&mut shown);
                let is_created = operation == Operation::Reserve && switches.is(Flag::Created);
                (json_response(if is_created { 201 } else { 200 }, &shown), capabilities)
            }
            Err(refusal) => (refusal.into_response(&switches, language), Vec::new()),
        };
        let out = response.headers_mut();
        let mut set = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                out.insert(HeaderName::from_static(name), value);
            }
        };
        if !switches.is(Flag::NoCapabilityEcho) {
            set(CAPABILITIES, &names.join(", "));
        }
        if switches.is(Flag::EchoesEnv) {
            set(ENV, request::header(headers, ENV).unwrap_or("live"));
        }
        set(header::CONTENT_LANGUAGE.as_str(), world::LANGUAGES[language]);
        set("available-languages", &world::LANGUAGES.join(", "));
        response
    }

    /// Carries a request out.
    fn dispatch(
        &self,
        method: &str,
        uri: &Uri,
        headers: &HeaderMap,
        body: &[u8],
        switches: &Switches,
    ) -> Result<Answer, Refusal> {
        let now = self.clock.now();
        if self.is_over_limit(now) || (switches.rate_limited > 0 && self.store.update(OctoState::take_rate_limit)) {
            return Err(Refusal::rate_limited(switches));
        }
        let route = routes::find_route(method, uri.path(), switches).ok_or_else(Refusal::unknown_path)?;
        let operation = route.operation;
        let is_test_key = request::authorize(headers, operation, switches)?;
        request::check_content_type(headers, method, switches)?;
        let capabilities = request::negotiate(headers, switches)?;
        let names = capabilities.names.clone();
        let host = request::header(headers, header::HOST.as_str()).unwrap_or_default();
        let call = Call {
            now,
            zone: &self.zone,
            origin: format!("http://{host}"),
            capabilities,
            is_test: request::is_test(headers, is_test_key, switches),
            language: request::language(headers),
            query: url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect(),
            body: if body.is_empty() { json!({}) } else { parse_object(body)? },
        };
        let fails = |is_after: bool| {
            let errors = if is_after { &switches.errors_after } else { &switches.errors_before };
            errors.contains_key(&operation) && self.store.update(|state| state.switches.take_error(operation, is_after))
        };
        if fails(false) {
            return Err(Refusal::internal(switches));
        }
        let shown = if operation.writes() {
            self.store.update(|state| write(state, &call, &route))
        } else {
            self.store.read(|state| read(state, &call, &route))
        };
        if fails(true) {
            return Err(Refusal::internal(switches));
        }
        Ok(Answer { operation, shown: shown?, capabilities: names })
    }

    fn is_over_limit(&self, now: Timestamp) -> bool {
        let Some(recent) = &self.recent else { return false };
        let mut recent = recent.lock();
        while recent.front().is_some_and(|at| now.duration_since(*at) >= SignedDuration::from_secs(1)) {
            recent.pop_front();
        }
        let is_over = recent.len() >= MAX_CALLS_PER_SECOND;
        if !is_over {
            recent.push_back(now);
        }
        is_over
    }
}

impl OctoState {
    fn take_rate_limit(&mut self) -> bool {
        self.switches.take_rate_limit()
    }
}

fn parse_object(body: &[u8]) -> Result<Value, Refusal> {
    let parsed: Value = serde_json::from_slice(body).map_err(|_| Refusal::not_json())?;
    if parsed.is_object() { Ok(parsed) } else { Err(Refusal::bad_request()) }
}

/// Carries out an operation that changes nothing.
fn read(state: &OctoState, call: &Call<'_>, route: &Route) -> OperationResult {
    let id = route.id.as_deref().unwrap_or_default();
    match route.operation {
        Operation::Supplier => Ok(catalog::supplier(state, call, route)),
        Operation::Capabilities => Ok(catalog::capabilities(state)),
        Operation::Whoami => Ok(catalog::whoami(state, call, route)),
        Operation::Products => Ok(catalog::products(state, call)),
        Operation::Product => catalog::product(state, call, id),
        Operation::Calendar => availability::calendar(state, call),
        Operation::Availability => availability::check(state, call),
        Operation::Get => bookings::get(state, call, id),
        Operation::List => bookings::list(state, call),
        _ => Err(Refusal::unknown_path()),
    }
}

/// Carries out an operation on bookings.
fn write(state: &mut OctoState, call: &Call<'_>, route: &Route) -> OperationResult {
    let uuid = route.id.as_deref().unwrap_or_default();
    match route.operation {
        Operation::Reserve => bookings::reserve(state, call),
        Operation::Confirm => bookings::confirm(state, call, uuid),
        Operation::Extend => bookings::extend(state, call, uuid),
        Operation::Update => bookings::update(state, call, uuid),
        Operation::Cancel => bookings::cancel(state, call, uuid),
        _ => Err(Refusal::unknown_path()),
    }
}

impl Emulator for OctoEmulator {
    fn name(&self) -> &'static str {
        "octo"
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
        self.store.update(|state| state_changes::apply(state, change, now))
    }

    fn inventory(&self) -> Value {
        let now = self.clock.now();
        let (holds, orders) = self.store.read(|state| {
            let (holds, orders): (Vec<_>, Vec<_>) =
                state.bookings.values().partition(|booking| booking.confirmed_at.is_none());
            let holds = holds.into_iter().filter(|booking| booking.status(now) == Status::OnHold);
            let holds: Vec<Value> = holds.map(state_changes::hold_entry).collect();
            let pending = state.bookings.values().filter(|booking| {
                booking.confirmed_at.is_none() && matches!(booking.status(now), Status::Pending | Status::Rejected)
            });
            let orders = orders.into_iter().chain(pending);
            let orders: Vec<Value> = orders.map(|booking| state_changes::order_entry(booking, now)).collect();
            (holds, orders)
        });
        json!({ "holds": holds, "orders": orders })
    }

    fn action(&self, _: &str, _: &[u8]) -> String {
        String::new()
    }
}
