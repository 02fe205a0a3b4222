//! What the layers promise together: the stack around a catalogue that fails by script, with a paused clock.

mod caching;
mod coalescing;
mod cutting;
mod sharing;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::TaskTracker;

use crate::fake::{FakeCatalog, FakeTill, NoBudget, RuntimeClock, facts, performance, source_id};
use crate::{Cache, CacheStore, Parts, Policy, Pulse, stack};
use domain::{
    Availability, Catalog, Environment, Event, EventKey, Observed, Performance, PerformanceKey, Source, VendorError,
    VendorKind,
};

/// One replica: a source with all its layers.
struct Replica {
    source: Source,
    cache: Arc<Cache>,
    tasks: TaskTracker,
}

/// What a replica is made of.
struct Set {
    vendor: Arc<FakeCatalog>,
    till: Option<FakeTill>,
    store: Option<Arc<dyn CacheStore>>,
    policy: Policy,
    max_bytes: u64,
    max_batch: usize,
    clock: Arc<RuntimeClock>,
}

impl Set {
    /// Around a vendor, with lifetimes that end when they should, to the second.
    fn around(vendor: &Arc<FakeCatalog>, clock: &Arc<RuntimeClock>) -> Self {
        let mut policy = Policy::default();
        policy.lifetimes.jitter_percent = 0;
        Self {
            vendor: Arc::clone(vendor),
            till: None,
            store: None,
            policy,
            max_bytes: 1 << 20,
            max_batch: 100,
            clock: Arc::clone(clock),
        }
    }

    fn stacked(self) -> Replica {
        let pulse = Arc::new(Pulse::new(source_id(), self.clock.clone(), Arc::new(NoBudget)));
        let tasks = TaskTracker::new();
        let cache = Cache::new(self.max_bytes, self.store, self.clock.clone(), tasks.clone());
        let mut facts = facts();
        facts.max_batch = self.max_batch;
        let connected = Source {
            id: source_id(),
            vendor: VendorKind::Secutix,
            institution: "Opera".to_owned(),
            environment: Environment::Sandbox,
            time_zone: jiff::tz::TimeZone::UTC,
            currency: None,
            facts,
            health: pulse.clone(),
            catalog: self.vendor,
            ordering: self.till.map(|till| Arc::new(till) as _),
            hold_extension: None,
            refunds: None,
            admissions: None,
            accounts: None,
            authoring: None,
            sectioning: None,
            back_office: None,
        };
        let parts = Parts { policy: self.policy, pulse, cache: Arc::clone(&cache), realm: "r1".to_owned() };
        Replica { source: stack(connected, parts), cache, tasks }
    }
}

/// A vendor and one replica in front of it.
fn alone() -> (Arc<FakeCatalog>, Replica) {
    let clock = RuntimeClock::new();
    let vendor = FakeCatalog::new(clock.clone());
    let replica = Set::around(&vendor, &clock).stacked();
    (vendor, replica)
}

impl Replica {
    fn catalog(&self) -> &Arc<dyn Catalog> {
        &self.source.catalog
    }

    async fn event(&self, key: &str) -> Result<Observed<Arc<Event>>, VendorError> {
        self.catalog().load_events(&[EventKey::new(key)]).await.remove(&EventKey::new(key)).expect("an answer")
    }

    async fn free(&self, key: &str, max_age: u64) -> Result<Observed<Arc<Availability>>, VendorError> {
        let dated = Observed::live(Arc::new(performance(key, None)), RuntimeClock::start());
        self.free_at(dated, max_age).await
    }

    async fn free_at(
        &self,
        dated: Observed<Arc<Performance>>,
        max_age: u64,
    ) -> Result<Observed<Arc<Availability>>, VendorError> {
        let key = dated.value.key.clone();
        let mut answers = self.catalog().load_availability(&[dated], Duration::from_secs(max_age)).await;
        answers.remove(&key).expect("an answer")
    }

    /// Waits for everything that goes on in the background.
    async fn settle(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        self.tasks.reopen();
    }
}

fn keys(names: &[&str]) -> Vec<EventKey> {
    names.iter().map(|name| EventKey::new(*name)).collect()
}

fn performances(names: &[&str]) -> Vec<PerformanceKey> {
    names.iter().map(|name| PerformanceKey::new(*name)).collect()
}
