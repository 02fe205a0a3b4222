//! The four date formats and their sentinels (`ticketing.md §3.3`).

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Parses a date in any of the vendor's formats. A date without an offset is local to `zone`; sentinels and unreadable
/// text are `None`.
pub(crate) fn parse_instant(text: Option<&str>, zone: &TimeZone) -> Option<Timestamp> {
    let text = text?.trim();
    if text.is_empty() || text.starts_with("0000-00-00") {
        return None;
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    let local: DateTime = text.parse().ok()?;
    zone.to_ambiguous_timestamp(local).compatible().ok()
}

/// Parses a date that the server generated, such as the time of an order or a redemption. Without an offset it is UTC,
/// like all observed dates with one.
pub(crate) fn parse_server_instant(text: Option<&str>) -> Option<Timestamp> {
    parse_instant(text, &TimeZone::UTC)
}

/// Formats a date of an event: local, to the minute, as the vendor's own client does; in UTC if the local form would
/// mean another instant.
pub(crate) fn format_local(at: Timestamp, zone: &TimeZone) -> String {
    let local = at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M").to_string();
    if parse_instant(Some(&local), zone) == Some(at) { local } else { at.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_the_four_shapes_is_read_and_never_is_no_date() {
        let zone = TimeZone::get("America/Port_of_Spain").expect("a zone");
        for (text, read) in [
            ("2034-06-07T20:00", Some("2034-06-08T00:00:00Z")),
            ("2034-06-07T20:00:00Z", Some("2034-06-07T20:00:00Z")),
            ("2034-06-07T20:00Z", Some("2034-06-07T20:00:00Z")),
            ("2026-03-02T18:04:11+00:00", Some("2026-03-02T18:04:11Z")),
            ("2026-03-02 18:04:11", Some("2026-03-02T22:04:11Z")),
            ("2026-03-02T18:04:11.250-0400", Some("2026-03-02T22:04:11.25Z")),
            ("2034-06-07", Some("2034-06-07T04:00:00Z")),
            ("N/A", None),
            ("0000-00-00T00:00:00", None),
            ("", None),
            ("soon", None),
        ] {
            assert_eq!(parse_instant(Some(text), &zone).map(|at| at.to_string()).as_deref(), read, "{text}");
        }
        assert_eq!(
            parse_server_instant(Some("2026-03-02 18:04:11")).map(|at| at.to_string()).as_deref(),
            Some("2026-03-02T18:04:11Z")
        );
    }

    #[test]
    fn a_written_date_is_local_unless_only_utc_names_the_instant() {
        let zone = TimeZone::get("America/New_York").expect("a zone");
        let formatted = |text: &str| format_local(text.parse().expect("an instant"), &zone);
        assert_eq!(formatted("2034-06-07T20:00:00Z"), "2034-06-07T16:00");
        assert_eq!(formatted("2034-06-07T20:00:30Z"), "2034-06-07T20:00:30Z", "the local form has no seconds");
        assert_eq!(formatted("2031-11-02T05:30:00Z"), "2031-11-02T01:30", "the first of two");
        assert_eq!(formatted("2031-11-02T06:30:00Z"), "2031-11-02T06:30:00Z", "the second of two");
    }

    #[test]
    fn a_local_time_that_the_spring_change_skips_is_the_moment_after_it() {
        let zone = TimeZone::get("America/New_York").expect("a zone");
        assert_eq!(
            parse_instant(Some("2027-03-14T02:30"), &zone).map(|at| at.to_string()).as_deref(),
            Some("2027-03-14T07:30:00Z")
        );
    }
}
