//! Facts that the recorder compares: sales, parts of different times, objects that have gone, and failures.

use std::sync::Arc;
use std::time::Duration;

use change_feed::{Change, ChangeKind, ChangeSubject};
use domain::{Clock, Event, EventKey, Performance, PerformanceKey, PerformanceWindow};
use feed_recorder::FeedSettings;
use jiff::{SignedDuration, Timestamp};
use source_stack::{CatalogObserver, Observation};
use store_sql::Stores;
use testkit::{FakeRecords, ManualClock, event};

use crate::feed::recorder::{Replica, changes, end, settings, vendor};
use crate::feed::store::open;

/// One replica whose recorder gets values from the test.
struct World {
    stores: Stores,
    clock: Arc<ManualClock>,
    replica: Replica,
}

impl World {
    async fn new(settings: &FeedSettings) -> Self {
        let stores = open("sqlite::memory:").await;
        let clock = ManualClock::at("2031-04-01T12:00:00Z");
        let replica = Replica::new(&stores, &vendor(&clock), &clock, settings);
        Self { stores, clock, replica }
    }

    /// Records values of a time, and returns the changes of a kind.
    async fn record(&self, at: Timestamp, kind: ChangeKind, values: Vec<Observation>) -> Vec<Change> {
        let before = end(&self.stores).await;
        values.into_iter().for_each(|value| self.replica.recorder.observe(&self.replica.source.id, at, value));
        self.replica.recorder.flush().await;
        changes(&self.stores, before, kind).await
    }

    /// Records values that a vendor has returned just now.
    async fn record_now(&self, kind: ChangeKind, values: Vec<Observation>) -> Vec<Change> {
        self.clock.advance(Duration::from_secs(60));
        self.record(self.clock.now(), kind, values).await
    }

    fn performance(&self, key: &str, seats: Option<u32>) -> Arc<Performance> {
        let start = "2031-04-05T18:00:00Z".parse().expect("a time");
        let availability = seats.and_then(|seats| {
            let listed = self.replica.vendor.records.availability(&PerformanceKey::new("e0/p0"))?;
            Some(Arc::new(domain::Availability { vacancies: Some(seats), ..(*listed).clone() }))
        });
        Arc::new(Performance {
            event: EventKey::new("a"),
            listed_availability: availability,
            ..testkit::performance(key, Some(start))
        })
    }

    fn is_list_invalidated(&self, since: u64) -> bool {
        self.replica.cache.is_invalidated([&self.replica.source.id], [], since)
    }
}

fn events(keys: &[&str]) -> Observation {
    Observation::PublicEvents(Arc::new(keys.iter().map(|key| Arc::new(event(key))).collect()))
}

fn listed(performances: &[&Arc<Performance>]) -> Observation {
    let time = |text: &str| text.parse().expect("a time");
    let window =
        PerformanceWindow { from: time("2031-04-01T00:00:00Z"), to: Some(time("2031-05-01T00:00:00Z")), limit: 100 };
    let performances = performances.iter().map(|performance| Arc::clone(performance)).collect();
    Observation::Performances(EventKey::new("a"), window, Arc::new(performances))
}

/// Returns the key of each changed performance, and true if it was removed.
fn removed(changes: &[Change]) -> Vec<(String, bool)> {
    let key = |change: &Change| match &change.subject {
        ChangeSubject::Performance { performance, .. } => performance.to_string(),
        ChangeSubject::Event { event, .. } => event.to_string(),
        other => panic!("{other:?}"),
    };
    changes.iter().map(|change| (key(change), change.is_removed)).collect()
}

fn pair(key: &str, is_removed: bool) -> (String, bool) {
    (key.to_owned(), is_removed)
}

#[tokio::test]
async fn a_sale_that_a_list_shows_is_a_change_and_leaves_the_lists_valid() {
    let world = World::new(&settings()).await;
    let kind = ChangeKind::Performance;
    let (ten, nine) = (world.performance("p", Some(10)), world.performance("p", Some(9)));
    world.record_now(kind, vec![events(&["a"]), listed(&[&ten]), Observation::Performance(Arc::clone(&ten))]).await;
    let epoch = world.replica.cache.epoch();
    let values = vec![listed(&[&nine]), Observation::Performance(Arc::clone(&nine))];
    assert_eq!(removed(&world.record_now(kind, values).await), [pair("p", false)]);
    assert!(!world.is_list_invalidated(epoch), "a sold seat has invalidated the lists of the source");
    let performance = (world.replica.source.id.clone(), PerformanceKey::new("p"));
    assert!(world.replica.cache.is_invalidated([], [&performance], epoch), "the older availability is served");
    let sold = Event { sold_quantity: Some(5), ..event("a") };
    let sold =
        |number| Observation::PublicEvents(Arc::new(vec![Arc::new(Event { sold_quantity: number, ..sold.clone() })]));
    world.record_now(ChangeKind::Event, vec![sold(Some(5))]).await;
    let epoch = world.replica.cache.epoch();
    assert_eq!(removed(&world.record_now(ChangeKind::Event, vec![sold(Some(6))]).await), [pair("a", false)]);
    assert!(!world.is_list_invalidated(epoch), "a sold number has invalidated the lists of the source");
    assert!(world.replica.cache.epoch() > epoch, "the event with the older number is served");
}

