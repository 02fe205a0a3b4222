//! Schedules, in both directions.

use async_graphql::{Enum, ID, InputObject, SimpleObject};

use crate::graphql::editing::Wrong;
use crate::graphql::scalars::{DateTime, int};
use domain::authoring;
use domain::source::Source;

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "authoring::Weekday")]
pub enum Weekday {
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

/// Where tickets are sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "authoring::SalesChannel")]
pub enum SalesChannel {
    /// The venue's own site.
    Online,
    /// By telephone.
    CustomerRep,
    /// At the counter.
    PointOfSale,
    /// Entered by hand.
    ManualEntry,
    /// Through resellers.
    Reseller,
    /// Another one: its code tells which.
    Other,
}

/// When performances of an event take place.
#[derive(SimpleObject)]
pub struct EventSchedule {
    /// Names it in its event.
    id: Option<ID>,
    /// The name.
    name: Option<String>,
    /// More about it.
    description: Option<String>,
    /// Begin of its validity.
    effective_from: DateTime,
    /// End of its validity; null: for good.
    effective_to: Option<DateTime>,
    /// On which days.
    weekdays: Vec<Weekday>,
    /// At which times.
    times: Vec<ScheduleTime>,
    /// Where it is sold.
    sales_channels: Vec<SalesChannelSwitch>,
    /// Places of one performance, instead of the event's.
    capacity: Option<i32>,
    /// Length of one performance, instead of the event's.
    duration_minutes: Option<i32>,
}

/// A start time of day, on the clock of the venue.
#[derive(SimpleObject)]
pub struct ScheduleTime {
    /// 0 to 23.
    hour: i32,
    /// 0 to 59.
    minute: i32,
    /// How many performances begin then.
    quantity: i32,
}

/// Whether a schedule is sold in a channel.
#[derive(SimpleObject)]
pub struct SalesChannelSwitch {
    /// The channel.
    channel: SalesChannel,
    /// The vendor's own code.
    code: String,
    /// Whether it is sold there.
    enabled: bool,
}

impl EventSchedule {
    /// A schedule of a source.
    pub fn of(source: &Source, schedule: authoring::Schedule) -> Self {
        let time = |time: authoring::ScheduleTime| ScheduleTime {
            hour: int(time.hour),
            minute: int(time.minute),
            quantity: int(time.quantity),
        };
        let switch = |one: authoring::ChannelSwitch| SalesChannelSwitch {
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

/// A schedule to be written.
#[derive(InputObject)]
pub struct EventScheduleInput {
    /// The one that is changed; without it, it is new.
    id: Option<ID>,
    /// The name.
    name: Option<String>,
    /// More about it.
    description: Option<String>,
    /// Begin of its validity.
    effective_from: DateTime,
    /// End of its validity; without it, for good.
    effective_to: Option<DateTime>,
    /// On which days.
    weekdays: Vec<Weekday>,
    /// At which times.
    times: Vec<ScheduleTimeInput>,
    /// Where it is sold; without it, as before or everywhere.
    sales_channels: Option<Vec<SalesChannelSwitchInput>>,
    /// Places of one performance, instead of the event's.
    capacity: Option<i32>,
    /// Length of one performance, instead of the event's.
    duration_minutes: Option<i32>,
}

/// A start time of day, on the clock of the venue.
#[derive(InputObject)]
pub struct ScheduleTimeInput {
    /// 0 to 23.
    hour: i32,
    /// 0 to 59.
    minute: i32,
    /// How many performances begin then.
    #[graphql(default = 1)]
    quantity: i32,
}

/// Whether a schedule is sold in a channel.
#[derive(InputObject)]
pub struct SalesChannelSwitchInput {
    /// The channel; OTHER cannot be written.
    channel: SalesChannel,
    /// Whether it is sold there.
    enabled: bool,
}

/// A count that a client wrote: nothing below zero.
pub fn count(value: Option<i32>, path: &[&str]) -> Result<Option<u32>, Wrong> {
    value.map(|value| u32::try_from(value).map_err(|_| Wrong::at(path))).transpose()
}

impl EventScheduleInput {
    /// Reads the input; `path` is where it stands.
    pub fn read(self, path: &[&str]) -> Result<authoring::Schedule, Wrong> {
        let under = |field: &'static str| [path, &[field]].concat();
        let mut times = Vec::with_capacity(self.times.len());
        for time in self.times {
            let part = |value: i32, most: i32| {
                u32::try_from(value).ok().filter(|_| value <= most).ok_or_else(|| Wrong::at(&under("times")))
            };
            let quantity = part(time.quantity, 1_000)?;
            times.push(authoring::ScheduleTime {
                hour: part(time.hour, 23)?,
                minute: part(time.minute, 59)?,
                quantity,
            });
        }
        let switches = self.sales_channels.unwrap_or_default();
        if switches.iter().any(|one| one.channel == SalesChannel::Other) {
            return Err(Wrong::at(&under("salesChannels")));
        }
        if self.effective_to.as_ref().is_some_and(|to| to.at < self.effective_from.at) {
            return Err(Wrong::at(&under("effectiveTo")));
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
                .map(|one| authoring::ChannelSwitch {
                    channel: one.channel.into(),
                    code: String::new(),
                    is_enabled: one.enabled,
                })
                .collect(),
            capacity: count(self.capacity, &under("capacity"))?,
            duration_minutes: count(self.duration_minutes, &under("durationMinutes"))?,
        })
    }
}
