//! OCTO for resellers, over HTTP against the real binary and its emulated vendors (octo.md §12.2, §13.2).

mod another_hold;
mod content;
mod flows;
mod outages;
mod refusals;
mod replays;
mod states;
mod store;

use std::collections::BTreeMap;

use domain::{Clock as _, SystemClock};
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::layers::support::until;
use crate::process::Process;
use crate::process_orders::{VENDORS, sandbox_at};

/// Key of a caller without a reseller: it sees every source.
const SHOP: &str = "sandbox-storefront";
/// Key of an operator, a caller of its own.
const OPERATOR: &str = "sandbox-operator";
/// Base of the museum for a key of several suppliers.
const MUSEUM: &str = "/octo/suppliers/harbor";
/// Key of a reseller with one source, the museum, and one event of it.
const TIQETS: &str = "sandbox-tiqets-dashboard";

/// A response.
#[derive(Debug)]
pub(crate) struct Received {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Received {
    /// Returns the body of a success.
    fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        assert_eq!(self.headers["content-type"], "application/json");
        self.body
    }

    /// Returns status and code of a failure, whose text is not empty.
    fn failure(&self) -> (u16, &str) {
        assert!(self.body["errorMessage"].as_str().is_some_and(|text| !text.is_empty()), "{}", self.body);
        (self.status, self.body["error"].as_str().expect("a code"))
    }
}

/// The sandbox as a process.
pub(crate) struct Sandbox {
    _processes: Vec<Process>,
    _folder: TempDir,
    /// Address of the emulated museum.
    emulator: String,
    origin: String,
    client: reqwest::Client,
}

/// A reseller at a supplier of the sandbox.
#[derive(Clone, Copy)]
pub(crate) struct Reseller<'a> {
    sandbox: &'a Sandbox,
    key: &'a str,
    base: &'a str,
}

impl Sandbox {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts the sandbox with settings in environment variables.
    pub(crate) fn start_with(settings: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().expect("a folder");
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--data", "data", "--unlimited"];
        let process = Process::start_with(&folder, &arguments, settings);
        let emulator = process.address("the emulated acme ");
        let origin = process.address(": listening on ");
        let client = http_client::build_client().expect("a client");
        Self { _processes: vec![process], _folder: folder, emulator, origin, client }
    }

    /// Starts the emulated vendors as a process of their own, and the service with a ledger at a URL.
    pub(crate) fn start_at_ledger(url: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let vendors = Process::start(&folder, &["sandbox"]);
        let base = |name| (name, vendors.address(&format!("vendor=\"{name}\"")));
        let bases: BTreeMap<&'static str, String> = VENDORS.into_iter().map(base).collect();
        let text = sandbox_at(&bases).replace("[ledger]\n", &format!("[ledger]\nurl = \"{url}\"\n"));
        std::fs::write(folder.path().join("venues.toml"), text).expect("a file");
        let process = Process::start(&folder, &["serve", "--config", "venues.toml", "--listen", "127.0.0.1:0"]);
        let origin = process.address(": listening on ");
        let client = http_client::build_client().expect("a client");
        Self { _processes: vec![process, vendors], _folder: folder, emulator: bases["acme"].clone(), origin, client }
    }

    /// Changes the state of the emulated museum.
    pub(crate) async fn change_museum(&self, what: &str, body: &Value) {
        let sent = self.client.post(format!("{}/_emu/{what}", self.emulator)).json(body).send().await;
        assert!(sent.expect("a response").status().is_success(), "{what}");
    }

    /// Returns the result of a GraphQL query.
    pub(crate) async fn graphql(&self, query: &str, variables: &Value) -> Value {
        self.graphql_as(SHOP, query, variables).await
    }

    /// Returns the result of a GraphQL query of a caller.
    pub(crate) async fn graphql_as(&self, key: &str, query: &str, variables: &Value) -> Value {
        let request = self.client.post(format!("{}/graphql", self.origin)).bearer_auth(key);
        let sent = request.json(&json!({ "query": query, "variables": variables })).send().await;
        sent.expect("a response").json().await.expect("JSON")
    }

    /// Returns a reseller with a key, whose paths begin with `base`.
    pub(crate) fn reseller<'a>(&'a self, key: &'a str, base: &'a str) -> Reseller<'a> {
        Reseller { sandbox: self, key, base }
    }
}

