//! What is free: offers out of an instance's price list, places out of its counts, and the three gates of our channel.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::inferred::{self, InstanceState};
use crate::map::{Venue, event};
use crate::wire::catalog::{Instance, PriceList, Schedule, Summary, Template};
use crate::wire::lenient;
use domain::{Availability, AvailabilityStatus, Offer};

/// What an instance says by itself: offers, and `capacity - soldQuantity` as an upper bound that does not know other people's
/// holds (`acme.md §4.1`).
pub(crate) fn listed(instance: &Instance, template: &Template, venue: &Venue, now: Timestamp) -> Availability {
    let bound = instance.capacity.map(|capacity| capacity.saturating_sub(instance.sold_quantity.unwrap_or(0)));
    let left = lenient::whole(&instance.available).or(bound);
    let status = match standing(instance, Some(template), venue, now) {
        AvailabilityStatus::Available if instance.available == Value::Bool(false) && left != Some(0) => {
            AvailabilityStatus::Closed
        }
        AvailabilityStatus::Available => by_count(left, instance.capacity),
        other => other,
    };
    let list = instance.price_list.as_ref().map(|list| &list.prices).into_iter().flatten();
    let template_id = template.id.to_string();
    let kinds = list.filter_map(|line| event::ticket_type(&template_id, line, venue));
    let offers: Vec<Offer> = kinds
        .filter_map(|kind| Some((kind.price.clone()?, kind)))
        .map(|(price, kind)| Offer { ticket_type: Arc::new(kind), price, vacancies: None, status })
        .collect();
    let status =
        if offers.is_empty() && status != AvailabilityStatus::Unknown { AvailabilityStatus::Closed } else { status };
    settle(Availability { status, vacancies: left, capacity: instance.capacity, max_per_order: None, offers })
}

/// The count that a summary row brings is the better one: it knows other people's holds.
pub(crate) fn counted(listed: &Availability, row: &Summary) -> Availability {
    let left = lenient::whole(&row.available).or(listed.vacancies);
    let status = match inferred::instance_state(row.state.as_deref()) {
        InstanceState::Cancelled => AvailabilityStatus::Closed,
        InstanceState::Unknown => AvailabilityStatus::Unknown,
        InstanceState::Active if is_final(listed.status) => listed.status,
        InstanceState::Active => by_count(left, listed.capacity),
    };
    settle(Availability { status, vacancies: left, ..listed.clone() })
}

/// Whether no count can change the state.
fn is_final(status: AvailabilityStatus) -> bool {
    matches!(status, AvailabilityStatus::Closed | AvailabilityStatus::Unknown)
}

/// Whether an instance is for sale through us at all, whatever is left: it takes place, is not over, and schedule and instance
/// let resellers sell. `Available` stands for yes. Without the template its schedule is not asked.
pub(crate) fn standing(
    instance: &Instance,
    template: Option<&Template>,
    venue: &Venue,
    now: Timestamp,
) -> AvailabilityStatus {
    match inferred::instance_state(instance.state.as_deref()) {
        InstanceState::Cancelled => return AvailabilityStatus::Closed,
        InstanceState::Unknown => return AvailabilityStatus::Unknown,
        InstanceState::Active => {}
    }
    let begin = instance.start_time.as_ref().and_then(|time| time.instant(&venue.zone));
    let end = instance.end_time.as_ref().and_then(|time| time.instant(&venue.zone));
    let admission = instance.admission_type.as_deref().or(template.and_then(|t| t.admission_type.as_deref()));
    let is_timed = event::is_timed(admission);
    let is_over =
        begin.and_then(|begin| inferred::cutoff(instance, is_timed, begin, end)).is_some_and(|cutoff| cutoff <= now);
    let schedule =
        template.and_then(|t| schedule_of(instance, t)).and_then(|schedule| schedule.sales_channels.as_deref());
    let is_ours =
        inferred::sells_to_resellers(instance.sales_channels.as_deref()) && inferred::sells_to_resellers(schedule);
    if is_over || !is_ours { AvailabilityStatus::Closed } else { AvailabilityStatus::Available }
}

fn schedule_of<'a>(instance: &Instance, template: &'a Template) -> Option<&'a Schedule> {
    let id = instance.schedule_id.as_ref()?;
    template.schedules.iter().find(|schedule| schedule.id.as_ref() == Some(id))
}

/// A tenth or less is nearly gone; without any number nothing limits the sale.
fn by_count(left: Option<u32>, capacity: Option<u32>) -> AvailabilityStatus {
    match left {
        None => AvailabilityStatus::Freesale,
        Some(0) => AvailabilityStatus::SoldOut,
        Some(left) if capacity.is_some_and(|capacity| left <= capacity / 10) => AvailabilityStatus::Limited,
        Some(_) => AvailabilityStatus::Available,
    }
}

/// Gives each offer its share: a bundle needs places for everybody it admits.
fn settle(mut availability: Availability) -> Availability {
    for offer in &mut availability.offers {
        offer.vacancies = availability.vacancies.map(|left| left / offer.ticket_type.admits.max(1));
        let is_short = offer.vacancies == Some(0) && !is_final(availability.status);
        offer.status = if is_short { AvailabilityStatus::SoldOut } else { availability.status };
    }
    availability
}

/// The price lists of instances, for templates that carry none themselves.
pub(crate) fn price_lists(instances: &[Instance]) -> impl Iterator<Item = &PriceList> {
    instances.iter().filter_map(|instance| instance.price_list.as_ref())
}
