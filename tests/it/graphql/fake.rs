//! A fake source. It counts its calls, fails or hangs on demand, and yields in each call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::accounts::{AccountCheck, AccountConfig, HandoverMessage, ResellerAccounts, WriteProbes};
use domain::catalog::{CalendarDay, Catalog, CatalogScope, PerformanceWindow};
use domain::ids::ExternalRef;
use domain::source::{Environment, Health, HealthReport, HealthState, OrderCalls, SourceTraits};
use domain::{
    Audience, Availability, AvailabilityStatus, BookingMode, Currency, ErrorKind, Event, EventKey, EventStatus,
    Freshness, Locale, LocalizedText, Money, Offer, Performance, PerformanceKey, Price, Section, SectionKey, Source,
    SourceId, TicketType, TicketTypeKey, VendorError, VendorKind, VendorOperation,
};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use testkit::{FakeOutcome, FakeRecords, ManualClock};

use super::gate::FakeAdmissions;

/// The time of every test, in RFC 3339: a Tuesday, nine o'clock in London.
const NOW: &str = "2026-12-01T09:00:00Z";

/// Returns the time of every test.
pub(super) fn now() -> Timestamp {
    NOW.parse().expect("a timestamp")
}

/// Returns a clock that shows [`now`].
pub(super) fn fixed_clock() -> Arc<ManualClock> {
    ManualClock::at(NOW)
}

/// The behavior of a fake source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behavior {
    /// Calls succeed.
    Normal,
    /// Each call, or each key of a batch, fails with this kind of error.
    Failing(&'static str),
    /// Calls hang for an hour.
    HungCalls,
    /// Calls take two seconds.
    Slow,
    /// Batch responses contain no keys.
    OmittingKeys,
    /// Calls panic.
    Panicking,
}

/// The catalog of a fake source.
pub(super) struct FakeCatalog {
    /// The source id.
    pub id: SourceId,
    inner: Arc<testkit::FakeCatalog<ListedRecords>>,
}

impl FakeCatalog {
    /// Returns the number of calls of each operation, in alphabetical order.
    pub(super) fn call_counts(&self) -> Vec<(&'static str, usize)> {
        self.inner.call_counts()
    }

    pub(super) fn behave(&self, behavior: Behavior) {
        self.inner.script(move |key| behavior.outcome(key.operation));
    }

    pub(super) fn behave_in(&self, operation: VendorOperation, behavior: Behavior) {
        self.inner.script(
            move |key| {
                if key.operation == operation { behavior.outcome(operation) } else { FakeOutcome::Succeed }
            },
        );
    }

    /// Records a call of another port and applies the behavior.
    pub(super) async fn record_call(&self, operation: VendorOperation) -> Result<(), VendorError> {
        self.inner.run_single(operation).await
    }
}

impl Behavior {
    fn outcome(self, operation: VendorOperation) -> FakeOutcome {
        match self {
            Self::Normal => FakeOutcome::Succeed,
            // A list has no keys that it could omit.
            Self::OmittingKeys if operation == VendorOperation::ListEvents => FakeOutcome::Succeed,
            Self::OmittingKeys => FakeOutcome::Omit,
            Self::Failing(kind) => FakeOutcome::Fail(kind_of(kind)),
            Self::HungCalls => FakeOutcome::Delay(Duration::from_secs(3600)),
            Self::Slow => FakeOutcome::Delay(Duration::from_secs(2)),
            Self::Panicking => FakeOutcome::Panic,
        }
    }
}

/// The records of a fake source.
struct ListedRecords {
    currency: Currency,
    /// All events in the order of their keys, shared like a cached list.
    events: Arc<Vec<Arc<Event>>>,
    /// The public events.
    public: Arc<Vec<Arc<Event>>>,
    /// Performances of each event, by start time.
    performances: BTreeMap<EventKey, Vec<Arc<Performance>>>,
}

impl ListedRecords {
    fn money(&self, amount: i64) -> Money {
        Money::new(amount, self.currency)
    }
}

impl FakeRecords for ListedRecords {
    fn list(&self, scope: CatalogScope) -> Arc<Vec<Arc<Event>>> {
        Arc::clone(match scope {
            CatalogScope::All => &self.events,
            CatalogScope::Public => &self.public,
        })
    }

