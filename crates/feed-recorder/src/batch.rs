//! Compares observed objects with the ledger and records changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use change_feed::{ChangeKind, FactChange, FactKey, FactStore, NewChange, StoredFacts};
use domain::{Clock, EventKey, PerformanceKey, SourceId, StoreError};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use quick_cache::sync::Cache;
use source_stack::{CatalogCache, Invalidation};

use crate::FeedSettings;
use crate::object::{CompleteList, LISTED, Observed, ObservedObject, key, subject};

/// Maximum number of changes in one transaction.
const MAX_CHANGES: usize = 500;
/// Maximum number of objects of one list that are compared with it.
const MAX_LISTED: usize = 200_000;
/// Attempts to record a change that another replica changes, too.
const MAX_ATTEMPTS: usize = 3;

/// The facts that the feed has named: in the store, and those used last in memory.
pub(crate) struct FactLedger {
    store: Arc<dyn FactStore>,
    cache: Arc<CatalogCache>,
    clock: Arc<dyn Clock>,
    known: Cache<FactKey, Arc<StoredFacts>>,
    coalesce: Duration,
    max_pending: usize,
    lossy: Arc<Mutex<BTreeSet<SourceId>>>,
}

impl FactLedger {
    pub(crate) fn new(
        store: Arc<dyn FactStore>,
        cache: Arc<CatalogCache>,
        clock: Arc<dyn Clock>,
        settings: &FeedSettings,
        lossy: Arc<Mutex<BTreeSet<SourceId>>>,
    ) -> Self {
        Self {
            store,
            cache,
            clock,
            known: Cache::new(settings.known_facts.max(1)),
            coalesce: settings.coalesce,
            max_pending: settings.known_facts.max(1),
            lossy,
        }
    }

