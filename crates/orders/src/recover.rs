//! Recovery: leases unowned orders with a due timer, at start and periodically.
//!
//! One mechanism covers crashes, expiring holds, lookups and retries: a due timer.

use std::sync::Arc;
use std::time::Duration;

use crate::context::OrdersContext;
use crate::periodic::every;
use crate::saga;
use domain::StoreError;
use domain::time::earlier;

/// Largest number of orders leased per query.
const CLAIM_BATCH_SIZE: usize = 50;

/// Resumes every due order in its own task and returns their number.
pub(crate) async fn claim_due_orders(context: &Arc<OrdersContext>) -> Result<usize, StoreError> {
    let mut taken = 0;
    loop {
        if context.stop.is_cancelled() {
            return Ok(taken);
        }
        let leases = context.store.claim(context.clock.now(), context.settings.lease, CLAIM_BATCH_SIZE).await?;
        let is_last = leases.len() < CLAIM_BATCH_SIZE;
        taken += leases.len();
        for lease in leases {
            context.tasks.spawn(saga::resume(Arc::clone(context), lease));
        }
        if is_last {
            return Ok(taken);
        }
    }
}

/// Interval between prunings of idempotency records.
const PRUNE_INTERVAL: Duration = Duration::from_secs(3600);

/// Deletes expired idempotency records periodically until the process stops.
pub(crate) async fn prune_idempotency_records_periodically(context: Arc<OrdersContext>) {
    let ttl = context.settings.idempotency_ttl;
    let prune = || async {
        match context.store.prune_idempotency_records(earlier(context.clock.now(), ttl)).await {
            Ok(0) => {}
            Ok(records) => tracing::info!(records, "deleted expired idempotency records"),
            Err(error) => tracing::error!(%error, "could not delete expired idempotency records"),
        }
    };
    every(PRUNE_INTERVAL.min(ttl), context.stop.clone(), prune).await;
}

/// Resumes due orders periodically until the process stops.
pub(crate) async fn claim_due_orders_periodically(context: Arc<OrdersContext>) {
    let claim = || async {
        if let Err(error) = claim_due_orders(&context).await {
            tracing::error!(%error, "could not claim due orders");
        }
    };
    // Before the first call: a source that is stopped gets none.
    while let Err(error) = context.pauses.load(&context).await {
        tracing::error!(%error, "paused sources could not be read");
        tokio::select! {
            () = context.stop.cancelled() => return,
            () = tokio::time::sleep(context.settings.poll_interval) => {}
        }
    }
    every(context.settings.poll_interval, context.stop.clone(), claim).await;
}
