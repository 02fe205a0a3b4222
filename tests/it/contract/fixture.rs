//! An emulated vendor with a source connected to it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use domain::{
    CatalogScope, Clock, Environment, EventKey, Observed, Offer, Performance, PerformanceWindow, RateLimiter, Source,
    SourceId,
};
use emulators::StateChange;
use emulators::acme::AcmeEmulator;
use emulators::octo::OctoEmulator;
use emulators::secutix::SecutixEmulator;
use emulators::ticketing::{HOST, TicketingEmulator};
use emulators::{Emulator, Rule, RunningEmulator, SandboxClock, Scenario, Stage};
use http_client::{PausePolicy, VendorHttpClient};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use testkit::{AlwaysUp, ManualClock, UnlimitedRateLimiter};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;
use vendor_api::{ConnectContext, SourceConfig, Vendor};

use crate::contract::demo_emulator::DemoEmulator;

/// Runs a contract test against every source of the built-in sandbox, and against the demo vendor. A vendor of the registry
/// takes part as soon as `config/sandbox.toml` has a source of it.
pub(crate) async fn each_vendor(test: impl AsyncFn(&VendorFixture)) {
    for (vendor, config) in sandbox_sources() {
        test(&VendorFixture::start_by_name(vendor, config).await).await;
    }
    // The sandbox has the opera house over JSON only.
    test(&secutix("OPERA", "soap").await).await;
    test(&demo().await).await;
}

/// The sources of the built-in sandbox with their vendors, each `base_url` reduced to its path.
fn sandbox_sources() -> Vec<(&'static Vendor, SourceConfig)> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/sandbox.toml")).expect("a file");
    let config: toml::Table = text.parse().expect("TOML");
    let sources = config["sources"].as_table().expect("sources").iter();
    sources.map(|(id, source)| sandbox_source(id, source.as_table().expect("a table"))).collect()
}

fn sandbox_source(id: &str, source: &toml::Table) -> (&'static Vendor, SourceConfig) {
    let text = |key: &str| source[key].as_str().expect("a string");
    let vendor = vendor_registry::VENDORS.iter().find(|row| row.name == text("vendor")).expect("a registered vendor");
    let own = source.iter().filter(|(key, _)| vendor.keys.contains(&key.as_str()));
    let url: url::Url = text("base_url").parse().expect("a URL");
    let config = SourceConfig {
        id: SourceId::new(id),
        environment: Environment::Sandbox,
        base_url: url.path().trim_end_matches('/').to_owned(),
        institution: text("institution").to_owned(),
        time_zone: TimeZone::get(text("time_zone")).expect("a time zone"),
        currency: Some(text("currency").parse().expect("a currency")),
        vendor_settings: own.map(|(key, value)| (key.clone(), resolved(value))).collect(),
    };
    (vendor, config)
}

/// Replaces secrets written as `{ value = … }` by their values.
fn resolved(value: &toml::Value) -> toml::Value {
    match value.as_table() {
        Some(table) if table.contains_key("value") => table["value"].clone(),
        Some(table) => toml::Value::Table(table.iter().map(|(key, value)| (key.clone(), resolved(value))).collect()),
        None => value.clone(),
    }
}

#[test]
fn every_vendor_of_the_registry_has_a_sandbox_source_that_the_contract_tests_use() {
    let covered: BTreeSet<&str> = sandbox_sources().iter().map(|(vendor, _)| vendor.name).collect();
    let registered: BTreeSet<&str> = vendor_registry::VENDORS.iter().map(|vendor| vendor.name).collect();
    assert_eq!(covered, registered);
}

/// An emulated vendor and a source connected to it.
pub(crate) struct VendorFixture {
    /// The source.
    pub source: Source,
    /// The emulator; it stops when the fixture is dropped.
    pub running: RunningEmulator,
    /// The clock of both.
    pub clock: Arc<SandboxClock>,
}

/// Timeout of a call: longer than any emulated response, short enough for tests of timeouts.
pub(crate) const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(1500);

impl VendorFixture {
    /// Starts the emulator of a vendor and connects a source to it.
    async fn start_by_name(vendor: &Vendor, config: SourceConfig) -> Self {
        let clock = fixed_clock();
        let emulator = emulators::create_emulator(vendor.name, Arc::clone(&clock)).expect("an emulator of this vendor");
        Self::start(vendor.name, clock, emulator, config).await
    }

    /// Starts an emulator and connects a source of a registered vendor to it. The `base_url` of `config` is a path; the
    /// emulator's address is prepended.
    pub(crate) async fn start(
        vendor: &str,
        clock: Arc<SandboxClock>,
        emulator: Arc<dyn Emulator>,
        config: SourceConfig,
    ) -> Self {
        let client = http_client::ConnectionPools::new(Duration::from_secs(4)).expect("a client");
        Self::start_with(vendor, clock, emulator, config, (client, ATTEMPT_TIMEOUT)).await
    }

