//! The catalog snapshot in memory. A background task refreshes it when the set-up changed or once a day, never for a request
//! (`secutix.md §2.8`, §5.3). Readers with an older snapshot do not wait for a new one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use domain::seen::propagate_responses;
use domain::{Clock, ErrorKind, Freshness, FreshnessMode, Observed, Snapshot, VendorError, VendorOperation};
use http_client::count_unreadable_rows;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use resilience::single_flight::{Lead, SharedResult, SingleFlight};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use telemetry::explain::propagate;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::accounts::texts::unsold_reason;
use crate::catalog_store::{CatalogStore, Turn};
use crate::client::Client;
use crate::map::catalog;
use crate::map::family::ProductFamily;
use crate::map::point_of_sale::{PointOfSale, SourceDefaults};
use crate::map::snapshot::CatalogSnapshot;
use crate::map::time;
use crate::wire::catalog::{CatalogResult, PosConfigResult};

/// Interval at which the vendor's set-up is checked for changes.
const CHECK_INTERVAL: SignedDuration = SignedDuration::from_mins(3);
/// Pause after a failed refresh, while an older snapshot is served.
const FAILURE_BACKOFF: SignedDuration = SignedDuration::from_secs(30);
/// Pause after the first of several failures without any snapshot. It doubles up to [`FAILURE_BACKOFF`].
const FIRST_BACKOFF: SignedDuration = SignedDuration::from_secs(1);
/// Time for which a confirmed snapshot is served as cached. An older one is stale and worth a short wait.
const MAX_AGE: SignedDuration = SignedDuration::from_mins(10);
/// Maximum wait of a reader of a stale snapshot: enough for an "unchanged" response.
const REVALIDATE_TIMEOUT: Duration = Duration::from_secs(2);
/// Age at which a snapshot is read again even if the vendor reports no change.
const MAX_SNAPSHOT_AGE: SignedDuration = SignedDuration::from_hours(24);
/// Maximum difference between our clock and the vendor's.
const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Caches the catalog snapshot and the point of sale, and refreshes them in the background.
pub(crate) struct SnapshotCache {
    refresher: Arc<SnapshotRefresher>,
    tracker: TaskTracker,
    _stop: DropGuard,
    stop: CancellationToken,
}

struct SnapshotRefresher {
    client: Arc<Client>,
    clock: Arc<dyn Clock>,
    defaults: SourceDefaults,
    base_url: String,
    cached: ArcSwapOption<CachedSnapshot>,
    /// Cached separately because orders need it without a catalog, as after a restart.
    point_of_sale: ArcSwapOption<PointOfSale>,
    refreshes: SingleFlight<(), RefreshOutcome>,
    store: CatalogStore,
    /// No refresh before this time, after a failure or while the interval between two catalogs lasts.
    not_before: ArcSwapOption<Timestamp>,
    /// Failures since the last success.
    failure: Mutex<Failure>,
    /// Families that the log has as not sold.
    logged_families: Mutex<BTreeMap<ProductFamily, usize>>,
}

/// Failures of refreshes in a row.
#[derive(Default)]
struct Failure {
    count: u32,
    /// The last one.
    error: Option<VendorError>,
}

/// Content of a kept snapshot: both results as the vendor sent them.
#[derive(Serialize, Deserialize)]
struct KeptBody<'a> {
    #[serde(borrow)]
    point_of_sale: &'a RawValue,
    #[serde(borrow)]
    catalog: &'a RawValue,
}

/// Point of sale with the text of the result that it was read from.
type PointOfSaleAndText = (Arc<PointOfSale>, Vec<u8>);

type RefreshOutcome = Result<(), VendorError>;

/// A snapshot and its age.
struct CachedSnapshot {
    snapshot: Arc<CatalogSnapshot>,
    read_at: Timestamp,
    confirmed_at: Timestamp,
    /// Time of the set-up that the snapshot contains, by the vendor's clock. `None` until the first check.
    setup_updated_at: Option<Timestamp>,
}

