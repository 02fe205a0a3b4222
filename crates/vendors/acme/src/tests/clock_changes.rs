//! Days with clock changes in the venues' time zones: New York, Zurich and Paris have them, Port of Spain does not.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::map::days;
use crate::wire::WireTime;

/// Time zone, day, its two bounds as sent to the vendor, and the hours between them.
const DAYS: &[(&str, &str, &str, &str, i64)] = &[
    ("America/New_York", "2031-03-08", "2031-03-08T00:00:00-05:00", "2031-03-09T00:00:00-05:00", 24),
    ("America/New_York", "2031-03-09", "2031-03-09T00:00:00-05:00", "2031-03-10T00:00:00-04:00", 23),
    ("America/New_York", "2031-11-02", "2031-11-02T00:00:00-04:00", "2031-11-03T00:00:00-05:00", 25),
    ("Europe/Zurich", "2031-03-30", "2031-03-30T00:00:00+01:00", "2031-03-31T00:00:00+02:00", 23),
    ("Europe/Zurich", "2031-10-26", "2031-10-26T00:00:00+02:00", "2031-10-27T00:00:00+01:00", 25),
    ("Europe/Paris", "2031-03-30", "2031-03-30T00:00:00+01:00", "2031-03-31T00:00:00+02:00", 23),
    ("Europe/Paris", "2031-10-26", "2031-10-26T00:00:00+02:00", "2031-10-27T00:00:00+01:00", 25),
    ("America/Port_of_Spain", "2031-03-09", "2031-03-09T00:00:00-04:00", "2031-03-10T00:00:00-04:00", 24),
    ("America/Port_of_Spain", "2031-11-02", "2031-11-02T00:00:00-04:00", "2031-11-03T00:00:00-04:00", 24),
];

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).expect("a zone")
}

#[test]
fn a_day_is_requested_from_its_own_midnight_to_the_next_in_every_zone() {
    for (name, on, begin, end, hours) in DAYS {
        let zone = zone(name);
        let day: Date = on.parse().expect("a day");
        let borders = days::day_bounds(day, &zone);
        assert_eq!(borders, Some(((*begin).to_owned(), (*end).to_owned())), "{name} {on}");
        let [from, to]: [Timestamp; 2] = [begin, end].map(|text| text.parse().expect("an instant"));
        assert_eq!(to.duration_since(from).as_hours(), *hours, "{name} {on}");
        assert_eq!(days::date_of(from, &zone), day, "the first instant is of the day");
        assert_eq!(days::date_of(to, &zone), day.tomorrow().expect("a day"), "the last border is of the next");
    }
}

#[test]
fn wall_clock_times_that_a_change_skips_or_repeats_are_read_one_way() {
    for (name, text, instant) in [
        // Skipped times are shifted by the length of the gap.
        ("America/New_York", "2031-03-09T02:30:00", "2031-03-09T07:30:00Z"),
        ("Europe/Zurich", "2031-03-30T02:30:00", "2031-03-30T01:30:00Z"),
        ("Europe/Paris", "2031-03-30T02:30:00", "2031-03-30T01:30:00Z"),
        // Repeated times are the first of the two.
        ("America/New_York", "2031-11-02T01:30:00", "2031-11-02T05:30:00Z"),
        ("Europe/Zurich", "2031-10-26T02:30:00", "2031-10-26T00:30:00Z"),
        ("Europe/Paris", "2031-10-26T02:30:00", "2031-10-26T00:30:00Z"),
        ("America/Port_of_Spain", "2031-03-09T02:30:00", "2031-03-09T06:30:00Z"),
        // A time with an offset is unambiguous.
        ("America/New_York", "2031-11-02T01:30:00-05:00", "2031-11-02T06:30:00Z"),
    ] {
        let moment: WireTime = serde_json::from_value(text.into()).expect("a moment");
        assert_eq!(moment.instant(&zone(name)), instant.parse().ok(), "{name} {text}");
    }
}
