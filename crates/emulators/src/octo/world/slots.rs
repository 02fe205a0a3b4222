//! Slots: the start times of a day, or the day itself.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan, Zoned};

use crate::octo::world::ProductOption;

/// Format of local times: seconds, and the offset of that date (`octo.md §5.2`).
pub(crate) const LOCAL_TIME: &str = "%Y-%m-%dT%H:%M:%S%:z";

/// A slot of an option.
pub(crate) struct Slot {
    /// Its local start, in the format [`LOCAL_TIME`].
    pub(crate) id: String,
    pub(crate) date: Date,
    pub(crate) start: Zoned,
    pub(crate) end: Zoned,
    /// Time from which cut-offs count back: the start, or the closing time.
    pub(crate) counts_from: Timestamp,
    /// Last moment to confirm.
    pub(crate) sales_end: Timestamp,
    /// Position among the slots of the day.
    pub(crate) place: usize,
}

/// Returns the slots of a day in order of time. None on a closed day.
pub(crate) fn slots_on(option: &ProductOption, date: Date, zone: &TimeZone) -> Vec<Slot> {
    if option.closed_on == Some(date.weekday()) {
        return Vec::new();
    }
    let all_day = option.hours.map(|(_, closing)| day_slot(option, date, closing, zone));
    let timed = option.starts.iter().enumerate().map(|(place, &(hour, minute))| {
        let start = date.at(hour, minute, 0, 0).to_zoned(zone.clone()).ok()?;
        let end = start.checked_add(option.minutes.minutes()).ok()?;
        let counts_from = start.timestamp();
        Some(slot(option, (date, place), start, end, counts_from))
    });
    all_day.into_iter().chain(timed).flatten().collect()
}

/// Returns the slot of a whole day, which ends at the next midnight.
fn day_slot(option: &ProductOption, date: Date, closing: &str, zone: &TimeZone) -> Option<Slot> {
    let start = date.to_zoned(zone.clone()).ok()?;
    let end = date.tomorrow().ok()?.to_zoned(zone.clone()).ok()?;
    let closing = closing.parse::<Time>().ok()?;
    let closes = date.to_datetime(closing).to_zoned(zone.clone()).ok()?;
    Some(slot(option, (date, 0), start, end, closes.timestamp()))
}

fn slot(
    option: &ProductOption,
    (date, place): (Date, usize),
    start: Zoned,
    end: Zoned,
    counts_from: Timestamp,
) -> Slot {
    let sales_end = counts_from - SignedDuration::from_mins(option.sales_end_minutes);
    Slot { id: start.strftime(LOCAL_TIME).to_string(), date, start, end, counts_from, sales_end, place }
}

/// Finds a slot by its id.
pub(crate) fn find_slot(option: &ProductOption, id: &str, zone: &TimeZone) -> Option<Slot> {
    let date: Date = id.get(..10)?.parse().ok()?;
    slots_on(option, date, zone).into_iter().find(|slot| slot.id == id)
}

impl Slot {
    /// Returns the places sold before any booking: all, three quarters or a tenth, depending on the day and the time.
    pub(crate) fn initially_sold(&self, capacity: u32) -> u32 {
        let days = self.start.timestamp().as_second().div_euclid(86_400);
        let place = i64::try_from(self.place).unwrap_or(0);
        match (days + 3 * place).rem_euclid(10) {
            0 => capacity,
            1 => capacity - capacity / 4,
            _ => capacity / 10,
        }
    }
}
