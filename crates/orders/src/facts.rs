//! Current facts about the lines of a new order, and the checks that depend on them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::order::Line;
use crate::problem::{Problem, ProblemCode, ProblemDetail};
use crate::request::{CreateOrder, OrderLineRequest, line_path};
use domain::{
    Availability, AvailabilityStatus, Batch, ErrorKind, Event, EventStatus, Offer, Performance, PerformanceKey, Source,
    VendorError,
};

/// Current facts about one line.
pub(crate) struct LineFacts {
    performance: Arc<Performance>,
    availability: Arc<Availability>,
    event: Option<Arc<Event>>,
    visit_date: Option<Date>,
}

/// Loads performances, events and availability of a source, uncached.
pub(crate) async fn load_line_facts(
    source: &Source,
    keys: &[PerformanceKey],
) -> Vec<(PerformanceKey, Result<LineFacts, VendorError>)> {
    let performances = source.catalog.load_performances(keys).await;
    let performances_found: Vec<_> =
        keys.iter().filter_map(|key| performances.get(key)?.as_ref().ok().cloned()).collect();
    let events: BTreeSet<_> = performances_found.iter().map(|observed| &observed.value.event).collect();
    let events: Vec<_> = events.into_iter().cloned().collect();
    let (mut free, events) = tokio::join!(
        async {
            if performances_found.is_empty() {
                return Batch::new();
            }
            source.catalog.load_availability(&performances_found, Duration::ZERO).await
        },
        async { if events.is_empty() { Batch::new() } else { source.catalog.load_events(&events).await } },
    );
    let mut fact = |key: &PerformanceKey| -> Result<LineFacts, VendorError> {
        let missing = || VendorError::new(&source.id, domain::VendorOperation::LoadPerformances, ErrorKind::Malformed);
        let performance = performances.get(key).cloned().unwrap_or_else(|| Err(missing()))?.value;
        let availability = free.remove(key).unwrap_or_else(|| Err(missing()))?.value;
        // Availability alone still decides what is on sale if the event cannot be loaded.
        let event = events.get(&performance.event).and_then(|event| event.as_ref().ok());
        let event = event.map(|event| Arc::clone(&event.value));
        let start = performance.starts_at.map(|at| at.to_zoned(source.time_zone.clone()).date());
        let visit_date = performance.date.or(start);
        Ok(LineFacts { performance, availability, event, visit_date })
    };
    keys.iter().map(|key| (key.clone(), fact(key))).collect()
}

/// Returns the problem of a line whose performance could not be loaded.
pub(crate) fn load_problem(error: &VendorError, number: usize) -> Problem {
    let path = line_path(number, "performance");
    match error.kind {
        ErrorKind::NotFound => Problem::new(ProblemCode::UnknownPerformance).at_path(path),
        _ => Problem::from_vendor(error).at_path(path),
    }
}

fn is_on_sale(fact: &LineFacts, now: Timestamp) -> bool {
    let performance = &fact.performance;
    let is_over = [performance.cutoff_at, performance.ends_at].into_iter().flatten().any(|end| end <= now);
    let event_sells = fact.event.as_ref().is_none_or(|event| event.status == EventStatus::OnSale);
    event_sells && !is_over && fact.availability.status != AvailabilityStatus::Closed
}

enum OfferRejection {
    Problem(Problem),
    NotEnoughLeft(Option<u32>),
}

