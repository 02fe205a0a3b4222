//! Rate limit by GCRA, the generic cell rate algorithm: a steady rate with room for a burst, of which a part is reserved for
//! priority requests.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::policy::RateLimitPolicy;

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
    /// Parameters for the whole limit, shared by all replicas.
    pub fn for_quota(policy: &RateLimitPolicy) -> Self {
        Self::for_requests(policy, policy.requests)
    }

    /// Parameters for the share of one replica that cannot reach the others.
    pub fn for_replica_share(policy: &RateLimitPolicy) -> Self {
        Self::for_requests(policy, policy.requests / policy.replicas.max(1))
    }

    /// A burst of a quarter of the requests and a steady rate for the rest. Together they are the limit, wherever the remote
    /// system's window begins.
    fn for_requests(policy: &RateLimitPolicy, requests: u32) -> Self {
        let requests = requests.max(1);
        let burst = (requests / 4).max(1);
        let steady = (requests - burst).max(1);
        let reserved = (burst * policy.priority_percent.min(100)).div_ceil(100).min(burst - 1);
        Self { interval: policy.per / steady, burst, reserved }
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

/// Refusal of a limit: the time after which a request is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// Time until a request is available.
    pub wait: Duration,
    /// True if requests to other endpoints do not wait.
    pub is_of_endpoint: bool,
}

/// Rate limiter of one process.
pub struct GcraRateLimiter {
    /// `None`: no limit of our own.
    gcra: Option<Gcra>,
    state: Mutex<GcraState>,
}

struct GcraState {
    /// Time at which the burst is complete again. Each request moves it by one interval.
    theoretical_arrival_time: Instant,
    /// No request to the endpoint, or to any if there is none, is sent before. Bounded by the number of endpoints.
    paused_until: HashMap<Option<&'static str>, Instant>,
}

impl GcraRateLimiter {
    /// Creates a limiter.
    pub fn new(gcra: Gcra) -> Self {
        Self { gcra: Some(gcra), state: GcraState::new() }
    }

    /// Creates a limiter without a limit of its own: only `pause` holds requests back.
    pub fn unlimited() -> Self {
        Self { gcra: None, state: GcraState::new() }
    }

    /// Takes one request without waiting. `endpoint` is the endpoint with pauses of its own, if any.
    pub fn try_acquire(&self, is_priority: bool, endpoint: Option<&'static str>) -> Result<(), Refusal> {
        let now = Instant::now();
        let mut state = self.state.lock();
        if let Some(pause) = state.pause_of(endpoint, now) {
            return Err(pause);
        }
        let Some(gcra) = self.gcra else { return Ok(()) };
        let next = state.theoretical_arrival_time.max(now) + gcra.interval;
        let wait = next.saturating_duration_since(now + gcra.interval * gcra.burst_for(is_priority));
        if wait.is_zero() {
            state.theoretical_arrival_time = next;
            return Ok(());
        }
        Err(Refusal { wait, is_of_endpoint: false })
    }

    /// Returns the time until a number of requests from now, orders' own share included, can have been sent.
    pub fn time_for(&self, requests: u32) -> Duration {
        let now = Instant::now();
        let state = self.state.lock();
        let pause = state.paused_for(None, now);
        let Some(gcra) = self.gcra else { return pause };
        pause.max(gcra.time_for(state.theoretical_arrival_time.saturating_duration_since(now), requests))
    }

