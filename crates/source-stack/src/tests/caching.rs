//! Cache lifetimes: fresh, stale-while-revalidate and stale-if-error, and values that are never served stale.

use domain::ids::OrderKey;
use domain::{CatalogScope, Effect, ErrorKind, FreshnessMode, PerformanceWindow, RefusalReason, VendorOperation};
use testkit::{FakeOutcome, availability, leg};
use tokio::time::{Instant, advance};

use super::*;
use crate::Invalidation;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_value_is_fetched_once_and_then_served_from_the_cache_with_its_age() {
    let (vendor, replica) = single_replica();
    let live = replica.event("e1").await.expect("an event");
    advance(Duration::from_secs(30)).await;
    let cached = replica.event("e1").await.expect("an event");
    assert!(Arc::ptr_eq(&live.value, &cached.value));
    assert_eq!((live.freshness.mode, cached.freshness.mode), (FreshnessMode::Live, FreshnessMode::Cached));
    assert_eq!(cached.freshness.observed_at, TokioClock::start());
    assert_eq!(cached.freshness.expires_at, Some(TokioClock::start() + jiff::SignedDuration::from_mins(1)));
    assert_eq!(vendor.call_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn every_query_is_cached() {
    let (vendor, replica) = single_replica();
    let one = keys(&["e1"]);
    let day = jiff::civil::date(2027, 3, 14);
    let window = PerformanceWindow { from: TokioClock::start(), to: None, limit: 3 };
    for _ in 0..2 {
        let catalog = replica.catalog();
        assert!(catalog.list_events(CatalogScope::Public).await.is_ok());
        assert!(catalog.load_events(&one).await[&one[0]].is_ok());
        assert!(catalog.load_ticket_types(&one).await[&one[0]].is_ok());
        let listed = catalog.list_performances(&one, &window).await.remove(&one[0]).expect("a result");
        assert_eq!(listed.expect("performances").value.len(), 3);
        assert!(catalog.load_performances(&performances(&["p1"])).await[&performances(&["p1"])[0]].is_ok());
        assert!(catalog.load_calendar(&one, day, day).await[&one[0]].is_ok());
        assert!(replica.availability("p1", 60).await.is_ok());
    }
    assert_eq!(vendor.call_count(), 7);
    let rows = replica.catalog().load_calendar(&one, day, day).await.remove(&one[0]).expect("a result");
    assert_eq!(rows.expect("rows")[0].freshness.mode, FreshnessMode::Cached);
}

#[tokio::test(start_paused = true)]
async fn the_uncached_catalog_calls_the_vendor_each_time_in_batches_of_its_size() {
    let (vendor, replica) = single_replica();
    let many: Vec<_> = (0..150).map(|number| EventKey::new(format!("e{number}"))).collect();
    replica.catalog().load_events(&many).await;
    for calls in [4, 6] {
        let results = replica.uncached_catalog.load_events(&many).await;
        assert!(
            results
                .values()
                .all(|result| result.as_ref().is_ok_and(|event| event.freshness.mode == FreshnessMode::Live))
        );
        assert_eq!(vendor.call_count(), calls);
    }
    vendor.script(|key| if key.call == 6 { FakeOutcome::Fail(ErrorKind::Unavailable) } else { FakeOutcome::Succeed });
    let one = keys(&["e1"]);
    assert!(replica.uncached_catalog.load_events(&one).await[&one[0]].is_ok(), "it is guarded: the call is retried");
}

#[tokio::test(start_paused = true)]
async fn a_list_stays_the_same_allocation_while_it_is_cached() {
    let (vendor, replica) = single_replica();
    let list = || async { replica.catalog().list_events(CatalogScope::Public).await.expect("a list").value };
    let first = list().await;
    assert!(Arc::ptr_eq(&first, &list().await));
    advance(2 * MINUTE).await;
    assert!(Arc::ptr_eq(&first, &list().await), "a stale list is another allocation");
    replica.settle().await;
    let second = list().await;
    assert!(!Arc::ptr_eq(&first, &second) && Arc::ptr_eq(&second, &list().await));
    assert_eq!(vendor.call_count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_stale_value_is_served_at_once_and_refreshed_only_once() {
    let (vendor, replica) = single_replica();
    replica.event("e1").await.expect("an event");
    vendor.records.edit();
    vendor.close_gate();
    advance(2 * MINUTE).await;
    let started_at = Instant::now();
    for _ in 0..10 {
        let stale = replica.event("e1").await.expect("an event");
        assert_eq!((stale.freshness.mode, stale.value.title.main.as_str()), (FreshnessMode::Stale, "e1 v1"));
    }
    assert_eq!(started_at.elapsed(), Duration::ZERO);
    vendor.open_gate();
    replica.settle().await;
    let refreshed = replica.event("e1").await.expect("an event");
    assert_eq!((refreshed.freshness.mode, refreshed.value.title.main.as_str()), (FreshnessMode::Cached, "e1 v2"));
    assert_eq!(vendor.call_count(), 2);
}

#[tokio::test(start_paused = true)]
async fn both_stale_periods_begin_when_max_age_ends() {
    let (vendor, replica) = single_replica();
    replica.event("e1").await.expect("an event");
    vendor.always(FakeOutcome::Fail(ErrorKind::Unavailable));
    // max_age 1m, stale_while_revalidate 4m, stale_if_error 24h.
    advance(5 * MINUTE - Duration::from_secs(1)).await;
    assert!(replica.event("e1").await.expect("an event").value.price_from.is_some());
    replica.settle().await;
    advance(Duration::from_secs(1)).await;
    assert!(replica.event("e1").await.expect("an event").value.price_from.is_none());
    advance(24 * 60 * MINUTE - 4 * MINUTE - Duration::from_secs(10)).await;
    assert!(replica.event("e1").await.is_ok());
    advance(Duration::from_secs(11)).await;
    assert_eq!(replica.event("e1").await.expect_err("too old").kind, ErrorKind::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn while_the_vendor_fails_texts_are_served_without_prices() {
    let (vendor, replica) = single_replica();
    let one = keys(&["e1"]);
    replica.event("e1").await.expect("an event");
    replica.catalog().load_ticket_types(&one).await;
    replica.catalog().list_events(CatalogScope::Public).await.expect("a list");
    vendor.always(FakeOutcome::Fail(ErrorKind::Unavailable));

    advance(4 * MINUTE).await;
    let stale = replica.event("e1").await.expect("an event");
    assert!(stale.freshness.mode == FreshnessMode::Stale && stale.value.price_from.is_some());
    replica.settle().await;

    advance(6 * MINUTE).await;
    let stale = replica.event("e1").await.expect("an event");
    assert_eq!((stale.freshness.mode, stale.value.price_from), (FreshnessMode::Stale, None));
    assert_eq!(stale.freshness.observed_at, TokioClock::start());
    let listed = replica.catalog().load_ticket_types(&one).await.remove(&one[0]).expect("a result");
    let ticket_types = listed.expect("ticket types");
    assert_eq!((ticket_types.freshness.mode, &ticket_types.value[0].price), (FreshnessMode::Stale, &None));
    let list = || async { replica.catalog().list_events(CatalogScope::Public).await.expect("a list").value };
    assert!(Arc::ptr_eq(&list().await, &list().await), "it is built again for each caller");

    advance(25 * 60 * MINUTE).await;
    assert_eq!(replica.event("e1").await.expect_err("too old").kind, ErrorKind::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_caller_with_a_stale_value_waits_only_for_revalidate_timeout() {
    let (vendor, replica) = single_replica();
    replica.event("e1").await.expect("an event");
    advance(10 * MINUTE).await;
    vendor.records.edit();
    vendor.close_gate();
    let started_at = Instant::now();
    let stale = replica.event("e1").await.expect("an event");
    assert_eq!((started_at.elapsed(), stale.freshness.mode), (Duration::from_secs(1), FreshnessMode::Stale));
    vendor.open_gate();
    replica.settle().await;
    assert_eq!(replica.event("e1").await.expect("an event").value.title.main, "e1 v2");
}

#[tokio::test(start_paused = true)]
async fn availability_is_never_older_than_the_caller_allows() {
    let (vendor, replica) = single_replica();
    replica.availability("p1", 30).await.expect("availability");
    advance(Duration::from_secs(20)).await;
    let cached = replica.availability("p1", 30).await.expect("availability");
    assert_eq!((vendor.call_count(), cached.freshness.mode), (1, FreshnessMode::Cached));
    assert!(replica.availability("p1", 10).await.expect("availability").freshness.mode == FreshnessMode::Live);
    vendor.always(FakeOutcome::Fail(ErrorKind::Unavailable));
    advance(Duration::from_secs(31)).await;
    assert_eq!(replica.availability("p1", 30).await.expect_err("too old").kind, ErrorKind::Unavailable);
    assert!(replica.availability("p1", 60).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_max_age_of_zero_calls_the_vendor_each_time() {
    let (vendor, replica) = single_replica();
    for calls in 1..=3 {
        assert_eq!(replica.availability("p1", 0).await.expect("availability").freshness.mode, FreshnessMode::Live);
        assert_eq!(vendor.call_count(), calls);
    }
}

#[tokio::test(start_paused = true)]
async fn a_calendar_is_never_served_stale() {
    let (vendor, replica) = single_replica();
    let (one, day) = (keys(&["e1"]), jiff::civil::date(2027, 3, 14));
    assert!(replica.catalog().load_calendar(&one, day, day).await[&one[0]].is_ok());
    vendor.always(FakeOutcome::Fail(ErrorKind::Unavailable));
    advance(MINUTE).await;
    assert!(replica.catalog().load_calendar(&one, day, day).await[&one[0]].is_err());
}

#[tokio::test(start_paused = true)]
async fn not_found_is_cached_for_seconds() {
    let (vendor, replica) = single_replica();
    vendor.always(FakeOutcome::Fail(ErrorKind::NotFound));
    for _ in 0..5 {
        assert_eq!(replica.event("nope").await.expect_err("not found").kind, ErrorKind::NotFound);
    }
    assert_eq!(vendor.call_count(), 1);
    advance(Duration::from_secs(5)).await;
    vendor.always(FakeOutcome::Succeed);
    assert!(replica.event("nope").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_event_that_the_vendor_deleted_is_not_served_stale() {
    let (vendor, replica) = single_replica();
    replica.event("e1").await.expect("an event");
    vendor.always(FakeOutcome::Fail(ErrorKind::NotFound));
    advance(10 * MINUTE).await;
    assert_eq!(replica.event("e1").await.expect_err("deleted").kind, ErrorKind::NotFound);
    vendor.always(FakeOutcome::Fail(ErrorKind::Unavailable));
    advance(MINUTE).await;
    assert_eq!(replica.event("e1").await.expect_err("unavailable").kind, ErrorKind::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn values_fetched_together_do_not_expire_together() {
    let clock = TokioClock::new();
    let vendor = fake_catalog(&clock);
    let mut builder = ReplicaBuilder::new(&vendor, &clock);
    builder.cache_policy.jitter_percent = 10;
    let replica = builder.build();
    let many: Vec<EventKey> = (0..50).map(|number| EventKey::new(format!("e{number}"))).collect();
    replica.catalog().load_events(&many).await;
    let cached = replica.catalog().load_events(&many).await;
    let ends: std::collections::BTreeSet<_> =
        cached.values().map(|result| result.as_ref().expect("an event").freshness.expires_at).collect();
    assert!(ends.len() > 3, "{ends:?}");
    let earliest = TokioClock::start() + jiff::SignedDuration::from_secs(54);
    assert!(ends.iter().all(|end| end.is_some_and(|end| end >= earliest)));
}

#[tokio::test(start_paused = true)]
async fn a_sale_invalidates_the_availability_of_its_performances() {
    let rejected =
        || VendorError::rejected(&source_id(), VendorOperation::Hold, RefusalReason::SoldOut { remaining: None }, None);
    let without_effect = || VendorError::new(&source_id(), VendorOperation::Hold, ErrorKind::Unauthorized);
    for (outcome, is_invalidated) in [
        (Ok(()), true),
        (Err(outcome_unknown(VendorOperation::Hold)), true),
        (Err(rejected()), true),
        (Err(without_effect()), false),
    ] {
        let clock = TokioClock::new();
        let vendor = fake_catalog(&clock);
        let result = outcome.clone();
        let mut builder = ReplicaBuilder::new(&vendor, &clock);
        builder.ordering = Some(FakeOrdering(Box::new(move || result.clone())));
        let replica = builder.build();
        for key in ["p1", "p2"] {
            replica.availability(key, 60).await.expect("availability");
        }
        vendor.records.sell();
        let key = OrderKey(uuid::Uuid::nil()).step_key(0, "hold");
        let ordering = replica.source.ordering.as_ref().expect("an ordering port");
        assert_eq!(ordering.hold(&key, &leg(&["p1"])).await.is_ok(), outcome.is_ok());
        let vacancies = async |key| replica.availability(key, 60).await.expect("availability").value.vacancies;
        assert_eq!(vacancies("p1").await, Some(if is_invalidated { 9 } else { 10 }), "{outcome:?}");
        assert_eq!(vacancies("p2").await, Some(10), "another performance was invalidated");
    }
}

#[tokio::test(start_paused = true)]
async fn availability_listed_with_a_performance_is_not_served_after_a_sale() {
    let (_vendor, replica) = single_replica();
    let mut dated = performance("p1", None);
    dated.listed_availability = Some(Arc::new(availability(99)));
    let dated = Observed::live(Arc::new(dated), TokioClock::start());
    let vacancies = async || replica.availability_of(dated.clone(), 60).await.expect("availability").value.vacancies;
    assert_eq!(vacancies().await, Some(99));
    advance(Duration::from_secs(1)).await;
    replica.cache.invalidate(Invalidation::Performances(source_id(), performances(&["p1"])));
    assert_eq!(vacancies().await, Some(10));
}

#[tokio::test(start_paused = true)]
async fn a_value_invalidated_while_it_was_fetched_is_not_cached() {
    let (vendor, replica) = single_replica();
    vendor.close_gate();
    let mut before = Box::pin(replica.event("e1"));
    assert!(futures_util::poll!(&mut before).is_pending());
    tokio::task::yield_now().await;
    replica.cache.invalidate(Invalidation::Event(source_id(), EventKey::new("e1")));
    vendor.open_gate();
    before.await.expect("an event");
    assert_eq!(replica.event("e1").await.expect("an event").freshness.mode, FreshnessMode::Live);
    assert_eq!(vendor.call_count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_distinct_keys_stays_within_the_size_limit() {
    let clock = TokioClock::new();
    let vendor = fake_catalog(&clock);
    let mut builder = ReplicaBuilder::new(&vendor, &clock);
    builder.max_bytes = 64 << 10;
    let replica = builder.build();
    for number in 0..2000 {
        replica.event(&format!("e{number}")).await.expect("an event");
    }
    let (entries, bytes) = replica.cache.usage();
    assert!(entries > 10 && bytes <= 64 << 10, "{entries} entries, {bytes} bytes");
}

#[tokio::test(start_paused = true)]
async fn a_rejection_is_not_replaced_with_a_stale_value() {
    let error = VendorError::rejected(&source_id(), VendorOperation::LoadEvents, RefusalReason::Forbidden, None);
    assert_eq!(error.effect, Effect::None);
    let (vendor, replica) = single_replica();
    replica.event("e1").await.expect("an event");
    vendor.always(FakeOutcome::Fail(error.kind.clone()));
    advance(10 * MINUTE).await;
    assert_eq!(replica.event("e1").await.expect_err("rejected").kind, error.kind);
}
