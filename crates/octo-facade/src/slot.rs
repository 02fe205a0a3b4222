//! Times of a performance, local with the offset of their date (octo.md §8).

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, Zoned};

use crate::facts::{EventFacts, PerformanceFacts, VisitMode};
use crate::inferred::OPENING_HOURS;
use crate::wire::{OctoOpeningHours, OctoSlot};

/// Local time with seconds and offset.
const LOCAL: &str = "%Y-%m-%dT%H:%M:%S%:z";

/// Longest duration of a performance, in minutes.
const LONGEST_MINUTES: i64 = 366 * 24 * 60;

/// The times of a performance in the zone of its event.
#[derive(Debug, Clone, PartialEq)]
pub struct SlotTimes {
    start: Zoned,
    end: Zoned,
    is_all_day: bool,
}

/// Returns the time zone of an event. An unknown one is UTC.
pub fn zone_of(event: &EventFacts) -> TimeZone {
    TimeZone::get(&event.time_zone).unwrap_or(TimeZone::UTC)
}

/// Returns the first instant of a day.
pub fn start_of(day: Date, zone: &TimeZone) -> Option<Zoned> {
    day.to_zoned(zone.clone()).ok()?.start_of_day().ok()
}

/// Returns the opening hours of an event: none for start times, the whole day for all others (octo.md O12).
pub fn opening_hours(event: &EventFacts) -> Vec<OctoOpeningHours> {
    let (from, to) = OPENING_HOURS;
    match event.booking_mode {
        VisitMode::Timed => Vec::new(),
        VisitMode::Dated | VisitMode::Open => vec![OctoOpeningHours { from: from.to_owned(), to: to.to_owned() }],
    }
}

impl SlotTimes {
    /// Computes the times of a performance. `None` for open visits, which have none.
    pub fn of(event: &EventFacts, performance: &PerformanceFacts) -> Option<Self> {
        let zone = zone_of(event);
        if let Some(at) = performance.starts_at {
            let start = at.to_zoned(zone.clone());
            let lasts = event.duration_minutes.unwrap_or(0).clamp(0, LONGEST_MINUTES);
            let end = performance.ends_at.map(|end| end.to_zoned(zone));
            let end = end.or_else(|| start.checked_add(lasts.minutes()).ok())?;
            return Some(Self { start, end, is_all_day: event.booking_mode != VisitMode::Timed });
        }
        let day = performance.date?;
        let (start, end) = (start_of(day, &zone)?, start_of(day.tomorrow().ok()?, &zone)?);
        Some(Self { start, end, is_all_day: true })
    }

    /// Returns the local day of the visit.
    pub fn day(&self) -> Date {
        self.start.date()
    }

    /// Returns the local start as `HH:MM`.
    pub fn start_time(start: Timestamp, zone: &TimeZone) -> String {
        start.to_zoned(zone.clone()).strftime("%H:%M").to_string()
    }

    /// Returns the last moment of a sale, without a fraction: the cut-off of the source, or else the start, or the end of the day.
    pub fn cutoff(&self, performance: &PerformanceFacts) -> String {
        let otherwise = if self.is_all_day { &self.end } else { &self.start };
        let at = performance.cutoff_at.unwrap_or_else(|| otherwise.timestamp());
        whole_seconds(at).to_string()
    }

    /// Returns the times as a reseller receives them.
    pub fn to_slot(&self, event: &EventFacts, performance: &PerformanceFacts) -> OctoSlot {
        OctoSlot {
            id: performance.id.clone(),
            local_date_time_start: self.start.strftime(LOCAL).to_string(),
            local_date_time_end: self.end.strftime(LOCAL).to_string(),
            all_day: self.is_all_day,
            opening_hours: opening_hours(event),
        }
    }
}

/// Cuts the fraction of a second off.
pub fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;

    pub(crate) fn event(mode: &str) -> EventFacts {
        serde_json::from_value(json!({
            "id": "e-1", "title": "Tour", "status": "ON_SALE", "isPrivate": false, "bookingMode": mode,
            "durationMinutes": 90, "timeZone": "Europe/Zurich", "source": { "id": "s-1" },
            "ticketTypes": [
                { "id": "adult", "name": "Adult", "audience": "ADULT", "minAge": 16, "maxAge": null, "admits": 1,
                  "minPerOrder": null, "maxPerOrder": 8, "price": price(1200) },
                { "id": "group", "name": "Group", "audience": "GROUP", "minAge": null, "maxAge": null, "admits": 10,
                  "minPerOrder": 2, "maxPerOrder": null, "price": null },
            ],
        }))
        .expect("an event")
    }

    pub(crate) fn price(amount: i64) -> Value {
        let money = |amount: i64| json!({ "amount": amount, "currency": "CHF", "exponent": 2 });
        let taxes = json!([{ "name": "VAT", "amount": money(amount / 10) }]);
        json!({ "retail": money(amount), "original": null, "net": money(amount - 100), "taxes": taxes })
    }

    pub(crate) fn performance(fields: Value) -> PerformanceFacts {
        let mut all = json!({ "id": "p-1", "startsAt": null, "endsAt": null, "date": null, "cutoffAt": null });
        for (name, value) in fields.as_object().expect("fields") {
            all[name] = value.clone();
        }
        serde_json::from_value(all).expect("a performance")
    }

    #[test]
    fn each_end_of_a_slot_has_the_offset_of_its_own_date() {
        // The clocks of Zurich go back on 25 October 2026 at 3 o'clock.
        let night = performance(json!({ "startsAt": "2026-10-25T00:30:00Z" }));
        let times = SlotTimes::of(&event("TIMED"), &night).expect("times");
        let slot = times.to_slot(&event("TIMED"), &night);
        assert_eq!(slot.local_date_time_start, "2026-10-25T02:30:00+02:00");
        assert_eq!(slot.local_date_time_end, "2026-10-25T03:00:00+01:00");
        assert_eq!((slot.all_day, slot.opening_hours.len()), (false, 0));
        assert_eq!(times.cutoff(&night), "2026-10-25T00:30:00Z");
    }

    #[test]
    fn a_day_ends_at_the_next_midnight_and_has_opening_hours() {
        let day = performance(json!({ "date": "2026-10-25", "cutoffAt": "2026-10-25T10:00:00.25Z" }));
        let times = SlotTimes::of(&event("DATED"), &day).expect("times");
        let slot = times.to_slot(&event("DATED"), &day);
        assert_eq!(slot.local_date_time_start, "2026-10-25T00:00:00+02:00");
        assert_eq!(slot.local_date_time_end, "2026-10-26T00:00:00+01:00");
        assert_eq!((slot.all_day, slot.opening_hours.len()), (true, 1));
        assert_eq!(times.cutoff(&day), "2026-10-25T10:00:00Z", "without a fraction");
        assert_eq!(SlotTimes::of(&event("OPEN"), &performance(json!({}))), None);
    }
}
