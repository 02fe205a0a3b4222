//! The far half of the cache: the store that replicas share, and the only place where answers are remembered.
//!
//! It stands below the coalescing: one flight reads the store once and remembers once, however many wait for it, and what was
//! fetched is remembered also when nobody waits for it any more.

use std::sync::Arc;

use metrics::counter;

use crate::cache::envelope::{self, Flaw, Opened};
use crate::cache::{Answer, CacheStore, LARGEST_SHARED, LONGEST_SHARED, Shelf, Slot, after, mark_name};
use crate::question::{Layer, Question};
use domain::{Batch, Catalog, ErrorKind, Operation, SourceId};
use telemetry::explain::note;

/// The far half of the cache.
pub(crate) struct Far {
    shelf: Shelf,
    inner: Arc<dyn Catalog>,
}

/// What is asked about, with the marks of the shared store at that time.
struct Wanted<I> {
    item: I,
    slot: Slot,
    /// `None`: the store could not be asked, so that nothing is shared either.
    marks: Option<Vec<Option<String>>>,
}

impl Far {
    pub(crate) fn new(shelf: Shelf, inner: Arc<dyn Catalog>) -> Self {
        Self { shelf, inner }
    }

    /// Looks the items up in the shared store. What is fresh there is answered; all that is usable there is remembered here.
    async fn look<Q: Question>(
        &self,
        question: &Q,
        wanted: &mut Vec<Wanted<Q::Item>>,
        asked_at: u64,
    ) -> Batch<Q::Key, Q::Answer> {
        let mut answers = Batch::new();
        let Some(store) = &self.shelf.cache.store else { return answers };
        let names: Vec<String> = wanted.iter().flat_map(|wanted| self.names(&wanted.slot)).collect();
        let Some(mut values) = store.load(&names).await.map(Vec::into_iter) else { return answers };
        let mut flawed = Vec::new();
        let mut open = Vec::with_capacity(wanted.len());
        for mut one in wanted.drain(..) {
            let value = values.next().flatten();
            let marks: Vec<Option<String>> =
                values.by_ref().take(one.slot.tags().len()).map(|mark| mark.and_then(text)).collect();
            let name = self.shelf.shared_name(&one.slot);
            let opened = value.map(|value| envelope::open::<Q::Answer>(&value, &name, self.shelf.cache.clock.now()));
            let fresh = match opened {
                Some(Ok(opened)) if opened.marks == marks => self.take(question, &one.slot, opened, asked_at),
                Some(Err(flaw)) => {
                    self.count(flaw);
                    flawed.push(name);
                    None
                }
                _ => None,
            };
            one.marks = Some(marks);
            match fresh {
                Some(answer) => drop(answers.insert(Q::key(&one.item), Ok(answer))),
                None => open.push(one),
            }
        }
        self.tell(Q::OPERATION, answers.len() as u64, open.len() as u64);
        *wanted = open;
        self.discard(store, flawed);
        answers
    }

    /// Remembers here what was shared, and answers with it where it may still be told without asking.
    fn take<Q: Question>(
        &self,
        question: &Q,
        slot: &Slot,
        opened: Opened<Q::Answer>,
        asked_at: u64,
    ) -> Option<Q::Answer> {
        let now = self.shelf.cache.clock.now();
        // What we forgot ourselves a moment ago may still be on its way out of the store.
        if self.shelf.marks().void_since(slot).is_some_and(|at| at >= opened.fetched_at) {
            return None;
        }
        let life = self.shelf.lifetime(slot.operation);
        let fresh_until = after(opened.fetched_at, life.fresh);
        self.shelf.remember(slot.clone(), &opened.answer, (asked_at, opened.fetched_at));
        let is_young = match question.max_age() {
            Some(max_age) => {
                !max_age.is_zero() && opened.answer.freshness().is_some_and(|known| known.is_within(max_age, now))
            }
            None => now < fresh_until,
        };
        let told = || opened.answer.told_as(domain::FreshnessMode::Cached, Some(fresh_until));
        is_young.then(told)
    }

    /// Remembers what the vendor said, here and in the shared store.
    fn keep<A: Answer>(&self, slot: Slot, marks: Option<Vec<Option<String>>>, answer: &A, asked_at: u64) {
        let now = self.shelf.cache.clock.now();
        if let Some((store, marks)) = self.shelf.cache.store.as_ref().zip(marks) {
            let name = self.shelf.shared_name(&slot);
            if let Some(bytes) = envelope::seal(&name, &marks, now, answer, LARGEST_SHARED) {
                let (store, life) = (Arc::clone(store), self.shelf.lifetime(slot.operation).stale.min(LONGEST_SHARED));
                // Nobody who asked waits for the store to take it.
                self.shelf.tasks().spawn(async move { store.keep(name, bytes, life).await });
            }
        }
        self.shelf.remember(slot, answer, (asked_at, now));
    }

    /// The name of the answer, then those of its marks.
    fn names(&self, slot: &Slot) -> Vec<String> {
        std::iter::once(self.shelf.shared_name(slot)).chain(slot.tags().iter().map(mark_name)).collect()
    }

    fn discard(&self, store: &Arc<dyn CacheStore>, names: Vec<String>) {
        if !names.is_empty() {
            let store = Arc::clone(store);
            self.shelf.tasks().spawn(async move { store.discard(names).await });
        }
    }

    /// Counts what the shared store had, and had not.
    fn tell(&self, operation: Operation, hits: u64, misses: u64) {
        let source = self.shelf.source();
        for (outcome, number) in [("hit", hits), ("miss", misses)] {
            let labels = [
                ("source", source.to_string()),
                ("operation", operation.name().to_owned()),
                ("level", "shared".to_owned()),
                ("outcome", outcome.to_owned()),
            ];
            counter!("ticketgraph_cache_lookups_total", &labels).increment(number);
        }
        note(source.as_str(), operation.name(), |noted| noted.shared += hits);
    }

    fn count(&self, flaw: Flaw) {
        let source = self.shelf.source().to_string();
        counter!("ticketgraph_cache_dropped_total", "source" => source, "reason" => flaw.name()).increment(1);
    }
}

impl Layer for Far {
    fn source(&self) -> &SourceId {
        self.shelf.source()
    }

    async fn answer<Q: Question>(&self, question: Q, items: Vec<Q::Item>) -> Batch<Q::Key, Q::Answer> {
        // Before anything is asked: what is made void from here on must not be remembered.
        let asked_at = self.shelf.marks().moment();
        let source = self.shelf.source();
        let mut wanted: Vec<_> =
            items.into_iter().map(|item| Wanted { slot: question.slot(source, &item), item, marks: None }).collect();
        let mut answers = self.look(&question, &mut wanted, asked_at).await;
        if wanted.is_empty() {
            return answers;
        }
        let asked: Vec<Q::Item> = wanted.iter().map(|wanted| wanted.item.clone()).collect();
        let mut told = question.ask(&*self.inner, asked).await;
        for Wanted { item, slot, marks } in wanted {
            let key = Q::key(&item);
            let Some(answer) = told.remove(&key) else { continue };
            match &answer {
                Ok(answer) => self.keep(slot, marks, answer, asked_at),
                Err(error) if error.kind == ErrorKind::NotFound => {
                    self.shelf.remember_missing(slot, error.clone(), asked_at);
                }
                Err(_) => {}
            }
            answers.insert(key, answer);
        }
        answers
    }
}

fn text(bytes: Vec<u8>) -> Option<String> {
    String::from_utf8(bytes).ok()
}
