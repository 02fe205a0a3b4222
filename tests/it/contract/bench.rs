//! An emulated vendor with a source connected to it. One function a vendor, and the list of them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{
    Budget, Clock, Environment, EventKey, Health, HealthReport, HealthState, Observed, Offer, Performance, Scope,
    Source, SourceId, Window,
};
use emulators::acme::Acme;
use emulators::faults::Twist;
use emulators::secutix::Secutix;
use emulators::ticketing::{ADMINISTRATOR_KEY, HOST, TicketingSandbox};
use emulators::{Emulator, Rule, Running, SandboxClock, Scenario, Stage};
use futures_util::future::BoxFuture;
use http_client::Transport;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;
use vendor_api::Stanza;
use vendor_api::Surroundings;

/// Raises an emulator and connects a source to it.
type Raise = fn() -> BoxFuture<'static, Bench>;

/// The vendors, by name: a source of each is put through every sentence.
pub(crate) const VENDORS: &[(&str, Raise)] = &[
    ("acme", || Box::pin(acme_with("harbor-sandbox-key", ACME_IDS))),
    ("secutix, an opera house over JSON", || Box::pin(secutix("OPERA", "json"))),
    ("secutix, an opera house over SOAP", || Box::pin(secutix("OPERA", "soap"))),
    ("secutix, a sports club over SOAP", || Box::pin(secutix("CLUB", "soap"))),
    ("ticketing", || Box::pin(ticketing())),
];

/// Puts a source of each vendor through a sentence.
pub(crate) async fn each_vendor(sentence: impl AsyncFn(&Bench)) {
    for (_, raise) in VENDORS {
        sentence(&raise().await).await;
    }
}

/// An emulated vendor and a source connected to it.
pub(crate) struct Bench {
    /// The source.
    pub source: Source,
    /// The emulator; it stops with the bench.
    pub running: Running,
    /// The time of day of both.
    pub clock: Arc<SandboxClock>,
}

/// How long a call of a bench may take. Longer than any honest one, short enough to wait for.
pub(crate) const ATTEMPT: Duration = Duration::from_millis(1500);

impl Bench {
    /// Stands an emulator up and connects a source to it. `stanza` is completed with the emulator's address and `path`.
    pub(crate) async fn raise(
        vendor: &str,
        clock: Arc<SandboxClock>,
        emulator: Arc<dyn Emulator>,
        stanza: Stanza,
    ) -> Self {
        let client = http_client::client().expect("a client");
        Self::raise_with(vendor, clock, emulator, stanza, (client, ATTEMPT)).await
    }

    /// The same, over an HTTP client that is there already, and with another limit of each call.
    pub(crate) async fn raise_with(
        vendor: &str,
        clock: Arc<SandboxClock>,
        emulator: Arc<dyn Emulator>,
        mut stanza: Stanza,
        (client, attempt): (reqwest::Client, Duration),
    ) -> Self {
        let stage = Stage::new(emulator, Arc::clone(&clock));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let running = stage.run(listener, &TaskTracker::new()).expect("an emulator");
        stanza.base_url = format!("{}{}", running.base_url(), stanza.base_url);
        let row = vendor_registry::VENDORS.iter().find(|row| row.name == vendor).expect("a row");
        let surroundings = Surroundings {
            transport: Transport::new(client, stanza.id.clone(), Arc::new(Unlimited), attempt),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            health: Arc::new(Healthy),
            tracker: TaskTracker::new(),
        };
        let source = (row.connect)(stanza, surroundings).unwrap_or_else(|findings| panic!("{findings:?}"));
        Self { source, running, clock }
    }

    /// What the source says that it offers from a time on, the first few performances of each event.
    pub(crate) async fn offers(&self, from: Timestamp) -> Vec<(Arc<Performance>, Offer)> {
        let catalog = &self.source.catalog;
        let listed = catalog.list_events(Scope::Public).await.expect("events").value;
        let events: Vec<EventKey> = listed.iter().map(|event| event.key.clone()).collect();
        let batch = catalog.list_performances(&events, &Window { from, to: None, limit: 3 }).await;
        let mut coming = Vec::new();
        for key in &events {
            let listed = batch[key].as_ref().expect("performances");
            coming.extend(listed.value.iter().map(|one| Observed { value: one.clone(), freshness: listed.freshness }));
        }
        let free = catalog.load_availability(&coming, Duration::ZERO).await;
        let offers = coming.into_iter().flat_map(|known| {
            let told = free[&known.value.key].as_ref().expect("availability").value.offers.clone();
            told.into_iter().map(move |offer| (known.value.clone(), offer))
        });
        offers.collect()
    }

    /// How many calls the vendor has seen.
    pub(crate) fn calls(&self) -> usize {
        self.running.stage.log.all().len()
    }

    /// Sets the rules by which calls fail.
    pub(crate) fn fail(&self, rules: Vec<Rule>) {
        self.running.stage.faults.clear();
        self.running.stage.faults.add(Scenario { rules });
    }

