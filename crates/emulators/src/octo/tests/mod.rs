//! Tests of the emulated supplier over HTTP: what the public validator checks (`octo.md §13`), the switches, and the books.

mod booking_flows;
mod capacity;
mod catalog_flows;
mod history;
mod money;
mod products;
mod switches;
mod transport;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use crate::faults::StateChange;
use crate::octo::{KEY, OctoEmulator};
use crate::{RunningEmulator, SandboxClock, Stage};
use domain::Clock;

/// A Tuesday.
const NOW: &str = "2027-06-01T08:00:00Z";
const CRUISE: &str = "lagoon-cruise";
const PALACE: &str = "palace-entry";
/// A client's uuid.
const UUID: &str = "0b6c4b0e-9d6f-5a35-8c7b-4a2f1f0f8e11";

struct FixedClock(Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// A running supplier, and what a client sends with every request.
struct Supplier {
    running: RunningEmulator,
    emulator: Arc<OctoEmulator>,
    headers: Vec<(&'static str, String)>,
    _tracker: TaskTracker,
}

/// A response.
struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    text: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{} is no JSON", self.text))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Supplier {
    async fn start() -> Self {
        let clock = Arc::new(SandboxClock::new(Arc::new(FixedClock(NOW.parse().expect("a time")))));
        let emulator = OctoEmulator::new(Arc::clone(&clock), None, false);
        Self::run(emulator, clock).await
    }

    async fn run(emulator: Arc<OctoEmulator>, clock: Arc<SandboxClock>) -> Self {
        let tracker = TaskTracker::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let stage = Stage::new(Arc::<OctoEmulator>::clone(&emulator), clock);
        let running = stage.run(listener, &tracker).expect("a running stage");
        let headers = vec![("authorization", format!("Bearer {KEY}")), ("octo-capabilities", String::new())];
        Self { running, emulator, headers, _tracker: tracker }
    }

    /// Starts a supplier that is asked for prices.
    async fn with_prices() -> Self {
        let mut supplier = Self::start().await;
        supplier.set_header("octo-capabilities", "octo/pricing");
        supplier
    }

    fn set_header(&mut self, name: &'static str, value: &str) {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
    }

    fn change(&self, name: &str, id: &str, value: Value) {
        let id = (!id.is_empty()).then(|| id.to_owned());
        let change = StateChange { name: name.to_owned(), id, value };
        self.running.stage.change_state(&change).expect("a supported change");
    }

    fn advance(&self, time: SignedDuration) {
        self.running.stage.clock.advance(i64::try_from(time.as_millis()).expect("a short time"));
    }

    async fn send(&self, method: &str, path: &str, body: Option<&str>) -> Reply {
        let client = http_client::build_client().expect("an HTTP client");
        let url = format!("{}/octo{path}", self.running.base_url());
        let mut request = client.request(method.parse().expect("a method"), url);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_owned());
        }
        let response = request.send().await.expect("a response");
        let status = response.status().as_u16();
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let headers = response.headers().iter();
        let headers = headers.map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))).collect();
        Reply { status, headers, text: response.text().await.expect("a body") }
    }

    async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, None).await
    }

    async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send("POST", path, Some(&body.to_string())).await
    }

    /// Returns the JSON of a call that must succeed.
    async fn ok(&self, method: &str, path: &str, body: Value) -> Value {
        let text = body.to_string();
        let reply = self.send(method, path, (method != "GET").then_some(&text)).await;
        assert_eq!(reply.status, 200, "{method} {path}: {:.300}", reply.text);
        reply.json()
    }

    /// Returns the code of a call that must be refused with status 400.
    async fn refused(&self, method: &str, path: &str, body: Value) -> String {
        let text = body.to_string();
        let reply = self.send(method, path, (method != "GET").then_some(&text)).await;
        assert_eq!(reply.status, 400, "{method} {path}: {:.300}", reply.text);
        let shown = reply.json();
        assert!(shown["errorMessage"].is_string(), "{shown}");
        shown["error"].as_str().expect("a code").to_owned()
    }

    /// Returns the rows of a month.
    async fn slots(&self, product: &str, option: &str) -> Vec<Value> {
        let month = month(product, option);
        let rows = self.ok("POST", "/availability", month).await;
        rows.as_array().expect("a list").clone()
    }

    /// Returns ids of slots that can be booked with at least ten places, more than two days ahead.
    async fn bookable(&self, product: &str, option: &str) -> Vec<String> {
        let is_wanted = |row: &&Value| {
            let is_roomy = row["vacancies"].as_u64().is_none_or(|count| count >= 10);
            row["available"] == true && is_roomy && row["localDateTimeStart"].as_str() > Some("2027-06-05")
        };
        let rows = self.slots(product, option).await;
        rows.iter().filter(is_wanted).map(|row| row["id"].as_str().expect("an id").to_owned()).collect()
    }

    /// Returns a reservation of adults on the first slot with places.
    async fn reservation(&self, product: &str, adults: usize) -> Value {
        let slots = self.bookable(product, "DEFAULT").await;
        json!({
            "productId": product, "optionId": "DEFAULT", "availabilityId": slots.first(), "unitItems": units("adult", adults),
        })
    }

    /// Holds adults and returns the booking.
    async fn hold(&self, product: &str, adults: usize) -> Value {
        let reservation = self.reservation(product, adults).await;
        self.ok("POST", "/bookings", reservation).await
    }

    /// Holds and confirms adults and returns the booking.
    async fn sell(&self, product: &str, adults: usize) -> Value {
        let held = self.hold(product, adults).await;
        self.ok("POST", &format!("{}/confirm", path_of(&held)), confirmation()).await
    }
}

fn month(product: &str, option: &str) -> Value {
    json!({
        "productId": product, "optionId": option, "localDateStart": "2027-06-01", "localDateEnd": "2027-07-01",
    })
}

fn units(unit: &str, number: usize) -> Value {
    std::iter::repeat_n(json!({ "unitId": unit }), number).collect()
}

fn confirmation() -> Value {
    json!({
        "contact": { "fullName": "Ada Rossi", "emailAddress": "ada@visitor.example", "locales": ["it"] },
        "resellerReference": "TG-000123-1",
    })
}

/// Returns the path of a booking.
fn path_of(booking: &Value) -> String {
    format!("/bookings/{}", booking["uuid"].as_str().expect("a uuid"))
}

/// Fails if an object does not have exactly these keys.
#[track_caller]
fn assert_keys(object: &Value, keys: &[&str]) {
    let mut found: Vec<&str> = object.as_object().expect("an object").keys().map(String::as_str).collect();
    let mut keys = keys.to_vec();
    found.sort_unstable();
    keys.sort_unstable();
    assert_eq!(found, keys);
}