    /// Like [`VendorFixture::start`], with an existing HTTP client and another timeout.
    pub(crate) async fn start_with(
        vendor: &str,
        clock: Arc<SandboxClock>,
        emulator: Arc<dyn Emulator>,
        config: SourceConfig,
        http: (http_client::ConnectionPools, Duration),
    ) -> Self {
        Self::start_limited(vendor, clock, emulator, config, http, Arc::new(UnlimitedRateLimiter)).await
    }

    /// Like [`VendorFixture::start_with`], with a limit on its requests.
    pub(crate) async fn start_limited(
        vendor: &str,
        clock: Arc<SandboxClock>,
        emulator: Arc<dyn Emulator>,
        config: SourceConfig,
        http: (http_client::ConnectionPools, Duration),
        rate_limiter: Arc<dyn RateLimiter>,
    ) -> Self {
        let row = vendor_registry::VENDORS.iter().find(|row| row.name == vendor).expect("a registered vendor");
        Self::connect(row, clock, emulator, config, http, rate_limiter).await
    }

    async fn connect(
        vendor: &Vendor,
        clock: Arc<SandboxClock>,
        emulator: Arc<dyn Emulator>,
        mut config: SourceConfig,
        (client, attempt_timeout): (http_client::ConnectionPools, Duration),
        rate_limiter: Arc<dyn RateLimiter>,
    ) -> Self {
        let stage = Stage::new(emulator, Arc::clone(&clock));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let running = stage.run(listener, &TaskTracker::new()).expect("an emulator");
        config.base_url = format!("{}{}", running.base_url(), config.base_url);
        let context = ConnectContext {
            kept: None,
            http: VendorHttpClient::new(client, config.id.clone(), rate_limiter, attempt_timeout)
                .with_pauses(PausePolicy { default: vendor.rate_limit_pause, max: Duration::from_secs(3600) }),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            health: Arc::new(AlwaysUp),
            tracker: TaskTracker::new(),
        };
        let source = (vendor.connect)(config, context).unwrap_or_else(|errors| panic!("{errors:?}"));
        Self { source, running, clock }
    }

    /// Offers of the source from a time on, for the first performances of each event.
    pub(crate) async fn offers(&self, from: Timestamp) -> Vec<(Arc<Performance>, Offer)> {
        let catalog = &self.source.catalog;
        let listed = catalog.list_events(CatalogScope::Public).await.expect("events").value;
        let events: Vec<EventKey> = listed.iter().map(|event| event.key.clone()).collect();
        let batch = catalog.list_performances(&events, &PerformanceWindow { from, to: None, limit: 3 }).await;
        let mut coming = Vec::new();
        for key in &events {
            let listed = batch[key].as_ref().expect("performances");
            coming.extend(listed.value.iter().map(|one| Observed { value: one.clone(), freshness: listed.freshness }));
        }
        let availability = catalog.load_availability(&coming, Duration::ZERO).await;
        let offers = coming.into_iter().flat_map(|observed| {
            let offers = availability[&observed.value.key].as_ref().expect("availability").value.offers.clone();
            offers.into_iter().map(move |offer| (observed.value.clone(), offer))
        });
        offers.collect()
    }

    /// Number of calls that the emulator received.
    pub(crate) fn calls(&self) -> usize {
        self.running.stage.log.all().len()
    }

    /// Sets the fault rules of the emulator.
    pub(crate) fn fail(&self, rules: Vec<Rule>) {
        self.running.stage.faults.clear();
        self.running.stage.faults.add(Scenario { rules });
    }

    /// Changes the emulator's state.
    pub(crate) fn change_state(&self, name: &str, id: Option<&str>, value: Value) {
        let change = StateChange { name: name.to_owned(), id: id.map(str::to_owned), value };
        self.running.stage.change_state(&change).expect("a supported change");
    }
}

/// Tickets of an emulated order that are still valid, each with all its vendor names.
pub(crate) fn live_tickets(order: &Value) -> Vec<Vec<String>> {
    let is_void = |ticket: &Value| {
        let state = ticket["state"].as_str().expect("a state").to_ascii_uppercase();
        ["REFUNDED", "VOID", "VOIDED", "CANCELLED"].contains(&state.as_str())
    };
    let names = |ticket: &Value| {
        let names = ["id", "ticket_id"].iter().filter_map(|name| ticket[*name].as_str());
        names.map(str::to_owned).collect()
    };
    let tickets = order["tickets"].as_array().expect("tickets").iter();
    tickets.filter(|ticket| !is_void(ticket)).map(names).collect()
}

