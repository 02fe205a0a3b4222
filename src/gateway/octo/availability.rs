//! Availabilities and the calendar.

use jiff::ToSpan as _;
use jiff::civil::Date;
use octo_facade::OctoError;
use octo_facade::availability::{CheckContext, availability, calendar_day, is_open};
use octo_facade::facts::{DayFacts, EventFacts, PerformanceFacts};
use octo_facade::problem::to_error;
use octo_facade::request::{self, AvailabilitySelection, CalendarRequest, CheckRequest, OctoUnitCount};
use octo_facade::slot::{SlotTimes, start_of, zone_of};
use octo_facade::wire::{OctoAvailability, OctoDay};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::gateway::octo::documents::{CALENDAR, OPEN_SLOT, SLOT_TIMES, SLOTS, SLOTS_BY_ID};
use crate::gateway::octo::exchange::{Exchange, read};
use crate::gateway::octo::failures::{name_nothing, of_errors};
use crate::gateway::octo::products::{Page, PageInfo, find_event};
use crate::gateway::octo::reply::Reply;
use crate::graphql::base::id::GlobalId;

/// Performances of a page: as many as an operation may read with their availability.
const PAGE_SIZE: usize = 40;
/// Performances that are read by their ids at once, with availability and event.
const IDS_AT_ONCE: usize = 25;

#[derive(Deserialize)]
struct EventResult<T> {
    /// `None` if the event has gone since it was found.
    event: Option<T>,
}

#[derive(Deserialize)]
struct PerformancesResult {
    performances: Page<PerformanceFacts>,
}

#[derive(Deserialize)]
struct CalendarResult {
    calendar: Vec<DayFacts>,
}

#[derive(Deserialize)]
struct OpenResult {
    performances: OpenPage,
}

#[derive(Deserialize)]
struct OpenPage {
    problems: Vec<octo_facade::facts::ProblemFacts>,
    nodes: Vec<PerformanceFacts>,
}

/// `POST /availability/calendar`.
pub(super) async fn calendar(exchange: &Exchange<'_>, body: &[u8]) -> Result<Reply, OctoError> {
    let body: CalendarRequest = request::parse(body)?;
    let seller = exchange.seller().await?;
    let (product, (from, to)) = body.check()?;
    let event = find_event(exchange, &seller, product).await?;
    check_units(&event, &merged(body.units(), exchange.settings().max_units)?)?;
    let variables = json!({ "event": event.id, "from": from.to_string(), "to": to.to_string() });
    let found: EventResult<CalendarResult> = exchange.query(CALENDAR, variables).await?;
    let days = found.event.ok_or_else(|| OctoError::product(Some(product)))?.calendar;
    let has_pricing = exchange.capabilities.has_pricing();
    let days: Vec<OctoDay> = days.iter().filter_map(|day| calendar_day(&event, day, has_pricing)).collect();
    Reply::of(&days)
}

/// `POST /availability`.
pub(super) async fn check(exchange: &Exchange<'_>, body: &[u8]) -> Result<Reply, OctoError> {
    let body: CheckRequest = request::parse(body)?;
    let seller = exchange.seller().await?;
    let (product, selection) = body.check()?;
    let event = find_event(exchange, &seller, product).await?;
    let units = merged(body.units(), exchange.settings().max_units)?;
    check_units(&event, &units)?;
    let context = CheckContext {
        units: &units,
        max_units: exchange.settings().max_units,
        has_pricing: exchange.capabilities.has_pricing(),
        has_content: exchange.capabilities.has_content(),
    };
    let quantity = total_quantity(&units);
    let rows: Vec<OctoAvailability> = match selection {
        // Open visits have no times to choose from.
        AvailabilitySelection::Days(..) if is_open(&event) => Vec::new(),
        AvailabilitySelection::Days(from, to) => {
            let performances = in_range(exchange, &event, (from, to), &quantity).await?;
            performances.iter().filter_map(|performance| availability(&event, performance, &context)).collect()
        }
        AvailabilitySelection::Ids(ids) => {
            let performances = by_ids(exchange, &event, &ids, Some(&quantity)).await?;
            let row = |performance| availability(&event, performance, &context).ok_or_else(unreadable);
            performances.iter().map(row).collect::<Result<_, _>>()?
        }
    };
    Reply::of(&rows)
}

/// An availability that is not known now (octo.md §12.2): never sold out.
fn unreadable() -> OctoError {
    OctoError::internal().with_status(400)
}

/// Adds up the counts of each unit: parts of a whole fit only together.
///
/// # Errors
///
/// More entries than a booking may have units.
fn merged(units: &[OctoUnitCount], max_units: u32) -> Result<Vec<OctoUnitCount>, OctoError> {
    if units.len() > usize::try_from(max_units).unwrap_or(usize::MAX) {
        return Err(OctoError::bad_request(format!("`units` has at most {max_units} entries")));
    }
    let mut sums: Vec<OctoUnitCount> = Vec::new();
    for unit in units {
        match sums.iter_mut().find(|known| known.id == unit.id) {
            Some(known) => known.quantity = known.quantity.saturating_add(unit.quantity),
            None => sums.push(unit.clone()),
        }
    }
    Ok(sums)
}

