//! Calendar days, from the schedules and, if it can be read, the venue's calendar.

use std::collections::HashMap;

use jiff::civil::Date;

use crate::assumptions;
use crate::map::{SourceDefaults, days};
use crate::wire::catalog::{Calendar, Template};
use domain::{AvailabilityStatus, CalendarDay, Freshness, Money};

/// Open days according to the vendor's calendar.
#[derive(Clone, Debug, Default)]
pub(crate) struct VenueCalendar {
    days: HashMap<Date, bool>,
    is_of_one_template: bool,
}

impl VenueCalendar {
    /// Parses a calendar; rows without a readable date are skipped. The calendar of the whole venue only proves that a
    /// day is closed.
    pub(crate) fn from_wire(calendar: &Calendar, is_of_one_template: bool) -> Self {
        let date = |text: &str| text.get(..10)?.parse().ok();
        let rows =
            calendar.days.iter().filter_map(|day| Some((date(day.date.as_deref()?)?, assumptions::is_open(day))));
        Self { days: rows.collect(), is_of_one_template }
    }

    fn day_status(&self, date: Date, promised: Option<u32>) -> (AvailabilityStatus, u32) {
        let is_open = self.days.get(&date).copied().unwrap_or(false);
        match promised {
            _ if !is_open => (AvailabilityStatus::Closed, 0),
            promised if self.is_of_one_template => (AvailabilityStatus::Available, promised.unwrap_or(1).max(1)),
            Some(0) => (AvailabilityStatus::Closed, 0),
            Some(count) => (AvailabilityStatus::Available, count),
            None => (AvailabilityStatus::Unknown, 0),
        }
    }
}

/// Builds the rows of a template for `days`. INFERRED without a calendar: a day with scheduled instances is unknown,
/// not available, because the vendor has not confirmed it.
pub(crate) fn calendar_days(
    template: &Template,
    days: &[Date],
    calendar: Option<&VenueCalendar>,
    price_from: Option<Money>,
    (defaults, freshness): (&SourceDefaults, Freshness),
) -> Vec<CalendarDay> {
    let row = |date: &Date| {
        let promised = days::scheduled_count(template, *date, &defaults.time_zone);
        let (status, performance_count) = match (calendar, promised) {
            (Some(calendar), promised) => calendar.day_status(*date, promised),
            (None, Some(0)) => (AvailabilityStatus::Closed, 0),
            (None, promised) => (AvailabilityStatus::Unknown, promised.unwrap_or(0)),
        };
        let price_from = price_from.filter(|_| status != AvailabilityStatus::Closed);
        CalendarDay { date: *date, status, price_from, performance_count, freshness }
    };
    days.iter().map(row).collect()
}
