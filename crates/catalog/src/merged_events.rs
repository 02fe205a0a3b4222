//! The merged and sorted event list, cached as long as its source lists do not change.
//!
//! Source lists are shared by `Arc`, so the same pointer means the same list. A page then costs a binary search and a
//! few pointer clones, regardless of the length of the list.

use std::sync::{Arc, OnceLock};

use domain::catalog::{CatalogScope, Event};
use domain::source::Source;
use parking_lot::Mutex;
use quick_cache::sync::Cache;

use crate::cursor::EventCursor;
use crate::filter::{EventFilter, searchable_text};

/// Largest number of merged lists: one per visibility and set of responding sources.
const MAX_MERGED_LISTS: usize = 8;
/// Largest number of cached filter results per merged list.
const MAX_FILTERED_LISTS: usize = 32;

/// The events of one source.
#[derive(Clone)]
pub(super) struct SourceEvents {
    pub(super) source: Arc<Source>,
    pub(super) events: Arc<Vec<Arc<Event>>>,
}

/// The position of an event: its start, its list and its index in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MergedEntry {
    starts_at_ms: i64,
    /// Index of the list. Lists are in the order of source ids.
    pub(super) list: u32,
    index: u32,
}

/// Several lists merged by start time (events without one first), then source, then key.
pub(super) struct MergedEvents {
    scope: CatalogScope,
    lists: Vec<SourceEvents>,
    entries: Vec<MergedEntry>,
    /// The searchable text of each entry, in lower case. Computed by the first text search.
    searchable_texts: OnceLock<Vec<Box<str>>>,
    filtered: Cache<EventFilter, Arc<[MergedEntry]>>,
}

impl MergedEvents {
    fn new(scope: CatalogScope, lists: Vec<SourceEvents>) -> Self {
        let mut entries = Vec::with_capacity(lists.iter().map(|list| list.events.len()).sum());
        for (list, SourceEvents { events, .. }) in (0_u32..).zip(&lists) {
            entries.extend((0_u32..).zip(events.iter()).map(|(index, event)| MergedEntry {
                starts_at_ms: starts_at_ms(event),
                list,
                index,
            }));
        }
        let key = |entry: &MergedEntry| &lists[entry.list as usize].events[entry.index as usize].key;
        entries.sort_unstable_by(|one, other| {
            (one.starts_at_ms, one.list).cmp(&(other.starts_at_ms, other.list)).then_with(|| key(one).cmp(key(other)))
        });
        // A source list with a duplicate key must not repeat it in a page.
        entries.dedup_by(|one, other| one.list == other.list && key(one) == key(other));
        Self { scope, lists, entries, searchable_texts: OnceLock::new(), filtered: Cache::new(MAX_FILTERED_LISTS) }
    }

    /// Returns the event of an entry and its source.
    pub(super) fn get(&self, entry: &MergedEntry) -> (&Arc<Source>, &Arc<Event>) {
        let list = &self.lists[entry.list as usize];
        (&list.source, &list.events[entry.index as usize])
    }

    /// Returns the matching entries in order.
    pub(super) fn filtered(&self, filter: &EventFilter) -> Arc<[MergedEntry]> {
        if let Some(cached) = self.filtered.get(filter) {
            return cached;
        }
        let filters: Vec<_> = self.lists.iter().map(|list| filter.for_source(&list.source)).collect();
        let needle = filter.search_text();
        let matching: Arc<[MergedEntry]> = self
            .entries
            .iter()
            .enumerate()
            .filter(|(index, entry)| {
                filters[entry.list as usize].matches(self.get(entry).1)
                    && needle.as_ref().is_none_or(|needle| self.haystacks()[*index].contains(needle))
            })
            .map(|(_, entry)| *entry)
            .collect();
        self.filtered.insert(filter.clone(), Arc::clone(&matching));
        matching
    }

    /// Number of entries at or before the cursor.
    pub(super) fn count_up_to(&self, entries: &[MergedEntry], after: &EventCursor) -> usize {
        entries.partition_point(|entry| {
            let (source, event) = self.get(entry);
            (entry.starts_at_ms, &source.id, &event.key) <= (after.starts_at_ms, &after.source, &after.key)
        })
    }

    fn haystacks(&self) -> &[Box<str>] {
        self.searchable_texts
            .get_or_init(|| self.entries.iter().map(|entry| searchable_text(self.get(entry).1)).collect())
    }

    /// Returns true if the list was merged from the same sources, regardless of their contents.
    fn has_same_sources(&self, scope: CatalogScope, lists: &[SourceEvents]) -> bool {
        self.scope == scope
            && self.lists.len() == lists.len()
            && self.lists.iter().zip(lists).all(|(mine, other)| mine.source.id == other.source.id)
    }

    /// Returns true if the source lists are unchanged. The merged list owns its source lists, so their addresses cannot
    /// be reused.
    fn has_same_lists(&self, lists: &[SourceEvents]) -> bool {
        self.lists.iter().zip(lists).all(|(mine, other)| Arc::ptr_eq(&mine.events, &other.events))
    }
}

/// Start of the run in milliseconds, or the smallest value if it has none.
pub(super) fn starts_at_ms(event: &Event) -> i64 {
    event.starts_at.map_or(i64::MIN, |at| at.as_millisecond())
}

/// Recently used merged lists, the last used one at the end.
#[derive(Default)]
pub(super) struct MergedEventsCache(Mutex<Vec<Arc<MergedEvents>>>);

impl MergedEventsCache {
    /// Returns the merged form of these lists, which must be in the order of source ids. Merges only if one of them
    /// changed.
    pub(super) fn get_or_merge(&self, scope: CatalogScope, lists: Vec<SourceEvents>) -> Arc<MergedEvents> {
        if let Some(cached) = self.find(scope, &lists) {
            return cached;
        }
        // Merged outside the lock, so that a long merge blocks nobody. At worst two requests merge the same lists.
        let merged = Arc::new(MergedEvents::new(scope, lists));
        let mut views = self.0.lock();
        views.retain(|view| !view.has_same_sources(scope, &merged.lists));
        if views.len() >= MAX_MERGED_LISTS {
            views.remove(0);
        }
        views.push(Arc::clone(&merged));
        merged
    }

    fn find(&self, scope: CatalogScope, lists: &[SourceEvents]) -> Option<Arc<MergedEvents>> {
        let mut views = self.0.lock();
        let index = views.iter().position(|view| view.has_same_sources(scope, lists) && view.has_same_lists(lists))?;
        let view = views.remove(index);
        views.push(Arc::clone(&view));
        Some(view)
    }
}
