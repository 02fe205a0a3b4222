//! Retries of a store that fails or does not respond, for example while it fails over.

use std::future::Future;
use std::time::Duration;

use crate::store::{OrderStore, OrderWrite, WriteReceipt};
use domain::StoreError;

/// Retries of a call of the store.
pub(crate) struct RetryPolicy {
    delays: &'static [Duration],
    /// False: only a write with an unknown outcome is retried, because someone waits for the response.
    retries_failures: bool,
}

/// Retries by a runner. Beyond them the order is left to recovery.
pub(crate) const BY_RUNNER: RetryPolicy = RetryPolicy {
    delays: &[Duration::from_millis(100), Duration::from_secs(1), Duration::from_secs(5)],
    retries_failures: true,
};
/// Retries of the first write of an action, for which a client waits.
pub(crate) const BY_REQUEST: RetryPolicy =
    RetryPolicy { delays: &[Duration::from_millis(100), Duration::from_secs(1)], retries_failures: false };

/// Writes. If the connection ended before the response, it writes again, and a write that turns out to have been executed already
/// counts as this one.
pub(crate) async fn write(
    store: &dyn OrderStore,
    write: &OrderWrite<'_>,
    policy: &RetryPolicy,
) -> Result<WriteReceipt, StoreError> {
    let mut may_be_written = false;
    let mut delays = policy.delays.iter();
    loop {
        let error = match store.write(write).await {
            Ok(receipt) => return Ok(receipt),
            Err(error) => error,
        };
        // A server that lost its client may execute the write later: it is looked for only after another one failed.
        if may_be_written && let Ok(Some(receipt)) = store.find_written(write).await {
            return Ok(receipt);
        }
        let is_unknown = matches!(error, StoreError::OutcomeUnknown(_));
        may_be_written |= is_unknown;
        let is_retried =
            is_unknown || matches!(error, StoreError::Failed(_)) && (policy.retries_failures || may_be_written);
        let wait = delays.next().filter(|_| is_retried);
        let Some(wait) = wait else { return Err(error) };
        tracing::warn!(order = %write.order.number, %error, "store failed, retrying");
        tokio::time::sleep(*wait).await;
    }
}

/// Repeats a call that may be executed any number of times while the store fails.
pub(crate) async fn repeat<T, F>(mut call: impl FnMut() -> F, policy: &RetryPolicy) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    for wait in policy.delays {
        match call().await {
            Err(error @ (StoreError::Failed(_) | StoreError::OutcomeUnknown(_))) => {
                tracing::warn!(%error, "store failed, retrying");
            }
            result => return result,
        }
        tokio::time::sleep(*wait).await;
    }
    call().await
}
