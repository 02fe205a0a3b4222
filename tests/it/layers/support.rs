//! Replicas for these tests: a source that counts its calls, with all layers and a real Redis.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::{
    Availability, AvailabilityStatus, Batch, Budget, CalendarDay, Catalog, Clock, Environment, ErrorKind, Event,
    EventKey, Facts, FreshnessMode, Observed, Operation, Performance, PerformanceKey, Scope, Source, SourceId,
    SystemClock, TicketType, VendorError, VendorKind, Window,
};
use jiff::civil::Date;
use source_stack::{Cache, CacheStore, Parts, Policy, Pulse, stack};
use store_redis::{Redis, RedisCache};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::redis_server::RedisServer;

/// The longest that a call waits for Redis here: longer than in production, since the machine may be busy.
pub const BOUND: Duration = Duration::from_millis(200);

/// Waits until something is so; a test that waits in vain fails.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        let mut pace = tokio::time::interval(Duration::from_millis(5));
        while !is_so().await {
            pace.tick().await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), waiting).await.is_ok(), "waited in vain until {what}");
}

/// What is free, told with a number that goes up; nothing else is sold here.
pub struct Venue {
    calls: AtomicUsize,
    vacancies: AtomicUsize,
}

impl Venue {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { calls: AtomicUsize::new(0), vacancies: AtomicUsize::new(100) })
    }

    pub fn calls(&self) -> usize {
        self.calls.load(SeqCst)
    }

    pub fn sell(&self) {
        self.vacancies.fetch_sub(1, SeqCst);
    }
}

fn absent(operation: Operation) -> VendorError {
    VendorError::new(&SourceId::new("opera"), operation, ErrorKind::NotFound)
}

#[async_trait]
impl Catalog for Venue {
    async fn list_events(&self, _scope: Scope) -> Result<Observed<Arc<Vec<Arc<Event>>>>, VendorError> {
        Err(absent(Operation::ListEvents))
    }

    async fn load_events(&self, keys: &[EventKey]) -> Batch<EventKey, Observed<Arc<Event>>> {
        absent(Operation::LoadEvents).for_all(keys)
    }

    async fn load_ticket_types(&self, events: &[EventKey]) -> Batch<EventKey, Observed<Arc<Vec<TicketType>>>> {
        absent(Operation::LoadTicketTypes).for_all(events)
    }

    async fn list_performances(
        &self,
        events: &[EventKey],
        _window: &Window,
    ) -> Batch<EventKey, Observed<Arc<Vec<Arc<Performance>>>>> {
        absent(Operation::ListPerformances).for_all(events)
    }

    async fn load_performances(&self, keys: &[PerformanceKey]) -> Batch<PerformanceKey, Observed<Arc<Performance>>> {
        absent(Operation::LoadPerformances).for_all(keys)
    }

    async fn load_availability(
        &self,
        performances: &[Observed<Arc<Performance>>],
        _max_age: Duration,
    ) -> Batch<PerformanceKey, Observed<Arc<Availability>>> {
        self.calls.fetch_add(1, SeqCst);
        tokio::task::yield_now().await;
        let free = Arc::new(Availability {
            status: AvailabilityStatus::Available,
            vacancies: u32::try_from(self.vacancies.load(SeqCst)).ok(),
            capacity: None,
            max_per_order: None,
            offers: Vec::new(),
        });
        let now = SystemClock.now();
        performances.iter().map(|item| (item.value.key.clone(), Ok(Observed::live(Arc::clone(&free), now)))).collect()
    }

    async fn load_calendar(
        &self,
        events: &[EventKey],
        _from: Date,
        _to: Date,
    ) -> Batch<EventKey, Arc<Vec<CalendarDay>>> {
        absent(Operation::LoadCalendar).for_all(events)
    }
}

/// No budget at all.
struct NoBudget;

