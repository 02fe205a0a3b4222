//! Stands in for the emulated vendors in a binary without the feature `sandbox`.

use std::path::Path;
use std::sync::Arc;

use domain::Clock;
use orders::Orders;
use store_sql::Stores;
use tokio_util::task::TaskTracker;

use crate::app::error::StartError;
use crate::app::options::SandboxOptions;
use crate::config::Config;

/// There is no sandbox.
pub(super) enum RunningSandbox {}

/// Fails: there is no sandbox.
pub(super) async fn start_sandbox(
    _: &mut Config,
    _: Option<&Path>,
    _: bool,
    _: &Arc<dyn Clock>,
    _: &TaskTracker,
) -> Result<RunningSandbox, StartError> {
    Err(StartError::NoSandbox)
}

/// Fails: there is no sandbox.
pub async fn run_sandbox(_: SandboxOptions) -> Result<(), StartError> {
    Err(StartError::NoSandbox)
}

/// Makes no orders: there is no sandbox.
pub(super) async fn make_history(
    _: &Config,
    _: Option<&RunningSandbox>,
    _: &Orders,
    _: &Stores,
    _: &dyn Clock,
) -> Result<bool, StartError> {
    Ok(false)
}

/// Never called.
pub(super) fn log_sandbox(_: &Config, sandbox: &RunningSandbox) {
    match *sandbox {}
}
