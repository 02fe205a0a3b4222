//! Days: their bounds in the tenant's offset, and which of them can have instances.

use std::collections::VecDeque;

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

use crate::wire::WireTime;
use crate::wire::catalog::{Schedule, Template};

/// Start of a day and of the next day, in ISO 8601, each with its own offset: a day with a DST change has 23 or 25
/// hours and two offsets (`acme.md §8.1`).
pub(crate) fn day_bounds(day: Date, zone: &TimeZone) -> Option<(String, String)> {
    Some((start_of_day(day, zone)?, start_of_day(day.tomorrow().ok()?, zone)?))
}

/// Start of a day in ISO 8601, with the tenant's offset at that time.
pub(crate) fn start_of_day(day: Date, zone: &TimeZone) -> Option<String> {
    let begin = day.to_zoned(zone.clone()).ok()?.start_of_day().ok()?;
    Some(begin.timestamp().display_with_offset(begin.offset()).to_string())
}

/// Date of an instant in the tenant's time zone.
pub(crate) fn date_of(instant: Timestamp, zone: &TimeZone) -> Date {
    instant.to_zoned(zone.clone()).date()
}

/// All days of `from..=to`.
pub(crate) fn date_range(from: Date, to: Date) -> VecDeque<Date> {
    from.series(jiff::Span::new().days(1)).take_while(|day| *day <= to).collect()
}

/// Number of instances that the schedules of a template create on a day: `Some(0)` for certainly none, `None` if the
/// schedules do not determine it.
pub(crate) fn scheduled_count(template: &Template, day: Date, zone: &TimeZone) -> Option<u32> {
    let is_draft = template.review_state.as_deref().is_some_and(|state| state.eq_ignore_ascii_case("draft"));
    if is_draft || !is_valid(day, template.start_time.as_ref(), template.end_time.as_ref(), zone) {
        return Some(0);
    }
    if template.schedules.is_empty() {
        return None;
    }
    template
        .schedules
        .iter()
        .try_fold(0_u32, |sum, schedule| Some(sum.saturating_add(instances_of_schedule(schedule, day, zone)?)))
}

fn instances_of_schedule(schedule: &Schedule, day: Date, zone: &TimeZone) -> Option<u32> {
    let (from, to) = (schedule.effective_start_time.as_ref(), schedule.effective_end_time.as_ref());
    if !is_valid(day, from, to, zone) {
        return Some(0);
    }
    let mut is_on = schedule.weekdays.is_empty();
    for name in &schedule.weekdays {
        is_on |= weekday(name)? == day.weekday();
    }
    if !is_on {
        return Some(0);
    }
    let repeats = schedule.repeats.as_deref().map(str::to_ascii_lowercase);
    let is_weekly = matches!(repeats.as_deref(), None | Some("day" | "week"));
    if !is_weekly || !schedule.monthly.is_null() || schedule.day_of_month.is_some() {
        return None;
    }
    let starts: u32 = schedule.hours.iter().map(|start| start.quantity).sum();
    Some(if starts > 0 { starts } else { schedule.ranges.len().max(1) as u32 })
}

/// True if a day is within a validity period, both bounds included. An unreadable bound does not exclude the day.
fn is_valid(day: Date, from: Option<&WireTime>, to: Option<&WireTime>, zone: &TimeZone) -> bool {
    let date = |moment: &WireTime| moment.instant(zone).map(|instant| date_of(instant, zone));
    from.and_then(date).is_none_or(|from| from <= day) && to.and_then(date).is_none_or(|to| day <= to)
}

/// Parses `M`, `Tu`, `W`, `Th`, `F`, `Sa`, `Su`, or English names (`acme.md §7.2`).
pub(crate) fn weekday(name: &str) -> Option<Weekday> {
    const DAYS: [(&str, &str, Weekday); 7] = [
        ("m", "monday", Weekday::Monday),
        ("tu", "tuesday", Weekday::Tuesday),
        ("w", "wednesday", Weekday::Wednesday),
        ("th", "thursday", Weekday::Thursday),
        ("f", "friday", Weekday::Friday),
        ("sa", "saturday", Weekday::Saturday),
        ("su", "sunday", Weekday::Sunday),
    ];
    let name = name.trim().to_ascii_lowercase();
    let is_meant = |short: &str, long: &str| name.len() >= short.len() && long.starts_with(&name);
    DAYS.iter().find(|(short, long, _)| is_meant(short, long)).map(|(.., day)| *day)
}

