//! The questions that a catalogue is asked, as values: each layer over the catalogue is written once, for all of them.

use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::cache::{Answer, Extent, Slot, Subject};
use domain::{
    Availability, Batch, CalendarDay, Catalog, ErrorKind, Event, EventKey, Observed, Operation, Performance,
    PerformanceKey, Scope, SourceId, TicketType, VendorError, Window,
};

/// A question about many things at once, each of which is answered by itself.
pub(super) trait Question: Clone + Send + Sync + 'static {
    /// What is asked about, with all that the answering needs.
    type Item: Clone + Send + Sync + 'static;
    /// What names it.
    type Key: Clone + Eq + Hash + Send + Sync + 'static;
    /// What is told about it.
    type Answer: Answer;

    /// What is asked, as the guard and the metrics name it.
    const OPERATION: Operation;

    /// What names an item.
    fn key(item: &Self::Item) -> Self::Key;

    /// What an item is about.
    fn subject(item: &Self::Item) -> Subject;

    /// The part of time that the answer covers.
    fn extent(&self) -> Extent {
        Extent::Whole
    }

    /// How old the answer may be, where the caller decides.
    fn max_age(&self) -> Option<Duration> {
        None
    }

    /// The item without what it brings along from before its slot was made void.
    fn current(
        &self,
        _source: &SourceId,
        item: Self::Item,
        _void_since: impl Fn(&Slot) -> Option<Timestamp>,
    ) -> Self::Item {
        item
    }

    /// Where the answer about an item is kept.
    fn slot(&self, source: &SourceId, item: &Self::Item) -> Slot {
        Slot { source: source.clone(), operation: Self::OPERATION, subject: Self::subject(item), extent: self.extent() }
    }

    /// Puts the question to a catalogue.
    fn ask<'a>(
        &self,
        catalog: &'a dyn Catalog,
        items: Vec<Self::Item>,
    ) -> BoxFuture<'a, Batch<Self::Key, Self::Answer>>;
}

/// A layer over a catalogue: answers every question, most often by asking the layer below.
pub(super) trait Layer: Send + Sync {
    /// Whose catalogue it is.
    fn source(&self) -> &SourceId;

    /// Answers every item.
    fn answer<Q: Question>(
        &self,
        question: Q,
        items: Vec<Q::Item>,
    ) -> impl Future<Output = Batch<Q::Key, Q::Answer>> + Send;
}

/// A layer as the catalogue that it is for those above.
pub(super) struct Layered<L>(pub(super) L);

#[async_trait]
impl<L: Layer> Catalog for Layered<L> {
    async fn list_events(&self, scope: Scope) -> Result<Observed<Arc<Vec<Arc<Event>>>>, VendorError> {
        let answer = self.0.answer(EventLists, vec![scope]).await.remove(&scope);
        answer.unwrap_or_else(|| Err(VendorError::new(self.0.source(), Operation::ListEvents, ErrorKind::Internal)))
    }

    async fn load_events(&self, keys: &[EventKey]) -> Batch<EventKey, Observed<Arc<Event>>> {
        self.0.answer(Events, keys.to_vec()).await
    }

    async fn load_ticket_types(&self, events: &[EventKey]) -> Batch<EventKey, Observed<Arc<Vec<TicketType>>>> {
        self.0.answer(TicketTypes, events.to_vec()).await
    }

    async fn list_performances(
        &self,
        events: &[EventKey],
        window: &Window,
    ) -> Batch<EventKey, Observed<Arc<Vec<Arc<Performance>>>>> {
        self.0.answer(PerformanceLists { window: *window }, events.to_vec()).await
    }

    async fn load_performances(&self, keys: &[PerformanceKey]) -> Batch<PerformanceKey, Observed<Arc<Performance>>> {
        self.0.answer(Performances, keys.to_vec()).await
    }

    async fn load_availability(
        &self,
        performances: &[Observed<Arc<Performance>>],
        max_age: Duration,
    ) -> Batch<PerformanceKey, Observed<Arc<Availability>>> {
        self.0.answer(Availabilities { max_age }, performances.to_vec()).await
    }

    async fn load_calendar(&self, events: &[EventKey], from: Date, to: Date) -> Batch<EventKey, Arc<Vec<CalendarDay>>> {
        self.0.answer(Calendars { from, to }, events.to_vec()).await
    }
}

/// Which events are there?
#[derive(Clone)]
pub(super) struct EventLists;

impl Question for EventLists {
    type Item = Scope;
    type Key = Scope;
    type Answer = Observed<Arc<Vec<Arc<Event>>>>;
    const OPERATION: Operation = Operation::ListEvents;

    fn key(item: &Scope) -> Scope {
        *item
    }

    fn subject(item: &Scope) -> Subject {
        Subject::List(*item)
    }

    fn ask<'a>(&self, catalog: &'a dyn Catalog, items: Vec<Scope>) -> BoxFuture<'a, Batch<Scope, Self::Answer>> {
        async move {
            let mut answers = Batch::with_capacity(items.len());
            for scope in items {
                answers.insert(scope, catalog.list_events(scope).await);
            }
            answers
        }
        .boxed()
    }
}

/// What is known about these events?
#[derive(Clone)]
pub(super) struct Events;

impl Question for Events {
    type Item = EventKey;
    type Key = EventKey;
    type Answer = Observed<Arc<Event>>;
    const OPERATION: Operation = Operation::LoadEvents;

