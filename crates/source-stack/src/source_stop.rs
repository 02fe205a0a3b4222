//! Stops the requests of one source, while other sources of its institution go on with the limiter that they share.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{
    CallCount, CapacityReport, CapacityWish, OrderCapacity, RateLimiter, RequestPlace, RequestTurn, ReservationKey,
};
use parking_lot::Mutex;
use tokio::time::Instant;

/// Limiter of one source: the limiter of its institution, and a stop of its own.
pub struct StoppableLimiter {
    limiter: Arc<dyn RateLimiter>,
    capacity: Arc<dyn OrderCapacity>,
    stopped_until: Mutex<Option<Instant>>,
}

impl StoppableLimiter {
    /// Adds a stop to a limiter, given as requests and as orders use it.
    pub fn new(limiter: Arc<dyn RateLimiter>, capacity: Arc<dyn OrderCapacity>) -> Self {
        Self { limiter, capacity, stopped_until: Mutex::new(None) }
    }

    /// Returns the time for which the source is still stopped. Zero if it is not.
    fn stopped_for(&self) -> Duration {
        let until = *self.stopped_until.lock();
        until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()))
    }

    /// Waits until the source is not stopped. The error is the time that is left, if the request may not wait so long.
    async fn wait(&self, latest: Option<Instant>) -> Result<(), Duration> {
        loop {
            let left = self.stopped_for();
            if left.is_zero() {
                return Ok(());
            }
            let end = Instant::now() + left;
            if latest.is_none_or(|latest| latest < end) {
                return Err(left);
            }
            tokio::time::sleep_until(end).await;
        }
    }
}

#[async_trait]
impl RateLimiter for StoppableLimiter {
    async fn acquire(&self, turn: RequestTurn) -> Result<RequestPlace, Duration> {
        loop {
            self.wait(turn.latest).await?;
            let place = self.limiter.acquire(turn).await?;
            // A request that waited for its turn when the source was stopped is not sent either.
            if self.stopped_for().is_zero() {
                return Ok(place);
            }
        }
    }

    fn pause(&self, endpoint: Option<&'static str>, wait: Duration) {
        self.limiter.pause(endpoint, wait);
    }

    fn remaining(&self) -> Option<u32> {
        if self.stopped_for().is_zero() { self.limiter.remaining() } else { Some(0) }
    }
}

#[async_trait]
impl OrderCapacity for StoppableLimiter {
    async fn time_for(&self, calls: CallCount) -> Duration {
        self.capacity.time_for(calls).await.max(self.stopped_for())
    }

    async fn reserve(&self, wish: &CapacityWish) -> Result<Duration, Duration> {
        let left = self.stopped_for();
        if left > wish.within {
            return Err(left);
        }
        self.capacity.reserve(wish).await.map(|time| time.max(left))
    }

    async fn release(&self, key: ReservationKey) {
        self.capacity.release(key).await;
    }

    fn stop_for(&self, time: Duration) {
        let until = Instant::now() + time;
        let mut stopped_until = self.stopped_until.lock();
        *stopped_until = Some(stopped_until.map_or(until, |known| known.max(until)));
    }

    async fn report(&self) -> CapacityReport {
        let report = self.capacity.report().await;
        CapacityReport { expected_wait: report.expected_wait.max(self.stopped_for()), ..report }
    }
}

#[cfg(test)]
mod tests {
    use domain::RequestClass;

    use super::*;
    use crate::LocalRateLimiter;

    const STOP: Duration = Duration::from_secs(8);

    fn two_sources() -> [Arc<StoppableLimiter>; 2] {
        let shared = Arc::new(LocalRateLimiter::unlimited());
        [(), ()].map(|()| Arc::new(StoppableLimiter::new(Arc::clone(&shared) as _, Arc::clone(&shared) as _)))
    }

    fn patient(wait: Duration) -> RequestTurn {
        RequestTurn { latest: Some(Instant::now() + wait), ..RequestTurn::of(RequestClass::Settle) }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stopped_source_sends_nothing_and_its_neighbor_goes_on() {
        let [stopped, neighbor] = two_sources();
        stopped.stop_for(STOP);
        assert_eq!(stopped.acquire(RequestTurn::of(RequestClass::Read)).await.err(), Some(STOP));
        assert_eq!(stopped.acquire(patient(STOP / 2)).await.err(), Some(STOP));
        assert!(neighbor.acquire(RequestTurn::of(RequestClass::Read)).await.is_ok());
        assert_eq!(stopped.report().await.expected_wait, STOP);
        assert_eq!(neighbor.report().await.expected_wait, Duration::ZERO);
        assert_eq!(stopped.remaining(), Some(0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_may_wait_is_sent_after_the_end_of_the_last_stop() {
        let [source, _] = two_sources();
        source.stop_for(STOP);
        let begin = Instant::now();
        let stopped_again = async {
            tokio::time::sleep(STOP / 2).await;
            source.stop_for(STOP);
        };
        let (place, ()) = tokio::join!(source.acquire(patient(STOP * 3)), stopped_again);
        assert!(place.is_ok());
        assert_eq!(begin.elapsed().as_secs(), 12);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_whose_turn_comes_during_a_stop_is_not_sent_before_its_end() {
        let shared = Arc::new(LocalRateLimiter::new(None, 1, Duration::ZERO));
        let source = Arc::new(StoppableLimiter::new(Arc::clone(&shared) as _, Arc::clone(&shared) as _));
        let first = source.acquire(patient(STOP * 3)).await.expect("the only place");
        let begin = Instant::now() + Duration::from_secs(1);
        let stopped = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            source.stop_for(STOP);
            drop(first);
        };
        let (place, ()) = tokio::join!(source.acquire(patient(STOP * 3)), stopped);
        assert!(place.is_ok());
        assert_eq!(begin.elapsed(), STOP);
    }
}