    /// Records the changes among observed objects. Those whose last entry is too recent stay in `observed`, unless all are due or there
    /// are too many.
    pub(crate) async fn record(&mut self, observed: &mut Observed, is_forced: bool) {
        let is_forced = is_forced || observed.objects.len() > self.max_pending;
        for attempt in 1..=MAX_ATTEMPTS {
            match self.try_record(observed, is_forced).await {
                Ok(true) => return,
                Ok(false) if attempt < MAX_ATTEMPTS => {}
                Ok(false) => self.give_up(observed, "changed again and again by other replicas"),
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "changes could not be recorded in the feed"
                    );
                    return self.give_up(observed, "store");
                }
            }
        }
    }

    /// Counts objects that are not recorded. The next refresh of their sources observes them again.
    fn give_up(&self, observed: &mut Observed, reason: &str) {
        let sources =
            observed.objects.keys().map(|key| &key.source).chain(observed.lists.iter().map(|list| &list.source));
        for source in sources.collect::<BTreeSet<_>>() {
            tracing::warn!(source = source.as_str(), reason, "observed facts of a source are not in the feed yet");
            let labels = [("source", source.to_string()), ("outcome", "failed".to_owned())];
            metrics::counter!("ticketgraph_feed_observations_total", &labels).increment(1);
            self.lossy.lock().insert(source.clone());
        }
        *observed = Observed::default();
    }

    /// Returns false if another replica has recorded some of the objects meanwhile; they stay in `observed`.
    async fn try_record(&mut self, observed: &mut Observed, is_forced: bool) -> Result<bool, StoreError> {
        observed.objects.retain(|key, object| !self.is_known(key, object));
        self.load(observed).await?;
        self.add_gone(observed).await?;
        let (changes, rest) = self.changes(std::mem::take(&mut observed.objects), is_forced);
        observed.objects = rest;
        observed.lists.clear();
        let mut is_complete = true;
        let mut changes = changes.into_iter().peekable();
        while changes.peek().is_some() {
            let batch: Vec<(FactChange, ObservedObject)> = changes.by_ref().take(MAX_CHANGES).collect();
            let (batch, objects): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
            self.invalidate(&batch).await;
            let written = match self.store.record_facts(&batch).await {
                Ok(written) => written,
                Err(error) => {
                    // Sources are known by the objects that are put back.
                    let unwritten = batch.into_iter().map(|change| change.key).zip(objects);
                    observed.objects.extend(unwritten.chain(changes.map(|(change, object)| (change.key, object))));
                    return Err(error);
                }
            };
            for ((change, object), is_written) in batch.into_iter().zip(objects).zip(written) {
                if is_written {
                    let kind = change.key.kind.name();
                    metrics::counter!("ticketgraph_feed_changes_total", "kind" => kind).increment(1);
                    self.known.insert(change.key, Arc::new(change.facts));
                } else {
                    is_complete = false;
                    self.known.remove(&change.key);
                    observed.objects.insert(change.key, object);
                }
            }
        }
        Ok(is_complete)
    }

    /// Returns true if memory shows that nothing of an object has changed.
    fn is_known(&self, key: &FactKey, object: &ObservedObject) -> bool {
        self.known.get(key).is_some_and(|known| is_unchanged(&known, object))
    }

    /// Loads the stored facts of objects and of their events that memory lacks or that differ from it.
    async fn load(&self, observed: &Observed) -> Result<(), StoreError> {
        let mut wanted: BTreeMap<(ChangeKind, SourceId), BTreeSet<String>> = BTreeMap::new();
        for (key, object) in &observed.objects {
            wanted.entry((key.kind, key.source.clone())).or_default().insert(key.key.clone());
            if let Some(parent) = &object.parent {
                let event = self::key(ChangeKind::Event, &key.source, parent);
                if self.known.get(&event).is_none() {
                    wanted.entry((ChangeKind::Event, key.source.clone())).or_default().insert(parent.clone());
                }
            }
        }
        for ((kind, source), keys) in wanted {
            let keys: Vec<String> = keys.into_iter().collect();
            for keys in keys.chunks(1_000) {
                let found = self.store.load_facts(kind, &source, keys).await?;
                for (name, facts) in found {
                    self.known.insert(key(kind, &source, &name), Arc::new(facts));
                }
            }
        }
        Ok(())
    }

    /// Adds the objects that complete lists lack.
    async fn add_gone(&self, observed: &mut Observed) -> Result<(), StoreError> {
        for list in std::mem::take(&mut observed.lists) {
            let stored = self.store.list_facts(list.kind, &list.source, list.parent.as_deref(), MAX_LISTED).await?;
            for (name, facts) in stored {
                if is_missing(&list, &name, &facts) {
                    let key = key(list.kind, &list.source, &name);
                    let (parent, starts_at) = (facts.parent.clone(), facts.starts_at);
                    let gone = ObservedObject { parts: BTreeMap::new(), at: list.at, parent, starts_at, is_gone: true };
                    self.known.insert(key.clone(), Arc::new(facts));
                    observed.objects.insert(key, gone);
                }
            }
            observed.lists.push(list);
        }
        Ok(())
    }

    /// Splits objects into changes and those that wait. Objects of events that are not public are left out.
    fn changes(
        &self,
        objects: BTreeMap<FactKey, ObservedObject>,
        is_forced: bool,
    ) -> (Vec<(FactChange, ObservedObject)>, BTreeMap<FactKey, ObservedObject>) {
        let (mut changes, mut waiting) = (Vec::new(), BTreeMap::new());
        let now = self.clock.now();
        let is_listed = |key: &FactKey| {
            objects.get(key).is_some_and(|object| object.parts.contains_key(LISTED))
                || self.known.get(key).is_some_and(|known| known.digests.contains_key(LISTED))
        };
        for (key, object) in &objects {
            let is_public = match key.kind {
                ChangeKind::Event => is_listed(key),
                ChangeKind::Performance => {
                    let event =
                        object.parent.as_deref().map(|parent| self::key(ChangeKind::Event, &key.source, parent));
                    object.is_gone || event.is_some_and(|event| is_listed(&event))
                }
                _ => true,
            };
            let stored = self.known.get(key);
            let is_settled =
                stored.as_deref().is_some_and(|stored| is_unchanged(stored, object) || is_older(stored, object));
            if !is_public || is_settled {
                continue;
            }
            if !is_forced && stored.as_deref().is_some_and(|stored| is_recent(stored.seen_at, now, self.coalesce)) {
                waiting.insert(key.clone(), object.clone());
                continue;
            }
            changes.push((fact_change(key, stored.as_deref(), object, now), object.clone()));
        }
        (changes, waiting)
    }

    /// Returns true if a value that the feed has named before was replaced, or if the object has gone.
    fn replaces_values(&self, change: &FactChange) -> bool {
        let Some(stored) = self.known.get(&change.key) else { return false };
        stored.digests.iter().any(|(part, digest)| change.facts.digests.get(part) != Some(digest))
    }

    /// Invalidates the cached values of changed objects on all replicas, so that none is served after the entry of the feed.
    async fn invalidate(&self, changes: &[FactChange]) {
        let mut events: BTreeMap<&SourceId, BTreeSet<&str>> = BTreeMap::new();
        let mut performances: BTreeMap<&SourceId, Vec<PerformanceKey>> = BTreeMap::new();
        // Nobody was served an older value of what is observed for the first time.
        let replaced = changes.iter().filter(|change| self.replaces_values(change));
        for FactChange { key, facts, .. } in replaced {
            match key.kind {
                ChangeKind::Event => {
                    events.entry(&key.source).or_default().insert(&key.key);
                }
                ChangeKind::Performance => {
                    performances.entry(&key.source).or_default().push(PerformanceKey::new(key.key.as_str()));
                    events.entry(&key.source).or_default().extend(facts.parent.as_deref());
                }
                _ => {}
            }
        }
        for (source, keys) in events {
            let keys = keys.into_iter().map(EventKey::new).collect();
            self.cache.invalidate_everywhere(&Invalidation::Facts(source.clone(), keys)).await;
        }
        for (source, keys) in performances {
            self.cache.invalidate_everywhere(&Invalidation::Performances(source.clone(), keys)).await;
        }
    }
}