/// Ends a refresh even if its task is dropped, and records its failure before its readers wake up.
struct RefreshGuard<'a> {
    refresher: &'a SnapshotRefresher,
    outcome: RefreshOutcome,
    lead: Option<Lead<(), RefreshOutcome>>,
}

impl Drop for RefreshGuard<'_> {
    fn drop(&mut self) {
        self.refresher.record_outcome(&self.outcome);
        if let Some(lead) = self.lead.take() {
            lead.finish([Some(self.outcome.clone())]);
        }
    }
}

impl SnapshotCache {
    /// Creates an empty cache; the first reader fills it.
    pub(crate) fn new(
        client: Arc<Client>,
        clock: Arc<dyn Clock>,
        tracker: TaskTracker,
        defaults: SourceDefaults,
        base_url: String,
        store: CatalogStore,
    ) -> Self {
        let stop = CancellationToken::new();
        let refresher = SnapshotRefresher {
            client,
            clock,
            defaults,
            base_url,
            cached: ArcSwapOption::empty(),
            point_of_sale: ArcSwapOption::empty(),
            refreshes: SingleFlight::default(),
            store,
            not_before: ArcSwapOption::empty(),
            failure: Mutex::default(),
            logged_families: Mutex::default(),
        };
        Self { refresher: Arc::new(refresher), tracker, _stop: stop.clone().drop_guard(), stop }
    }

    /// Returns the snapshot. A reader waits only if there is none; an older one is served while a new one is fetched.
    pub(crate) async fn current(
        &self,
        operation: VendorOperation,
    ) -> Result<Observed<Arc<CatalogSnapshot>>, VendorError> {
        let refresher = &self.refresher;
        let now = refresher.clock.now();
        let Some(cached) = refresher.cached.load_full() else { return self.load_first(operation).await };
        if refresher.is_refresh_due(&cached, now) {
            let refresh = self.start_refresh();
            if now.duration_since(cached.confirmed_at) > MAX_AGE {
                let _ = tokio::time::timeout(REVALIDATE_TIMEOUT, refresh).await;
                let cached = refresher.cached.load_full().unwrap_or(cached);
                return Ok(cached.observed(refresher.clock.now()));
            }
        }
        Ok(cached.observed(now))
    }

    /// Returns the point of sale, which is loaded once and again with each catalog. Its errors have no effect, whichever
    /// operation needs it.
    pub(crate) async fn point_of_sale(&self, operation: VendorOperation) -> Result<Arc<PointOfSale>, VendorError> {
        if let Some(point_of_sale) = self.cached_point_of_sale() {
            return Ok(point_of_sale);
        }
        let load_as = if operation.is_order_call() { VendorOperation::LookUp } else { VendorOperation::ListEvents };
        let loaded = self.refresher.load_point_of_sale(load_as).await;
        loaded.map(|(point_of_sale, _)| point_of_sale).map_err(|error| VendorError { operation, ..error })
    }

    /// Returns the point of sale if it is cached.
    pub(crate) fn cached_point_of_sale(&self) -> Option<Arc<PointOfSale>> {
        self.refresher.point_of_sale.load_full()
    }

    /// Waits for the first snapshot. All waiting readers share its failure.
    async fn load_first(&self, operation: VendorOperation) -> Result<Observed<Arc<CatalogSnapshot>>, VendorError> {
        let started_at = self.refresher.clock.now();
        let outcome = self.start_refresh().await;
        let now = self.refresher.clock.now();
        match (self.refresher.cached.load_full(), outcome) {
            (Some(cached), Some(Ok(()))) if cached.read_at >= started_at => Ok(Observed {
                value: Arc::clone(&cached.snapshot),
                freshness: Freshness::live(cached.read_at.min(now)),
            }),
            // It was kept before.
            (Some(cached), _) => Ok(cached.observed(now)),
            (None, Some(Err(error))) => Err(VendorError { operation, ..error }),
            (None, _) => Err(self.refresher.client.error(operation, ErrorKind::Unavailable)),
        }
    }