/// Checks a line against its offer. Lines of one order for the same ticket type count together.
fn check_offer(
    number: usize,
    requested: &OrderLineRequest,
    input: &CreateOrder,
    offer: &Offer,
    availability: &Availability,
) -> Result<(), OfferRejection> {
    let same_place =
        |line: &&OrderLineRequest| line.source == requested.source && line.performance == requested.performance;
    let of_place: i64 = input.lines.iter().filter(same_place).map(|line| line.quantity).sum();
    let same_type = |line: &&OrderLineRequest| same_place(line) && line.ticket_type == requested.ticket_type;
    let of_type: i64 = input.lines.iter().filter(same_type).map(|line| line.quantity).sum();
    let below = |wanted: i64, limit: Option<u32>| limit.filter(|limit| wanted > i64::from(*limit));
    match offer.status {
        AvailabilityStatus::SoldOut => return Err(OfferRejection::NotEnoughLeft(Some(0))),
        AvailabilityStatus::Closed => {
            let problem = Problem::new(ProblemCode::NotOnSale).at_path(line_path(number, "ticketType"));
            return Err(OfferRejection::Problem(problem));
        }
        _ => {}
    }
    let too_many = below(of_type, offer.ticket_type.max_per_order).or(below(of_place, availability.max_per_order));
    if too_many.is_some() {
        return Err(OfferRejection::Problem(
            Problem::new(ProblemCode::LimitExceeded).at_path(line_path(number, "quantity")),
        ));
    }
    if offer.ticket_type.min_per_order.is_some_and(|least| of_type < i64::from(least)) {
        return Err(OfferRejection::Problem(
            Problem::new(ProblemCode::QuantityInvalid).at_path(line_path(number, "quantity")),
        ));
    }
    if let Some(remaining) = below(of_type, offer.vacancies).or(below(of_place, availability.vacancies)) {
        return Err(OfferRejection::NotEnoughLeft(Some(remaining)));
    }
    let now = offer.price.retail;
    match requested.expected_unit_price {
        Some(was) if was != now => {
            let path = line_path(number, "expectedUnitPrice");
            let problem =
                Problem::new(ProblemCode::PriceChanged).at_path(path).with_detail(ProblemDetail::Price { was, now });
            Err(OfferRejection::Problem(problem))
        }
        _ => Ok(()),
    }
}

/// Builds an order line from the current offer, or returns the problem that prevents it.
pub(crate) fn build_line(
    number: usize,
    input: &CreateOrder,
    fact: &LineFacts,
    now: Timestamp,
) -> Result<Line, Problem> {
    let requested = &input.lines[number];
    let quantity = u32::try_from(requested.quantity).unwrap_or(u32::MAX);
    if !is_on_sale(fact, now) {
        return Err(Problem::new(ProblemCode::NotOnSale).at_path(line_path(number, "performance")));
    }
    let left = |remaining| {
        let detail =
            ProblemDetail::Remaining { performance: Some(requested.performance.clone()), remaining, wanted: quantity };
        Problem::new(ProblemCode::NotAvailable).at_path(line_path(number, "quantity")).with_detail(detail)
    };
    match fact.availability.status {
        AvailabilityStatus::Unknown => {
            return Err(Problem::new(ProblemCode::SourceUnavailable).at_path(line_path(number, "performance")));
        }
        AvailabilityStatus::SoldOut => return Err(left(Some(0))),
        _ => {}
    }
    // Keys are unique within an event only, at some vendors.
    let is_requested = |offer: &&Offer| {
        offer.ticket_type.key == requested.ticket_type && offer.ticket_type.event == requested.ticket_type_event
    };
    let offer = fact.availability.offers.iter().find(is_requested);
    let Some(offer) = offer else {
        return Err(Problem::new(ProblemCode::UnknownTicketType).at_path(line_path(number, "ticketType")));
    };
    check_offer(number, requested, input, offer, fact.availability.as_ref()).map_err(|refused| match refused {
        OfferRejection::Problem(problem) => problem,
        OfferRejection::NotEnoughLeft(remaining) => left(remaining),
    })?;
    Ok(Line {
        leg: 0,
        event: fact.performance.event.clone(),
        event_title: fact.event.as_ref().map(|event| event.title.clone()),
        performance: requested.performance.clone(),
        ticket_type: requested.ticket_type.clone(),
        quantity,
        unit_price: offer.price.clone(),
        starts_at: fact.performance.starts_at,
        visit_date: fact.visit_date,
        cutoff_at: fact.performance.cutoff_at,
        is_canceled: false,
    })
}
