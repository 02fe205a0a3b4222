//! The emulated vendors: they speak each vendor's wire over real HTTP on loopback, for demos, tests and benchmarks alike.
//!
//! Every emulator stands on a [`stage`]: the listener, the fault desk, the call log, a clock that can be moved, and the control
//! addresses under `/_emu/`. What an emulator must remember is kept by a [`keeper`], on disk where a folder is given, so that the
//! vendors of a sandbox survive the death of the process as real ones would.

pub mod clock;
pub mod control;
pub mod faults;
pub mod keeper;
pub mod log;
pub mod stage;

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::task::TaskTracker;

use crate::domain::Clock;

pub use clock::SandboxClock;
pub use faults::{Fault, Rule, Scenario};
pub use keeper::Keeper;
pub use stage::{Emulator, Running, Stage};

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
