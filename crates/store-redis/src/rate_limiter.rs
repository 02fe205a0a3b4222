//! A rate limiter (GCRA) that all replicas share through Redis, with a local fallback while Redis is unavailable.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use redis::Script;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::connection::Redis;
use domain::{RateLimiter, RequestPlace, RequestTurn};
use resilience::{Gcra, GcraRateLimiter, RateLimitPolicy};
use source_stack::RequestQueue;

/// Acquires one request by the clock of Redis. The same GCRA as the local rate limiter, in microseconds: the theoretical
/// arrival time advances by one interval, unless that would exceed the burst that the caller may use. Returns the time to
/// wait (0 if acquired) and the time until the full burst is available again.
const ACQUIRE_LUA: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local stored = redis.call('HMGET', KEYS[1], 'theoretical_arrival_time', 'paused_until')
local tat, paused_until = tonumber(stored[1] or 0), tonumber(stored[2] or 0)
if tat < now then tat = now end
if paused_until > now then return { paused_until - now, tat - now } end
local next = tat + interval
local wait = next - now - interval * burst
if wait > 0 then return { wait, tat - now } end
redis.call('HSET', KEYS[1], 'theoretical_arrival_time', string.format('%.0f', next))
redis.call('PEXPIRE', KEYS[1], math.ceil((math.max(next, paused_until) - now) / 1000) + 60000)
return { 0, next - now }
";

/// Blocks all requests for a while.
const PAUSE_LUA: &str = r"
local time = redis.call('TIME')
local until_then = time[1] * 1000000 + time[2] + tonumber(ARGV[1])
local current = tonumber(redis.call('HGET', KEYS[1], 'paused_until') or 0)
if until_then > current then
  redis.call('HSET', KEYS[1], 'paused_until', string.format('%.0f', until_then))
  redis.call('PEXPIRE', KEYS[1], math.ceil(tonumber(ARGV[1]) / 1000) + 60000)
end
return 0
";

static ACQUIRE_SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(ACQUIRE_LUA));
static PAUSE_SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(PAUSE_LUA));

/// A rate limiter that all replicas share.
pub struct RedisRateLimiter {
    redis: Arc<Redis>,
    name: String,
    gcra: Gcra,
    /// Turns of this replica's requests; only the first of each replica asks Redis.
    queue: RequestQueue,
    /// Local rate limiter with this replica's share of the quota, used while Redis is unavailable.
    fallback: GcraRateLimiter,
    /// Theoretical arrival time last returned by Redis. `None` while Redis is unavailable.
    theoretical_arrival_time: Mutex<Option<Instant>>,
    tasks: TaskTracker,
}

impl RedisRateLimiter {
    /// Creates a rate limiter for a quota. All replicas use the same `name` for the same vendor account. At most `order_places`
    /// requests of orders are sent at once by each replica.
    pub fn new(
        redis: Arc<Redis>,
        name: &str,
        policy: &RateLimitPolicy,
        order_places: usize,
        tasks: TaskTracker,
    ) -> Self {
        Self {
            redis,
            name: format!("ticketgraph:rate_limit:{name}"),
            gcra: Gcra::for_quota(policy),
            queue: RequestQueue::new(Some(Gcra::for_quota(policy)), order_places, policy.max_wait),
            fallback: GcraRateLimiter::new(Gcra::for_replica_share(policy)),
            theoretical_arrival_time: Mutex::new(None),
            tasks,
        }
    }

    /// Acquires one request or returns the time to wait.
    async fn try_acquire(&self, is_order_call: bool) -> Result<(), Duration> {
        // A pause requested by the vendor applies to this replica before it reaches the others.
        let paused = self.fallback.paused_for();
        if !paused.is_zero() {
            return Err(paused);
        }
        match self.acquire_shared(is_order_call).await {
            Some(result) => result,
            None => self.fallback.try_acquire(is_order_call),
        }
    }

    /// Acquires one request or returns the time to wait. `None` if Redis is unavailable.
    async fn acquire_shared(&self, is_order_call: bool) -> Option<Result<(), Duration>> {
        let (interval, burst) = (micros(self.gcra.interval).max(1), self.gcra.burst_for(is_order_call));
        let call = self.redis.run(|mut connection| async move {
            ACQUIRE_SCRIPT.key(&self.name).arg(interval).arg(burst).invoke_async::<(u64, u64)>(&mut connection).await
        });
        let reply = call.await;
        *self.theoretical_arrival_time.lock() =
            reply.map(|(_, until_full)| Instant::now() + Duration::from_micros(until_full));
        match reply? {
            (0, _) => {
                // Charge the fallback as well, so that the burst is not available twice if Redis fails right afterwards.
                self.fallback.record_external();
                Some(Ok(()))
            }
            (wait, _) => Some(Err(Duration::from_micros(wait))),
        }
    }
}

#[async_trait]
impl RateLimiter for RedisRateLimiter {
    async fn acquire(&self, turn: RequestTurn) -> Result<RequestPlace, Duration> {
        self.queue.acquire(turn, |serves_an_order| self.try_acquire(serves_an_order)).await.map(RequestPlace::new)
    }

    fn pause(&self, wait: Duration) {
        self.fallback.pause(wait);
        let (redis, name) = (Arc::clone(&self.redis), self.name.clone());
        self.tasks.spawn(async move {
            redis
                .run(|mut connection| async move {
                    PAUSE_SCRIPT.key(&name).arg(micros(wait)).invoke_async::<()>(&mut connection).await
                })
                .await;
        });
    }

    fn remaining(&self) -> Option<u32> {
        let arrival_time = *self.theoretical_arrival_time.lock();
        match arrival_time {
            Some(_) if !self.fallback.paused_for().is_zero() => Some(0),
            Some(at) => Some(self.gcra.remaining(at.saturating_duration_since(Instant::now()))),
            None => self.fallback.remaining(),
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
