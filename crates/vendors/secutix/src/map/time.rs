//! Instants and days (`secutix.md §2.10`).

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::wire::Words;

/// Reads an instant: with an offset, or in the zone of the organisation where there is none, or as milliseconds since 1970.
pub(crate) fn instant(words: Option<&Words>, zone: &TimeZone) -> Option<Timestamp> {
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

/// Reads a day. On the wire it is the instant of local midnight: the zone must be applied before the day is taken.
pub(crate) fn day(words: Option<&Words>, zone: &TimeZone) -> Option<Date> {
    Some(instant(words, zone)?.to_zoned(zone.clone()).date())
}

/// Writes an instant as requests have it: milliseconds, `Z`.
pub(crate) fn written(instant: Timestamp) -> String {
    format!("{instant:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone() -> TimeZone {
        TimeZone::get("Europe/Zurich").expect("a zone")
    }

    #[test]
    fn every_documented_way_to_write_an_instant_is_read() {
        let wanted: Timestamp = "2026-11-05T19:00:00Z".parse().expect("an instant");
        for text in [
            "2026-11-05T19:00:00.000+00:00",
            "2026-11-05T19:00:00.000Z",
            "2026-11-05T20:00:00+01:00",
            "2026-11-05T20:00:00",
            "1793905200000",
        ] {
            assert_eq!(instant(Some(&Words(text.to_owned())), &zone()), Some(wanted), "{text}");
        }
        assert_eq!(instant(Some(&Words("soon".to_owned())), &zone()), None);
    }

    #[test]
    fn a_day_is_taken_in_the_zone_of_the_organisation() {
        let read = |text: &str| day(Some(&Words(text.to_owned())), &zone()).map(|day| day.to_string());
        assert_eq!(read("2020-10-12T22:00:00.000+00:00").as_deref(), Some("2020-10-13"));
        assert_eq!(read("2026-12-05T23:00:00.000+00:00").as_deref(), Some("2026-12-06"));
        assert_eq!(read("2026-12-05").as_deref(), Some("2026-12-05"));
    }

    #[test]
    fn instants_are_written_with_milliseconds_and_z() {
        let instant: Timestamp = "2026-10-01T08:00:00Z".parse().expect("an instant");
        assert_eq!(written(instant), "2026-10-01T08:00:00.000Z");
    }
}