    /// Changes the vendor's world.
    pub(crate) fn twist(&self, what: &str, id: Option<&str>, value: Value) {
        let twist = Twist { what: what.to_owned(), id: id.map(str::to_owned), value };
        self.running.stage.twist(&twist).expect("a twist that is understood");
    }
}

/// The tickets of an order among the holdings of an emulator that open the gate, each under every name that the vendor has for it.
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
    struct Fixed;
    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            "2026-11-21T12:00:00Z".parse().expect("an instant")
        }
    }
    Arc::new(SandboxClock::new(Arc::new(Fixed)))
}

/// A stanza whose `base_url` is only the path behind the emulator's address.
pub(crate) fn stanza(id: &str, path: &str, zone: &str, currency: &str, own: &str) -> Stanza {
    Stanza {
        id: SourceId::new(id),
        environment: Environment::Sandbox,
        base_url: path.to_owned(),
        institution: id.to_owned(),
        time_zone: TimeZone::get(zone).expect("a zone"),
        currency: Some(currency.parse().expect("a currency")),
        own: own.parse().expect("the vendor's own keys"),
    }
}

/// The ids that a venue gives to its reseller.
pub(crate) const ACME_IDS: &str = "tenant_id = 412\norganization_id = 5120";

/// ACME with another key, or other settings.
pub(crate) async fn acme_with(key: &str, more: &str) -> Bench {
    let clock = fixed_clock();
    let emulator = Acme::new(Arc::clone(&clock), None, false);
    Bench::raise("acme", clock, emulator, acme_stanza(key, more)).await
}

/// The settings of ACME's emulated venue.
pub(crate) fn acme_stanza(key: &str, more: &str) -> Stanza {
    stanza("harbor", "", "America/New_York", "USD", &format!("api_key = \"{key}\"\n{more}"))
}

async fn ticketing() -> Bench {
    ticketing_with(ADMINISTRATOR_KEY, &settlement()).await
}

/// A card of the emulated host that is good.
pub(crate) fn settlement() -> String {
    let card = r#"{"number":"4111111111111111","cvv":"123","expiryDate":"12/39","name":"Quay Nights","address1":"1 Quay Street","city":"Port of Spain","district":"Port of Spain","country":"TT"}"#;
    format!("settlement = {{ instrument = '{card}' }}")
}

/// TickeTing with another key, or more settings.
pub(crate) async fn ticketing_with(key: &str, more: &str) -> Bench {
    let clock = fixed_clock();
    let emulator = TicketingSandbox::new(Arc::clone(&clock), None, false);
    Bench::raise("ticketing", clock, emulator, ticketing_stanza(key, more)).await
}

/// The settings of TickeTing's emulated host.
pub(crate) fn ticketing_stanza(key: &str, more: &str) -> Stanza {
    let own = format!("host = \"{HOST}\"\napi_key = \"{key}\"\n{more}");
    stanza("quay", "/v3", "America/Port_of_Spain", "TTD", &own)
}

/// An institution of SecuTix over one of its transports.
pub(crate) async fn secutix(institution: &str, transport: &str) -> Bench {
    secutix_with(institution, &format!("transport = \"{transport}\"")).await
}

/// An institution of SecuTix with more settings.
pub(crate) async fn secutix_with(institution: &str, more: &str) -> Bench {
    let clock = fixed_clock();
    let emulator = Secutix::new(Arc::clone(&clock), None, false);
    Bench::raise("secutix", clock, emulator, secutix_stanza(institution, more)).await
}

/// The settings of an emulated institution.
pub(crate) fn secutix_stanza(institution: &str, more: &str) -> Stanza {
    let (zone, currency) = if institution == "OPERA" { ("Europe/Zurich", "CHF") } else { ("Europe/Paris", "EUR") };
    let password = format!("{}-sandbox-password", institution.to_lowercase());
    let own =
        format!("login = \"{institution}_DGTK\"\npassword = \"{password}\"\ncontact_reference = \"1000042\"\n{more}");
    stanza(&institution.to_lowercase(), "", zone, currency, &own)
}

/// A budget that never runs out.
pub(crate) struct Unlimited;

#[async_trait]
impl Budget for Unlimited {
    async fn take(&self, _: bool) -> Result<(), Duration> {
        Ok(())
    }
    fn pause(&self, _: Duration) {}
    fn remaining(&self) -> Option<u32> {
        None
    }
}

/// A source that is always well.
struct Healthy;

#[async_trait]
impl Health for Healthy {
    fn report(&self) -> HealthReport {
        HealthReport {
            state: HealthState::Up,
            since: Timestamp::UNIX_EPOCH,
            throttled: false,
            last_success_at: None,
            last_failure_at: None,
            remaining_budget: None,
        }
    }

    async fn changed(&self, _: &HealthReport) -> HealthReport {
        std::future::pending().await
    }
}
