//! Reads the performances on the days of the next clock changes, where a wrong time zone or a wrong offset shows.

use std::sync::Arc;

use crate::app::accept::run::{Run, Stopped, describe, in_turn};
use domain::catalog::PerformanceWindow;
use domain::{Event, EventKey, VendorOperation};
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Days that are read: one change in spring and one in autumn.
const CHANGES: usize = 2;
/// Events that are searched.
const MAX_EVENTS: usize = 40;
/// Performances of each event that are shown.
const PERFORMANCES_EACH: usize = 2;
/// Performances of a day that are shown.
const MAX_SHOWN: usize = 5;

impl Run {
    /// Prints the local times of performances on the days of the next clock changes.
    pub(super) async fn see_clock_changes(&mut self, events: &[Arc<Event>]) -> Result<(), Stopped> {
        let zone = self.source.time_zone.clone();
        let days: Vec<Date> = {
            let changes = zone.following(self.clock.now()).take(CHANGES);
            changes.map(|change| change.timestamp().to_zoned(zone.clone()).date()).collect()
        };
        if days.is_empty() {
            self.begin("read a day on which the clocks change")?;
            self.not_seen("the clocks of this source do not change");
        }
        for day in days {
            self.begin(format!("read the performances of {day}, on which the clocks change"))?;
            self.see_day(events, day, &zone).await;
        }
        Ok(())
    }

    async fn see_day(&mut self, events: &[Arc<Event>], day: Date, zone: &TimeZone) {
        let next = day.saturating_add(1.day());
        let (Ok(from), Ok(to)) = (day.to_zoned(zone.clone()), next.to_zoned(zone.clone())) else { return };
        let window = PerformanceWindow { from: from.timestamp(), to: Some(to.timestamp()), limit: PERFORMANCES_EACH };
        let events = &events[..events.len().min(MAX_EVENTS)];
        let keys: Vec<EventKey> = events.iter().map(|event| event.key.clone()).collect();
        let mut shown = Vec::new();
        for chunk in keys.chunks(self.source.traits.max_batch.max(1)) {
            let catalog = Arc::clone(&self.source.catalog);
            let list = catalog.list_performances(chunk, &window);
            let listed = in_turn(VendorOperation::ListPerformances, list).await;
            for (event, performances) in listed {
                let performances = match performances {
                    Ok(performances) => performances.value,
                    Err(error) => {
                        self.finding(describe(&error));
                        continue;
                    }
                };
                let title = events.iter().find(|one| one.key == event).map_or("", |one| one.title.resolve(None));
                for start in performances.iter().filter_map(|performance| performance.starts_at) {
                    let local = start.to_zoned(zone.clone());
                    shown.push((start, format!("{title}: {}", local.strftime("%Y-%m-%d %H:%M %:z"))));
                }
            }
        }
        shown.sort();
        shown.dedup();
        if shown.is_empty() {
            self.not_seen("no performance with a start time on this day");
        }
        for (_, text) in shown.into_iter().take(MAX_SHOWN) {
            self.passed(format!("{text}: compare with the back office"));
        }
    }
}