    /// Starts a refresh unless one is running; returns its outcome.
    fn start_refresh(&self) -> SharedResult<RefreshOutcome> {
        let mut join = self.refresher.refreshes.join([()]);
        if !join.lead.is_empty() {
            let (refresher, stop, lead) = (Arc::clone(&self.refresher), self.stop.clone(), join.lead);
            let refresh = async move {
                let stopped = refresher.client.error(VendorOperation::ListEvents, ErrorKind::Unavailable);
                let mut guard = RefreshGuard { refresher: &refresher, outcome: Err(stopped), lead: Some(lead) };
                tokio::select! {
                    outcome = refresher.refresh() => guard.outcome = outcome,
                    () = stop.cancelled() => {}
                }
            };
            // Explained to the request that started the refresh; the others only wait.
            self.tracker.spawn(propagate_responses(propagate(refresh.in_current_span())));
        }
        join.results.swap_remove(0)
    }
}

impl CachedSnapshot {
    fn observed(&self, now: Timestamp) -> Observed<Arc<CatalogSnapshot>> {
        let expires_at = self.confirmed_at.checked_add(MAX_AGE).unwrap_or(self.confirmed_at);
        let mode = if now <= expires_at { FreshnessMode::Cached } else { FreshnessMode::Stale };
        let freshness = Freshness { mode, observed_at: self.confirmed_at, expires_at: Some(expires_at) };
        Observed { value: Arc::clone(&self.snapshot), freshness }
    }
}

impl SnapshotRefresher {
    fn is_refresh_due(&self, cached: &CachedSnapshot, now: Timestamp) -> bool {
        let is_postponed = self.not_before.load().as_ref().is_some_and(|not_before| now < **not_before);
        now.duration_since(cached.confirmed_at) >= CHECK_INTERVAL && !is_postponed
    }

    /// Postpones the next refresh after a failure. One that was not tried, because an earlier one was not long ago, is none.
    fn record_outcome(&self, outcome: &RefreshOutcome) {
        let mut failure = self.failure.lock();
        match outcome {
            Ok(()) => *failure = Failure::default(),
            Err(_) if self.rest_of_pause().is_some() => {}
            Err(error) => {
                let doubled = FIRST_BACKOFF.checked_mul(1 << failure.count.min(5)).unwrap_or(FAILURE_BACKOFF);
                let pause = if self.cached.load().is_some() { FAILURE_BACKOFF } else { doubled.min(FAILURE_BACKOFF) };
                self.postpone(pause);
                *failure = Failure { count: failure.count + 1, error: Some(error.clone()) };
            }
        }
    }

    /// Returns the time until the next refresh may start, if that is not now.
    fn rest_of_pause(&self) -> Option<Duration> {
        let not_before = self.not_before.load_full()?;
        let rest = not_before.duration_since(self.clock.now());
        Duration::try_from(rest).ok().filter(|rest| !rest.is_zero())
    }

    /// Returns the last failure while its pause lasts.
    fn recent_failure(&self) -> Option<VendorError> {
        let rest = self.rest_of_pause()?;
        let error = self.failure.lock().error.clone()?;
        let retry_after = error.retry_after.max(Some(rest));
        Some(error.with_retry_after(retry_after))
    }

    fn postpone(&self, time: SignedDuration) {
        self.not_before.store(self.clock.now().checked_add(time).ok().map(Arc::new));
    }

