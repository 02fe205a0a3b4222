//! Endpoints and keys of the provider, fetched by one caller at a time.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

/// Time that a fetched value is used.
pub(crate) const TTL: Duration = Duration::from_secs(3600);
/// Shortest time between two attempts, so that strangers cannot flood the provider with them.
pub(crate) const MIN_INTERVAL: Duration = Duration::from_secs(10);

/// A value that is fetched when it is needed. Reading a fresh one waits for nobody.
pub(crate) struct Discovery<T> {
    known: RwLock<Option<(Instant, Arc<T>)>>,
    /// Time of the last attempt: of its end, or of its start if its caller has gone. Locked while an attempt runs.
    last_attempt: Mutex<Option<Instant>>,
    /// Time limit of an attempt.
    limit: Duration,
}

impl<T> Discovery<T> {
    /// Creates one whose attempts have a time limit.
    pub(crate) fn new(limit: Duration) -> Self {
        Self { known: RwLock::default(), last_attempt: Mutex::default(), limit }
    }

    /// Returns the value. A stale one is fetched again by one caller, and is used by all others meanwhile. Without any, the callers wait
    /// for one attempt and share its result. `None` if there is no value and the attempt failed a moment ago.
    pub(crate) async fn get<E: Display>(&self, fetch: impl Future<Output = Result<T, E>>) -> Option<Arc<T>> {
        if let Some(fresh) = self.find(|at| at.elapsed() < TTL) {
            return Some(fresh);
        }
        let stale = self.find(|_| true);
        let last_attempt = match &stale {
            Some(_) => self.last_attempt.try_lock().ok(),
            None => Some(self.last_attempt.lock().await),
        };
        let Some(mut last_attempt) = last_attempt else { return stale };
        if let Some(fresh) = self.find(|at| at.elapsed() < TTL) {
            return Some(fresh);
        }
        self.attempt(&mut last_attempt, fetch).await
    }

    /// Returns a value that was fetched after the call, or by an attempt a moment ago. `None` if there is none.
    pub(crate) async fn renew<E: Display>(&self, fetch: impl Future<Output = Result<T, E>>) -> Option<Arc<T>> {
        let called_at = Instant::now();
        let mut last_attempt = self.last_attempt.lock().await;
        if let Some(renewed) = self.find(|at| at > called_at) {
            return Some(renewed);
        }
        self.attempt(&mut last_attempt, fetch).await
    }

    fn find(&self, accepts: impl FnOnce(Instant) -> bool) -> Option<Arc<T>> {
        self.known.read().as_ref().filter(|(at, _)| accepts(*at)).map(|(_, value)| Arc::clone(value))
    }

    /// Fetches the value unless that was tried a moment ago. Returns the value that is then known.
    async fn attempt<E: Display>(
        &self,
        last_attempt: &mut Option<Instant>,
        fetch: impl Future<Output = Result<T, E>>,
    ) -> Option<Arc<T>> {
        if last_attempt.is_none_or(|at| at.elapsed() >= MIN_INTERVAL) {
            // The caller may go away before the end.
            *last_attempt = Some(Instant::now());
            let fetched = timeout(self.limit, fetch).await;
            *last_attempt = Some(Instant::now());
            match fetched {
                Ok(Ok(value)) => *self.known.write() = Some((Instant::now(), Arc::new(value))),
                Ok(Err(error)) => tracing::error!(%error, "the sign-in provider cannot be discovered"),
                Err(_) => tracing::error!("the sign-in provider cannot be discovered: it does not respond in time"),
            }
        }
        self.find(|_| true)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    use tokio::task::JoinSet;
    use tokio::time::{advance, sleep};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    /// A provider that counts attempts, and responds after a time.
    #[derive(Default)]
    struct Source {
        attempts: AtomicU32,
    }

    impl Source {
        async fn fetch(&self, after: Duration) -> Result<u32, String> {
            let attempt = self.attempts.fetch_add(1, SeqCst) + 1;
            sleep(after).await;
            Ok(attempt)
        }
    }

    async fn in_parallel(
        discovery: &Arc<Discovery<u32>>,
        source: &Arc<Source>,
        after: Duration,
    ) -> Vec<(Option<u32>, Duration)> {
        let mut callers = JoinSet::new();
        for _ in 0..5 {
            let (discovery, source) = (Arc::clone(discovery), Arc::clone(source));
            callers.spawn(async move {
                let began = Instant::now();
                let value = discovery.get(source.fetch(after)).await;
                (value.map(|value| *value), began.elapsed())
            });
        }
        callers.join_all().await
    }

    fn discovery() -> (Arc<Discovery<u32>>, Arc<Source>) {
        (Arc::new(Discovery::new(LIMIT)), Arc::default())
    }

    #[tokio::test(start_paused = true)]
    async fn a_provider_that_hangs_is_tried_once_and_nobody_waits_longer_than_one_attempt() {
        let (discovery, source) = discovery();
        for (value, waited) in in_parallel(&discovery, &source, 100 * LIMIT).await {
            assert!(value.is_none() && waited <= LIMIT + Duration::from_millis(1), "{waited:?}");
        }
        assert_eq!(source.attempts.load(SeqCst), 1);
        advance(MIN_INTERVAL / 2).await;
        for (_, waited) in in_parallel(&discovery, &source, 100 * LIMIT).await {
            assert_eq!(waited, Duration::ZERO, "an attempt ended a moment ago");
        }
        advance(MIN_INTERVAL).await;
        in_parallel(&discovery, &source, 100 * LIMIT).await;
        assert_eq!(source.attempts.load(SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_callers_share_one_attempt() {
        let (discovery, source) = discovery();
        for (value, waited) in in_parallel(&discovery, &source, LIMIT / 2).await {
            assert_eq!((value, waited), (Some(1), LIMIT / 2));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stale_value_is_used_while_one_caller_fetches_the_next() {
        let (discovery, source) = discovery();
        in_parallel(&discovery, &source, Duration::ZERO).await;
        advance(TTL).await;
        let mut all = in_parallel(&discovery, &source, LIMIT / 2).await;
        all.sort_unstable();
        let others = [(Some(1), Duration::ZERO); 4];
        assert_eq!((&all[..4], all[4]), (&others[..], (Some(2), LIMIT / 2)));
        advance(TTL).await;
        let mut hanging = in_parallel(&discovery, &source, 100 * LIMIT).await;
        hanging.sort_unstable();
        assert!(hanging.iter().all(|(value, _)| *value == Some(2)), "{hanging:?}");
        assert_eq!((hanging[3].1, source.attempts.load(SeqCst)), (Duration::ZERO, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn callers_who_go_away_start_no_flood_of_attempts() {
        let (discovery, source) = discovery();
        for _ in 0..5 {
            let value = timeout(Duration::from_secs(1), discovery.get(source.fetch(LIMIT))).await;
            assert!(value.ok().flatten().is_none());
        }
        assert_eq!(source.attempts.load(SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewed_value_is_newer_than_the_call_and_shared_by_those_who_wait() {
        let (discovery, source) = discovery();
        in_parallel(&discovery, &source, Duration::ZERO).await;
        advance(MIN_INTERVAL).await;
        let renew = async || discovery.renew(source.fetch(LIMIT / 2)).await.map(|value| *value);
        assert_eq!(tokio::join!(renew(), renew()), (Some(2), Some(2)));
        assert_eq!(renew().await, Some(2), "an attempt ended a moment ago");
    }
}
