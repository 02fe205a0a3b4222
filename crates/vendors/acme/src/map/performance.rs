//! Instances as performances.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::inferred;
use crate::map::keys::InstanceRef;
use crate::map::{Venue, availability, event, keys};
use crate::wire::catalog::{Instance, Template};
use domain::{EventKey, ExternalRef, Performance, Window};

/// An instance as a performance of its template; `None` where it has no readable begin or id, or was deleted.
pub(crate) fn performance(
    instance: &Instance,
    template: &Template,
    venue: &Venue,
    now: Timestamp,
) -> Option<Performance> {
    let id = instance.id.to_string();
    let begin = instance.start_time.as_ref()?.instant(&venue.zone)?;
    if instance.manually_deleted == Some(true) || !keys::is_plain(&id) {
        return None;
    }
    let end = instance.end_time.as_ref().and_then(|time| time.instant(&venue.zone));
    let admission = instance.admission_type.as_deref().or(template.admission_type.as_deref());
    let is_timed = event::is_timed(admission);
    let day = begin.to_zoned(venue.zone.clone()).date();
    let named = InstanceRef { instance: id.clone(), day, is_timed };
    Some(Performance {
        key: named.key(),
        event: EventKey::new(template.id.to_string()),
        refs: vec![ExternalRef::new("acme.instance", id)],
        starts_at: is_timed.then_some(begin),
        ends_at: end,
        date: Some(day),
        cutoff_at: inferred::cutoff(instance, is_timed, begin, end),
        listed_availability: Some(Arc::new(availability::listed(instance, template, venue, now))),
    })
}

/// Whether a performance is inside a window: a timed one begins in it, an open one has not closed before it.
pub(crate) fn is_inside(performance: &Performance, window: &Window, zone: &TimeZone) -> bool {
    let Some(begin) = begin(performance, zone) else { return false };
    let is_late_enough = match performance.starts_at {
        Some(start) => start >= window.from,
        None => performance.ends_at.unwrap_or(begin) > window.from,
    };
    is_late_enough && window.to.is_none_or(|to| begin < to)
}

/// When a performance begins: its start, else the begin of its day.
pub(crate) fn begin(performance: &Performance, zone: &TimeZone) -> Option<Timestamp> {
    let day = || performance.date?.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp());
    performance.starts_at.or_else(day)
}
