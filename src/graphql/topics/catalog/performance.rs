//! A performance of an event, and pages of performances.

use std::sync::Arc;

use ::catalog::{PerformancePage, Sourced, SourcedEvent, SourcedPerformance};
use async_graphql::{Context, ID, Object};
use domain::catalog;
use domain::error::VendorError;
use domain::time::Observed;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::ApiError;
use crate::graphql::base::id;
use crate::graphql::base::loaders::{AvailabilityOf, EventByKey};
use crate::graphql::base::page::PageInfo;
use crate::graphql::base::scalars::{DateTime, LocalDate};
use crate::graphql::topics::catalog::availability::{Availability, parse_max_age, parse_quantity};
use crate::graphql::topics::catalog::event::Event;
use crate::graphql::topics::problem::Problem;
use crate::graphql::topics::sources::ExternalRef;

/// A performance: a dated instance of an event.
#[derive(Clone)]
pub struct Performance {
    pub(in crate::graphql) performance: SourcedPerformance,
    pub(in crate::graphql) event: Option<SourcedEvent>,
}

impl Performance {
    /// Creates a performance whose event is not loaded yet.
    pub fn without_event(performance: SourcedPerformance) -> Self {
        Self { performance, event: None }
    }

    /// Creates a performance of an event that is already loaded.
    pub fn of(event: &SourcedEvent, performance: SourcedPerformance) -> Self {
        Self { performance, event: Some(event.clone()) }
    }

    pub(in crate::graphql) fn inner(&self) -> &catalog::Performance {
        &self.performance.value.value
    }

    pub(in crate::graphql) fn to_date_time(&self, at: Option<jiff::Timestamp>) -> Option<DateTime> {
        at.map(|at| DateTime::of(&self.performance.source, at))
    }
}

/// A performance: a dated instance of an event.
#[Object]
impl Performance {
    /// Global id of the performance. Opaque.
    pub async fn id(&self) -> ID {
        id::performance_id(&self.performance.source.id, &self.inner().key)
    }

    /// The event.
    async fn event(&self, ctx: &Context<'_>) -> Result<Event, ApiError> {
        match &self.event {
            Some(event) => Ok(Event(event.clone())),
            None => {
                let key = Sourced::new(Arc::clone(&self.performance.source), self.inner().event.clone());
                Ok(Event(Ctx::of(ctx).loaders.load(EventByKey(key)).await?))
            }
        }
    }

    /// The vendor's own identifiers.
    async fn external_refs(&self) -> Vec<ExternalRef> {
        ExternalRef::list(&self.performance.source, &self.inner().refs)
    }

    /// Start time. Null for DATED and OPEN.
    async fn starts_at(&self) -> Option<DateTime> {
        self.to_date_time(self.inner().starts_at)
    }

    /// End time, if the source reports it.
    async fn ends_at(&self) -> Option<DateTime> {
        self.to_date_time(self.inner().ends_at)
    }

    /// The day in the source's time zone. Null for OPEN.
    async fn date(&self) -> Option<LocalDate> {
        self.inner().date.map(LocalDate)
    }

    /// End of sales, if the source reports it.
    async fn cutoff_at(&self) -> Option<DateTime> {
        self.to_date_time(self.inner().cutoff_at)
    }

    /// The availability. UNKNOWN, with a problem, if the vendor could not be reached.
    async fn availability(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Largest accepted age of cached data. 0 queries the vendor.", default_with = "Some(60)")]
        max_age_seconds: Option<i32>,
        #[graphql(desc = "The number of places needed together. Anything with fewer places counts as SOLD_OUT.")]
        quantity: Option<i32>,
    ) -> Result<Availability, ApiError> {
        let max_age = parse_max_age(max_age_seconds)?;
        let places = parse_quantity(quantity)?;
        let key = AvailabilityOf { performance: self.performance.clone(), max_age };
        Ok(Availability::of(&self.performance.source, Ctx::of(ctx).loaders.load(key).await, places))
    }
}

/// A page of the performances of an event.
pub struct PerformanceConnection {
    event: SourcedEvent,
    to_page_info: Option<PerformancePage>,
    problems: Vec<VendorError>,
}

impl PerformanceConnection {
    /// Creates the page of an event, or an empty one with the failure.
    pub fn new(event: &SourcedEvent, outcome: Result<PerformancePage, VendorError>) -> Self {
        let (to_page_info, problems) = match outcome {
            Ok(page) => (Some(page), Vec::new()),
            Err(failure) => (None, vec![failure]),
        };
        Self { event: event.clone(), to_page_info, problems }
    }

    fn sourced_performances(&self) -> impl DoubleEndedIterator<Item = SourcedPerformance> {
        self.to_page_info.iter().flat_map(|page| rows(&self.event, page))
    }

    pub(in crate::graphql) fn performances(&self) -> Vec<Performance> {
        self.sourced_performances().map(|row| Performance::of(&self.event, row)).collect()
    }

    pub(in crate::graphql) fn page(&self) -> PageInfo {
        PageInfo {
            has_next_page: self.to_page_info.as_ref().is_some_and(|page| page.has_next),
            has_previous_page: self.to_page_info.as_ref().is_some_and(|page| page.has_previous),
            start_cursor: self.sourced_performances().next().map(|row| row.cursor().encode()),
            end_cursor: self.sourced_performances().next_back().map(|row| row.cursor().encode()),
        }
    }
}

/// The performances of a page with their source and age.
pub(super) fn rows(
    event: &SourcedEvent,
    page: &PerformancePage,
) -> impl DoubleEndedIterator<Item = SourcedPerformance> {
    page.performances.iter().map(|performance| {
        let observed = Observed { value: Arc::clone(performance), freshness: page.freshness };
        Sourced::new(Arc::clone(&event.source), observed)
    })
}

/// A page of the performances of an event, by start time.
#[Object]
impl PerformanceConnection {
    /// The performances with their cursors.
    async fn edges(&self) -> Vec<PerformanceEdge> {
        self.performances().into_iter().map(PerformanceEdge).collect()
    }

    /// The performances.
    async fn nodes(&self) -> Vec<Performance> {
        self.performances()
    }

    /// Paging information.
    async fn page_info(&self) -> PageInfo {
        self.page()
    }

    /// The failure of the source, if it could not be read.
    async fn problems(&self, ctx: &Context<'_>) -> Vec<Problem> {
        self.problems.iter().map(|failure| Ctx::of(ctx).problem(failure)).collect()
    }
}

/// A performance with its cursor.
pub struct PerformanceEdge(pub(in crate::graphql) Performance);

/// A performance with its cursor.
#[Object]
impl PerformanceEdge {
    /// The cursor of the performance.
    async fn cursor(&self) -> String {
        self.0.performance.cursor().encode()
    }

    /// The performance.
    async fn node(&self) -> Performance {
        self.0.clone()
    }
}
