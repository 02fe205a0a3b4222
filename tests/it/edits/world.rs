//! Test environment of edits: two editable sources, a store, and the graph over them.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use async_trait::async_trait;
use catalog::UnifiedCatalog;
use domain::StoreError;
use domain::{CatalogScope as Shown, Clock, SourceId};
use edits::{EditId, EditIntent, EditOutcome, Edits, IdempotencyStore, PriorEdit};
use emulators::ticketing::ADMINISTRATOR_KEY;
use emulators::{Fault, Rule};
use serde_json::{Value, json};
use store_sql::{CredentialKey, open_stores};
use ticketgraph::graphql::{Ctx, Scope, Services, Viewer};
use tokio_util::task::TaskTracker;

use crate::contract::fixture::{ACME_RESELLER_KEYS, VendorFixture, acme_with, ticketing_with};
use crate::default_config::default_api_settings;
use crate::default_config::default_store_settings;
use crate::documents::run;

/// Configured location of new events.
const NEW_EVENTS: &str =
    r#"new_events = { venue = "17201150127783", category = "17201150055527", subcategory = "Gala" }"#;

/// A museum and a nightlife host.
pub(super) struct World {
    pub harbor: VendorFixture,
    pub quay: VendorFixture,
}

impl World {
    pub(super) async fn open() -> Self {
        let editor = format!("{ACME_RESELLER_KEYS}\neditor_key = \"harbor-venue-key\"");
        Self {
            harbor: acme_with("harbor-sandbox-key", &editor).await,
            quay: ticketing_with(ADMINISTRATOR_KEY, NEW_EVENTS).await,
        }
    }

    pub(super) fn benches(&self) -> [&VendorFixture; 2] {
        [&self.harbor, &self.quay]
    }

    /// Runs a document in its own process, over a shared store.
    pub(super) async fn run(&self, store: Arc<dyn IdempotencyStore>, document: &str, variables: Value) -> Value {
        let clock: Arc<dyn Clock> = Arc::clone(&self.quay.clock) as _;
        let sources = self.benches().map(|bench| Arc::new(bench.source.clone())).to_vec();
        let catalog = Arc::new(UnifiedCatalog::new(sources, Duration::from_secs(10), Arc::clone(&clock)));
        let edits = Some(Edits::new(store, clock, TaskTracker::new()));
        let services = Arc::new(Services {
            catalog,
            edits,
            orders: None,
            deliveries: None,
            resellers: None,
            changes: None,
            audit: None,
            webhooks: None,
        });
        let scopes = HashSet::from([Scope::EventWrite, Scope::CatalogRead, Scope::AdmissionWrite]);
        let viewer = Viewer { id: "editor".to_owned(), name: "An editor".to_owned(), reseller: None, scopes };
        let ctx = Ctx::new(&services, Arc::new(viewer), Arc::from("r-1"), default_api_settings().response_fields);
        serde_json::to_value(run(document, &variables, ctx).await).expect("JSON")
    }

    /// Counts the events with a title at each source.
    pub(super) async fn titled(&self, title: &str) -> [usize; 2] {
        let mut counts = [0; 2];
        for (count, bench) in counts.iter_mut().zip(self.benches()) {
            let events = bench.source.catalog.list_events(Shown::All).await.expect("events").value;
            *count = events.iter().filter(|event| event.title.main == title).count();
        }
        counts
    }
}

/// Counts the calls to a vendor that may have an effect.
pub(super) fn writes(bench: &VendorFixture) -> usize {
    bench.running.stage.log.all().iter().filter(|call| call.method != "GET").count()
}

/// Injects a fault into the next write to a path.
pub(super) fn fail_write(bench: &VendorFixture, method: &str, path: &str, fault: Fault) {
    bench.fail(vec![Rule { method: Some(method.to_owned()), ..Rule::for_path(path, fault).times(1) }]);
}

/// Opens an empty store in memory.
pub(super) async fn open_store() -> Arc<dyn IdempotencyStore> {
    open_stores("sqlite::memory:", &[CredentialKey::new([7; 32])], &default_store_settings())
        .await
        .expect("the store opens")
        .edits
}

/// Returns the global ID of a source.
pub(super) fn source_id(name: &str) -> String {
    ticketgraph::graphql::base::id::source_id(&SourceId::new(name)).to_string()
}

/// Returns one input for both sources.
pub(super) fn both(key: &str, title: &str) -> Value {
    json!({ "input": { "idempotencyKey": key, "sources": [source_id("harbor"), source_id("quay")], "title": title,
        "description": "An evening", "startsAt": "2031-06-01T20:00:00Z", "endsAt": "2031-06-01T23:00:00Z" } })
}

pub(super) const CREATE: &str = "mutation($input: CreateEventInput!) { result: createEvent(input: $input) { replayed
    results { source { name } event { id title status sections { id name capacity } } problems { code path retry } } } }";

/// Point at which a process crashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CrashPoint {
    /// Before its nth write reaches the store.
    Before(usize),
    /// After its nth write, before it receives the result.
    After(usize),
}

/// View of one process on the store. After the crash, nothing it does reaches the store.
pub(super) struct ProcessStore {
    inner: Arc<dyn IdempotencyStore>,
    crash: CrashPoint,
    writes: AtomicUsize,
    dead: AtomicBool,
}

impl ProcessStore {
    pub(super) fn new(inner: &Arc<dyn IdempotencyStore>, crash: CrashPoint) -> Arc<Self> {
        Arc::new(Self { inner: Arc::clone(inner), crash, writes: AtomicUsize::new(0), dead: AtomicBool::new(false) })
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(SeqCst)
    }

    async fn write<T>(&self, write: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        if self.is_dead() {
            return Err(StoreError::Outdated);
        }
        let count = self.writes.fetch_add(1, SeqCst) + 1;
        if self.crash == CrashPoint::Before(count) {
            self.dead.store(true, SeqCst);
            return Err(StoreError::Outdated);
        }
        let outcome = write.await;
        if self.crash == CrashPoint::After(count) {
            self.dead.store(true, SeqCst);
            return Err(StoreError::Outdated);
        }
        outcome
    }
}

#[async_trait]
impl IdempotencyStore for ProcessStore {
    async fn begin(&self, note: &EditIntent) -> Result<Option<PriorEdit>, StoreError> {
        self.write(self.inner.begin(note)).await
    }

    async fn finish(&self, id: &EditId, record: &EditOutcome) -> Result<(), StoreError> {
        self.write(self.inner.finish(id, record)).await
    }

    async fn remove(&self, id: &EditId) -> Result<(), StoreError> {
        self.write(self.inner.remove(id)).await
    }
}
