//! Mapping between the wire and the domain, in both directions. Pure: no calls, no clock.

pub(super) mod account;
pub(super) mod admissions;
pub(super) mod authoring;
pub(super) mod event;
pub(super) mod keys;
pub(super) mod order;
pub(super) mod price;
pub(super) mod time;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use crate::settings::Facts;
use domain::Currency;
use url::Url;

/// Values that the wire leaves out and the settings supply.
#[derive(Debug, Clone)]
pub(super) struct SourceDefaults {
    /// Time zone of local event times.
    pub time_zone: TimeZone,
    /// Address of the service, against which relative addresses are resolved.
    pub base_url: Url,
    /// Currency of all amounts.
    pub currency: Currency,
    /// The host whose events the source sells.
    pub host: String,
    /// Fields of new events that clients may omit: `venue`, `category`, `subcategory`.
    pub new_event_fields: BTreeMap<String, String>,
    /// Inferred facts.
    pub facts: Facts,
}
