//! Between their words and ours. Pure: no calls, no clock.

pub(super) mod account;
pub(super) mod authoring;
pub(super) mod event;
pub(super) mod gate;
pub(super) mod keys;
pub(super) mod order;
pub(super) mod price;
pub(super) mod time;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use domain::Currency;

/// What the wire leaves out and the connection knows.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    /// The zone of local event times.
    pub zone: TimeZone,
    /// The currency of all amounts.
    pub currency: Currency,
    /// The host whose events the source sells.
    pub host: String,
    /// Fields of new events that clients leave out: `venue`, `category`, `subcategory`.
    pub new_events: BTreeMap<String, String>,
}
