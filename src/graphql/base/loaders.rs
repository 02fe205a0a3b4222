//! Request-scoped loaders: batch the single loads of resolvers and cache the results for one request.
//!
//! Lists look ahead and [prefetch](CatalogLoader::prefetch) whole levels; the rest is batched by async-graphql's
//! `DataLoader`. The key contains all arguments, so aliases with different arguments never share a result.

use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::dataloader::{DataLoader, Loader};
use async_graphql::runtime::{Timer, TokioSpawner};
use catalog::{
    AdmissionTokenPage, AdmissionTokenQuery, AvailabilityOutcome, DayRange, EventPage, EventQuery, InvalidArgument,
    PerformancePage, PerformanceQuery, Sourced, SourcedEvent, SourcedPerformance, UnifiedCatalog,
};
use domain::admissions::AdmissionToken;
use domain::catalog::{CalendarDay, TicketType};
use domain::error::VendorError;
use domain::ids::{EventKey, PerformanceKey, SourceId, TokenKey};
use domain::time::Observed;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, join_all};
use parking_lot::Mutex;

use crate::graphql::base::cache_validity::DependencyTracker;

/// The key of one kind of load, with all its arguments, and its bulk fetch.
pub trait LoaderKey: Clone + Eq + Hash + Send + Sync + 'static {
    /// The loaded value. Cheap to clone; a failure is shared by all fields that requested the key.
    type Value: Clone + Send + Sync + 'static;

    /// The request cache of this kind.
    fn cache(memos: &RequestCaches) -> &RequestCache<Self>;

    /// The source that has the value.
    fn source(&self) -> &SourceId;

    /// Records the cache lifetime of the value.
    fn track(&self, value: &Self::Value, dependencies: &DependencyTracker);

    /// Fetches all keys and returns the values in their order.
    fn fetch(catalog: &UnifiedCatalog, keys: &[Self]) -> impl Future<Output = Vec<Self::Value>> + Send;
}

/// Loaded values of one kind.
pub struct RequestCache<K: LoaderKey>(Mutex<HashMap<K, K::Value>>);

impl<K: LoaderKey> Default for RequestCache<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: LoaderKey> RequestCache<K> {
    fn get(&self, key: &K) -> Option<K::Value> {
        self.0.lock().get(key).cloned()
    }

    fn insert(&self, value: impl IntoIterator<Item = (K, K::Value)>) {
        self.0.lock().extend(value);
    }
}

/// Loaded values of every kind.
#[derive(Default)]
pub struct RequestCaches {
    events: RequestCache<EventByKey>,
    ticket_types: RequestCache<TicketTypesOf>,
    performance_pages: RequestCache<PerformancesOf>,
    performances: RequestCache<PerformanceByKey>,
    availability: RequestCache<AvailabilityOf>,
    calendars: RequestCache<CalendarOf>,
    token_pages: RequestCache<TokensOf>,
    tokens: RequestCache<TokenByKey>,
}

/// The backend of the `DataLoader`s.
#[derive(Clone)]
pub struct CatalogLoader {
    catalog: Arc<UnifiedCatalog>,
    caches: Arc<RequestCaches>,
    dependencies: DependencyTracker,
}

impl CatalogLoader {
    async fn fetch<K: LoaderKey>(&self, keys: &[K]) -> Vec<K::Value> {
        let values = K::fetch(&self.catalog, keys).await;
        keys.iter().zip(&values).for_each(|(key, values)| key.track(values, &self.dependencies));
        K::cache(&self.caches).insert(keys.iter().cloned().zip(values.iter().cloned()));
        values
    }

    /// Fetches what is missing of a whole level at once, so that the resolvers below find it loaded. Returns the values
    /// in the order of the keys.
    pub async fn prefetch<K: LoaderKey>(&self, keys: &[K]) -> Vec<K::Value> {
        let cache = K::cache(&self.caches);
        let mut values: Vec<_> = keys.iter().map(|key| cache.get(key)).collect();
        let missing: Vec<_> =
            keys.iter().zip(&values).filter(|(_, value)| value.is_none()).map(|(key, _)| key.clone()).collect();
        let mut fetched = if missing.is_empty() { Vec::new() } else { self.fetch(&missing).await }.into_iter();
        for value in values.iter_mut().filter(|value| value.is_none()) {
            *value = fetched.next();
        }
        values.into_iter().flatten().collect()
    }
}

