//! Rate limit by GCRA, the generic cell rate algorithm: a steady rate with room for a burst, of which a part is reserved for
//! priority requests.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::policy::{RateLimitPolicy, WindowLimit};

/// Parameters of GCRA. In any window of the policy's length, no more than its requests are sent: first a burst, then one request
/// per interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gcra {
    /// Time between two requests at the steady rate.
    pub interval: Duration,
    /// Number of requests that may be sent at once after a pause.
    pub burst: u32,
    /// Part of the burst that only priority requests may use.
    pub reserved: u32,
}

impl Gcra {
    /// Parameters of a limit of which priority requests have a share of the burst, in percent: a burst of a quarter of the
    /// requests and a steady rate for the rest. Together they are the limit, wherever the remote system's window begins.
    pub fn new(limit: WindowLimit, priority_percent: u32) -> Self {
        let requests = limit.requests.max(1);
        let burst = (requests / 4).max(1);
        let steady = (requests - burst).max(1);
        let reserved = (burst * priority_percent.min(100)).div_ceil(100).min(burst - 1);
        Self { interval: limit.per / steady, burst, reserved }
    }

    /// Requests left in a burst whose theoretical arrival time is `ahead` of now.
    pub fn remaining(&self, ahead: Duration) -> u32 {
        let taken = ahead.as_nanos().div_ceil(self.interval.as_nanos().max(1));
        self.burst.saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX))
    }

    /// Time until a number of requests can have been sent, if the theoretical arrival time is `ahead` of now.
    pub fn time_for(&self, ahead: Duration, requests: u32) -> Duration {
        (ahead + self.interval * requests).saturating_sub(self.interval * self.burst)
    }

    /// Requests in a minute at the steady rate.
    pub fn per_minute(&self) -> f64 {
        60.0 / self.interval.as_secs_f64()
    }

    /// The burst that a request may use.
    pub fn burst_for(&self, is_priority: bool) -> u32 {
        if is_priority { self.burst } else { self.burst - self.reserved }
    }
}

/// Parameters of all limits of a remote system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GcraLimits {
    /// Limit of all requests.
    pub all: Gcra,
    /// Limit of each endpoint that has one.
    pub each_endpoint: Option<Gcra>,
}

impl GcraLimits {
    /// Parameters of the whole limits, shared by all replicas.
    pub fn for_quota(policy: &RateLimitPolicy) -> Self {
        Self::with_share(policy, 1)
    }

    /// Parameters for the share of one replica that cannot reach the others.
    pub fn for_replica_share(policy: &RateLimitPolicy) -> Self {
        Self::with_share(policy, policy.replicas.max(1))
    }

    fn with_share(policy: &RateLimitPolicy, replicas: u32) -> Self {
        let share = |limit: WindowLimit| {
            Gcra::new(WindowLimit { requests: limit.requests / replicas, ..limit }, policy.priority_percent)
        };
        Self { all: share(policy.all), each_endpoint: policy.each_endpoint.map(share) }
    }

    /// Returns the limit of an endpoint, or of all requests.
    pub fn limit(&self, endpoint: Option<&'static str>) -> Option<Gcra> {
        if endpoint.is_some() { self.each_endpoint } else { Some(self.all) }
    }

    /// Returns the limits that count a request: that of all requests, and that of its endpoint.
    pub fn counting(&self, endpoint: Endpoint) -> impl Iterator<Item = (Option<&'static str>, Gcra)> + Clone + use<> {
        let own = endpoint.limit.and_then(|name| Some((Some(name), self.limit(Some(name))?)));
        std::iter::once((None, self.all)).chain(own)
    }
}

/// Endpoint of a request, as far as it has limits or pauses of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Endpoint {
    /// Endpoint whose limit counts the request, besides the limit of all requests.
    pub limit: Option<&'static str>,
    /// Endpoint whose pauses hold the request back, besides those of all requests.
    pub pause: Option<&'static str>,
}

impl Endpoint {
    /// Returns true if a limit or a pause of this name concerns the request.
    pub fn is_concerned_by(&self, name: &str) -> bool {
        [self.limit, self.pause].contains(&Some(name))
    }
}

