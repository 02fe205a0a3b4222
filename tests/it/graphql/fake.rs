//! A source made for tests: it counts its calls, fails or dawdles on demand, and yields in each call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::accounts::{Account, Check, Letter, ResellerAccounts};
use domain::catalog::{CalendarDay, Catalog, Scope, Window};
use domain::ids::ExternalRef;
use domain::source::{Environment, Facts, Health, HealthReport, HealthState};
use domain::{
    Audience, Availability, AvailabilityStatus, Batch, BookingMode, Clock, Currency, ErrorKind, Event, EventKey,
    EventStatus, Freshness, Locale, Money, Observed, Offer, Operation, Performance, PerformanceKey, Price, Section,
    SectionKey, Source, SourceId, Text, TicketType, TicketTypeKey, VendorError, VendorKind,
};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::gate::FakeGate;

/// The instant of every test: a Tuesday, nine o'clock in London.
pub fn now() -> Timestamp {
    "2026-12-01T09:00:00Z".parse().expect("an instant")
}

/// A clock that stands.
pub struct StandingClock;

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        now()
    }
}

/// How a source behaves at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Answers.
    Fine,
    /// Answers each call, or each key of a batch, with this kind of failure.
    Failing(&'static str),
    /// Answers so late that nobody waits for it.
    Dawdling,
    /// Takes two seconds.
    Slow,
    /// Leaves every key out of its answers.
    Forgetful,
    /// Panics.
    Broken,
}

/// What a source tells, and what it was asked.
pub struct FakeCatalog {
    /// Its id.
    pub id: SourceId,
    /// Its currency.
    pub currency: Currency,
    /// Every event by its key. The list is made once, so that it is shared.
    pub events: Arc<Vec<Arc<Event>>>,
    /// Those of them that every visitor may see.
    pub public: Arc<Vec<Arc<Event>>>,
    /// Performances of each event, by begin.
    pub performances: BTreeMap<EventKey, Vec<Arc<Performance>>>,
    /// How it behaves, in everything or in one operation only.
    pub mood: Mutex<(Mood, Option<Operation>)>,
    /// What was asked, with the number of keys.
    pub calls: Mutex<Vec<(Operation, usize)>>,
}

impl FakeCatalog {
    /// The number of calls of each operation, in alphabetical order.
    pub fn counted(&self) -> Vec<(&'static str, usize)> {
        let mut counts = BTreeMap::new();
        for (operation, _) in self.calls.lock().expect("calls").iter() {
            *counts.entry(operation.name()).or_insert(0) += 1;
        }
        counts.into_iter().collect()
    }

    pub fn behave(&self, mood: Mood) {
        *self.mood.lock().expect("mood") = (mood, None);
    }

    pub fn behave_in(&self, operation: Operation, mood: Mood) {
        *self.mood.lock().expect("mood") = (mood, Some(operation));
    }

    /// Notes a call and behaves.
    pub async fn called(&self, operation: Operation, keys: usize) -> Result<(), VendorError> {
        self.calls.lock().expect("calls").push((operation, keys));
        tokio::task::yield_now().await;
        let (mood, only) = *self.mood.lock().expect("mood");
        match mood {
            _ if only.is_some_and(|only| only != operation) => Ok(()),
            Mood::Fine | Mood::Forgetful => Ok(()),
            Mood::Slow => {
                tokio::time::sleep(Duration::from_secs(2)).await;
                Ok(())
            }
            Mood::Failing(kind) => {
                Err(VendorError::new(&self.id, operation, kind_of(kind)).because("hush: vendor text"))
            }
            Mood::Dawdling => {
                tokio::time::sleep(Duration::from_secs(3600)).await;
                Ok(())
            }
            Mood::Broken => panic!("a bug of a vendor folder"),
        }
    }

    async fn batch<K: Clone + Eq + std::hash::Hash, V>(
        &self,
        operation: Operation,
        keys: &[K],
        find: impl Fn(&K) -> Option<V>,
    ) -> Batch<K, V> {
        match self.called(operation, keys.len()).await {
            Err(failure) => failure.for_all(keys),
            Ok(()) if self.mood.lock().expect("mood").0 == Mood::Forgetful => Batch::new(),
            Ok(()) => keys
                .iter()
                .map(|key| {
                    let found = find(key);
                    (key.clone(), found.ok_or_else(|| VendorError::new(&self.id, operation, ErrorKind::NotFound)))
                })
                .collect(),
        }
    }

    fn observed<T>(&self, value: T) -> Observed<T> {
        Observed::live(value, now())
    }

    fn money(&self, amount: i64) -> Money {
        Money::new(amount, self.currency)
    }

    fn ticket_types(&self, event: &EventKey) -> Option<Vec<TicketType>> {
        self.events.iter().find(|known| known.key == *event)?;
        let kind = |key: &str, name: &str, audience, amount| TicketType {
            key: TicketTypeKey::new(key),
            event: event.clone(),
            refs: vec![ExternalRef::new("fake.type", key)],
            name: Text::plain(name),
            description: None,
            audience,
            min_age: None,
            max_age: None,
            admits: 1,
            section: None,
            price: Some(Price::plain(self.money(amount))),
            min_per_order: None,
            max_per_order: Some(9),
        };
        Some(vec![kind("adult", "Adult", Audience::Adult, 2500), kind("child", "Child", Audience::Child, 1250)])
    }

