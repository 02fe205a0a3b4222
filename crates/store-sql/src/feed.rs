//! Positions of the change feed: given to changes after their commit, so that no order waits for the commit of another.
//!
//! A write inserts its change without a position. The sequencer, of which one runs at a time among all replicas, gives the
//! committed changes the next positions, in transactions of its own. Readers see only changes with a position, and positions are
//! committed in ascending order: no reader misses a change, however late it is committed. A sequencer that is frozen delays the
//! feed until the database ends its session (`ledger.idle_transaction_timeout`); it never delays an order.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio_util::task::TaskTracker;

use crate::codec::unreadable;
use crate::sql::{SqlDatabase, SqlTransaction};
use domain::StoreError;

/// Maximum number of changes that get their positions in one transaction.
const BATCH_SIZE: u64 = 1_000;
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
    last: AtomicU64,
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
            last: AtomicU64::new(0),
        }
    }

    /// Returns the last position of the feed that this process has seen. Changes that are not sequenced yet come after it.
    pub(crate) fn last_seen(&self) -> u64 {
        self.last.load(SeqCst)
    }

    /// Remembers a position of the feed.
    pub(crate) fn saw(&self, position: u64) {
        self.last.fetch_max(position, SeqCst);
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
            let mut transaction = self.database.begin_write().await?;
            let (last, count) = assign_positions(&mut transaction, self.database.row_lock()).await?;
            transaction.commit().await?;
            self.saw(last);
            if count < BATCH_SIZE {
                break;
            }
        }
        self.covered.send_if_modified(|covered| std::mem::replace(covered, covers.max(*covered)) < covers);
        Ok(())
    }
}

/// Runs the scheduled pass, and repeats it until it succeeds or the store is closed.
async fn run_scheduled(sequencer: Weak<Sequencer>) {
    loop {
        let Some(running) = sequencer.upgrade() else { return };
        let Err(error) = running.run().await else { return };
        tracing::warn!(%error, "changes of orders could not be added to the feed, trying again");
        // A task that was scheduled meanwhile repeats the pass.
        if running.is_scheduled.swap(true, SeqCst) {
            return;
        }
        drop(running);
        tokio::time::sleep(RETRY_DELAY).await;
    }
}

/// Gives the next positions to a batch of changes. Returns the last position and the size of the batch. The lock of the feed
/// makes other sequencers wait, so that positions are committed in ascending order; no order takes it.
pub(crate) async fn assign_positions(
    transaction: &mut SqlTransaction,
    row_lock: &str,
) -> Result<(u64, u64), StoreError> {
    let row = transaction.fetch_first(&format!("SELECT last FROM feed WHERE id = 1 {row_lock}"), Vec::new()).await?;
    let last = row.ok_or_else(|| unreadable("the feed has no last cursor"))?.unsigned("last")?;
    let sql = "UPDATE changes SET cursor = sequenced.cursor FROM (\
            SELECT id, $1 + ROW_NUMBER() OVER (ORDER BY id) AS cursor FROM (\
                SELECT id FROM changes WHERE cursor IS NULL ORDER BY id LIMIT $2\
            ) AS pending\
        ) AS sequenced WHERE changes.id = sequenced.id";
    let count = transaction.execute(sql, vec![last.into(), BATCH_SIZE.into()]).await?;
    if count > 0 {
        let sql = "UPDATE feed SET last = last + $1 WHERE id = 1";
        transaction.execute(sql, vec![count.into()]).await?;
    }
    Ok((last + count, count))
}
