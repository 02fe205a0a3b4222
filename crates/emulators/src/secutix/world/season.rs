//! Building blocks of both institutions' seasons.

use jiff::civil::{Date, Weekday, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::secutix::world::{LocalizedText, SecutixPerformance, SecutixSeatCategory, localized_text};

/// A category of tariffs.
pub(crate) struct SecutixAudienceCategory {
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
    pub kind: TariffKind,
    pub name: LocalizedText,
}

/// Full or reduced price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TariffKind {
    Full,
    Reduced,
}

impl TariffKind {
    /// Returns the wire name.
    pub(crate) fn wire_name(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Reduced => "REDUCED",
        }
    }
}

/// Creates a tariff.
pub(super) fn tariff(id: i64, code: &'static str, kind: TariffKind, names: &[(&'static str, &str)]) -> Tariff {
    Tariff { id, code, kind, name: localized_text(names) }
}

/// Recurring performance times of a production, relative to today.
pub(super) struct PerformanceSchedule {
    /// Days of the week.
    pub days: &'static [Weekday],
    /// Start time: hour and minute.
    pub at: (i8, i8),
    /// First day, in days from today; may be negative.
    pub from: i32,
    /// Last day, in days from today.
    pub to: i32,
    /// Duration in minutes.
    pub minutes: i64,
}

/// Returns the performances of a schedule. Ids are derived from product and day, so they do not change from day to day.
pub(super) fn performances(
    product: i64,
    run: &PerformanceSchedule,
    place: (&TimeZone, Date),
    seats: &[(Option<SecutixSeatCategory>, i64)],
    prices: &[(Option<i64>, i64, i64, i64)],
) -> Vec<SecutixPerformance> {
    let (zone, today) = place;
    let first = today.saturating_add(run.from.days());
    let last = today.saturating_add(run.to.days());
    let days = first.series(1.day()).take_while(|day| *day <= last);
    days.filter(|day| run.days.contains(&day.weekday()))
        .filter_map(|day| {
            let start = zone.to_timestamp(day.at(run.at.0, run.at.1, 0, 0)).ok()?;
            Some(SecutixPerformance {
                id: product * 100_000 + day_number(day),
                start,
                seconds: run.minutes * 60,
                seats: seats.to_vec(),
                prices: prices.to_vec(),
            })
        })
        .collect()
}

/// Returns the number of days since 2000, used in ids.
pub(super) fn day_number(day: Date) -> i64 {
    i64::from(date(2000, 1, 1).until(day).map_or(0, |span| span.get_days()))
}

/// Returns id, code, start and end of the season that contains `today`. It starts in `month` and lasts a year.
pub(super) fn season_around(today: Date, month: i8, zone: &TimeZone) -> (i64, String, Timestamp, Timestamp) {
    let year = if today.month() >= month { today.year() } else { today.year() - 1 };
    let midnight = |year: i16| zone.to_timestamp(date(year, month, 1).at(0, 0, 0, 0)).unwrap_or_default();
    let code = format!("S{:02}{:02}", year % 100, (year + 1) % 100);
    (7_000 + i64::from(year - 2000), code, midnight(year), midnight(year + 1))
}
