//! The sentences on the ports, one test each, held against every vendor: its client over real HTTP against its emulator.

mod acme;
mod catalog;
mod faults;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use ticketgraph::domain::{
    Budget, Clock, Environment, EventKey, Health, HealthReport, HealthState, Source, SourceId, Stanza,
};
use ticketgraph::sandbox::faults::Twist;
use ticketgraph::sandbox::{Emulator, Running, SandboxClock, Stage};
use ticketgraph::transport::{self, Transport};
use ticketgraph::vendors::{Surroundings, VENDORS};

/// When every bench begins: a Tuesday at eight in the morning in New York.
pub const NOW: &str = "2031-05-20T12:00:00Z";
/// How long a call may take at a bench.
pub const PATIENCE: Duration = Duration::from_millis(800);

/// A clock that stands still until it is moved.
struct Fixed(Timestamp);

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// A budget without end.
struct Endless;

#[async_trait]
impl Budget for Endless {
    async fn take(&self, _: bool) -> Result<(), Duration> {
        Ok(())
    }
    fn pause(&self, _: Duration) {}
    fn remaining(&self) -> Option<u32> {
        None
    }
}

/// Always well.
struct Well(Timestamp);

impl Health for Well {
    fn report(&self) -> HealthReport {
        HealthReport {
            state: HealthState::Up,
            since: self.0,
            throttled: false,
            last_success_at: None,
            last_failure_at: None,
            remaining_budget: None,
        }
    }
}

/// What a vendor's bench names for the sentences: things that its emulator has on the day of [`NOW`].
pub struct Sample {
    /// A published event that has performances in the coming week.
    pub event: EventKey,
    /// An event hidden from ordinary lists, where the vendor has such.
    pub private: Option<EventKey>,
    /// An event not yet published, where the vendor has such.
    pub draft: Option<EventKey>,
    /// A key in the vendor's form that names nothing.
    pub absent: EventKey,
    /// Sells out a performance, by the refs that the client gives it.
    pub sell_out: fn(&HashMap<String, String>) -> Twist,
}

/// A vendor on the bench: the emulator and the source connected to it, on one clock that stands still.
pub struct Bench {
    /// The vendor's name.
    pub name: &'static str,
    /// The client.
    pub source: Source,
    /// The emulator.
    pub running: Running,
    /// The time of day of both.
    pub clock: Arc<SandboxClock>,
    /// What is there.
    pub sample: Sample,
}

impl Bench {
    /// Every vendor, each on a fresh emulator.
    pub async fn all() -> Vec<Self> {
        vec![acme::bench().await]
    }

    /// The time of day.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// A clock that stands at [`NOW`].
pub fn clock() -> Arc<SandboxClock> {
    Arc::new(SandboxClock::new(Arc::new(Fixed(NOW.parse().expect("a time")))))
}

/// Starts an emulator on a free port.
pub async fn start(emulator: Arc<dyn Emulator>, clock: &Arc<SandboxClock>) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    Stage::new(emulator, Arc::clone(clock)).run(listener, &TaskTracker::new()).expect("a stage")
}

/// The parts of a stanza that differ by vendor.
pub struct Account {
    /// `vendor = "…"`.
    pub vendor: &'static str,
    /// `institution`.
    pub institution: &'static str,
    /// `time_zone`.
    pub zone: &'static str,
    /// `currency`.
    pub currency: Option<&'static str>,
    /// The vendor's own keys.
    pub own: toml::Table,
}

/// Connects a source to an address, without a limit on calls.
pub fn connect(account: Account, base_url: String, clock: &Arc<SandboxClock>) -> Source {
    let id = SourceId::new(account.vendor);
    let stanza = Stanza {
        id: id.clone(),
        environment: Environment::Sandbox,
        base_url,
        institution: account.institution.to_owned(),
        time_zone: jiff::tz::TimeZone::get(account.zone).expect("a zone"),
        currency: account.currency.map(|code| code.parse().expect("a currency")),
        own: account.own,
    };
    let client = transport::client().expect("a client");
    let surroundings = Surroundings {
        transport: Transport::new(client, id, Arc::new(Endless), PATIENCE),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        health: Arc::new(Well(clock.now())),
    };
    let vendor = VENDORS.iter().find(|vendor| vendor.name == account.vendor).expect("a row in the table of vendors");
    assert_eq!((vendor.check)(&stanza), [], "{}", account.vendor);
    (vendor.connect)(stanza, surroundings).unwrap_or_else(|findings| panic!("{findings:?}"))
}
