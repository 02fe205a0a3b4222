//! Repetition of transactions that gave way to another one.

use std::future::Future;
use std::time::Duration;

use crate::postgres_errors::gave_way;
use domain::StoreError;

/// Largest number of repetitions. Beyond it the caller gets the error.
const MAX_REPEATS: u32 = 8;
/// Upper bound of the first random wait, which doubles each time.
const FIRST_WAIT: Duration = Duration::from_millis(4);

/// Runs a whole transaction, and again while PostgreSQL ends it with a serialization failure or a deadlock: it had no effect then. Every
/// other error is returned, because the transaction may have been committed.
pub(crate) async fn repeat<T, F>(mut transaction: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    for repeats in 0..MAX_REPEATS {
        let result = transaction().await;
        let Some(reason) = result.as_ref().err().and_then(gave_way) else { return result };
        metrics::counter!("ticketgraph_ledger_repeats_total", "reason" => reason).increment(1);
        // Two transactions that met in a deadlock must not meet again.
        tokio::time::sleep((FIRST_WAIT * 2_u32.pow(repeats)).mul_f64(fastrand::f64())).await;
    }
    transaction().await
}
