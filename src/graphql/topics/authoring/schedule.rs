//! Schedules: the GraphQL types and their conversion in both directions.

use async_graphql::{Enum, ID, InputObject, SimpleObject};
use domain::authoring;
use domain::source::Source;

use crate::graphql::base::scalars::{DateTime, int};
use crate::graphql::topics::editing::InvalidInput;

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "Weekday", remote = "authoring::Weekday")]
pub enum WeekdayEnum {
    /// Monday.
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
}

/// A sales channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "SalesChannel", remote = "authoring::SalesChannel")]
pub enum SalesChannelEnum {
    /// The venue's own website.
    Online,
    /// Telephone sales.
    CustomerRep,
    /// The box office.
    PointOfSale,
    /// Manual entry.
    ManualEntry,
    /// Resellers.
    Reseller,
    /// Any other channel, identified by its code.
    Other,
}

/// A schedule of performances of an event.
#[derive(SimpleObject)]
pub(super) struct EventSchedule {
    /// Id of the schedule, unique within its event.
    id: Option<ID>,
    /// The name.
    name: Option<String>,
    /// The description.
    description: Option<String>,
    /// Start of the validity.
    effective_from: DateTime,
    /// End of the validity. Null means no end.
    effective_to: Option<DateTime>,
    /// The days of the week.
    weekdays: Vec<WeekdayEnum>,
    /// The start times.
    times: Vec<ScheduleTime>,
    /// The sales channels, on or off.
    sales_channels: Vec<SalesChannelSwitch>,
    /// Places per performance, overriding the event's.
    capacity: Option<i32>,
    /// Duration of one performance in minutes, overriding the event's.
    duration_minutes: Option<i32>,
}

/// A start time in the venue's time zone.
#[derive(SimpleObject)]
pub(super) struct ScheduleTime {
    /// 0 to 23.
    hour: i32,
    /// 0 to 59.
    minute: i32,
    /// Number of performances that start at this time.
    quantity: i32,
}

/// A sales channel of a schedule, on or off.
#[derive(SimpleObject)]
pub(super) struct SalesChannelSwitch {
    /// The channel.
    channel: SalesChannelEnum,
    /// The vendor's own code.
    code: String,
    /// True if the schedule is sold through the channel.
    enabled: bool,
}

impl EventSchedule {
    /// Converts a schedule of a source.
    pub(super) fn of(source: &Source, schedule: authoring::Schedule) -> Self {
        let time = |time: authoring::ScheduleTime| ScheduleTime {
            hour: int(time.hour),
            minute: int(time.minute),
            quantity: int(time.quantity),
        };
        let switch = |one: authoring::ScheduleChannel| SalesChannelSwitch {
            channel: one.channel.into(),
            code: one.code,
            enabled: one.is_enabled,
        };
        Self {
            id: schedule.id.map(ID),
            name: schedule.name,
            description: schedule.description,
            effective_from: DateTime::of(source, schedule.effective_from),
            effective_to: schedule.effective_to.map(|at| DateTime::of(source, at)),
            weekdays: schedule.weekdays.into_iter().map(Into::into).collect(),
            times: schedule.times.into_iter().map(time).collect(),
            sales_channels: schedule.channels.into_iter().map(switch).collect(),
            capacity: schedule.capacity.map(int),
            duration_minutes: schedule.duration_minutes.map(int),
        }
    }
}

/// A schedule to write.
#[derive(InputObject)]
pub(super) struct EventScheduleInput {
    /// The schedule to update. If omitted, a new one is created.
    id: Option<ID>,
    /// The name.
    name: Option<String>,
    /// The description.
    description: Option<String>,
    /// Start of the validity.
    effective_from: DateTime,
    /// End of the validity. If omitted, there is no end.
    effective_to: Option<DateTime>,
    /// The days of the week.
    weekdays: Vec<WeekdayEnum>,
    /// The start times.
    times: Vec<ScheduleTimeInput>,
    /// The sales channels. If omitted, they are not changed; a new schedule is sold everywhere.
    sales_channels: Option<Vec<SalesChannelSwitchInput>>,
    /// Places per performance, overriding the event's.
    capacity: Option<i32>,
    /// Duration of one performance in minutes, overriding the event's.
    duration_minutes: Option<i32>,
}

/// A start time in the venue's time zone.
#[derive(InputObject)]
pub(super) struct ScheduleTimeInput {
    /// 0 to 23.
    hour: i32,
    /// 0 to 59.
    minute: i32,
    /// Number of performances that start at this time.
    #[graphql(default = 1)]
    quantity: i32,
}

/// A sales channel of a schedule, on or off.
#[derive(InputObject)]
pub(super) struct SalesChannelSwitchInput {
    /// The channel. OTHER cannot be written.
    channel: SalesChannelEnum,
    /// True if the schedule is sold through the channel.
    enabled: bool,
}

/// Converts a count. Rejects negative values.
pub(super) fn parse_count(value: Option<i32>, path: &[&str]) -> Result<Option<u32>, InvalidInput> {
    value.map(|value| u32::try_from(value).map_err(|_| InvalidInput::at(path))).transpose()
}

impl EventScheduleInput {
    /// Converts the input. `path` is its position in the whole input, for problems.
    pub(super) fn into_schedule(self, path: &[&str]) -> Result<authoring::Schedule, InvalidInput> {
        let under = |field: &'static str| [path, &[field]].concat();
        let mut times = Vec::with_capacity(self.times.len());
        for time in self.times {
            let part = |value: i32, most: i32| {
                u32::try_from(value).ok().filter(|_| value <= most).ok_or_else(|| InvalidInput::at(&under("times")))
            };
            let quantity = part(time.quantity, 1_000)?;
            times.push(authoring::ScheduleTime {
                hour: part(time.hour, 23)?,
                minute: part(time.minute, 59)?,
                quantity,
            });
        }
        let switches = self.sales_channels.unwrap_or_default();
        if switches.iter().any(|one| one.channel == SalesChannelEnum::Other) {
            return Err(InvalidInput::at(&under("salesChannels")));
        }
        if self.effective_to.as_ref().is_some_and(|to| to.at < self.effective_from.at) {
            return Err(InvalidInput::at(&under("effectiveTo")));
        }
        Ok(authoring::Schedule {
            id: self.id.map(|id| id.0),
            name: self.name,
            description: self.description,
            effective_from: self.effective_from.at,
            effective_to: self.effective_to.map(|to| to.at),
            weekdays: self.weekdays.into_iter().map(Into::into).collect(),
            times,
            channels: switches
                .into_iter()
                .map(|one| authoring::ScheduleChannel {
                    channel: one.channel.into(),
                    code: String::new(),
                    is_enabled: one.enabled,
                })
                .collect(),
            capacity: parse_count(self.capacity, &under("capacity"))?,
            duration_minutes: parse_count(self.duration_minutes, &under("durationMinutes"))?,
        })
    }
}
