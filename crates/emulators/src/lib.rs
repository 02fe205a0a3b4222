//! The emulated vendors: they speak each vendor's wire over real HTTP on loopback, for demos, tests and benchmarks alike.
//!
//! Every emulator stands on a [`stage`]: the listener, the fault desk, the call log, a clock that can be moved, and the control
//! addresses under `/_emu/`. What an emulator must remember is kept by a [`keeper`], on disk where a folder is given, so that the
//! vendors of a sandbox survive the death of the process as real ones would.

pub mod acme;
pub mod clock;
pub mod control;
pub mod faults;
pub mod keeper;
pub mod log;
pub mod secutix;
pub mod stage;
pub mod ticketing;
pub mod tixngo;

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use domain::Clock;

pub use acme::Acme;
pub use clock::SandboxClock;
pub use faults::{Fault, Rule, Scenario};
pub use keeper::Keeper;
pub use secutix::Secutix;
pub use stage::{Emulator, Running, Stage};
pub use ticketing::TicketingSandbox;
pub use tixngo::Tixngo;

/// How a sandbox is set up.
pub struct Options {
    /// The loopback address to listen on.
    pub listen: IpAddr,
    /// The first of the fixed ports; `None`: any free ones. A fixed port that is taken is replaced by a free one.
    pub first_port: Option<u16>,
    /// The time of day that the emulators start from.
    pub clock: Arc<dyn Clock>,
    /// Where the emulators remember what they sold; `None`: in memory only.
    pub folder: Option<PathBuf>,
    /// Faults that are set from the start.
    pub scenario: Scenario,
    /// Whether the vendors' published request limits are enforced.
    pub limits_requests: bool,
    /// Owns the tasks of the emulators.
    pub tracker: TaskTracker,
}

/// The emulated vendors, running. They stop when this is dropped.
pub struct Sandbox {
    running: Vec<(&'static str, Running)>,
}

impl Sandbox {
    /// Raises every vendor.
    pub async fn raise(options: Options) -> std::io::Result<Self> {
        let clock = Arc::new(SandboxClock::new(Arc::clone(&options.clock)));
        let emulators = emulators(&clock, &options);
        let mut running = Vec::with_capacity(emulators.len());
        for (place, emulator) in emulators.into_iter().enumerate() {
            let name = emulator.name();
            let stage = Stage::new(emulator, Arc::clone(&clock));
            stage.faults.add(options.scenario.clone());
            let fixed = options.first_port.and_then(|first| first.checked_add(u16::try_from(place).ok()?));
            let listener = bind(options.listen, fixed).await?;
            running.push((name, stage.run(listener, &options.tracker)?));
        }
        Ok(Self { running })
    }

    /// The stage of one vendor.
    pub fn stage(&self, name: &str) -> Option<&Arc<Stage>> {
        self.find(name).map(|running| &running.stage)
    }

    /// What a configuration writes as the address of a vendor or an app.
    pub fn base_url(&self, name: &str) -> Option<String> {
        self.find(name).map(|running| format!("{}{}", running.base_url(), suffix(name)))
    }

    /// Every vendor and its address.
    pub fn addresses(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.running.iter().map(|(name, running)| (*name, format!("{}{}", running.base_url(), suffix(name))))
    }

    /// A control address of one vendor.
    pub fn control(&self, name: &str, what: &str) -> String {
        self.find(name).map_or_else(String::new, |running| format!("{}{}{what}", running.base_url(), control::PREFIX))
    }

    fn find(&self, name: &str) -> Option<&Running> {
        self.running.iter().find(|(own, _)| *own == name).map(|(_, running)| running)
    }
}

/// All emulators, in the order of their fixed ports.
fn emulators(clock: &Arc<SandboxClock>, options: &Options) -> Vec<Arc<dyn Emulator>> {
    let (folder, limits) = (options.folder.as_deref(), options.limits_requests);
    vec![
        Acme::new(Arc::clone(clock), folder, limits),
        Secutix::new(Arc::clone(clock), folder, limits),
        TicketingSandbox::new(Arc::clone(clock), folder, limits),
        Tixngo::new(Arc::clone(clock), folder, limits),
    ]
}

/// The part of a base address that belongs to the vendor, not to the host.
fn suffix(name: &str) -> &'static str {
    match name {
        "ticketing" => "/v3",
        "tixngo" => "/v3/organizer/tickets",
        _ => "",
    }
}

/// A fixed port where it is free, any free one otherwise.
async fn bind(listen: IpAddr, fixed: Option<u16>) -> std::io::Result<TcpListener> {
    if let Some(port) = fixed
        && let Ok(listener) = TcpListener::bind((listen, port)).await
    {
        return Ok(listener);
    }
    TcpListener::bind((listen, 0)).await
}

impl Options {
    /// Free ports, nothing on disk, no faults, no request limits.
    pub fn for_tests(clock: Arc<dyn Clock>, tracker: TaskTracker) -> Self {
        Self {
            listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
            first_port: None,
            clock,
            folder: None,
            scenario: Scenario::default(),
            limits_requests: false,
            tracker,
        }
    }
}
