//! Loads in bulk what resolvers ask for one by one, and remembers it for the length of one request.
//!
//! Lists look ahead and [prefetch](Loaders::prefetch) whole levels; what they could not foresee is gathered by
//! async-graphql's `DataLoader`. Arguments are part of the key, so that two aliases never share an answer.

use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_graphql::dataloader::{DataLoader, Loader};
use async_graphql::runtime::{Timer, TokioSpawner};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};

use crate::graphql::promise::Trace;
use catalog::{
    AvailabilityOutcome, DayRange, Federation, PerformancePage, PerformanceQuery, Sourced, SourcedEvent,
    SourcedPerformance, TokenQuery, TokenSlice,
};
use domain::admissions::AdmissionToken;
use domain::catalog::{CalendarDay, TicketType};
use domain::error::VendorError;
use domain::ids::{EventKey, PerformanceKey, TokenKey};
use domain::time::Observed;

/// One kind of load: its key, with all arguments, and how many of them are fetched at once.
pub trait Level: Clone + Eq + Hash + Send + Sync + 'static {
    /// What is found: cheap to clone, a failure is shared by all who asked.
    type Found: Clone + Send + Sync + 'static;

    /// Where it is remembered.
    fn memo(memos: &Memos) -> &Memo<Self>;

    /// Notes how long what was found may be told.
    fn note(&self, found: &Self::Found, trace: &Trace);

    /// Fetches all keys, answering in their order.
    fn fetch(federation: &Federation, keys: &[Self]) -> impl Future<Output = Vec<Self::Found>> + Send;
}

/// What was found of one kind.
pub struct Memo<K: Level>(Mutex<HashMap<K, K::Found>>);

impl<K: Level> Default for Memo<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Level> Memo<K> {
    fn find(&self, key: &K) -> Option<K::Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn keep(&self, found: impl IntoIterator<Item = (K, K::Found)>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(found);
    }
}

/// What was found of every kind.
#[derive(Default)]
pub struct Memos {
    events: Memo<EventAt>,
    ticket_types: Memo<TicketTypesOf>,
    performance_pages: Memo<PerformancesOf>,
    performances: Memo<PerformanceAt>,
    availability: Memo<AvailabilityOf>,
    calendars: Memo<CalendarOf>,
    token_pages: Memo<TokensOf>,
    tokens: Memo<TokenAt>,
}

/// What a `DataLoader` calls.
struct Reads {
    federation: Arc<Federation>,
    memos: Memos,
    trace: Trace,
}

impl Reads {
    async fn fetch<K: Level>(&self, keys: &[K]) -> Vec<K::Found> {
        let found = K::fetch(&self.federation, keys).await;
        keys.iter().zip(&found).for_each(|(key, found)| key.note(found, &self.trace));
        K::memo(&self.memos).keep(keys.iter().cloned().zip(found.iter().cloned()));
        found
    }
}

impl<K: Level> Loader<K> for Reads {
    type Value = K::Found;
    type Error = Infallible;

    async fn load(&self, keys: &[K]) -> Result<HashMap<K, K::Found>, Infallible> {
        let found = self.fetch(keys).await;
        Ok(keys.iter().cloned().zip(found).collect())
    }
}

/// Lets everything that is ready ask for its key before the batch goes, without waiting for a tick of a clock.
struct Yield;

impl Timer for Yield {
    fn delay(&self, _: Duration) -> BoxFuture<'static, ()> {
        async {
            for _ in 0..2 {
                tokio::task::yield_now().await;
            }
        }
        .boxed()
    }
}

/// The loaders of one request. Never shared between requests: viewers differ.
pub struct Loaders(DataLoader<Reads>);

impl Loaders {
    /// Loaders that remember nothing yet, and note in `trace` what they find. Must be made inside a tokio runtime.
    pub fn new(federation: Arc<Federation>, trace: Trace) -> Self {
        let reads = Reads { federation, memos: Memos::default(), trace };
        Self(DataLoader::new(reads, TokioSpawner::current(), Yield).max_batch_size(usize::MAX))
    }

