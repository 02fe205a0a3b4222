//! What both institutions build their seasons from.

use jiff::civil::{Date, Weekday, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::secutix::world::{Category, Label, Show, label};

/// A category of tariffs.
pub(crate) struct Audiences {
    pub id: i64,
    pub code: &'static str,
    pub main: &'static str,
    pub secondary: &'static str,
    pub tariffs: Vec<Tariff>,
}

/// A tariff.
pub(crate) struct Tariff {
    pub id: i64,
    pub code: &'static str,
    pub kind: Kind,
    pub name: Label,
}

/// Whether a tariff is reduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Full,
    Reduced,
}

impl Kind {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Reduced => "REDUCED",
        }
    }
}

/// A tariff out of its parts.
pub(super) fn tariff(id: i64, code: &'static str, kind: Kind, names: &[(&'static str, &str)]) -> Tariff {
    Tariff { id, code, kind, name: label(names) }
}

/// When a production is played, on days relative to today.
pub(super) struct Run {
    /// Days of the week.
    pub days: &'static [Weekday],
    /// Hour and minute.
    pub at: (i8, i8),
    /// From so many days before (negative) or after today.
    pub from: i32,
    /// To so many days after today.
    pub to: i32,
    /// Length in minutes.
    pub minutes: i64,
}

/// The dates of a run. The id of a date comes from its product and day: it stays when tomorrow comes.
pub(super) fn dates(
    product: i64,
    run: &Run,
    place: (&TimeZone, Date),
    seats: &[(Option<Category>, i64)],
    prices: &[(Option<i64>, i64, i64, i64)],
) -> Vec<Show> {
    let (zone, today) = place;
    let first = today.saturating_add(run.from.days());
    let last = today.saturating_add(run.to.days());
    let days = first.series(1.day()).take_while(|day| *day <= last);
    days.filter(|day| run.days.contains(&day.weekday()))
        .filter_map(|day| {
            let start = zone.to_timestamp(day.at(run.at.0, run.at.1, 0, 0)).ok()?;
            Some(Show {
                id: product * 100_000 + day_number(day),
                start,
                seconds: run.minutes * 60,
                seats: seats.to_vec(),
                prices: prices.to_vec(),
            })
        })
        .collect()
}

/// A day as a number, for ids.
pub(super) fn day_number(day: Date) -> i64 {
    i64::from(date(2000, 1, 1).until(day).map_or(0, |span| span.get_days()))
}

/// The season around a day: its id, code, first and last instant. It begins in a month and lasts a year.
pub(super) fn around(today: Date, month: i8, zone: &TimeZone) -> (i64, String, Timestamp, Timestamp) {
    let year = if today.month() >= month { today.year() } else { today.year() - 1 };
    let midnight = |year: i16| zone.to_timestamp(date(year, month, 1).at(0, 0, 0, 0)).unwrap_or_default();
    let code = format!("S{:02}{:02}", year % 100, (year + 1) % 100);
    (7_000 + i64::from(year - 2000), code, midnight(year), midnight(year + 1))
}
