//! Look-ahead for event lists: fetches every level below the list with one bulk call per source and level.
//!
//! Deeper levels and arguments that do not parse are left to the loaders and resolvers.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Context, InputType, Name, SelectionField, Value};
use catalog::{AdmissionTokenQuery, DayRange, PerformanceQuery, SourcedEvent};
use futures_util::future::join_all;
use futures_util::join;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::deferred::DeferredPass;
use crate::graphql::base::loaders::{
    AvailabilityOf, CalendarOf, CatalogLoader, PerformancesOf, TicketTypesOf, TokensOf,
};
use crate::graphql::base::scalars::{DateTime, LocalDate};
use crate::graphql::base::viewer::Scope;
use crate::graphql::topics::catalog::availability::parse_max_age;
use crate::graphql::topics::catalog::performance::rows;

/// The fields that a document selects on each event of a list.
#[derive(Default)]
struct PrefetchPlan {
    ticket_types: bool,
    /// Each page of performances, with the accepted ages of their availability.
    performances: Vec<(PerformanceQuery, Vec<Duration>)>,
    calendars: Vec<DayRange>,
    tokens: Vec<AdmissionTokenQuery>,
}

/// Fetches everything that the selection of the current field, an event connection, needs of these events.
pub(super) async fn prefetch_children(ctx: &Context<'_>, events: &[SourcedEvent]) {
    let app = Ctx::of(ctx);
    let plan = PrefetchPlan::from_selection(row_fields(ctx.field()), app);
    // Sources run concurrently: the second level of one source does not wait for the first level of another.
    let by_source = split_by_source(events).into_iter();
    if ctx.data_opt::<Arc<DeferredPass>>().is_none() {
        join_all(by_source.map(|events| plan.run(app.loaders.backend(), events))).await;
        return;
    }
    // The rows of a source are delivered as soon as this source has answered.
    let plan = Arc::new(plan);
    for events in by_source {
        let (plan, loader, source) = (Arc::clone(&plan), app.loaders.backend().clone(), events[0].source.id.clone());
        app.loaders.start(&source, async move { plan.run(&loader, events).await });
    }
}

fn split_by_source(events: &[SourcedEvent]) -> Vec<Vec<SourcedEvent>> {
    let mut groups: Vec<Vec<SourcedEvent>> = Vec::new();
    for event in events {
        match groups.iter_mut().find(|group| group[0].source.id == event.source.id) {
            Some(group) => group.push(event.clone()),
            None => groups.push(vec![event.clone()]),
        }
    }
    groups
}

/// The selections on the rows of a connection, whether under `nodes` or under `edges`.
fn row_fields<'a>(connection: SelectionField<'a>) -> Vec<SelectionField<'a>> {
    let mut rows = Vec::new();
    for field in connection.selection_set() {
        match field.name() {
            "nodes" => rows.push(field),
            "edges" => rows.extend(field.selection_set().filter(|below| below.name() == "node")),
            _ => {}
        }
    }
    rows
}

impl PrefetchPlan {
    fn from_selection(rows: Vec<SelectionField<'_>>, app: &Ctx) -> Self {
        let mut plan = Self::default();
        for field in rows.iter().flat_map(SelectionField::selection_set) {
            // An argument that does not parse fails in its resolver, with a path.
            let Some(arguments) = FieldArguments::of(&field) else { continue };
            match field.name() {
                "ticketTypes" => plan.ticket_types = true,
                "performances" => {
                    if let Some(query) = arguments.performances(app) {
                        plan.add_performances(query, accepted_ages(field));
                    }
                }
                "calendar" => plan.calendars.extend(arguments.calendar()),
                "admissionTokens" if app.viewer.has_scope(Scope::AdmissionRead) => {
                    plan.tokens.extend(arguments.tokens())
                }
                _ => {}
            }
        }
        plan
    }

    fn add_performances(&mut self, query: PerformanceQuery, ages: Vec<Duration>) {
        match self.performances.iter_mut().find(|(existing, _)| *existing == query) {
            Some((_, existing)) => existing.extend(ages),
            None => self.performances.push((query, ages)),
        }
    }

    async fn run(&self, loader: &CatalogLoader, events: Vec<SourcedEvent>) {
        let ticket_types = async {
            if self.ticket_types {
                let keys: Vec<_> = events.iter().cloned().map(TicketTypesOf).collect();
                loader.prefetch(&keys).await;
            }
        };
        let performances = join_all(self.performances.iter().map(async |(query, ages)| {
            let of = |event: &SourcedEvent| PerformancesOf { event: event.clone(), query: query.clone() };
            let pages = loader.prefetch(&events.iter().map(of).collect::<Vec<_>>()).await;
            let found: Vec<_> = events
                .iter()
                .zip(&pages)
                .filter_map(|(event, page)| Some(rows(event, page.as_ref().ok()?)))
                .flatten()
                .collect();
            let mut keys = Vec::new();
            for age in ages {
                keys.extend(found.iter().map(|row| AvailabilityOf { performance: row.clone(), max_age: *age }));
            }
            loader.prefetch(&keys).await;
        }));
        let calendars = join_all(self.calendars.iter().map(async |days| {
            let of = |event: &SourcedEvent| CalendarOf { event: event.clone(), days: *days };
            loader.prefetch(&events.iter().map(of).collect::<Vec<_>>()).await;
        }));
        let tokens = join_all(self.tokens.iter().map(async |query| {
            let of = |event: &SourcedEvent| TokensOf { event: event.clone(), query: *query };
            loader.prefetch(&events.iter().map(of).collect::<Vec<_>>()).await;
        }));
        join!(ticket_types, performances, calendars, tokens);
    }
}

/// The `maxAgeSeconds` of every availability selected below a page of performances.
fn accepted_ages(performances: SelectionField<'_>) -> Vec<Duration> {
    let rows = row_fields(performances);
    let fields = rows.iter().flat_map(SelectionField::selection_set).filter(|field| field.name() == "availability");
    let mut ages: Vec<_> = fields
        .filter_map(|field| {
            let arguments = FieldArguments::of(&field)?;
            parse_max_age(arguments.parse("maxAgeSeconds")?).ok()
        })
        .collect();
    ages.sort_unstable();
    ages.dedup();
    ages
}

/// The arguments of a field, with variables substituted.
struct FieldArguments(Vec<(Name, Value)>);

impl FieldArguments {
    fn of(field: &SelectionField<'_>) -> Option<Self> {
        field.arguments().ok().map(Self)
    }

    /// Parses an argument. Returns `None` if it does not match its type.
    fn parse<T: InputType>(&self, name: &str) -> Option<T> {
        let value = self.0.iter().find(|(argument, _)| argument == name).map(|(_, value)| value.clone());
        T::parse(value).ok()
    }

    fn performances(&self, app: &Ctx) -> Option<PerformanceQuery> {
        let instant = |name| self.parse::<Option<DateTime>>(name).map(|at| at.map(|at| at.at));
        let after: Option<String> = self.parse("after")?;
        PerformanceQuery::new((instant("from")?, instant("to")?), self.parse("first")?, after.as_deref(), app.now).ok()
    }

    fn calendar(&self) -> Option<DayRange> {
        DayRange::new(self.parse::<LocalDate>("from")?.0, self.parse::<LocalDate>("to")?.0).ok()
    }

    fn tokens(&self) -> Option<AdmissionTokenQuery> {
        let after: Option<String> = self.parse("after")?;
        AdmissionTokenQuery::new(self.parse("isGlobal")?, self.parse("first")?, after.as_deref()).ok()
    }
}
