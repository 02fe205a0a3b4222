//! The merged, sorted list of events, kept as long as the lists that it was made of stay the same.
//!
//! Sources share their lists by `Arc`: the same pointer means the same list. A page is then a binary search and a few
//! clones of pointers, however long the list.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use quick_cache::sync::Cache;

use crate::cursor::EventCursor;
use crate::filter::{EventFilter, haystack};
use domain::catalog::{Event, Scope};
use domain::source::Source;

/// Most merged lists that are kept: one for each scope and set of sources that answered.
const KEPT_VIEWS: usize = 8;
/// Most filtered forms that are kept of each.
const KEPT_FILTERS: usize = 32;

/// The events of one source.
#[derive(Clone)]
pub(super) struct SourceList {
    pub(super) source: Arc<Source>,
    pub(super) events: Arc<Vec<Arc<Event>>>,
}

/// Where an event stands: its begin, then its list and its place therein.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    at: i64,
    /// Index of the list; lists are in the order of source ids.
    pub(super) list: u32,
    place: u32,
}

/// Several lists as one: by begin (none first), then source, then key.
pub(super) struct View {
    scope: Scope,
    lists: Vec<SourceList>,
    entries: Vec<Entry>,
    /// Beside each entry: its text in lower case. Made when the first text is looked for.
    haystacks: OnceLock<Vec<Box<str>>>,
    filtered: Cache<EventFilter, Arc<[Entry]>>,
}

impl View {
    fn new(scope: Scope, lists: Vec<SourceList>) -> Self {
        let mut entries = Vec::with_capacity(lists.iter().map(|list| list.events.len()).sum());
        for (list, SourceList { events, .. }) in (0_u32..).zip(&lists) {
            entries.extend((0_u32..).zip(events.iter()).map(|(place, event)| Entry { at: begin(event), list, place }));
        }
        let key = |entry: &Entry| &lists[entry.list as usize].events[entry.place as usize].key;
        entries.sort_unstable_by(|one, other| {
            (one.at, one.list).cmp(&(other.at, other.list)).then_with(|| key(one).cmp(key(other)))
        });
        // A list that holds a key twice must not make a page repeat it.
        entries.dedup_by(|one, other| one.list == other.list && key(one) == key(other));
        Self { scope, lists, entries, haystacks: OnceLock::new(), filtered: Cache::new(KEPT_FILTERS) }
    }

    /// The event of an entry and its source.
    pub(super) fn get(&self, entry: &Entry) -> (&Arc<Source>, &Arc<Event>) {
        let list = &self.lists[entry.list as usize];
        (&list.source, &list.events[entry.place as usize])
    }

    /// The entries that a filter lets through, in order.
    pub(super) fn filtered(&self, filter: &EventFilter) -> Arc<[Entry]> {
        if let Some(known) = self.filtered.get(filter) {
            return known;
        }
        let wanted: Vec<_> = self.lists.iter().map(|list| filter.for_source(&list.source)).collect();
        let needle = filter.needle();
        let found: Arc<[Entry]> = self
            .entries
            .iter()
            .enumerate()
            .filter(|(index, entry)| {
                wanted[entry.list as usize].wants(self.get(entry).1)
                    && needle.as_ref().is_none_or(|needle| self.haystacks()[*index].contains(needle))
            })
            .map(|(_, entry)| *entry)
            .collect();
        self.filtered.insert(filter.clone(), Arc::clone(&found));
        found
    }

    /// How many of the entries stand at or before the cursor.
    pub(super) fn passed(&self, entries: &[Entry], after: &EventCursor) -> usize {
        entries.partition_point(|entry| {
            let (source, event) = self.get(entry);
            (entry.at, &source.id, &event.key) <= (after.at, &after.source, &after.key)
        })
    }

    fn haystacks(&self) -> &[Box<str>] {
        self.haystacks.get_or_init(|| self.entries.iter().map(|entry| haystack(self.get(entry).1)).collect())
    }

    /// Whether this was made of the same sources, whatever they said.
    fn covers(&self, scope: Scope, lists: &[SourceList]) -> bool {
        self.scope == scope
            && self.lists.len() == lists.len()
            && self.lists.iter().zip(lists).all(|(mine, other)| mine.source.id == other.source.id)
    }

    /// Whether the sources still say the same. The view holds its lists, so their addresses cannot have been used again.
    fn is_made_of(&self, lists: &[SourceList]) -> bool {
        self.lists.iter().zip(lists).all(|(mine, other)| Arc::ptr_eq(&mine.events, &other.events))
    }
}

/// Begin of the run in milliseconds; the least value where it has none.
pub(super) fn begin(event: &Event) -> i64 {
    event.starts_at.map_or(i64::MIN, |at| at.as_millisecond())
}

/// The merged lists of late, the last used one at the end.
#[derive(Default)]
pub(super) struct Views(Mutex<Vec<Arc<View>>>);

impl Views {
    /// The merged form of these lists (in the order of source ids), made anew only when one of them changed.
    pub(super) fn merged(&self, scope: Scope, lists: Vec<SourceList>) -> Arc<View> {
        if let Some(known) = self.find(scope, &lists) {
            return known;
        }
        // Made outside the lock: a long merge holds nobody up, at worst two requests do it at once.
        let made = Arc::new(View::new(scope, lists));
        let mut views = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        views.retain(|view| !view.covers(scope, &made.lists));
        if views.len() >= KEPT_VIEWS {
            views.remove(0);
        }
        views.push(Arc::clone(&made));
        made
    }

    fn find(&self, scope: Scope, lists: &[SourceList]) -> Option<Arc<View>> {
        let mut views = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = views.iter().position(|view| view.covers(scope, lists) && view.is_made_of(lists))?;
        let view = views.remove(place);
        views.push(Arc::clone(&view));
        Some(view)
    }
}
