//! The emulated TIXnGO: the organizer's side of version 3 under `/v3/organizer` (`tixngo.md`, decisions of its §8), one organizer
//! for each API key.
//!
//! What can be done to its tickets from outside, by hand or by the clock, is listed in the README of this folder.

mod book;
mod door;
mod feed;
mod inject;
mod life;
mod push;
mod twists;
mod wire;

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Response, Uri};
use serde_json::Value;

use crate::clock::SandboxClock;
use crate::faults::Twist;
use crate::keeper::Keeper;
use crate::stage::Emulator;
use crate::tixngo::book::Book;
use crate::tixngo::door::{Limits, Outcome, Refusal};
use domain::Clock;

/// The key of the opera house.
pub const OPERA_KEY: &str = "tixngo-sandbox-key";
/// The key of the sports club: another organizer.
pub const CLUB_KEY: &str = "tixngo-club-key";

/// The emulator.
pub struct Tixngo {
    clock: Arc<SandboxClock>,
    keeper: Keeper<Book>,
    limits: Option<Limits>,
}

impl Tixngo {
    /// An emulator by a clock, remembering in a folder where one is given. No paper names a limit of calls; with limits it answers
    /// 429 above 120 a minute for each organizer.
    pub fn new(clock: Arc<SandboxClock>, folder: Option<&Path>, limits_requests: bool) -> Arc<Self> {
        let keeper = Keeper::open(folder, "tixngo");
        Arc::new(Self { clock, keeper, limits: limits_requests.then(Limits::default) })
    }

    fn bring_up_to_date(&self) {
        let now = self.clock.now();
        if self.keeper.read(|book| life::is_due(book, now)) {
            self.keeper.change(|book| life::pass_time(book, now));
        }
    }

    fn answer(&self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Response<Body> {
        self.bring_up_to_date();
        let outcome = self.outcome(method, uri, headers, body);
        outcome.map_or_else(Refusal::into_response, |shown| door::respond(200, &shown))
    }

    fn outcome(&self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Outcome {
        let organizer = door::organizer(headers)?;
        let now = self.clock.now();
        if let Some(limits) = &self.limits {
            limits.admit(organizer, now)?;
        }
        let path = uri.path().strip_prefix("/v3/organizer/").ok_or_else(Refusal::no_endpoint)?;
        let query: Vec<(String, String)> =
            url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        match (method.as_str(), path) {
            ("POST", "tickets") => {
                let tickets = door::tickets(body)?;
                self.keeper.change(|book| inject::inject(book.organizer(organizer), &tickets, now))
            }
            ("POST", "tickets/cancelled") => {
                let tickets = door::tickets(body)?;
                self.keeper.change(|book| push::cancel(book, organizer, &tickets, now))
            }
            ("POST", "tickets/controlled") => {
                let tickets = door::tickets(body)?;
                self.keeper.change(|book| push::control(book, organizer, &tickets, now))
            }
            ("GET", "tickets/diff") => self.keeper.read(|book| feed::changes(book, organizer, &query)),
            ("GET", "report/ticket-status-logs") => self.keeper.read(|book| feed::report(book, organizer, &query)),
            ("GET", path) if path.starts_with("tickets/") => {
                let id = path.trim_start_matches("tickets/");
                let id = percent_encoding::percent_decode_str(id).decode_utf8_lossy();
                self.keeper.read(|book| feed::ticket(book, organizer, &id))
            }
            _ => Err(Refusal::no_endpoint()),
        }
    }
}

impl Emulator for Tixngo {
    fn name(&self) -> &'static str {
        "tixngo"
    }

    fn router(self: Arc<Self>) -> Router {
        Router::new().fallback(move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let sandbox = Arc::clone(&self);
            async move { sandbox.answer(&method, &uri, &headers, &body) }
        })
    }

    fn twist(&self, twist: &Twist) -> Result<(), String> {
        self.bring_up_to_date();
        let now = self.clock.now();
        self.keeper.change(|book| twists::apply(book, twist, now))
    }

    fn holdings(&self) -> Value {
        self.bring_up_to_date();
        self.keeper.read(feed::holdings)
    }

    fn action(&self, _target: &str, _body: &[u8]) -> String {
        String::new()
    }
}
