//! Watching what changes by itself: one poller for each performance, and one teller for the health of all sources, however
//! many listen.
//!
//! Either begins with its first listener and ends with its last. Listeners hear of the latest state only: one that reads
//! slowly misses states in between and holds nothing up.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::{select_all, unfold};
use futures_util::{Stream, StreamExt};
use tokio::sync::{broadcast, watch};
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use tokio_stream::wrappers::{BroadcastStream, WatchStream};
use tokio_util::task::TaskTracker;

use crate::Federation;
use crate::availability::AvailabilityOutcome;
use crate::sourced::SourcedPerformance;
use domain::ids::{PerformanceKey, SourceId};
use domain::source::{HealthReport, Source};

/// How often the availability of a watched performance is asked for.
const AVAILABILITY_EVERY: Duration = Duration::from_secs(15);
/// How old an answer may be that a poller takes: replicas that share a cache share their polls.
const AVAILABILITY_AGE: Duration = Duration::from_secs(10);
/// Changes of health that a listener may be late.
const HEALTH_BACKLOG: usize = 64;

/// What is heard while watching.
pub type Watched<T> = Pin<Box<dyn Stream<Item = T> + Send>>;

type Polled = watch::Sender<Option<AvailabilityOutcome>>;

/// What is being watched at present.
#[derive(Default)]
pub(super) struct Watches {
    performances: Mutex<HashMap<(SourceId, PerformanceKey), Polled>>,
    health: Mutex<Option<broadcast::Sender<Arc<Source>>>>,
    tasks: TaskTracker,
}

impl Federation {
    /// The availability of a performance, now and at each change of it.
    pub fn watch_availability(self: &Arc<Self>, performance: &SourcedPerformance) -> Watched<AvailabilityOutcome> {
        let key = (performance.source.id.clone(), performance.value.value.key.clone());
        let mut watched = self.watches.performances.lock().unwrap_or_else(PoisonError::into_inner);
        let listening = match watched.get(&key) {
            Some(polled) => polled.subscribe(),
            None => {
                let (polled, listening) = watch::channel(None);
                watched.insert(key.clone(), polled.clone());
                self.watches.tasks.spawn(poll(Arc::clone(self), performance.clone(), key, polled));
                listening
            }
        };
        WatchStream::new(listening).filter_map(std::future::ready).boxed()
    }

    /// Each source whose state, or being throttled, changes from now on.
    pub fn watch_health(self: &Arc<Self>) -> Watched<Arc<Source>> {
        let mut health = self.watches.health.lock().unwrap_or_else(PoisonError::into_inner);
        let listening = match &*health {
            Some(told) => told.subscribe(),
            None => {
                let (told, listening) = broadcast::channel(HEALTH_BACKLOG);
                *health = Some(told.clone());
                let known = self.sources().iter().map(|source| changes(source, source.health.report())).collect();
                self.watches.tasks.spawn(tell(Arc::clone(self), known, told));
                listening
            }
        };
        // Whoever missed some hears of the next; the present state can always be read.
        BroadcastStream::new(listening)
            .filter_map(|heard: Result<_, BroadcastStreamRecvError>| std::future::ready(heard.ok()))
            .boxed()
    }
}

/// Asks until nobody listens any more, and tells what is new.
async fn poll(
    federation: Arc<Federation>,
    performance: SourcedPerformance,
    key: (SourceId, PerformanceKey),
    polled: Polled,
) {
    loop {
        let found = federation.load_availability(std::slice::from_ref(&performance), AVAILABILITY_AGE).await;
        if let Some(outcome) = found.into_iter().next() {
            polled.send_if_modified(|known| {
                let is_news = known.as_ref().is_none_or(|known| differs(known, &outcome));
                if is_news {
                    *known = Some(outcome);
                }
                is_news
            });
        }
        tokio::select! {
            () = tokio::time::sleep(AVAILABILITY_EVERY) => {}
            () = polled.closed() => {}
        }
        let mut watched = federation.watches.performances.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock nobody can begin to listen between the look and the end.
        if polled.receiver_count() == 0 {
            watched.remove(&key);
            return;
        }
    }
}

fn differs(known: &AvailabilityOutcome, now: &AvailabilityOutcome) -> bool {
    let kind = |outcome: &AvailabilityOutcome| outcome.problem.as_ref().map(|problem| problem.kind.name());
    known.availability.value != now.availability.value || kind(known) != kind(now)
}

/// A source at each change of what its health says, beginning with one that is known.
fn changes(source: &Arc<Source>, known: HealthReport) -> Watched<Arc<Source>> {
    let source = Arc::clone(source);
    let next = move |known| {
        let source = Arc::clone(&source);
        async move {
            let now = source.health.changed(&known).await;
            Some((source, now))
        }
    };
    unfold(known, next).boxed()
}

/// Passes on what the sources tell until nobody listens any more.
async fn tell(federation: Arc<Federation>, sources: Vec<Watched<Arc<Source>>>, told: broadcast::Sender<Arc<Source>>) {
    let mut changes = select_all(sources);
    loop {
        tokio::select! {
            Some(source) = changes.next() => {
                // Nobody listening is found out below.
                let _ = told.send(source);
            }
            () = told.closed() => {}
        }
        let mut health = federation.watches.health.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock nobody can begin to listen between the look and the end.
        if told.receiver_count() == 0 {
            *health = None;
            return;
        }
    }
}
