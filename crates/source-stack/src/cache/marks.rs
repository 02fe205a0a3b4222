//! What was forgotten, and when: an answer that was asked for before its mark is void, also one that is still under way.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{PoisonError, RwLock};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cache::slot::{Slot, Tag};
use domain::{EventKey, PerformanceKey, SourceId};

/// Something that is no longer true, because of what we did or what we were told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Invalidation {
    /// All that is known.
    Everything,
    /// All that is known of a source.
    Source(SourceId),
    /// An event was edited: with it go the lists and the performances of its source.
    Event(SourceId, EventKey),
    /// What is free for these performances has changed.
    Performances(SourceId, Vec<PerformanceKey>),
}

impl Invalidation {
    /// The tags that it marks. None: everything.
    pub(super) fn tags(&self) -> Option<Vec<Tag>> {
        match self {
            Self::Everything => None,
            Self::Source(source) => Some(vec![Tag::Source(source.clone())]),
            Self::Event(source, key) => Some(vec![
                Tag::Event(source.clone(), key.clone()),
                Tag::Lists(source.clone()),
                Tag::Performances(source.clone()),
            ]),
            Self::Performances(source, keys) => {
                Some(keys.iter().map(|key| Tag::Performance(source.clone(), key.clone())).collect())
            }
        }
    }
}

/// More marks than this become one: everything before it is void.
const MOST: usize = 10_000;

/// The marks of this process. Moments are counted, not timed: no two are the same, and no clock can go back.
#[derive(Default)]
pub(crate) struct Marks {
    latest: AtomicU64,
    /// What was asked for before is to be checked.
    trusted_from: AtomicU64,
    set: RwLock<Set>,
}

#[derive(Default)]
struct Set {
    by_tag: HashMap<Tag, Mark>,
    floor: Option<Mark>,
}

#[derive(Clone, Copy)]
struct Mark {
    moment: u64,
    at: Timestamp,
}

impl Marks {
    /// The present moment. An answer is as old as the moment before its question was put.
    pub(crate) fn moment(&self) -> u64 {
        self.latest.load(SeqCst)
    }

    /// Makes void what was asked for before.
    pub(super) fn mark(&self, what: &Invalidation, at: Timestamp) {
        let mut set = self.set.write().unwrap_or_else(PoisonError::into_inner);
        let mark = Mark { moment: self.latest.fetch_add(1, SeqCst) + 1, at };
        match what.tags() {
            Some(tags) if set.by_tag.len() + tags.len() <= MOST => {
                set.by_tag.extend(tags.into_iter().map(|tag| (tag, mark)));
            }
            _ => *set = Set { by_tag: HashMap::new(), floor: Some(mark) },
        }
    }

    /// Makes doubtful what was asked for before: marks may have been missed.
    pub(super) fn distrust(&self) {
        let moment = self.latest.fetch_add(1, SeqCst) + 1;
        self.trusted_from.fetch_max(moment, SeqCst);
    }

    /// Whether no mark can have been missed since that moment.
    pub(super) fn is_trusted(&self, asked_at: u64) -> bool {
        asked_at >= self.trusted_from.load(SeqCst)
    }

    /// Whether an answer that was asked for at that moment is void.
    pub(crate) fn is_void(&self, slot: &Slot, asked_at: u64) -> bool {
        // Nothing was forgotten since: the common case takes no lock. Whoever sees a new moment waits below for its mark.
        self.moment() > asked_at && self.newest(&slot.tags()).is_some_and(|mark| mark.moment > asked_at)
    }

    /// When what the slot holds was last made void.
    pub(crate) fn void_since(&self, slot: &Slot) -> Option<Timestamp> {
        if self.moment() == 0 {
            return None;
        }
        self.newest(&slot.tags()).map(|mark| mark.at)
    }

    /// Whether any of these tags was marked after that moment.
    pub(super) fn any_since(&self, tags: &[Tag], moment: u64) -> bool {
        self.newest(tags).is_some_and(|mark| mark.moment > moment)
    }

    fn newest(&self, tags: &[Tag]) -> Option<Mark> {
        let set = self.set.read().unwrap_or_else(PoisonError::into_inner);
        let marks = tags.iter().filter_map(|tag| set.by_tag.get(tag)).chain(&set.floor);
        marks.max_by_key(|mark| mark.moment).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::slot::{Extent, Subject};
    use domain::{Operation, Scope};

    fn slot(subject: Subject) -> Slot {
        Slot { source: SourceId::new("opera"), operation: Operation::LoadEvents, subject, extent: Extent::Whole }
    }

    fn event(key: &str) -> Slot {
        slot(Subject::Event(EventKey::new(key)))
    }

    fn performance(key: &str) -> Slot {
        slot(Subject::Performance(PerformanceKey::new(key)))
    }

    #[test]
    fn a_mark_makes_void_what_was_asked_for_before_it_and_nothing_after() {
        let marks = Marks::default();
        let source = SourceId::new("opera");
        let before = marks.moment();
        marks.mark(&Invalidation::Performances(source.clone(), vec![PerformanceKey::new("p1")]), Timestamp::UNIX_EPOCH);
        assert!(marks.is_void(&performance("p1"), before) && !marks.is_void(&performance("p2"), before));
        assert!(!marks.is_void(&event("e1"), before));
        let after = marks.moment();
        assert!(!marks.is_void(&performance("p1"), after));

        marks.mark(&Invalidation::Event(source.clone(), EventKey::new("e1")), Timestamp::UNIX_EPOCH);
        let list = slot(Subject::List(Scope::Public));
        assert!([&event("e1"), &list, &performance("p2")].into_iter().all(|slot| marks.is_void(slot, after)));
        assert!(!marks.is_void(&event("e2"), after));

        marks.mark(&Invalidation::Source(source), Timestamp::UNIX_EPOCH);
        assert!(marks.is_void(&event("e2"), after));
        assert!(!marks.is_void(&Slot { source: SourceId::new("harbor"), ..event("e2") }, after));
    }

    #[test]
    fn marks_without_number_become_one_that_makes_everything_void() {
        let marks = Marks::default();
        let before = marks.moment();
        for number in 0..=MOST {
            let keys = vec![PerformanceKey::new(format!("p{number}"))];
            marks.mark(&Invalidation::Performances(SourceId::new("opera"), keys), Timestamp::UNIX_EPOCH);
        }
        assert!(marks.is_void(&event("e1"), before));
        assert!(marks.set.read().expect("a set").by_tag.len() <= MOST);
    }
}
