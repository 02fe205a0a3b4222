//! Catalog records with plausible values.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use domain::{
    Audience, Availability, AvailabilityStatus, BookingMode, CalendarDay, CatalogScope, Clock, Event, EventKey,
    EventStatus, Freshness, LocalizedText, Money, Performance, PerformanceKey, PerformanceWindow, Price, TicketType,
    TicketTypeKey,
};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

/// Records that a `FakeCatalog` serves. `None` means that there is no such record.
pub trait FakeRecords: Send + Sync + 'static {
    /// All events in a scope.
    fn list(&self, scope: CatalogScope) -> Arc<Vec<Arc<Event>>>;
    /// One event.
    fn event(&self, key: &EventKey) -> Option<Arc<Event>>;
    /// The ticket types of an event.
    fn ticket_types(&self, event: &EventKey) -> Option<Arc<Vec<TicketType>>>;
    /// The performances of an event in a window.
    fn performances(&self, event: &EventKey, window: &PerformanceWindow) -> Option<Arc<Vec<Arc<Performance>>>>;
    /// One performance.
    fn performance(&self, key: &PerformanceKey) -> Option<Arc<Performance>>;
    /// The availability of a performance.
    fn availability(&self, key: &PerformanceKey) -> Option<Arc<Availability>>;
    /// The calendar of an event.
    fn calendar(&self, event: &EventKey, from: Date, to: Date) -> Option<Arc<Vec<CalendarDay>>>;
}

/// Records for every key. Titles and prices show a version, availability a number of vacancies; tests change both.
pub struct GeneratedRecords {
    clock: Arc<dyn Clock>,
    version: AtomicU32,
    vacancies: AtomicU32,
}

impl GeneratedRecords {
    /// Creates records of version 1 with a number of vacancies.
    pub fn new(clock: Arc<dyn Clock>, vacancies: u32) -> Self {
        Self { clock, version: AtomicU32::new(1), vacancies: AtomicU32::new(vacancies) }
    }

    /// Edits every event: titles and prices show the next version.
    pub fn edit(&self) {
        self.version.fetch_add(1, SeqCst);
    }

    /// Sells one ticket of every performance.
    pub fn sell(&self) {
        self.vacancies.fetch_sub(1, SeqCst);
    }

    fn version(&self) -> u32 {
        self.version.load(SeqCst)
    }
}

impl FakeRecords for GeneratedRecords {
    fn list(&self, _: CatalogScope) -> Arc<Vec<Arc<Event>>> {
        Arc::new(["e0", "e1", "e2"].into_iter().filter_map(|key| self.event(&EventKey::new(key))).collect())
    }

    fn event(&self, key: &EventKey) -> Option<Arc<Event>> {
        let title = LocalizedText::monolingual(format!("{key} v{}", self.version()));
        Some(Arc::new(Event { title, ..event(key.as_str()) }))
    }

    fn ticket_types(&self, event: &EventKey) -> Option<Arc<Vec<TicketType>>> {
        Some(Arc::new(vec![ticket_type(event, 100 * i64::from(self.version()))]))
    }

    /// Five performances, an hour apart, the first in an hour.
    fn performances(&self, event: &EventKey, window: &PerformanceWindow) -> Option<Arc<Vec<Arc<Performance>>>> {
        let starts = (1..=5).map(|hour| self.clock.now() + SignedDuration::from_hours(hour));
        let is_inside = |at: &Timestamp| *at >= window.from && window.to.is_none_or(|to| *at < to);
        let performance = |(number, at)| {
            let key = PerformanceKey::new(format!("{event}/p{number}"));
            Arc::new(Performance { key, event: event.clone(), ..performance("", Some(at)) })
        };
        Some(Arc::new(starts.filter(is_inside).take(window.limit).enumerate().map(performance).collect()))
    }

    fn performance(&self, key: &PerformanceKey) -> Option<Arc<Performance>> {
        let event = key.as_str().split_once('/').map_or("e1", |(event, _)| event);
        Some(Arc::new(Performance { event: EventKey::new(event), ..performance(key.as_str(), None) }))
    }

    fn availability(&self, _: &PerformanceKey) -> Option<Arc<Availability>> {
        Some(Arc::new(availability(self.vacancies.load(SeqCst))))
    }

    fn calendar(&self, _: &EventKey, from: Date, _: Date) -> Option<Arc<Vec<CalendarDay>>> {
        Some(Arc::new(vec![calendar_day(from, 100 * i64::from(self.version()), self.clock.now())]))
    }
}

/// A price in euros without components.
pub fn price(minor: i64) -> Price {
    Price::from_retail(Money::new(minor, "EUR".parse().expect("a currency")))
}

/// An event on sale, titled by its key, with a lowest price and no listed records.
pub fn event(key: &str) -> Event {
    Event {
        key: EventKey::new(key),
        refs: Vec::new(),
        title: LocalizedText::monolingual(key),
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

/// A performance of the event `e1`.
pub fn performance(key: &str, starts_at: Option<Timestamp>) -> Performance {
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

/// The ticket type "Adult" of an event.
pub fn ticket_type(event: &EventKey, minor: i64) -> TicketType {
    TicketType {
        key: TicketTypeKey::new(format!("{event}/adult")),
        event: event.clone(),
        refs: Vec::new(),
        name: LocalizedText::monolingual("Adult"),
        description: None,
        audience: Audience::Adult,
        min_age: None,
        max_age: None,
        admits: 1,
        section: None,
        price: Some(price(minor)),
        min_per_order: None,
        max_per_order: None,
    }
}

/// A day with one performance.
pub fn calendar_day(date: Date, minor: i64, now: Timestamp) -> CalendarDay {
    CalendarDay {
        date,
        status: AvailabilityStatus::Available,
        price_from: Some(price(minor).retail),
        performance_count: 1,
        freshness: Freshness::live(now),
    }
}

/// Availability without offers.
pub fn availability(vacancies: u32) -> Availability {
    Availability {
        status: AvailabilityStatus::Available,
        vacancies: Some(vacancies),
        capacity: None,
        max_per_order: None,
        offers: Vec::new(),
    }
}
