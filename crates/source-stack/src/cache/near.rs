//! The near half of the cache: answers at the speed of memory, and falls back on what it knows when the vendor does not answer.
//!
//! It stands outermost, above the coalescing, since a hit must cost no lock that others could hold.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use jiff::Timestamp;
use metrics::{Counter, Histogram, SharedString, counter, histogram};
use tokio::time::timeout;

use crate::cache::{Answer, Entry, Shelf, Slot, after};
use crate::question::{Layer, Question};
use domain::{Batch, Catalog, ErrorKind, Freshness, FreshnessMode, Operation, SourceId, VendorError};
use telemetry::explain::note;

/// How long after one attempt to fetch an entry anew the next is made, in milliseconds.
const BETWEEN_REFRESHES: i64 = 5_000;

/// The near half of the cache.
pub(crate) struct Near {
    shelf: Shelf,
    inner: Arc<dyn Catalog>,
    counts: Counts,
}

/// What memory has on an item.
enum Look<A> {
    /// An answer to give.
    Answer(Result<A, VendorError>),
    /// An answer to give, marked stale, while it is fetched anew by whoever finds it due.
    Late { answer: A, is_due: bool },
    /// Nothing that may be given without asking.
    Nothing,
}

impl Near {
    pub(crate) fn new(shelf: Shelf, inner: Arc<dyn Catalog>) -> Self {
        Self { counts: Counts::new(shelf.source()), shelf, inner }
    }

    fn look<Q: Question>(&self, question: &Q, item: &Q::Item) -> Look<Q::Answer> {
        let now = self.shelf.cache.clock.now();
        let slot = question.slot(self.shelf.source(), item);
        let entry = self.shelf.find(&slot);
        let known = match entry.as_deref() {
            Some(Entry::Missing { error, until, .. }) if now < *until => return Look::Answer(Err(error.clone())),
            Some(Entry::Known(known)) => known,
            _ => return Look::Nothing,
        };
        let Some(answer) = known.answer::<Q::Answer>() else { return Look::Nothing };
        let is_trusted = self.shelf.marks().is_trusted(known.asked_at);
        if let Some(max_age) = question.max_age() {
            let is_young = |age: &Freshness| is_trusted && !max_age.is_zero() && age.is_within(max_age, now);
            let young = answer.freshness().filter(is_young);
            return young.map_or(Look::Nothing, |freshness| {
                let expires_at = Some(after(freshness.observed_at, max_age));
                Look::Answer(Ok(answer.clone().told_as(FreshnessMode::Cached, expires_at)))
            });
        }
        if is_trusted && now < known.fresh_until {
            return Look::Answer(Ok(answer.clone()));
        }
        if now >= known.lenient_until {
            return Look::Nothing;
        }
        let (millis, due) = (now.as_millisecond(), known.next_refresh.load(Relaxed));
        let next = millis + BETWEEN_REFRESHES;
        let is_due = millis >= due && known.next_refresh.compare_exchange(due, next, Relaxed, Relaxed).is_ok();
        Look::Late { answer: answer.clone().told_as(FreshnessMode::Stale, Some(known.fresh_until)), is_due }
    }

    /// Fetches items anew while their old answers are already on their way to the caller.
    fn refresh<Q: Question>(&self, question: Q, items: Vec<Q::Item>) {
        let inner = Arc::clone(&self.inner);
        self.shelf.tasks().spawn(async move {
            question.ask(&*inner, items).await;
        });
    }

    async fn ask<Q: Question>(&self, question: &Q, items: Vec<Q::Item>) -> Batch<Q::Key, Q::Answer> {
        let void_since = |slot: &Slot| self.shelf.marks().void_since(slot);
        let items: Vec<Q::Item> =
            items.into_iter().map(|item| question.current(self.shelf.source(), item, void_since)).collect();
        let asking = question.ask(&*self.inner, items.clone());
        let has_all = items.iter().all(|item| self.fallback(question, item).is_some());
        let mut answers = if has_all {
            // The flight goes on in its own task, and its answer is remembered; only this caller waits no longer.
            timeout(self.shelf.lifetimes.patience, asking).await.unwrap_or_else(|_| {
                let late = VendorError::new(self.shelf.source(), Q::OPERATION, ErrorKind::Timeout);
                items.iter().map(|item| (Q::key(item), Err(late.clone()))).collect()
            })
        } else {
            asking.await
        };
        let mut late = 0;
        for item in &items {
            let Some(answer) = answers.get_mut(&Q::key(item)) else { continue };
            if answer.as_ref().is_err_and(is_fault)
                && let Some(known) = self.fallback(question, item)
            {
                *answer = Ok(known);
                late += 1;
            }
        }
        self.counts.of(Q::OPERATION).rescued.increment(late);
        note(self.shelf.source().as_str(), Q::OPERATION.name(), |noted| noted.stale += late);
        answers
    }