    /// What is found for a key: remembered, or fetched together with what others ask for at the same time.
    pub async fn load<K: Level>(&self, key: K) -> K::Found {
        if let Some(known) = self.find(&key) {
            return known;
        }
        match self.0.load_one(key.clone()).await {
            Ok(Some(found)) => found,
            Ok(None) => unreachable!("a level answers every key"),
            Err(never) => match never {},
        }
    }

    /// What is remembered for a key.
    pub fn find<K: Level>(&self, key: &K) -> Option<K::Found> {
        K::memo(&self.0.loader().memos).find(key)
    }

    /// Remembers what came along with something else.
    pub fn keep<K: Level>(&self, found: impl IntoIterator<Item = (K, K::Found)>) {
        K::memo(&self.0.loader().memos).keep(found);
    }

    /// Fetches a whole level at once, so that the resolvers below find it remembered; answers in the order of the keys.
    pub async fn prefetch<K: Level>(&self, keys: &[K]) -> Vec<K::Found> {
        if keys.is_empty() { Vec::new() } else { self.0.loader().fetch(keys).await }
    }
}

/// Groups keys by their argument, asks once for each argument, and puts the answers back into the order of the keys.
async fn by_argument<K, A, I, V, F>(keys: &[K], split: impl Fn(&K) -> (A, I), ask: impl Fn(A, Vec<I>) -> F) -> Vec<V>
where
    A: PartialEq,
    F: Future<Output = Vec<V>>,
{
    let mut groups: Vec<(A, Vec<usize>, Vec<I>)> = Vec::new();
    for (place, key) in keys.iter().enumerate() {
        let (argument, item) = split(key);
        match groups.iter_mut().find(|(known, ..)| *known == argument) {
            Some((_, places, items)) => {
                places.push(place);
                items.push(item);
            }
            None => groups.push((argument, vec![place], vec![item])),
        }
    }
    let asked = groups.into_iter().map(|(argument, places, items)| {
        let answer = ask(argument, items);
        async move { places.into_iter().zip(answer.await) }
    });
    let mut found: Vec<(usize, V)> = join_all(asked).await.into_iter().flatten().collect();
    found.sort_unstable_by_key(|(place, _)| *place);
    found.into_iter().map(|(_, value)| value).collect()
}

/// An event by its key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EventAt(pub Sourced<EventKey>);

impl Level for EventAt {
    type Found = Result<SourcedEvent, VendorError>;

    fn memo(memos: &Memos) -> &Memo<Self> {
        &memos.events
    }

    fn note(&self, found: &Self::Found, trace: &Trace) {
        trace.outcome(&self.0.source.id, found, |event| event.value.freshness);
    }

    async fn fetch(federation: &Federation, keys: &[Self]) -> Vec<Self::Found> {
        let keys: Vec<_> = keys.iter().map(|key| key.0.clone()).collect();
        federation.load_events(&keys).await
    }
}

/// The ticket types of an event.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TicketTypesOf(pub SourcedEvent);

impl Level for TicketTypesOf {
    type Found = Result<Observed<Arc<Vec<TicketType>>>, VendorError>;

    fn memo(memos: &Memos) -> &Memo<Self> {
        &memos.ticket_types
    }

    fn note(&self, found: &Self::Found, trace: &Trace) {
        trace.outcome(&self.0.source.id, found, |list| list.freshness);
    }

    async fn fetch(federation: &Federation, keys: &[Self]) -> Vec<Self::Found> {
        let events: Vec<_> = keys.iter().map(|key| key.0.clone()).collect();
        federation.load_ticket_types(&events).await
    }
}

/// A page of the performances of an event.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PerformancesOf {
    /// The event.
    pub event: SourcedEvent,
    /// Which of them.
    pub query: PerformanceQuery,
}

impl Level for PerformancesOf {
    type Found = Result<PerformancePage, VendorError>;

    fn memo(memos: &Memos) -> &Memo<Self> {
        &memos.performance_pages
    }

    fn note(&self, found: &Self::Found, trace: &Trace) {
        trace.outcome(&self.event.source.id, found, |page| page.freshness);
        if let Some(until) = self.query.means_until() {
            trace.ends(until);
        }
    }

