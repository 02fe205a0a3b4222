//! Many sources read as one catalog: fan-out, merging, paging and problems.
//!
//! Vendors are reached through `Source` only. A source that fails affects only its own part of a response and is
//! reported as a problem; it never fails the whole.

mod admissions;
mod alternatives;
mod authoring;
mod availability;
mod bulk_load;
mod cursor;
mod error;
mod events;
mod filter;
mod merged_events;
mod paging;
mod performances;
mod sourced;
mod watch;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use domain::error::{ErrorKind, VendorError, VendorOperation};
use domain::ids::SourceId;
use domain::source::Source;
use domain::time::Clock;
use futures_util::FutureExt as _;

pub use admissions::{
    AdmissionCredential, AdmissionOutcome, AdmissionRequest, AdmissionTokenPage, AdmissionTokenQuery,
};
pub use availability::{AvailabilityOutcome, for_quantity};
pub use cursor::{EventCursor, OffsetCursor, PerformanceCursor};
pub use error::InvalidArgument;
pub use events::{EventPage, EventQuery, TicketTypeMatch};
pub use filter::{AllowedEvents, EventFilter};
pub use paging::{DEFAULT_PAGE_SIZE, DayRange, MAX_PAGE_SIZE, MAX_RANGE_DAYS, PageSize};
pub use performances::{PerformancePage, PerformanceQuery};
pub use sourced::{Keyed, Sourced, SourcedEvent, SourcedPerformance};
pub use watch::ChangeStream;

/// All configured sources, read as one catalog.
pub struct UnifiedCatalog {
    /// In ascending order of id, which also breaks ties in every merged list.
    sources: Vec<Arc<Source>>,
    sources_by_id: HashMap<SourceId, Arc<Source>>,
    deadline: Duration,
    clock: Arc<dyn Clock>,
    merged_events: merged_events::MergedEventsCache,
    watchers: watch::Watchers,
}

impl UnifiedCatalog {
    /// Creates a catalog over these sources. A call that exceeds `deadline` counts as failed.
    pub fn new(mut sources: Vec<Arc<Source>>, deadline: Duration, clock: Arc<dyn Clock>) -> Self {
        sources.sort_by(|one, other| one.id.cmp(&other.id));
        let sources_by_id = sources.iter().map(|source| (source.id.clone(), Arc::clone(source))).collect();
        Self {
            sources,
            sources_by_id,
            deadline,
            clock,
            merged_events: merged_events::MergedEventsCache::default(),
            watchers: watch::Watchers::default(),
        }
    }

    /// Returns all sources in ascending order of id.
    pub fn sources(&self) -> &[Arc<Source>] {
        &self.sources
    }

    /// Finds a source by its id.
    pub fn find_source(&self, id: &SourceId) -> Option<&Arc<Source>> {
        self.sources_by_id.get(id)
    }

    /// The clock of all components.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Awaits one call to a source, at most until the deadline. A panic in the call fails this call only.
    async fn call_source<T>(
        &self,
        source: &Source,
        operation: VendorOperation,
        call: impl Future<Output = Result<T, VendorError>>,
    ) -> Result<T, VendorError> {
        match tokio::time::timeout(self.deadline, AssertUnwindSafe(call).catch_unwind()).await {
            Ok(Ok(result)) => result,
            Ok(Err(_panic)) => Err(VendorError::new(&source.id, operation, ErrorKind::Internal)),
            Err(_elapsed) => Err(VendorError::new(&source.id, operation, ErrorKind::Timeout)),
        }
    }
}
