//! Invalidation by tag. A value fetched before its tag was invalidated is discarded, even if the fetch is still running.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use domain::{EventKey, PerformanceKey, SourceId};
use jiff::Timestamp;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use crate::cache_key::{CacheKey, CacheTag};

/// Cached values that have become invalid, through a write of this replica or of another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Invalidation {
    /// All values.
    Everything,
    /// All values of a source.
    Source(SourceId),
    /// An edited event, with the event lists and the performances of its source.
    Event(SourceId, EventKey),
    /// Events that have changed at the vendor, with the event lists of their source.
    Facts(SourceId, Vec<EventKey>),
    /// Events of which sold numbers have changed. Lists keep older ones until they expire.
    Sales(SourceId, Vec<EventKey>),
    /// Availability of these performances.
    Performances(SourceId, Vec<PerformanceKey>),
}

impl Invalidation {
    /// Returns the invalidated tags, or `None` for all values.
    pub(crate) fn tags(&self) -> Option<Vec<CacheTag>> {
        match self {
            Self::Everything => None,
            Self::Source(source) => Some(vec![CacheTag::Source(source.clone())]),
            Self::Event(source, key) => Some(vec![
                CacheTag::Event(source.clone(), key.clone()),
                CacheTag::Lists(source.clone()),
                CacheTag::Performances(source.clone()),
            ]),
            Self::Facts(source, keys) => {
                let events = keys.iter().map(|key| CacheTag::Event(source.clone(), key.clone()));
                Some(events.chain([CacheTag::Lists(source.clone())]).collect())
            }
            Self::Sales(source, keys) => {
                Some(keys.iter().map(|key| CacheTag::Event(source.clone(), key.clone())).collect())
            }
            Self::Performances(source, keys) => {
                Some(keys.iter().map(|key| CacheTag::Performance(source.clone(), key.clone())).collect())
            }
        }
    }
}

/// Number of tags above which all of them are merged into one invalidation of everything.
const MAX_TAGS: usize = 10_000;

/// Invalidated tags of this process. Epochs are counted rather than timed: each is unique, and no clock can set them back.
#[derive(Default)]
pub(crate) struct TagInvalidation {
    current: AtomicU64,
    /// Values requested before this epoch may have missed an invalidation and must be revalidated.
    verified_from: AtomicU64,
    epochs: RwLock<TagEpochs>,
}

#[derive(Default)]
struct TagEpochs {
    by_tag: HashMap<CacheTag, TagEpoch>,
    /// Last invalidation of everything.
    floor: Option<TagEpoch>,
}

#[derive(Clone, Copy)]
struct TagEpoch {
    epoch: u64,
    at: Timestamp,
}

impl TagInvalidation {
    /// Returns the current epoch. A value carries the epoch that was current before it was requested.
    pub(crate) fn epoch(&self) -> u64 {
        self.current.load(SeqCst)
    }

    /// Invalidates all values requested before.
    pub(crate) fn invalidate(&self, what: &Invalidation, at: Timestamp) {
        let mut epochs = self.epochs.write();
        let epoch = TagEpoch { epoch: self.current.fetch_add(1, SeqCst) + 1, at };
        match what.tags() {
            Some(tags) if epochs.by_tag.len() + tags.len() <= MAX_TAGS => {
                epochs.by_tag.extend(tags.into_iter().map(|tag| (tag, epoch)));
            }
            _ => *epochs = TagEpochs { by_tag: HashMap::new(), floor: Some(epoch) },
        }
    }

    /// Flags all values requested before as unverified: invalidations may have been missed.
    pub(crate) fn mark_unverified(&self) {
        let epoch = self.current.fetch_add(1, SeqCst) + 1;
        self.verified_from.fetch_max(epoch, SeqCst);
    }

    /// True if no invalidation can have been missed since `epoch`.
    pub(crate) fn is_verified(&self, epoch: u64) -> bool {
        epoch >= self.verified_from.load(SeqCst)
    }