impl<K: LoaderKey> Loader<K> for CatalogLoader {
    type Value = K::Value;
    type Error = Infallible;

    async fn load(&self, keys: &[K]) -> Result<HashMap<K, K::Value>, Infallible> {
        let values = self.fetch(keys).await;
        Ok(keys.iter().cloned().zip(values).collect())
    }
}

/// Lets every ready task add its key before the batch is sent, without waiting for a timer.
struct YieldTimer;

impl Timer for YieldTimer {
    fn delay(&self, _: Duration) -> BoxFuture<'static, ()> {
        async {
            for _ in 0..2 {
                tokio::task::yield_now().await;
            }
        }
        .boxed()
    }
}

/// A prefetch that started: each field that needs one of its values waits for it.
type StartedPrefetch = Shared<BoxFuture<'static, ()>>;

/// The loaders of one request. Never shared between requests, because viewers differ.
///
/// Each source has a loader of its own, so that the rows of a source wait for no other source.
pub struct Loaders {
    backend: CatalogLoader,
    by_source: Mutex<HashMap<SourceId, Arc<DataLoader<CatalogLoader>>>>,
    started: Mutex<HashMap<SourceId, Vec<StartedPrefetch>>>,
    event_pages: Mutex<Vec<(EventQuery, EventPage)>>,
}

impl Loaders {
    /// Creates empty loaders that record the loaded facts in `dependencies`.
    pub fn new(catalog: Arc<UnifiedCatalog>, dependencies: DependencyTracker) -> Self {
        let backend = CatalogLoader { catalog, caches: Arc::default(), dependencies };
        Self { backend, by_source: Mutex::default(), started: Mutex::default(), event_pages: Mutex::default() }
    }

    /// Returns the value of a key from the request cache, or fetches it together with other pending keys of its source.
    /// Requires a tokio runtime.
    pub async fn load<K: LoaderKey>(&self, key: K) -> K::Value {
        if let Some(value) = self.get_loaded(&key) {
            return value;
        }
        let started = self.started.lock().get(key.source()).cloned();
        if let Some(started) = started {
            join_all(started).await;
            if let Some(value) = self.get_loaded(&key) {
                return value;
            }
        }
        match self.loader_of(key.source()).load_one(key.clone()).await {
            Ok(Some(value)) => value,
            Ok(None) => unreachable!("fetch returns a value for every key"),
            Err(never) => match never {},
        }
    }

    fn loader_of(&self, source: &SourceId) -> Arc<DataLoader<CatalogLoader>> {
        let mut loaders = self.by_source.lock();
        let loader = loaders.entry(source.clone()).or_insert_with(|| {
            let loader = DataLoader::new(self.backend.clone(), TokioSpawner::current(), YieldTimer);
            Arc::new(loader.max_batch_size(usize::MAX))
        });
        Arc::clone(loader)
    }

    /// Returns the value of a key if it is already loaded.
    pub fn get_loaded<K: LoaderKey>(&self, key: &K) -> Option<K::Value> {
        K::cache(&self.backend.caches).get(key)
    }

    /// Returns the loader that fetches whole levels.
    pub fn backend(&self) -> &CatalogLoader {
        &self.backend
    }

    /// Starts a prefetch of values of a source. It runs while fields wait for the values.
    pub fn start(&self, source: &SourceId, prefetch: impl Future<Output = ()> + Send + 'static) {
        self.started.lock().entry(source.clone()).or_default().push(prefetch.boxed().shared());
    }

    /// Returns a page of events; the same page again without another call.
    ///
    /// # Errors
    ///
    /// The filter names unknown sources.
    pub async fn load_event_page(&self, query: EventQuery) -> Result<EventPage, InvalidArgument> {
        let loaded = self.event_pages.lock().iter().find(|(known, _)| *known == query).map(|(_, page)| page.clone());
        if let Some(page) = loaded {
            return Ok(page);
        }
        let page = self.backend.catalog.list_events(&query).await?;
        self.event_pages.lock().push((query, page.clone()));
        Ok(page)
    }
}

