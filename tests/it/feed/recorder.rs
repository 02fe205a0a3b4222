//! The recorder of changes: one entry over all replicas, objects that have gone, drops, and storms.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use change_feed::{Change, ChangeFilter, ChangeKind, ChangeSubject};
use domain::{
    CatalogScope, Clock, Event, EventKey, Health, HealthReport, HealthState, Observed, PerformanceKey, Source, SourceId,
};
use feed_recorder::{FeedSettings, Recorder, Refresher, watch_sources};
use orders::operator::{OperatorAction, PauseMode, SourcePause};
use source_stack::{CatalogCache, CatalogObserver, HealthTracker, Observation, StackParts, stack};
use store_sql::Stores;
use testkit::{FakeCatalog, GeneratedRecords, ManualClock, UnlimitedRateLimiter, default_section, event, fake_source};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::feed::store::open;
use crate::orders::database::Postgres;

pub(super) fn settings() -> FeedSettings {
    FeedSettings {
        queue: 1_000,
        known_facts: 1_000,
        coalesce: Duration::from_secs(5),
        refresh_interval: Duration::from_secs(60),
        month_percent: 50,
    }
}

/// One process with its caches over a vendor that all share.
pub(super) struct Replica {
    pub cache: Arc<CatalogCache>,
    pub recorder: Arc<Recorder>,
    pub source: Arc<Source>,
    pub vendor: Arc<FakeCatalog>,
    pub refresher: Refresher,
}

impl Replica {
    pub(super) fn new(
        stores: &Stores,
        vendor: &Arc<FakeCatalog>,
        clock: &Arc<ManualClock>,
        settings: &FeedSettings,
    ) -> Self {
        let (clock, tasks) = (Arc::clone(clock) as Arc<dyn Clock>, TaskTracker::new());
        let cache = CatalogCache::new(1 << 24, None, Arc::clone(&clock), tasks.clone());
        let store = Arc::clone(&stores.facts);
        let recorder = Recorder::start(Arc::clone(&store), Arc::clone(&cache), Arc::clone(&clock), settings, &tasks);
        let id = SourceId::new("harbor");
        let parts = StackParts {
            capacity: None,
            resilience: default_section("resilience"),
            cache_policy: default_section("cache.lifetimes"),
            health: Arc::new(HealthTracker::new(id.clone(), Arc::clone(&clock), Arc::new(UnlimitedRateLimiter))),
            cache: Arc::clone(&cache),
            realm: "r".to_owned(),
            observer: Some(Arc::clone(&recorder) as _),
        };
        let source = Arc::new(stack(fake_source(id, Arc::clone(vendor) as _), parts).source);
        let refresher = Refresher {
            sources: vec![Arc::clone(&source)],
            store,
            recorder: Arc::clone(&recorder),
            cache: Arc::clone(&cache),
            clock,
            settings: settings.clone(),
            finished: Default::default(),
        };
        Self { cache, recorder, source, vendor: Arc::clone(vendor), refresher }
    }

    pub(super) async fn refresh(&self) {
        self.refresher.refresh(&self.source).await;
        self.recorder.flush().await;
    }

    async fn title(&self) -> String {
        let mut loaded = self.source.catalog.load_events(&[EventKey::new("e0")]).await;
        let event = loaded.remove(&EventKey::new("e0")).expect("a result").expect("an event");
        event.value.title.main.clone()
    }
}

pub(super) fn vendor(clock: &Arc<ManualClock>) -> Arc<FakeCatalog> {
    FakeCatalog::new(SourceId::new("harbor"), clock.clone(), GeneratedRecords::new(clock.clone(), 100))
}

pub(super) async fn changes(stores: &Stores, after: u64, kind: ChangeKind) -> Vec<Change> {
    let filter = ChangeFilter { kinds: vec![kind], reseller: None };
    let slice = stores.changes.list(after, 1_000, &filter).await.expect("the store");
    slice.lines.into_iter().map(|(_, change)| change).collect()
}

pub(super) async fn end(stores: &Stores) -> u64 {
    stores.changes.end().await.expect("the store")
}

