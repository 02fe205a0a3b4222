//! A budget of requests that replicas share through Redis, with a share of its own for when Redis is away.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use redis::Script;
use tokio::time::{Instant, sleep};
use tokio_util::task::TaskTracker;

use crate::connection::Redis;
use domain::Budget;
use source_stack::{BudgetPolicy, LocalBudget, Pace};

/// Takes one request by the clock of Redis. The same arithmetic as in `LocalBudget`, in microseconds: the moment at which the
/// burst is whole again moves on by one interval, unless that would leave the depth that the caller may draw on.
/// Answers how long to wait (0: taken) and in how long the burst is whole.
const TAKE: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, depth = tonumber(ARGV[1]), tonumber(ARGV[2])
local kept = redis.call('HMGET', KEYS[1], 'whole_at', 'paused_until')
local whole_at, paused_until = tonumber(kept[1] or 0), tonumber(kept[2] or 0)
if whole_at < now then whole_at = now end
if paused_until > now then return { paused_until - now, whole_at - now } end
local next = whole_at + interval
local wait = next - now - interval * depth
if wait > 0 then return { wait, whole_at - now } end
redis.call('HSET', KEYS[1], 'whole_at', string.format('%.0f', next))
redis.call('PEXPIRE', KEYS[1], math.ceil((math.max(next, paused_until) - now) / 1000) + 60000)
return { 0, next - now }
";

/// Lets nothing out for a while.
const PAUSE: &str = r"
local time = redis.call('TIME')
local until_then = time[1] * 1000000 + time[2] + tonumber(ARGV[1])
local known = tonumber(redis.call('HGET', KEYS[1], 'paused_until') or 0)
if until_then > known then
  redis.call('HSET', KEYS[1], 'paused_until', string.format('%.0f', until_then))
  redis.call('PEXPIRE', KEYS[1], math.ceil(tonumber(ARGV[1]) / 1000) + 60000)
end
return 0
";

static TAKE_SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(TAKE));
static PAUSE_SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(PAUSE));

/// A budget that replicas share.
pub struct RedisBudget {
    redis: Arc<Redis>,
    name: String,
    pace: Pace,
    patience: Duration,
    /// Stands in while Redis is away.
    alone: LocalBudget,
    /// When the burst is whole, as last heard of Redis; `None` while it is away.
    whole_at: Mutex<Option<Instant>>,
    tasks: TaskTracker,
}

impl RedisBudget {
    /// Shares a quota under a name that all replicas use for the same vendor account.
    pub fn new(redis: Arc<Redis>, name: &str, policy: &BudgetPolicy, tasks: TaskTracker) -> Self {
        Self {
            redis,
            name: format!("ticketgraph:budget:{name}"),
            pace: Pace::of(policy),
            patience: policy.patience,
            alone: LocalBudget::new(Pace::of_share(policy), policy.patience),
            whole_at: Mutex::new(None),
            tasks,
        }
    }

    /// Takes one request, or says how long to wait. `None`: Redis is away.
    async fn take_shared(&self, serves_an_order: bool) -> Option<Result<(), Duration>> {
        let (interval, depth) = (micros(self.pace.interval).max(1), self.pace.depth(serves_an_order));
        let answer = self.redis.ask(|mut link| async move {
            TAKE_SCRIPT.key(&self.name).arg(interval).arg(depth).invoke_async::<(u64, u64)>(&mut link).await
        });
        let answer = answer.await;
        *self.whole_at.lock().unwrap_or_else(PoisonError::into_inner) =
            answer.map(|(_, whole_in)| Instant::now() + Duration::from_micros(whole_in));
        match answer? {
            (0, _) => {
                // Counted here too: when Redis goes away a moment later, the burst is not there a second time.
                self.alone.charge();
                Some(Ok(()))
            }
            (wait, _) => Some(Err(Duration::from_micros(wait))),
        }
    }
}

#[async_trait]
impl Budget for RedisBudget {
    async fn take(&self, serves_an_order: bool) -> Result<(), Duration> {
        let last = Instant::now() + self.patience;
        loop {
            // What the vendor told this replica holds before the others have heard of it.
            let paused = self.alone.paused_for();
            let wait = if paused.is_zero() {
                match self.take_shared(serves_an_order).await {
                    Some(Ok(())) => return Ok(()),
                    Some(Err(wait)) => wait,
                    None => return self.alone.take(serves_an_order).await,
                }
            } else {
                paused
            };
            if Instant::now() + wait > last {
                return Err(wait);
            }
            sleep(wait).await;
        }
    }

    fn pause(&self, wait: Duration) {
        self.alone.pause(wait);
        let (redis, name) = (Arc::clone(&self.redis), self.name.clone());
        self.tasks.spawn(async move {
            redis
                .ask(|mut link| async move {
                    PAUSE_SCRIPT.key(&name).arg(micros(wait)).invoke_async::<()>(&mut link).await
                })
                .await;
        });
    }

    fn remaining(&self) -> Option<u32> {
        let whole_at = *self.whole_at.lock().unwrap_or_else(PoisonError::into_inner);
        match whole_at {
            Some(_) if !self.alone.paused_for().is_zero() => Some(0),
            Some(at) => Some(self.pace.remaining(at.saturating_duration_since(Instant::now()))),
            None => self.alone.remaining(),
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
