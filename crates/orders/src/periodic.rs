//! Periodic background passes.

use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// Runs `pass` at once and then every `interval`, until `stop` is canceled. A pass that takes longer delays the next one.
pub async fn every<F: Future<Output = ()>>(interval: Duration, stop: CancellationToken, mut pass: impl FnMut() -> F) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        pass().await;
    }
}
