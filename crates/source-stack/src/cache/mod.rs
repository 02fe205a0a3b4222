//! The memory of what sources said: in this process, bounded by weight, in front of a store that replicas share.
//!
//! How the shared store is kept is none of its business: it owns the port `CacheStore`. Orders never read it.

mod answer;
mod edited;
mod envelope;
mod far;
mod forget;
mod marks;
mod near;
mod slot;

use std::any::Any;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use moka::policy::EvictionPolicy;
use tokio::sync::broadcast;
use tokio_util::task::TaskTracker;

pub(super) use answer::Answer;
pub(super) use far::Far;
pub(super) use forget::Forgetful;
pub use marks::Invalidation;
pub(super) use marks::Marks;
pub(super) use near::Near;
use slot::Tag;
pub(super) use slot::{Extent, FlightKey, Slot, Subject};

use crate::policy::{Lifetime, Lifetimes};
use domain::{Clock, FreshnessMode, Operation, PerformanceKey, SourceId, VendorError};

/// What replicas share. It may lose anything at any time, and nothing in it is needed.
///
/// No method takes longer than a bound of its own, tens of milliseconds, however sick the store is.
#[async_trait]
pub trait CacheStore: Send + Sync {
    /// Reads values, in the order of their names. `None`: the store could not be asked.
    async fn load(&self, names: &[String]) -> Option<Vec<Option<Vec<u8>>>>;

    /// Keeps a value for a while, as far as that is possible.
    async fn keep(&self, name: String, value: Vec<u8>, life: Duration);

    /// Drops values that are of no use.
    async fn discard(&self, names: Vec<String>);

    /// Sets marks to something that they never were, for a while, and tells the other replicas why.
    async fn announce(&self, marks: Vec<String>, life: Duration, what: &Invalidation);
}

/// What is heard from the other replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// One of them made something untrue.
    Untrue(Invalidation),
    /// They could not be heard for a while: what is remembered here is told on only while it is checked.
    Gap,
}

/// The longest that a value is shared.
const LONGEST_SHARED: Duration = Duration::from_secs(24 * 60 * 60);
/// Larger answers are not shared: reading them would take longer than the store is given.
const LARGEST_SHARED: usize = 1 << 20;
/// How many changes a listener may lag behind before it has to take everything for changed.
const NEWS: usize = 1024;

/// The memory of one process, for all its sources.
pub struct Cache {
    entries: moka::sync::Cache<Slot, Arc<Entry>>,
    store: Option<Arc<dyn CacheStore>>,
    marks: Arc<Marks>,
    clock: Arc<dyn Clock>,
    tasks: TaskTracker,
    news: broadcast::Sender<Invalidation>,
}

/// Something remembered.
enum Entry {
    Known(Known),
    /// The source does not know it.
    Missing {
        error: VendorError,
        until: Timestamp,
        asked_at: u64,
    },
}

struct Known {
    /// A `Question::Answer`, marked as cached.
    answer: Box<dyn Any + Send + Sync>,
    /// The same without prices, made when first needed, so that everybody is told the same allocation.
    bare: OnceLock<Option<Box<dyn Any + Send + Sync>>>,
    fetched_at: Timestamp,
    fresh_until: Timestamp,
    lenient_until: Timestamp,
    stale_until: Timestamp,
    /// When fetching it anew may be tried again, in milliseconds.
    next_refresh: AtomicI64,
    asked_at: u64,
    weight: usize,
}

impl Cache {
    /// A memory of at most so many bytes, in front of a shared store where there is one.
    pub fn new(
        max_bytes: u64,
        store: Option<Arc<dyn CacheStore>>,
        clock: Arc<dyn Clock>,
        tasks: TaskTracker,
    ) -> Arc<Self> {
        // Least recently used, not least frequently: a whole list that was just fetched must never be turned away.
        let entries = moka::sync::Cache::builder()
            .max_capacity(max_bytes)
            .weigher(|slot: &Slot, entry: &Arc<Entry>| {
                u32::try_from(slot.weight() + entry.weight()).unwrap_or(u32::MAX)
            })
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Arc::new(Self { entries, store, marks: Arc::default(), clock, tasks, news: broadcast::Sender::new(NEWS) })
    }

