//! A world for answers that are told again: two theatres whose facts change, a clock that can be moved, all layers, an engine.

use std::collections::HashSet;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use catalog::Federation;
use domain::{
    Audience, Availability, AvailabilityStatus, Batch, BookingMode, CalendarDay, Catalog, Clock, Environment,
    ErrorKind, Event, EventKey, EventStatus, Freshness, Money, Observed, Operation, Performance, PerformanceKey, Price,
    Scope, Source, SourceId, Text, TicketType, TicketTypeKey, VendorError, VendorKind, Window,
};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use serde_json::Value;
use source_stack::{Cache, Invalidation, Lifetime, LocalBudget, Parts, Policy, Pulse, stack};
use ticketgraph::gateway::answers::Answers;
use ticketgraph::gateway::engine::{ALL, Ask, Engine, Memory, Outcome};
use ticketgraph::gateway::params::Params;
use ticketgraph::gateway::persisted::{Persisted, Safelist};
use ticketgraph::gateway::precheck::Limits;
use ticketgraph::graphql::api::Api;
use ticketgraph::graphql::promise::{Truth, Used};
use ticketgraph::graphql::writer::to_json;
use ticketgraph::graphql::{Limits as SchemaLimits, Scope as May, Services, Viewer};
use tokio_util::task::TaskTracker;

use super::support::facts;

/// A clock that is moved by hand.
pub struct Hand(AtomicI64);

impl Hand {
    /// Moves it.
    pub fn advance(&self, millis: i64) {
        self.0.fetch_add(millis, SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(SeqCst)).expect("an instant")
    }
}

/// A theatre: what it tells depends on how often it changed its mind and how many it sold.
pub struct Theatre {
    id: SourceId,
    clock: Arc<Hand>,
    edition: AtomicU32,
    left: AtomicU32,
    calls: AtomicUsize,
    fails: Mutex<bool>,
}

impl Theatre {
    pub fn calls(&self) -> usize {
        self.calls.load(SeqCst)
    }

    async fn called(&self, operation: Operation) -> Result<(), VendorError> {
        self.calls.fetch_add(1, SeqCst);
        tokio::task::yield_now().await;
        let fails = *self.fails.lock().expect("a mood");
        if fails { Err(VendorError::new(&self.id, operation, ErrorKind::Unavailable)) } else { Ok(()) }
    }

    fn live<T>(&self, value: T) -> Observed<T> {
        Observed::live(value, self.clock.now())
    }

    fn event(&self, key: &EventKey) -> Arc<Event> {
        let starts_at = Some(Timestamp::UNIX_EPOCH + (24 * 365 * 60).hours());
        Arc::new(Event {
            key: key.clone(),
            refs: Vec::new(),
            title: Text::plain(format!("{key}, edition {}", self.edition.load(SeqCst))),
            summary: None,
            description: None,
            image: None,
            venue: None,
            categories: Vec::new(),
            time_zone: "Etc/UTC".to_owned(),
            booking_mode: BookingMode::Timed,
            status: EventStatus::OnSale,
            is_private: false,
            starts_at,
            ends_at: None,
            duration_minutes: None,
            capacity: None,
            sold_quantity: None,
            price_from: None,
            sections: Vec::new(),
            listed_ticket_types: None,
            listed_performances: None,
        })
    }

    fn performance(&self, event: &EventKey, number: usize) -> Arc<Performance> {
        Arc::new(Performance {
            key: PerformanceKey::new(format!("{event}/p{number}")),
            event: event.clone(),
            refs: Vec::new(),
            starts_at: Some(self.clock.now() + (i64::try_from(number).expect("small") + 1).hours()),
            ends_at: None,
            date: None,
            cutoff_at: None,
            listed_availability: None,
        })
    }

    async fn each<K: Clone + Eq + std::hash::Hash, V>(
        &self,
        operation: Operation,
        keys: &[K],
        tell: impl Fn(&K) -> V,
    ) -> Batch<K, V> {
        match self.called(operation).await {
            Ok(()) => keys.iter().map(|key| (key.clone(), Ok(tell(key)))).collect(),
            Err(failure) => failure.for_all(keys),
        }
    }
}

#[async_trait]
impl Catalog for Theatre {
    async fn list_events(&self, _scope: Scope) -> Result<Observed<Arc<Vec<Arc<Event>>>>, VendorError> {
        self.called(Operation::ListEvents).await?;
        let events = (0..3).map(|number| self.event(&EventKey::new(format!("e{number}"))));
        Ok(self.live(Arc::new(events.collect())))
    }