#[tokio::test]
async fn facts_of_a_snapshot_from_before_the_last_availability_are_recorded() {
    let world = World::new(&settings()).await;
    let kind = ChangeKind::Performance;
    let (ten, moved) = (world.performance("p", None), world.performance("p", None));
    let moved =
        Arc::new(Performance { cutoff_at: Some("2031-04-05T10:00:00Z".parse().expect("a time")), ..(*moved).clone() });
    let availability = world.performance("p", Some(10)).listed_availability.clone().expect("an availability");
    world.record_now(kind, vec![events(&["a"]), listed(&[&ten])]).await;
    let available = Observation::Availability(PerformanceKey::new("p"), EventKey::new("a"), availability);
    let start = world.clock.now();
    world.clock.advance(Duration::from_secs(600));
    assert_eq!(world.record_now(kind, vec![available]).await.len(), 1);
    let snapshot_at = start + SignedDuration::from_secs(60);
    assert_eq!(world.record(snapshot_at, kind, vec![listed(&[&moved])]).await.len(), 1, "a change of facts is dropped");
    let epoch = world.replica.cache.epoch();
    for _ in 0..3 {
        assert!(world.record(start, kind, vec![listed(&[&ten])]).await.is_empty(), "an older list is recorded");
    }
    assert_eq!(world.replica.cache.epoch(), epoch + 2, "an older list invalidates its event and performance once");
}

#[tokio::test]
async fn what_a_list_lacks_comes_back_by_a_list_only() {
    let world = World::new(&settings()).await;
    let kind = ChangeKind::Performance;
    let (one, two) = (world.performance("p1", None), world.performance("p2", None));
    world.record_now(kind, vec![events(&["a"]), listed(&[&one, &two])]).await;
    assert_eq!(removed(&world.record_now(kind, vec![listed(&[&one])]).await), [pair("p2", true)]);
    let loaded = world.record_now(kind, vec![Observation::Performance(Arc::clone(&two))]).await;
    assert!(loaded.is_empty(), "a performance that its vendor still loads by key is back: {loaded:?}");
    assert!(world.record_now(kind, vec![listed(&[&one])]).await.is_empty());
    assert_eq!(removed(&world.record_now(kind, vec![listed(&[&one, &two])]).await), [pair("p2", false)]);
}

#[tokio::test]
async fn performances_go_and_come_back_with_their_event() {
    let world = World::new(&settings()).await;
    let (one, two) = (world.performance("p1", None), world.performance("p2", None));
    world.record_now(ChangeKind::Event, vec![events(&["a", "b"]), listed(&[&one, &two])]).await;
    let before = end(&world.stores).await;
    assert_eq!(removed(&world.record_now(ChangeKind::Event, vec![events(&["b"])]).await), [pair("a", true)]);
    let gone = changes(&world.stores, before, ChangeKind::Performance).await;
    assert_eq!(removed(&gone), [pair("p1", true), pair("p2", true)]);
    let loaded = vec![Observation::Event(Arc::new(event("a"))), listed(&[&one])];
    assert!(world.record_now(ChangeKind::Performance, loaded).await.is_empty(), "listed by an event that has gone");
    let back = world.record_now(ChangeKind::Performance, vec![events(&["a", "b"]), listed(&[&one, &two])]).await;
    assert_eq!(removed(&back), [pair("p1", false), pair("p2", false)]);
}

#[tokio::test]
async fn changes_of_more_objects_than_memory_keeps_are_recorded() {
    let world = World::new(&FeedSettings { known_facts: 1, ..settings() }).await;
    let keys: Vec<String> = (0..50).map(|number| format!("p{number}")).collect();
    let performances = |cutoff: Option<Timestamp>| {
        let of = |key: &String| Arc::new(Performance { cutoff_at: cutoff, ..(*world.performance(key, None)).clone() });
        keys.iter().map(of).collect::<Vec<_>>()
    };
    for cutoff in [None, Some(world.clock.now()), None] {
        let performances = performances(cutoff);
        let list = listed(&performances.iter().collect::<Vec<_>>());
        assert_eq!(world.record_now(ChangeKind::Performance, vec![events(&["a"]), list]).await.len(), 50, "{cutoff:?}");
    }
}
