//! Listening to a channel of Redis through every break: subscribing, hearing, making sure, and trying again.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use redis::aio::PubSub;
use tokio::time::{interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::connection::Redis;

/// How long to wait before listening is tried again, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));
/// How often a listener makes sure that it could still hear something.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// Whoever listens to a channel.
#[async_trait]
pub(super) trait Ear: Send + Sync {
    /// From now on everything is heard; what was told before may have been missed.
    fn begin(&self);

    /// A message.
    fn hear(&self, message: &[u8]);

    /// Nothing can be heard for now. Told again before each try.
    fn lose(&self);

    /// The channel was just seen to be alive.
    async fn beat(&self);
}

/// Listens until it is told to stop.
pub(super) async fn listen(redis: &Redis, channel: &str, ear: &impl Ear, stop: CancellationToken) {
    let mut pause = PAUSES.0;
    loop {
        if let Some(listener) = subscribed(redis, channel).await {
            pause = PAUSES.0;
            ear.begin();
            tokio::select! {
                () = stop.cancelled() => return,
                () = hear_until_torn(listener, ear) => {}
            }
        }
        ear.lose();
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(pause) => pause = (pause * 2).min(PAUSES.1),
        }
    }
}

async fn subscribed(redis: &Redis, channel: &str) -> Option<PubSub> {
    let mut listener = redis.listener().await?;
    timeout(HEARTBEAT, listener.subscribe(channel)).await.ok()?.ok()?;
    Some(listener)
}

async fn hear_until_torn(listener: PubSub, ear: &impl Ear) {
    let (mut sink, mut messages) = listener.split();
    let mut heartbeat = interval(HEARTBEAT);
    loop {
        tokio::select! {
            message = messages.next() => {
                let Some(message) = message else { return };
                ear.hear(message.get_payload_bytes());
            }
            _ = heartbeat.tick() => {
                if !matches!(timeout(HEARTBEAT, sink.ping::<redis::Value>()).await, Ok(Ok(_))) {
                    return;
                }
                ear.beat().await;
            }
        }
    }
}
