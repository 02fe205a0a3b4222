//! Ports for tests that fail on demand, and a clock that moves with the paused time of the runtime.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use domain::ids::StepKey;
use domain::ordering::{
    Confirmed, Contact, DeliveryPreference, Found, Held, IssuedTicket, LegLine, LegRequest, Ordering,
    SettlementRefusal, VendorSale,
};
use domain::{
    Availability, AvailabilityStatus, Batch, BookingMode, Budget, CalendarDay, Catalog, Clock, Effect, ErrorKind,
    Event, EventKey, EventStatus, ExternalRef, Facts, Freshness, LegShape, Money, Observed, Operation, Performance,
    PerformanceKey, Price, Scope, SourceId, Text, TicketType, TicketTypeKey, VendorError, Window,
};

use crate::cache::{Cache, CacheStore, Heard, Invalidation};

/// A clock that starts at a fixed moment and goes with the time of the runtime, paused or not.
pub(crate) struct RuntimeClock(Instant);

impl RuntimeClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Instant::now()))
    }

    pub(crate) fn start() -> Timestamp {
        "2027-03-14T09:00:00Z".parse().expect("a timestamp")
    }
}

impl Clock for RuntimeClock {
    fn now(&self) -> Timestamp {
        Self::start() + SignedDuration::try_from(self.0.elapsed()).expect("a short test")
    }
}

/// No budget at all.
pub(crate) struct NoBudget;

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

pub(crate) fn source_id() -> SourceId {
    SourceId::new("opera")
}