    /// Checks the set-up and reads the catalog again if it changed.
    async fn refresh(&self) -> Result<(), VendorError> {
        let mut cached = self.cached.load_full();
        if cached.is_none()
            && let Some(kept) = self.store.load().await
        {
            cached = self.restore(&kept);
        }
        // Without any catalog each reader would start another refresh.
        if cached.is_none()
            && let Some(error) = self.recent_failure()
        {
            return Err(error);
        }
        let mut setup = None;
        if let Some(cached) = &cached {
            setup = self.last_setup_update().await?;
            let now = self.clock.now();
            let is_young = now.duration_since(cached.read_at) < MAX_SNAPSHOT_AGE;
            if is_young && !is_newer_setup(setup, cached) {
                self.cached.store(Some(Arc::new(CachedSnapshot {
                    snapshot: Arc::clone(&cached.snapshot),
                    read_at: cached.read_at,
                    confirmed_at: now,
                    setup_updated_at: setup.or(cached.setup_updated_at),
                })));
                return Ok(());
            }
        }
        // A request that is in progress is asked for in its turn, too (`secutix.md §2.7`).
        let pending = self.store.pending().await;
        let turn = self.store.claim(pending).await;
        if let Turn::After(wait) = turn {
            return self.do_without_new_catalog(cached.as_deref(), wait).await;
        }
        let (snapshot, body) = self.read_anew(pending, turn).await?;
        let now = self.clock.now();
        if let Some(body) = body {
            self.store.save(&Snapshot { read_at: now, changed_at: setup, body }).await;
        }
        let snapshot = match &cached {
            Some(cached) => snapshot.with_removed_from(&cached.snapshot),
            None => snapshot,
        };
        self.cached.store(Some(Arc::new(CachedSnapshot {
            snapshot: Arc::new(snapshot),
            read_at: now,
            confirmed_at: now,
            setup_updated_at: setup,
        })));
        Ok(())
    }

    /// Reads the point of sale and the catalog, once it is the turn of the latter. Returns the snapshot and what is kept of it.
    async fn read_anew(
        &self,
        pending: Option<i64>,
        turn: Turn,
    ) -> Result<(CatalogSnapshot, Option<Vec<u8>>), VendorError> {
        let (point_of_sale, pos_text) = match self.load_point_of_sale(VendorOperation::ListEvents).await {
            Ok(loaded) => loaded,
            Err(error) => {
                // The catalog was not requested.
                self.store.release(turn).await;
                return Err(error);
            }
        };
        let (snapshot, text) = self.load_snapshot(&point_of_sale, pending, turn).await?;
        Ok((snapshot, kept_body(&pos_text, &text)))
    }

    async fn load_point_of_sale(&self, operation: VendorOperation) -> Result<PointOfSaleAndText, VendorError> {
        let (pos, text) = self.client.pos_config_and_text(operation).await?;
        let point_of_sale = PointOfSale::from_config(&pos, &self.defaults)
            .map_err(|error| self.client.error(operation, ErrorKind::Malformed).with_cause(error))?;
        let point_of_sale = Arc::new(point_of_sale);
        self.point_of_sale.store(Some(Arc::clone(&point_of_sale)));
        Ok((point_of_sale, text))
    }

    async fn last_setup_update(&self) -> Result<Option<Timestamp>, VendorError> {
        let text = self.client.last_setup_update(VendorOperation::ListEvents).await?;
        Ok(time::parse_instant(text.as_ref(), &self.defaults.time_zone))
    }

    /// Serves what is there until the catalog may be requested again. Without any, another process may be reading one now.
    async fn do_without_new_catalog(&self, cached: Option<&CachedSnapshot>, wait: Duration) -> Result<(), VendorError> {
        let kept = match cached {
            Some(cached) => self.store.load().await.filter(|kept| kept.read_at > cached.read_at),
            None => self.store.wait_for_other().await,
        };
        let restored = kept.as_ref().and_then(|kept| self.restore(kept));
        if cached.is_none() && restored.is_none() {
            return Err(VendorError::awaiting_turn(self.client.source(), VendorOperation::ListEvents, wait));
        }
        self.postpone(SignedDuration::try_from(wait).unwrap_or(CHECK_INTERVAL).min(CHECK_INTERVAL));
        Ok(())
    }