/// Groups keys by their argument, fetches once per argument and returns the values in the order of the keys.
async fn group_by_argument<K, A, I, V, F>(
    keys: &[K],
    split: impl Fn(&K) -> (A, I),
    fetch: impl Fn(A, Vec<I>) -> F,
) -> Vec<V>
where
    A: PartialEq,
    F: Future<Output = Vec<V>>,
{
    let mut groups: Vec<(A, Vec<usize>, Vec<I>)> = Vec::new();
    for (index, key) in keys.iter().enumerate() {
        let (argument, item) = split(key);
        match groups.iter_mut().find(|(existing, ..)| *existing == argument) {
            Some((_, indexes, items)) => {
                indexes.push(index);
                items.push(item);
            }
            None => groups.push((argument, vec![index], vec![item])),
        }
    }
    let calls = groups.into_iter().map(|(argument, indexes, items)| {
        let values = fetch(argument, items);
        async move { indexes.into_iter().zip(values.await) }
    });
    let mut indexed: Vec<(usize, V)> = join_all(calls).await.into_iter().flatten().collect();
    indexed.sort_unstable_by_key(|(index, _)| *index);
    indexed.into_iter().map(|(_, value)| value).collect()
}

/// An event by its key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EventByKey(pub Sourced<EventKey>);

impl LoaderKey for EventByKey {
    type Value = Result<SourcedEvent, VendorError>;

    fn cache(memos: &RequestCaches) -> &RequestCache<Self> {
        &memos.events
    }

    fn source(&self) -> &SourceId {
        &self.0.source.id
    }

    fn track(&self, value: &Self::Value, dependencies: &DependencyTracker) {
        dependencies.record_event(&self.0.source.id, &self.0.value);
        dependencies.record_result(&self.0.source.id, value, |event| event.value.freshness);
    }

    async fn fetch(catalog: &UnifiedCatalog, keys: &[Self]) -> Vec<Self::Value> {
        let keys: Vec<_> = keys.iter().map(|key| key.0.clone()).collect();
        catalog.load_events(&keys).await
    }
}

/// The ticket types of an event.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TicketTypesOf(pub SourcedEvent);

impl LoaderKey for TicketTypesOf {
    type Value = Result<Observed<Arc<Vec<TicketType>>>, VendorError>;

    fn cache(memos: &RequestCaches) -> &RequestCache<Self> {
        &memos.ticket_types
    }

    fn source(&self) -> &SourceId {
        &self.0.source.id
    }

    fn track(&self, value: &Self::Value, dependencies: &DependencyTracker) {
        dependencies.record_event(&self.0.source.id, &self.0.value.value.key);
        dependencies.record_result(&self.0.source.id, value, |list| list.freshness);
    }

    async fn fetch(catalog: &UnifiedCatalog, keys: &[Self]) -> Vec<Self::Value> {
        let events: Vec<_> = keys.iter().map(|key| key.0.clone()).collect();
        catalog.load_ticket_types(&events).await
    }
}

/// A page of the performances of an event.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PerformancesOf {
    /// The event.
    pub event: SourcedEvent,
    /// The page to load.
    pub query: PerformanceQuery,
}

impl LoaderKey for PerformancesOf {
    type Value = Result<PerformancePage, VendorError>;

    fn cache(memos: &RequestCaches) -> &RequestCache<Self> {
        &memos.performance_pages
    }

    fn source(&self) -> &SourceId {
        &self.event.source.id
    }

    fn track(&self, value: &Self::Value, dependencies: &DependencyTracker) {
        dependencies.record_event(&self.event.source.id, &self.event.value.value.key);
        dependencies.record_result(&self.event.source.id, value, |page| page.freshness);
        if let Some(until) = self.query.valid_until() {
            dependencies.expire_at(until);
        }
    }

    async fn fetch(catalog: &UnifiedCatalog, keys: &[Self]) -> Vec<Self::Value> {
        group_by_argument(
            keys,
            |key| (key.query.clone(), key.event.clone()),
            |query, events| async move { catalog.list_performances(&events, &query).await },
        )
        .await
    }
}

/// A performance by its key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PerformanceByKey(pub Sourced<PerformanceKey>);

impl LoaderKey for PerformanceByKey {
    type Value = Result<SourcedPerformance, VendorError>;

    fn cache(memos: &RequestCaches) -> &RequestCache<Self> {
        &memos.performances
    }

    fn source(&self) -> &SourceId {
        &self.0.source.id
    }

