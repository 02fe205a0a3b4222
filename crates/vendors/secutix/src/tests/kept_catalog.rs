//! The kept catalog: what is asked of the vendor, and what is served while it fails (`secutix.md §2.7`, §2.8).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{Clock, ErrorKind, Snapshot, SnapshotStore, StoreError, VendorError, VendorOperation};
use jiff::Timestamp;
use parking_lot::Mutex;
use testkit::{FixtureCase, ManualClock, StubServer, load_case};
use tokio_util::task::TaskTracker;
use vendor_api::KeptSnapshots;

use crate::catalog_store::CatalogStore;
use crate::facts::Facts;
use crate::snapshot_cache::SnapshotCache;
use crate::tests::{NOW, client_with, source_defaults};

const POLLS_DO_NOT_COUNT: &str = "assumptions.catalog_poll_counts = false";

/// A ledger in memory.
#[derive(Default)]
struct MemoryStore {
    snapshots: Mutex<BTreeMap<String, Snapshot>>,
    requested: Mutex<BTreeMap<String, Timestamp>>,
    pending: Mutex<Option<i64>>,
}

#[async_trait]
impl SnapshotStore for MemoryStore {
    async fn load_snapshot(&self, name: &str) -> Result<Option<Snapshot>, StoreError> {
        Ok(self.snapshots.lock().get(name).cloned())
    }

    async fn save_snapshot(&self, name: &str, snapshot: &Snapshot) -> Result<(), StoreError> {
        self.snapshots.lock().insert(name.to_owned(), snapshot.clone());
        Ok(())
    }

    async fn claim_request(
        &self,
        name: &str,
        interval: Duration,
        now: Timestamp,
    ) -> Result<Option<Duration>, StoreError> {
        let mut requested = self.requested.lock();
        let rest = requested.get(name).and_then(|at| (*at + interval).duration_since(now).try_into().ok());
        let rest = rest.filter(|rest: &Duration| !rest.is_zero());
        if rest.is_none() {
            requested.insert(name.to_owned(), now);
        }
        Ok(rest)
    }

    async fn release_request(&self, name: &str) -> Result<(), StoreError> {
        self.requested.lock().remove(name);
        Ok(())
    }

    async fn pending_request(&self, _: &str, _: Timestamp) -> Result<Option<i64>, StoreError> {
        Ok(*self.pending.lock())
    }

    async fn save_pending_request(&self, _: &str, id: Option<i64>, _: Timestamp) -> Result<(), StoreError> {
        *self.pending.lock() = id;
        Ok(())
    }
}

/// A process with a cache of the catalog, and the vendor that it reads from.
struct Process {
    cache: SnapshotCache,
    server: StubServer,
    clock: Arc<ManualClock>,
}

impl Process {
    /// Starts a process over a ledger. The vendor gives its responses in order and repeats the last one.
    async fn start(store: Option<&Arc<MemoryStore>>, facts: &str, responses: Vec<FixtureCase>) -> Self {
        let facts = Facts::of(facts);
        let (client, server) = client_with(responses, Arc::clone(&facts)).await;
        let clock = ManualClock::at(NOW);
        let kept = store.map(|store| KeptSnapshots {
            store: Arc::clone(store) as _,
            account: "account".to_owned(),
            institution: "institution".to_owned(),
        });
        let store = CatalogStore::new(kept, &facts, Arc::clone(&clock) as Arc<dyn Clock>);
        let base = server.base.clone();
        let cache = SnapshotCache::new(
            Arc::new(client),
            Arc::clone(&clock) as _,
            TaskTracker::new(),
            source_defaults(),
            base,
            store,
        );
        Self { cache, server, clock }
    }

    /// Reads the catalog as a request does; returns its number of events.
    async fn read(&self) -> Result<usize, VendorError> {
        self.cache.current(VendorOperation::ListEvents).await.map(|snapshot| snapshot.value.listed.len())
    }

    /// Returns the methods that were called.
    fn calls(&self) -> Vec<String> {
        let method = |request: String| {
            let path = request.split(' ').next().unwrap_or_default().to_owned();
            path.rsplit('/').next().unwrap_or_default().to_owned()
        };
        self.server.requests().into_iter().map(method).collect()
    }
}

fn catalog() -> FixtureCase {
    load_case("secutix/get_catalog_detailed", "season.json")
}

fn point_of_sale() -> FixtureCase {
    load_case("secutix/get_pos_config", "full.json")
}

fn failed(status: u16) -> FixtureCase {
    FixtureCase::new("failed", status, "{}")
}

fn setup_changed_at(time: &str) -> FixtureCase {
    FixtureCase::new("changed", 200, format!("{{\"statusCode\": \"success\", \"lastUpdate\": \"{time}\"}}"))
}

#[tokio::test]
async fn a_restarted_process_serves_the_kept_catalog_and_its_point_of_sale_while_the_vendor_fails() {
    let store = Arc::new(MemoryStore::default());
    let first = Process::start(Some(&store), "", vec![point_of_sale(), catalog()]).await;
    let events = first.read().await.expect("a catalog");
    let second = Process::start(Some(&store), "", vec![failed(503)]).await;
    assert_eq!(second.read().await.expect("the kept catalog"), events);
    let operation = VendorOperation::Hold;
    let pos = second.cache.point_of_sale(operation).await.expect("the kept point of sale");
    assert_eq!(pos.id, first.cache.point_of_sale(operation).await.expect("the point of sale").id);
    assert!(!second.calls().contains(&"getPOSConfig".to_owned()), "{:?}", second.calls());
}

