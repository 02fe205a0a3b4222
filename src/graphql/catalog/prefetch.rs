//! Looks ahead from a list of events and fetches every level below it at once: one bulk call for each source and level.
//!
//! Whatever this does not foresee (deeper levels, arguments that do not parse) is left to the loaders and resolvers.

use std::time::Duration;

use async_graphql::{Context, InputType, Name, SelectionField, Value};
use futures_util::future::join_all;
use futures_util::join;

use crate::graphql::catalog::availability::max_age;
use crate::graphql::catalog::performance::rows;
use crate::graphql::ctx::Ctx;
use crate::graphql::loaders::{AvailabilityOf, CalendarOf, Loaders, PerformancesOf, TicketTypesOf, TokensOf};
use crate::graphql::scalars::{DateTime, LocalDate};
use crate::graphql::viewer::Scope;
use catalog::{DayRange, PerformanceQuery, SourcedEvent, TokenQuery};

/// What a document asks of each event of a list.
#[derive(Default)]
struct Plan {
    ticket_types: bool,
    /// Each page of performances, with the ages accepted for their availability.
    performances: Vec<(PerformanceQuery, Vec<Duration>)>,
    calendars: Vec<DayRange>,
    tokens: Vec<TokenQuery>,
}

/// Fetches everything that the selection at the present field, a connection of events, will ask of these events.
pub(super) async fn below(ctx: &Context<'_>, events: &[SourcedEvent]) {
    let app = Ctx::of(ctx);
    let plan = Plan::read(rows_of(ctx.field()), app);
    // Side by side for each source: the second level of one source never waits for the first of another.
    let by_source = split_by_source(events).into_iter();
    join_all(by_source.map(|events| plan.run(&app.loaders, events))).await;
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

/// The selections of the rows of a connection, told as nodes or as edges.
fn rows_of<'a>(connection: SelectionField<'a>) -> Vec<SelectionField<'a>> {
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

impl Plan {
    fn read(rows: Vec<SelectionField<'_>>, app: &Ctx) -> Self {
        let mut plan = Self::default();
        for field in rows.iter().flat_map(SelectionField::selection_set) {
            // What cannot be read here fails in its resolver, with a path.
            let Some(arguments) = Arguments::of(&field) else { continue };
            match field.name() {
                "ticketTypes" => plan.ticket_types = true,
                "performances" => {
                    if let Some(query) = arguments.performances(app) {
                        plan.add_performances(query, ages(field));
                    }
                }
                "calendar" => plan.calendars.extend(arguments.calendar()),
                "admissionTokens" if app.viewer.may(Scope::AdmissionRead) => plan.tokens.extend(arguments.tokens()),
                _ => {}
            }
        }
        plan
    }

    fn add_performances(&mut self, query: PerformanceQuery, ages: Vec<Duration>) {
        match self.performances.iter_mut().find(|(known, _)| *known == query) {
            Some((_, known)) => known.extend(ages),
            None => self.performances.push((query, ages)),
        }
    }

    async fn run(&self, loaders: &Loaders, events: Vec<SourcedEvent>) {
        let ticket_types = async {
            if self.ticket_types {
                let keys: Vec<_> = events.iter().cloned().map(TicketTypesOf).collect();
                loaders.prefetch(&keys).await;
            }
        };
        let performances = join_all(self.performances.iter().map(async |(query, ages)| {
            let of = |event: &SourcedEvent| PerformancesOf { event: event.clone(), query: query.clone() };
            let pages = loaders.prefetch(&events.iter().map(of).collect::<Vec<_>>()).await;
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
            loaders.prefetch(&keys).await;
        }));
        let calendars = join_all(self.calendars.iter().map(async |days| {
            let of = |event: &SourcedEvent| CalendarOf { event: event.clone(), days: *days };
            loaders.prefetch(&events.iter().map(of).collect::<Vec<_>>()).await;
        }));
        let tokens = join_all(self.tokens.iter().map(async |query| {
            let of = |event: &SourcedEvent| TokensOf { event: event.clone(), query: *query };
            loaders.prefetch(&events.iter().map(of).collect::<Vec<_>>()).await;
        }));
        join!(ticket_types, performances, calendars, tokens);
    }
}

/// The ages accepted by what asks for availability below a page of performances.
fn ages(performances: SelectionField<'_>) -> Vec<Duration> {
    let rows = rows_of(performances);
    let fields = rows.iter().flat_map(SelectionField::selection_set).filter(|field| field.name() == "availability");
    let mut ages: Vec<_> = fields
        .filter_map(|field| {
            let arguments = Arguments::of(&field)?;
            max_age(arguments.read("maxAgeSeconds")?).ok()
        })
        .collect();
    ages.sort_unstable();
    ages.dedup();
    ages
}

/// The arguments of a field, variables put in.
struct Arguments(Vec<(Name, Value)>);

impl Arguments {
    fn of(field: &SelectionField<'_>) -> Option<Self> {
        field.arguments().ok().map(Self)
    }

    /// An argument; none when it does not fit its type.
    fn read<T: InputType>(&self, name: &str) -> Option<T> {
        let value = self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        T::parse(value).ok()
    }

    fn performances(&self, app: &Ctx) -> Option<PerformanceQuery> {
        let instant = |name| self.read::<Option<DateTime>>(name).map(|at| at.map(|at| at.at));
        let after: Option<String> = self.read("after")?;
        PerformanceQuery::new((instant("from")?, instant("to")?), self.read("first")?, after.as_deref(), app.now).ok()
    }

    fn calendar(&self) -> Option<DayRange> {
        DayRange::new(self.read::<LocalDate>("from")?.0, self.read::<LocalDate>("to")?.0).ok()
    }

    fn tokens(&self) -> Option<TokenQuery> {
        let after: Option<String> = self.read("after")?;
        TokenQuery::new(self.read("isGlobal")?, self.read("first")?, after.as_deref()).ok()
    }
}
