//! Records changes of the catalog, of sources and of connections in the feed.
//!
//! Each value that a vendor returns is compared by its digest with the one that the feed has named last. The recorder works in a task of its
//! own behind a bounded queue: no caller waits for it. A refresher reads the whole catalog from time to time with capacity that nobody
//! else needs.

mod batch;
mod compare;
mod object;
mod recorder;
mod refresher;
mod states;

use std::time::Duration;

pub use recorder::Recorder;
pub use refresher::Refresher;
pub use states::watch_sources;

/// Settings of the recorder and the refresher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedSettings {
    /// Maximum number of observed values that wait for the recorder.
    pub queue: usize,
    /// Maximum number of objects whose digests are kept in memory.
    pub known_facts: usize,
    /// Shortest time between two entries of one object.
    pub coalesce: Duration,
    /// Time between two readings of the catalog of a source.
    pub refresh_interval: Duration,
    /// Part of a monthly quota, in percent, that all calls of the month are expected to stay below. Above it the catalog is not read in
    /// the background.
    pub month_percent: u64,
}
