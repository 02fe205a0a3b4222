//! Group commit on SQLite: the changes of orders that wait for the writer share one transaction, and so one sync of the disk.
//!
//! A change that fails is rolled back to its savepoint and does not affect the others. Every change is durable before its
//! writer continues.

use std::sync::Arc;

use parking_lot::Mutex;
use sqlx::SqlitePool;
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

use crate::order_rows::OrderRows;
use crate::order_tables::{IDEMPOTENCY_KEYS, MAX_ROWS, TIMERS};
use crate::settings::LeaseClock;
use crate::sql::{SqlTransaction, SqlValue, WrittenOrder};
use crate::sqlite::{assign_all_positions, begin_immediate};
use domain::StoreError;

/// Maximum number of changes in one transaction, which bounds the time that other writers wait.
const MAX_GROUP: usize = 100;

type WriteResult = Result<WrittenOrder, StoreError>;

/// Writes the changes of orders in groups, from one task at a time.
pub(crate) struct GroupCommit {
    writer: SqlitePool,
    queue: Mutex<Queue>,
    /// Runs the task. It ends when nothing waits.
    tasks: TaskTracker,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<WaitingWrite>,
    /// True if a task will take what waits.
    has_task: bool,
}

impl Queue {
    /// Returns true if something waits. Otherwise the task ends, and the next writer starts another.
    fn has_work(&mut self) -> bool {
        self.has_task = !self.waiting.is_empty();
        self.has_task
    }

    /// Takes the next group. A caller that left before its write began gets none.
    fn take(&mut self) -> Vec<WaitingWrite> {
        self.waiting.retain(|write| !write.reply.is_closed());
        let size = self.waiting.len().min(MAX_GROUP);
        self.waiting.drain(..size).collect()
    }
}

struct WaitingWrite {
    rows: OrderRows,
    reply: oneshot::Sender<WriteResult>,
}

impl GroupCommit {
    pub(crate) fn new(writer: SqlitePool) -> Self {
        Self { writer, queue: Mutex::default(), tasks: TaskTracker::new() }
    }

    /// Writes the rows with the next group and waits for its commit.
    pub(crate) async fn write(self: &Arc<Self>, rows: OrderRows) -> WriteResult {
        let (reply, result) = oneshot::channel();
        {
            let mut queue = self.queue.lock();
            queue.waiting.push(WaitingWrite { rows, reply });
            if !std::mem::replace(&mut queue.has_task, true) {
                self.tasks.spawn(Arc::clone(self).write_groups());
            }
        }
        result.await.unwrap_or_else(|_| Err(StoreError::Failed("the writer of the ledger ended".into())))
    }

    async fn write_groups(self: Arc<Self>) {
        let mut guard = TaskGuard { queue: &self.queue, is_armed: true };
        loop {
            if !self.queue.lock().has_work() {
                guard.is_armed = false;
                return;
            }
            // What arrives while another writer is busy joins the group.
            let begun = begin_immediate(&self.writer).await;
            let group = self.queue.lock().take();
            let (writes, replies): (Vec<_>, Vec<_>) = group.into_iter().map(|write| (write.rows, write.reply)).unzip();
            let results = match begun {
                Ok(transaction) => write_group(transaction, writes).await,
                Err(error) => Err(error),
            };
            reply_all(replies, results);
        }
    }
}

/// Lets the next writer start another task if this one ends abnormally. Those that wait get an error.
struct TaskGuard<'q> {
    queue: &'q Mutex<Queue>,
    is_armed: bool,
}

impl Drop for TaskGuard<'_> {
    fn drop(&mut self) {
        if self.is_armed {
            *self.queue.lock() = Queue::default();
        }
    }
}

/// Sends each writer its result. A group that failed as a whole failed for everyone.
fn reply_all(replies: Vec<oneshot::Sender<WriteResult>>, results: Result<Vec<WriteResult>, StoreError>) {
    // A caller may have left.
    match results {
        Ok(results) => replies.into_iter().zip(results).for_each(|(reply, result)| drop(reply.send(result))),
        Err(error) => {
            let text = error_text(&error);
            replies.into_iter().for_each(|reply| drop(reply.send(Err(StoreError::Failed(text.clone().into())))));
        }
    }
}

/// Returns the message of an error with its causes.
fn error_text(error: &StoreError) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Writes a group and commits it. Returns the result of each change, or the failure of all of them.
async fn write_group(mut transaction: SqlTransaction, writes: Vec<OrderRows>) -> Result<Vec<WriteResult>, StoreError> {
    let mut fences = Vec::with_capacity(writes.len());
    for rows in writes {
        let changes = rows.change_count();
        transaction.execute("SAVEPOINT change", Vec::new()).await?;
        let fence = write_rows(&mut transaction, rows).await;
        if fence.is_err() {
            transaction.execute("ROLLBACK TO change", Vec::new()).await?;
        }
        transaction.execute("RELEASE change", Vec::new()).await?;
        fences.push(fence.map(|fence| (fence, changes)));
    }
    let written: u64 = fences.iter().flatten().map(|(_, changes)| changes).sum();
    if written == 0 {
        return Ok(fences.into_iter().map(|fence| Err(fence.err().unwrap_or(StoreError::Outdated))).collect());
    }
    // No other transaction can be committed before this one, so the positions are final.
    let last = assign_all_positions(&mut transaction).await?;
    transaction.commit().await?;
    let mut next = last.saturating_sub(written) + 1;
    let result = |fence: Result<(u64, u64), StoreError>| {
        fence.map(|(fence, changes)| {
            let position = next;
            next += changes;
            WrittenOrder { fence, position: Some(position) }
        })
    };
    Ok(fences.into_iter().map(result).collect())
}

/// Writes the rows of a change within a transaction, and returns the fencing token of the order.
pub(crate) async fn write_rows(transaction: &mut SqlTransaction, rows: OrderRows) -> Result<u64, StoreError> {
    let sql = rows.order.statement(LeaseClock::Caller);
    let is_new = rows.order.is_new;
    let row = transaction.fetch_first(&sql, rows.order.values).await?.ok_or(StoreError::Outdated)?;
    let fence = row.unsigned("fence")?;
    if let Some(record) = rows.idempotency {
        let sql = IDEMPOTENCY_KEYS.insert(1, "ON CONFLICT DO NOTHING");
        if transaction.execute(&sql, record).await? == 0 {
            return Err(StoreError::KeyTaken);
        }
    }
    if !is_new {
        let sql = format!("DELETE FROM {} WHERE order_key = $1", TIMERS.name);
        transaction.execute(&sql, vec![rows.key.into()]).await?;
    }
    for (table, mut rows) in rows.tables {
        while !rows.is_empty() {
            let rest = rows.split_off(rows.len().min(MAX_ROWS));
            let count = rows.len();
            let values: Vec<SqlValue> = rows.into_iter().flatten().collect();
            transaction.execute(&table.insert(count, table.on_conflict), values).await?;
            rows = rest;
        }
    }
    Ok(fence)
}
