//! Options of the commands.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use crate::app::reload::ConfigLoader;

/// Options of `serve`.
#[derive(Default, Clone)]
pub struct ServeOptions {
    /// Overrides `[server] listen`.
    pub listen: Option<SocketAddr>,
    /// Overrides the folder of the built-in sandbox's files.
    pub data: Option<PathBuf>,
    /// Renders the metrics.
    pub metrics: Option<Arc<dyn Fn() -> String + Send + Sync>>,
    /// Loads the configuration again on SIGHUP.
    pub loader: Option<ConfigLoader>,
    /// Disables the request limits of the built-in sandbox's vendors.
    pub unlimited: bool,
    /// Folder to record masked samples of all exchanges with vendors into.
    pub record: Option<PathBuf>,
}

/// Options of `replay`.
#[derive(Debug, Clone)]
pub struct ReplayOptions {
    /// Folder of the recording.
    pub folder: PathBuf,
    /// Address of the first source; the others follow on the next ports. Port 0: each on a free port.
    pub listen: SocketAddr,
}

/// Options of `sandbox`.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// Address to listen on.
    pub listen: IpAddr,
    /// First of the vendors' ports, which must all be available. `None`: the usual ports, or free ones.
    pub first_port: Option<u16>,
    /// File with the faults from the start.
    pub scenario: Option<PathBuf>,
    /// Enforces the request limits that the vendors document.
    pub limits_requests: bool,
}