    /// Forgets what one of our own calls made untrue: here at once, in the shared store and at the other replicas soon.
    pub fn forget(self: &Arc<Self>, what: Invalidation) {
        self.forget_here(&what);
        if self.store.is_none() {
            return;
        }
        let cache = Arc::clone(self);
        self.tasks.spawn(async move {
            let Some(store) = &cache.store else { return };
            let marks = what.tags().unwrap_or_default().iter().map(mark_name).collect();
            store.announce(marks, LONGEST_SHARED, &what).await;
        });
    }

    /// The present moment: counted up with each thing that is forgotten.
    pub fn moment(&self) -> u64 {
        self.marks.moment()
    }

    /// Whether anything of these sources, or what is free for these performances, was forgotten after that moment, or may have
    /// been without our hearing of it.
    pub fn is_untrue<'a>(
        &self,
        sources: impl IntoIterator<Item = &'a SourceId>,
        performances: impl IntoIterator<Item = &'a (SourceId, PerformanceKey)>,
        since: u64,
    ) -> bool {
        let of_source = |source: &SourceId| {
            [Tag::Source(source.clone()), Tag::Lists(source.clone()), Tag::Performances(source.clone())]
        };
        let of_performance = |(source, key): &(SourceId, PerformanceKey)| Tag::Performance(source.clone(), key.clone());
        let mut tags: Vec<Tag> = sources.into_iter().flat_map(of_source).collect();
        tags.extend(performances.into_iter().map(of_performance));
        !self.marks.is_trusted(since) || self.marks.any_since(&tags, since)
    }

    /// Takes what was heard from the other replicas.
    pub fn hear(&self, heard: Heard) {
        match heard {
            Heard::Untrue(what) => self.forget_here(&what),
            Heard::Gap => {
                self.marks.distrust();
                let _ = self.news.send(Invalidation::Everything);
            }
        }
    }

    fn forget_here(&self, what: &Invalidation) {
        self.marks.mark(what, self.clock.now());
        // Nobody listening is fine.
        let _ = self.news.send(what.clone());
    }

    /// Tells everything that is forgotten from now on, for those who keep what was made of it.
    pub fn invalidations(&self) -> broadcast::Receiver<Invalidation> {
        self.news.subscribe()
    }

    /// How many answers are remembered, and roughly how many bytes they take.
    pub fn usage(&self) -> (u64, u64) {
        self.entries.run_pending_tasks();
        (self.entries.entry_count(), self.entries.weighted_size())
    }
}

/// The memory of one source.
#[derive(Clone)]
pub(super) struct Shelf {
    cache: Arc<Cache>,
    source: SourceId,
    /// Tells accounts apart that have the same name in different configurations of one shared store.
    realm: Arc<str>,
    lifetimes: Lifetimes,
}

impl Shelf {
    pub(super) fn new(cache: Arc<Cache>, source: SourceId, realm: &str, lifetimes: Lifetimes) -> Self {
        Self { cache, source, realm: Arc::from(realm), lifetimes }
    }

    pub(super) fn source(&self) -> &SourceId {
        &self.source
    }

    pub(super) fn marks(&self) -> &Arc<Marks> {
        &self.cache.marks
    }

    pub(super) fn tasks(&self) -> &TaskTracker {
        &self.cache.tasks
    }

    fn lifetime(&self, operation: Operation) -> Lifetime {
        let strict = |life| Lifetime { fresh: life, lenient: life, stale: life };
        match operation {
            Operation::ListEvents => self.lifetimes.lists,
            Operation::LoadCalendar => strict(self.lifetimes.calendar),
            Operation::LoadAvailability => strict(self.lifetimes.availability),
            _ => self.lifetimes.facts,
        }
    }

