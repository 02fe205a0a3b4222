//! Request queue of a source: turns in the order of their urgency, in front of a rate limit and the places for order requests.

use std::time::Duration;

use async_trait::async_trait;
use domain::{CapacityReport, CapacityWish, OrderCapacity, RateLimiter, RequestPlace, RequestTurn, ReservationKey};
use resilience::{Gcra, GcraRateLimiter, Place, RateLimitPolicy, Refusal, Reservations, Turn, TurnQueue, Wish};
use tokio::time::Instant;

/// Turns of the requests to a source, for a rate limit that is kept elsewhere.
pub struct RequestQueue {
    turns: TurnQueue,
    max_wait: Duration,
}

impl RequestQueue {
    /// Creates the queue in front of a limit, if there is one. At most `order_places` requests of orders are sent at once, and a
    /// request that may not wait longer waits for at most `max_wait`.
    pub fn new(gcra: Option<Gcra>, order_places: usize, max_wait: Duration) -> Self {
        let pace = gcra.map_or(Duration::ZERO, |gcra| gcra.interval);
        Self { turns: TurnQueue::new(order_places, pace), max_wait }
    }

    /// Waits for the turn of a request. `ask` is given true if the request may use the part of the limit that is reserved for
    /// orders.
    pub async fn acquire<F>(&self, turn: RequestTurn, ask: impl Fn(bool) -> F) -> Result<Place, Duration>
    where
        F: Future<Output = Result<(), Refusal>>,
    {
        let serves_an_order = turn.class.serves_an_order();
        let latest = turn.latest.unwrap_or_else(|| Instant::now() + self.max_wait);
        let place =
            Turn { priority: turn.class as u8, due: turn.due.unwrap_or(latest), latest, takes_place: serves_an_order };
        self.turns.acquire(place, || ask(serves_an_order)).await
    }

    /// Returns the number of order requests that wait.
    pub fn waiting(&self) -> usize {
        self.turns.waiting()
    }
}

/// Limits the requests that this process sends to a source. Replicas that share a limit use the limiter of `store-redis`.
pub struct LocalRateLimiter {
    limit: GcraRateLimiter,
    /// Requests in a minute at the steady rate.
    per_minute: Option<f64>,
    queue: RequestQueue,
    reservations: Reservations<ReservationKey>,
}

/// Places of a source whose order requests are not limited: as many as a semaphore can have.
const UNLIMITED_PLACES: usize = tokio::sync::Semaphore::MAX_PERMITS;

impl LocalRateLimiter {
    /// Creates a limiter for the whole limit of a source, if it has one. Without a limit, only the vendor's own rate limiting and
    /// the places for order requests hold requests back; reads then wait for at most `max_wait`.
    pub fn new(policy: Option<&RateLimitPolicy>, order_places: usize, max_wait: Duration) -> Self {
        let gcra = policy.map(Gcra::for_quota);
        Self {
            limit: gcra.map_or_else(GcraRateLimiter::unlimited, GcraRateLimiter::new),
            per_minute: gcra.map(|gcra| gcra.per_minute()),
            queue: RequestQueue::new(gcra, order_places, max_wait),
            reservations: Reservations::default(),
        }
    }

    /// Creates a limiter without a limit: only the vendor's own rate limiting holds requests back.
    pub fn unlimited() -> Self {
        Self::new(None, UNLIMITED_PLACES, Duration::ZERO)
    }
}

#[async_trait]
impl RateLimiter for LocalRateLimiter {
    async fn acquire(&self, turn: RequestTurn) -> Result<RequestPlace, Duration> {
        let ask = |serves_an_order| std::future::ready(self.limit.try_acquire(serves_an_order, turn.endpoint));
        let place = self.queue.acquire(turn, ask).await?;
        if let Some(key) = &turn.reservation {
            self.reservations.use_one(key);
        }
        Ok(RequestPlace::new(place))
    }

    fn pause(&self, endpoint: Option<&'static str>, wait: Duration) {
        self.limit.pause(endpoint, wait);
    }

    fn remaining(&self) -> Option<u32> {
        self.limit.remaining()
    }
}

#[async_trait]
impl OrderCapacity for LocalRateLimiter {
    async fn time_for(&self, calls: u32) -> Duration {
        self.limit.time_for(self.reservations.reserved().saturating_add(calls))
    }

    async fn reserve(&self, wish: &CapacityWish) -> Result<Duration, Duration> {
        self.reservations.reserve(&reservation(wish), |requests| self.limit.time_for(requests))
    }

    async fn release(&self, key: ReservationKey) {
        self.reservations.release(&key);
    }

    fn stop_for(&self, time: Duration) {
        self.limit.pause(None, time);
    }

    async fn report(&self) -> CapacityReport {
        let expected_wait = self.time_for(1).await;
        CapacityReport { requests_per_minute: self.per_minute, waiting: self.queue.waiting(), expected_wait }
    }
}

/// Returns the wish as the reservations of one process understand it.
pub fn reservation(wish: &CapacityWish) -> Wish<ReservationKey> {
    Wish {
        key: wish.key,
        ticket: wish.ticket.clone(),
        requests: wish.calls,
        within: wish.within,
        lifetime: wish.lifetime,
    }
}
