//! Context shared by all parts of the delivery service.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::channel::Channel;
use crate::notice::StreamNotices;
use crate::store::DeliveryStore;
use crate::worker::ChannelWorker;
use domain::Clock;
use domain::StoreError;
use orders::Orders;

/// Timeout of an app call.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// Lease of a channel without writes. Longer than [`CALL_TIMEOUT`].
pub(crate) const CHANNEL_LEASE: Duration = Duration::from_secs(180);
/// Longest wait of a request for a busy channel.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// Channel with the lock of its local runner.
pub(crate) struct ChannelSlot {
    pub channel: Channel,
    pub lock: Mutex<()>,
}

pub(crate) struct DeliveryContext {
    pub channels: Vec<Arc<ChannelSlot>>,
    pub orders: Orders,
    pub store: Arc<dyn DeliveryStore>,
    pub clock: Arc<dyn Clock>,
    /// Notices to the operator, if there is a destination.
    pub notices: Option<StreamNotices>,
    /// Tracks every spawned task.
    pub tasks: TaskTracker,
    /// Canceled when no new step may start.
    pub stop: CancellationToken,
}

impl DeliveryContext {
    /// Runs `work` exclusively, by a lock in this process and a lease among replicas. `None` if another runner owns
    /// the channel.
    pub(crate) async fn with_lease<T>(
        &self,
        slot: &ChannelSlot,
        work: impl AsyncFnOnce(&ChannelWorker<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let Ok(_gate) = tokio::time::timeout(LOCK_TIMEOUT, slot.lock.lock()).await else { return Ok(None) };
        let lease = self.store.claim(&slot.channel.app.id, self.clock.now(), CHANNEL_LEASE).await?;
        let Some(lease) = lease else { return Ok(None) };
        let worker = ChannelWorker { context: self, channel: &slot.channel, lease };
        let result = work(&worker).await;
        // An unreleased lease ends by itself, so the result still counts.
        if let Err(error) = self.store.release(&worker.lease).await {
            tracing::warn!(%error, channel = slot.channel.app.id, "could not release the lease of a delivery channel");
        }
        result.map(Some)
    }
}
