//! What every part of the room of deliveries works with.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::channel::Channel;
use crate::ledger::DeliveryLedger;
use crate::work::Work;
use domain::Clock;
use orders::rules::later;
use orders::{LedgerError, Orders};

/// The numbers that deliveries go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryRules {
    /// When a call of an app is given up.
    pub call_limit: Duration,
    /// How long a runner owns a channel without writing. Above `call_limit`.
    pub lease: Duration,
    /// How long a request waits for a channel on which others work.
    pub patience: Duration,
}

impl Default for DeliveryRules {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { call_limit: seconds(60), lease: seconds(180), patience: seconds(10) }
    }
}

/// A channel, and who works on it in this process.
pub(crate) struct Lane {
    pub channel: Channel,
    pub gate: Mutex<()>,
}

pub(crate) struct Shared {
    pub lanes: Vec<Arc<Lane>>,
    pub orders: Orders,
    pub ledger: Arc<dyn DeliveryLedger>,
    pub clock: Arc<dyn Clock>,
    pub rules: DeliveryRules,
    /// Every task of this room.
    pub tasks: TaskTracker,
    /// No new steps are begun.
    pub stop: CancellationToken,
}

impl Shared {
    /// Works on a channel alone: here by a gate, among replicas by a lease. None: another works on it.
    pub async fn alone<T>(
        &self,
        lane: &Lane,
        work: impl AsyncFnOnce(&Work<'_>) -> Result<T, LedgerError>,
    ) -> Result<Option<T>, LedgerError> {
        let Ok(_gate) = tokio::time::timeout(self.rules.patience, lane.gate.lock()).await else { return Ok(None) };
        let now = self.clock.now();
        let claimed = self.ledger.claim(&lane.channel.app.id, now, later(now, self.rules.lease)).await?;
        let Some(lease) = claimed else { return Ok(None) };
        let ours = Work { shared: self, channel: &lane.channel, lease };
        let done = work(&ours).await;
        // A lease that cannot be given back lapses by itself; what was done counts.
        if let Err(error) = self.ledger.give_up(&ours.lease).await {
            tracing::warn!(%error, channel = lane.channel.app.id, "a delivery channel could not be given back");
        }
        done.map(Some)
    }
}
