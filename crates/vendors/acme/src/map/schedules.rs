//! Schedules in both directions (`acme.md §7.2`).

use jiff::civil;
use serde_json::{Map, Value, json};

use crate::map::authoring::{iso, length, overlaid};
use crate::map::{Venue, days};
use crate::wire::catalog::{Length, StartTime};
use crate::wire::{Moment, lenient};
use domain::authoring::{ChannelSwitch, SalesChannel, Schedule, ScheduleTime, Weekday};

/// The channels that the vendor knows, with its codes and labels (`acme.md §3.2 m`): all are sent, always.
const CHANNELS: [(SalesChannel, &str, &str); 5] = [
    (SalesChannel::Online, "online", "Web"),
    (SalesChannel::CustomerRep, "customerRep", "Customer Rep"),
    (SalesChannel::PointOfSale, "pointOfSale", "Point of Sale"),
    (SalesChannel::ManualEntry, "manualEntry", "Manual Entry"),
    (SalesChannel::Reseller, "reseller", "Reseller"),
];

const DAYS: [&str; 7] = ["M", "Tu", "W", "Th", "F", "Sa", "Su"];

/// A schedule; none where it has no begin that can be read.
pub(crate) fn schedule(wire: &Value, venue: &Venue) -> Option<Schedule> {
    let moment = |name: &str| serde_json::from_value::<Moment>(wire[name].clone()).ok()?.instant(&venue.zone);
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
        channels: list("salesChannels").filter_map(switch).collect(),
        capacity: lenient::whole(&wire["capacity"]),
        duration_minutes: serde_json::from_value::<Length>(wire["duration"].clone())
            .ok()
            .map(|length| length.hour.unwrap_or(0).saturating_mul(60).saturating_add(length.minutes.unwrap_or(0))),
    })
}

fn weekday(day: civil::Weekday) -> Option<Weekday> {
    Weekday::ALL.get(usize::try_from(day.to_monday_zero_offset()).ok()?).copied()
}

fn switch(wire: &Value) -> Option<ChannelSwitch> {
    let code = wire["channel"].as_str()?;
    let known = CHANNELS.iter().find(|(_, word, _)| word.eq_ignore_ascii_case(code));
    Some(ChannelSwitch {
        channel: known.map_or(SalesChannel::Other, |(channel, ..)| *channel),
        code: code.to_owned(),
        is_enabled: wire["enabled"].as_bool().unwrap_or(false),
    })
}

/// A schedule as it is written. `known` is what it was: what we have no words for stays.
pub(crate) fn written(schedule: &Schedule, known: Option<&Value>, venue: &Venue) -> Value {
    let weekdays: Vec<&str> = schedule.weekdays.iter().map(|day| DAYS[*day as usize]).collect();
    let hours: Vec<Value> = schedule
        .times
        .iter()
        .map(|time| json!({ "hour": time.hour, "minutes": time.minute, "quantity": time.quantity }))
        .collect();
    let mut fields = Map::new();
    let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    set("effectiveStartTime", iso(schedule.effective_from, venue).into());
    set("weekdays", weekdays.into());
    set("hours", hours.into());
    set("salesChannels", switches(schedule, known).into());
    let optional = [
        ("id", schedule.id.as_deref().map(Value::from)),
        ("name", schedule.name.as_deref().map(Value::from)),
        ("description", schedule.description.as_deref().map(Value::from)),
        ("effectiveEndTime", schedule.effective_to.map(|at| iso(at, venue).into())),
        ("capacity", schedule.capacity.map(Value::from)),
        ("duration", schedule.duration_minutes.map(length)),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            set(name, value);
        }
    }
    overlaid(known, fields)
}

/// All five channels: as the client says, else as they were, else on. Channels that we do not know stay as they were.
fn switches(schedule: &Schedule, known: Option<&Value>) -> Vec<Value> {
    let before: Vec<&Value> = known.into_iter().flat_map(|known| known["salesChannels"].as_array()).flatten().collect();
    let wished = |channel| schedule.channels.iter().find(|switch| switch.channel == channel).map(|one| one.is_enabled);
    let was = |code: &str| {
        let found =
            before.iter().find(|one| one["channel"].as_str().is_some_and(|word| word.eq_ignore_ascii_case(code)));
        found.and_then(|one| one["enabled"].as_bool())
    };
    let ours = CHANNELS.iter().map(|(channel, code, name)| {
        let enabled = wished(*channel).or_else(|| was(code)).unwrap_or(schedule.channels.is_empty());
        json!({ "channel": code, "enabled": enabled, "name": name })
    });
    let is_foreign = |one: &&&Value| switch(one).is_some_and(|switch| switch.channel == SalesChannel::Other);
    ours.chain(before.iter().filter(is_foreign).map(|one| Value::clone(one))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn venue() -> Venue {
        Venue {
            zone: jiff::tz::TimeZone::get("America/New_York").expect("a zone"),
            currency: "USD".parse().expect("a currency"),
        }
    }

    #[test]
    fn a_schedule_that_is_read_and_written_is_the_same_with_all_its_channels() {
        let wire = json!({ "id": "s1", "name": "10AM", "effectiveStartTime": "2031-01-01T00:00:00-05:00",
            "hours": [{ "hour": "10:30", "minutes": 0, "quantity": 2 }], "weekdays": ["M", "Sunday"],
            "salesChannels": [{ "channel": "reseller", "enabled": true }, { "channel": "carrierPigeon", "enabled": true }],
            "priceLists": [{ "prices": [] }], "duration": { "hour": 1, "minutes": 15 } });
        let read = schedule(&wire, &venue()).expect("a schedule");
        assert_eq!(
            (read.weekdays.as_slice(), read.duration_minutes),
            (&[Weekday::Monday, Weekday::Sunday][..], Some(75))
        );
        assert_eq!(read.times, [ScheduleTime { hour: 10, minute: 30, quantity: 2 }]);
        let written = written(&Schedule { channels: Vec::new(), ..read }, Some(&wire), &venue());
        assert_eq!(written["priceLists"], wire["priceLists"], "what we have no words for stays");
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
