//! A rate limiter (GCRA) that all replicas share through Redis, with a local fallback while Redis is unavailable.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use redis::Script;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::connection::Redis;
use domain::{CapacityReport, CapacityWish, OrderCapacity, RateLimiter, RequestPlace, RequestTurn, ReservationKey};
use resilience::{Gcra, GcraRateLimiter, RateLimitPolicy, Refusal, Reservations, WAITING_LIST_GRACE};
use source_stack::{RequestQueue, reservation};

/// Acquires one request by the clock of Redis. The same GCRA as the local rate limiter, in microseconds: the theoretical
/// arrival time advances by one interval, unless that would exceed the burst that the caller may use. A request that was
/// reserved uses its reservation. Returns the time to wait (0 if acquired), the time until the full burst is available again, and
/// whether only the endpoint waits.
const ACQUIRE_LUA: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local stored = redis.call('HMGET', KEYS[1], 'theoretical_arrival_time', 'paused_until', ARGV[3])
local tat = tonumber(stored[1] or 0)
local paused_until = math.max(tonumber(stored[2] or 0), tonumber(stored[3] or 0))
if tat < now then tat = now end
if paused_until > now then return { paused_until - now, tat - now, paused_until > tonumber(stored[2] or 0) and 1 or 0 } end
local next = tat + interval
local wait = next - now - interval * burst
if wait > 0 then return { wait, tat - now, 0 } end
redis.call('HSET', KEYS[1], 'theoretical_arrival_time', string.format('%.0f', next))
if tonumber(redis.call('HGET', KEYS[2], ARGV[4]) or 0) > 0 then redis.call('HINCRBY', KEYS[2], ARGV[4], -1) end
local lifetime = math.ceil((next - now) / 1000) + 60000
if redis.call('PTTL', KEYS[1]) < lifetime then redis.call('PEXPIRE', KEYS[1], lifetime) end
return { 0, next - now, 0 }
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

/// Reserves requests as `resilience::Reservations` does, by the clock of Redis. Keys: the limit; requests left and end of each
/// reservation; arrival, requests and end of each entry of the waiting list. A reservation without a name reserves nothing.
/// Returns 1 and the time until the last request, or 0 and the time after which the wish is expected to fit.
const RESERVE_LUA: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, burst, name, ticket = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4]
local requests, within, lifetime, grace = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local function at(micros) return string.format('%.0f', micros) end
for _, ended in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', at(now))) do
  redis.call('HDEL', KEYS[2], ended)
  redis.call('ZREM', KEYS[3], ended)
end
for _, ended in ipairs(redis.call('ZRANGEBYSCORE', KEYS[6], '-inf', at(now))) do
  redis.call('ZREM', KEYS[4], ended)
  redis.call('HDEL', KEYS[5], ended)
  redis.call('ZREM', KEYS[6], ended)
end
local total = requests
local held = redis.call('HGETALL', KEYS[2])
for index = 1, #held, 2 do
  if held[index] ~= name then total = total + tonumber(held[index + 1]) end
end
local is_waiting = name ~= '' and redis.call('ZSCORE', KEYS[4], ticket)
if name ~= '' then
  for _, other in ipairs(redis.call('ZRANGE', KEYS[4], 0, -1)) do
    if other == ticket then break end
    total = total + tonumber(redis.call('HGET', KEYS[5], other) or 0)
  end
end
local stored = redis.call('HMGET', KEYS[1], 'theoretical_arrival_time', 'paused_until')
local tat, paused_until = tonumber(stored[1] or 0), tonumber(stored[2] or 0)
local wait = math.max(0, paused_until - now, math.max(tat - now, 0) + total * interval - burst * interval)
if name == '' then return { 1, wait } end
if wait <= within then
  redis.call('ZREM', KEYS[4], ticket)
  redis.call('HDEL', KEYS[5], ticket)
  redis.call('ZREM', KEYS[6], ticket)
  redis.call('HSET', KEYS[2], name, requests)
  redis.call('ZADD', KEYS[3], at(now + lifetime), name)
  for index = 2, 3 do redis.call('PEXPIRE', KEYS[index], math.ceil(lifetime / 1000) + 60000) end
  return { 1, wait }
end
local later = wait - within
if is_waiting or later <= within then
  redis.call('ZADD', KEYS[4], 'NX', at(now), ticket)
  redis.call('HSET', KEYS[5], ticket, requests)
  redis.call('ZADD', KEYS[6], at(now + later + grace), ticket)
  for index = 4, 6 do redis.call('PEXPIRE', KEYS[index], math.ceil((later + grace) / 1000) + 3600000) end
end
return { 0, later }
";

/// Gives back what is left of a reservation.
const RELEASE_LUA: &str = r"
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return 0
";

static RESERVE_SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(RESERVE_LUA));
static RELEASE_SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(RELEASE_LUA));
static ACQUIRE_SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(ACQUIRE_LUA));
static PAUSE_SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(PAUSE_LUA));

