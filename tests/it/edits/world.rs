//! Two sources whose events can be edited, a journal, and the graph over them.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use async_graphql::{Request, Variables};
use async_trait::async_trait;
use catalog::Federation;
use domain::{Clock, Scope as Shown, SourceId};
use edits::{EditId, Edits, Journal, Known, Note, Record};
use emulators::ticketing::ADMINISTRATOR_KEY;
use emulators::{Fault, Rule};
use orders::LedgerError;
use serde_json::{Value, json};
use store_sql::{CredentialKey, open};
use ticketgraph::graphql::{Ctx, Limits, Scope, Services, Viewer, build, execute};
use tokio_util::task::TaskTracker;

use crate::contract::bench::{ACME_IDS, Bench, acme_with, ticketing_with};

/// Where new nights take place.
const NEW_EVENTS: &str =
    r#"new_events = { venue = "17201150127783", category = "17201150055527", subcategory = "Gala" }"#;

/// A museum and a host of nights.
pub struct World {
    pub harbor: Bench,
    pub quay: Bench,
}

impl World {
    pub async fn open() -> Self {
        let editor = format!("{ACME_IDS}\neditor_key = \"harbor-venue-key\"");
        Self {
            harbor: acme_with("harbor-sandbox-key", &editor).await,
            quay: ticketing_with(ADMINISTRATOR_KEY, NEW_EVENTS).await,
        }
    }

    pub fn benches(&self) -> [&Bench; 2] {
        [&self.harbor, &self.quay]
    }

    /// Runs a document in a process of its own, over a journal that others share.
    pub async fn run(&self, journal: Arc<dyn Journal>, document: &str, variables: Value) -> Value {
        let clock: Arc<dyn Clock> = Arc::clone(&self.quay.clock) as _;
        let sources = self.benches().map(|bench| Arc::new(bench.source.clone())).to_vec();
        let federation = Arc::new(Federation::new(sources, Duration::from_secs(10), Arc::clone(&clock)));
        let edits = Some(Edits::new(journal, clock, TaskTracker::new()));
        let services = Arc::new(Services { federation, edits, orders: None, deliveries: None, partners: None });
        let scopes = HashSet::from([Scope::EventWrite, Scope::CatalogRead, Scope::AdmissionWrite]);
        let viewer = Viewer { id: "editor".to_owned(), name: "An editor".to_owned(), reseller: None, scopes };
        let ctx = Ctx::new(&services, Arc::new(viewer), Arc::from("r-1"));
        let request = Request::new(document).variables(Variables::from_json(variables));
        let answer = execute(&build(&Limits::default()), request, Arc::new(ctx)).await;
        serde_json::to_value(&answer).expect("JSON")
    }

    /// How many events of a title each source has.
    pub async fn titled(&self, title: &str) -> [usize; 2] {
        let mut counts = [0; 2];
        for (count, bench) in counts.iter_mut().zip(self.benches()) {
            let events = bench.source.catalog.list_events(Shown::Everything).await.expect("events").value;
            *count = events.iter().filter(|event| event.title.main == title).count();
        }
        counts
    }
}

/// Calls of a vendor that may change something.
pub fn writes(bench: &Bench) -> usize {
    bench.running.stage.log.all().iter().filter(|call| call.method != "GET").count()
}

/// The next write to a path ends like this, once.
pub fn fail_write(bench: &Bench, method: &str, path: &str, fault: Fault) {
    bench.fail(vec![Rule { method: Some(method.to_owned()), ..Rule::on(path, fault).times(1) }]);
}

/// A journal of its own, in memory.
pub async fn journal() -> Arc<dyn Journal> {
    open("sqlite::memory:", &[CredentialKey::new([7; 32])], 4).await.expect("the ledger opens").edits
}

/// The global id of a source.
pub fn source_id(name: &str) -> String {
    ticketgraph::graphql::id::source_id(&SourceId::new(name)).to_string()
}

/// One input for both sources.
pub fn both(key: &str, title: &str) -> Value {
    json!({ "input": { "idempotencyKey": key, "sources": [source_id("harbor"), source_id("quay")], "title": title,
        "description": "An evening", "startsAt": "2031-06-01T20:00:00Z", "endsAt": "2031-06-01T23:00:00Z" } })
}

pub const CREATE: &str = "mutation($input: CreateEventInput!) { told: createEvent(input: $input) { replayed
    results { source { name } event { id title status sections { id name capacity } } problems { code path retry } } } }";

/// When a process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// Before its nth write reaches the journal.
    Before(usize),
    /// After its nth write, before it hears of it.
    After(usize),
}

/// The journal as one process sees it. Once the process is dead, nothing of it reaches the journal any more.
pub struct ProcessJournal {
    inner: Arc<dyn Journal>,
    death: Death,
    writes: AtomicUsize,
    dead: AtomicBool,
}

impl ProcessJournal {
    pub fn new(inner: &Arc<dyn Journal>, death: Death) -> Arc<Self> {
        Arc::new(Self { inner: Arc::clone(inner), death, writes: AtomicUsize::new(0), dead: AtomicBool::new(false) })
    }

    pub fn is_dead(&self) -> bool {
        self.dead.load(SeqCst)
    }

    async fn write<T>(&self, write: impl Future<Output = Result<T, LedgerError>>) -> Result<T, LedgerError> {
        if self.is_dead() {
            return Err(LedgerError::Outdated);
        }
        let count = self.writes.fetch_add(1, SeqCst) + 1;
        if self.death == Death::Before(count) {
            self.dead.store(true, SeqCst);
            return Err(LedgerError::Outdated);
        }
        let outcome = write.await;
        if self.death == Death::After(count) {
            self.dead.store(true, SeqCst);
            return Err(LedgerError::Outdated);
        }
        outcome
    }
}

#[async_trait]
impl Journal for ProcessJournal {
    async fn begin(&self, note: &Note) -> Result<Option<Known>, LedgerError> {
        self.write(self.inner.begin(note)).await
    }

    async fn finish(&self, id: &EditId, record: &Record) -> Result<(), LedgerError> {
        self.write(self.inner.finish(id, record)).await
    }

    async fn forget(&self, id: &EditId) -> Result<(), LedgerError> {
        self.write(self.inner.forget(id)).await
    }
}