    fn event(&self, key: &EventKey) -> Option<Arc<Event>> {
        self.events.iter().find(|event| event.key == *key).cloned()
    }

    fn ticket_types(&self, event: &EventKey) -> Option<Arc<Vec<TicketType>>> {
        self.event(event)?;
        let ticket_type = |key: &str, name: &str, audience, amount| TicketType {
            key: TicketTypeKey::new(key),
            refs: vec![ExternalRef::new("fake.type", key)],
            name: LocalizedText::monolingual(name),
            audience,
            price: Some(Price::from_retail(self.money(amount))),
            max_per_order: Some(9),
            ..testkit::ticket_type(event, 0)
        };
        let adult = ticket_type("adult", "Adult", Audience::Adult, 2500);
        Some(Arc::new(vec![adult, ticket_type("child", "Child", Audience::Child, 1250)]))
    }

    fn performances(&self, event: &EventKey, window: &PerformanceWindow) -> Option<Arc<Vec<Arc<Performance>>>> {
        let is_inside = |performance: &&Arc<Performance>| {
            performance.starts_at.is_none_or(|at| at >= window.from && window.to.is_none_or(|to| at < to))
        };
        let all = self.performances.get(event)?;
        Some(Arc::new(all.iter().filter(is_inside).take(window.limit).cloned().collect()))
    }

    fn performance(&self, key: &PerformanceKey) -> Option<Arc<Performance>> {
        self.performances.values().flatten().find(|performance| performance.key == *key).cloned()
    }

    fn availability(&self, key: &PerformanceKey) -> Option<Arc<Availability>> {
        let event = key.as_str().split('/').next()?;
        let ticket_types = self.ticket_types(&EventKey::new(event))?;
        let offers = ticket_types.iter().map(|ticket_type| Offer {
            price: ticket_type.price.clone().expect("a price"),
            ticket_type: Arc::new(ticket_type.clone()),
            vacancies: Some(4),
            status: AvailabilityStatus::Limited,
        });
        Some(Arc::new(Availability {
            status: AvailabilityStatus::Available,
            vacancies: Some(40),
            capacity: Some(100),
            max_per_order: Some(9),
            offers: offers.collect(),
        }))
    }

    fn calendar(&self, _: &EventKey, from: Date, to: Date) -> Option<Arc<Vec<CalendarDay>>> {
        let day = |date: Date| CalendarDay {
            date,
            status: AvailabilityStatus::Available,
            price_from: Some(self.money(1250)),
            performance_count: 1,
            freshness: Freshness::live(now()),
        };
        Some(Arc::new(from.series(1.day()).take_while(|date| *date <= to).map(day).collect()))
    }
}

fn kind_of(name: &str) -> ErrorKind {
    match name {
        "unavailable" => ErrorKind::Unavailable,
        "malformed" => ErrorKind::Malformed,
        "rate_limited" => ErrorKind::RateLimited,
        "timeout" => ErrorKind::Timeout,
        other => panic!("no such kind in these tests: {other}"),
    }
}

struct HealthySource;

#[async_trait]
impl Health for HealthySource {
    fn report(&self) -> HealthReport {
        HealthReport {
            state: HealthState::Up,
            since: now(),
            throttled: false,
            last_success_at: Some(now()),
            last_failure_at: None,
            remaining_requests: Some(55),
        }
    }

    async fn wait_for_change(&self, _: &HealthReport) -> HealthReport {
        std::future::pending().await
    }
}

