//! `[feed]`: the feed of changes.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use crate::config::section::Section;

/// Settings of the recorder of changes and of the background readings of catalogs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedConfig {
    /// Time between two background readings of a catalog; `None`: catalogs are not read in the background.
    pub refresh_interval: Option<Duration>,
    /// Shortest time between two entries of one object.
    pub coalesce: Duration,
    /// Observed values that may wait for the recorder.
    pub queue: NonZeroUsize,
    /// Objects whose digests are kept in memory.
    pub known_facts: NonZeroUsize,
    /// Forecast of the calls of a month, in percent of its quota, above which catalogs are not read in the background.
    pub month_percent: NonZeroU32,
}

impl FeedConfig {
    pub(super) fn read(from: &Section<'_>) -> Self {
        let interval: Duration = from.get("refresh_interval");
        Self {
            refresh_interval: Some(interval).filter(|interval| !interval.is_zero()),
            coalesce: from.get("coalesce"),
            queue: from.get("queue"),
            known_facts: from.get("known_facts"),
            month_percent: from.get("month_percent"),
        }
    }
}
