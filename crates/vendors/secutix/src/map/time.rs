//! Maps instants and days (`secutix.md §2.10`).

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::wire::LenientString;

/// Parses an instant: with an offset, as local time of the organization, or as milliseconds since 1970.
pub(crate) fn parse_instant(words: Option<&LenientString>, zone: &TimeZone) -> Option<Timestamp> {
    let text = words?.0.trim();
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    if text.len() >= 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Timestamp::from_millisecond(text.parse().ok()?).ok();
    }
    let local = text.parse::<DateTime>().ok().or_else(|| text.parse::<Date>().ok().map(Date::into))?;
    zone.to_timestamp(local).ok()
}

/// Parses a day. On the wire it is the instant of local midnight, so the time zone is applied before the day is taken.
pub(crate) fn parse_day(words: Option<&LenientString>, zone: &TimeZone) -> Option<Date> {
    Some(parse_instant(words, zone)?.to_zoned(zone.clone()).date())
}

/// Formats an instant for requests: milliseconds, `Z`.
pub(crate) fn format_instant(instant: Timestamp) -> String {
    format!("{instant:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone() -> TimeZone {
        TimeZone::get("Europe/Zurich").expect("known time zone")
    }

    #[test]
    fn every_documented_instant_format_is_parsed() {
        let wanted: Timestamp = "2026-11-05T19:00:00Z".parse().expect("valid timestamp");
        for text in [
            "2026-11-05T19:00:00.000+00:00",
            "2026-11-05T19:00:00.000Z",
            "2026-11-05T20:00:00+01:00",
            "2026-11-05T20:00:00",
            "1793905200000",
        ] {
            assert_eq!(parse_instant(Some(&LenientString(text.to_owned())), &zone()), Some(wanted), "{text}");
        }
        assert_eq!(parse_instant(Some(&LenientString("soon".to_owned())), &zone()), None);
    }

    #[test]
    fn a_day_is_taken_in_the_time_zone_of_the_organization() {
        let read = |text: &str| parse_day(Some(&LenientString(text.to_owned())), &zone()).map(|day| day.to_string());
        assert_eq!(read("2020-10-12T22:00:00.000+00:00").as_deref(), Some("2020-10-13"));
        assert_eq!(read("2026-12-05T23:00:00.000+00:00").as_deref(), Some("2026-12-06"));
        assert_eq!(read("2026-12-05").as_deref(), Some("2026-12-05"));
    }

    #[test]
    fn instants_are_formatted_with_milliseconds_and_z() {
        let instant: Timestamp = "2026-10-01T08:00:00Z".parse().expect("valid timestamp");
        assert_eq!(format_instant(instant), "2026-10-01T08:00:00.000Z");
    }
}