/// Creates a minimal event that starts in `in_days` days.
pub(super) fn event(key: &str, title: &str, in_days: Option<i64>) -> Event {
    let at = in_days.map(|days| now() + (days * 24).hours());
    Event {
        key: EventKey::new(key),
        refs: vec![ExternalRef::new("fake.event", key)],
        title: LocalizedText::monolingual(title),
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

/// Creates a performance that starts in `in_hours` hours.
pub(super) fn performance(event: &EventKey, name: &str, in_hours: i64) -> Arc<Performance> {
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

/// Specification of a fake source.
pub(super) struct SourceSpec {
    pub id: &'static str,
    pub vendor: VendorKind,
    pub zone: &'static str,
    pub currency: &'static str,
    pub events: Vec<Event>,
    pub max_batch: usize,
    /// Replaces the default performances of each event.
    pub performances: Option<Vec<Arc<Performance>>>,
}

impl SourceSpec {
    /// Builds the source: events in the order of their keys, by default with five daily performances each.
    pub(super) fn build(mut self) -> (Arc<FakeCatalog>, Arc<FakeAdmissions>, Arc<Source>) {
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
        let id = SourceId::new(self.id);
        let records = ListedRecords {
            currency,
            public: Arc::new(public.cloned().collect()),
            performances: performances.collect(),
            events: Arc::new(events),
        };
        let inner = testkit::FakeCatalog::new(id.clone(), fixed_clock(), records);
        let catalog = Arc::new(FakeCatalog { id, inner });
        let gate = Arc::new(FakeAdmissions { catalog: Arc::clone(&catalog) });
        let source = Arc::new(Source {
            id: SourceId::new(self.id),
            vendor: self.vendor,
            institution: format!("{} House", self.id),
            environment: Environment::Sandbox,
            time_zone: zone,
            currency: Some(currency),
            traits: facts(self.max_batch),
            health: Arc::new(HealthySource),
            failures: Arc::default(),
            capacity: None,
            catalog: Arc::clone(&catalog.inner) as Arc<dyn Catalog>,
            ordering: None,
            hold_extension: None,
            refunds: None,
            admissions: None,
            accounts: Some(Arc::new(FakeAccounts)),
            authoring: None,
            section_authoring: None,
            back_office: None,
            incoming_webhook: None,
        });
        (catalog, gate, source)
    }
}

fn facts(max_batch: usize) -> SourceTraits {
    SourceTraits {
        max_batch,
        hold_ttl: Duration::from_secs(600),
        slow_confirm_duration: Duration::from_secs(5),
        honors_idempotency_keys: true,
        finds_by_our_reference: true,
        cancels_in_part: true,
        undo_is_proven: true,
        settles_on_account: true,
        commits_at_hold: false,
        barcode_at_confirm: true,
        holds_seats: false,
        needs_contact_at_hold: false,
        delivers_to_app: false,
        confirm_rank: 1,
        order_calls: OrderCalls { hold: 1, confirm: 1, tickets: 1, undo: 1, endpoint: None },
        horizon_days: 90,
    }
}

/// Creates a text with a French translation.
pub(super) fn bilingual(main: &str, french: &str) -> LocalizedText {
    let mut text = LocalizedText::monolingual(main);
    text.translations.insert(Locale::parse("fr").expect("a tag"), french.to_owned());
    text
}

/// Creates a section.
pub(super) fn section(key: &str, name: &str) -> Section {
    Section { key: SectionKey::new(key), name: LocalizedText::monolingual(name), capacity: Some(50), refs: Vec::new() }
}

/// Accounts that may sell the events listed under the key `events`. All checks pass.
struct FakeAccounts;

#[async_trait]
impl ResellerAccounts for FakeAccounts {
    async fn check_account(&self, _: &AccountConfig, _: WriteProbes) -> Vec<AccountCheck> {
        vec![self.check_credentials().await]
    }

    async fn check_credentials(&self) -> AccountCheck {
        AccountCheck::passed(
            "CREDENTIALS",
            ["The key is accepted", "La clé est acceptée", "Der Schlüssel wird akzeptiert"],
        )
    }

    fn sellable_events(&self, account: &AccountConfig) -> Option<BTreeSet<EventKey>> {
        let named = account.values("events");
        (!named.is_empty()).then(|| named.iter().map(|id| EventKey::new(id.as_str())).collect())
    }

    fn handover_message(&self, _: &AccountConfig) -> HandoverMessage {
        HandoverMessage {
            subject: LocalizedText::from(["Access", "Accès", "Zugang"]),
            body: LocalizedText::from(["Welcome.", "Bienvenue.", "Willkommen."]),
            missing_fields: Vec::new(),
        }
    }
}
