//! States that were not recorded, the place of an unfinished reading, and recent facts are kept.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use async_trait::async_trait;
use change_feed::{ChangeKind, FactChange, FactStore, StoredFacts};
use domain::{
    CallCount, CapacityReport, CapacityWish, Clock, EventKey, Month, MonthlyUse, OrderCapacity, ReservationKey, Source,
    SourceId, SourceTraits, StoreError, VendorOperation,
};
use feed_recorder::{FeedSettings, Recorder};
use jiff::Timestamp;
use source_stack::{CatalogCache, CatalogObserver as _, Observation};
use testkit::{FakeCatalog, GeneratedRecords, ManualClock, event, fake_source};
use tokio_util::task::TaskTracker;

use crate::feed::recorder::{Replica, changes, settings, vendor};
use crate::feed::store::open;

/// A store that can refuse to record.
struct Refusing {
    inner: Arc<dyn FactStore>,
    refuses: AtomicBool,
}

#[async_trait]
impl FactStore for Refusing {
    async fn load_facts(
        &self,
        kind: ChangeKind,
        source: &SourceId,
        keys: &[String],
    ) -> Result<BTreeMap<String, StoredFacts>, StoreError> {
        self.inner.load_facts(kind, source, keys).await
    }

    async fn list_facts(
        &self,
        kind: ChangeKind,
        source: &SourceId,
        parent: Option<&str>,
        limit: usize,
    ) -> Result<BTreeMap<String, StoredFacts>, StoreError> {
        self.inner.list_facts(kind, source, parent, limit).await
    }

    async fn record_facts(&self, changes: &[FactChange]) -> Result<Vec<bool>, StoreError> {
        if self.refuses.load(SeqCst) {
            return Err(StoreError::Failed("refused".into()));
        }
        self.inner.record_facts(changes).await
    }

    async fn claim_work(&self, name: &str, now: Timestamp, duration: Duration) -> Result<bool, StoreError> {
        self.inner.claim_work(name, now, duration).await
    }

    async fn renew_work(&self, name: &str, now: Timestamp, duration: Duration) -> Result<(), StoreError> {
        self.inner.renew_work(name, now, duration).await
    }

    async fn forget_performances(&self, source: &SourceId, before: Timestamp) -> Result<u64, StoreError> {
        self.inner.forget_performances(source, before).await
    }
}

#[tokio::test]
async fn a_state_is_recorded_after_a_failure_of_the_store_and_after_a_full_queue() {
    let stores = open("sqlite::memory:").await;
    let clock = ManualClock::at("2031-04-01T12:00:00Z");
    let store = Arc::new(Refusing { inner: Arc::clone(&stores.facts), refuses: AtomicBool::new(true) });
    let tasks = TaskTracker::new();
    let cache = CatalogCache::new(1 << 20, None, clock.clone(), tasks.clone());
    let settings = FeedSettings { queue: 1, ..settings() };
    let recorder = Recorder::start(Arc::clone(&store) as _, cache, clock.clone(), &settings, &tasks);
    let source = SourceId::new("harbor");
    recorder.submit_connection("tours", &source, "settings", "on", clock.now());
    recorder.flush().await;
    assert!(changes(&stores, 0, ChangeKind::Connection).await.is_empty());
    store.refuses.store(false, SeqCst);
    recorder.flush().await;
    assert_eq!(changes(&stores, 0, ChangeKind::Connection).await.len(), 1, "the state was lost with the failure");
    clock.advance(Duration::from_secs(60));
    // The task does not run between the two: the queue is full.
    recorder.observe(&source, clock.now(), Observation::Event(Arc::new(event("x"))));
    recorder.submit_connection("tours", &source, "settings", "off", clock.now());
    recorder.flush().await;
    assert_eq!(changes(&stores, 0, ChangeKind::Connection).await.len(), 1, "the queue was not full");
    recorder.submit_states_again();
    recorder.flush().await;
    assert_eq!(changes(&stores, 0, ChangeKind::Connection).await.len(), 2, "the state was lost with the full queue");
    recorder.submit_states_again();
    recorder.flush().await;
    assert_eq!(changes(&stores, 0, ChangeKind::Connection).await.len(), 2, "an unchanged state has an entry");
}

#[tokio::test]
async fn what_waits_is_recorded_when_the_last_recorder_is_dropped() {
    let stores = open("sqlite::memory:").await;
    let clock = ManualClock::at("2031-04-01T12:00:00Z");
    let tasks = TaskTracker::new();
    let cache = CatalogCache::new(1 << 20, None, clock.clone(), tasks.clone());
    let recorder = Recorder::start(Arc::clone(&stores.facts), cache, clock.clone(), &settings(), &tasks);
    let source = SourceId::new("harbor");
    recorder.submit_connection("tours", &source, "settings", "on", clock.now());
    recorder.flush().await;
    clock.advance(Duration::from_secs(1));
    recorder.submit_connection("tours", &source, "settings", "off", clock.now());
    // Long enough for the task to see that the last entry is too recent.
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(changes(&stores, 0, ChangeKind::Connection).await.len(), 1, "it does not wait");
    drop(recorder);
    tasks.close();
    tasks.wait().await;
    assert_eq!(changes(&stores, 0, ChangeKind::Connection).await.len(), 2);
}