#[async_trait]
impl Budget for NoBudget {
    async fn take(&self, _serves_an_order: bool) -> Result<(), Duration> {
        Ok(())
    }

    fn pause(&self, _wait: Duration) {}

    fn remaining(&self) -> Option<u32> {
        None
    }
}

/// One replica, with its own connection to Redis.
pub struct Replica {
    pub redis: Arc<Redis>,
    pub cache: Arc<Cache>,
    pub heard: Arc<Mutex<Vec<String>>>,
    catalog: Arc<dyn Catalog>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Replica {
    pub fn new(venue: &Arc<Venue>, address: &secrecy::SecretString) -> Self {
        let tasks = TaskTracker::new();
        let (stop, clock) = (CancellationToken::new(), Arc::new(SystemClock));
        let redis = Arc::new(Redis::new(address, BOUND).expect("an address"));
        let shared = RedisCache::new(Arc::clone(&redis));
        let cache = Cache::new(1 << 20, Some(Arc::clone(&shared) as Arc<dyn CacheStore>), clock.clone(), tasks.clone());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hear = {
            let (cache, heard) = (Arc::clone(&cache), Arc::clone(&heard));
            move |what| {
                heard.lock().expect("words").push(format!("{what:?}"));
                cache.hear(what);
            }
        };
        tasks.spawn(shared.listen(stop.clone(), hear));
        let id = SourceId::new("opera");
        let pulse = Arc::new(Pulse::new(id.clone(), clock, Arc::new(NoBudget)));
        let source = Source {
            id,
            vendor: VendorKind::Secutix,
            institution: "Opera".to_owned(),
            environment: Environment::Sandbox,
            time_zone: jiff::tz::TimeZone::UTC,
            currency: None,
            facts: facts(),
            health: pulse.clone(),
            catalog: Arc::clone(venue) as Arc<dyn Catalog>,
            ordering: None,
            hold_extension: None,
            refunds: None,
            admissions: None,
            accounts: None,
            authoring: None,
            sectioning: None,
            back_office: None,
        };
        let parts = Parts { policy: Policy::default(), pulse, cache: Arc::clone(&cache), realm: "r1".to_owned() };
        let catalog = stack(source, parts).catalog;
        Self { redis, cache, heard, catalog, tasks, stop }
    }

    /// Starts a replica and waits until it hears the others.
    pub async fn listening(venue: &Arc<Venue>, server: &RedisServer) -> Self {
        let replica = Self::new(venue, &server.address());
        until("the replica listens", async || !replica.heard().is_empty()).await;
        replica
    }

    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("words").clone()
    }

    /// How many are left of a performance, and how that came to be known.
    pub async fn free(&self, key: &str) -> Result<(u32, FreshnessMode), VendorError> {
        let performance = Performance {
            key: PerformanceKey::new(key),
            event: EventKey::new("e1"),
            refs: Vec::new(),
            starts_at: None,
            ends_at: None,
            date: None,
            cutoff_at: None,
            listed_availability: None,
        };
        let asked = [Observed::live(Arc::new(performance), SystemClock.now())];
        let mut answers = self.catalog.load_availability(&asked, Duration::from_secs(60)).await;
        let free = answers.remove(&PerformanceKey::new(key)).expect("an answer")?;
        Ok((free.value.vacancies.expect("a number"), free.freshness.mode))
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.stop.cancel();
        self.tasks.close();
    }
}

/// The numbers of a source that takes a hundred keys at once.
pub fn facts() -> Facts {
    Facts {
        max_batch: 100,
        hold_ttl: Duration::from_secs(600),
        slow_confirm: Duration::ZERO,
        honours_idempotency_keys: false,
        finds_by_our_reference: true,
        cancels_in_part: true,
        undo_is_proven: true,
        settles_on_account: true,
        commits_at_hold: false,
        barcode_at_confirm: true,
        holds_seats: false,
        delivers_to_app: false,
        confirm_rank: 0,
        horizon_days: 30,
    }
}