/// Noon on a Saturday in November.
pub(crate) fn fixed_clock() -> Arc<SandboxClock> {
    Arc::new(SandboxClock::new(ManualClock::at("2026-11-21T12:00:00Z")))
}

/// Configuration of a source whose `base_url` is only the path below the emulator's address.
pub(crate) fn source_config(id: &str, path: &str, zone: &str, currency: &str, own: &str) -> SourceConfig {
    SourceConfig {
        id: SourceId::new(id),
        environment: Environment::Sandbox,
        base_url: path.to_owned(),
        institution: id.to_owned(),
        time_zone: TimeZone::get(zone).expect("a zone"),
        currency: Some(currency.parse().expect("a currency")),
        vendor_settings: own.parse().expect("the vendor's own keys"),
    }
}

/// The ids that a venue assigns to its reseller.
pub(crate) const ACME_RESELLER_KEYS: &str = "tenant_id = 412\norganization_id = 5120";

/// ACME with another key or other settings.
pub(crate) async fn acme_with(key: &str, more: &str) -> VendorFixture {
    let clock = fixed_clock();
    let emulator = AcmeEmulator::new(Arc::clone(&clock), None, false);
    VendorFixture::start("acme", clock, emulator, acme_config(key, more)).await
}

/// Configuration of ACME's emulated venue.
pub(crate) fn acme_config(key: &str, more: &str) -> SourceConfig {
    source_config("harbor", "", "America/New_York", "USD", &format!("api_key = \"{key}\"\n{more}"))
}

/// The demo vendor, which is not in the registry.
async fn demo() -> VendorFixture {
    let clock = fixed_clock();
    let emulator = DemoEmulator::new(Arc::clone(&clock));
    let config = source_config("demo", "", "Europe/Zurich", "CHF", "api_key = \"demo-key\"");
    let client = http_client::ConnectionPools::new(Duration::from_secs(4)).expect("a client");
    VendorFixture::connect(
        &vendor_demo::VENDOR,
        clock,
        emulator,
        config,
        (client, ATTEMPT_TIMEOUT),
        Arc::new(UnlimitedRateLimiter),
    )
    .await
}

/// A valid card of the emulated host.
pub(crate) fn settlement() -> String {
    let card = r#"{"number":"4111111111111111","cvv":"123","expiryDate":"12/39","name":"Quay Nights","address1":"1 Quay Street","city":"Port of Spain","district":"Port of Spain","country":"TT"}"#;
    format!("settlement = {{ instrument = '{card}' }}")
}

/// TickeTing with another key or more settings.
pub(crate) async fn ticketing_with(key: &str, more: &str) -> VendorFixture {
    let clock = fixed_clock();
    let emulator = TicketingEmulator::new(Arc::clone(&clock), None);
    VendorFixture::start("ticketing", clock, emulator, ticketing_config(key, more)).await
}

/// Configuration of TickeTing's emulated host.
pub(crate) fn ticketing_config(key: &str, more: &str) -> SourceConfig {
    let own = format!("host = \"{HOST}\"\napi_key = \"{key}\"\n{more}");
    source_config("quay", "/v3", "America/Port_of_Spain", "TTD", &own)
}

/// A supplier that speaks OCTO with more settings.
pub(crate) async fn octo_with(more: &str) -> VendorFixture {
    let clock = fixed_clock();
    let emulator = OctoEmulator::new(Arc::clone(&clock), None, false);
    VendorFixture::start("octo", clock, emulator, octo_config(more)).await
}

/// Configuration of the emulated supplier.
pub(crate) fn octo_config(more: &str) -> SourceConfig {
    source_config("lagoon", "/octo", "Europe/Rome", "EUR", &format!("api_key = \"octo-sandbox-key\"\n{more}"))
}

/// An institution of SecuTix over one of its transports.
pub(crate) async fn secutix(institution: &str, transport: &str) -> VendorFixture {
    secutix_with(institution, &format!("transport = \"{transport}\"")).await
}

/// An institution of SecuTix with more settings.
pub(crate) async fn secutix_with(institution: &str, more: &str) -> VendorFixture {
    let clock = fixed_clock();
    let emulator = SecutixEmulator::new(Arc::clone(&clock), None, false);
    VendorFixture::start("secutix", clock, emulator, secutix_config(institution, more)).await
}

/// Configuration of an emulated institution.
pub(crate) fn secutix_config(institution: &str, more: &str) -> SourceConfig {
    let (zone, currency) = if institution == "OPERA" { ("Europe/Zurich", "CHF") } else { ("Europe/Paris", "EUR") };
    let password = format!("{}-sandbox-password", institution.to_lowercase());
    let own =
        format!("login = \"{institution}_DGTK\"\npassword = \"{password}\"\ncontact_reference = \"1000042\"\n{more}");
    source_config(&institution.to_lowercase(), "", zone, currency, &own)
}
