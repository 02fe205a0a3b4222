//! Schedules in both directions (`acme.md §7.2`).

use jiff::civil;
use serde_json::{Map, Value, json};

use crate::map::authoring::{merged, to_duration, to_iso_8601};
use crate::map::{SourceDefaults, days};
use crate::wire::catalog::{StartTime, WireDuration};
use crate::wire::{WireTime, lenient};
use domain::authoring::{SalesChannel, Schedule, ScheduleChannel, ScheduleTime, Weekday};

/// The vendor's sales channels with their codes and labels (`acme.md §3.2 m`). All of them are always sent.
const CHANNELS: [(SalesChannel, &str, &str); 5] = [
    (SalesChannel::Online, "online", "Web"),
    (SalesChannel::CustomerRep, "customerRep", "Customer Rep"),
    (SalesChannel::PointOfSale, "pointOfSale", "Point of Sale"),
    (SalesChannel::ManualEntry, "manualEntry", "Manual Entry"),
    (SalesChannel::Reseller, "reseller", "Reseller"),
];

const WEEKDAY_CODES: [&str; 7] = ["M", "Tu", "W", "Th", "F", "Sa", "Su"];

/// Parses a schedule; `None` if its start cannot be read.
pub(crate) fn schedule(wire: &Value, defaults: &SourceDefaults) -> Option<Schedule> {
    let moment = |name: &str| serde_json::from_value::<WireTime>(wire[name].clone()).ok()?.instant(&defaults.time_zone);
    let text = |name: &str| wire[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let list = |name: &str| wire[name].as_array().into_iter().flatten();
    let time = |hour: &Value| {
        let start: StartTime = serde_json::from_value(hour.clone()).ok()?;
        let (hour, minute) = (u32::try_from(start.hour).ok()?, u32::try_from(start.minutes).ok()?);
        Some(ScheduleTime { hour, minute, quantity: start.quantity })
    };
    Some(Schedule {
        id: text("id"),
        name: text("name"),
        description: text("description"),
        effective_from: moment("effectiveStartTime")?,
        effective_to: moment("effectiveEndTime"),
        weekdays: list("weekdays").filter_map(|name| weekday(days::weekday(name.as_str()?)?)).collect(),
        times: list("hours").filter_map(time).collect(),
        channels: list("salesChannels").filter_map(channel_switch).collect(),
        capacity: lenient::unsigned(&wire["capacity"]),
        duration_minutes: serde_json::from_value::<WireDuration>(wire["duration"].clone())
            .ok()
            .map(|length| length.hour.unwrap_or(0).saturating_mul(60).saturating_add(length.minutes.unwrap_or(0))),
    })
}

fn weekday(day: civil::Weekday) -> Option<Weekday> {
    Weekday::ALL.get(usize::try_from(day.to_monday_zero_offset()).ok()?).copied()
}

fn channel_switch(wire: &Value) -> Option<ScheduleChannel> {
    let code = wire["channel"].as_str()?;
    let previous = CHANNELS.iter().find(|(_, word, _)| word.eq_ignore_ascii_case(code));
    Some(ScheduleChannel {
        channel: previous.map_or(SalesChannel::Other, |(channel, ..)| *channel),
        code: code.to_owned(),
        is_enabled: wire["enabled"].as_bool().unwrap_or(false),
    })
}

/// Formats a schedule. `known` is its previous value: fields that the domain does not model are kept.
pub(crate) fn schedule_to_wire(schedule: &Schedule, previous: Option<&Value>, defaults: &SourceDefaults) -> Value {
    let weekdays: Vec<&str> = schedule.weekdays.iter().map(|day| WEEKDAY_CODES[*day as usize]).collect();
    let hours: Vec<Value> = schedule
        .times
        .iter()
        .map(|time| json!({ "hour": time.hour, "minutes": time.minute, "quantity": time.quantity }))
        .collect();
    let mut fields = Map::new();
    let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    set("effectiveStartTime", to_iso_8601(schedule.effective_from, defaults).into());
    set("weekdays", weekdays.into());
    set("hours", hours.into());
    set("salesChannels", channels_to_wire(schedule, previous).into());
    let optional = [
        ("id", schedule.id.as_deref().map(Value::from)),
        ("name", schedule.name.as_deref().map(Value::from)),
        ("description", schedule.description.as_deref().map(Value::from)),
        ("effectiveEndTime", schedule.effective_to.map(|at| to_iso_8601(at, defaults).into())),
        ("capacity", schedule.capacity.map(Value::from)),
        ("duration", schedule.duration_minutes.map(to_duration)),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            set(name, value);
        }
    }
    merged(previous, fields)
}

/// Formats all five channels: as requested, otherwise as before, otherwise on. Unknown channels are kept.
fn channels_to_wire(schedule: &Schedule, previous: Option<&Value>) -> Vec<Value> {
    let previous_channels: Vec<&Value> =
        previous.into_iter().flat_map(|previous| previous["salesChannels"].as_array()).flatten().collect();
    let requested =
        |channel| schedule.channels.iter().find(|switch| switch.channel == channel).map(|one| one.is_enabled);
    let was = |code: &str| {
        let found = previous_channels
            .iter()
            .find(|one| one["channel"].as_str().is_some_and(|word| word.eq_ignore_ascii_case(code)));
        found.and_then(|one| one["enabled"].as_bool())
    };
    let ours = CHANNELS.iter().map(|(channel, code, name)| {
        let enabled = requested(*channel).or_else(|| was(code)).unwrap_or(schedule.channels.is_empty());
        json!({ "channel": code, "enabled": enabled, "name": name })
    });
    let is_foreign = |one: &&&Value| channel_switch(one).is_some_and(|switch| switch.channel == SalesChannel::Other);
    ours.chain(previous_channels.iter().filter(is_foreign).map(|one| Value::clone(one))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults() -> SourceDefaults {
        SourceDefaults {
            time_zone: jiff::tz::TimeZone::get("America/New_York").expect("a zone"),
            currency: "USD".parse().expect("a currency"),
            base_url: "https://api.acme.example".parse().expect("a URL"),
            facts: crate::settings::Facts::with(""),
        }
    }

    #[test]
    fn a_schedule_that_is_read_and_written_is_the_same_with_all_its_channels() {
        let wire = json!({ "id": "s1", "name": "10AM", "effectiveStartTime": "2031-01-01T00:00:00-05:00",
            "hours": [{ "hour": "10:30", "minutes": 0, "quantity": 2 }], "weekdays": ["M", "Sunday"],
            "salesChannels": [{ "channel": "reseller", "enabled": true }, { "channel": "carrierPigeon", "enabled": true }],
            "priceLists": [{ "prices": [] }], "duration": { "hour": 1, "minutes": 15 } });
        let read = schedule(&wire, &defaults()).expect("a schedule");
        assert_eq!(
            (read.weekdays.as_slice(), read.duration_minutes),
            (&[Weekday::Monday, Weekday::Sunday][..], Some(75))
        );
        assert_eq!(read.times, [ScheduleTime { hour: 10, minute: 30, quantity: 2 }]);
        let written = schedule_to_wire(&Schedule { channels: Vec::new(), ..read }, Some(&wire), &defaults());
        assert_eq!(written["priceLists"], wire["priceLists"], "fields that the domain does not model are kept");
        assert_eq!(written["effectiveStartTime"], "2031-01-01T00:00:00-05:00");
        let channels: Vec<&str> = written["salesChannels"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| one["channel"].as_str())
            .collect();
        assert_eq!(channels, ["online", "customerRep", "pointOfSale", "manualEntry", "reseller", "carrierPigeon"]);
    }
}