/// Checks that the event has all units.
fn check_units(event: &EventFacts, units: &[OctoUnitCount]) -> Result<(), OctoError> {
    match units.iter().find(|unit| event.find_unit(&unit.id).is_none()) {
        Some(unknown) => Err(OctoError::unit(Some(&unknown.id))),
        None => Ok(()),
    }
}

/// Returns the number of places that are needed together; null for any.
fn total_quantity(units: &[OctoUnitCount]) -> Value {
    let sum: u64 = units.iter().map(|unit| u64::from(unit.quantity)).sum();
    match sum {
        0 => Value::Null,
        sum => sum.min(u64::from(i32::MAX.unsigned_abs())).into(),
    }
}

/// Loads the performances of a range of local days.
async fn in_range(
    exchange: &Exchange<'_>,
    event: &EventFacts,
    (from, to): (Date, Date),
    quantity: &Value,
) -> Result<Vec<PerformanceFacts>, OctoError> {
    let zone = zone_of(event);
    let bounds = to.checked_add(1.day()).ok().and_then(|end| start_of(from, &zone).zip(start_of(end, &zone)));
    let (start, end) = bounds.ok_or_else(|| OctoError::bad_request("the days are too far away"))?;
    let (start, end) = (start.timestamp().to_string(), end.timestamp().to_string());
    let limit = exchange.settings().max_availabilities;
    let is_of_range = |performance: &PerformanceFacts| {
        SlotTimes::of(event, performance).is_some_and(|times| (from..=to).contains(&times.day()))
    };
    let (mut performances, mut after): (Vec<PerformanceFacts>, Option<String>) = (Vec::new(), None);
    loop {
        let variables = json!({
            "event": event.id, "from": start, "to": end, "quantity": quantity, "first": PAGE_SIZE, "after": after,
        });
        let found: EventResult<PerformancesResult> = exchange.query(SLOTS, variables).await?;
        let page = found.event.ok_or_else(|| OctoError::product(Some(&event.id)))?.performances;
        if let Some(problem) = page.problems.first() {
            return Err(to_error(problem, ""));
        }
        performances.extend(page.rows.nodes.into_iter().filter(is_of_range));
        if performances.len() > limit {
            return Err(OctoError::bad_request(format!("more than {limit} availabilities: request fewer days")));
        }
        match page.page_info {
            PageInfo { has_next_page: true, end_cursor: Some(cursor) } => after = Some(cursor),
            _ => return Ok(performances),
        }
    }
}

/// Loads performances of an event by their ids, in their order: with their availability for a quantity, or their times only.
pub(super) async fn by_ids(
    exchange: &Exchange<'_>,
    event: &EventFacts,
    ids: &[String],
    quantity: Option<&Value>,
) -> Result<Vec<PerformanceFacts>, OctoError> {
    let is_performance = |id: &&String| matches!(GlobalId::decode(id), Some(GlobalId::Performance(..)));
    if let Some(other) = ids.iter().find(|id| !is_performance(id)) {
        return Err(OctoError::availability(Some(other)));
    }
    let mut performances = Vec::with_capacity(ids.len());
    for ids in ids.chunks(IDS_AT_ONCE) {
        let (document, variables) = match quantity {
            Some(quantity) => (SLOTS_BY_ID, json!({ "ids": ids, "quantity": quantity })),
            None => (SLOT_TIMES, json!({ "ids": ids })),
        };
        let (mut data, errors) = exchange.query_parts(document, variables).await?;
        if !name_nothing(&errors) {
            return Err(of_errors(&errors));
        }
        let nodes: Vec<Value> = read(data["nodes"].take())?;
        for (id, node) in ids.iter().zip(nodes) {
            let found: Option<PerformanceFacts> = read(node)?;
            let is_of_event =
                |performance: &PerformanceFacts| performance.event.as_ref().is_some_and(|own| own.id == event.id);
            performances.push(found.filter(is_of_event).ok_or_else(|| OctoError::availability(Some(id)))?);
        }
    }
    Ok(performances)
}

/// Loads the performance of an event with open visits.
pub(super) async fn open_performance(
    exchange: &Exchange<'_>,
    event: &EventFacts,
) -> Result<PerformanceFacts, OctoError> {
    let found: EventResult<OpenResult> = exchange.query(OPEN_SLOT, json!({ "event": event.id })).await?;
    let page = found.event.ok_or_else(|| OctoError::product(Some(&event.id)))?.performances;
    if let Some(problem) = page.problems.first() {
        return Err(to_error(problem, ""));
    }
    page.nodes.into_iter().next().ok_or_else(|| OctoError::refused("not for sale"))
}
