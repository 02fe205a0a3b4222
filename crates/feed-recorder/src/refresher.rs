//! Reads the catalog of each source from time to time, through its caches, with capacity that nobody else needs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use change_feed::FactStore;
use domain::{
    CatalogScope, Clock, Event, EventKey, Observed, Performance, PerformanceWindow, Source, SourceId, VendorError,
    later,
};
use parking_lot::Mutex;
use source_stack::{CatalogCache, Invalidation};
use tokio_util::sync::CancellationToken;

use crate::FeedSettings;
use crate::object::PAST;
use crate::recorder::Recorder;

/// Performances of one event in a reading.
const MAX_PERFORMANCES: usize = 1_000;
/// Largest number of keys that are read at once.
const MAX_BATCH: usize = 50;
/// Pauses until a source has capacity again, before the rest of a reading is left to the next one.
const PAUSES: u32 = 10;
const PAUSE: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);
const HOUR_SECONDS: i64 = 3600;

/// Reads catalogs in the background. Of several replicas, one reads a source in each interval.
pub struct Refresher {
    /// Sources, with their caches.
    pub sources: Vec<Arc<Source>>,
    /// Store of the leases.
    pub store: Arc<dyn FactStore>,
    /// Records what is read.
    pub recorder: Arc<Recorder>,
    /// Caches of the sources.
    pub cache: Arc<CatalogCache>,
    /// Clock.
    pub clock: Arc<dyn Clock>,
    /// Settings.
    pub settings: FeedSettings,
    /// Last events that unfinished readings have read. The next reading of a source continues after its one.
    pub finished: Mutex<BTreeMap<SourceId, EventKey>>,
}

impl Refresher {
    /// Reads all sources once in each interval, until `stop` is canceled.
    pub async fn run(self, stop: CancellationToken) {
        // Replicas look more often than they read: another one may have stopped.
        let pace = (self.settings.refresh_interval / 4).max(Duration::from_millis(10));
        let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + pace, pace);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.refresh_due() => {}
            }
        }
    }

    /// Reads the sources that no replica has read in this interval, one after another.
    pub async fn refresh_due(&self) {
        for source in &self.sources {
            match self.store.claim_work(&lease_name(&source.id), self.clock.now(), self.settings.refresh_interval).await
            {
                Ok(true) => self.refresh(source).await,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "the turn to read a catalog could not be claimed"),
            }
        }
    }

    /// Reads the catalog of a source.
    pub async fn refresh(&self, source: &Arc<Source>) {
        if self.recorder.take_lossy(&source.id) {
            // What was observed and not recorded is read again from the vendor.
            self.cache.invalidate_everywhere(&Invalidation::Source(source.id.clone())).await;
        }
        let outcome = match self.read(source).await {
            Ok(true) => "complete",
            Ok(false) => "no_capacity",
            Err(error) => {
                tracing::debug!(source = source.id.as_str(), kind = error.kind.name(), "a catalog could not be read");
                "failed"
            }
        };
        let labels = [("source", source.id.to_string()), ("outcome", outcome.to_owned())];
        metrics::counter!("ticketgraph_feed_refreshes_total", &labels).increment(1);
    }

    /// Returns false if the source has no capacity to spare.
    async fn read(&self, source: &Source) -> Result<bool, VendorError> {
        if !self.has_capacity(source).await {
            return Ok(false);
        }
        let events = source.catalog.list_events(CatalogScope::Public).await?;
        let mut events: Vec<EventKey> = events.value.iter().map(|event: &Arc<Event>| event.key.clone()).collect();
        self.continue_after_finished(source, &mut events);
        for keys in events.chunks(source.traits.max_batch.clamp(1, MAX_BATCH)) {
            if !self.has_capacity(source).await {
                return Ok(false);
            }
            source.catalog.load_ticket_types(keys).await;
            let listed = source.catalog.list_performances(keys, &self.window(source)).await;
            let performances = listed.into_values().filter_map(Result::ok);
            let performances: Vec<_> = performances
                .flat_map(|listed| {
                    let freshness = listed.freshness;
                    listed
                        .value
                        .iter()
                        .map(move |one| Observed { value: Arc::clone(one), freshness })
                        .collect::<Vec<_>>()
                })
                .collect();
            if !self.read_availability(source, &performances).await {
                return Ok(false);
            }
            self.finish(source, keys).await;
        }
        self.finished.lock().remove(&source.id);
        self.recorder.flush().await;
        self.forget_past(source).await;
        Ok(true)
    }

    /// Moves the events that the last reading has not reached to the front.
    fn continue_after_finished(&self, source: &Source, events: &mut [EventKey]) {
        if let Some(last) = self.finished.lock().get(&source.id) {
            events.sort();
            let read = events.partition_point(|key| key <= last);
            events.rotate_left(read);
        }
    }

    /// Remembers read events, and keeps the claim of the reading.
    async fn finish(&self, source: &Source, keys: &[EventKey]) {
        if let Some(last) = keys.last() {
            self.finished.lock().insert(source.id.clone(), last.clone());
        }
        let (now, duration) = (self.clock.now(), self.settings.refresh_interval / 2);
        if let Err(error) = self.store.renew_work(&lease_name(&source.id), now, duration).await {
            tracing::warn!(%error, "the turn to read a catalog could not be extended");
        }
    }

    /// Deletes the stored facts of performances of which nobody asks any more.
    async fn forget_past(&self, source: &Source) {
        let Ok(before) = self.clock.now().checked_sub(PAST) else { return };
        if let Err(error) = self.store.forget_performances(&source.id, before).await {
            tracing::warn!(%error, "the facts of past performances could not be deleted");
        }
    }

    async fn read_availability(&self, source: &Source, performances: &[Observed<Arc<Performance>>]) -> bool {
        for performances in performances.chunks(source.traits.max_batch.clamp(1, MAX_BATCH)) {
            if !self.has_capacity(source).await {
                return false;
            }
            source.catalog.load_availability(performances, self.settings.refresh_interval).await;
        }
        true
    }

    /// Returns the window of a reading. It begins at a full hour, so that readings within it share cached lists.
    fn window(&self, source: &Source) -> PerformanceWindow {
        let now = self.clock.now();
        let hour = jiff::Timestamp::from_second(now.as_second() / HOUR_SECONDS * HOUR_SECONDS).unwrap_or(now);
        let to = later(hour, DAY * u32::from(source.traits.horizon_days.max(1)));
        PerformanceWindow { from: hour, to: Some(to), limit: MAX_PERFORMANCES }
    }

    /// Waits shortly until the source has capacity that orders and clients do not need. Returns false if it has none.
    async fn has_capacity(&self, source: &Source) -> bool {
        let Some(capacity) = &source.capacity else { return true };
        for _ in 0..PAUSES {
            let report = capacity.report().await;
            let is_month_full = report.month.as_ref().is_some_and(|month| {
                let quota = month.quota.map(u64::from);
                quota.is_some_and(|quota| {
                    month.forecast.saturating_mul(100) > quota.saturating_mul(self.settings.month_percent)
                })
            });
            if is_month_full {
                return false;
            }
            if report.waiting == 0 && report.expected_wait.is_zero() {
                return true;
            }
            tokio::time::sleep(PAUSE).await;
        }
        false
    }
}

/// Returns the name of the work of reading a catalog.
fn lease_name(source: &SourceId) -> String {
    format!("catalog of {source}")
}