    /// What is remembered and was not made void since.
    fn find(&self, slot: &Slot) -> Option<Arc<Entry>> {
        let entry = self.cache.entries.get(slot)?;
        if self.cache.marks.is_void(slot, entry.asked_at()) {
            self.cache.entries.invalidate(slot);
            return None;
        }
        Some(entry)
    }

    /// Remembers an answer that was asked for at a moment and fetched at a time. What is not fit to be told again is not kept.
    fn remember<A: Answer>(&self, slot: Slot, answer: &A, (asked_at, fetched_at): (u64, Timestamp)) {
        let life = self.lifetime(slot.operation);
        let known = answer.freshness();
        // What the source itself only remembers, and cannot ask about, is asked of it again.
        if known.is_some_and(|freshness| freshness.mode == FreshnessMode::Stale) {
            return;
        }
        let kept_percent = 100 - fastrand::u32(0..=self.lifetimes.jitter_percent.min(99));
        let fresh = life.fresh * kept_percent / 100;
        let own_end = known.and_then(|freshness| freshness.expires_at).unwrap_or(Timestamp::MAX);
        let fresh_until = after(fetched_at, fresh).min(own_end);
        let entry = Entry::Known(Known {
            answer: Box::new(answer.clone().told_as(FreshnessMode::Cached, Some(fresh_until))),
            bare: OnceLock::new(),
            fetched_at,
            fresh_until,
            lenient_until: after(fetched_at, life.lenient),
            stale_until: after(fetched_at, life.stale),
            next_refresh: AtomicI64::new(0),
            asked_at,
            weight: answer.weight(),
        });
        // A copy from the shared store may be older than what is here.
        let is_newer = !matches!(self.cache.entries.get(&slot).as_deref(), Some(Entry::Known(known)) if known.fetched_at > fetched_at);
        if is_newer && !self.cache.marks.is_void(&slot, asked_at) {
            self.cache.entries.insert(slot, Arc::new(entry));
        }
    }

    /// Remembers for seconds that the source does not know it.
    fn remember_missing(&self, slot: Slot, error: VendorError, asked_at: u64) {
        let until = after(self.cache.clock.now(), self.lifetimes.not_found);
        self.cache.entries.insert(slot, Arc::new(Entry::Missing { error, until, asked_at }));
    }

    fn shared_name(&self, slot: &Slot) -> String {
        format!("v{}:{}:{slot}", envelope::SHAPE, self.realm)
    }
}

impl Entry {
    fn asked_at(&self) -> u64 {
        match self {
            Self::Known(known) => known.asked_at,
            Self::Missing { asked_at, .. } => *asked_at,
        }
    }

    fn weight(&self) -> usize {
        match self {
            Self::Known(known) => known.weight + size_of::<Known>(),
            Self::Missing { .. } => size_of::<Self>(),
        }
    }
}

impl Known {
    fn answer<A: Answer>(&self) -> Option<&A> {
        self.answer.downcast_ref()
    }

    /// What may be told when the vendor cannot be asked.
    fn fallback<A: Answer>(&self, now: Timestamp) -> Option<A> {
        if now >= self.stale_until {
            return None;
        }
        let told = if now < self.lenient_until { self.answer::<A>()?.clone() } else { self.bare()? };
        Some(told.told_as(FreshnessMode::Stale, Some(self.fresh_until)))
    }

    fn bare<A: Answer>(&self) -> Option<A> {
        let make = || {
            let bare = self.answer::<A>()?.without_prices()?;
            Some(Box::new(bare) as Box<dyn Any + Send + Sync>)
        };
        self.bare.get_or_init(make).as_ref()?.downcast_ref::<A>().cloned()
    }
}

fn mark_name(tag: &Tag) -> String {
    format!("mark:{tag}")
}

fn after(at: Timestamp, life: Duration) -> Timestamp {
    SignedDuration::try_from(life).ok().and_then(|life| at.checked_add(life).ok()).unwrap_or(Timestamp::MAX)
}