    async fn load_events(&self, keys: &[EventKey]) -> Batch<EventKey, Observed<Arc<Event>>> {
        self.each(Operation::LoadEvents, keys, |key| self.live(self.event(key))).await
    }

    async fn load_ticket_types(&self, events: &[EventKey]) -> Batch<EventKey, Observed<Arc<Vec<TicketType>>>> {
        let adult = |event: &EventKey| TicketType {
            key: TicketTypeKey::new("adult"),
            event: event.clone(),
            refs: Vec::new(),
            name: Text::plain("Adult"),
            description: None,
            audience: Audience::Adult,
            min_age: None,
            max_age: None,
            admits: 1,
            section: None,
            price: Some(Price::plain(Money::new(
                i64::from(self.edition.load(SeqCst)) * 100,
                "EUR".parse().expect("a currency"),
            ))),
            min_per_order: None,
            max_per_order: None,
        };
        self.each(Operation::LoadTicketTypes, events, |event| self.live(Arc::new(vec![adult(event)]))).await
    }

    async fn list_performances(
        &self,
        events: &[EventKey],
        window: &Window,
    ) -> Batch<EventKey, Observed<Arc<Vec<Arc<Performance>>>>> {
        let rows = |event: &EventKey| (0..2.min(window.limit)).map(|number| self.performance(event, number)).collect();
        self.each(Operation::ListPerformances, events, |event| self.live(Arc::new(rows(event)))).await
    }

    async fn load_performances(&self, keys: &[PerformanceKey]) -> Batch<PerformanceKey, Observed<Arc<Performance>>> {
        self.each(Operation::LoadPerformances, keys, |_| self.live(self.performance(&EventKey::new("e0"), 0))).await
    }

    async fn load_availability(
        &self,
        performances: &[Observed<Arc<Performance>>],
        _max_age: Duration,
    ) -> Batch<PerformanceKey, Observed<Arc<Availability>>> {
        let keys: Vec<_> = performances.iter().map(|row| row.value.key.clone()).collect();
        let free = Arc::new(Availability {
            status: AvailabilityStatus::Available,
            vacancies: Some(self.left.load(SeqCst)),
            capacity: None,
            max_per_order: None,
            offers: Vec::new(),
        });
        self.each(Operation::LoadAvailability, &keys, |_| self.live(Arc::clone(&free))).await
    }

    async fn load_calendar(
        &self,
        events: &[EventKey],
        from: Date,
        _to: Date,
    ) -> Batch<EventKey, Arc<Vec<CalendarDay>>> {
        let day = || CalendarDay {
            date: from,
            status: AvailabilityStatus::Available,
            price_from: None,
            performance_count: self.edition.load(SeqCst),
            freshness: Freshness::live(self.clock.now()),
        };
        self.each(Operation::LoadCalendar, events, |_| Arc::new(vec![day()])).await
    }
}

/// What the memory of facts knows of what became untrue.
struct Known(Arc<Cache>);

impl Truth for Known {
    fn moment(&self) -> u64 {
        self.0.moment()
    }

    fn is_untrue(&self, used: &Used, since: u64) -> bool {
        self.0.is_untrue(&used.sources, &used.performances, since)
    }
}

/// Two theatres behind all layers, and an engine over them.
pub struct World {
    pub engine: Engine,
    pub theatres: Vec<Arc<Theatre>>,
    pub clock: Arc<Hand>,
    pub cache: Arc<Cache>,
}

impl World {
    /// With whole answers remembered, or not. Lifetimes are exact, so that two worlds go the same way.
    pub fn new(remembers: bool) -> Self {
        let clock = Arc::new(Hand(AtomicI64::new(1_800_000_000_000)));
        let tasks = TaskTracker::new();
        let cache = Cache::new(1 << 24, None, clock.clone(), tasks.clone());
        let theatres: Vec<Arc<Theatre>> = ["north", "south"].into_iter().map(|id| theatre(id, &clock)).collect();
        let sources = theatres.iter().map(|theatre| Arc::new(layered(theatre, &cache))).collect();
        let federation = Arc::new(Federation::new(sources, Duration::from_secs(5), clock.clone()));
        let services = Services { federation, edits: None, orders: None, partners: None, deliveries: None };
        let api =
            Api::new(&SchemaLimits::default(), Arc::new(services)).with_truth(Arc::new(Known(Arc::clone(&cache))));
        let persisted = Persisted::new(true, None, Safelist::default());
        let mut engine = Engine::new(api, Limits::default(), persisted).expect("a schema");
        if remembers {
            let answers = Answers::new(1 << 22, Duration::from_secs(30), tasks.clone());
            engine = engine.remembering(Memory { documents: 100, answers });
        }
        Self { engine, theatres, clock, cache }
    }

