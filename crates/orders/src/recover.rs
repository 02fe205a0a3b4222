//! Recovery: orders that nobody owns and that wait for something that is due are taken over, at start and ever again.
//!
//! One mechanism serves a crash, a hold that runs out, a look-up and a second try: a timer that is due.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::ledger::LedgerError;
use crate::rules::{earlier, later};
use crate::run;
use crate::shared::Shared;

/// Takes over every order that is due, each in its own task. Tells how many.
pub(crate) async fn pass(shared: &Arc<Shared>) -> Result<usize, LedgerError> {
    let mut taken = 0;
    loop {
        if shared.stop.is_cancelled() {
            return Ok(taken);
        }
        let now = shared.clock.now();
        let until = later(now, shared.rules.lease);
        let leases = shared.ledger.claim(now, until, shared.rules.poll_batch).await?;
        let is_last = leases.len() < shared.rules.poll_batch;
        taken += leases.len();
        for lease in leases {
            shared.tasks.spawn(run::take_over(Arc::clone(shared), lease));
        }
        if is_last {
            return Ok(taken);
        }
    }
}

/// How often old idempotency keys are looked for.
const FORGETTING: Duration = Duration::from_secs(3600);

/// Forgets idempotency keys that are old enough, ever again, until the process stops.
pub(crate) async fn forget(shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(FORGETTING.min(shared.rules.keep_keys));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let before = earlier(shared.clock.now(), shared.rules.keep_keys);
        match shared.ledger.forget_keys(before).await {
            Ok(0) => {}
            Ok(keys) => tracing::info!(keys, "old idempotency keys were forgotten"),
            Err(error) => tracing::error!(%error, "old idempotency keys could not be forgotten"),
        }
    }
}

/// Looks for due orders until the process stops.
pub(crate) async fn watch(shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(shared.rules.poll);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = pass(&shared).await {
            tracing::error!(%error, "due orders could not be looked for");
        }
    }
}
