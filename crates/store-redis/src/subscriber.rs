//! Pub/sub subscription to a Redis channel with heartbeats and automatic reconnection.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use redis::aio::PubSub;
use tokio::time::{interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::connection::Redis;

/// Initial and maximum backoff before a reconnection attempt.
const RECONNECT_BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));
/// Interval at which a subscriber checks that its connection is alive.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(2);

/// Receives the messages of a channel.
#[async_trait]
pub(super) trait Subscriber: Send + Sync {
    /// Called when the subscription is established. Earlier messages may have been missed.
    fn on_subscribed(&self);

    /// Called for each message.
    fn on_message(&self, message: &[u8]);

    /// Called when the connection is lost and before each reconnection attempt.
    fn on_disconnect(&self);

    /// Called after each successful heartbeat.
    async fn on_heartbeat(&self);
}

/// Runs the subscription until `stop` is canceled.
pub(super) async fn run_subscriber(
    redis: &Redis,
    channel: &str,
    subscriber: &impl Subscriber,
    stop: CancellationToken,
) {
    let mut backoff = RECONNECT_BACKOFF.0;
    loop {
        if let Some(pubsub) = subscribe(redis, channel).await {
            backoff = RECONNECT_BACKOFF.0;
            subscriber.on_subscribed();
            tokio::select! {
                () = stop.cancelled() => return,
                () = receive_until_disconnect(pubsub, subscriber) => {}
            }
        }
        subscriber.on_disconnect();
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(backoff) => backoff = (backoff * 2).min(RECONNECT_BACKOFF.1),
        }
    }
}

async fn subscribe(redis: &Redis, channel: &str) -> Option<PubSub> {
    let mut pubsub = redis.connect_pubsub().await?;
    timeout(HEARTBEAT_INTERVAL, pubsub.subscribe(channel)).await.ok()?.ok()?;
    Some(pubsub)
}

async fn receive_until_disconnect(pubsub: PubSub, subscriber: &impl Subscriber) {
    let (mut sink, mut messages) = pubsub.split();
    let mut heartbeat = interval(HEARTBEAT_INTERVAL);
    loop {
        tokio::select! {
            message = messages.next() => {
                let Some(message) = message else { return };
                subscriber.on_message(message.get_payload_bytes());
            }
            _ = heartbeat.tick() => {
                if !matches!(timeout(HEARTBEAT_INTERVAL, sink.ping::<redis::Value>()).await, Ok(Ok(_))) {
                    return;
                }
                subscriber.on_heartbeat().await;
            }
        }
    }
}