    async fn fetch(federation: &Federation, keys: &[Self]) -> Vec<Self::Found> {
        by_argument(
            keys,
            |key| (key.query.clone(), key.event.clone()),
            |query, events| async move { federation.list_performances(&events, &query).await },
        )
        .await
    }
}

/// A performance by its key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PerformanceAt(pub Sourced<PerformanceKey>);

impl Level for PerformanceAt {
    type Found = Result<SourcedPerformance, VendorError>;

    fn memo(memos: &Memos) -> &Memo<Self> {
        &memos.performances
    }

    fn note(&self, found: &Self::Found, trace: &Trace) {
        trace.outcome(&self.0.source.id, found, |performance| performance.value.freshness);
    }

    async fn fetch(federation: &Federation, keys: &[Self]) -> Vec<Self::Found> {
        let keys: Vec<_> = keys.iter().map(|key| key.0.clone()).collect();
        federation.load_performances(&keys).await
    }
}

/// What is free for a performance.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AvailabilityOf {
    /// The performance.
    pub performance: SourcedPerformance,
    /// How old the answer may be.
    pub max_age: Duration,
}

impl Level for AvailabilityOf {
    type Found = AvailabilityOutcome;

    fn memo(memos: &Memos) -> &Memo<Self> {
        &memos.availability
    }

    fn note(&self, found: &Self::Found, trace: &Trace) {
        let (source, told) = (&self.performance.source.id, &self.performance.value.value);
        match &found.problem {
            None => trace.availability(source, &told.key, found.availability.freshness),
            Some(_) => trace.passing(),
        }
    }

    async fn fetch(federation: &Federation, keys: &[Self]) -> Vec<Self::Found> {
        by_argument(
            keys,
            |key| (key.max_age, key.performance.clone()),
            |max_age, performances| async move { federation.load_availability(&performances, max_age).await },
        )
        .await
    }
}

/// The calendar of an event.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CalendarOf {
    /// The event.
    pub event: SourcedEvent,
    /// Which days.
    pub days: DayRange,
}

impl Level for CalendarOf {
    type Found = Result<Arc<Vec<CalendarDay>>, VendorError>;

    fn memo(memos: &Memos) -> &Memo<Self> {
        &memos.calendars
    }

    fn note(&self, found: &Self::Found, trace: &Trace) {
        match found {
            Ok(days) => days.iter().for_each(|day| trace.fact(&self.event.source.id, day.freshness)),
            Err(_) => trace.passing(),
        }
    }

    async fn fetch(federation: &Federation, keys: &[Self]) -> Vec<Self::Found> {
        by_argument(
            keys,
            |key| (key.days, key.event.clone()),
            |days, events| async move { federation.load_calendar(&events, days).await },
        )
        .await
    }
}

/// A page of the admission tokens of an event.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TokensOf {
    /// The event.
    pub event: SourcedEvent,
    /// Which of them.
    pub query: TokenQuery,
}

impl Level for TokensOf {
    type Found = Result<TokenSlice, VendorError>;

    fn memo(memos: &Memos) -> &Memo<Self> {
        &memos.token_pages
    }

    fn note(&self, _: &Self::Found, trace: &Trace) {
        // Credentials are never told twice.
        trace.passing();
    }

    async fn fetch(federation: &Federation, keys: &[Self]) -> Vec<Self::Found> {
        by_argument(
            keys,
            |key| (key.query, key.event.clone()),
            |query, events| async move { federation.list_tokens(&events, &query).await },
        )
        .await
    }
}

/// An admission token by its key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TokenAt(pub Sourced<TokenKey>);

impl Level for TokenAt {
    type Found = Result<Arc<AdmissionToken>, VendorError>;

    fn memo(memos: &Memos) -> &Memo<Self> {
        &memos.tokens
    }

    fn note(&self, _: &Self::Found, trace: &Trace) {
        // Credentials are never told twice.
        trace.passing();
    }

    async fn fetch(federation: &Federation, keys: &[Self]) -> Vec<Self::Found> {
        join_all(keys.iter().map(|key| federation.load_token(&key.0))).await
    }
}
