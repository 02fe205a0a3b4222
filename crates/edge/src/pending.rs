//! Purges that one edge has not accepted yet: coalesced by tag and bounded.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use tokio::time::Instant;

use crate::tag::EdgeTag;

/// Times between the passes of a purge. It is sent at once, and again when responses that were on their way to the edge have
/// arrived: most within the first time, the slowest that an edge accepts within the second one.
pub(crate) const REPEATED_AFTER: [Duration; 2] = [Duration::from_millis(400), Duration::from_millis(4600)];

/// Times that a purge is sent.
pub(crate) const PASSES: usize = REPEATED_AFTER.len() + 1;

/// A purge of one tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PendingPurge {
    due: Instant,
    /// Passes that the edge has accepted.
    passes: usize,
    /// Time at which the last response with the old fact has expired.
    expires: Instant,
}

/// Returns the number of purges for each pass.
pub(crate) fn count_by_pass<'a>(purges: impl Iterator<Item = &'a PendingPurge>) -> [usize; PASSES] {
    let mut counts = [0; PASSES];
    for purge in purges {
        counts[purge.passes] += 1;
    }
    counts
}

/// Purges by tag.
#[derive(Debug, Default)]
pub(crate) struct PendingPurges {
    by_tag: HashMap<EdgeTag, PendingPurge>,
    limit: usize,
}

impl PendingPurges {
    pub(crate) fn new(limit: usize) -> Self {
        Self { by_tag: HashMap::new(), limit: limit.max(1) }
    }

    /// Returns the number of tags for each pass.
    pub(crate) fn len_by_pass(&self) -> [usize; PASSES] {
        count_by_pass(self.by_tag.values())
    }

    /// Adds purges that are due now. Returns the number of tags that were merged into coarser ones because there are too many.
    pub(crate) fn add(&mut self, tags: impl IntoIterator<Item = EdgeTag>, now: Instant, expires: Instant) -> usize {
        for tag in tags {
            self.by_tag.insert(tag, PendingPurge { due: now, passes: 0, expires });
        }
        self.merge_excess()
    }

    /// Merges all tags into those of their sources, and those into one for everything, until there are few enough.
    fn merge_excess(&mut self) -> usize {
        let mut merged = 0;
        while self.by_tag.len() > self.limit {
            let before = self.by_tag.len();
            for (tag, purge) in std::mem::take(&mut self.by_tag) {
                match self.by_tag.entry(tag.coarser()) {
                    Entry::Vacant(vacant) => {
                        vacant.insert(purge);
                    }
                    Entry::Occupied(mut occupied) => {
                        let other = occupied.get_mut();
                        let (due, passes) = (other.due.min(purge.due), other.passes.min(purge.passes));
                        *other = PendingPurge { due, passes, expires: other.expires.max(purge.expires) };
                    }
                }
            }
            merged += before;
        }
        merged
    }

    /// Returns when the next purge is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.by_tag.values().map(|purge| purge.due).min()
    }

    /// Removes the purges whose responses have expired, and returns their number.
    pub(crate) fn remove_expired(&mut self, now: Instant) -> usize {
        let before = self.by_tag.len();
        self.by_tag.retain(|_, purge| purge.expires > now);
        before - self.by_tag.len()
    }

    /// Takes at most `max` purges that are due until `until`, those that were never sent first.
    pub(crate) fn take_due(&mut self, until: Instant, max: usize) -> Vec<(EdgeTag, PendingPurge)> {
        let due = self.by_tag.iter().filter(|(_, purge)| purge.due <= until);
        let mut due: Vec<_> = due.map(|(tag, purge)| (tag.clone(), *purge)).collect();
        due.sort_unstable_by_key(|(_, purge)| (purge.passes, purge.due));
        due.truncate(max);
        for (tag, _) in &due {
            self.by_tag.remove(tag);
        }
        due
    }

    /// Schedules the next pass of purges that the edge accepted. Newer purges of the same tags stay as they are. Returns the number
    /// of merged tags.
    pub(crate) fn repeat(&mut self, accepted: Vec<(EdgeTag, PendingPurge)>, sent_at: Instant) -> usize {
        self.put_back(accepted.into_iter().filter_map(|(tag, purge)| {
            let due = sent_at + *REPEATED_AFTER.get(purge.passes)?;
            Some((tag, PendingPurge { due, passes: purge.passes + 1, ..purge }))
        }))
    }

    /// Schedules purges that the edge did not accept again. Returns the number of merged tags.
    pub(crate) fn retry(&mut self, refused: Vec<(EdgeTag, PendingPurge)>, at: Instant) -> usize {
        self.put_back(refused.into_iter().map(|(tag, purge)| (tag, PendingPurge { due: at, ..purge })))
    }

    fn put_back(&mut self, purges: impl Iterator<Item = (EdgeTag, PendingPurge)>) -> usize {
        for (tag, purge) in purges {
            self.by_tag.entry(tag).or_insert(purge);
        }
        self.merge_excess()
    }
}