pub(crate) fn facts() -> Facts {
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

/// What becomes of one key of a question.
#[derive(Clone)]
pub(crate) enum Fate {
    Answer,
    Fail(ErrorKind),
    /// Throttled for a while.
    Throttle(Duration),
    /// Never answers.
    Hang,
    /// Panics.
    Panic,
}

type Script = Box<dyn Fn(usize, &[String], &str) -> Fate + Send + Sync>;

/// A catalogue that answers about everything, counts what it was asked, and fails by script.
pub(crate) struct FakeCatalog {
    clock: Arc<dyn Clock>,
    calls: Mutex<Vec<(Operation, Vec<String>)>>,
    script: Mutex<Script>,
    /// Calls wait for a permit here before they answer.
    gate: Semaphore,
    version: AtomicUsize,
}

impl FakeCatalog {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            clock,
            calls: Mutex::default(),
            script: Mutex::new(Box::new(|_, _, _| Fate::Answer)),
            gate: Semaphore::new(Semaphore::MAX_PERMITS / 2),
            version: AtomicUsize::new(1),
        })
    }

    /// Decides by the number of the call, from 0, and by the key.
    pub(crate) fn script(&self, script: impl Fn(usize, &str) -> Fate + Send + Sync + 'static) {
        *self.script.lock().expect("a script") = Box::new(move |call, _, key| script(call, key));
    }

    /// Decides by all keys of the call, and by the key.
    pub(crate) fn script_batches(&self, script: impl Fn(&[String], &str) -> Fate + Send + Sync + 'static) {
        *self.script.lock().expect("a script") = Box::new(move |_, keys, key| script(keys, key));
    }

    /// Lets no call end until the gate is given permits.
    pub(crate) fn shut_gate(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(crate) fn open_gate(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    /// Changes what is told from now on: titles and prices carry the version.
    pub(crate) fn change(&self) {
        self.version.fetch_add(1, SeqCst);
    }

    /// The keys of each call so far.
    pub(crate) fn calls(&self) -> Vec<Vec<String>> {
        self.calls.lock().expect("calls").iter().map(|(_, keys)| keys.clone()).collect()
    }

    async fn answer<K, V>(
        &self,
        operation: Operation,
        keys: &[K],
        name: impl Fn(&K) -> String,
        tell: impl Fn(&K) -> V,
    ) -> Batch<K, V>
    where
        K: Clone + Eq + std::hash::Hash,
    {
        let names: Vec<String> = keys.iter().map(name).collect();
        let number = {
            let mut calls = self.calls.lock().expect("calls");
            calls.push((operation, names.clone()));
            calls.len() - 1
        };
        tokio::task::yield_now().await;
        self.gate.acquire().await.expect("a gate").forget();
        let mut answers = HashMap::new();
        for (key, name) in keys.iter().zip(&names) {
            let fate = (self.script.lock().expect("a script"))(number, &names, name);
            let error = |kind| VendorError::new(&source_id(), operation, kind);
            let answer = match fate {
                Fate::Answer => Ok(tell(key)),
                Fate::Fail(kind) => Err(error(kind)),
                Fate::Throttle(wait) => Err(error(ErrorKind::RateLimited).with_retry_after(Some(wait))),
                Fate::Hang => std::future::pending().await,
                Fate::Panic => panic!("the vendor folder has a mistake"),
            };
            answers.insert(key.clone(), answer);
        }
        answers
    }

    fn observed<T>(&self, value: T) -> Observed<Arc<T>> {
        Observed::live(Arc::new(value), self.clock.now())
    }

    fn version(&self) -> i64 {
        i64::try_from(self.version.load(SeqCst)).expect("a small number")
    }

    fn event(&self, key: &EventKey) -> Event {
        Event { title: Text::plain(format!("{key} v{}", self.version())), ..event(key.as_str()) }
    }
}

pub(crate) fn price(minor: i64) -> Price {
    Price::plain(Money::new(minor, "EUR".parse().expect("a currency")))
}

pub(crate) fn event(key: &str) -> Event {
    Event {
        key: EventKey::new(key),
        refs: Vec::new(),
        title: Text::plain(key),
        summary: None,
        description: None,
        image: None,
        venue: None,
        categories: Vec::new(),
        time_zone: "Europe/Zurich".to_owned(),
        booking_mode: BookingMode::Timed,
        status: EventStatus::OnSale,
        is_private: false,
        starts_at: None,
        ends_at: None,
        duration_minutes: None,
        capacity: None,
        sold_quantity: None,
        price_from: Some(price(1000).retail),
        sections: Vec::new(),
        listed_ticket_types: None,
        listed_performances: None,
    }
}

pub(crate) fn performance(key: &str, starts_at: Option<Timestamp>) -> Performance {
    Performance {
        key: PerformanceKey::new(key),
        event: EventKey::new("e1"),
        refs: Vec::new(),
        starts_at,
        ends_at: None,
        date: None,
        cutoff_at: None,
        listed_availability: None,
    }
}

pub(crate) fn ticket_type(event: &EventKey, minor: i64) -> TicketType {
    TicketType {
        key: TicketTypeKey::new(format!("{event}/adult")),
        event: event.clone(),
        refs: Vec::new(),
        name: Text::plain("Adult"),
        description: None,
        audience: domain::Audience::Adult,
        min_age: None,
        max_age: None,
        admits: 1,
        section: None,
        price: Some(price(minor)),
        min_per_order: None,
        max_per_order: None,
    }
}

#[async_trait]
impl Catalog for FakeCatalog {
    async fn list_events(&self, scope: Scope) -> Result<Observed<Arc<Vec<Arc<Event>>>>, VendorError> {
        let name = |scope: &Scope| format!("{scope:?}");
        let tell = |_: &Scope| {
            let keys = ["e1", "e2", "e3"].map(EventKey::new);
            self.observed(keys.iter().map(|key| Arc::new(self.event(key))).collect())
        };
        self.answer(Operation::ListEvents, &[scope], name, tell).await.remove(&scope).expect("an answer")
    }

    async fn load_events(&self, keys: &[EventKey]) -> Batch<EventKey, Observed<Arc<Event>>> {
        self.answer(Operation::LoadEvents, keys, EventKey::to_string, |key| self.observed(self.event(key))).await
    }

    async fn load_ticket_types(&self, events: &[EventKey]) -> Batch<EventKey, Observed<Arc<Vec<TicketType>>>> {
        let tell = |key: &EventKey| self.observed(vec![ticket_type(key, 100 * self.version())]);
        self.answer(Operation::LoadTicketTypes, events, EventKey::to_string, tell).await
    }

    async fn list_performances(
        &self,
        events: &[EventKey],
        window: &Window,
    ) -> Batch<EventKey, Observed<Arc<Vec<Arc<Performance>>>>> {
        // One every minute, for an hour from the start of the clock.
        let tell = |_: &EventKey| {
            let all = (0..60).map(|minute| RuntimeClock::start() + SignedDuration::from_mins(minute));
            let inside = all.filter(|at| *at >= window.from && window.to.is_none_or(|to| *at < to));
            let listed = inside.take(window.limit).map(|at| Arc::new(performance(&at.to_string(), Some(at))));
            self.observed(listed.collect())
        };
        self.answer(Operation::ListPerformances, events, EventKey::to_string, tell).await
    }

    async fn load_performances(&self, keys: &[PerformanceKey]) -> Batch<PerformanceKey, Observed<Arc<Performance>>> {
        let tell = |key: &PerformanceKey| self.observed(performance(key.as_str(), None));
        self.answer(Operation::LoadPerformances, keys, PerformanceKey::to_string, tell).await
    }

    async fn load_availability(
        &self,
        performances: &[Observed<Arc<Performance>>],
        max_age: Duration,
    ) -> Batch<PerformanceKey, Observed<Arc<Availability>>> {
        let listed: HashMap<_, _> = performances.iter().map(|item| (item.value.key.clone(), item.clone())).collect();
        let keys: Vec<_> = performances.iter().map(|item| item.value.key.clone()).collect();
        let tell = |key: &PerformanceKey| {
            let item = &listed[key];
            match &item.value.listed_availability {
                Some(known) if item.freshness.is_within(max_age, self.clock.now()) => {
                    Observed { value: Arc::clone(known), freshness: item.freshness }
                }
                _ => self.observed(availability(u32::try_from(self.version()).expect("a small number"))),
            }
        };
        self.answer(Operation::LoadAvailability, &keys, PerformanceKey::to_string, tell).await
    }

    async fn load_calendar(
        &self,
        events: &[EventKey],
        from: Date,
        _to: Date,
    ) -> Batch<EventKey, Arc<Vec<CalendarDay>>> {
        let tell = |_: &EventKey| Arc::new(vec![calendar_day(from, 100 * self.version(), self.clock.now())]);
        self.answer(Operation::LoadCalendar, events, EventKey::to_string, tell).await
    }
}

pub(crate) fn calendar_day(date: Date, minor: i64, now: Timestamp) -> CalendarDay {
    CalendarDay {
        date,
        status: AvailabilityStatus::Available,
        price_from: Some(price(minor).retail),
        performance_count: 1,
        freshness: Freshness::live(now),
    }
}

pub(crate) fn availability(vacancies: u32) -> Availability {
    Availability {
        status: AvailabilityStatus::Available,
        vacancies: Some(vacancies),
        capacity: None,
        max_per_order: None,
        offers: Vec::new(),
    }
}

/// A store that replicas share, in memory, with a bus between those that listen.
#[derive(Default)]
pub(crate) struct MemoryStore {
    pub(crate) values: Mutex<BTreeMap<String, Vec<u8>>>,
    pub(crate) is_gone: AtomicBool,
    marks: AtomicUsize,
    listeners: Mutex<Vec<Arc<Cache>>>,
}

impl MemoryStore {
    pub(crate) fn listen(&self, cache: &Arc<Cache>) {
        self.listeners.lock().expect("listeners").push(Arc::clone(cache));
    }

    /// Changes every value that holds an answer.
    pub(crate) fn spoil(&self, change: impl Fn(&mut Vec<u8>)) -> usize {
        let mut values = self.values.lock().expect("values");
        values.iter_mut().filter(|(name, _)| name.starts_with('v')).map(|(_, value)| change(value)).count()
    }
}

#[async_trait]
impl CacheStore for MemoryStore {
    async fn load(&self, names: &[String]) -> Option<Vec<Option<Vec<u8>>>> {
        tokio::task::yield_now().await;
        let values = self.values.lock().expect("values");
        (!self.is_gone.load(SeqCst)).then(|| names.iter().map(|name| values.get(name).cloned()).collect())
    }

    async fn keep(&self, name: String, value: Vec<u8>, _life: Duration) {
        if !self.is_gone.load(SeqCst) {
            self.values.lock().expect("values").insert(name, value);
        }
    }

    async fn discard(&self, names: Vec<String>) {
        self.values.lock().expect("values").retain(|name, _| !names.contains(name));
    }

    async fn announce(&self, marks: Vec<String>, _life: Duration, what: &Invalidation) {
        let mut values = self.values.lock().expect("values");
        for name in marks {
            values.insert(name, self.marks.fetch_add(1, SeqCst).to_string().into_bytes());
        }
        for listener in self.listeners.lock().expect("listeners").iter() {
            listener.hear(Heard::Untrue(what.clone()));
        }
    }
}

/// A leg that buys one ticket for each performance.
pub(crate) fn leg(performances: &[&str]) -> LegRequest {
    let line = |(line, key): (usize, &&str)| LegLine {
        line,
        performance: PerformanceKey::new(*key),
        ticket_type: TicketTypeKey::new("adult"),
        quantity: 1,
        unit_price: price(1000).retail,
    };
    LegRequest {
        reference: "TG-1".to_owned(),
        lines: performances.iter().enumerate().map(line).collect(),
        contact: Contact {
            first_name: "Ada".to_owned(),
            last_name: "Byron".to_owned(),
            email: "ada@example.org".to_owned(),
            phone: None,
            postal_code: None,
        },
        account: BTreeMap::new(),
        locale: None,
        delivery: DeliveryPreference::Barcode,
    }
}

/// A till whose every call comes to the same.
pub(crate) struct FakeTill(pub(crate) Box<dyn Fn() -> Result<(), VendorError> + Send + Sync>);

#[async_trait]
impl Ordering for FakeTill {
    fn shape(&self, _leg: &LegRequest) -> LegShape {
        LegShape::HoldThenConfirm
    }

    fn refuses(&self, _leg: &LegRequest) -> Option<SettlementRefusal> {
        None
    }

    async fn hold(&self, _key: &StepKey, _leg: &LegRequest) -> Result<Held, VendorError> {
        tokio::task::yield_now().await;
        (self.0)().map(|()| Held { refs: Vec::new(), expires_at: None, secures: Vec::new(), total: None })
    }

    async fn confirm(
        &self,
        _key: &StepKey,
        _leg: &LegRequest,
        _refs: &[ExternalRef],
    ) -> Result<Confirmed, VendorError> {
        (self.0)().map(|()| Confirmed { refs: Vec::new(), tickets: Vec::new(), total: None })
    }

    async fn release(&self, _key: &StepKey, _leg: &LegRequest, _refs: &[ExternalRef]) -> Result<(), VendorError> {
        (self.0)()
    }

    async fn find_hold(&self, _key: &StepKey, _leg: &LegRequest) -> Result<Found<Held>, VendorError> {
        (self.0)().map(|()| Found::NotDone)
    }

    async fn find_confirmation(
        &self,
        _key: &StepKey,
        _leg: &LegRequest,
        _refs: &[ExternalRef],
    ) -> Result<Found<Confirmed>, VendorError> {
        (self.0)().map(|()| Found::NotDone)
    }

    async fn load_tickets(&self, _leg: &LegRequest, _refs: &[ExternalRef]) -> Result<Vec<IssuedTicket>, VendorError> {
        (self.0)().map(|()| Vec::new())
    }

    async fn list_sales(
        &self,
        _from: Timestamp,
        _to: Timestamp,
        _performances: &[PerformanceKey],
        _references: &[String],
    ) -> Result<Vec<VendorSale>, VendorError> {
        (self.0)().map(|()| Vec::new())
    }
}

/// A failed write that may have acted.
pub(crate) fn lost(operation: Operation) -> VendorError {
    VendorError::new(&source_id(), operation, ErrorKind::Unavailable).with_effect(Effect::Unknown)
}
