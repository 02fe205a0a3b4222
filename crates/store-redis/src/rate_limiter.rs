//! A rate limiter (GCRA) that all replicas share through Redis, with a local fallback while Redis is unavailable.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use redis::Script;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::connection::Redis;
use domain::{
    CallCount, CapacityReport, CapacityWish, OrderCapacity, RateLimiter, RequestPlace, RequestTurn, ReservationKey,
};
use resilience::{
    Endpoint, GcraLimits, GcraRateLimiter, RateLimitPolicy, Refusal, Requests, Reservations, WAITING_LIST_GRACE, Wish,
};
use source_stack::{
    ONE_CALL, RequestQueue, capacity_report, limited_endpoint, requests, reservation, time_beyond_reserved,
};

/// Acquires one request by the clock of Redis, from all limits that count it or from none. The same GCRA as the local rate
/// limiter, in microseconds: the theoretical arrival time of a limit advances by one interval, unless that would exceed the burst
/// that the caller may use. A request that was reserved uses its reservation. Keys: limits and pauses; reservations. Arguments:
/// reservation, endpoint of pauses, then endpoint, interval and burst of each limit; an empty endpoint means all requests. Returns
/// the time to wait (0 if acquired), the time until the full burst of all requests is available again, and the endpoint that
/// refused.
const ACQUIRE_LUA: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function field(kind, endpoint) return endpoint == '' and kind or kind .. ':' .. endpoint end
local function stored(kind, endpoint) return tonumber(redis.call('HGET', KEYS[1], field(kind, endpoint)) or 0) end
local function arrival(endpoint) return math.max(stored('theoretical_arrival_time', endpoint), now) end
local until_full = arrival('') - now
local of_all, of_endpoint = stored('paused_until', ''), stored('paused_until', ARGV[2])
if math.max(of_all, of_endpoint) > now then
  return { math.max(of_all, of_endpoint) - now, until_full, of_endpoint > of_all and ARGV[2] or '' }
end
for index = 3, #ARGV, 3 do
  local interval, burst = tonumber(ARGV[index + 1]), tonumber(ARGV[index + 2])
  local wait = arrival(ARGV[index]) + interval - now - interval * burst
  if wait > 0 then return { wait, until_full, ARGV[index] } end
end
local lifetime = 60000
for index = 3, #ARGV, 3 do
  local next = arrival(ARGV[index]) + tonumber(ARGV[index + 1])
  redis.call('HSET', KEYS[1], field('theoretical_arrival_time', ARGV[index]), string.format('%.0f', next))
  lifetime = math.max(lifetime, math.ceil((next - now) / 1000) + 60000)
end
if redis.call('PTTL', KEYS[1]) < lifetime then redis.call('PEXPIRE', KEYS[1], lifetime) end
local held = ARGV[1] ~= '' and redis.call('HGET', KEYS[2], ARGV[1])
if held then
  held = cjson.decode(held)
  for index = 3, #ARGV, 3 do
    local left = held[ARGV[index]]
    if left then
      local count = left[1] > 0 and 1 or 2
      left[count] = math.max(left[count] - 1, 0)
    end
  end
  redis.call('HSET', KEYS[2], ARGV[1], cjson.encode(held))
end
return { 0, arrival('') - now, '' }
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

/// Reserves requests as `resilience::Reservations` does, by the clock of Redis. Keys: limits and pauses; requests left and end of
/// each reservation; arrival, requests and end of each entry of the waiting list. Arguments: reservation, ticket, the four times,
/// then endpoint, interval, burst, needed and spare requests of each limit. A reservation without a name reserves nothing.
/// Returns 1 and the time until the last needed request, or 0 and the time after which the wish is expected to fit.
const RESERVE_LUA: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local name, ticket = ARGV[1], ARGV[2]
local within, spare_within, lifetime, grace = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local function at(micros) return string.format('%.0f', micros) end
local function stored(kind, endpoint)
  return tonumber(redis.call('HGET', KEYS[1], endpoint == '' and kind or kind .. ':' .. endpoint) or 0)
