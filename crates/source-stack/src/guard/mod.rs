//! The guard: what every call to a source goes through, so that a slow or dead source costs only its own fields.
//!
//! From the outside in, and why each stands where it stands:
//! 1. *observe* is outermost, since waiting for a place is part of what the caller waited;
//! 2. the *deadline* covers everything below it, so that repeats and waits share one budget of time;
//! 3. the *bulkhead* comes before the breaker, so that a probe is not wasted on a call that then finds no place;
//! 4. the *breaker* is asked before each attempt, so that repeats stop the moment it opens;
//! 5. the *attempts* are innermost: only here it is known what failed, and whether repeating it does harm.

mod breaker;
mod call;
mod editing;
mod lane;
mod observe;
mod ports;
mod pulse;
mod retry;

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::timeout_at;
use tracing::Instrument;

pub use breaker::{Breaker, Leave, Verdict};
use call::{Asked, Call};
use lane::Lanes;
pub(super) use ports::Guarded;
pub use pulse::Pulse;

use crate::policy::Policy;
use domain::{Batch, ErrorKind, Facts, Operation, SourceId, VendorError};

/// Guards all calls to one source.
pub struct Guard {
    source: SourceId,
    policy: Policy,
    honours_keys: bool,
    slow_confirm: Duration,
    pulse: Arc<Pulse>,
    lanes: Lanes,
}

impl Guard {
    /// Guards the calls to a source with these habits, and tells its pulse how they end.
    pub fn new(source: SourceId, facts: &Facts, policy: Policy, pulse: Arc<Pulse>) -> Self {
        let lanes = Lanes::new(&source, &policy);
        Self {
            source,
            honours_keys: facts.honours_idempotency_keys,
            slow_confirm: facts.slow_confirm,
            lanes,
            policy,
            pulse,
        }
    }

    /// Runs one call. `ask` makes an attempt each time it is called.
    ///
    /// Errors, beside the vendor's own: `Timeout` at the deadline (a write that was under way may then have acted), `RateLimited`
    /// when no place was free in time, and `Unavailable` while the breaker rests (both certain to have done nothing).
    pub async fn call<'a, T>(
        &self,
        operation: Operation,
        ask: impl Fn() -> BoxFuture<'a, Result<T, VendorError>> + Send + Sync,
    ) -> Result<T, VendorError>
    where
        T: Send + 'a,
    {
        let alone = |_| ask().map(|answer| HashMap::from([((), answer)])).boxed();
        let mut answers = self.call_batch(operation, vec![()], |()| (), alone).await;
        answers.remove(&()).unwrap_or_else(|| Err(VendorError::new(&self.source, operation, ErrorKind::Internal)))
    }

    /// Runs one call about many keys. Only the keys that failed in passing are asked for again; each key is answered.
    pub async fn call_batch<'a, I, K, V>(
        &self,
        operation: Operation,
        items: Vec<I>,
        key_of: impl Fn(&I) -> K + Send + Sync,
        ask: impl Fn(Vec<I>) -> BoxFuture<'a, Batch<K, V>> + Send + Sync,
    ) -> Batch<K, V>
    where
        I: Clone + Send + Sync,
        K: Eq + Hash + Send,
        V: Send,
    {
        if items.is_empty() {
            return Batch::new();
        }
        let mut call = Call::begin(self, operation, items.len());
        let mut asked = Asked::new(items, key_of);
        let span = call.observation.span();
        let refused = self.make_attempts(&mut call, &mut asked, ask).instrument(span).await.err();
        asked.close(&mut call, refused)
    }

    /// Makes attempts until nothing is left open or no more may be made. An error is why an attempt was not made.
    async fn make_attempts<'a, I, F, K, V>(
        &self,
        call: &mut Call<'_>,
        asked: &mut Asked<I, F, K, V>,
        ask: impl Fn(Vec<I>) -> BoxFuture<'a, Batch<K, V>> + Send + Sync,
    ) -> Result<(), VendorError>
    where
        I: Clone + Send + Sync,
        F: Fn(&I) -> K + Send + Sync,
        K: Eq + Hash + Send,
        V: Send,
    {
        let _place = call.enter().await?;
        loop {
            let leave = call.leave()?;
            let answered = timeout_at(call.deadline, ask(asked.open_items())).await;
            let round = match answered {
                Ok(answers) => asked.take(call, answers),
                Err(_) => asked.lose(call),
            };
            call.conclude(leave, &round);
            if asked.is_settled() || !call.pause(round.retry_after).await {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests;
