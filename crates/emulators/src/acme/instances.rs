//! Expands schedules to dated instances (`acme.md §7.2`, expansion INFERRED). Ids are stable across days and restarts.

use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use serde_json::Value;

use crate::acme::venue;

/// Prefix of all instance ids. It is followed by the template's number, the day, the minute of the day and a counter, all in hex.
const INSTANCE_PREFIX: &str = "66f1aa10";

/// A dated instance of a template.
#[derive(Clone, Debug)]
pub(super) struct EventInstance {
    pub(super) id: String,
    pub(super) template: Arc<Value>,
    pub(super) schedule: Arc<Value>,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
}

impl EventInstance {
    pub(super) fn capacity(&self) -> u32 {
        let own = self.schedule["capacity"].as_u64().or_else(|| self.template["capacity"].as_u64());
        u32::try_from(own.unwrap_or(0)).unwrap_or(u32::MAX)
    }

    pub(super) fn template_id(&self) -> &str {
        self.template["id"].as_str().unwrap_or_default()
    }

    /// Returns the price list of the schedule, else of the template, else the venue's default.
    pub(super) fn price_list(&self) -> Value {
        let lists = [&self.schedule["priceLists"][0], &self.template["priceList"], &self.template["priceLists"][0]];
        lists.into_iter().find(|list| list.is_object()).cloned().unwrap_or_else(venue::default_prices)
    }

    /// True if the channel may sell it. A list without the channel disallows it.
    pub(super) fn is_sold_on(&self, channel: &str) -> bool {
        is_channel_enabled(&self.schedule["salesChannels"], channel)
    }

    /// Tickets sold before the emulator started: stable per instance, less than a third of the capacity.
    pub(super) fn initially_sold(&self) -> u32 {
        let draw =
            self.id.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        (draw >> 8) % (self.capacity() / 3).max(1)
    }
}

/// True if the channel is enabled in the list. A missing list allows every channel.
pub(super) fn is_channel_enabled(channels: &Value, channel: &str) -> bool {
    let Some(list) = channels.as_array() else { return true };
    list.iter().any(|entry| entry["channel"] == channel && entry["enabled"] == true)
}

/// Returns the instances of a template on a day. Drafts have none.
pub(super) fn instances_on(template: &Value, day: Date, zone: &TimeZone) -> Vec<EventInstance> {
    let is_published = template["reviewState"] == "published";
    if !is_published || !is_in_range(day, &template["startTime"], &template["endTime"], zone) {
        return Vec::new();
    }
    let mut instances = Vec::new();
    let template = Arc::new(template.clone());
    for schedule in template["schedules"].as_array().into_iter().flatten() {
        if is_in_range(day, &schedule["effectiveStartTime"], &schedule["effectiveEndTime"], zone)
            && runs_on_weekday(day, schedule)
        {
            push_instances(&mut instances, &template, &Arc::new(schedule.clone()), day, zone);
        }
    }
    instances
}

/// Finds an instance by id.
pub(super) fn find_instance<'a>(
    id: &str,
    templates: impl Iterator<Item = &'a Value>,
    zone: &TimeZone,
) -> Option<EventInstance> {
    let rest = id.strip_prefix(INSTANCE_PREFIX).filter(|rest| rest.is_ascii() && rest.len() == 16)?;
    let days = i64::from_str_radix(&rest[4..8], 16).ok()?;
    let day = Date::constant(1970, 1, 1).checked_add(Span::new().days(days)).ok()?;
    let mut owners = templates.filter(|template| template["id"].as_str().is_some_and(|id| id.ends_with(&rest[..4])));
    instances_on(owners.next()?, day, zone).into_iter().find(|instance| instance.id == id)
}

fn push_instances(
    instances: &mut Vec<EventInstance>,
    template: &Arc<Value>,
    schedule: &Arc<Value>,
    day: Date,
    zone: &TimeZone,
) {
    let duration = [&schedule["duration"], &template["duration"]].into_iter().find(|length| length.is_object());
    let part = |name: &str| duration.and_then(|length| length[name].as_i64()).unwrap_or(0);
    let length = SignedDuration::from_mins(part("hour") * 60 + part("minutes"));
    let mut starts: Vec<(i64, Option<i64>, u64)> = Vec::new();
    for hour in schedule["hours"].as_array().into_iter().flatten() {
        let minute = match hour["hour"].as_str().and_then(minute_of_day) {
            Some(minute) => minute,
            None => hour["hour"].as_i64().unwrap_or(0) * 60 + hour["minutes"].as_i64().unwrap_or(0),
        };
        starts.push((minute, None, hour["quantity"].as_u64().unwrap_or(1)));
    }
    for range in schedule["ranges"].as_array().into_iter().flatten() {
        let border = |name: &str| range[name].as_str().and_then(minute_of_day);
        starts.extend(border("start").map(|start| (start, border("end"), 1)));
    }
    for (minute, until, quantity) in starts {
        for _ in 0..quantity {
            let Some(start) = wall_clock(day, minute, zone) else { continue };
            let end = until.and_then(|until| wall_clock(day, until, zone)).unwrap_or(start + length);
            let number = template["id"].as_str().map_or("0000", |id| &id[id.len().saturating_sub(4)..]);
            let same = instances.iter().filter(|instance| instance.start == start).count();
            let days = day.duration_since(Date::constant(1970, 1, 1)).as_hours() / 24;
            let id = format!("{INSTANCE_PREFIX}{number}{days:04x}{minute:04x}{same:04x}");
            instances.push(EventInstance {
                id,
                template: Arc::clone(template),
                schedule: Arc::clone(schedule),
                start,
                end,
            });
        }
    }
}

fn minute_of_day(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    Some(hour.parse::<i64>().ok()? * 60 + minute.parse::<i64>().ok()?)
}

/// Converts a wall-clock time in the tenant's zone. A time skipped by a DST change moves forward by the gap.
fn wall_clock(day: Date, minute: i64, zone: &TimeZone) -> Option<Timestamp> {
    let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
    let time = jiff::civil::Time::new(hour, minute, 0, 0).ok()?;
    day.to_datetime(time).to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp())
}

fn is_in_range(day: Date, from: &Value, to: &Value, zone: &TimeZone) -> bool {
    let date = |value: &Value| value.as_str()?.parse::<Timestamp>().ok().map(|at| at.to_zoned(zone.clone()).date());
    date(from).is_none_or(|from| from <= day) && date(to).is_none_or(|to| day <= to)
}

fn runs_on_weekday(day: Date, schedule: &Value) -> bool {
    const NAMES: [(&str, &str); 7] = [
        ("M", "Monday"),
        ("Tu", "Tuesday"),
        ("W", "Wednesday"),
        ("Th", "Thursday"),
        ("F", "Friday"),
        ("Sa", "Saturday"),
        ("Su", "Sunday"),
    ];
    let Some(days) = schedule["weekdays"].as_array().filter(|days| !days.is_empty()) else { return true };
    let (short, long) = NAMES[day.weekday().to_monday_zero_offset() as usize];
    days.iter().any(|name| name == short || name == long)
}