    /// True if a value requested at `epoch` has been invalidated since.
    pub(crate) fn is_stale(&self, key: &CacheKey, epoch: u64) -> bool {
        // Usually nothing was invalidated since, and no lock is taken. A reader that sees a new epoch waits below for its tags.
        self.epoch() > epoch && self.any_invalidated_since(&key.tags(), epoch)
    }

    /// Returns when the value of a key was last invalidated.
    pub(crate) fn invalidated_at(&self, key: &CacheKey) -> Option<Timestamp> {
        if self.epoch() == 0 {
            return None;
        }
        self.last_invalidated(&key.tags())
    }

    /// Returns when any of these tags was last invalidated.
    pub(crate) fn last_invalidated(&self, tags: &[CacheTag]) -> Option<Timestamp> {
        self.latest(tags).map(|invalidated| invalidated.at)
    }

    /// True if any of these tags has been invalidated since `epoch`.
    pub(crate) fn any_invalidated_since(&self, tags: &[CacheTag], epoch: u64) -> bool {
        self.latest(tags).is_some_and(|invalidated| invalidated.epoch > epoch)
    }

    fn latest(&self, tags: &[CacheTag]) -> Option<TagEpoch> {
        let epochs = self.epochs.read();
        let invalidated = tags.iter().filter_map(|tag| epochs.by_tag.get(tag)).chain(&epochs.floor);
        invalidated.max_by_key(|invalidated| invalidated.epoch).copied()
    }
}

#[cfg(test)]
mod tests {
    use domain::{CatalogScope, VendorOperation};

    use super::*;
    use crate::cache_key::{CacheRange, CacheSubject};

    fn key(subject: CacheSubject) -> CacheKey {
        let (source, operation) = (SourceId::new("opera"), VendorOperation::LoadEvents);
        CacheKey { source, operation, subject, range: CacheRange::Whole }
    }

    fn event(name: &str) -> CacheKey {
        key(CacheSubject::Event(EventKey::new(name)))
    }

    fn performance(name: &str) -> CacheKey {
        key(CacheSubject::Performance(PerformanceKey::new(name)))
    }

    #[test]
    fn an_invalidation_makes_earlier_values_of_its_tags_stale_and_no_others() {
        let tags = TagInvalidation::default();
        let source = SourceId::new("opera");
        let before = tags.epoch();
        let sold = Invalidation::Performances(source.clone(), vec![PerformanceKey::new("p1")]);
        tags.invalidate(&sold, Timestamp::UNIX_EPOCH);
        assert!(tags.is_stale(&performance("p1"), before) && !tags.is_stale(&performance("p2"), before));
        assert!(!tags.is_stale(&event("e1"), before));
        let after = tags.epoch();
        assert!(!tags.is_stale(&performance("p1"), after));

        tags.invalidate(&Invalidation::Event(source.clone(), EventKey::new("e1")), Timestamp::UNIX_EPOCH);
        let list = key(CacheSubject::List(CatalogScope::Public));
        assert!([&event("e1"), &list, &performance("p2")].into_iter().all(|key| tags.is_stale(key, after)));
        assert!(!tags.is_stale(&event("e2"), after));

        tags.invalidate(&Invalidation::Source(source), Timestamp::UNIX_EPOCH);
        assert!(tags.is_stale(&event("e2"), after));
        assert!(!tags.is_stale(&CacheKey { source: SourceId::new("harbor"), ..event("e2") }, after));
    }

    #[test]
    fn too_many_tags_are_merged_into_an_invalidation_of_everything() {
        let tags = TagInvalidation::default();
        let before = tags.epoch();
        for number in 0..=MAX_TAGS {
            let keys = vec![PerformanceKey::new(format!("p{number}"))];
            tags.invalidate(&Invalidation::Performances(SourceId::new("opera"), keys), Timestamp::UNIX_EPOCH);
        }
        assert!(tags.is_stale(&event("e1"), before));
        assert!(tags.epochs.read().by_tag.len() <= MAX_TAGS);
    }
}
