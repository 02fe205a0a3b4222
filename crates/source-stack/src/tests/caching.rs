//! What is told from memory, how old it may be, and what is never told late.

use tokio::time::{Instant, advance};

use super::*;
use crate::Invalidation;
use crate::fake::{Fate, availability, leg, lost};
use domain::ids::OrderKey;
use domain::{Effect, ErrorKind, FreshnessMode, Operation, Reason, Scope};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_fact_is_asked_for_once_and_then_told_from_memory_with_its_age() {
    let (vendor, replica) = alone();
    let live = replica.event("e1").await.expect("an event");
    advance(Duration::from_secs(30)).await;
    let told = replica.event("e1").await.expect("an event");
    assert!(Arc::ptr_eq(&live.value, &told.value));
    assert_eq!((live.freshness.mode, told.freshness.mode), (FreshnessMode::Live, FreshnessMode::Cached));
    assert_eq!(told.freshness.observed_at, RuntimeClock::start());
    assert_eq!(told.freshness.expires_at, Some(RuntimeClock::start() + jiff::SignedDuration::from_mins(1)));
    assert_eq!(vendor.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn every_question_is_remembered() {
    let (vendor, replica) = alone();
    let one = keys(&["e1"]);
    let day = jiff::civil::date(2027, 3, 14);
    let window = domain::Window { from: RuntimeClock::start(), to: None, limit: 3 };
    for _ in 0..2 {
        let catalog = replica.catalog();
        assert!(catalog.list_events(Scope::Public).await.is_ok());
        assert!(catalog.load_events(&one).await[&one[0]].is_ok());
        assert!(catalog.load_ticket_types(&one).await[&one[0]].is_ok());
        let listed = catalog.list_performances(&one, &window).await.remove(&one[0]).expect("an answer");
        assert_eq!(listed.expect("performances").value.len(), 3);
        assert!(catalog.load_performances(&performances(&["p1"])).await[&performances(&["p1"])[0]].is_ok());
        assert!(catalog.load_calendar(&one, day, day).await[&one[0]].is_ok());
        assert!(replica.free("p1", 60).await.is_ok());
    }
    assert_eq!(vendor.calls().len(), 7);
    let rows = replica.catalog().load_calendar(&one, day, day).await.remove(&one[0]).expect("an answer");
    assert_eq!(rows.expect("rows")[0].freshness.mode, FreshnessMode::Cached);
}

#[tokio::test(start_paused = true)]
async fn a_list_stays_the_same_allocation_while_it_is_remembered() {
    let (vendor, replica) = alone();
    let list = || async { replica.catalog().list_events(Scope::Public).await.expect("a list").value };
    let first = list().await;
    assert!(Arc::ptr_eq(&first, &list().await));
    advance(2 * MINUTE).await;
    assert!(Arc::ptr_eq(&first, &list().await), "a late list is another one");
    replica.settle().await;
    let second = list().await;
    assert!(!Arc::ptr_eq(&first, &second) && Arc::ptr_eq(&second, &list().await));
    assert_eq!(vendor.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_late_fact_is_told_at_once_and_fetched_anew_only_once() {
    let (vendor, replica) = alone();
    replica.event("e1").await.expect("an event");
    vendor.change();
    vendor.shut_gate();
    advance(2 * MINUTE).await;
    let begun = Instant::now();
    for _ in 0..10 {
        let late = replica.event("e1").await.expect("an event");
        assert_eq!((late.freshness.mode, late.value.title.main.as_str()), (FreshnessMode::Stale, "e1 v1"));
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
    vendor.open_gate();
    replica.settle().await;
    let anew = replica.event("e1").await.expect("an event");
    assert_eq!((anew.freshness.mode, anew.value.title.main.as_str()), (FreshnessMode::Cached, "e1 v2"));
    assert_eq!(vendor.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_dead_vendor_leaves_its_words_and_takes_its_prices_along() {
    let (vendor, replica) = alone();
    let one = keys(&["e1"]);
    replica.event("e1").await.expect("an event");
    replica.catalog().load_ticket_types(&one).await;
    replica.catalog().list_events(Scope::Public).await.expect("a list");
    vendor.script(|_, _| Fate::Fail(ErrorKind::Unavailable));

    advance(4 * MINUTE).await;
    let late = replica.event("e1").await.expect("an event");
    assert!(late.freshness.mode == FreshnessMode::Stale && late.value.price_from.is_some());
    replica.settle().await;

    advance(6 * MINUTE).await;
    let stale = replica.event("e1").await.expect("an event");
    assert_eq!((stale.freshness.mode, stale.value.price_from), (FreshnessMode::Stale, None));
    assert_eq!(stale.freshness.observed_at, RuntimeClock::start());
    let kinds = replica.catalog().load_ticket_types(&one).await.remove(&one[0]).expect("an answer").expect("types");
    assert_eq!((kinds.freshness.mode, &kinds.value[0].price), (FreshnessMode::Stale, &None));
    let list = || async { replica.catalog().list_events(Scope::Public).await.expect("a list").value };
    assert!(Arc::ptr_eq(&list().await, &list().await), "it is made anew for each who asks");

    advance(25 * 60 * MINUTE).await;
    assert_eq!(replica.event("e1").await.expect_err("forgotten").kind, ErrorKind::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn who_has_an_old_answer_to_fall_back_on_waits_only_a_little_for_a_slow_vendor() {
    let (vendor, replica) = alone();
    replica.event("e1").await.expect("an event");
    advance(10 * MINUTE).await;
    vendor.change();
    vendor.shut_gate();
    let begun = Instant::now();
    let stale = replica.event("e1").await.expect("an event");
    assert_eq!((begun.elapsed(), stale.freshness.mode), (Duration::from_secs(1), FreshnessMode::Stale));
    vendor.open_gate();
    replica.settle().await;
    assert_eq!(replica.event("e1").await.expect("an event").value.title.main, "e1 v2");
}

#[tokio::test(start_paused = true)]
async fn what_is_free_is_never_told_older_than_the_caller_allows() {
    let (vendor, replica) = alone();
    replica.free("p1", 30).await.expect("an answer");
    advance(Duration::from_secs(20)).await;
    let told = replica.free("p1", 30).await.expect("an answer");
    assert_eq!((vendor.calls().len(), told.freshness.mode), (1, FreshnessMode::Cached));
    assert!(replica.free("p1", 10).await.expect("an answer").freshness.mode == FreshnessMode::Live);
    vendor.script(|_, _| Fate::Fail(ErrorKind::Unavailable));
    advance(Duration::from_secs(31)).await;
    assert_eq!(replica.free("p1", 30).await.expect_err("too old").kind, ErrorKind::Unavailable);
    assert!(replica.free("p1", 60).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_max_age_of_zero_asks_the_vendor_each_time() {
    let (vendor, replica) = alone();
    for calls in 1..=3 {
        assert_eq!(replica.free("p1", 0).await.expect("an answer").freshness.mode, FreshnessMode::Live);
        assert_eq!(vendor.calls().len(), calls);
    }
}

#[tokio::test(start_paused = true)]
async fn a_calendar_is_never_told_late() {
    let (vendor, replica) = alone();
    let (one, day) = (keys(&["e1"]), jiff::civil::date(2027, 3, 14));
    assert!(replica.catalog().load_calendar(&one, day, day).await[&one[0]].is_ok());
    vendor.script(|_, _| Fate::Fail(ErrorKind::Unavailable));
    advance(MINUTE).await;
    assert!(replica.catalog().load_calendar(&one, day, day).await[&one[0]].is_err());
}

#[tokio::test(start_paused = true)]
async fn what_the_vendor_does_not_know_is_not_asked_for_again_for_seconds() {
    let (vendor, replica) = alone();
    vendor.script(|_, _| Fate::Fail(ErrorKind::NotFound));
    for _ in 0..5 {
        assert_eq!(replica.event("nope").await.expect_err("unknown").kind, ErrorKind::NotFound);
    }
    assert_eq!(vendor.calls().len(), 1);
    advance(Duration::from_secs(5)).await;
    vendor.script(|_, _| Fate::Answer);
    assert!(replica.event("nope").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_has_gone_at_the_vendor_is_gone_here_and_not_told_as_stale() {
    let (vendor, replica) = alone();
    replica.event("e1").await.expect("an event");
    vendor.script(|_, _| Fate::Fail(ErrorKind::NotFound));
    advance(10 * MINUTE).await;
    assert_eq!(replica.event("e1").await.expect_err("gone").kind, ErrorKind::NotFound);
    vendor.script(|_, _| Fate::Fail(ErrorKind::Unavailable));
    advance(MINUTE).await;
    assert_eq!(replica.event("e1").await.expect_err("dead").kind, ErrorKind::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn what_came_together_does_not_end_together() {
    let clock = RuntimeClock::new();
    let vendor = FakeCatalog::new(clock.clone());
    let mut set = Set::around(&vendor, &clock);
    set.policy.lifetimes.jitter_percent = 10;
    let replica = set.stacked();
    let many: Vec<EventKey> = (0..50).map(|number| EventKey::new(format!("e{number}"))).collect();
    replica.catalog().load_events(&many).await;
    let told = replica.catalog().load_events(&many).await;
    let ends: std::collections::BTreeSet<_> =
        told.values().map(|answer| answer.as_ref().expect("an event").freshness.expires_at).collect();
    assert!(ends.len() > 3, "{ends:?}");
    let earliest = RuntimeClock::start() + jiff::SignedDuration::from_secs(54);
    assert!(ends.iter().all(|end| end.is_some_and(|end| end >= earliest)));
}

#[tokio::test(start_paused = true)]
async fn our_own_sale_makes_what_was_free_before_untrue() {
    let sold_out = || VendorError::rejected(&source_id(), Operation::Hold, Reason::SoldOut { remaining: None }, None);
    let nothing = || VendorError::new(&source_id(), Operation::Hold, ErrorKind::Unauthorized);
    for (outcome, is_forgotten) in
        [(Ok(()), true), (Err(lost(Operation::Hold)), true), (Err(sold_out()), true), (Err(nothing()), false)]
    {
        let clock = RuntimeClock::new();
        let vendor = FakeCatalog::new(clock.clone());
        let till = outcome.clone();
        let mut set = Set::around(&vendor, &clock);
        set.till = Some(FakeTill(Box::new(move || till.clone())));
        let replica = set.stacked();
        for key in ["p1", "p2"] {
            replica.free(key, 60).await.expect("an answer");
        }
        vendor.change();
        let key = OrderKey(uuid::Uuid::nil()).step(0, "hold");
        let till = replica.source.ordering.as_ref().expect("a till");
        assert_eq!(till.hold(&key, &leg(&["p1"])).await.is_ok(), outcome.is_ok());
        let free = async |key| replica.free(key, 60).await.expect("an answer").value.vacancies;
        assert_eq!(free("p1").await, Some(if is_forgotten { 2 } else { 1 }), "{outcome:?}");
        assert_eq!(free("p2").await, Some(1), "a neighbour was forgotten");
    }
}

#[tokio::test(start_paused = true)]
async fn what_came_along_with_a_performance_is_not_told_after_our_own_sale() {
    let (_vendor, replica) = alone();
    let mut dated = performance("p1", None);
    dated.listed_availability = Some(Arc::new(availability(99)));
    let dated = Observed::live(Arc::new(dated), RuntimeClock::start());
    assert_eq!(replica.free_at(dated.clone(), 60).await.expect("an answer").value.vacancies, Some(99));
    advance(Duration::from_secs(1)).await;
    replica.cache.forget(Invalidation::Performances(source_id(), performances(&["p1"])));
    assert_eq!(replica.free_at(dated, 60).await.expect("an answer").value.vacancies, Some(1));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_under_way_when_it_became_untrue_is_not_remembered() {
    let (vendor, replica) = alone();
    vendor.shut_gate();
    let mut before = Box::pin(replica.event("e1"));
    assert!(futures_util::poll!(&mut before).is_pending());
    tokio::task::yield_now().await;
    replica.cache.forget(Invalidation::Event(source_id(), EventKey::new("e1")));
    vendor.open_gate();
    before.await.expect("an event");
    assert_eq!(replica.event("e1").await.expect("an event").freshness.mode, FreshnessMode::Live);
    assert_eq!(vendor.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn everybody_who_keeps_what_was_made_of_a_fact_is_told_when_it_is_forgotten() {
    let (_vendor, replica) = alone();
    let mut news = replica.cache.invalidations();
    let what = Invalidation::Event(source_id(), EventKey::new("e1"));
    replica.cache.forget(what.clone());
    assert_eq!(news.try_recv(), Ok(what));
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_distinct_questions_stays_within_the_bound() {
    let clock = RuntimeClock::new();
    let vendor = FakeCatalog::new(clock.clone());
    let mut set = Set::around(&vendor, &clock);
    set.max_bytes = 64 << 10;
    let replica = set.stacked();
    for number in 0..2000 {
        replica.event(&format!("e{number}")).await.expect("an event");
    }
    let (entries, bytes) = replica.cache.usage();
    assert!(entries > 10 && bytes <= 64 << 10, "{entries} entries, {bytes} bytes");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_has_no_effect_on_what_is_told() {
    let error = VendorError::rejected(&source_id(), Operation::LoadEvents, Reason::Forbidden, None);
    assert_eq!(error.effect, Effect::None);
    let (vendor, replica) = alone();
    replica.event("e1").await.expect("an event");
    let kind = error.kind.clone();
    vendor.script(move |_, _| Fate::Fail(kind.clone()));
    advance(10 * MINUTE).await;
    assert_eq!(replica.event("e1").await.expect_err("refused").kind, error.kind);
}