end
for _, ended in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', at(now))) do
  redis.call('HDEL', KEYS[2], ended)
  redis.call('ZREM', KEYS[3], ended)
end
for _, ended in ipairs(redis.call('ZRANGEBYSCORE', KEYS[6], '-inf', at(now))) do
  redis.call('ZREM', KEYS[4], ended)
  redis.call('HDEL', KEYS[5], ended)
  redis.call('ZREM', KEYS[6], ended)
end
local own, total = {}, {}
for index = 7, #ARGV, 5 do
  own[ARGV[index]] = { tonumber(ARGV[index + 3]), tonumber(ARGV[index + 4]) }
  total[ARGV[index]] = { own[ARGV[index]][1], own[ARGV[index]][2] }
end
local function add(requests)
  for endpoint, count in pairs(cjson.decode(requests or '{}')) do
    local sum = total[endpoint]
    if sum then sum[1], sum[2] = sum[1] + count[1], sum[2] + count[2] end
  end
end
local held = redis.call('HGETALL', KEYS[2])
for index = 1, #held, 2 do
  if held[index] ~= name then add(held[index + 1]) end
end
local is_waiting = name ~= '' and redis.call('ZSCORE', KEYS[4], ticket)
if name ~= '' then
  for _, other in ipairs(redis.call('ZRANGE', KEYS[4], 0, -1)) do
    if other == ticket then break end
    add(redis.call('HGET', KEYS[5], other))
  end
end
local wait, later = 0, 0
for index = 7, #ARGV, 5 do
  local endpoint, interval, burst = ARGV[index], tonumber(ARGV[index + 1]), tonumber(ARGV[index + 2])
  local pause = math.max(stored('paused_until', ''), stored('paused_until', endpoint)) - now
  local ahead = math.max(stored('theoretical_arrival_time', endpoint) - now, 0)
  local function time_for(requests) return math.max(0, pause, ahead + requests * interval - burst * interval) end
  local needed, spare = total[endpoint][1], total[endpoint][2]
  wait = math.max(wait, time_for(needed))
  later = math.max(later, time_for(needed) - within, time_for(needed + spare) - spare_within)
end
if name == '' then return { 1, wait } end
if later <= 0 then
  redis.call('ZREM', KEYS[4], ticket)
  redis.call('HDEL', KEYS[5], ticket)
  redis.call('ZREM', KEYS[6], ticket)
  redis.call('HSET', KEYS[2], name, cjson.encode(own))
  redis.call('ZADD', KEYS[3], at(now + lifetime), name)
  for index = 2, 3 do redis.call('PEXPIRE', KEYS[index], math.ceil(lifetime / 1000) + 60000) end
  return { 1, wait }