    fn availability(&self, performance: &PerformanceKey) -> Option<Availability> {
        let event = performance.as_str().split('/').next()?;
        let kinds = self.ticket_types(&EventKey::new(event))?;
        let offers = kinds.into_iter().map(|kind| Offer {
            price: kind.price.clone().expect("a price"),
            ticket_type: Arc::new(kind),
            vacancies: Some(4),
            status: AvailabilityStatus::Limited,
        });
        Some(Availability {
            status: AvailabilityStatus::Available,
            vacancies: Some(40),
            capacity: Some(100),
            max_per_order: Some(9),
            offers: offers.collect(),
        })
    }
}

fn kind_of(name: &str) -> ErrorKind {
    match name {
        "unavailable" => ErrorKind::Unavailable,
        "malformed" => ErrorKind::Malformed,
        "rate_limited" => ErrorKind::RateLimited,
        other => panic!("no such kind in these tests: {other}"),
    }
}

#[async_trait]
impl Catalog for FakeCatalog {
    async fn list_events(&self, scope: Scope) -> Result<Observed<Arc<Vec<Arc<Event>>>>, VendorError> {
        self.called(Operation::ListEvents, 0).await?;
        Ok(self.observed(Arc::clone(match scope {
            Scope::Everything => &self.events,
            Scope::Public => &self.public,
        })))
    }

    async fn load_events(&self, keys: &[EventKey]) -> Batch<EventKey, Observed<Arc<Event>>> {
        let find = |key: &EventKey| self.events.iter().find(|event| event.key == *key).cloned();
        self.batch(Operation::LoadEvents, keys, |key| find(key).map(|event| self.observed(event))).await
    }

    async fn load_ticket_types(&self, events: &[EventKey]) -> Batch<EventKey, Observed<Arc<Vec<TicketType>>>> {
        let find = |key: &EventKey| self.ticket_types(key).map(|kinds| self.observed(Arc::new(kinds)));
        self.batch(Operation::LoadTicketTypes, events, find).await
    }

    async fn list_performances(
        &self,
        events: &[EventKey],
        window: &Window,
    ) -> Batch<EventKey, Observed<Arc<Vec<Arc<Performance>>>>> {
        let inside = |performance: &&Arc<Performance>| {
            performance.starts_at.is_none_or(|at| at >= window.from && window.to.is_none_or(|to| at < to))
        };
        let find = |key: &EventKey| {
            let all = self.performances.get(key)?;
            Some(self.observed(Arc::new(all.iter().filter(inside).take(window.limit).cloned().collect())))
        };
        self.batch(Operation::ListPerformances, events, find).await
    }

    async fn load_performances(&self, keys: &[PerformanceKey]) -> Batch<PerformanceKey, Observed<Arc<Performance>>> {
        let find = |key: &PerformanceKey| self.performances.values().flatten().find(|known| known.key == *key).cloned();
        self.batch(Operation::LoadPerformances, keys, |key| find(key).map(|found| self.observed(found))).await
    }

    async fn load_availability(
        &self,
        performances: &[Observed<Arc<Performance>>],
        _max_age: Duration,
    ) -> Batch<PerformanceKey, Observed<Arc<Availability>>> {
        let keys: Vec<_> = performances.iter().map(|performance| performance.value.key.clone()).collect();
        let find = |key: &PerformanceKey| self.availability(key).map(|told| self.observed(Arc::new(told)));
        self.batch(Operation::LoadAvailability, &keys, find).await
    }

    async fn load_calendar(&self, events: &[EventKey], from: Date, to: Date) -> Batch<EventKey, Arc<Vec<CalendarDay>>> {
        let day = |date: Date| CalendarDay {
            date,
            status: AvailabilityStatus::Available,
            price_from: Some(self.money(1250)),
            performance_count: 1,
            freshness: Freshness::live(now()),
        };
        let days: Vec<_> = from.series(1.day()).take_while(|date| *date <= to).map(day).collect();
        self.batch(Operation::LoadCalendar, events, |_| Some(Arc::new(days.clone()))).await
    }
}

struct Well;

#[async_trait]
impl Health for Well {
    fn report(&self) -> HealthReport {
        HealthReport {
            state: HealthState::Up,
            since: now(),
            throttled: false,
            last_success_at: Some(now()),
            last_failure_at: None,
            remaining_budget: Some(55),
        }
    }

    async fn changed(&self, _: &HealthReport) -> HealthReport {
        std::future::pending().await
    }
}

