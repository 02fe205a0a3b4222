//! Set-up of a command that calls vendors without serving.

use std::sync::Arc;

use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::app::error::StartError;
use crate::app::sandbox::{RunningSandbox, start_sandbox};
use crate::app::sources::Infrastructure;
use crate::app::start::build_infrastructure;
use crate::config::Config;
use domain::{Clock, SystemClock};

/// Infrastructure of a command. Dropping it stops what it started.
pub(super) struct CommandRun {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) tracker: TaskTracker,
    pub(super) infrastructure: Infrastructure,
    _stop: DropGuard,
    _sandbox: Option<RunningSandbox>,
}

impl CommandRun {
    /// Builds the infrastructure. With the built-in configuration the emulated vendors are started first, in memory only.
    pub(super) async fn start(config: &mut Config) -> Result<Self, StartError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
        let sandbox =
            if config.built_in { Some(start_sandbox(config, None, false, &clock, &tracker).await?) } else { None };
        let infrastructure = build_infrastructure(config, &clock, &tracker, &stop)?;
        Ok(Self { clock, tracker, infrastructure, _stop: stop.drop_guard(), _sandbox: sandbox })
    }
}