impl Reseller<'_> {
    /// Sends a request with headers besides the key.
    pub(crate) async fn send_with(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Received {
        let request = self.sandbox.client.request(method, format!("{}{}{path}", self.sandbox.origin, self.base));
        let mut request = request.bearer_auth(self.key).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.body(body.unwrap_or_default()).send().await.expect("a response");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("text");
        let body = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{path}: no JSON: {text}"));
        Received { status, headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Received {
        self.send_with(Method::GET, path, &[("octo-capabilities", "octo/pricing")], None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Received {
        let headers = [("octo-capabilities", "octo/pricing")];
        self.send_with(Method::POST, path, &headers, Some(body.to_string())).await
    }

    pub(crate) async fn patch(&self, uuid: &str, body: &Value) -> Received {
        self.send_with(Method::PATCH, &format!("/bookings/{uuid}"), &[], Some(body.to_string())).await
    }

    /// Returns the products.
    pub(crate) async fn products(&self) -> Vec<Value> {
        self.get("/products").await.ok().as_array().expect("products").clone()
    }

    /// Returns the availabilities of a product in the next 31 days.
    pub(crate) async fn slots(&self, product: &Value) -> Vec<Value> {
        let (from, to) = days(30);
        let body =
            json!({ "productId": product["id"], "optionId": "DEFAULT", "localDateStart": from, "localDateEnd": to });
        self.post("/availability", &body).await.ok().as_array().expect("availabilities").clone()
    }

    /// Returns the slots of an offer in which this many of its unit fit together.
    pub(crate) async fn slots_with_room(&self, offer: &Offer, units: usize) -> Vec<Value> {
        let (from, to) = days(30);
        let body = json!({
            "productId": offer.product, "optionId": "DEFAULT", "localDateStart": from, "localDateEnd": to,
            "units": [{ "id": offer.unit, "quantity": units }],
        });
        let slots = self.post("/availability", &body).await.ok();
        let slots = slots.as_array().expect("availabilities").iter();
        slots.filter(|slot| slot["available"] == true).cloned().collect()
    }

    /// Finds products with a slot to book and a unit with a price, at most `count`.
    pub(crate) async fn find_offers(&self, count: usize) -> Vec<Offer> {
        let mut offers = Vec::new();
        for product in self.products().await {
            if product["availabilityRequired"] != true || offers.len() == count {
                continue;
            }
            let slots = self.slots(&product).await;
            if let Some(offer) = Offer::find(&product, &slots) {
                offers.push(offer);
            }
        }
        assert!(!offers.is_empty(), "{} sells nothing", self.base);
        offers
    }

    pub(crate) async fn find_offer(&self) -> Offer {
        self.find_offers(1).await.remove(0)
    }

    /// Reads a booking until it is as wanted.
    pub(crate) async fn read_until(&self, uuid: &str, what: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let mut found = Value::Null;
        until(what, async || {
            let read = self.get(&format!("/bookings/{uuid}")).await;
            found = read.body;
            read.status == 200 && is_wanted(&found)
        })
        .await;
        found
    }

    /// Holds units of an offer.
    pub(crate) async fn reserve(&self, offer: &Offer, units: usize) -> Value {
        self.post("/bookings", &offer.body(units)).await.ok()
    }
}

/// Something to book.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    product: Value,
    /// Slots that can be booked with room for many.
    slots: Vec<Value>,
    unit: Value,
}

impl Offer {
    /// Finds a unit with a price and its slots.
    fn find(product: &Value, slots: &[Value]) -> Option<Self> {
        let has_room =
            |slot: &&Value| slot["available"] == true && slot["vacancies"].as_i64().is_none_or(|left| left > 10);
        let slots: Vec<Value> = slots.iter().filter(has_room).cloned().collect();
        let prices = slots.first()?["unitPricing"].as_array()?.clone();
        let unit = prices.iter().find(|price| price["retail"].as_i64().is_some_and(|amount| amount > 0))?;
        Some(Self { product: product["id"].clone(), unit: unit["unitId"].clone(), slots })
    }

    /// Returns the body of a reservation.
    fn body(&self, units: usize) -> Value {
        let items = vec![json!({ "unitId": self.unit }); units];
        json!({
            "productId": self.product, "optionId": "DEFAULT", "availabilityId": self.slots[0]["id"], "unitItems": items,
        })
    }
}

/// Returns today and a later day, in UTC.
pub(crate) fn days(later: i64) -> (Date, Date) {
    let today = SystemClock.now().to_zoned(TimeZone::UTC).date();
    (today, today.checked_add(later.days()).expect("a day"))
}

/// A complete contact.
pub(crate) fn contact() -> Value {
    json!({
        "fullName": "Ada Lovelace", "firstName": "Ada", "lastName": "Lovelace", "emailAddress": "ada@example.org",
        "phoneNumber": "+41791234567", "locales": ["en"], "country": "GB", "notes": null,
    })
}