/// An event with nothing but a key, a title and a begin so many days from now.
pub fn event(key: &str, title: &str, in_days: Option<i64>) -> Event {
    let at = in_days.map(|days| now() + (days * 24).hours());
    Event {
        key: EventKey::new(key),
        refs: vec![ExternalRef::new("fake.event", key)],
        title: Text::plain(title),
        summary: None,
        description: None,
        image: None,
        venue: None,
        categories: Vec::new(),
        time_zone: "Etc/UTC".to_owned(),
        booking_mode: BookingMode::Timed,
        status: EventStatus::OnSale,
        is_private: false,
        starts_at: at,
        ends_at: at.map(|at| at + 48.hours()),
        duration_minutes: Some(90),
        capacity: Some(100),
        sold_quantity: None,
        price_from: None,
        sections: Vec::new(),
        listed_ticket_types: None,
        listed_performances: None,
    }
}

/// A performance of an event that begins so many hours from now.
pub fn performance(event: &EventKey, name: &str, in_hours: i64) -> Arc<Performance> {
    let at = now() + in_hours.hours();
    Arc::new(Performance {
        key: PerformanceKey::new(format!("{event}/{name}")),
        event: event.clone(),
        refs: vec![ExternalRef::new("fake.performance", name)],
        starts_at: Some(at),
        ends_at: Some(at + 90.minutes()),
        date: None,
        cutoff_at: None,
        listed_availability: None,
    })
}

/// What a source is made of.
pub struct Making {
    pub id: &'static str,
    pub vendor: VendorKind,
    pub zone: &'static str,
    pub currency: &'static str,
    pub events: Vec<Event>,
    pub max_batch: usize,
    /// What each event has instead of the usual performances.
    pub performances: Option<Vec<Arc<Performance>>>,
}

impl Making {
    /// Puts the source together: its events in the order of their keys, five performances each, a day apart.
    pub fn make(mut self) -> (Arc<FakeCatalog>, Arc<FakeGate>, Arc<Source>) {
        self.events.sort_by(|one, other| one.key.cmp(&other.key));
        let events: Vec<_> = self.events.into_iter().map(Arc::new).collect();
        let public = events.iter().filter(|event| !event.is_private && event.status != EventStatus::Draft);
        let zone = TimeZone::get(self.zone).expect("a zone");
        let currency: Currency = self.currency.parse().expect("a currency");
        let performances = events.iter().map(|event| {
            let days = || (0..5).map(|day| performance(&event.key, &format!("p{day}"), 24 * day + 10)).collect();
            let mut rows: Vec<_> = self.performances.clone().unwrap_or_else(days);
            rows.sort_by(|one, other| (one.starts_at, &one.key).cmp(&(other.starts_at, &other.key)));
            (event.key.clone(), rows)
        });
        let catalog = Arc::new(FakeCatalog {
            id: SourceId::new(self.id),
            currency,
            public: Arc::new(public.cloned().collect()),
            performances: performances.collect(),
            events: Arc::new(events),
            mood: Mutex::new((Mood::Fine, None)),
            calls: Mutex::default(),
        });
        let gate = Arc::new(FakeGate { catalog: Arc::clone(&catalog) });
        let source = Arc::new(Source {
            id: SourceId::new(self.id),
            vendor: self.vendor,
            institution: format!("{} House", self.id),
            environment: Environment::Sandbox,
            time_zone: zone,
            currency: Some(currency),
            facts: facts(self.max_batch),
            health: Arc::new(Well),
            catalog: Arc::clone(&catalog) as Arc<dyn Catalog>,
            ordering: None,
            hold_extension: None,
            refunds: None,
            admissions: None,
            accounts: Some(Arc::new(FakeAccounts)),
            authoring: None,
            sectioning: None,
            back_office: None,
        });
        (catalog, gate, source)
    }
}

fn facts(max_batch: usize) -> Facts {
    Facts {
        max_batch,
        hold_ttl: Duration::from_secs(600),
        slow_confirm: Duration::from_secs(5),
        honours_idempotency_keys: true,
        finds_by_our_reference: true,
        cancels_in_part: true,
        undo_is_proven: true,
        settles_on_account: true,
        commits_at_hold: false,
        barcode_at_confirm: true,
        holds_seats: false,
        delivers_to_app: false,
        confirm_rank: 1,
        horizon_days: 90,
    }
}

/// Text with a French reading.
pub fn bilingual(main: &str, french: &str) -> Text {
    let mut text = Text::plain(main);
    text.translations.insert(Locale::parse("fr").expect("a tag"), french.to_owned());
    text
}

/// A section.
pub fn section(key: &str, name: &str) -> Section {
    Section { key: SectionKey::new(key), name: Text::plain(name), capacity: Some(50), refs: Vec::new() }
}

/// An account may sell the events that its key `events` names; its checks all pass.
struct FakeAccounts;

#[async_trait]
impl ResellerAccounts for FakeAccounts {
    async fn check(&self, _: &Account) -> Vec<Check> {
        vec![Check::new("CREDENTIALS", "The key is accepted", None)]
    }

    fn events(&self, account: &Account) -> Option<BTreeSet<EventKey>> {
        let named = account.all("events");
        (!named.is_empty()).then(|| named.iter().map(|id| EventKey::new(id.as_str())).collect())
    }

    fn hand_over(&self, _: &Account) -> Letter {
        Letter { subject: "Access".to_owned(), body: "Welcome.".to_owned(), missing: Vec::new() }
    }
}