end
if is_waiting or later <= within then
  redis.call('ZADD', KEYS[4], 'NX', at(now), ticket)
  redis.call('HSET', KEYS[5], ticket, cjson.encode(own))
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
    limits: GcraLimits,
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
            limits: GcraLimits::for_quota(policy),
            queue: RequestQueue::new(Some(GcraLimits::for_quota(policy)), order_places, policy.max_wait),
            own_reservations: Reservations::default(),
            fallback: GcraRateLimiter::new(GcraLimits::for_replica_share(policy)),
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
        name: &str,
        wished: &[Requests],
        wish: Option<&Wish<ReservationKey>>,
    ) -> Option<Result<Duration, Duration>> {
        let time = |time: fn(&Wish<ReservationKey>) -> Duration| wish.map_or(0, |wish| micros(time(wish)));
        let call = self.redis.run(|mut connection| async move {
            let mut call = RESERVE_SCRIPT.key(&self.name);
            for part in ["reserved", "reserved_until", "waiting", "waiting_requests", "waiting_until"] {
                call.key(self.part(part));
            }
            call.arg(name).arg(wish.map_or("", |wish| &wish.ticket));
            call.arg(time(|wish| wish.within)).arg(time(|wish| wish.spare_within)).arg(time(|wish| wish.lifetime));
            call.arg(micros(WAITING_LIST_GRACE));
            for requests in wished {
                let Some(gcra) = self.limits.limit(requests.endpoint) else { continue };
                call.arg(requests.endpoint.unwrap_or_default()).arg(micros(gcra.interval).max(1)).arg(gcra.burst);
                call.arg(requests.needed).arg(requests.spare);
            }
            call.invoke_async::<(u8, u64)>(&mut connection).await
        });
        let (fits, time) = call.await?;
        let time = Duration::from_micros(time);
        Some(if fits == 1 { Ok(time) } else { Err(time) })
    }

    /// Acquires one request or returns the time to wait.
    async fn try_acquire(&self, is_order_call: bool, turn: RequestTurn) -> Result<(), Refusal> {
        let endpoint = limited_endpoint(turn.endpoint);
        // A pause requested by the vendor applies to this replica before it reaches the others.
        if let Some(pause) = self.fallback.pause_of(endpoint.pause) {
            return Err(pause);
        }
        match self.acquire_shared(is_order_call, endpoint, turn.reservation).await {
            Some(result) => result,
            None => self.fallback.try_acquire(is_order_call, endpoint).inspect(|()| {
                if let Some(key) = &turn.reservation {
                    self.own_reservations.use_one(key, endpoint.limit);
                }
            }),
        }
    }

    /// Acquires one request or returns the time to wait. `None` if Redis is unavailable.
    async fn acquire_shared(
        &self,
        is_order_call: bool,
        endpoint: Endpoint,
        reservation: Option<ReservationKey>,
    ) -> Option<Result<(), Refusal>> {
        let reservation = reservation.map_or_else(String::new, reservation_name);
        let call = self.redis.run(|mut connection| async move {
            let mut call = ACQUIRE_SCRIPT.key(&self.name);
            call.key(self.part("reserved")).arg(reservation).arg(endpoint.pause.unwrap_or_default());
            for (name, gcra) in self.limits.counting(endpoint) {
                call.arg(name.unwrap_or_default()).arg(micros(gcra.interval).max(1)).arg(gcra.burst_for(is_order_call));
            }
            call.invoke_async::<(u64, u64, String)>(&mut connection).await
        });
        let reply = call.await;
        *self.theoretical_arrival_time.lock() =
            reply.as_ref().map(|(_, until_full, _)| Instant::now() + Duration::from_micros(*until_full));
        match reply? {
            (0, ..) => {
                // Charge the fallback as well, so that the burst is not available twice if Redis fails right afterwards.
                self.fallback.record_external(endpoint);
                Some(Ok(()))
            }
            (wait, _, refused_by) => {
                let own = [endpoint.limit, endpoint.pause].into_iter().flatten();
                let endpoint = own.into_iter().find(|name| *name == refused_by);
                Some(Err(Refusal { wait: Duration::from_micros(wait), endpoint }))
            }
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
            Some(at) => Some(self.limits.all.remaining(at.saturating_duration_since(Instant::now()))),
            None => self.fallback.remaining(),
        }
    }
}

#[async_trait]
impl OrderCapacity for RedisRateLimiter {
    async fn time_for(&self, calls: CallCount) -> Duration {
        match self.reserve_shared("", &requests(calls, CallCount::default()), None).await {
            Some(Ok(time) | Err(time)) => time,
            None => time_beyond_reserved(&self.own_reservations, &self.fallback, calls),
        }
    }

    async fn reserve(&self, wish: &CapacityWish) -> Result<Duration, Duration> {
        let wish = reservation(wish);
        match self.reserve_shared(&reservation_name(wish.key), &wish.requests, Some(&wish)).await {
            Some(result) => result,
            None => {
                self.own_reservations.reserve(&wish, |endpoint, requests| self.fallback.time_for(endpoint, requests))
            }
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
        capacity_report(Some(self.limits), self.queue.waiting(), self.time_for(ONE_CALL).await)
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
