//! What the sources say about the lines of a new order now, and the checks that need it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::order::Line;
use crate::problem::{Detail, Problem, ProblemCode};
use crate::request::{AskedLine, CreateOrder, line_path};
use domain::{
    Availability, AvailabilityStatus, Batch, ErrorKind, EventStatus, Offer, Performance, PerformanceKey, Source,
    VendorError,
};

/// What the sources say about one line.
pub(crate) struct Fact {
    performance: Arc<Performance>,
    availability: Arc<Availability>,
    event_status: Option<EventStatus>,
}

/// Asks a source about performances: what is free is never older than the question.
pub(crate) async fn ask_source(
    source: &Source,
    keys: &[PerformanceKey],
) -> Vec<(PerformanceKey, Result<Fact, VendorError>)> {
    let performances = source.catalog.load_performances(keys).await;
    let known: Vec<_> = keys.iter().filter_map(|key| performances.get(key)?.as_ref().ok().cloned()).collect();
    let events: BTreeSet<_> = known.iter().map(|observed| &observed.value.event).collect();
    let events: Vec<_> = events.into_iter().cloned().collect();
    let (mut free, events) = tokio::join!(
        async {
            if known.is_empty() {
                return Batch::new();
            }
            source.catalog.load_availability(&known, Duration::ZERO).await
        },
        async { if events.is_empty() { Batch::new() } else { source.catalog.load_events(&events).await } },
    );
    let mut fact = |key: &PerformanceKey| -> Result<Fact, VendorError> {
        let missing = || VendorError::new(&source.id, domain::Operation::LoadPerformances, ErrorKind::Malformed);
        let performance = performances.get(key).cloned().unwrap_or_else(|| Err(missing()))?.value;
        let availability = free.remove(key).unwrap_or_else(|| Err(missing()))?.value;
        // Without the event its performance still tells what is for sale.
        let event = events.get(&performance.event).and_then(|event| event.as_ref().ok());
        let event_status = event.map(|event| event.value.status);
        Ok(Fact { performance, availability, event_status })
    };
    keys.iter().map(|key| (key.clone(), fact(key))).collect()
}

/// A line whose performance could not be read.
pub(crate) fn unread(error: &VendorError, number: usize) -> Problem {
    let path = line_path(number, "performance");
    match error.kind {
        ErrorKind::NotFound => Problem::new(ProblemCode::UnknownPerformance).at(path),
        _ => Problem::from_vendor(error).at(path),
    }
}

fn is_on_sale(fact: &Fact, now: Timestamp) -> bool {
    let performance = &fact.performance;
    let is_over = [performance.cutoff_at, performance.ends_at].into_iter().flatten().any(|end| end <= now);
    let event_sells = fact.event_status.is_none_or(|status| status == EventStatus::OnSale);
    event_sells && !is_over && fact.availability.status != AvailabilityStatus::Closed
}

enum Refused {
    Problem(Problem),
    Left(Option<u32>),
}

/// What a line asks of an offer; lines of one order for the same thing count together.
fn check_offer(
    number: usize,
    asked: &AskedLine,
    input: &CreateOrder,
    offer: &Offer,
    availability: &Availability,
) -> Result<(), Refused> {
    let same_place = |line: &&AskedLine| line.source == asked.source && line.performance == asked.performance;
    let of_place: i64 = input.lines.iter().filter(same_place).map(|line| line.quantity).sum();
    let same_type = |line: &&AskedLine| same_place(line) && line.ticket_type == asked.ticket_type;
    let of_type: i64 = input.lines.iter().filter(same_type).map(|line| line.quantity).sum();
    let below = |wanted: i64, limit: Option<u32>| limit.filter(|limit| wanted > i64::from(*limit));
    match offer.status {
        AvailabilityStatus::SoldOut => return Err(Refused::Left(Some(0))),
        AvailabilityStatus::Closed => {
            let problem = Problem::new(ProblemCode::NotOnSale).at(line_path(number, "ticketType"));
            return Err(Refused::Problem(problem));
        }
        _ => {}
    }
    let too_many = below(of_type, offer.ticket_type.max_per_order).or(below(of_place, availability.max_per_order));
    if too_many.is_some() {
        return Err(Refused::Problem(Problem::new(ProblemCode::LimitExceeded).at(line_path(number, "quantity"))));
    }
    if offer.ticket_type.min_per_order.is_some_and(|least| of_type < i64::from(least)) {
        return Err(Refused::Problem(Problem::new(ProblemCode::QuantityInvalid).at(line_path(number, "quantity"))));
    }
    if let Some(remaining) = below(of_type, offer.vacancies).or(below(of_place, availability.vacancies)) {
        return Err(Refused::Left(Some(remaining)));
    }
    let now = offer.price.retail;
    match asked.expected_unit_price {
        Some(was) if was != now => {
            let path = line_path(number, "expectedUnitPrice");
            let problem = Problem::new(ProblemCode::PriceChanged).at(path).with(Detail::Price { was, now });
            Err(Refused::Problem(problem))
        }
        _ => Ok(()),
    }
}

/// A line as its source sells it now, or why it does not.
pub(crate) fn line(number: usize, input: &CreateOrder, fact: &Fact, now: Timestamp) -> Result<Line, Problem> {
    let asked = &input.lines[number];
    let quantity = u32::try_from(asked.quantity).unwrap_or(u32::MAX);
    if !is_on_sale(fact, now) {
        return Err(Problem::new(ProblemCode::NotOnSale).at(line_path(number, "performance")));
    }
    let left = |remaining| {
        let detail = Detail::Left { performance: Some(asked.performance.clone()), remaining, wanted: quantity };
        Problem::new(ProblemCode::NotAvailable).at(line_path(number, "quantity")).with(detail)
    };
    match fact.availability.status {
        AvailabilityStatus::Unknown => {
            return Err(Problem::new(ProblemCode::SourceUnavailable).at(line_path(number, "performance")));
        }
        AvailabilityStatus::SoldOut => return Err(left(Some(0))),
        _ => {}
    }
    let offer = fact.availability.offers.iter().find(|offer| offer.ticket_type.key == asked.ticket_type);
    let Some(offer) = offer else {
        return Err(Problem::new(ProblemCode::UnknownTicketType).at(line_path(number, "ticketType")));
    };
    check_offer(number, asked, input, offer, fact.availability.as_ref()).map_err(|refused| match refused {
        Refused::Problem(problem) => problem,
        Refused::Left(remaining) => left(remaining),
    })?;
    Ok(Line {
        leg: 0,
        event: fact.performance.event.clone(),
        performance: asked.performance.clone(),
        ticket_type: asked.ticket_type.clone(),
        quantity,
        unit_price: offer.price.clone(),
        starts_at: fact.performance.starts_at,
        cutoff_at: fact.performance.cutoff_at,
        is_cancelled: false,
    })
}
