//! Reads over many sources: the registry, the fan-out, the merge, paging. Reaches a vendor through `Source` only.
//!
//! A source that fails costs its own part of an answer and is told as a problem; it never fails the whole.

mod admissions;
mod alternatives;
mod authoring;
mod availability;
mod bulk;
mod cursor;
mod error;
mod events;
mod filter;
mod paging;
mod performances;
mod sourced;
mod view;
mod watch;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;

use domain::error::{ErrorKind, Operation, VendorError};
use domain::ids::SourceId;
use domain::source::Source;
use domain::time::Clock;

pub use admissions::{Credential, TokenQuery, TokenSlice};
pub use availability::{AvailabilityOutcome, for_quantity};
pub use cursor::{EventCursor, PerformanceCursor, SkipCursor};
pub use error::RequestError;
pub use events::{EventPage, EventQuery, TicketTypePlace};
pub use filter::{Allowed, EventFilter};
pub use paging::{DayRange, LARGEST_PAGE, LONGEST_RANGE_DAYS, PageSize, USUAL_PAGE};
pub use performances::{PerformancePage, PerformanceQuery};
pub use sourced::{Keyed, Sourced, SourcedEvent, SourcedPerformance};
pub use watch::Watched;

/// Every configured source, read as one catalogue.
pub struct Federation {
    /// In ascending order of id, which is the order of ties in every merged list.
    sources: Vec<Arc<Source>>,
    by_id: HashMap<SourceId, Arc<Source>>,
    deadline: Duration,
    clock: Arc<dyn Clock>,
    views: view::Views,
    watches: watch::Watches,
}

impl Federation {
    /// Reads from these sources, giving each call `deadline` before the source counts as failed for this answer.
    pub fn new(mut sources: Vec<Arc<Source>>, deadline: Duration, clock: Arc<dyn Clock>) -> Self {
        sources.sort_by(|one, other| one.id.cmp(&other.id));
        let by_id = sources.iter().map(|source| (source.id.clone(), Arc::clone(source))).collect();
        Self { sources, by_id, deadline, clock, views: view::Views::default(), watches: watch::Watches::default() }
    }

    /// All sources, in ascending order of id.
    pub fn sources(&self) -> &[Arc<Source>] {
        &self.sources
    }

    /// The source of this id, where there is one.
    pub fn find_source(&self, id: &SourceId) -> Option<&Arc<Source>> {
        self.by_id.get(id)
    }

    /// The clock that everything here reads.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Waits for one call of one source, at most the deadline. A panic below costs this call, nothing else.
    async fn ask<T>(
        &self,
        source: &Source,
        operation: Operation,
        call: impl Future<Output = Result<T, VendorError>>,
    ) -> Result<T, VendorError> {
        match tokio::time::timeout(self.deadline, AssertUnwindSafe(call).catch_unwind()).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_panic)) => Err(VendorError::new(&source.id, operation, ErrorKind::Internal)),
            Err(_elapsed) => Err(VendorError::new(&source.id, operation, ErrorKind::Timeout)),
        }
    }
}