    fn key(item: &EventKey) -> EventKey {
        item.clone()
    }

    fn subject(item: &EventKey) -> Subject {
        Subject::Event(item.clone())
    }

    fn ask<'a>(&self, catalog: &'a dyn Catalog, items: Vec<EventKey>) -> BoxFuture<'a, Batch<EventKey, Self::Answer>> {
        async move { catalog.load_events(&items).await }.boxed()
    }
}

/// Which ticket types have these events?
#[derive(Clone)]
pub(super) struct TicketTypes;

impl Question for TicketTypes {
    type Item = EventKey;
    type Key = EventKey;
    type Answer = Observed<Arc<Vec<TicketType>>>;
    const OPERATION: Operation = Operation::LoadTicketTypes;

    fn key(item: &EventKey) -> EventKey {
        item.clone()
    }

    fn subject(item: &EventKey) -> Subject {
        Subject::Event(item.clone())
    }

    fn ask<'a>(&self, catalog: &'a dyn Catalog, items: Vec<EventKey>) -> BoxFuture<'a, Batch<EventKey, Self::Answer>> {
        async move { catalog.load_ticket_types(&items).await }.boxed()
    }
}

/// When do these events take place?
#[derive(Clone)]
pub(super) struct PerformanceLists {
    pub(super) window: Window,
}

impl Question for PerformanceLists {
    type Item = EventKey;
    type Key = EventKey;
    type Answer = Observed<Arc<Vec<Arc<Performance>>>>;
    const OPERATION: Operation = Operation::ListPerformances;

    fn key(item: &EventKey) -> EventKey {
        item.clone()
    }

    fn subject(item: &EventKey) -> Subject {
        Subject::Event(item.clone())
    }

    fn extent(&self) -> Extent {
        Extent::Window(self.window)
    }

    fn ask<'a>(&self, catalog: &'a dyn Catalog, items: Vec<EventKey>) -> BoxFuture<'a, Batch<EventKey, Self::Answer>> {
        let window = self.window;
        async move { catalog.list_performances(&items, &window).await }.boxed()
    }
}

/// What is known about these performances?
#[derive(Clone)]
pub(super) struct Performances;

impl Question for Performances {
    type Item = PerformanceKey;
    type Key = PerformanceKey;
    type Answer = Observed<Arc<Performance>>;
    const OPERATION: Operation = Operation::LoadPerformances;

    fn key(item: &PerformanceKey) -> PerformanceKey {
        item.clone()
    }

    fn subject(item: &PerformanceKey) -> Subject {
        Subject::Performance(item.clone())
    }

    fn ask<'a>(
        &self,
        catalog: &'a dyn Catalog,
        items: Vec<PerformanceKey>,
    ) -> BoxFuture<'a, Batch<PerformanceKey, Self::Answer>> {
        async move { catalog.load_performances(&items).await }.boxed()
    }
}

/// What is free for these performances?
#[derive(Clone)]
pub(super) struct Availabilities {
    pub(super) max_age: Duration,
}

impl Question for Availabilities {
    type Item = Observed<Arc<Performance>>;
    type Key = PerformanceKey;
    type Answer = Observed<Arc<Availability>>;
    const OPERATION: Operation = Operation::LoadAvailability;

    fn key(item: &Self::Item) -> PerformanceKey {
        item.value.key.clone()
    }

    fn subject(item: &Self::Item) -> Subject {
        Subject::Performance(item.value.key.clone())
    }

    fn max_age(&self) -> Option<Duration> {
        Some(self.max_age)
    }

    /// What came along with a performance is not told once we know that it has changed since.
    fn current(
        &self,
        source: &SourceId,
        item: Self::Item,
        void_since: impl Fn(&Slot) -> Option<Timestamp>,
    ) -> Self::Item {
        let is_void = item.value.listed_availability.is_some()
            && void_since(&self.slot(source, &item)).is_some_and(|at| at >= item.freshness.observed_at);
        if !is_void {
            return item;
        }
        item.map(|known| Arc::new(Performance { listed_availability: None, ..Performance::clone(&known) }))
    }

    fn ask<'a>(
        &self,
        catalog: &'a dyn Catalog,
        items: Vec<Self::Item>,
    ) -> BoxFuture<'a, Batch<PerformanceKey, Self::Answer>> {
        let max_age = self.max_age;
        async move { catalog.load_availability(&items, max_age).await }.boxed()
    }
}

/// What happens on these days?
#[derive(Clone)]
pub(super) struct Calendars {
    pub(super) from: Date,
    pub(super) to: Date,
}

impl Question for Calendars {
    type Item = EventKey;
    type Key = EventKey;
    type Answer = Arc<Vec<CalendarDay>>;
    const OPERATION: Operation = Operation::LoadCalendar;

    fn key(item: &EventKey) -> EventKey {
        item.clone()
    }

    fn subject(item: &EventKey) -> Subject {
        Subject::Event(item.clone())
    }

    fn extent(&self) -> Extent {
        Extent::Days(self.from, self.to)
    }

    fn ask<'a>(&self, catalog: &'a dyn Catalog, items: Vec<EventKey>) -> BoxFuture<'a, Batch<EventKey, Self::Answer>> {
        let (from, to) = (self.from, self.to);
        async move { catalog.load_calendar(&items, from, to).await }.boxed()
    }
}
