//! Change streams: one poller per performance, and one publisher for the health of all sources, for any number of
//! subscribers.
//!
//! Each starts with its first subscriber and ends with its last. Subscribers get the latest state only: a slow one
//! skips intermediate states and blocks nobody.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use domain::ids::{PerformanceKey, SourceId};
use domain::source::{HealthReport, Source};
use futures_util::stream::{select_all, unfold};
use futures_util::{Stream, StreamExt};
use parking_lot::Mutex;
use tokio::sync::{broadcast, watch};
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use tokio_stream::wrappers::{BroadcastStream, WatchStream};
use tokio_util::task::TaskTracker;

use crate::UnifiedCatalog;
use crate::availability::AvailabilityOutcome;
use crate::sourced::SourcedPerformance;

/// Poll interval of a watched performance.
const AVAILABILITY_POLL_INTERVAL: Duration = Duration::from_secs(15);
/// Largest accepted age of a polled availability. Replicas with a shared cache thereby share their polls.
const MAX_POLLED_AGE: Duration = Duration::from_secs(10);
/// Number of buffered health changes per subscriber.
const HEALTH_CHANNEL_CAPACITY: usize = 64;

/// A stream of changes.
pub type ChangeStream<T> = Pin<Box<dyn Stream<Item = T> + Send>>;

type AvailabilitySender = watch::Sender<Option<AvailabilityOutcome>>;

/// The active pollers and publishers.
#[derive(Default)]
pub(super) struct Watchers {
    performances: Mutex<HashMap<(SourceId, PerformanceKey), AvailabilitySender>>,
    health: Mutex<Option<broadcast::Sender<Arc<Source>>>>,
    tasks: TaskTracker,
}

impl UnifiedCatalog {
    /// Streams the availability of a performance, now and at each change.
    pub fn watch_availability(self: &Arc<Self>, performance: &SourcedPerformance) -> ChangeStream<AvailabilityOutcome> {
        let key = (performance.source.id.clone(), performance.value.value.key.clone());
        let mut watched = self.watchers.performances.lock();
        let receiver = match watched.get(&key) {
            Some(sender) => sender.subscribe(),
            None => {
                let (sender, receiver) = watch::channel(None);
                watched.insert(key.clone(), sender.clone());
                self.watchers.tasks.spawn(poll_availability(Arc::clone(self), performance.clone(), key, sender));
                receiver
            }
        };
        WatchStream::new(receiver).filter_map(std::future::ready).boxed()
    }

    /// Streams each source whose health state or throttling changes from now on.
    pub fn watch_health(self: &Arc<Self>) -> ChangeStream<Arc<Source>> {
        let mut health = self.watchers.health.lock();
        let receiver = match &*health {
            Some(sender) => sender.subscribe(),
            None => {
                let (sender, receiver) = broadcast::channel(HEALTH_CHANNEL_CAPACITY);
                *health = Some(sender.clone());
                let changes =
                    self.sources().iter().map(|source| health_changes(source, source.health.report())).collect();
                self.watchers.tasks.spawn(publish_health_changes(Arc::clone(self), changes, sender));
                receiver
            }
        };
        // A lagging subscriber continues with the next change; the current state can always be queried.
        BroadcastStream::new(receiver)
            .filter_map(|change: Result<_, BroadcastStreamRecvError>| std::future::ready(change.ok()))
            .boxed()
    }
}

/// Polls until the last subscriber is gone, and publishes changes.
async fn poll_availability(
    catalog: Arc<UnifiedCatalog>,
    performance: SourcedPerformance,
    key: (SourceId, PerformanceKey),
    sender: AvailabilitySender,
) {
    loop {
        let outcomes = catalog.load_availability(std::slice::from_ref(&performance), MAX_POLLED_AGE).await;
        if let Some(outcome) = outcomes.into_iter().next() {
            sender.send_if_modified(|previous| {
                let is_changed = previous.as_ref().is_none_or(|previous| has_changed(previous, &outcome));
                if is_changed {
                    *previous = Some(outcome);
                }
                is_changed
            });
        }
        tokio::select! {
            () = tokio::time::sleep(AVAILABILITY_POLL_INTERVAL) => {}
            () = sender.closed() => {}
        }
        let mut watched = catalog.watchers.performances.lock();
        // Under the lock nobody can subscribe between the check and the removal.
        if sender.receiver_count() == 0 {
            watched.remove(&key);
            return;
        }
    }
}

fn has_changed(previous: &AvailabilityOutcome, current: &AvailabilityOutcome) -> bool {
    let kind = |outcome: &AvailabilityOutcome| outcome.problem.as_ref().map(|problem| problem.kind.name());
    previous.availability.value != current.availability.value || kind(previous) != kind(current)
}

/// Streams a source at each change of its health, starting from a known report.
fn health_changes(source: &Arc<Source>, report: HealthReport) -> ChangeStream<Arc<Source>> {
    let source = Arc::clone(source);
    let next = move |report| {
        let source = Arc::clone(&source);
        async move {
            let current = source.health.wait_for_change(&report).await;
            Some((source, current))
        }
    };
    unfold(report, next).boxed()
}

/// Publishes the changes of all sources until the last subscriber is gone.
async fn publish_health_changes(
    catalog: Arc<UnifiedCatalog>,
    sources: Vec<ChangeStream<Arc<Source>>>,
    sender: broadcast::Sender<Arc<Source>>,
) {
    let mut changes = select_all(sources);
    loop {
        tokio::select! {
            Some(source) = changes.next() => {
                // A send without subscribers is detected below.
                let _ = sender.send(source);
            }
            () = sender.closed() => {}
        }
        let mut health = catalog.watchers.health.lock();
        // Under the lock nobody can subscribe between the check and the removal.
        if sender.receiver_count() == 0 {
            *health = None;
            return;
        }
    }
}
