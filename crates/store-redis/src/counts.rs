//! Counts by the minute that replicas share in Redis.

use std::sync::{Arc, LazyLock};

use redis::Script;

use crate::connection::Redis;

/// Adds by the clock of Redis, so that replicas agree on the minute. Answers the count and the seconds to the next minute.
const ADD: &str = r"
local time = redis.call('TIME')
local second = tonumber(time[1])
local key = KEYS[1] .. ':' .. math.floor(second / 60)
local used = redis.call('INCRBY', key, ARGV[1])
redis.call('EXPIRE', key, 120)
return { used, 60 - second % 60 }
";

static ADD_SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(ADD));

/// Counts that replicas share.
pub struct RedisCounts(Arc<Redis>);

impl RedisCounts {
    /// Counts in this Redis.
    pub fn new(redis: Arc<Redis>) -> Self {
        Self(redis)
    }

    /// Adds to the count of a name in the present minute; answers the count and the seconds to the next minute. `None`: Redis
    /// does not answer.
    pub async fn add(&self, name: &str, amount: u32) -> Option<(u64, u64)> {
        // The braces keep the keys of all minutes at one node of a cluster.
        let key = format!("ticketgraph:count:{{{name}}}");
        self.0.ask(|mut link| async move { ADD_SCRIPT.key(key).arg(amount).invoke_async(&mut link).await }).await
    }
}