    /// Counts hits, late answers and misses, and how old the oldest answer is.
    fn tell(&self, operation: Operation, [hits, late, misses]: [u64; 3], oldest: Option<Timestamp>) {
        let counts = self.counts.of(operation);
        counts.hits.increment(hits);
        counts.late.increment(late);
        counts.misses.increment(misses);
        let age = oldest.and_then(|at| Duration::try_from(self.shelf.cache.clock.now().duration_since(at)).ok());
        if let Some(age) = age {
            counts.ages.record(age.as_secs_f64());
        }
        note(self.shelf.source().as_str(), operation.name(), |noted| {
            noted.memory += hits;
            noted.stale += late;
            noted.missed += misses;
            noted.oldest = noted.oldest.max(age);
        });
    }

    /// What may be told when the vendor does not answer: never what is free, of which the caller says how old it may be.
    fn fallback<Q: Question>(&self, question: &Q, item: &Q::Item) -> Option<Q::Answer> {
        if question.max_age().is_some() {
            return None;
        }
        match &*self.shelf.find(&question.slot(self.shelf.source(), item))? {
            Entry::Known(known) => known.fallback(self.shelf.cache.clock.now()),
            Entry::Missing { .. } => None,
        }
    }
}

impl Layer for Near {
    fn source(&self) -> &SourceId {
        self.shelf.source()
    }

    async fn answer<Q: Question>(&self, question: Q, items: Vec<Q::Item>) -> Batch<Q::Key, Q::Answer> {
        let mut answers = Batch::with_capacity(items.len());
        let (mut missing, mut due, mut late) = (Vec::new(), Vec::new(), 0);
        let mut oldest = None;
        for item in items {
            match self.look(&question, &item) {
                Look::Answer(answer) => {
                    oldest = older(oldest, answer.as_ref().ok());
                    answers.insert(Q::key(&item), answer);
                }
                Look::Late { answer, is_due } => {
                    late += 1;
                    oldest = older(oldest, Some(&answer));
                    answers.insert(Q::key(&item), Ok(answer));
                    if is_due {
                        due.push(item);
                    }
                }
                Look::Nothing => missing.push(item),
            }
        }
        let hits = (answers.len() as u64).saturating_sub(late);
        self.tell(Q::OPERATION, [hits, late, missing.len() as u64], oldest);
        if !due.is_empty() {
            self.refresh(question.clone(), due);
        }
        if !missing.is_empty() {
            answers.extend(self.ask(&question, missing).await);
        }
        answers
    }
}

/// The earlier of an instant and that at which an answer was observed.
fn older<A: Answer>(oldest: Option<Timestamp>, answer: Option<&A>) -> Option<Timestamp> {
    let observed = answer.and_then(Answer::freshness).map(|age| age.observed_at);
    oldest.into_iter().chain(observed).min()
}

/// Whether the vendor failed, rather than said no.
fn is_fault(error: &VendorError) -> bool {
    !matches!(error.kind, ErrorKind::NotFound | ErrorKind::Rejected(_) | ErrorKind::Unsupported)
}

/// The counters of one source, looked up once: a hit must not search a registry.
struct Counts(Vec<(Operation, Lookups)>);

struct Lookups {
    hits: Counter,
    late: Counter,
    rescued: Counter,
    misses: Counter,
    ages: Histogram,
}

impl Counts {
    fn new(source: &SourceId) -> Self {
        let operations = [
            Operation::ListEvents,
            Operation::LoadEvents,
            Operation::LoadTicketTypes,
            Operation::ListPerformances,
            Operation::LoadPerformances,
            Operation::LoadAvailability,
            Operation::LoadCalendar,
        ];
        Self(operations.into_iter().map(|operation| (operation, Lookups::new(source, operation))).collect())
    }

    fn of(&self, operation: Operation) -> &Lookups {
        let found = self.0.iter().find(|(known, _)| *known == operation);
        &found.unwrap_or(&self.0[0]).1
    }
}

impl Lookups {
    fn new(source: &SourceId, operation: Operation) -> Self {
        let count = |outcome: &'static str| {
            let labels = [
                ("source", SharedString::from(source.to_string())),
                ("operation", SharedString::const_str(operation.name())),
                ("level", SharedString::const_str("memory")),
                ("outcome", SharedString::const_str(outcome)),
            ];
            counter!("ticketgraph_cache_lookups_total", &labels)
        };
        let labels = [
            ("source", SharedString::from(source.to_string())),
            ("operation", SharedString::const_str(operation.name())),
        ];
        let ages = histogram!("ticketgraph_cache_age_seconds", &labels);
        Self { hits: count("hit"), late: count("stale"), rescued: count("rescued"), misses: count("miss"), ages }
    }
}
