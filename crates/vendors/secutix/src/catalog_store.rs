//! The catalog as it is kept over restarts and shared by replicas, and the interval between two requests for it: one call of
//! `getCatalogDetailed` in ten minutes is documented (`secutix.md §2.8`), whoever at the institution makes it.

use std::sync::Arc;
use std::time::Duration;

use domain::time::earlier;
use domain::{Clock, Snapshot, StoreError};
use jiff::Timestamp;
use parking_lot::Mutex;
use vendor_api::KeptSnapshots;

use crate::facts::Facts;

/// Time between two looks for a catalog that another process is reading.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Time after which the vendor has forgotten a request whose result was not fetched (INFERRED).
const MAX_PENDING: Duration = Duration::from_secs(30 * 60);
/// Number of such looks.
const MAX_LOOKS: u32 = 20;

/// Turn of a request of the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It may be sent, and was recorded.
    Claimed,
    /// It may be sent, and was not recorded: it is a poll that does not count.
    NotCounted,
    /// It may be sent only after this time.
    After(Duration),
}

/// Keeps the catalog. Without a store, or while it fails, it keeps the interval for this process only.
pub(crate) struct CatalogStore {
    kept: Option<KeptSnapshots>,
    min_interval: Duration,
    polls_count: bool,
    clock: Arc<dyn Clock>,
    requested_at: Mutex<Option<Timestamp>>,
    /// Vendor's id of a request whose result is not there yet, and the time at which it was learned.
    pending: Mutex<Option<(i64, Timestamp)>>,
}

impl CatalogStore {
    /// Creates the store for catalogs that may be requested as rarely as the facts say.
    pub(crate) fn new(kept: Option<KeptSnapshots>, facts: &Facts, clock: Arc<dyn Clock>) -> Self {
        Self {
            kept,
            min_interval: facts.catalog_min_interval,
            polls_count: facts.catalog_poll_counts,
            clock,
            requested_at: Mutex::default(),
            pending: Mutex::default(),
        }
    }

    /// Returns the kept catalog.
    pub(crate) async fn load(&self) -> Option<Snapshot> {
        let kept = self.kept.as_ref()?;
        or_report(kept.store.load_snapshot(&name(&kept.account)).await).flatten()
    }

    /// Waits for a catalog that another process may be reading now.
    pub(crate) async fn wait_for_other(&self) -> Option<Snapshot> {
        self.kept.as_ref()?;
        for _ in 0..MAX_LOOKS {
            tokio::time::sleep(LOOK_INTERVAL).await;
            if let Some(snapshot) = self.load().await {
                return Some(snapshot);
            }
        }
        None
    }

    /// Keeps a catalog.
    pub(crate) async fn save(&self, snapshot: &Snapshot) {
        if let Some(kept) = &self.kept {
            or_report(kept.store.save_snapshot(&name(&kept.account), snapshot).await);
        }
    }

    /// Records a request of the catalog, unless it is a poll that does not count as one.
    pub(crate) async fn claim(&self, pending: Option<i64>) -> Turn {
        if pending.is_some() && !self.polls_count {
            return Turn::NotCounted;
        }
        let now = self.clock.now();
        // A time in the future is that of a clock that was off.
        let requested_at = self.requested_at.lock().filter(|requested_at| *requested_at <= now);
        let own = requested_at.map_or(Duration::ZERO, |requested_at| {
            let passed: Duration = now.duration_since(requested_at).try_into().unwrap_or(Duration::ZERO);
            self.min_interval.saturating_sub(passed)
        });
        if !own.is_zero() {
            return Turn::After(own);
        }
        if let Some(kept) = &self.kept
            && let Some(Some(wait)) =
                or_report(kept.store.claim_request(&name(&kept.institution), self.min_interval, now).await)
        {
            return Turn::After(wait);
        }
        *self.requested_at.lock() = Some(now);
        Turn::Claimed
    }

    /// Forgets the request of the catalog that had this turn, because it was not sent or found the vendor unavailable. That the latter
    /// does not count is INFERRED; if it does, the vendor refuses the next one, which is not forgotten. One that had no turn of its own
    /// leaves the claim of the request that it polls, which may be that of another process.
    pub(crate) async fn release(&self, turn: Turn) {
        if turn != Turn::Claimed {
            return;
        }
        *self.requested_at.lock() = None;
        if let Some(kept) = &self.kept {
            or_report(kept.store.release_request(&name(&kept.institution)).await);
        }
    }

    /// Returns the vendor's id of a request whose result is not there yet.
    pub(crate) async fn pending(&self) -> Option<i64> {
        let oldest = earlier(self.clock.now(), MAX_PENDING);
        let own = self.pending.lock().filter(|(_, since)| *since >= oldest).map(|(id, _)| id);
        let Some(kept) = self.kept.as_ref() else { return own };
        or_report(kept.store.pending_request(&name(&kept.account), oldest).await).unwrap_or(own)
    }

    /// Keeps the vendor's id of a request whose result is not there yet, or forgets it.
    pub(crate) async fn set_pending(&self, id: Option<i64>) {
        *self.pending.lock() = id.map(|id| (id, self.clock.now()));
        if let Some(kept) = &self.kept {
            or_report(kept.store.save_pending_request(&name(&kept.account), id, self.clock.now()).await);
        }
    }
}

fn name(of: &str) -> String {
    format!("secutix catalog {of}")
}

/// A store that fails costs no catalog.
fn or_report<T>(result: Result<T, StoreError>) -> Option<T> {
    result.inspect_err(|error| tracing::warn!(%error, "the kept catalog cannot be read or written")).ok()
}