/// Takes the next days to request from `days`: as many as the schedules need to cover what every template still misses,
/// skipping days without instances. A day that the schedules do not determine counts as one instance.
pub(crate) fn next_days(days: &mut VecDeque<Date>, missing: &[(&Template, usize)], zone: &TimeZone) -> Vec<Date> {
    let mut missing: Vec<(&Template, usize)> = missing.to_vec();
    let mut selected = Vec::new();
    while missing.iter().any(|(_, count)| *count > 0) {
        let Some(day) = days.pop_front() else { break };
        let counts: Vec<u32> = missing.iter().map(|(t, _)| scheduled_count(t, day, zone).unwrap_or(1)).collect();
        let has_instances = missing.iter().zip(&counts).any(|((_, needed), count)| *needed > 0 && *count > 0);
        if has_instances {
            selected.push(day);
        }
        for ((_, needed), count) in missing.iter_mut().zip(&counts) {
            *needed = needed.saturating_sub(*count as usize);
        }
    }
    selected
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_york() -> TimeZone {
        TimeZone::get("America/New_York").expect("a zone")
    }

    fn day(text: &str) -> Date {
        text.parse().expect("a day")
    }

    fn template(schedule: serde_json::Value) -> Template {
        let wire = serde_json::json!({ "id": "1", "reviewState": "published", "schedules": [schedule] });
        serde_json::from_value(wire).expect("a template")
    }

    #[test]
    fn the_borders_of_a_day_carry_the_offset_of_their_own_date() {
        for (on, from, to) in [
            ("2031-01-15", "2031-01-15T00:00:00-05:00", "2031-01-16T00:00:00-05:00"),
            ("2031-06-01", "2031-06-01T00:00:00-04:00", "2031-06-02T00:00:00-04:00"),
            ("2031-03-09", "2031-03-09T00:00:00-05:00", "2031-03-10T00:00:00-04:00"),
            ("2031-11-02", "2031-11-02T00:00:00-04:00", "2031-11-03T00:00:00-05:00"),
        ] {
            assert_eq!(day_bounds(day(on), &new_york()), Some((from.to_owned(), to.to_owned())), "{on}");
        }
    }

    #[test]
    fn a_schedule_rules_out_days_only_where_it_says_so_for_sure() {
        let weekly = template(serde_json::json!({ "effectiveStartTime": "2031-01-01T00:00:00-05:00",
            "effectiveEndTime": "2031-06-10T00:00:00-04:00", "weekdays": ["M", "Th", "Sunday"],
            "hours": [{ "hour": 10, "minutes": 0, "quantity": 1 }, { "hour": "14:30", "quantity": 2 }] }));
        for (on, count) in [
            ("2031-06-01", Some(3)),
            ("2031-06-03", Some(0)),
            ("2031-06-05", Some(3)),
            ("2031-06-15", Some(0)),
            ("2030-12-31", Some(0)),
        ] {
            assert_eq!(scheduled_count(&weekly, day(on), &new_york()), count, "{on}");
        }
        let odd = template(serde_json::json!({ "weekdays": ["Someday"] }));
        assert_eq!(scheduled_count(&odd, day("2031-06-01"), &new_york()), None);
        let monthly = template(serde_json::json!({ "dayOfMonth": 3 }));
        assert_eq!(scheduled_count(&monthly, day("2031-06-01"), &new_york()), None);
    }

    #[test]
    fn a_wave_takes_as_many_days_as_the_schedules_need_and_skips_empty_ones() {
        let weekend =
            template(serde_json::json!({ "weekdays": ["Sa", "Su"], "hours": [{ "hour": 11, "minutes": 0 }] }));
        let mut days = date_range(day("2031-06-02"), day("2031-06-15"));
        let found = next_days(&mut days, &[(&weekend, 3)], &new_york());
        assert_eq!(found, [day("2031-06-07"), day("2031-06-08"), day("2031-06-14")]);
        assert_eq!(days, [day("2031-06-15")]);
    }
}