/// Returns true if the stored digests contain those that were observed.
fn is_unchanged(stored: &StoredFacts, object: &ObservedObject) -> bool {
    if object.is_gone {
        return stored.digests.is_empty();
    }
    object.parts.iter().all(|(part, digest)| stored.digests.get(*part) == Some(digest))
}

/// Returns true if an object was observed before its stored state.
fn is_older(stored: &StoredFacts, object: &ObservedObject) -> bool {
    object.at < stored.seen_at
}

/// Returns true if a time is less than `span` ago. Another replica's clock may be ahead.
fn is_recent(seen_at: Timestamp, now: Timestamp, span: Duration) -> bool {
    let age = now.duration_since(seen_at);
    age >= SignedDuration::ZERO && age < SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX)
}

fn is_missing(list: &CompleteList, name: &str, facts: &StoredFacts) -> bool {
    !list.keys.contains(name) && facts.seen_at <= list.at && list.covers(facts.starts_at) && !facts.digests.is_empty()
}

/// Returns the change of an object from its stored state.
fn fact_change(key: &FactKey, stored: Option<&StoredFacts>, object: &ObservedObject, now: Timestamp) -> FactChange {
    let expected_version = stored.map_or(0, |stored| stored.version);
    let mut facts = stored.cloned().unwrap_or_default();
    if object.is_gone {
        facts.digests.clear();
    }
    facts.digests.extend(object.parts.iter().map(|(part, digest)| ((*part).to_owned(), digest.clone())));
    facts.version = expected_version + 1;
    facts.seen_at = object.at;
    facts.parent = object.parent.clone().or(facts.parent);
    facts.starts_at = object.starts_at.or(facts.starts_at);
    let reseller = (key.kind == ChangeKind::Connection).then(|| key.key.clone());
    let subject = subject(key, facts.parent.as_deref());
    let change = NewChange { at: now, subject, version: facts.version, reseller };
    FactChange { key: key.clone(), expected_version, facts, change }
}