    /// Caches a kept catalog and its point of sale, both as old as they are, so that neither needs the vendor. `None` if they cannot be
    /// read: another version of the service kept them.
    fn restore(&self, kept: &Snapshot) -> Option<Arc<CachedSnapshot>> {
        let body: KeptBody<'_> = serde_json::from_slice(&kept.body).ok()?;
        let result: CatalogResult = serde_json::from_str(body.catalog.get()).ok()?;
        let pos: PosConfigResult = serde_json::from_str(body.point_of_sale.get()).ok()?;
        let kept_point_of_sale = PointOfSale::from_config(&pos.pos_config_data?, &self.defaults).ok()?;
        // One that this process read is not older.
        let point_of_sale = self.point_of_sale.load_full().unwrap_or_else(|| Arc::new(kept_point_of_sale));
        self.point_of_sale.store(Some(Arc::clone(&point_of_sale)));
        let (snapshot, skipped) = catalog::snapshot(
            &result.catalog_data?,
            PointOfSale::clone(&point_of_sale),
            &self.base_url,
            &self.defaults.facts,
        );
        skipped.report();
        self.log_unsold_families(&snapshot);
        let restored = Arc::new(CachedSnapshot {
            snapshot: Arc::new(snapshot),
            read_at: kept.read_at,
            confirmed_at: kept.read_at,
            setup_updated_at: kept.changed_at,
        });
        self.cached.store(Some(Arc::clone(&restored)));
        Some(restored)
    }

    /// Logs the families that are not sold, once and when they change.
    fn log_unsold_families(&self, snapshot: &CatalogSnapshot) {
        let mut logged = self.logged_families.lock();
        if *logged == snapshot.unsold_families {
            return;
        }
        for (family, products) in &snapshot.unsold_families {
            let (family, reason) = (family.name(), domain::Language::English.pick(unsold_reason(*family)));
            tracing::info!(source = %self.client.source(), family, products, reason, "products of a family are not sold");
        }
        logged.clone_from(&snapshot.unsold_families);
    }

    async fn load_snapshot(
        &self,
        point_of_sale: &PointOfSale,
        pending: Option<i64>,
        turn: Turn,
    ) -> Result<(CatalogSnapshot, Vec<u8>), VendorError> {
        let operation = VendorOperation::ListEvents;
        let read = self.client.catalog(operation, pending, &self.store).await;
        let kind = read.as_ref().err().map(|error| error.kind.clone());
        // The vendor goes on with a request that waits for its limits or for its result, and a poll that fails does not end it; any other
        // is over.
        if !kind.as_ref().is_some_and(ErrorKind::is_transient) {
            self.store.set_pending(None).await;
        }
        let was_not_sent = read.as_ref().is_err_and(VendorError::was_not_sent);
        // A request that the vendor accepted counts, even if a poll of it fails.
        let was_accepted = pending.is_none() && self.store.pending().await.is_some();
        if (was_not_sent || kind == Some(ErrorKind::Unavailable)) && !was_accepted {
            self.store.release(turn).await;
        }
        let (catalog, text) = read?;
        let facts = self.client.facts();
        let (snapshot, skipped) = catalog::snapshot(&catalog, point_of_sale.clone(), &self.base_url, facts);
        count_unreadable_rows(self.client.source(), operation, skipped.unreadable);
        skipped.report();
        self.log_unsold_families(&snapshot);
        if !catalog.has_readable_product() && skipped.unreadable > 0 {
            return Err(self.client.error(operation, ErrorKind::Malformed).with_cause("no product is readable"));
        }
        Ok((snapshot, text))
    }
}

/// Returns what is kept of a catalog. `None` if a text is no JSON, which a result that was parsed is.
fn kept_body(pos_text: &[u8], catalog_text: &[u8]) -> Option<Vec<u8>> {
    let body = KeptBody {
        point_of_sale: serde_json::from_slice(pos_text).ok()?,
        catalog: serde_json::from_slice(catalog_text).ok()?,
    };
    serde_json::to_vec(&body).ok()
}

/// Returns true if the set-up is later than the snapshot's. A vendor that returns no date has its catalog read once a day.
fn is_newer_setup(setup: Option<Timestamp>, cached: &CachedSnapshot) -> bool {
    match (setup, cached.setup_updated_at) {
        (None, _) => false,
        (Some(now), Some(then)) => now > then,
        // First check after reading: a change shortly before it counts as one, because the clocks may differ.
        (Some(now), None) => cached.read_at.duration_since(now) < MAX_CLOCK_SKEW,
    }
}