/// A rate limiter that all replicas share.
pub struct RedisRateLimiter {
    redis: Arc<Redis>,
    name: String,
    gcra: Gcra,
    /// Turns of this replica's requests; only the first of each replica asks Redis.
    queue: RequestQueue,
    /// Reservations of this replica that were made while Redis was unavailable.
    own_reservations: Reservations<ReservationKey>,
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
            // The braces keep the keys of one limit in one slot of a cluster.
            name: format!("ticketgraph:rate_limit:{{{name}}}"),
            gcra: Gcra::for_quota(policy),
            queue: RequestQueue::new(Some(Gcra::for_quota(policy)), order_places, policy.max_wait),
            own_reservations: Reservations::default(),
            fallback: GcraRateLimiter::new(Gcra::for_replica_share(policy)),
            theoretical_arrival_time: Mutex::new(None),
            tasks,
        }
    }

    /// Name of a key beside the limit.
    fn part(&self, part: &str) -> String {
        format!("{}:{part}", self.name)
    }

    /// Reserves requests for a leg, or for nobody if `name` is empty. `None` if Redis is unavailable.
    async fn reserve_shared(
        &self,
        name: String,
        ticket: &str,
        requests: u32,
        (within, lifetime): (Duration, Duration),
    ) -> Option<Result<Duration, Duration>> {
        let call = self.redis.run(|mut connection| async move {
            let mut call = RESERVE_SCRIPT.key(&self.name);
            for part in ["reserved", "reserved_until", "waiting", "waiting_requests", "waiting_until"] {
                call.key(self.part(part));
            }
            call.arg(micros(self.gcra.interval).max(1)).arg(self.gcra.burst).arg(name).arg(ticket).arg(requests);
            call.arg(micros(within)).arg(micros(lifetime)).arg(micros(WAITING_LIST_GRACE));
            call.invoke_async::<(u8, u64)>(&mut connection).await
        });
        let (fits, time) = call.await?;
        let time = Duration::from_micros(time);
        Some(if fits == 1 { Ok(time) } else { Err(time) })
    }

    /// Acquires one request or returns the time to wait.
    async fn try_acquire(&self, is_order_call: bool, turn: RequestTurn) -> Result<(), Refusal> {
        // A pause requested by the vendor applies to this replica before it reaches the others.
        if let Some(pause) = self.fallback.pause_of(turn.endpoint) {
            return Err(pause);
        }
        match self.acquire_shared(is_order_call, turn).await {
            Some(result) => result,
            None => self.fallback.try_acquire(is_order_call, turn.endpoint).inspect(|()| {
                if let Some(key) = &turn.reservation {
                    self.own_reservations.use_one(key);
                }
            }),
        }
    }

    /// Acquires one request or returns the time to wait. `None` if Redis is unavailable.
    async fn acquire_shared(&self, is_order_call: bool, turn: RequestTurn) -> Option<Result<(), Refusal>> {
        let (pause, reservation) =
            (pause_field(turn.endpoint), turn.reservation.map_or_else(String::new, reservation_name));
        let (interval, burst) = (micros(self.gcra.interval).max(1), self.gcra.burst_for(is_order_call));
        let call = self.redis.run(|mut connection| async move {
            let mut call = ACQUIRE_SCRIPT.key(&self.name);
            let call = call.key(self.part("reserved")).arg(interval).arg(burst).arg(pause).arg(reservation);
            call.invoke_async::<(u64, u64, bool)>(&mut connection).await
        });
        let reply = call.await;
        *self.theoretical_arrival_time.lock() =
            reply.map(|(_, until_full, _)| Instant::now() + Duration::from_micros(until_full));
        match reply? {
            (0, ..) => {
                // Charge the fallback as well, so that the burst is not available twice if Redis fails right afterwards.
                self.fallback.record_external();
                Some(Ok(()))
            }
            (wait, _, is_of_endpoint) => Some(Err(Refusal { wait: Duration::from_micros(wait), is_of_endpoint })),
        }
    }
}

#[async_trait]
impl RateLimiter for RedisRateLimiter {
    async fn acquire(&self, turn: RequestTurn) -> Result<RequestPlace, Duration> {
        let ask = |serves_an_order| self.try_acquire(serves_an_order, turn);
        self.queue.acquire(turn, ask).await.map(RequestPlace::new)
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
            Some(_) if self.fallback.pause_of(None).is_some() => Some(0),
            Some(at) => Some(self.gcra.remaining(at.saturating_duration_since(Instant::now()))),
            None => self.fallback.remaining(),
        }
    }
}

#[async_trait]
impl OrderCapacity for RedisRateLimiter {
    async fn time_for(&self, calls: u32) -> Duration {
        match self.reserve_shared(String::new(), "", calls, (Duration::ZERO, Duration::ZERO)).await {
            Some(Ok(time) | Err(time)) => time,
            None => self.fallback.time_for(self.own_reservations.reserved().saturating_add(calls)),
        }
    }

    async fn reserve(&self, wish: &CapacityWish) -> Result<Duration, Duration> {
        let name = reservation_name(wish.key);
        match self.reserve_shared(name, &wish.ticket, wish.calls, (wish.within, wish.lifetime)).await {
            Some(result) => result,
            None => self.own_reservations.reserve(&reservation(wish), |requests| self.fallback.time_for(requests)),
        }
    }

    async fn release(&self, key: ReservationKey) {
        self.own_reservations.release(&key);
        let call = self.redis.run(|mut connection| async move {
            let mut call = RELEASE_SCRIPT.key(self.part("reserved"));
            let call = call.key(self.part("reserved_until")).arg(reservation_name(key));
            call.invoke_async::<()>(&mut connection).await
        });
        // Without Redis the reservation ends by itself.
        let _ = call.await;
    }

    fn stop_for(&self, time: Duration) {
        self.pause(None, time);
    }

    async fn report(&self) -> CapacityReport {
        let expected_wait = self.time_for(1).await;
        CapacityReport {
            requests_per_minute: Some(self.gcra.per_minute()),
            waiting: self.queue.waiting(),
            expected_wait,
        }
    }
}

fn reservation_name(key: ReservationKey) -> String {
    format!("{}:{}", key.order, key.leg)
}

/// Field of a pause in Redis.
fn pause_field(endpoint: Option<&'static str>) -> String {
    endpoint.map_or_else(|| "paused_until".to_owned(), |endpoint| format!("paused_until:{endpoint}"))
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
