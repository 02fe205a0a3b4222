//! One row a day, from schedules and, where the venue's calendar can be read, from that.

use std::collections::HashMap;

use jiff::civil::Date;

use crate::inferred;
use crate::map::{Venue, days};
use crate::wire::catalog::{Calendar, Template};
use domain::{AvailabilityStatus, CalendarDay, Freshness, Money};

/// What a calendar of the vendor says.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenDays {
    days: HashMap<Date, bool>,
    is_of_one_template: bool,
}

impl OpenDays {
    /// Reads a calendar; a row without a readable date is left out. The calendar of the whole venue says only when it is closed.
    pub(crate) fn read(calendar: &Calendar, is_of_one_template: bool) -> Self {
        let date = |text: &str| text.get(..10)?.parse().ok();
        let rows = calendar.days.iter().filter_map(|day| Some((date(day.date.as_deref()?)?, inferred::is_open(day))));
        Self { days: rows.collect(), is_of_one_template }
    }

    fn says(&self, date: Date, promised: Option<u32>) -> (AvailabilityStatus, u32) {
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

/// The rows of a template for `days`. Where only its schedules speak that is INFERRED: a day with instances is unknown, not
/// available, because nobody has asked the vendor about it.
pub(crate) fn rows(
    template: &Template,
    days: &[Date],
    calendar: Option<&OpenDays>,
    price_from: Option<Money>,
    (venue, freshness): (&Venue, Freshness),
) -> Vec<CalendarDay> {
    let row = |date: &Date| {
        let promised = days::promised(template, *date, &venue.zone);
        let (status, performance_count) = match (calendar, promised) {
            (Some(calendar), promised) => calendar.says(*date, promised),
            (None, Some(0)) => (AvailabilityStatus::Closed, 0),
            (None, promised) => (AvailabilityStatus::Unknown, promised.unwrap_or(0)),
        };
        let price_from = price_from.filter(|_| status != AvailabilityStatus::Closed);
        CalendarDay { date: *date, status, price_from, performance_count, freshness }
    };
    days.iter().map(row).collect()
}
