//! Emulated vendors, served in each vendor's wire format over HTTP on loopback, for demos, tests and benchmarks.
//!
//! Every emulator runs on a [`Stage`]: the listener, fault rules, the call log, an adjustable clock, and the control endpoints under
//! `/_emu/`. A JSON store keeps the emulator's state, on disk if a folder is configured, so that the emulated vendors survive a
//! restart of the process like real ones.

pub mod acme;
mod clock;
mod control;
mod faults;
mod json_store;
mod latest;
mod log;
pub mod octo;
mod past_sales;
pub mod secutix;
mod stage;
pub mod ticketing;
pub mod tixngo;

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use domain::Clock;

pub use acme::AcmeEmulator;
pub use clock::SandboxClock;
pub use faults::{Fault, FaultRules, Rule, Scenario, StateChange};
pub use log::{CallLog, LoggedCall};
pub use octo::OctoEmulator;
pub use past_sales::{PastEnd, PastItem, PastOffer, PastReceipt, PastSale, PastSales, PastTicket, PastTicketType};
pub use secutix::SecutixEmulator;
pub use stage::{Emulator, RunningEmulator, Stage};
pub use ticketing::TicketingEmulator;
pub use tixngo::TixngoEmulator;

/// Configuration of a sandbox.
pub struct Options {
    /// Loopback address to listen on.
    pub listen: IpAddr,
    /// First of the fixed ports, one per vendor. `None` selects free ports. A fixed port in use is replaced by a free one.
    pub first_port: Option<u16>,
    /// Fails if one of these ports is not available, instead of using a free one.
    pub requires_ports: bool,
    /// Clock that the emulators' clocks are based on.
    pub clock: Arc<dyn Clock>,
    /// Folder for the emulators' state. `None` keeps it in memory.
    pub folder: Option<PathBuf>,
    /// Initial faults.
    pub scenario: Scenario,
    /// Request limits that the emulators enforce.
    pub request_limits: RequestLimits,
    /// Tracks the emulators' tasks.
    pub tracker: TaskTracker,
}

/// The running emulators. Dropping it stops them.
pub struct Sandbox {
    running: Vec<(&'static Row, RunningEmulator)>,
}

impl Sandbox {
    /// Starts every emulator.
    pub async fn start(options: Options) -> std::io::Result<Self> {
        let clock = Arc::new(SandboxClock::new(Arc::clone(&options.clock)));
        let mut running = Vec::with_capacity(EMULATORS.len());
        for (row, port_offset) in EMULATORS.iter().zip(0_u16..) {
            let emulator = (row.create)(Arc::clone(&clock), options.folder.as_deref(), options.request_limits);
            let stage = Stage::new(emulator, Arc::clone(&clock));
            stage.faults.add(options.scenario.clone());
            let fixed = options.first_port.and_then(|first| first.checked_add(port_offset));
            let listener = bind(row.name, options.listen, fixed, options.requires_ports).await?;
            running.push((row, stage.run(listener, &options.tracker)?));
        }
        Ok(Self { running })
    }

    /// Returns the stage of a vendor.
    pub fn stage(&self, name: &str) -> Option<&Arc<Stage>> {
        self.find(name).map(|(_, running)| &running.stage)
    }

    /// Returns the base URL of a vendor or app, as written in a configuration.
    pub fn base_url(&self, name: &str) -> Option<String> {
        self.find(name).map(|(row, running)| row.base_url(running))
    }

    /// Returns every vendor with its base URL.
    pub fn addresses(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.running.iter().map(|(row, running)| (row.name, row.base_url(running)))
    }

    /// Returns the URL of a vendor's control endpoint; empty for an unknown vendor.
    pub fn control_url(&self, name: &str, endpoint: &str) -> String {
        let prefix =
            |(_, running): &(&Row, RunningEmulator)| format!("{}{}", running.base_url(), control::CONTROL_PREFIX);
        self.find(name).map_or_else(String::new, |found| format!("{}{endpoint}", prefix(found)))
    }

    fn find(&self, name: &str) -> Option<&(&'static Row, RunningEmulator)> {
        self.running.iter().find(|(row, _)| row.name == name)
    }
}

/// Request limits that emulators enforce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RequestLimits {
    /// Those that a vendor documents.
    #[default]
    Documented,
    /// Also assumed ones of vendors that document none.
    Assumed,
    /// None.
    Unlimited,
}

/// Creates an emulator from its clock, its folder, and the request limits that it enforces.
type CreateEmulator = fn(Arc<SandboxClock>, Option<&Path>, RequestLimits) -> Arc<dyn Emulator>;

/// A row of the table of emulators.
struct Row {
    /// Name in configurations, fault rules, log lines and file names.
    name: &'static str,
    /// Part of the base URL that belongs to the vendor, not to the host.
    base_path: &'static str,
    /// Constructor.
    create: CreateEmulator,
}

impl Row {
    fn base_url(&self, running: &RunningEmulator) -> String {
        format!("{}{}", running.base_url(), self.base_path)
    }
}

/// All emulators, in the order of their fixed ports.
const EMULATORS: [Row; 5] = [
    Row {
        name: "acme",
        base_path: "",
        create: |clock, folder, limits| AcmeEmulator::new(clock, folder, limits == RequestLimits::Assumed),
    },
    Row {
        name: "secutix",
        base_path: "",
        create: |clock, folder, limits| SecutixEmulator::new(clock, folder, limits != RequestLimits::Unlimited),
    },
    Row { name: "ticketing", base_path: "/v3", create: |clock, folder, _| TicketingEmulator::new(clock, folder) },
    Row {
        name: "tixngo",
        base_path: "/v3/organizer/tickets",
        create: |clock, folder, limits| TixngoEmulator::new(clock, folder, limits == RequestLimits::Assumed),
    },
    Row {
        name: "octo",
        base_path: "/octo",
        create: |clock, folder, limits| OctoEmulator::new(clock, folder, limits == RequestLimits::Assumed),
    },
];

/// Creates an emulator with its state in memory and without request limits; `None` for an unknown name.
pub fn create_emulator(name: &str, clock: Arc<SandboxClock>) -> Option<Arc<dyn Emulator>> {
    EMULATORS.iter().find(|row| row.name == name).map(|row| (row.create)(clock, None, RequestLimits::Unlimited))
}

/// Listens on a port, or on a free one if it is taken and not required.
async fn bind(vendor: &str, listen: IpAddr, fixed: Option<u16>, is_required: bool) -> std::io::Result<TcpListener> {
    let Some(port) = fixed else { return TcpListener::bind((listen, 0)).await };
    match TcpListener::bind((listen, port)).await {
        Ok(listener) => Ok(listener),
        Err(error) if is_required => {
            Err(std::io::Error::new(error.kind(), format!("port {port} for {vendor} is not available: {error}")))
        }
        Err(error) => {
            tracing::warn!(vendor, port, %error, "the usual port is not available: the vendor listens on a free one");
            TcpListener::bind((listen, 0)).await
        }
    }
}

impl Options {
    /// Options for tests: free ports, state in memory, no faults, the documented request limits.
    pub fn for_tests(clock: Arc<dyn Clock>, tracker: TaskTracker) -> Self {
        Self {
            listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
            first_port: None,
            requires_ports: false,
            clock,
            folder: None,
            scenario: Scenario::default(),
            request_limits: RequestLimits::Documented,
            tracker,
        }
    }
}