    /// Counts a request that a shared limiter allowed, so that the burst is not available twice when this limiter takes over.
    pub fn record_external(&self) {
        let now = Instant::now();
        if let Some(gcra) = self.gcra {
            let mut state = self.state.lock();
            let next = state.theoretical_arrival_time.max(now) + gcra.interval;
            state.theoretical_arrival_time = next.min(now + gcra.interval * gcra.burst);
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

    /// Returns the requests left in the burst, or `None` without a limit.
    pub fn remaining(&self) -> Option<u32> {
        let gcra = self.gcra?;
        let now = Instant::now();
        let state = self.state.lock();
        if state.pause_of(None, now).is_some() {
            return Some(0);
        }
        Some(gcra.remaining(state.theoretical_arrival_time.saturating_duration_since(now)))
    }
}

impl GcraState {
    fn new() -> Mutex<Self> {
        let now = Instant::now();
        Mutex::new(Self { theoretical_arrival_time: now, paused_until: HashMap::new() })
    }

    /// Rest of the pauses that concern an endpoint: its own and that of all requests.
    fn pause_of(&self, endpoint: Option<&'static str>, now: Instant) -> Option<Refusal> {
        let (of_all, of_endpoint) = (self.paused_for(None, now), self.paused_for(endpoint, now));
        let wait = of_all.max(of_endpoint);
        (!wait.is_zero()).then_some(Refusal { wait, is_of_endpoint: of_endpoint > of_all })
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

    fn limiter(requests: u32, priority_percent: u32) -> GcraRateLimiter {
        let (per, max_wait) = (Duration::from_secs(60), Duration::ZERO);
        let policy = RateLimitPolicy { requests, per, priority_percent, max_wait, replicas: 2 };
        GcraRateLimiter::new(Gcra::for_quota(&policy))
    }

    fn drain(limiter: &GcraRateLimiter, is_priority: bool) -> usize {
        let mut count = 0;
        while limiter.try_acquire(is_priority, None).is_ok() {
            count += 1;
        }
        count
    }

    fn pause(seconds: u64, is_of_endpoint: bool) -> Refusal {
        Refusal { wait: Duration::from_secs(seconds), is_of_endpoint }
    }

    #[tokio::test(start_paused = true)]
    async fn the_reserved_part_of_a_burst_is_for_priority_requests_only() {
        let limiter = limiter(60, 25);
        assert_eq!(limiter.remaining(), Some(15));
        assert_eq!(drain(&limiter, false), 11);
        assert_eq!(limiter.remaining(), Some(4));
        assert_eq!(drain(&limiter, true), 4);
        assert_eq!((limiter.remaining(), limiter.try_acquire(true, None).is_err()), (Some(0), true));
    }

    #[tokio::test(start_paused = true)]
    async fn no_window_contains_more_requests_than_the_limit() {
        for requests in [1, 2, 7, 60, 1000] {
            let limiter = limiter(requests, 0);
            let mut sent = Vec::new();
            for _ in 0..6000 {
                while limiter.try_acquire(true, None).is_ok() {
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
        let refusal = limiter.try_acquire(true, None).expect_err("used up");
        assert_eq!(refusal, Refusal { wait: Duration::from_secs(60) / 45, is_of_endpoint: false });
        limiter.pause(None, Duration::from_secs(30));
        let paused = limiter.try_acquire(true, None).expect_err("paused");
        assert_eq!((paused.wait, limiter.remaining()), (Duration::from_secs(30), Some(0)));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_only_a_pause_holds_requests_back() {
        let limiter = GcraRateLimiter::unlimited();
        for _ in 0..10_000 {
            assert_eq!(limiter.try_acquire(false, None), Ok(()));
        }
        limiter.pause(None, Duration::from_secs(1));
        assert_eq!((limiter.try_acquire(false, None), limiter.remaining()), (Err(pause(1, false)), None));
        advance(Duration::from_secs(1)).await;
        assert_eq!(limiter.try_acquire(false, None), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_back_what_it_names_and_a_shorter_one_does_not_end_it() {
        let limiter = GcraRateLimiter::unlimited();
        limiter.pause(Some("catalog"), Duration::from_secs(60));
        limiter.pause(Some("catalog"), Duration::from_secs(1));
        assert_eq!(limiter.try_acquire(true, None), Ok(()));
        assert_eq!(limiter.try_acquire(true, Some("orders")), Ok(()));
        assert_eq!(limiter.try_acquire(true, Some("catalog")), Err(pause(60, true)));
        limiter.pause(None, Duration::from_secs(5));
        assert_eq!(limiter.try_acquire(true, Some("orders")), Err(pause(5, false)));
        advance(Duration::from_secs(59)).await;
        assert_eq!(limiter.try_acquire(true, Some("orders")), Ok(()));
        assert_eq!(limiter.try_acquire(true, Some("catalog")), Err(pause(1, true)));
    }

    #[tokio::test(start_paused = true)]
    async fn externally_allowed_requests_use_up_the_local_burst() {
        let limiter = limiter(60, 0);
        (0..100).for_each(|_| limiter.record_external());
        assert_eq!(drain(&limiter, true), 0);
        advance(Duration::from_secs(60)).await;
        assert_eq!(drain(&limiter, true), 15);
    }
}
