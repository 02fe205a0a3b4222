//! Availability of an instance: offers from its price list, vacancies from its counts, and the three levels of the
//! sales channel.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::assumptions::{self, InstanceState};
use crate::map::{SourceDefaults, event};
use crate::settings::Facts;
use crate::wire::catalog::{Instance, PriceList, Schedule, Summary, Template};
use crate::wire::lenient;
use domain::{Availability, AvailabilityStatus, Offer};

/// Availability according to the instance alone: its offers, and `capacity - soldQuantity` as an upper bound that
/// ignores other buyers' holds (`acme.md §4.1`).
pub(crate) fn listed_availability(
    instance: &Instance,
    template: &Template,
    defaults: &SourceDefaults,
    now: Timestamp,
) -> Availability {
    let bound = instance.capacity.map(|capacity| capacity.saturating_sub(instance.sold_quantity.unwrap_or(0)));
    let left = lenient::unsigned(&instance.available).or(bound);
    let status = match sale_status(instance, Some(template), defaults, now) {
        AvailabilityStatus::Available if instance.available == Value::Bool(false) && left != Some(0) => {
            AvailabilityStatus::Closed
        }
        AvailabilityStatus::Available => status_by_count(left, instance.capacity),
        other => other,
    };
    let list = instance.price_list.as_ref().map(|list| &list.prices).into_iter().flatten();
    let template_id = template.id.to_string();
    let kinds = list.filter_map(|line| event::ticket_type(&template_id, line, defaults));
    let offers: Vec<Offer> = kinds
        .filter_map(|kind| Some((kind.price.clone()?, kind)))
        .map(|(price, kind)| Offer { ticket_type: Arc::new(kind), price, vacancies: None, status })
        .collect();
    let status = if offers.is_empty() { AvailabilityStatus::Closed } else { status };
    distribute_vacancies(Availability {
        status,
        vacancies: left,
        capacity: instance.capacity,
        max_per_order: None,
        offers,
    })
}

/// Applies the counts of a summary row, which include other buyers' holds.
pub(crate) fn with_summary(listed: &Availability, row: &Summary, facts: &Facts) -> Availability {
    let left = lenient::unsigned(&row.available).or(listed.vacancies);
    let status = match assumptions::instance_state(row.state.as_deref(), facts) {
        Some(InstanceState::Active) if is_final(listed.status) => listed.status,
        Some(InstanceState::Active) => status_by_count(left, listed.capacity),
        Some(InstanceState::Canceled) | None => AvailabilityStatus::Closed,
    };
    distribute_vacancies(Availability { status, vacancies: left, ..listed.clone() })
}

/// True if no count can change the status.
fn is_final(status: AvailabilityStatus) -> bool {
    status == AvailabilityStatus::Closed
}

/// Returns whether an instance can be sold through this channel, regardless of its counts: it takes place, has not
/// ended, and its schedule and instance allow resellers. `Available` means yes, anything else `Closed`: an unknown state is an
/// answer of the vendor, which the client logs with its word, and not a vendor that cannot be reached. Without a template, the
/// schedule is not checked.
pub(crate) fn sale_status(
    instance: &Instance,
    template: Option<&Template>,
    defaults: &SourceDefaults,
    now: Timestamp,
) -> AvailabilityStatus {
    if assumptions::instance_state(instance.state.as_deref(), &defaults.facts) != Some(InstanceState::Active) {
        return AvailabilityStatus::Closed;
    }
    let begin = instance.start_time.as_ref().and_then(|time| time.instant(&defaults.time_zone));
    let end = instance.end_time.as_ref().and_then(|time| time.instant(&defaults.time_zone));
    let admission = instance.admission_type.as_deref().or(template.and_then(|t| t.admission_type.as_deref()));
    let is_timed = event::is_timed(admission);
    let is_over =
        begin.and_then(|begin| assumptions::cutoff(instance, is_timed, begin, end)).is_some_and(|cutoff| cutoff <= now);
    let schedule =
        template.and_then(|t| schedule_of(instance, t)).and_then(|schedule| schedule.sales_channels.as_deref());
    let is_ours = assumptions::sells_to_resellers(instance.sales_channels.as_deref(), &defaults.facts)
        && assumptions::sells_to_resellers(schedule, &defaults.facts);
    if is_over || !is_ours { AvailabilityStatus::Closed } else { AvailabilityStatus::Available }
}

fn schedule_of<'a>(instance: &Instance, template: &'a Template) -> Option<&'a Schedule> {
    let id = instance.schedule_id.as_ref()?;
    template.schedules.iter().find(|schedule| schedule.id.as_ref() == Some(id))
}

/// Up to a tenth of the capacity is `Limited`; without any number, sale is not limited.
fn status_by_count(left: Option<u32>, capacity: Option<u32>) -> AvailabilityStatus {
    match left {
        None => AvailabilityStatus::Freesale,
        Some(0) => AvailabilityStatus::SoldOut,
        Some(left) if capacity.is_some_and(|capacity| left <= capacity / 10) => AvailabilityStatus::Limited,
        Some(_) => AvailabilityStatus::Available,
    }
}

/// Sets the vacancies of each offer: a bundle needs capacity for everybody it admits.
fn distribute_vacancies(mut availability: Availability) -> Availability {
    for offer in &mut availability.offers {
        offer.vacancies = availability.vacancies.map(|left| left / offer.ticket_type.admits.max(1));
        let is_short = offer.vacancies == Some(0) && !is_final(availability.status);
        offer.status = if is_short { AvailabilityStatus::SoldOut } else { availability.status };
    }
    availability
}

/// Returns the price lists of instances, for templates that have none.
pub(crate) fn price_lists(instances: &[Instance]) -> impl Iterator<Item = &PriceList> {
    instances.iter().filter_map(|instance| instance.price_list.as_ref())
}
