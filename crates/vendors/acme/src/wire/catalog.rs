//! Templates, schedules, instances and price lists (`acme.md §7.1` to `§7.6`). Only fields that are used; everything
//! except the id may be absent.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::wire::{Amount, Id, WireTime, lenient};

/// The vendor's event; a summary is a subset of it (`acme.md §3.2 b`, `§7.1`).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Template {
    pub(crate) id: Id,
    #[serde(default, rename = "type", deserialize_with = "lenient::text")]
    pub(crate) kind: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) admission_type: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) name: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) description: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) short_description: Option<String>,
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) start_time: Option<WireTime>,
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) end_time: Option<WireTime>,
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) duration: Option<WireDuration>,
    #[serde(default, deserialize_with = "lenient::count")]
    pub(crate) capacity: Option<u32>,
    #[serde(default, deserialize_with = "lenient::count")]
    pub(crate) sold_quantity: Option<u32>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) review_state: Option<String>,
    #[serde(default, deserialize_with = "lenient::list")]
    pub(crate) schedules: Vec<Schedule>,
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) price_list: Option<PriceList>,
    #[serde(default, deserialize_with = "lenient::list")]
    pub(crate) price_lists: Vec<PriceList>,
    #[serde(default)]
    pub(crate) primary_image: Value,
    #[serde(default, deserialize_with = "lenient::list")]
    pub(crate) images: Vec<Value>,
}

/// A duration; `hour` is singular on the wire.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct WireDuration {
    #[serde(default, deserialize_with = "lenient::count")]
    pub(crate) hour: Option<u32>,
    #[serde(default, deserialize_with = "lenient::count")]
    pub(crate) minutes: Option<u32>,
}

/// Recurrence of instances (`acme.md §7.2`).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Schedule {
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) id: Option<Id>,
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) effective_start_time: Option<WireTime>,
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) effective_end_time: Option<WireTime>,
    #[serde(default, deserialize_with = "lenient::list")]
    pub(crate) weekdays: Vec<String>,
    #[serde(default, deserialize_with = "lenient::list")]
    pub(crate) hours: Vec<StartTime>,
    #[serde(default, deserialize_with = "lenient::list")]
    pub(crate) ranges: Vec<Value>,
    #[serde(default)]
    pub(crate) monthly: Value,
    #[serde(default, deserialize_with = "lenient::count")]
    pub(crate) day_of_month: Option<u32>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) repeats: Option<String>,
    #[serde(default, deserialize_with = "lenient::list")]
    pub(crate) price_lists: Vec<PriceList>,
    #[serde(default, deserialize_with = "channels")]
    pub(crate) sales_channels: Option<Vec<Channel>>,
}

/// A start time of day with the number of instances that start then. `hour` may be a number or `HH:MM` (`acme.md §3.2
/// l`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StartTime {
    pub(crate) hour: i8,
    pub(crate) minutes: i8,
    pub(crate) quantity: u32,
}

impl<'de> Deserialize<'de> for StartTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = Value::deserialize(deserializer)?;
        let number = |name: &str| lenient::unsigned(&fields[name]);
        let part = |text: &str| text.trim().parse::<u32>().ok();
        let time = match fields["hour"].as_str().and_then(|text| text.split_once(':')) {
            Some((hour, minutes)) => part(hour).zip(part(minutes)),
            None => number("hour").map(|hour| (hour, number("minutes").unwrap_or(0))),
        };
        let (hour, minutes) = time
            .filter(|(hour, minutes)| *hour < 24 && *minutes < 60)
            .ok_or_else(|| serde::de::Error::custom("an hour of the day"))?;
        Ok(Self { hour: hour as i8, minutes: minutes as i8, quantity: number("quantity").unwrap_or(1).max(1) })
    }
}

/// A sales channel, enabled or not.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Channel {
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) channel: Option<String>,
    #[serde(default, deserialize_with = "lenient::boolean")]
    pub(crate) enabled: Option<bool>,
}

/// Absent, null and an empty list all mean "no restriction".
fn channels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Channel>>, D::Error> {
    Ok(Some(lenient::list(deserializer)?).filter(|list| !list.is_empty()))
}

/// Prices of ticket types (`acme.md §7.5`).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PriceList {
    #[serde(default, deserialize_with = "lenient::list")]
    pub(crate) prices: Vec<PriceLine>,
}

/// One ticket type at a price.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PriceLine {
    pub(crate) person_type: PersonType,
    pub(crate) price: Amount,
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) discounted_price: Option<Amount>,
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) discount: Option<Amount>,
    #[serde(default, deserialize_with = "lenient::count")]
    pub(crate) display_order: Option<u32>,
    #[serde(default, deserialize_with = "channels")]
    pub(crate) sales_channels: Option<Vec<Channel>>,
}

/// A ticket type, which the vendor calls a person type (`acme.md §7.6`).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PersonType {
    pub(crate) id: Id,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) name: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) description: Option<String>,
    #[serde(default, deserialize_with = "lenient::boolean")]
    pub(crate) active: Option<bool>,
    #[serde(default, deserialize_with = "lenient::list")]
    pub(crate) children: Vec<BundleItem>,
}

/// A part of a combo.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BundleItem {
    #[serde(default, deserialize_with = "lenient::count")]
    pub(crate) quantity: Option<u32>,
}

/// A dated instance (`acme.md §4.1`, `§7.5`). `available` is a boolean here and a number in a [`Summary`].
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Instance {
    pub(crate) id: Id,
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) template_id: Option<Id>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) admission_type: Option<String>,
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) start_time: Option<WireTime>,
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) end_time: Option<WireTime>,
    #[serde(default, deserialize_with = "lenient::count")]
    pub(crate) capacity: Option<u32>,
    #[serde(default, deserialize_with = "lenient::count")]
    pub(crate) sold_quantity: Option<u32>,
    #[serde(default)]
    pub(crate) available: Value,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) state: Option<String>,
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) schedule_id: Option<Id>,
    #[serde(default, deserialize_with = "lenient::boolean")]
    pub(crate) manually_deleted: Option<bool>,
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) price_list: Option<PriceList>,
    #[serde(default, deserialize_with = "channels")]
    pub(crate) sales_channels: Option<Vec<Channel>>,
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) ticket_details: Option<TicketDetails>,
}

/// Sale rules besides the price.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TicketDetails {
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) post_start_purchase: Option<PostStartPurchase>,
}

/// Sale of tickets after the start.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PostStartPurchase {
    #[serde(default, deserialize_with = "lenient::boolean")]
    pub(crate) allow_late_ticket_purchase: Option<bool>,
    #[serde(default, deserialize_with = "lenient::count")]
    pub(crate) minutes_after: Option<u32>,
}

/// Counts of an instance (`acme.md §4.1`).
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Summary {
    pub(crate) id: Id,
    #[serde(default)]
    pub(crate) available: Value,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) state: Option<String>,
}

/// Days of a template or of the venue (`acme.md §4.9`).
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Calendar {
    #[serde(default, deserialize_with = "lenient::list")]
    pub(crate) days: Vec<Day>,
}

/// A day, open or closed.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Day {
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) date: Option<String>,
    #[serde(default, deserialize_with = "lenient::boolean")]
    pub(crate) active: Option<bool>,
}
