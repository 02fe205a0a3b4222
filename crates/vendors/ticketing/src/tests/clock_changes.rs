//! Days with clock changes: event times are local and have no offset (`ticketing.md §3.3`).

use jiff::tz::TimeZone;

use crate::map::time;

#[test]
fn local_event_times_are_read_in_the_zone_of_the_connection_on_every_day() {
    for (zone, text, instant) in [
        ("America/Port_of_Spain", "2031-03-09T02:30", "2031-03-09T06:30:00Z"),
        ("America/Port_of_Spain", "2031-11-02T01:30", "2031-11-02T05:30:00Z"),
        ("America/New_York", "2031-03-09T01:59", "2031-03-09T06:59:00Z"),
        ("America/New_York", "2031-03-09T02:30", "2031-03-09T07:30:00Z"),
        ("America/New_York", "2031-03-09T03:00", "2031-03-09T07:00:00Z"),
        ("America/New_York", "2031-11-02T01:30", "2031-11-02T05:30:00Z"),
        ("America/New_York", "2031-11-02T02:00", "2031-11-02T07:00:00Z"),
        ("Europe/Zurich", "2031-03-30T02:30", "2031-03-30T01:30:00Z"),
        ("Europe/Zurich", "2031-10-26T02:30", "2031-10-26T00:30:00Z"),
        ("Europe/Paris", "2031-03-30 20:00:00", "2031-03-30T18:00:00Z"),
        ("Europe/Paris", "2031-10-26 20:00:00", "2031-10-26T19:00:00Z"),
    ] {
        let zone = TimeZone::get(zone).expect("a zone");
        assert_eq!(time::parse_instant(Some(text), &zone), instant.parse().ok(), "{text}");
    }
}
