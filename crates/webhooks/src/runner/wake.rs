//! Wakes the runner, after a webhook was created or changed.

use std::sync::Arc;

use tokio::sync::Notify;

/// Wakes the runner of this process. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// Makes the runner look for webhooks at once.
    pub fn wake(&self) {
        self.0.notify_one();
    }

    pub(super) async fn woken(&self) {
        self.0.notified().await;
    }
}