async fn one_of_several_replicas_appends_a_change(stores: &Stores) {
    let clock = ManualClock::at("2031-04-01T12:00:00Z");
    let vendor = vendor(&clock);
    let replicas = [(), (), ()].map(|()| Replica::new(stores, &vendor, &clock, &settings()));
    for replica in &replicas {
        replica.refresh().await;
    }
    let first = changes(stores, 0, ChangeKind::Event).await;
    let keys = |changes: &[Change]| {
        changes.iter().map(|change| change.subject.clone()).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(keys(&first).len(), 3, "{first:?}");
    let before = end(stores).await;
    clock.advance(Duration::from_secs(600));
    for replica in &replicas {
        replica.refresh().await;
    }
    assert!(changes(stores, before, ChangeKind::Event).await.is_empty(), "an unchanged event has an entry");
    vendor.records.edit();
    clock.advance(Duration::from_secs(600));
    let refreshed = replicas.iter().map(Replica::refresh);
    futures_util::future::join_all(refreshed).await;
    let edited = changes(stores, before, ChangeKind::Event).await;
    // The list and the ticket types change: each at most once, over all replicas.
    assert_eq!(keys(&edited).len(), 3, "{edited:?}");
    assert!(edited.len() <= 6, "replicas have appended a change more than once: {edited:?}");
    for subject in keys(&edited) {
        let versions: Vec<u64> =
            first.iter().chain(&edited).filter(|one| one.subject == subject).map(|one| one.version).collect();
        assert!(versions.is_sorted_by(|one, next| one < next), "{versions:?}");
    }
}

#[tokio::test]
async fn one_of_several_replicas_appends_a_change_on_sqlite() {
    one_of_several_replicas_appends_a_change(&open("sqlite::memory:").await).await;
}

#[tokio::test]
async fn one_of_several_replicas_appends_a_change_on_postgres() {
    let Some(server) = Postgres::start() else { return };
    one_of_several_replicas_appends_a_change(&open(server.url()).await).await;
}

#[tokio::test]
async fn after_an_entry_no_cached_older_value_is_served() {
    let stores = open("sqlite::memory:").await;
    let clock = ManualClock::at("2031-04-01T12:00:00Z");
    let vendor = vendor(&clock);
    let replica = Replica::new(&stores, &vendor, &clock, &settings());
    replica.refresh().await;
    assert_eq!(replica.title().await, "e0 v1");
    vendor.records.edit();
    assert_eq!(replica.title().await, "e0 v1", "it is cached");
    let before = end(&stores).await;
    let listed = testkit::FakeRecords::list(&vendor.records, CatalogScope::Public);
    replica.recorder.observe(&replica.source.id, clock.now(), Observation::PublicEvents(listed));
    replica.recorder.flush().await;
    assert!(!changes(&stores, before, ChangeKind::Event).await.is_empty());
    assert_eq!(replica.title().await, "e0 v2");
}

#[tokio::test]
async fn a_value_that_does_not_fit_into_the_queue_is_observed_again_by_the_next_refresh() {
    let stores = open("sqlite::memory:").await;
    let clock = ManualClock::at("2031-04-01T12:00:00Z");
    let vendor = vendor(&clock);
    let replica = Replica::new(&stores, &vendor, &clock, &FeedSettings { queue: 1, ..settings() });
    let one = |number: usize| Observation::Event(Arc::new(event(&format!("x{number}"))));
    // The task does not run between the two: the queue is full.
    (0..10).for_each(|number| replica.recorder.observe(&replica.source.id, clock.now(), one(number)));
    assert!(replica.recorder.take_lossy(&replica.source.id), "a dropped value is not noticed");
    (0..10).for_each(|number| replica.recorder.observe(&replica.source.id, clock.now(), one(number)));
    replica.source.catalog.list_events(CatalogScope::Public).await.expect("events");
    let epoch = replica.cache.epoch();
    replica.refresh().await;
    assert!(replica.cache.epoch() > epoch, "the refresh has read cached values");
    // What the first refresh could not record either is recorded by the next ones.
    for _ in 0..20 {
        if !replica.recorder.take_lossy(&replica.source.id) {
            break;
        }
        replica.cache.invalidate_everywhere(&source_stack::Invalidation::Source(replica.source.id.clone())).await;
        replica.refresh().await;
    }
    assert_eq!(changes(&stores, 0, ChangeKind::Event).await.len().min(3), 3, "the events are not in the feed");
}

#[tokio::test]
async fn what_is_not_public_is_not_in_the_feed_and_what_a_list_lacks_has_gone() {
    let stores = open("sqlite::memory:").await;
    let clock = ManualClock::at("2031-04-01T12:00:00Z");
    let replica = Replica::new(&stores, &vendor(&clock), &clock, &settings());
    let source = replica.source.id.clone();
    let observe = |value| replica.recorder.observe(&source, clock.now(), value);
    let events = |keys: &[&str]| {
        Observation::PublicEvents(Arc::new(keys.iter().map(|key| Arc::new(event(key))).collect::<Vec<Arc<Event>>>()))
    };
    observe(Observation::Event(Arc::new(Event { is_private: true, ..event("hidden") })));
    let performance = testkit::performance("hidden/p", None);
    observe(Observation::Performance(Arc::new(domain::Performance { event: EventKey::new("hidden"), ..performance })));
    observe(events(&["a", "b"]));
    replica.recorder.flush().await;
    let subject = |key: &str| ChangeSubject::Event { source: source.clone(), event: EventKey::new(key) };
    let seen: Vec<ChangeSubject> =
        changes(&stores, 0, ChangeKind::Event).await.into_iter().map(|change| change.subject).collect();
    assert_eq!(seen, [subject("a"), subject("b")]);
    assert!(changes(&stores, 0, ChangeKind::Performance).await.is_empty());
    clock.advance(Duration::from_secs(60));
    let before = end(&stores).await;
    observe(events(&["a"]));
    replica.recorder.flush().await;
    let gone = changes(&stores, before, ChangeKind::Event).await;
    assert_eq!(
        gone.iter().map(|change| (change.subject.clone(), change.version)).collect::<Vec<_>>(),
        [(subject("b"), 2)]
    );
    observe(events(&["a"]));
    replica.recorder.flush().await;
    assert_eq!(changes(&stores, before, ChangeKind::Event).await.len(), 1, "it has gone once");
}

/// A health that a test sets.
struct SetHealth(watch::Sender<HealthReport>);

#[async_trait]
impl Health for SetHealth {
    fn report(&self) -> HealthReport {
        *self.0.borrow()
    }

    async fn wait_for_change(&self, last: &HealthReport) -> HealthReport {
        let mut reports = self.0.subscribe();
        *reports.wait_for(|report| !report.is_equivalent(last)).await.expect("the sender lives")
    }
}

#[tokio::test]
async fn a_storm_of_health_changes_has_few_entries_and_ends_with_the_last_state() {
    let stores = open("sqlite::memory:").await;
    let clock = ManualClock::at("2031-04-01T12:00:00Z");
    let vendor = vendor(&clock);
    let up = HealthReport {
        state: HealthState::Up,
        since: clock.now(),
        throttled: false,
        last_success_at: None,
        last_failure_at: None,
        remaining_requests: None,
    };
    let health = Arc::new(SetHealth(watch::Sender::new(up)));
    let replicas = [(), ()].map(|()| Replica::new(&stores, &vendor, &clock, &settings()));
    let stop = CancellationToken::new();
    let watched = replicas.iter().map(|replica| {
        let source = Source { health: Arc::clone(&health) as _, ..Source::clone(&replica.source) };
        let (recorder, clock) = (Arc::clone(&replica.recorder), Arc::clone(&clock) as Arc<dyn Clock>);
        watch_sources(vec![Arc::new(source)], recorder, clock, Duration::from_secs(60), stop.clone())
    });
    let storm = async {
        for number in 0..100 {
            clock.advance(Duration::from_millis(10));
            let state = if number % 2 == 0 { HealthState::Down } else { HealthState::Up };
            health.0.send_replace(HealthReport { state, ..up });
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        health.0.send_replace(HealthReport { state: HealthState::Down, ..up });
        tokio::time::sleep(Duration::from_millis(50)).await;
        clock.advance(Duration::from_secs(10));
        for replica in &replicas {
            replica.recorder.flush().await;
        }
        stop.cancel();
    };
    tokio::join!(futures_util::future::join_all(watched), storm);
    let entries = changes(&stores, 0, ChangeKind::Source).await;
    assert!((2..=4).contains(&entries.len()), "{} entries of one storm at two replicas: {entries:?}", entries.len());
}

#[tokio::test]
async fn a_pause_and_its_end_are_in_the_feed_and_a_refused_one_is_not() {
    let stores = open("sqlite::memory:").await;
    let clock = ManualClock::at("2031-04-01T12:00:00Z");
    let (source, now) = (SourceId::new("harbor"), clock.now());
    let action = |key: &str| OperatorAction {
        scope: "olga".to_owned(),
        operation: "pauseSource".to_owned(),
        key: key.to_owned(),
        request_hash: "h".to_owned(),
        scheduled: 0,
        at: now,
    };
    let pause = SourcePause {
        source: source.clone(),
        mode: PauseMode::RefuseNewOrders,
        since: now,
        until: None,
        note: "n".to_owned(),
        by: "olga".to_owned(),
    };
    stores.orders.insert_pause(&action("1"), &pause).await.expect("paused");
    assert!(stores.orders.insert_pause(&action("2"), &pause).await.is_err(), "it is paused already");
    stores.orders.delete_pause(&action("3"), &source).await.expect("resumed");
    let entries = changes(&stores, 0, ChangeKind::Source).await;
    let versions: Vec<u64> = entries.iter().map(|change| change.version).collect();
    assert_eq!(versions, [1, 2], "{entries:?}");
    assert!(entries.iter().all(|change| change.subject == ChangeSubject::Source(source.clone())));
}

#[tokio::test]
async fn of_replicas_one_reads_a_catalog_in_an_interval() {
    let stores = open("sqlite::memory:").await;
    let clock = ManualClock::at("2031-04-01T12:00:00Z");
    let vendor = vendor(&clock);
    let replicas = [(), ()].map(|()| Replica::new(&stores, &vendor, &clock, &settings()));
    replicas[0].refresher.refresh_due().await;
    let calls = vendor.call_count();
    assert!(calls > 0);
    replicas[1].refresher.refresh_due().await;
    replicas[0].refresher.refresh_due().await;
    assert_eq!(vendor.call_count(), calls, "it was read twice in an interval");
    clock.advance(Duration::from_secs(61));
    replicas[1].refresher.refresh_due().await;
    assert!(vendor.call_count() > calls, "it is not read again");
}

/// An availability is recorded with the event that a list of events has named.
#[tokio::test]
async fn a_sale_is_a_change_of_its_performance() {
    let stores = open("sqlite::memory:").await;
    let clock = ManualClock::at("2031-04-01T12:00:00Z");
    let vendor = vendor(&clock);
    let replica = Replica::new(&stores, &vendor, &clock, &settings());
    replica.refresh().await;
    let before = end(&stores).await;
    vendor.records.sell();
    clock.advance(Duration::from_secs(120));
    let performance = domain::Performance {
        event: EventKey::new("e0"),
        ..testkit::performance("e0/p0", Some(clock.now() + jiff::SignedDuration::from_hours(1)))
    };
    let performance = Observed::live(Arc::new(performance), clock.now());
    replica.source.catalog.load_availability(&[performance], Duration::from_secs(1)).await;
    replica.recorder.flush().await;
    let found: Vec<ChangeSubject> =
        changes(&stores, before, ChangeKind::Performance).await.into_iter().map(|change| change.subject).collect();
    let expected = ChangeSubject::Performance {
        source: SourceId::new("harbor"),
        event: Some(EventKey::new("e0")),
        performance: PerformanceKey::new("e0/p0"),
    };
    assert_eq!(found, [expected]);
}
