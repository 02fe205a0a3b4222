//! A dated instance of an event, and pages of them.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};

use crate::graphql::catalog::availability::{Availability, max_age, quantity};
use crate::graphql::catalog::event::Event;
use crate::graphql::ctx::Ctx;
use crate::graphql::error::Fault;
use crate::graphql::id;
use crate::graphql::loaders::{AvailabilityOf, EventAt};
use crate::graphql::page::PageInfo;
use crate::graphql::problem::Problem;
use crate::graphql::scalars::{DateTime, LocalDate};
use crate::graphql::sources::ExternalRef;
use ::catalog::{PerformancePage, Sourced, SourcedEvent, SourcedPerformance};
use domain::catalog;
use domain::error::VendorError;
use domain::time::Observed;

/// A dated instance of an event.
#[derive(Clone)]
pub struct Performance {
    pub(in crate::graphql) performance: SourcedPerformance,
    pub(in crate::graphql) event: Option<SourcedEvent>,
}

impl Performance {
    /// A performance whose event is not at hand.
    pub fn alone(performance: SourcedPerformance) -> Self {
        Self { performance, event: None }
    }

    /// A performance of this event.
    pub fn of(event: &SourcedEvent, performance: SourcedPerformance) -> Self {
        Self { performance, event: Some(event.clone()) }
    }

    pub(in crate::graphql) fn told(&self) -> &catalog::Performance {
        &self.performance.value.value
    }

    pub(in crate::graphql) fn instant(&self, at: Option<jiff::Timestamp>) -> Option<DateTime> {
        at.map(|at| DateTime::of(&self.performance.source, at))
    }
}

/// A dated instance of an event.
#[Object]
impl Performance {
    /// Names the performance in the whole graph. Opaque.
    pub async fn id(&self) -> ID {
        id::performance_id(&self.performance.source.id, &self.told().key)
    }

    /// What it is an instance of.
    async fn event(&self, ctx: &Context<'_>) -> Result<Event, Fault> {
        match &self.event {
            Some(event) => Ok(Event(event.clone())),
            None => {
                let key = Sourced::new(Arc::clone(&self.performance.source), self.told().event.clone());
                Ok(Event(Ctx::of(ctx).loaders.load(EventAt(key)).await?))
            }
        }
    }

    /// The vendor's own identifiers.
    async fn external_refs(&self) -> Vec<ExternalRef> {
        ExternalRef::all(&self.performance.source, &self.told().refs)
    }

    /// Begin. Null for DATED and OPEN.
    async fn starts_at(&self) -> Option<DateTime> {
        self.instant(self.told().starts_at)
    }

    /// End, where the source tells.
    async fn ends_at(&self) -> Option<DateTime> {
        self.instant(self.told().ends_at)
    }

    /// The day in the zone of the source. Null for OPEN.
    async fn date(&self) -> Option<LocalDate> {
        self.told().date.map(LocalDate)
    }

    /// The last moment of sale, where the source tells.
    async fn cutoff_at(&self) -> Option<DateTime> {
        self.instant(self.told().cutoff_at)
    }

    /// What is free. UNKNOWN, with a problem, when the vendor could not be asked.
    async fn availability(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "0 asks the vendor now; a larger age accepts a cached answer that old.",
            default_with = "Some(60)"
        )]
        max_age_seconds: Option<i32>,
        #[graphql(desc = "So many places are wanted together: what has fewer left counts as SOLD_OUT.")]
        quantity: Option<i32>,
    ) -> Result<Availability, Fault> {
        let max_age = max_age(max_age_seconds)?;
        let places = self::quantity(quantity)?;
        let key = AvailabilityOf { performance: self.performance.clone(), max_age };
        Ok(Availability::of(&self.performance.source, Ctx::of(ctx).loaders.load(key).await, places))
    }
}

/// A page of the performances of an event.
pub struct PerformanceConnection {
    event: SourcedEvent,
    page: Option<PerformancePage>,
    problems: Vec<VendorError>,
}

impl PerformanceConnection {
    /// The page of an event, or why there is none.
    pub fn new(event: &SourcedEvent, outcome: Result<PerformancePage, VendorError>) -> Self {
        let (page, problems) = match outcome {
            Ok(page) => (Some(page), Vec::new()),
            Err(failure) => (None, vec![failure]),
        };
        Self { event: event.clone(), page, problems }
    }

    fn rows(&self) -> impl DoubleEndedIterator<Item = SourcedPerformance> {
        self.page.iter().flat_map(|page| rows(&self.event, page))
    }

    pub(in crate::graphql) fn all(&self) -> Vec<Performance> {
        self.rows().map(|row| Performance::of(&self.event, row)).collect()
    }

    pub(in crate::graphql) fn page(&self) -> PageInfo {
        PageInfo {
            has_next_page: self.page.as_ref().is_some_and(|page| page.has_next),
            has_previous_page: self.page.as_ref().is_some_and(|page| page.has_previous),
            start_cursor: self.rows().next().map(|row| row.cursor().encode()),
            end_cursor: self.rows().next_back().map(|row| row.cursor().encode()),
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

/// A page of the performances of an event, by begin.
#[Object]
impl PerformanceConnection {
    /// The performances with their cursors.
    async fn edges(&self) -> Vec<PerformanceEdge> {
        self.all().into_iter().map(PerformanceEdge).collect()
    }

    /// The performances.
    async fn nodes(&self) -> Vec<Performance> {
        self.all()
    }

    /// Where the page stands.
    async fn page_info(&self) -> PageInfo {
        self.page()
    }

    /// Why the source could not tell, when it could not.
    async fn problems(&self, ctx: &Context<'_>) -> Vec<Problem> {
        self.problems.iter().map(|failure| Ctx::of(ctx).problem(failure)).collect()
    }
}

/// A performance in a page.
pub struct PerformanceEdge(pub(in crate::graphql) Performance);

/// A performance in a page.
#[Object]
impl PerformanceEdge {
    /// Where the performance stands.
    async fn cursor(&self) -> String {
        self.0.performance.cursor().encode()
    }

    /// The performance.
    async fn node(&self) -> Performance {
        self.0.clone()
    }
}
