//! A rate limiter (GCRA) that all replicas share through Redis, with a local fallback while Redis is unavailable.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use redis::Script;
use tokio::time::{Instant, sleep};
use tokio_util::task::TaskTracker;

use crate::connection::Redis;
use domain::RateLimiter;
use resilience::{Gcra, GcraRateLimiter, RateLimitPolicy};

/// Acquires one request by the clock of Redis. The same GCRA as the local rate limiter, in microseconds: the theoretical
/// arrival time advances by one interval, unless that would exceed the burst that the caller may use. Returns the time to
/// wait (0 if acquired) and the time until the full burst is available again.
const ACQUIRE_LUA: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local stored = redis.call('HMGET', KEYS[1], 'theoretical_arrival_time', 'paused_until', ARGV[3])
local tat = tonumber(stored[1] or 0)
local paused_until = math.max(tonumber(stored[2] or 0), tonumber(stored[3] or 0))
if tat < now then tat = now end
if paused_until > now then return { paused_until - now, tat - now } end
local next = tat + interval
local wait = next - now - interval * burst
if wait > 0 then return { wait, tat - now } end
redis.call('HSET', KEYS[1], 'theoretical_arrival_time', string.format('%.0f', next))
local lifetime = math.ceil((next - now) / 1000) + 60000
if redis.call('PTTL', KEYS[1]) < lifetime then redis.call('PEXPIRE', KEYS[1], lifetime) end
return { 0, next - now }
";

/// Blocks all requests, or those to one endpoint, for a while. The pause of an endpoint is a field of its own.
const PAUSE_LUA: &str = r"
local time = redis.call('TIME')
local until_then = time[1] * 1000000 + time[2] + tonumber(ARGV[1])
local current = tonumber(redis.call('HGET', KEYS[1], ARGV[2]) or 0)
if until_then > current then
  redis.call('HSET', KEYS[1], ARGV[2], string.format('%.0f', until_then))
  local lifetime = math.ceil(tonumber(ARGV[1]) / 1000) + 60000
  if redis.call('PTTL', KEYS[1]) < lifetime then redis.call('PEXPIRE', KEYS[1], lifetime) end
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
    max_wait: Duration,
    /// Local rate limiter with this replica's share of the quota, used while Redis is unavailable.
    fallback: GcraRateLimiter,
    /// Theoretical arrival time last returned by Redis. `None` while Redis is unavailable.
    theoretical_arrival_time: Mutex<Option<Instant>>,
    tasks: TaskTracker,
}

impl RedisRateLimiter {
    /// Creates a rate limiter for a quota. All replicas use the same `name` for the same vendor account.
    pub fn new(redis: Arc<Redis>, name: &str, policy: &RateLimitPolicy, tasks: TaskTracker) -> Self {
        Self {
            redis,
            name: format!("ticketgraph:rate_limit:{name}"),
            gcra: Gcra::for_quota(policy),
            max_wait: policy.max_wait,
            fallback: GcraRateLimiter::new(Gcra::for_replica_share(policy), policy.max_wait),
            theoretical_arrival_time: Mutex::new(None),
            tasks,
        }
    }

    /// Acquires one request or returns the time to wait. `None` if Redis is unavailable.
    async fn acquire_shared(
        &self,
        is_order_call: bool,
        endpoint: Option<&'static str>,
    ) -> Option<Result<(), Duration>> {
        let pause = pause_field(endpoint);
        let (interval, burst) = (micros(self.gcra.interval).max(1), self.gcra.burst_for(is_order_call));
        let call = self.redis.run(|mut connection| async move {
            ACQUIRE_SCRIPT
                .key(&self.name)
                .arg(interval)
                .arg(burst)
                .arg(pause)
                .invoke_async::<(u64, u64)>(&mut connection)
                .await
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
    async fn acquire(&self, is_order_call: bool, endpoint: Option<&'static str>) -> Result<(), Duration> {
        let deadline = Instant::now() + self.max_wait;
        loop {
            // A pause requested by the vendor applies to this replica before it reaches the others.
            let paused = self.fallback.paused_for(endpoint);
            let wait = if paused.is_zero() {
                match self.acquire_shared(is_order_call, endpoint).await {
                    Some(Ok(())) => return Ok(()),
                    Some(Err(wait)) => wait,
                    None => return self.fallback.acquire(is_order_call, endpoint).await,
                }
            } else {
                paused
            };
            if Instant::now() + wait > deadline {
                return Err(wait);
            }
            sleep(wait).await;
        }
    }

    fn pause(&self, endpoint: Option<&'static str>, wait: Duration) {
        self.fallback.pause(endpoint, wait);
        let (redis, name) = (Arc::clone(&self.redis), self.name.clone());
        self.tasks.spawn(async move {
            redis
                .run(|mut connection| async move {
                    let field = pause_field(endpoint);
                    PAUSE_SCRIPT.key(&name).arg(micros(wait)).arg(field).invoke_async::<()>(&mut connection).await
                })
                .await;
        });
    }

    fn remaining(&self) -> Option<u32> {
        let arrival_time = *self.theoretical_arrival_time.lock();
        match arrival_time {
            Some(_) if !self.fallback.paused_for(None).is_zero() => Some(0),
            Some(at) => Some(self.gcra.remaining(at.saturating_duration_since(Instant::now()))),
            None => self.fallback.remaining(),
        }
    }
}

/// Field of a pause in Redis.
fn pause_field(endpoint: Option<&'static str>) -> String {
    endpoint.map_or_else(|| "paused_until".to_owned(), |endpoint| format!("paused_until:{endpoint}"))
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
