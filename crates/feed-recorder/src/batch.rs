//! Compares observed objects with the ledger and records changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use change_feed::{ChangeKind, FactChange, FactKey, FactStore, StoredFacts};
use domain::{Clock, EventKey, PerformanceKey, SourceId, StoreError};
use parking_lot::Mutex;
use quick_cache::sync::Cache;
use source_stack::{CatalogCache, Invalidation, InvalidationEvent};

use crate::FeedSettings;
use crate::compare::{
    differs_in_sales_only, fact_change, facts_at, is_listed_event, is_missing, is_outdated, is_recent, is_settled,
    replaces,
};
use crate::object::{CompleteList, LISTED, Observed, ObservedObject, PAST, key};

/// Maximum number of changes in one transaction.
const MAX_CHANGES: usize = 500;
/// Maximum number of objects of one list that are compared with it.
const MAX_LISTED: usize = 200_000;
/// Attempts to record a change that another replica changes, too.
const MAX_ATTEMPTS: usize = 3;

/// Stored facts of the objects of a batch and of their events.
type Facts = BTreeMap<FactKey, Arc<StoredFacts>>;

/// The facts that the feed has named: in the store, and those used last in memory.
pub(crate) struct FactLedger {
    store: Arc<dyn FactStore>,
    cache: Arc<CatalogCache>,
    clock: Arc<dyn Clock>,
    /// Facts by which unchanged objects are recognized. Any of them may be evicted at any time.
    known: Cache<FactKey, Arc<StoredFacts>>,
    /// Versions of which older values were invalidated in this process.
    invalidated: Cache<FactKey, u64>,
    coalesce: Duration,
    max_pending: usize,
    lossy: Arc<Mutex<BTreeSet<SourceId>>>,
    /// Objects that are missing from lists which replicas may have cached.
    unlisted: BTreeSet<FactKey>,
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
            invalidated: Cache::new(settings.known_facts.max(1)),
            coalesce: settings.coalesce,
            max_pending: settings.known_facts.max(1),
            lossy,
            unlisted: BTreeSet::new(),
        }
    }

    /// Records the changes among observed objects. Those whose last entry is too recent stay in `observed`, unless all are due or there
    /// are too many. Returns false if some could not be recorded; the states of sources and connections among them stay in `observed`.
    pub(crate) async fn record(&mut self, observed: &mut Observed, is_forced: bool) -> bool {
        let is_forced = is_forced || observed.objects.len() > self.max_pending;
        for attempt in 1..=MAX_ATTEMPTS {
            match self.try_record(observed, is_forced).await {
                Ok(true) => return true,
                Ok(false) if attempt < MAX_ATTEMPTS => {}
                Ok(false) => self.give_up(observed, "changed again and again by other replicas"),
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "changes could not be recorded in the feed"
                    );
                    self.give_up(observed, "store");
                    return false;
                }
            }
        }
        false
    }

    /// Counts objects that are not recorded. The next refresh of their sources observes those of the catalog again; nothing but a change
    /// observes the states of sources and connections, which are kept.
    fn give_up(&self, observed: &mut Observed, reason: &str) {
        let is_state = |key: &FactKey| !matches!(key.kind, ChangeKind::Event | ChangeKind::Performance);
        let states = observed.objects.extract_if(.., |key, _| is_state(key)).collect();
        let sources =
            observed.objects.keys().map(|key| &key.source).chain(observed.lists.iter().map(|list| &list.source));
        for source in sources.collect::<BTreeSet<_>>() {
            tracing::warn!(source = source.as_str(), reason, "observed facts of a source are not in the feed yet");
            let labels = [("source", source.to_string()), ("outcome", "failed".to_owned())];
            metrics::counter!("ticketgraph_feed_observations_total", &labels).increment(1);
            self.lossy.lock().insert(source.clone());
        }
        *observed = Observed { objects: states, lists: Vec::new() };
    }

    /// Returns false if another replica has recorded some of the objects meanwhile; they stay in `observed`.
    async fn try_record(&mut self, observed: &mut Observed, is_forced: bool) -> Result<bool, StoreError> {
        observed.objects.retain(|key, object| !self.is_known(key, object));
        let mut stored = self.load(observed).await?;
        let lists = std::mem::take(&mut observed.lists);
        let added = self.add_gone(observed, &lists, &mut stored).await;
        observed.lists = lists;
        added?;
        self.invalidate_older(&observed.objects, &stored);
        let (changes, rest) = self.changes(std::mem::take(&mut observed.objects), &stored, is_forced);
        observed.objects = rest;
        observed.lists.clear();
        let unlisted = std::mem::take(&mut self.unlisted);
        let mut is_complete = true;
        let mut changes = changes.into_iter().peekable();
        while changes.peek().is_some() {
            let batch: Vec<(FactChange, ObservedObject)> = changes.by_ref().take(MAX_CHANGES).collect();
            let (batch, objects): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
            self.invalidate(&batch, &stored, &unlisted).await;
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
        let known = self.known.get(key);
        known.is_some_and(|known| is_settled(key, Some(&known), object) && !is_outdated(key, &known, object))
    }

    /// Loads the stored facts of objects and of their events.
    async fn load(&self, observed: &Observed) -> Result<Facts, StoreError> {
        let mut wanted: BTreeMap<(ChangeKind, SourceId), BTreeSet<String>> = BTreeMap::new();
        for (key, object) in &observed.objects {
            wanted.entry((key.kind, key.source.clone())).or_default().insert(key.key.clone());
            if let Some(parent) = &object.parent {
                wanted.entry((ChangeKind::Event, key.source.clone())).or_default().insert(parent.clone());
            }
        }
        let mut stored = Facts::new();
        for ((kind, source), keys) in wanted {
            let keys: Vec<String> = keys.into_iter().collect();
            for keys in keys.chunks(1_000) {
                for (name, facts) in self.store.load_facts(kind, &source, keys).await? {
                    let (key, facts) = (key(kind, &source, &name), Arc::new(facts));
                    self.known.insert(key.clone(), Arc::clone(&facts));
                    stored.insert(key, facts);
                }
            }
        }
        Ok(stored)
    }

    /// Adds the objects that complete lists lack, and the performances of events that have left their list.
    async fn add_gone(
        &mut self,
        observed: &mut Observed,
        lists: &[CompleteList],
        stored: &mut Facts,
    ) -> Result<(), StoreError> {
        for list in lists {
            let known = self.store.list_facts(list.kind, &list.source, list.parent.as_deref(), MAX_LISTED).await?;
            // A range that was never listed before is in nobody's cache, except as an empty list, until that expires.
            let is_in_range = |facts: &StoredFacts| facts.parts.contains_key(LISTED) && list.covers(facts.starts_at);
            if known.values().any(is_in_range) {
                let names = list.keys.iter().filter(|name| !known.contains_key(*name));
                self.unlisted.extend(names.map(|name| key(list.kind, &list.source, name)));
            }
            for (name, facts) in known {
                let key = key(list.kind, &list.source, &name);
                let listed_at = observed.objects.get(&key).and_then(ObservedObject::listed_at);
                if !is_missing(list, &name, &facts) || listed_at.is_some_and(|at| at > list.at) {
                    continue;
                }
                if key.kind == ChangeKind::Event {
                    self.add_gone_performances(observed, stored, list, &name).await?;
                }
                let gone = ObservedObject::gone(list.at, facts.parent.clone(), facts.starts_at);
                observed.objects.insert(key.clone(), gone);
                stored.insert(key, Arc::new(facts));
            }
        }
        Ok(())
    }

    /// Adds the performances of an event that has left its list.
    async fn add_gone_performances(
        &self,
        observed: &mut Observed,
        stored: &mut Facts,
        list: &CompleteList,
        event: &str,
    ) -> Result<(), StoreError> {
        let kind = ChangeKind::Performance;
        for (name, facts) in self.store.list_facts(kind, &list.source, Some(event), MAX_LISTED).await? {
            let at = facts_at(&facts).map_or(list.at, |at| at.max(list.at));
            let gone = ObservedObject::gone(at, facts.parent.clone(), facts.starts_at);
            observed.objects.insert(key(kind, &list.source, &name), gone);
            stored.insert(key(kind, &list.source, &name), Arc::new(facts));
        }
        Ok(())
    }

    /// Splits objects into changes and those that wait. Objects of events that are not public are left out.
    fn changes(
        &self,
        objects: BTreeMap<FactKey, ObservedObject>,
        stored: &Facts,
        is_forced: bool,
    ) -> (Vec<(FactChange, ObservedObject)>, BTreeMap<FactKey, ObservedObject>) {
        let (mut changes, mut waiting) = (Vec::new(), BTreeMap::new());
        let now = self.clock.now();
        let is_listed = |key: &FactKey| is_listed_event(key, stored.get(key).map(Arc::as_ref), objects.get(key));
        for (key, object) in &objects {
            let is_public = match key.kind {
                ChangeKind::Event => object.gone_at.is_some() || is_listed(key),
                ChangeKind::Performance => {
                    let event =
                        object.parent.as_deref().map(|parent| self::key(ChangeKind::Event, &key.source, parent));
                    object.gone_at.is_some() || event.is_some_and(|event| is_listed(&event))
                }
                _ => true,
            };
            let before = stored.get(key).map(Arc::as_ref);
            // The facts of past performances are deleted: they are not new again when somebody reads them.
            let is_past = before.is_none() && object.starts_at.is_some_and(|start| start < now - PAST);
            if !is_public || is_past || is_settled(key, before, object) {
                continue;
            }
            if !is_forced && before.is_some_and(|before| is_recent(before.recorded_at, now, self.coalesce)) {
                waiting.insert(key.clone(), object.clone());
                continue;
            }
            changes.push((fact_change(key, before, object, now), object.clone()));
        }
        // An event is recorded as gone after its performances: if the store fails between the two, the next list finds all of them.
        changes.sort_by_key(|(change, _)| change.key.kind != ChangeKind::Performance || !change.change.is_removed);
        (changes, waiting)
    }

    /// Invalidates the cached values of changed objects on all replicas, so that none is served after the entry of the feed. A value
    /// that is seen for the first time has no older one.
    async fn invalidate(&self, changes: &[FactChange], stored: &Facts, unlisted: &BTreeSet<FactKey>) {
        let mut outdated = Outdated::default();
        for FactChange { key, facts, .. } in changes {
            let before = stored.get(key);
            let replaced = before.is_some_and(|before| replaces(before, facts));
            let sales_only = before.is_some_and(|before| differs_in_sales_only(before, facts));
            if replaced || unlisted.contains(key) {
                outdated.add(key, facts.parent.as_deref(), !sales_only);
            }
        }
        for invalidation in outdated.invalidations() {
            self.cache.invalidate_everywhere(&invalidation).await;
        }
    }

    /// Invalidates the values of this process of which another replica has observed a later state, once for each recorded version: this
    /// process has cached an older value of what the feed has named already.
    fn invalidate_older(&self, objects: &BTreeMap<FactKey, ObservedObject>, stored: &Facts) {
        let mut outdated = Outdated::default();
        for (key, object) in objects {
            let Some(stored) = stored.get(key).filter(|stored| is_outdated(key, stored, object)) else { continue };
            if self.invalidated.get(key) != Some(stored.version) {
                self.invalidated.insert(key.clone(), stored.version);
                outdated.add(key, object.parent.as_deref(), true);
            }
        }
        for invalidation in outdated.invalidations() {
            self.cache.apply(InvalidationEvent::Invalidated(invalidation));
        }
    }
}

