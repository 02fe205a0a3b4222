//! Positions of the change feed: given to changes after their commit, so that no order waits for the commit of another.
//!
//! A write inserts its change without a position. The sequencer, of which one runs at a time among all replicas, gives the
//! committed changes the next positions, in transactions of its own. Readers see only changes with a position, and positions are
//! committed in ascending order: no reader misses a change, however late it is committed. On PostgreSQL a pass is one message,
//! so that a sequencer that is frozen leaves no lock behind. No sequencer delays an order.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio_util::task::TaskTracker;

use crate::sql::{POSITION_BATCH, SqlDatabase};
use domain::StoreError;

/// Time for which a scheduled pass waits for more changes: the positions of all of them cost as much as those of one.
const GATHER_TIME: Duration = Duration::from_millis(10);
/// Delay before another pass after one that failed.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Gives the committed changes their positions, in passes that cover all writes and reads that asked before they began.
pub(crate) struct Sequencer {
    database: Arc<dyn SqlDatabase>,
    /// Runs the passes. A drain does not wait for them: another replica or the next start gives the positions.
    tasks: TaskTracker,
    /// Held by the pass that is running in this process.
    turn: Mutex<()>,
    /// Number of requests for a pass.
    requested: AtomicU64,
    /// Number of requests that a finished pass covers.
    covered: watch::Sender<u64>,
    /// True if a task will begin a pass.
    is_scheduled: AtomicBool,
    /// Last position of the feed that this process has seen.
    last: watch::Sender<u64>,
}

impl Sequencer {
    pub(crate) fn new(database: Arc<dyn SqlDatabase>) -> Self {
        Self {
            database,
            tasks: TaskTracker::new(),
            turn: Mutex::default(),
            requested: AtomicU64::new(0),
            covered: watch::Sender::new(0),
            is_scheduled: AtomicBool::new(false),
            last: watch::Sender::new(0),
        }
    }

    /// Returns the last position of the feed that this process has seen. Changes that are not sequenced yet come after it.
    pub(crate) fn last_seen(&self) -> u64 {
        *self.last.borrow()
    }

    /// Returns the last position of the feed that this process has seen, which wakes readers.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    /// Remembers a position of the feed.
    pub(crate) fn saw(&self, position: u64) {
        self.last.send_if_modified(|last| std::mem::replace(last, position.max(*last)) < position);
    }

    /// Requests a pass in the background and returns the number of the request. A request that comes before a scheduled pass
    /// has begun is covered by it.
    pub(crate) fn request(self: &Arc<Self>) -> u64 {
        let request = self.requested.fetch_add(1, SeqCst) + 1;
        if !self.is_scheduled.swap(true, SeqCst) {
            self.tasks.spawn(run_scheduled(Arc::downgrade(self)));
        }
        request
    }

    /// Requests a pass and waits for it, at most this long.
    pub(crate) async fn request_and_wait(self: &Arc<Self>, limit: Duration) {
        let mut covered = self.covered.subscribe();
        let request = self.request();
        let is_covered = covered.wait_for(|covered| *covered >= request);
        // A reader that waited in vain sees that the feed is not current.
        let _ = tokio::time::timeout(limit, is_covered).await;
    }

    /// Gives positions to all committed changes that have none.
    pub(crate) async fn run(&self) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        // Requests from here on need another pass; those before are covered by this one.
        self.is_scheduled.store(false, SeqCst);
        let covers = self.requested.load(SeqCst);
        loop {
            let assigned = self.database.assign_positions().await?;
            self.saw(assigned.last);
            if assigned.count < POSITION_BATCH {
                break;
            }
        }
        self.covered.send_if_modified(|covered| std::mem::replace(covered, covers.max(*covered)) < covers);
        Ok(())
    }
}

/// Runs the scheduled pass, and repeats it until it succeeds or the store is closed.
async fn run_scheduled(sequencer: Weak<Sequencer>) {
    tokio::time::sleep(GATHER_TIME).await;
    loop {
        let Some(running) = sequencer.upgrade() else { return };
        let Err(error) = running.run().await else { return };
        tracing::warn!(%error, "changes could not be added to the feed, trying again");
        // A task that was scheduled meanwhile repeats the pass.
        if running.is_scheduled.swap(true, SeqCst) {
            return;
        }
        drop(running);
        tokio::time::sleep(RETRY_DELAY).await;
    }
}
