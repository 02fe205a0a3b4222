//! The shared level of the cache in Redis, and the news between replicas.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::connection::Redis;
use crate::ear::{self, Ear};
use source_stack::{CacheStore, Heard, Invalidation};

/// In front of every name, so that others may use the same Redis.
const PREFIX: &str = "ticketgraph:";
/// Where replicas tell each other what has become untrue.
const CHANNEL: &str = "ticketgraph:news";
/// Announcements that are kept for when Redis answers again.
const UNTOLD: usize = 1000;

/// The shared level of the cache.
pub struct RedisCache {
    redis: Arc<Redis>,
    /// Tells our own news from those of others.
    who: u64,
    untold: Mutex<VecDeque<Announcement>>,
}

/// What has to be marked and told.
#[derive(Clone)]
struct Announcement {
    marks: Vec<String>,
    life: Duration,
    what: Invalidation,
}

/// What replicas tell each other.
#[derive(Serialize, Deserialize)]
struct News {
    from: u64,
    what: Invalidation,
}

/// Tells somebody what the others announce.
struct Told<'a, F> {
    cache: &'a RedisCache,
    hear: F,
}

#[async_trait]
impl<F: Fn(Heard) + Send + Sync> Ear for Told<'_, F> {
    fn begin(&self) {
        (self.hear)(Heard::Gap);
    }

    fn hear(&self, message: &[u8]) {
        match serde_json::from_slice::<News>(message) {
            Ok(news) if news.from == self.cache.who => {}
            Ok(news) => (self.hear)(Heard::Untrue(news.what)),
            // Another version speaks here: something has changed, and it is not known what.
            Err(_) => (self.hear)(Heard::Gap),
        }
    }

    /// What is missed meanwhile is told when listening begins again.
    fn lose(&self) {}

    async fn beat(&self) {
        self.cache.tell_untold().await;
    }
}

impl RedisCache {
    /// Keeps the shared level in this Redis.
    pub fn new(redis: Arc<Redis>) -> Arc<Self> {
        Arc::new(Self { redis, who: fastrand::u64(..), untold: Mutex::default() })
    }

    /// Hears the other replicas until it is told to stop. After each time that it could not, it says so: what was missed is
    /// not known.
    pub async fn listen(self: Arc<Self>, stop: CancellationToken, hear: impl Fn(Heard) + Send + Sync) {
        let ear = Told { cache: &self, hear };
        ear::listen(&self.redis, CHANNEL, &ear, stop).await;
    }

    /// Tells what could not be told while Redis was away, in its order.
    async fn tell_untold(&self) {
        loop {
            let Some(first) = self.lock().pop_front() else { return };
            if !self.tell(&first).await {
                self.lock().push_front(first);
                return;
            }
        }
    }

    async fn tell(&self, announcement: &Announcement) -> bool {
        let news = News { from: self.who, what: announcement.what.clone() };
        let Ok(news) = serde_json::to_vec(&news) else { return true };
        let life = millis(announcement.life);
        let told = self.redis.ask(|link| async move {
            let marking =
                announcement.marks.iter().map(|mark| {
                    let mut link = link.clone();
                    let token = format!("{:016x}", fastrand::u64(..));
                    async move {
                        redis::cmd("SET").arg(named(mark)).arg(token).arg("PX").arg(life).exec_async(&mut link).await
                    }
                });
            // All marks are set before anybody hears of it and looks.
            try_join_all(marking).await?;
            redis::cmd("PUBLISH").arg(CHANNEL).arg(news).exec_async(&mut link.clone()).await
        });
        told.await.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Announcement>> {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl CacheStore for RedisCache {
    async fn load(&self, names: &[String]) -> Option<Vec<Option<Vec<u8>>>> {
        let names: Vec<String> = names.iter().map(|name| named(name)).collect();
        let loaded: Vec<Option<Vec<u8>>> = self
            .redis
            .ask(|mut link| async move { redis::cmd("MGET").arg(&names).query_async(&mut link).await })
            .await?;
        Some(loaded)
    }

    async fn keep(&self, name: String, value: Vec<u8>, life: Duration) {
        let keeping = self.redis.ask(|mut link| async move {
            redis::cmd("SET").arg(named(&name)).arg(value).arg("PX").arg(millis(life)).exec_async(&mut link).await
        });
        // What is not kept is fetched again.
        keeping.await;
    }

    async fn discard(&self, names: Vec<String>) {
        let names: Vec<String> = names.iter().map(|name| named(name)).collect();
        self.redis.ask(|mut link| async move { redis::cmd("UNLINK").arg(&names).exec_async(&mut link).await }).await;
    }

    async fn announce(&self, marks: Vec<String>, life: Duration, what: &Invalidation) {
        let announcement = Announcement { marks, life, what: what.clone() };
        if self.tell(&announcement).await {
            return;
        }
        let mut untold = self.lock();
        if untold.len() == UNTOLD {
            untold.pop_front();
            tracing::error!(
                "too much has become untrue while redis was away: other replicas learn some of it only by age"
            );
        }
        untold.push_back(announcement);
    }
}

fn named(name: &str) -> String {
    format!("{PREFIX}{name}")
}

fn millis(life: Duration) -> u64 {
    u64::try_from(life.as_millis()).unwrap_or(u64::MAX).max(1)
}