/// Objects whose cached values are invalid.
#[derive(Default)]
struct Outdated {
    /// Events whose lists are invalid, too.
    listed: BTreeMap<SourceId, BTreeSet<String>>,
    /// Events of which sales have changed only.
    sold: BTreeMap<SourceId, BTreeSet<String>>,
    performances: BTreeMap<SourceId, Vec<PerformanceKey>>,
}

impl Outdated {
    /// Adds an object, and the lists that contain it.
    fn add(&mut self, key: &FactKey, parent: Option<&str>, with_lists: bool) {
        let (events, event) = match key.kind {
            ChangeKind::Event if with_lists => (&mut self.listed, Some(key.key.as_str())),
            ChangeKind::Event => (&mut self.sold, Some(key.key.as_str())),
            ChangeKind::Performance => {
                let performance = PerformanceKey::new(key.key.as_str());
                self.performances.entry(key.source.clone()).or_default().push(performance);
                (&mut self.listed, parent.filter(|_| with_lists))
            }
            _ => return,
        };
        if let Some(event) = event {
            events.entry(key.source.clone()).or_default().insert(event.to_owned());
        }
    }

    fn invalidations(self) -> Vec<Invalidation> {
        let keys = |keys: BTreeSet<String>| keys.into_iter().map(EventKey::new).collect();
        let listed = self.listed.into_iter().map(|(source, events)| Invalidation::Facts(source, keys(events)));
        let sold = self.sold.into_iter().map(|(source, events)| Invalidation::Sales(source, keys(events)));
        let performances = self.performances.into_iter();
        let performances = performances.map(|(source, keys)| Invalidation::Performances(source, keys));
        listed.chain(sold).chain(performances).collect()
    }
}