    fn track(&self, value: &Self::Value, dependencies: &DependencyTracker) {
        dependencies.record_result(&self.0.source.id, value, |performance| performance.value.freshness);
    }

    async fn fetch(catalog: &UnifiedCatalog, keys: &[Self]) -> Vec<Self::Value> {
        let keys: Vec<_> = keys.iter().map(|key| key.0.clone()).collect();
        catalog.load_performances(&keys).await
    }
}

/// The availability of a performance.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AvailabilityOf {
    /// The performance.
    pub performance: SourcedPerformance,
    /// Largest accepted age of the data.
    pub max_age: Duration,
}

impl LoaderKey for AvailabilityOf {
    type Value = AvailabilityOutcome;

    fn cache(memos: &RequestCaches) -> &RequestCache<Self> {
        &memos.availability
    }

    fn source(&self) -> &SourceId {
        &self.performance.source.id
    }

    fn track(&self, value: &Self::Value, dependencies: &DependencyTracker) {
        let (source, performance) = (&self.performance.source.id, &self.performance.value.value);
        match &value.problem {
            None => dependencies.record_availability(source, &performance.key, value.availability.freshness),
            Some(_) => dependencies.mark_uncacheable(),
        }
    }

    async fn fetch(catalog: &UnifiedCatalog, keys: &[Self]) -> Vec<Self::Value> {
        group_by_argument(
            keys,
            |key| (key.max_age, key.performance.clone()),
            |max_age, performances| async move { catalog.load_availability(&performances, max_age).await },
        )
        .await
    }
}

/// The calendar of an event.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CalendarOf {
    /// The event.
    pub event: SourcedEvent,
    /// The days.
    pub days: DayRange,
}

impl LoaderKey for CalendarOf {
    type Value = Result<Arc<Vec<CalendarDay>>, VendorError>;

    fn cache(memos: &RequestCaches) -> &RequestCache<Self> {
        &memos.calendars
    }

    fn source(&self) -> &SourceId {
        &self.event.source.id
    }

    fn track(&self, value: &Self::Value, dependencies: &DependencyTracker) {
        let source = &self.event.source.id;
        dependencies.record_event(source, &self.event.value.value.key);
        match value {
            Ok(days) => days.iter().for_each(|day| dependencies.record_calendar_day(source, day.freshness)),
            Err(_) => dependencies.mark_uncacheable(),
        }
    }

    async fn fetch(catalog: &UnifiedCatalog, keys: &[Self]) -> Vec<Self::Value> {
        group_by_argument(
            keys,
            |key| (key.days, key.event.clone()),
            |days, events| async move { catalog.load_calendar(&events, days).await },
        )
        .await
    }
}

/// A page of the admission tokens of an event.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TokensOf {
    /// The event.
    pub event: SourcedEvent,
    /// The page to load.
    pub query: AdmissionTokenQuery,
}

impl LoaderKey for TokensOf {
    type Value = Result<AdmissionTokenPage, VendorError>;

    fn cache(memos: &RequestCaches) -> &RequestCache<Self> {
        &memos.token_pages
    }

    fn source(&self) -> &SourceId {
        &self.event.source.id
    }

    fn track(&self, _: &Self::Value, dependencies: &DependencyTracker) {
        // Credentials are never cached.
        dependencies.mark_uncacheable();
    }

    async fn fetch(catalog: &UnifiedCatalog, keys: &[Self]) -> Vec<Self::Value> {
        group_by_argument(
            keys,
            |key| (key.query, key.event.clone()),
            |query, events| async move { catalog.list_tokens(&events, &query).await },
        )
        .await
    }
}

/// An admission token by its key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TokenByKey(pub Sourced<TokenKey>);

impl LoaderKey for TokenByKey {
    type Value = Result<Arc<AdmissionToken>, VendorError>;

    fn cache(memos: &RequestCaches) -> &RequestCache<Self> {
        &memos.tokens
    }

    fn source(&self) -> &SourceId {
        &self.0.source.id
    }

    fn track(&self, _: &Self::Value, dependencies: &DependencyTracker) {
        // Credentials are never cached.
        dependencies.mark_uncacheable();
    }

    async fn fetch(catalog: &UnifiedCatalog, keys: &[Self]) -> Vec<Self::Value> {
        join_all(keys.iter().map(|key| catalog.load_token(&key.0))).await
    }
}
