//! Watches the health of sources.

use std::sync::Arc;
use std::time::Duration;

use change_feed::ChangeKind;
use domain::{Clock, HealthReport, Source};
use futures_util::future::{join, join_all};
use tokio_util::sync::CancellationToken;

use crate::object::digest;
use crate::recorder::Recorder;

/// Name of the part of a source that its health is.
const HEALTH: &str = "health";

/// Submits the health of each source now and whenever it changes, and all states of sources and connections again after each `interval`,
/// until `stop` is canceled; then waits until everything submitted is recorded. The recorder appends at most one entry of a source in its
/// shortest time between two.
pub async fn watch_sources(
    sources: Vec<Arc<Source>>,
    recorder: Arc<Recorder>,
    clock: Arc<dyn Clock>,
    interval: Duration,
    stop: CancellationToken,
) {
    let watch = |source: Arc<Source>| {
        let (recorder, clock) = (&recorder, &clock);
        async move {
            let mut report = source.health.report();
            loop {
                submit(recorder, &source, &report, clock.as_ref());
                report = source.health.wait_for_change(&report).await;
            }
        }
    };
    let all = join_all(sources.into_iter().map(watch));
    let again = async {
        loop {
            tokio::time::sleep(interval).await;
            recorder.submit_states_again();
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        _ended = join(all, again) => {}
    }
    recorder.flush().await;
}

fn submit(recorder: &Recorder, source: &Source, report: &HealthReport, clock: &dyn Clock) {
    let state = digest(&(report.state, report.throttled));
    recorder.submit(ChangeKind::Source, (&source.id, source.id.as_str()), (HEALTH, state), clock.now());
}
