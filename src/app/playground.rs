//! The emulated vendors, raised beside the server or alone.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::task::TaskTracker;

use crate::config::Config;
use domain::Clock;
use emulators::{Options, Sandbox, Scenario};

/// The first of the four ports that `ticketgraph sandbox` listens on, and that the built-in sandbox prefers.
const FIRST_PORT: u16 = 4101;

/// How the emulated vendors are raised.
pub struct Playground {
    /// The loopback address to listen on.
    pub listen: IpAddr,
    /// Where the vendors remember what they sold; `None`: in memory only.
    pub folder: Option<PathBuf>,
    /// Whether the vendors' published request limits are enforced.
    pub limits_requests: bool,
    /// Faults that are set from the start.
    pub scenario: Scenario,
}

impl Playground {
    /// Raises the vendors on their fixed ports, or on free ones where those are taken.
    pub async fn raise(self, clock: Arc<dyn Clock>, tracker: TaskTracker) -> std::io::Result<Sandbox> {
        let options = Options {
            listen: self.listen,
            first_port: Some(FIRST_PORT),
            clock,
            folder: self.folder,
            scenario: self.scenario,
            limits_requests: self.limits_requests,
            tracker,
        };
        Sandbox::raise(options).await
    }
}

/// Points the sources and channels of the built-in configuration at the emulators.
pub fn point_at(config: &mut Config, sandbox: &Sandbox) {
    for settings in config.sources.values_mut() {
        if let Some(base) = sandbox.base_url(&settings.vendor) {
            settings.stanza.base_url = base;
        }
    }
    for settings in config.deliveries.values_mut() {
        if let Some(base) = sandbox.base_url(&settings.app) {
            settings.channel.url = base;
        }
    }
}

/// Raises the vendors alone and keeps them until the process is told to stop.
pub async fn run_sandbox(playground: Playground) -> std::io::Result<()> {
    let tracker = TaskTracker::new();
    let sandbox = playground.raise(Arc::new(domain::SystemClock), tracker.clone()).await?;
    for (name, base) in sandbox.addresses() {
        tracing::info!(vendor = name, address = base, "an emulated vendor listens");
    }
    super::start::told_to_stop().await;
    Ok(())
}
