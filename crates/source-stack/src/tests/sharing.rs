//! Two replicas and the store between them.

use std::sync::atomic::Ordering::SeqCst;

use tokio::time::advance;

use super::*;
use crate::fake::{Fate, MemoryStore};
use crate::{Heard, Invalidation};
use domain::{ErrorKind, FreshnessMode};

struct Pair {
    vendor: Arc<FakeCatalog>,
    store: Arc<MemoryStore>,
    clock: Arc<RuntimeClock>,
    one: Replica,
    other: Replica,
}

fn replica(vendor: &Arc<FakeCatalog>, clock: &Arc<RuntimeClock>, store: &Arc<MemoryStore>) -> Replica {
    let mut set = Set::around(vendor, clock);
    set.store = Some(Arc::clone(store) as Arc<dyn CacheStore>);
    let replica = set.stacked();
    store.listen(&replica.cache);
    replica
}

fn pair() -> Pair {
    let clock = RuntimeClock::new();
    let vendor = FakeCatalog::new(clock.clone());
    let store = Arc::new(MemoryStore::default());
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
async fn what_one_replica_fetched_the_other_tells_with_its_age() {
    let pair = pair();
    pair.one.event("e1").await.expect("an event");
    pair.settle().await;
    advance(Duration::from_secs(20)).await;
    let told = pair.other.event("e1").await.expect("an event");
    assert_eq!((told.freshness.mode, told.freshness.observed_at), (FreshnessMode::Cached, RuntimeClock::start()));
    assert_eq!(pair.vendor.calls().len(), 1);
    let again = pair.other.event("e1").await.expect("an event");
    assert!(Arc::ptr_eq(&told.value, &again.value), "it was read from the store twice");
}

#[tokio::test(start_paused = true)]
async fn what_is_too_old_for_the_caller_is_not_taken_from_the_store_either() {
    let pair = pair();
    pair.one.free("p1", 60).await.expect("an answer");
    pair.settle().await;
    advance(Duration::from_secs(20)).await;
    assert_eq!(pair.other.free("p1", 30).await.expect("an answer").freshness.mode, FreshnessMode::Cached);
    assert_eq!(pair.other.free("p1", 10).await.expect("an answer").freshness.mode, FreshnessMode::Live);
    assert_eq!(pair.one.free("p1", 0).await.expect("an answer").freshness.mode, FreshnessMode::Live);
}

#[tokio::test(start_paused = true)]
async fn a_poisoned_entry_is_dropped_and_fetched_anew_and_never_told() {
    let pair = pair();
    pair.one.event("e1").await.expect("an event");
    pair.settle().await;
    pair.vendor.change();
    let spoilt = pair.store.spoil(|value| {
        let last = value.len() - 20;
        value[last] ^= 1;
    });
    assert_eq!(spoilt, 1);
    assert_eq!(pair.other.event("e1").await.expect("an event").value.title.main, "e1 v2");
    pair.settle().await;
    let third = replica(&pair.vendor, &pair.clock, &pair.store);
    assert_eq!(third.event("e1").await.expect("an event").value.title.main, "e1 v2");
    assert_eq!(pair.vendor.calls().len(), 2, "the entry was not written anew");
}

#[tokio::test(start_paused = true)]
async fn what_one_replica_makes_untrue_neither_tells_any_more() {
    let pair = pair();
    pair.one.event("e1").await.expect("an event");
    pair.settle().await;
    pair.other.event("e1").await.expect("an event");
    pair.vendor.change();
    pair.one.cache.forget(Invalidation::Event(source_id(), EventKey::new("e1")));
    assert_eq!(pair.one.event("e1").await.expect("an event").value.title.main, "e1 v2", "before the store knew");
    pair.settle().await;
    assert_eq!(pair.other.event("e1").await.expect("an event").value.title.main, "e1 v2");
    let third = replica(&pair.vendor, &pair.clock, &pair.store);
    assert_eq!(third.event("e1").await.expect("an event").value.title.main, "e1 v2");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_asked_for_before_it_became_untrue_is_not_told_by_those_who_did_not_hear() {
    let pair = pair();
    let deaf = {
        let mut set = Set::around(&pair.vendor, &pair.clock);
        set.store = Some(Arc::clone(&pair.store) as Arc<dyn CacheStore>);
        set.stacked()
    };
    pair.vendor.shut_gate();
    let mut slow = Box::pin(deaf.event("e1"));
    assert!(futures_util::poll!(&mut slow).is_pending());
    (0..10).for_each(drop);
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    pair.one.cache.forget(Invalidation::Event(source_id(), EventKey::new("e1")));
    pair.one.settle().await;
    pair.vendor.open_gate();
    slow.await.expect("an event");
    deaf.settle().await;
    assert_eq!(pair.store.spoil(|_| {}), 1, "it was written, under the marks from before");
    assert_eq!(pair.other.event("e1").await.expect("an event").freshness.mode, FreshnessMode::Live);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_gone_costs_nothing_but_the_sharing() {
    let pair = pair();
    pair.store.is_gone.store(true, SeqCst);
    pair.one.event("e1").await.expect("an event");
    assert_eq!(pair.one.event("e1").await.expect("an event").freshness.mode, FreshnessMode::Cached);
    pair.other.event("e1").await.expect("an event");
    assert_eq!(pair.vendor.calls().len(), 2);
    pair.store.is_gone.store(false, SeqCst);
    pair.one.event("e2").await.expect("an event");
    pair.settle().await;
    pair.other.event("e2").await.expect("an event");
    assert_eq!(pair.vendor.calls().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_new_replica_falls_back_on_the_store_when_the_vendor_is_dead() {
    let pair = pair();
    pair.one.event("e1").await.expect("an event");
    pair.settle().await;
    pair.vendor.script(|_, _| Fate::Fail(ErrorKind::Unavailable));
    advance(Duration::from_secs(600)).await;
    let stale = pair.other.event("e1").await.expect("an event");
    assert_eq!((stale.freshness.mode, stale.value.price_from), (FreshnessMode::Stale, None));
}

#[tokio::test(start_paused = true)]
async fn after_a_gap_what_is_remembered_is_told_on_only_while_it_is_checked() {
    let pair = pair();
    pair.one.event("e1").await.expect("an event");
    pair.one.free("p1", 60).await.expect("an answer");
    pair.settle().await;
    let calls = pair.vendor.calls().len();
    pair.one.cache.hear(Heard::Gap);
    assert_eq!(pair.one.event("e1").await.expect("an event").freshness.mode, FreshnessMode::Stale);
    pair.settle().await;
    assert_eq!(pair.one.event("e1").await.expect("an event").freshness.mode, FreshnessMode::Cached);
    assert_eq!(pair.one.free("p1", 60).await.expect("an answer").freshness.mode, FreshnessMode::Cached);
    assert_eq!(pair.vendor.calls().len(), calls, "the store knew it all");
}