#[tokio::test]
async fn the_point_of_sale_is_read_only_if_the_catalog_may_be_requested() {
    let store = Arc::new(MemoryStore::default());
    let first = Process::start(Some(&store), "", vec![point_of_sale(), catalog()]).await;
    let events = first.read().await.expect("a catalog");
    // The set-up has changed, but the next request of the catalog may be sent only ten minutes after the first.
    let second = Process::start(Some(&store), "", vec![setup_changed_at("2031-09-01T08:03:00Z")]).await;
    assert_eq!(second.read().await.expect("the kept catalog"), events);
    assert_eq!(second.calls(), ["getLastSetupUpdate"]);
}

#[tokio::test]
async fn a_point_of_sale_that_cannot_be_read_does_not_use_up_the_turn_of_the_catalog() {
    let store = Arc::new(MemoryStore::default());
    let process = Process::start(Some(&store), "", vec![failed(503), point_of_sale(), catalog()]).await;
    assert!(process.read().await.is_err());
    process.clock.advance(Duration::from_secs(1));
    assert!(process.read().await.expect("a catalog") > 0);
}

#[tokio::test]
async fn without_any_catalog_a_failing_vendor_is_asked_again_after_a_pause_that_doubles() {
    let process = Process::start(None, "", vec![failed(503)]).await;
    for (pause, calls) in [(0, 1), (1, 2), (1, 2), (1, 3), (3, 3), (1, 4), (600, 5), (29, 6), (0, 6)] {
        process.clock.advance(Duration::from_secs(pause));
        for _ in 0..3 {
            let error = process.read().await.expect_err("the vendor fails");
            assert_eq!(error.kind, ErrorKind::Unavailable);
        }
        assert_eq!(process.calls().len(), calls, "{pause}");
    }
    let error = process.read().await.expect_err("the vendor fails");
    assert!(error.retry_after.is_some_and(|rest| rest <= Duration::from_secs(30)), "{error:?}");
}

#[tokio::test]
async fn a_refused_poll_waits_for_its_turn_and_is_repeated_with_the_same_request_id() {
    for (facts, wait) in [("", 600), (POLLS_DO_NOT_COUNT, 1)] {
        let responses = vec![point_of_sale(), working(), failed(509), point_of_sale(), catalog()];
        let process = Process::start(None, facts, responses).await;
        assert_eq!(process.read().await.expect_err("a refused poll").kind, ErrorKind::RateLimited, "{facts}");
        process.clock.advance(Duration::from_secs(wait - 1));
        assert!(process.read().await.is_err(), "{facts}");
        process.clock.advance(Duration::from_secs(40));
        assert!(process.read().await.expect("the catalog") > 0, "{facts}");
        let catalogs: Vec<_> =
            process.server.requests().into_iter().filter(|call| call.contains("getCatalogDetailed")).collect();
        let has_id: Vec<bool> = catalogs.iter().map(|call| call.contains("17")).collect();
        assert_eq!(has_id, [false, true, true], "{facts}");
    }
}

fn working() -> FixtureCase {
    FixtureCase::new("working", 200, "{\"statusCode\": \"in_progress\", \"requestId\": 17}")
}

/// Claims the turn of the institution for a request that another replica sent, and that is in progress.
async fn claimed_by_another_replica() -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::default());
    let now = ManualClock::at(NOW).now();
    store.claim_request("secutix catalog institution", Duration::from_secs(600), now).await.expect("the ledger");
    store.save_pending_request("secutix catalog account", Some(17), now).await.expect("the ledger");
    store
}

#[tokio::test]
async fn a_poll_that_does_not_count_leaves_the_claim_of_the_request_whatever_fails() {
    for responses in [vec![failed(503)], vec![point_of_sale(), failed(503)]] {
        let store = claimed_by_another_replica().await;
        let claims = store.requested.lock().clone();
        let process = Process::start(Some(&store), POLLS_DO_NOT_COUNT, responses).await;
        assert_eq!(process.read().await.expect_err("the vendor fails").kind, ErrorKind::Unavailable);
        assert_eq!(*store.requested.lock(), claims, "{:?}", process.calls());
        assert_eq!(*store.pending.lock(), Some(17), "{:?}", process.calls());
    }
}

#[tokio::test]
async fn a_request_whose_poll_fails_is_gone_on_with_and_keeps_its_claim() {
    let store = Arc::new(MemoryStore::default());
    let responses = vec![point_of_sale(), working(), failed(503), point_of_sale(), catalog()];
    let process = Process::start(Some(&store), POLLS_DO_NOT_COUNT, responses).await;
    assert_eq!(process.read().await.expect_err("a failed poll").kind, ErrorKind::Unavailable);
    assert_eq!((store.requested.lock().len(), *store.pending.lock()), (1, Some(17)));
    process.clock.advance(Duration::from_secs(1));
    assert!(process.read().await.expect("the catalog") > 0);
    let requests = process.server.requests();
    let has_id: Vec<bool> =
        requests.iter().filter(|call| call.contains("getCatalogDetailed")).map(|call| call.contains("17")).collect();
    assert_eq!(has_id, [false, true, true]);
    assert_eq!(*store.pending.lock(), None);
}

#[tokio::test]
async fn a_turn_that_was_claimed_and_not_used_is_given_back() {
    let store = Arc::new(MemoryStore::default());
    *store.pending.lock() = Some(17);
    // With a poll that counts, the claim is its own.
    for responses in [vec![failed(503)], vec![point_of_sale(), failed(503)]] {
        let process = Process::start(Some(&store), "", responses).await;
        assert!(process.read().await.is_err());
        assert_eq!((store.requested.lock().len(), *store.pending.lock()), (0, Some(17)));
    }
}