/// Refusal of a limit: the time after which a request is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// Time until a request is available.
    pub wait: Duration,
    /// Endpoint whose limit or pause refused. Requests that it does not concern do not wait. `None`: all wait.
    pub endpoint: Option<&'static str>,
}

/// Rate limiter of one process.
pub struct GcraRateLimiter {
    /// `None`: no limit of our own.
    limits: Option<GcraLimits>,
    state: Mutex<GcraState>,
}

/// Times by endpoint; `None` is the limit, or the pause, of all requests. Bounded by the number of endpoints.
#[derive(Default)]
struct GcraState {
    /// Time at which the burst is complete again. Each request moves it by one interval.
    theoretical_arrival_time: HashMap<Option<&'static str>, Instant>,
    /// No request is sent before.
    paused_until: HashMap<Option<&'static str>, Instant>,
}

impl GcraRateLimiter {
    /// Creates a limiter.
    pub fn new(limits: GcraLimits) -> Self {
        Self { limits: Some(limits), state: Mutex::default() }
    }

    /// Creates a limiter without a limit of its own: only `pause` holds requests back.
    pub fn unlimited() -> Self {
        Self { limits: None, state: Mutex::default() }
    }

    /// Takes one request from all limits that concern it, or from none, without waiting.
    pub fn try_acquire(&self, is_priority: bool, endpoint: Endpoint) -> Result<(), Refusal> {
        let now = Instant::now();
        let mut state = self.state.lock();
        if let Some(pause) = state.pause_of(endpoint.pause, now) {
            return Err(pause);
        }
        let limits = self.limits.into_iter().flat_map(|limits| limits.counting(endpoint));
        for (name, gcra) in limits.clone() {
            let next = state.arrival_of(name, now) + gcra.interval;
            let wait = next.saturating_duration_since(now + gcra.interval * gcra.burst_for(is_priority));
            if !wait.is_zero() {
                return Err(Refusal { wait, endpoint: name });
            }
        }
        for (name, gcra) in limits {
            let next = state.arrival_of(name, now) + gcra.interval;
            state.theoretical_arrival_time.insert(name, next);
        }
        Ok(())
    }

    /// Returns the time until a number of requests from now, orders' own share included, can have been sent within one limit: that
    /// of all requests, or of an endpoint.
    pub fn time_for(&self, endpoint: Option<&'static str>, requests: u32) -> Duration {
        let now = Instant::now();
        let state = self.state.lock();
        let pause = state.paused_for(None, now).max(state.paused_for(endpoint, now));
        let Some(gcra) = self.limits.and_then(|limits| limits.limit(endpoint)) else { return pause };
        pause.max(gcra.time_for(state.arrival_of(endpoint, now).duration_since(now), requests))
    }

    /// Counts a request that a shared limiter allowed, so that the burst is not available twice when this limiter takes over.
    pub fn record_external(&self, endpoint: Endpoint) {
        let now = Instant::now();
        let mut state = self.state.lock();
        for (name, gcra) in self.limits.into_iter().flat_map(|limits| limits.counting(endpoint)) {
            let next = state.arrival_of(name, now) + gcra.interval;
            state.theoretical_arrival_time.insert(name, next.min(now + gcra.interval * gcra.burst));
        }
    }

    /// Sends nothing for `wait` to one endpoint, or nothing at all: the remote system reported too many requests. A pause
    /// never ends earlier because of a shorter one.
    pub fn pause(&self, endpoint: Option<&'static str>, wait: Duration) {
        let end = Instant::now() + wait;
        let mut state = self.state.lock();
        let until = state.paused_until.entry(endpoint).or_insert(end);
        *until = end.max(*until);
    }

    /// Returns the rest of the pause of an endpoint, or of all requests, if there is one.
    pub fn pause_of(&self, endpoint: Option<&'static str>) -> Option<Refusal> {
        self.state.lock().pause_of(endpoint, Instant::now())
    }

