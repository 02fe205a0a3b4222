//! Per-minute counters that all replicas share through Redis.

use std::sync::{Arc, LazyLock};

use redis::Script;

use crate::connection::Redis;

/// Increments by the clock of Redis, so that replicas agree on the minute. Returns the count and the seconds until the next
/// minute.
const INCREMENT_LUA: &str = r"
local time = redis.call('TIME')
local second = tonumber(time[1])
local key = KEYS[1] .. ':' .. math.floor(second / 60)
local used = redis.call('INCRBY', key, ARGV[1])
redis.call('EXPIRE', key, 120)
return { used, 60 - second % 60 }
";

static INCREMENT_SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(INCREMENT_LUA));

/// Counters that all replicas share.
pub struct RedisCounters(Arc<Redis>);

impl RedisCounters {
    /// Creates counters in this Redis.
    pub fn new(redis: Arc<Redis>) -> Self {
        Self(redis)
    }

    /// Increments the counter of a name in the current minute. Returns the count and the seconds until the next minute, or
    /// `None` if Redis is unavailable.
    pub async fn increment(&self, name: &str, amount: u32) -> Option<(u64, u64)> {
        // The braces are a hash tag: they keep the keys of all minutes on one cluster node.
        let key = format!("ticketgraph:count:{{{name}}}");
        self.0.run(|mut connection| async move { INCREMENT_SCRIPT.key(key).arg(amount).invoke_async(&mut connection).await }).await
    }
}
