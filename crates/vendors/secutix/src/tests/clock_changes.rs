//! Daylight saving changes in the time zones of our institutions: a day is the instant of local midnight (`secutix.md §2.10`).

use jiff::tz::TimeZone;

use crate::map::time;
use crate::wire::LenientString;

#[test]
fn local_midnight_belongs_to_its_day_on_both_sides_of_a_clock_change() {
    for (zone, instant, day) in [
        ("Europe/Zurich", "2031-03-29T23:00:00.000+00:00", "2031-03-30"),
        ("Europe/Zurich", "2031-03-30T22:00:00.000+00:00", "2031-03-31"),
        ("Europe/Zurich", "2031-10-25T22:00:00.000+00:00", "2031-10-26"),
        ("Europe/Zurich", "2031-10-26T23:00:00.000+00:00", "2031-10-27"),
        ("Europe/Paris", "2031-03-29T23:00:00.000+00:00", "2031-03-30"),
        ("Europe/Paris", "2031-03-30T21:59:59.999+00:00", "2031-03-30"),
        ("Europe/Paris", "2031-10-26T22:59:59.999Z", "2031-10-26"),
        ("America/New_York", "2031-03-09T05:00:00.000+00:00", "2031-03-09"),
        ("America/New_York", "2031-03-10T04:00:00.000+00:00", "2031-03-10"),
        ("America/New_York", "2031-11-03T04:59:59.000+00:00", "2031-11-02"),
        ("America/Port_of_Spain", "2031-03-09T04:00:00.000+00:00", "2031-03-09"),
        ("America/Port_of_Spain", "2031-11-02T04:00:00.000+00:00", "2031-11-02"),
    ] {
        let zone = TimeZone::get(zone).expect("known time zone");
        let read = time::parse_day(Some(&LenientString(instant.to_owned())), &zone).map(|day| day.to_string());
        assert_eq!(read.as_deref(), Some(day), "{instant}");
    }
}

#[test]
fn skipped_and_repeated_local_times_are_parsed_consistently() {
    for (zone, text, instant) in [
        ("Europe/Zurich", "2031-03-30T02:30:00", "2031-03-30T01:30:00Z"),
        ("Europe/Paris", "2031-03-30T02:30:00", "2031-03-30T01:30:00Z"),
        ("Europe/Zurich", "2031-10-26T02:30:00", "2031-10-26T00:30:00Z"),
        ("Europe/Zurich", "2031-10-26T02:30:00+01:00", "2031-10-26T01:30:00Z"),
        ("America/New_York", "2031-03-09T02:30:00", "2031-03-09T07:30:00Z"),
    ] {
        let zone = TimeZone::get(zone).expect("known time zone");
        assert_eq!(time::parse_instant(Some(&LenientString(text.to_owned())), &zone), instant.parse().ok(), "{text}");
    }
}
