//! Starts the recorder of the feed and the background readings of catalogs.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::sources::Infrastructure;
use crate::config::{Config, FeedConfig};
use change_feed::FactStore;
use domain::{Clock, Source};
use feed_recorder::{FeedSettings, Recorder, Refresher, watch_sources};
use store_sql::Stores;

/// Time after which states are submitted again if catalogs are not read in the background.
const STATES_INTERVAL: Duration = Duration::from_secs(600);

fn settings(config: &FeedConfig) -> FeedSettings {
    FeedSettings {
        queue: config.queue.get(),
        known_facts: config.known_facts.get(),
        coalesce: config.coalesce,
        refresh_interval: config.refresh_interval.unwrap_or_default(),
        month_percent: u64::from(config.month_percent.get()),
    }
}

/// Starts the recorder, and adds it to the infrastructure as the observer of all catalogs.
pub(super) fn start_recorder(
    config: &Config,
    stores: &Stores,
    infrastructure: Infrastructure,
) -> (Arc<Infrastructure>, Arc<Recorder>) {
    let Infrastructure { cache, clock, tracker, .. } = &infrastructure;
    let store = Arc::clone(&stores.facts);
    let recorder = Recorder::start(store, Arc::clone(cache), Arc::clone(clock), &settings(&config.feed), tracker);
    let observer = Arc::clone(&recorder) as _;
    (Arc::new(Infrastructure { catalog_observer: Some(observer), ..infrastructure }), recorder)
}

/// Watches the health of the sources, and reads their catalogs in the background.
pub(super) fn start_watching(
    config: &Config,
    (facts, infrastructure, recorder): (&Arc<dyn FactStore>, &Infrastructure, &Arc<Recorder>),
    sources: &[Arc<Source>],
    (tracker, stop): (&TaskTracker, &CancellationToken),
) {
    let clock: &Arc<dyn Clock> = &infrastructure.clock;
    let interval = config.feed.refresh_interval.unwrap_or(STATES_INTERVAL);
    tracker.spawn(watch_sources(sources.to_vec(), Arc::clone(recorder), Arc::clone(clock), interval, stop.clone()));
    if config.feed.refresh_interval.is_none() {
        return;
    }
    let refresher = Refresher {
        sources: sources.to_vec(),
        store: Arc::clone(facts),
        recorder: Arc::clone(recorder),
        cache: Arc::clone(&infrastructure.cache),
        clock: Arc::clone(clock),
        settings: settings(&config.feed),
        finished: Default::default(),
    };
    tracker.spawn(refresher.run(stop.clone()));
}
