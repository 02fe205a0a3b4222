//! Instances as performances.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::assumptions;
use crate::map::keys::InstanceRef;
use crate::map::{SourceDefaults, availability, event, keys};
use crate::wire::catalog::{Instance, Template};
use domain::{EventKey, ExternalRef, Performance, PerformanceWindow};

/// Maps an instance to a performance of its template; `None` if it was deleted, or has no readable start or id.
pub(crate) fn performance(
    instance: &Instance,
    template: &Template,
    defaults: &SourceDefaults,
    now: Timestamp,
) -> Option<Performance> {
    let id = instance.id.to_string();
    let begin = instance.start_time.as_ref()?.instant(&defaults.time_zone)?;
    if instance.manually_deleted == Some(true) || !keys::is_plain(&id) {
        return None;
    }
    let end = instance.end_time.as_ref().and_then(|time| time.instant(&defaults.time_zone));
    let admission = instance.admission_type.as_deref().or(template.admission_type.as_deref());
    let is_timed = event::is_timed(admission);
    let day = begin.to_zoned(defaults.time_zone.clone()).date();
    let named = InstanceRef { id: id.clone(), day, is_timed };
    Some(Performance {
        key: named.key(),
        event: EventKey::new(template.id.to_string()),
        refs: vec![ExternalRef::new("acme.instance", id)],
        starts_at: is_timed.then_some(begin),
        ends_at: end,
        date: Some(day),
        cutoff_at: assumptions::cutoff(instance, is_timed, begin, end),
        listed_availability: Some(Arc::new(availability::listed_availability(instance, template, defaults, now))),
    })
}

/// True if a performance is inside a window: a timed one starts in it, an open one has not ended before it.
pub(crate) fn is_inside(performance: &Performance, window: &PerformanceWindow, zone: &TimeZone) -> bool {
    let Some(begin) = start_of(performance, zone) else { return false };
    let is_late_enough = match performance.starts_at {
        Some(start) => start >= window.from,
        None => performance.ends_at.unwrap_or(begin) > window.from,
    };
    is_late_enough && window.to.is_none_or(|to| begin < to)
}

/// Start of a performance, or of its day.
pub(crate) fn start_of(performance: &Performance, zone: &TimeZone) -> Option<Timestamp> {
    let day = || performance.date?.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp());
    performance.starts_at.or_else(day)
}
