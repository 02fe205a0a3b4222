//! Request queue of a source: turns in the order of their urgency, in front of a rate limit and the places for order requests.

use std::time::Duration;

use async_trait::async_trait;
use domain::{
    CallCount, CapacityReport, CapacityWish, OrderCapacity, RateLimiter, RequestPlace, RequestTurn, ReservationKey,
};
use resilience::{
    Endpoint, Gcra, GcraLimits, GcraRateLimiter, Place, RateLimitPolicy, Refusal, Requests, Reservations, Turn,
    TurnQueue, Wish,
};
use tokio::time::Instant;

/// Turns of the requests to a source, for a rate limit that is kept elsewhere.
pub struct RequestQueue {
    turns: TurnQueue,
    max_wait: Duration,
}

impl RequestQueue {
    /// Creates the queue in front of limits, if there are any. At most `order_places` requests of orders are sent at once, and a
    /// request that may not wait longer waits for at most `max_wait`.
    pub fn new(limits: Option<GcraLimits>, order_places: usize, max_wait: Duration) -> Self {
        let pace = limits.map_or(Duration::ZERO, |limits| limits.all.interval);
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
        let turn = Turn {
            priority: turn.class as u8,
            due: turn.due.unwrap_or(latest),
            latest,
            takes_place: serves_an_order,
            endpoint: limited_endpoint(turn.endpoint),
        };
        self.turns.acquire(turn, || ask(serves_an_order)).await
    }

    /// Returns the number of order requests that wait.
    pub fn waiting(&self) -> usize {
        self.turns.waiting()
    }
}

/// Returns the endpoint of a request as limits understand it.
pub fn limited_endpoint(endpoint: domain::Endpoint) -> Endpoint {
    Endpoint { limit: endpoint.limit, pause: endpoint.pause }
}

/// Limits the requests that this process sends to a source. Replicas that share a limit use the limiter of `store-redis`.
pub struct LocalRateLimiter {
    limiter: GcraRateLimiter,
    limits: Option<GcraLimits>,
    queue: RequestQueue,
    reservations: Reservations<ReservationKey>,
}

/// Places of a source whose order requests are not limited: as many as a semaphore can have.
const UNLIMITED_PLACES: usize = tokio::sync::Semaphore::MAX_PERMITS;

impl LocalRateLimiter {
    /// Creates a limiter for the whole limits of a source, if it has any. Without a limit, only the vendor's own rate limiting and
    /// the places for order requests hold requests back; reads then wait for at most `max_wait`.
    pub fn new(policy: Option<&RateLimitPolicy>, order_places: usize, max_wait: Duration) -> Self {
        let limits = policy.map(GcraLimits::for_quota);
        Self {
            limiter: limits.map_or_else(GcraRateLimiter::unlimited, GcraRateLimiter::new),
            limits,
            queue: RequestQueue::new(limits, order_places, max_wait),
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
        let endpoint = limited_endpoint(turn.endpoint);
        let ask = |serves_an_order| std::future::ready(self.limiter.try_acquire(serves_an_order, endpoint));
        let place = self.queue.acquire(turn, ask).await?;
        if let Some(key) = &turn.reservation {
            self.reservations.use_one(key, endpoint.limit);
        }
        Ok(RequestPlace::new(place))
    }

    fn pause(&self, endpoint: Option<&'static str>, wait: Duration) {
        self.limiter.pause(endpoint, wait);
    }

    fn remaining(&self) -> Option<u32> {
        self.limiter.remaining()
    }
}

#[async_trait]
impl OrderCapacity for LocalRateLimiter {
    async fn time_for(&self, calls: CallCount) -> Duration {
        time_beyond_reserved(&self.reservations, &self.limiter, calls)
    }

    async fn reserve(&self, wish: &CapacityWish) -> Result<Duration, Duration> {
        self.reservations.reserve(&reservation(wish), |endpoint, requests| self.limiter.time_for(endpoint, requests))
    }

    async fn release(&self, key: ReservationKey) {
        self.reservations.release(&key);
    }

    fn stop_for(&self, time: Duration) {
        self.limiter.pause(None, time);
    }

    async fn report(&self) -> CapacityReport {
        capacity_report(self.limits, self.queue.waiting(), self.time_for(ONE_CALL).await)
    }
}

/// One request to any endpoint.
pub const ONE_CALL: CallCount = CallCount { all: 1, endpoint: None };

/// Returns the report of a source with these limits.
pub fn capacity_report(limits: Option<GcraLimits>, waiting: usize, expected_wait: Duration) -> CapacityReport {
    CapacityReport {
        requests_per_minute: limits.map(|limits| limits.all.per_minute()),
        endpoint_requests_per_minute: limits
            .and_then(|limits| limits.each_endpoint)
            .map(|gcra: Gcra| gcra.per_minute()),
        waiting,
        expected_wait,
        month: None,
    }
}

/// Returns the time until `calls` beyond the needed ones of all reservations could be sent.
pub fn time_beyond_reserved(
    reservations: &Reservations<ReservationKey>,
    limiter: &GcraRateLimiter,
    calls: CallCount,
) -> Duration {
    let time = |wished: Requests| {
        let needed = reservations.reserved(wished.endpoint).needed.saturating_add(wished.needed);
        limiter.time_for(wished.endpoint, needed)
    };
    requests(calls, CallCount::default()).into_iter().map(time).max().unwrap_or_default()
}

/// Returns the requests within each limit: calls that are needed, and calls in reserve.
pub fn requests(needed: CallCount, spare: CallCount) -> Vec<Requests> {
    let calls =
        |count: CallCount, name| count.endpoint.filter(|(endpoint, _)| *endpoint == name).map_or(0, |(_, calls)| calls);
    let of_all = Requests { endpoint: None, needed: needed.all, spare: spare.all };
    let endpoint = needed.endpoint.or(spare.endpoint).map(|(name, _)| Requests {
        endpoint: Some(name),
        needed: calls(needed, name),
        spare: calls(spare, name),
    });
    std::iter::once(of_all).chain(endpoint).collect()
}

/// Returns the wish as the reservations of one process understand it.
pub fn reservation(wish: &CapacityWish) -> Wish<ReservationKey> {
    Wish {
        key: wish.key,
        ticket: wish.ticket.clone(),
        requests: requests(wish.to_sell, wish.to_undo),
        within: wish.within,
        spare_within: wish.undo_within,
        lifetime: wish.lifetime,
    }
}
