//! Context shared by all parts of the order service.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bus::ChangeBus;
use crate::hints::PendingHints;
use crate::pauses::SourcePauses;
use crate::planner::SellingAccounts;
use crate::settings::OrderSettings;
use crate::store::OrderStore;
use domain::{Clock, Source, SourceId};

pub(crate) struct OrdersContext {
    pub sources: HashMap<SourceId, Source>,
    pub store: Arc<dyn OrderStore>,
    /// Paused sources.
    pub pauses: SourcePauses,
    /// Hints of vendors that wait.
    pub hints: PendingHints,
    pub bus: Arc<dyn ChangeBus>,
    pub clock: Arc<dyn Clock>,
    pub accounts: Arc<dyn SellingAccounts>,
    pub settings: Arc<OrderSettings>,
    /// Tracks every spawned task.
    pub tasks: TaskTracker,
    /// Canceled when no new step may start.
    pub stop: CancellationToken,
}