/// A capacity that is used up as soon as the ticket types of two events were loaded.
struct TwoEvents {
    vendor: Arc<FakeCatalog>,
    now: Timestamp,
}

fn keys_of(vendor: &FakeCatalog, operation: VendorOperation) -> Vec<String> {
    vendor.calls().into_iter().filter(|call| call.operation == operation).flat_map(|call| call.keys).collect()
}

#[async_trait]
impl OrderCapacity for TwoEvents {
    async fn time_for(&self, _: CallCount) -> Duration {
        Duration::ZERO
    }

    async fn reserve(&self, _: &CapacityWish) -> Result<Duration, Duration> {
        Ok(Duration::ZERO)
    }

    async fn release(&self, _: ReservationKey) {}

    fn stop_for(&self, _: Duration) {}

    async fn report(&self) -> CapacityReport {
        let is_full = keys_of(&self.vendor, VendorOperation::LoadTicketTypes).len() >= 2;
        let month = MonthlyUse {
            month: Month::of(self.now),
            calls: Default::default(),
            quota: Some(100),
            forecast: if is_full { 100 } else { 0 },
        };
        CapacityReport {
            requests_per_minute: None,
            endpoint_requests_per_minute: None,
            waiting: 0,
            expected_wait: Duration::ZERO,
            month: Some(month),
        }
    }
}

#[tokio::test]
async fn a_reading_continues_after_the_events_that_the_last_one_has_finished() {
    let stores = open("sqlite::memory:").await;
    let clock = ManualClock::at("2031-04-01T12:00:00Z");
    let vendor = FakeCatalog::new(SourceId::new("harbor"), clock.clone(), GeneratedRecords::new(clock.clone(), 100));
    let replica = Replica::new(&stores, &vendor, &clock, &settings());
    let fake = fake_source(SourceId::new("harbor"), Arc::clone(&vendor) as _);
    let source = Arc::new(Source {
        capacity: Some(Arc::new(TwoEvents { vendor: Arc::clone(&vendor), now: clock.now() })),
        traits: SourceTraits { max_batch: 1, ..fake.traits.clone() },
        ..fake
    });
    for expected in [["e0", "e1"], ["e1", "e2"], ["e2", "e0"]] {
        vendor.clear_calls();
        replica.refresher.refresh(&source).await;
        assert_eq!(keys_of(&vendor, VendorOperation::LoadTicketTypes), expected);
    }
}

#[tokio::test]
async fn a_claim_is_extended_and_never_shortened() {
    let stores = open("sqlite::memory:").await;
    let clock = ManualClock::at("2031-04-01T12:00:00Z");
    let (minute, half) = (Duration::from_secs(60), Duration::from_secs(30));
    let claim = async || stores.facts.claim_work("w", clock.now(), minute).await.expect("the store");
    let renew = async || stores.facts.renew_work("w", clock.now(), half).await.expect("the store");
    assert!(claim().await);
    renew().await;
    clock.advance(Duration::from_secs(50));
    assert!(!claim().await, "it was shortened");
    renew().await;
    clock.advance(Duration::from_secs(20));
    assert!(!claim().await, "it was not extended");
    clock.advance(Duration::from_secs(20));
    assert!(claim().await);
}

#[tokio::test]
async fn facts_of_performances_are_forgotten_a_month_after_their_start() {
    let stores = open("sqlite::memory:").await;
    let clock = ManualClock::at("2031-04-01T12:00:00Z");
    let replica = Replica::new(&stores, &vendor(&clock), &clock, &settings());
    replica.refresh().await;
    let performance =
        Arc::new(domain::Performance { event: EventKey::new("e0"), ..testkit::performance("past", Some(clock.now())) });
    let stored = async || {
        let keys = ["past".to_owned()];
        let found = stores.facts.load_facts(ChangeKind::Performance, &replica.source.id, &keys).await;
        !found.expect("the store").is_empty()
    };
    let read = async || {
        let value = Observation::Performance(Arc::clone(&performance));
        replica.recorder.observe(&replica.source.id, clock.now(), value);
        replica.recorder.flush().await;
    };
    read().await;
    clock.advance(Duration::from_secs(30 * 24 * 3600));
    replica.refresh().await;
    assert!(stored().await, "it is forgotten within a month");
    clock.advance(Duration::from_secs(2 * 24 * 3600));
    replica.refresh().await;
    assert!(!stored().await, "it is kept for ever");
    read().await;
    assert!(!stored().await, "a past performance is new again");
}
