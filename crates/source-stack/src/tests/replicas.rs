//! Two replicas and the store between them.

use domain::{ErrorKind, FreshnessMode};
use testkit::FakeOutcome;
use tokio::time::advance;

use super::*;
use crate::{Invalidation, InvalidationEvent};

struct Pair {
    vendor: Arc<FakeCatalog>,
    store: Arc<InMemoryCacheStore>,
    clock: Arc<TokioClock>,
    one: Replica,
    other: Replica,
}

fn replica(vendor: &Arc<FakeCatalog>, clock: &Arc<TokioClock>, store: &Arc<InMemoryCacheStore>) -> Replica {
    let replica = unsubscribed(vendor, clock, store);
    store.subscribe(&replica.cache);
    replica
}

/// A replica that reads the shared store but receives no messages.
fn unsubscribed(vendor: &Arc<FakeCatalog>, clock: &Arc<TokioClock>, store: &Arc<InMemoryCacheStore>) -> Replica {
    let mut builder = ReplicaBuilder::new(vendor, clock);
    builder.store = Some(Arc::clone(store) as Arc<dyn CacheStore>);
    builder.build()
}

fn pair() -> Pair {
    let clock = TokioClock::new();
    let vendor = fake_catalog(&clock);
    let store = Arc::new(InMemoryCacheStore::default());
    let (one, other) = (replica(&vendor, &clock, &store), replica(&vendor, &clock, &store));
    Pair { vendor, store, clock, one, other }
}

impl Pair {
    async fn settle(&self) {
        self.one.settle().await;
        self.other.settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_replica_serves_a_value_that_another_one_fetched_with_its_age() {
    let pair = pair();
    pair.one.event("e1").await.expect("an event");
    pair.settle().await;
    advance(Duration::from_secs(20)).await;
    let shared = pair.other.event("e1").await.expect("an event");
    assert_eq!((shared.freshness.mode, shared.freshness.observed_at), (FreshnessMode::Cached, TokioClock::start()));
    assert_eq!(pair.vendor.call_count(), 1);
    let again = pair.other.event("e1").await.expect("an event");
    assert!(Arc::ptr_eq(&shared.value, &again.value), "it was read from the store twice");
}

#[tokio::test(start_paused = true)]
async fn availability_older_than_the_caller_allows_is_not_taken_from_the_store() {
    let pair = pair();
    pair.one.availability("p1", 60).await.expect("availability");
    pair.settle().await;
    advance(Duration::from_secs(20)).await;
    assert_eq!(pair.other.availability("p1", 30).await.expect("availability").freshness.mode, FreshnessMode::Cached);
    assert_eq!(pair.other.availability("p1", 10).await.expect("availability").freshness.mode, FreshnessMode::Live);
    assert_eq!(pair.one.availability("p1", 0).await.expect("availability").freshness.mode, FreshnessMode::Live);
}

#[tokio::test(start_paused = true)]
async fn a_corrupt_entry_is_discarded_fetched_again_and_never_served() {
    let pair = pair();
    pair.one.event("e1").await.expect("an event");
    pair.settle().await;
    pair.vendor.records.edit();
    let corrupted = pair.store.change_values(|value| {
        let last = value.len() - 20;
        value[last] ^= 1;
    });
    assert_eq!(corrupted, 1);
    assert_eq!(pair.other.event("e1").await.expect("an event").value.title.main, "e1 v2");
    pair.settle().await;
    let third = replica(&pair.vendor, &pair.clock, &pair.store);
    assert_eq!(third.event("e1").await.expect("an event").value.title.main, "e1 v2");
    assert_eq!(pair.vendor.call_count(), 2, "the entry was not replaced");
}

#[tokio::test(start_paused = true)]
async fn an_invalidation_at_one_replica_reaches_all() {
    let pair = pair();
    pair.one.event("e1").await.expect("an event");
    pair.settle().await;
    pair.other.event("e1").await.expect("an event");
    pair.vendor.records.edit();
    pair.one.cache.invalidate(Invalidation::Event(source_id(), EventKey::new("e1")));
    assert_eq!(pair.one.event("e1").await.expect("an event").value.title.main, "e1 v2", "before the store was updated");
    pair.settle().await;
    assert_eq!(pair.other.event("e1").await.expect("an event").value.title.main, "e1 v2");
    let third = replica(&pair.vendor, &pair.clock, &pair.store);
    assert_eq!(third.event("e1").await.expect("an event").value.title.main, "e1 v2");
}

#[tokio::test(start_paused = true)]
async fn a_value_requested_before_an_invalidation_is_not_served_even_if_its_replica_missed_the_message() {
    let pair = pair();
    let unsubscribed = unsubscribed(&pair.vendor, &pair.clock, &pair.store);
    pair.vendor.close_gate();
    let mut slow = Box::pin(unsubscribed.event("e1"));
    assert!(futures_util::poll!(&mut slow).is_pending());
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    pair.one.cache.invalidate(Invalidation::Event(source_id(), EventKey::new("e1")));
    pair.one.settle().await;
    pair.vendor.open_gate();
    slow.await.expect("an event");
    unsubscribed.settle().await;
    assert_eq!(pair.store.change_values(|_| {}), 1, "it was stored with the earlier tag versions");
    assert_eq!(pair.other.event("e1").await.expect("an event").freshness.mode, FreshnessMode::Live);
}

#[tokio::test(start_paused = true)]
async fn without_the_store_each_replica_caches_for_itself() {
    let pair = pair();
    *pair.store.is_down.lock() = true;
    pair.one.event("e1").await.expect("an event");
    assert_eq!(pair.one.event("e1").await.expect("an event").freshness.mode, FreshnessMode::Cached);
    pair.other.event("e1").await.expect("an event");
    assert_eq!(pair.vendor.call_count(), 2);
    *pair.store.is_down.lock() = false;
    pair.one.event("e2").await.expect("an event");
    pair.settle().await;
    pair.other.event("e2").await.expect("an event");
    assert_eq!(pair.vendor.call_count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_new_replica_serves_stale_values_of_the_store_while_the_vendor_fails() {
    let pair = pair();
    pair.one.event("e1").await.expect("an event");
    pair.settle().await;
    pair.vendor.always(FakeOutcome::Fail(ErrorKind::Unavailable));
    advance(Duration::from_secs(600)).await;
    let stale = pair.other.event("e1").await.expect("an event");
    assert_eq!((stale.freshness.mode, stale.value.price_from), (FreshnessMode::Stale, None));
}

#[tokio::test(start_paused = true)]
async fn after_lost_messages_cached_values_are_revalidated_before_they_are_served_as_fresh() {
    let pair = pair();
    pair.one.event("e1").await.expect("an event");
    pair.one.availability("p1", 60).await.expect("availability");
    pair.settle().await;
    let calls = pair.vendor.call_count();
    pair.one.cache.apply(InvalidationEvent::Lagged);
    assert_eq!(pair.one.event("e1").await.expect("an event").freshness.mode, FreshnessMode::Stale);
    pair.settle().await;
    assert_eq!(pair.one.event("e1").await.expect("an event").freshness.mode, FreshnessMode::Cached);
    assert_eq!(pair.one.availability("p1", 60).await.expect("availability").freshness.mode, FreshnessMode::Cached);
    assert_eq!(pair.vendor.call_count(), calls, "the values were not taken from the store");
}