#[cfg(test)]
mod tests {
    use domain::{PerformanceKey, SourceId};

    use super::*;

    fn tag(source: &str, key: usize) -> EdgeTag {
        EdgeTag::of_performance(&SourceId::new(source), &PerformanceKey::new(key.to_string()))
    }

    fn texts(taken: &[(EdgeTag, PendingPurge)]) -> Vec<&str> {
        taken.iter().map(|(tag, _)| tag.as_str()).collect()
    }

    #[test]
    fn a_purge_is_sent_at_once_and_repeated_twice() {
        let (mut pending, now) = (PendingPurges::new(10), Instant::now());
        let expires = now + Duration::from_secs(60);
        pending.add([tag("opera", 1), tag("opera", 1)], now, expires);
        let taken = pending.take_due(now, 10);
        assert_eq!(texts(&taken), [tag("opera", 1).as_str()]);
        pending.repeat(taken, now);
        let mut sent_at = now;
        for wait in REPEATED_AFTER {
            assert!(pending.take_due(sent_at + wait - Duration::from_millis(1), 10).is_empty());
            sent_at += wait;
            let again = pending.take_due(sent_at, 10);
            assert_eq!(again.len(), 1);
            pending.repeat(again, sent_at);
        }
        assert_eq!((pending.by_tag.len(), pending.next_due()), (0, None));
    }

    #[test]
    fn a_newer_purge_of_a_tag_in_flight_is_repeated_too() {
        let (mut pending, now) = (PendingPurges::new(10), Instant::now());
        let expires = now + Duration::from_secs(60);
        pending.add([tag("opera", 1)], now, expires);
        let first = pending.take_due(now, 10);
        pending.add([tag("opera", 1)], now, expires);
        pending.repeat(first, now);
        let second = pending.take_due(now, 10);
        assert_eq!(second.len(), 1);
        pending.retry(second, now + Duration::from_secs(1));
        assert!(pending.take_due(now, 10).is_empty());
        let retried = pending.take_due(now + Duration::from_secs(1), 10);
        pending.repeat(retried, now + Duration::from_secs(1));
        assert_eq!(pending.next_due(), Some(now + Duration::from_secs(1) + REPEATED_AFTER[0]), "the second pass");
    }

    #[test]
    fn too_many_purges_are_merged_into_coarser_ones_and_none_is_lost() {
        let (mut pending, now) = (PendingPurges::new(3), Instant::now());
        let expires = now + Duration::from_secs(60);
        assert_eq!(pending.add((0..3).map(|key| tag("opera", key)), now, expires), 0);
        assert_eq!(pending.add([tag("harbor", 0)], now, expires), 4);
        let mut expected = [EdgeTag::of_source(&SourceId::new("opera")), EdgeTag::of_source(&SourceId::new("harbor"))];
        expected.sort();
        let mut taken: Vec<EdgeTag> = pending.take_due(now, 10).into_iter().map(|(tag, _)| tag).collect();
        taken.sort();
        assert_eq!(taken, expected);
        for source in 0..5 {
            pending.add([tag(&format!("source-{source}"), 0)], now, expires);
        }
        // The fourth tag merges all into their sources, which are too many as well.
        let taken = pending.take_due(now, 10);
        assert!(taken.iter().any(|(tag, _)| *tag == EdgeTag::everything()), "{taken:?}");
        assert!(pending.by_tag.len() <= 3);
    }

    #[test]
    fn a_purge_of_expired_responses_is_dropped() {
        let (mut pending, now) = (PendingPurges::new(3), Instant::now());
        pending.add([tag("opera", 1)], now, now + Duration::from_secs(60));
        assert_eq!(pending.remove_expired(now + Duration::from_secs(59)), 0);
        assert_eq!(pending.remove_expired(now + Duration::from_secs(60)), 1);
    }
}
