//! What every part of the room of orders works with.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bus::ChangeBus;
use crate::create::SellingAccounts;
use crate::ledger::Ledger;
use crate::rules::Rules;
use domain::{Clock, Source, SourceId};

pub(crate) struct Shared {
    pub sources: HashMap<SourceId, Source>,
    pub ledger: Arc<dyn Ledger>,
    pub bus: Arc<dyn ChangeBus>,
    pub clock: Arc<dyn Clock>,
    pub accounts: Arc<dyn SellingAccounts>,
    pub rules: Rules,
    /// Every task of this room.
    pub tasks: TaskTracker,
    /// No new steps are begun.
    pub stop: CancellationToken,
}