    /// Returns the requests left in the burst of all requests, or `None` without a limit.
    pub fn remaining(&self) -> Option<u32> {
        let gcra = self.limits?.all;
        let now = Instant::now();
        let state = self.state.lock();
        if state.pause_of(None, now).is_some() {
            return Some(0);
        }
        Some(gcra.remaining(state.arrival_of(None, now).duration_since(now)))
    }
}

impl GcraState {
    fn arrival_of(&self, endpoint: Option<&'static str>, now: Instant) -> Instant {
        self.theoretical_arrival_time.get(&endpoint).map_or(now, |time| now.max(*time))
    }

    /// Rest of the pauses that concern an endpoint: its own and that of all requests.
    fn pause_of(&self, endpoint: Option<&'static str>, now: Instant) -> Option<Refusal> {
        let (of_all, of_endpoint) = (self.paused_for(None, now), self.paused_for(endpoint, now));
        let wait = of_all.max(of_endpoint);
        let endpoint = endpoint.filter(|_| of_endpoint > of_all);
        (!wait.is_zero()).then_some(Refusal { wait, endpoint })
    }

    /// Rest of one pause.
    fn paused_for(&self, endpoint: Option<&'static str>, now: Instant) -> Duration {
        self.paused_until.get(&endpoint).map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const ANY: Endpoint = Endpoint { limit: None, pause: None };

    fn policy(all: u32, each_endpoint: Option<u32>) -> RateLimitPolicy {
        let limit = |requests| WindowLimit { requests, per: Duration::from_secs(60) };
        RateLimitPolicy {
            all: limit(all),
            each_endpoint: each_endpoint.map(limit),
            priority_percent: 0,
            max_wait: Duration::ZERO,
            replicas: 2,
        }
    }

    fn limiter(requests: u32, priority_percent: u32) -> GcraRateLimiter {
        let policy = RateLimitPolicy { priority_percent, ..policy(requests, None) };
        GcraRateLimiter::new(GcraLimits::for_quota(&policy))
    }

    fn drain(limiter: &GcraRateLimiter, is_priority: bool) -> usize {
        drain_endpoint(limiter, is_priority, ANY)
    }

    fn drain_endpoint(limiter: &GcraRateLimiter, is_priority: bool, endpoint: Endpoint) -> usize {
        (0..).take_while(|_| limiter.try_acquire(is_priority, endpoint).is_ok()).count()
    }

    fn of(name: &'static str) -> Endpoint {
        Endpoint { limit: Some(name), pause: Some(name) }
    }

    fn pause(seconds: u64, endpoint: Option<&'static str>) -> Refusal {
        Refusal { wait: Duration::from_secs(seconds), endpoint }
    }

    #[tokio::test(start_paused = true)]
    async fn the_reserved_part_of_a_burst_is_for_priority_requests_only() {
        let limiter = limiter(60, 25);
        assert_eq!(limiter.remaining(), Some(15));
        assert_eq!(drain(&limiter, false), 11);
        assert_eq!(limiter.remaining(), Some(4));
        assert_eq!(drain(&limiter, true), 4);
        assert_eq!((limiter.remaining(), limiter.try_acquire(true, ANY).is_err()), (Some(0), true));
    }

    #[tokio::test(start_paused = true)]
    async fn no_window_contains_more_requests_than_the_limit() {
        for requests in [1, 2, 7, 60, 1000] {
            let limiter = limiter(requests, 0);
            let mut sent = Vec::new();
            for _ in 0..6000 {
                while limiter.try_acquire(true, ANY).is_ok() {
                    sent.push(Instant::now());
                }
                advance(Duration::from_millis(30)).await;
            }
            let most = (0..sent.len())
                .map(|first| sent[first..].iter().take_while(|at| **at - sent[first] < Duration::from_secs(60)).count())
                .max();
            assert!(most.is_some_and(|most| most <= requests as usize), "{most:?} of {requests}");
            assert!(sent.len() >= 3 * requests as usize / 2, "{} of {requests} in three minutes", sent.len());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_names_the_time_until_a_request_is_available() {
        let limiter = limiter(60, 0);
        assert_eq!(drain(&limiter, true), 15);
        let refusal = limiter.try_acquire(true, ANY).expect_err("used up");
        assert_eq!(refusal, Refusal { wait: Duration::from_secs(60) / 45, endpoint: None });
        limiter.pause(None, Duration::from_secs(30));
        let paused = limiter.try_acquire(true, ANY).expect_err("paused");
        assert_eq!((paused.wait, limiter.remaining()), (Duration::from_secs(30), Some(0)));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_only_a_pause_holds_requests_back() {
        let limiter = GcraRateLimiter::unlimited();
        for _ in 0..10_000 {
            assert_eq!(limiter.try_acquire(false, ANY), Ok(()));
        }
        limiter.pause(None, Duration::from_secs(1));
        assert_eq!((limiter.try_acquire(false, ANY), limiter.remaining()), (Err(pause(1, None)), None));
        advance(Duration::from_secs(1)).await;
        assert_eq!(limiter.try_acquire(false, ANY), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_back_what_it_names_and_a_shorter_one_does_not_end_it() {
        let limiter = GcraRateLimiter::unlimited();
        limiter.pause(Some("catalog"), Duration::from_secs(60));
        limiter.pause(Some("catalog"), Duration::from_secs(1));
        assert_eq!(limiter.try_acquire(true, ANY), Ok(()));
        assert_eq!(limiter.try_acquire(true, of("orders")), Ok(()));
        assert_eq!(limiter.try_acquire(true, of("catalog")), Err(pause(60, Some("catalog"))));
        limiter.pause(None, Duration::from_secs(5));
        assert_eq!(limiter.try_acquire(true, of("orders")), Err(pause(5, None)));
        advance(Duration::from_secs(59)).await;
        assert_eq!(limiter.try_acquire(true, of("orders")), Ok(()));
        assert_eq!(limiter.try_acquire(true, of("catalog")), Err(pause(1, Some("catalog"))));
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_is_used_up_takes_nothing_from_the_others() {
        let limiter = GcraRateLimiter::new(GcraLimits::for_quota(&policy(180, Some(60))));
        assert_eq!(drain_endpoint(&limiter, true, of("orders")), 15);
        assert_eq!(limiter.remaining(), Some(30));
        let wait = Duration::from_secs(60) / 45;
        assert_eq!(limiter.try_acquire(true, of("orders")), Err(Refusal { wait, endpoint: Some("orders") }));
        assert_eq!(
            (limiter.time_for(Some("orders"), 2), limiter.time_for(Some("catalog"), 2)),
            (wait * 2, Duration::ZERO)
        );
        assert_eq!(drain_endpoint(&limiter, true, of("catalog")), 15);
        assert_eq!(drain(&limiter, true), 15, "what the limit of all leaves");
        let refused = limiter.try_acquire(true, of("seats")).expect_err("used up");
        assert_eq!(refused.endpoint, None);
        assert_eq!(limiter.time_for(Some("seats"), 1), Duration::ZERO, "a refused request takes nothing");
        advance(Duration::from_secs(60)).await;
        assert_eq!(drain_endpoint(&limiter, true, of("seats")), 15);
    }

    #[tokio::test(start_paused = true)]
    async fn a_replica_alone_keeps_to_its_share_of_each_limit() {
        let limiter = GcraRateLimiter::new(GcraLimits::for_replica_share(&policy(240, Some(80))));
        assert_eq!(drain_endpoint(&limiter, true, of("orders")), 10);
        limiter.record_external(of("catalog"));
        assert_eq!(drain_endpoint(&limiter, true, of("catalog")), 9);
        assert_eq!(limiter.remaining(), Some(10));
    }

    #[tokio::test(start_paused = true)]
    async fn externally_allowed_requests_use_up_the_local_burst() {
        let limiter = limiter(60, 0);
        (0..100).for_each(|_| limiter.record_external(ANY));
        assert_eq!(drain(&limiter, true), 0);
        advance(Duration::from_secs(60)).await;
        assert_eq!(drain(&limiter, true), 15);
    }
}