    pub fn advance(&self, millis: i64) {
        self.clock.advance(millis);
    }

    /// A theatre edits its events, and we hear of it.
    pub fn edit(&self, place: usize) {
        let theatre = &self.theatres[place];
        theatre.edition.fetch_add(1, SeqCst);
        self.cache.forget(Invalidation::Event(theatre.id.clone(), EventKey::new("e1")));
    }

    /// A theatre edits its events, and nobody tells us.
    pub fn edit_in_silence(&self, place: usize) {
        self.theatres[place].edition.fetch_add(1, SeqCst);
    }

    /// We sell a ticket for one performance.
    pub fn sell(&self, place: usize) {
        let theatre = &self.theatres[place];
        theatre.left.fetch_sub(1, SeqCst);
        let sold = vec![PerformanceKey::new("e0/p0")];
        self.cache.forget(Invalidation::Performances(theatre.id.clone(), sold));
    }

    /// A theatre stops answering, or answers again.
    pub fn set_failing(&self, place: usize, fails: bool) {
        *self.theatres[place].fails.lock().expect("a mood") = fails;
    }

    /// The body that a caller gets, and whether it came as bytes.
    pub async fn ask(&self, query: &str, variables: Value, scopes: &[May]) -> (String, bool) {
        let Value::Object(variables) = variables else { panic!("variables are an object") };
        let params = Params { query: Some(query.to_owned()), variables, ..Params::default() };
        let scopes: HashSet<May> = scopes.iter().copied().collect();
        let viewer = Viewer { id: "v".to_owned(), name: "V".to_owned(), reseller: None, scopes };
        let ask = Ask { params, body: None, viewer: Arc::new(viewer), request_id: "r-1".to_owned(), kinds: ALL };
        match self.engine.run(ask).await {
            Outcome::Ready(ready) => (String::from_utf8(ready.body.to_vec()).expect("text"), true),
            Outcome::Answer(answer) => (String::from_utf8(to_json(&answer)).expect("text"), false),
            Outcome::Refused(refusal) => (refusal.to_body("r-1"), false),
            Outcome::Stream(_) => panic!("a query is no stream"),
        }
    }

    /// What all theatres were asked.
    pub fn calls(&self) -> usize {
        self.theatres.iter().map(|theatre| theatre.calls()).sum()
    }
}

fn theatre(id: &str, clock: &Arc<Hand>) -> Arc<Theatre> {
    Arc::new(Theatre {
        id: SourceId::new(id),
        clock: Arc::clone(clock),
        edition: AtomicU32::new(1),
        left: AtomicU32::new(1000),
        calls: AtomicUsize::new(0),
        fails: Mutex::new(false),
    })
}

fn layered(theatre: &Arc<Theatre>, cache: &Arc<Cache>) -> Source {
    let id = theatre.id.clone();
    let budget = Arc::new(LocalBudget::unlimited());
    let pulse = Arc::new(Pulse::new(id.clone(), theatre.clock.clone(), budget));
    let source = Source {
        id,
        vendor: VendorKind::Acme,
        institution: "Theatre".to_owned(),
        environment: Environment::Sandbox,
        time_zone: jiff::tz::TimeZone::UTC,
        currency: None,
        facts: facts(),
        health: pulse.clone(),
        catalog: Arc::clone(theatre) as Arc<dyn Catalog>,
        ordering: None,
        hold_extension: None,
        refunds: None,
        admissions: None,
        accounts: None,
        authoring: None,
        sectioning: None,
        back_office: None,
    };
    let mut policy = Policy::default();
    let exact = |seconds| Lifetime {
        fresh: Duration::from_secs(seconds),
        lenient: Duration::from_secs(seconds),
        stale: Duration::from_secs(3600),
    };
    policy.lifetimes.lists = exact(60);
    policy.lifetimes.facts = exact(45);
    policy.lifetimes.jitter_percent = 0;
    policy.retries.max_attempts = 1;
    // A failing theatre is asked each time: a breaker would go by the clock of the machine.
    policy.breaker.min_calls = 1_000_000;
    stack(source, Parts { policy, pulse, cache: Arc::clone(cache), realm: "r".to_owned() })
}
