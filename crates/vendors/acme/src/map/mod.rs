//! Mapping between the wire and the domain, in both directions. Pure: no calls, no clock.

pub(crate) mod authoring;
pub(crate) mod availability;
pub(crate) mod calendar;
pub(crate) mod checkout;
pub(crate) mod days;
pub(crate) mod event;
pub(crate) mod keys;
pub(crate) mod performance;
pub(crate) mod related_data;
pub(crate) mod schedules;
pub(crate) mod tickets;

use jiff::tz::TimeZone;

use crate::settings::Facts;
use domain::Currency;
use url::Url;

/// Values that the wire leaves out and the settings supply.
#[derive(Clone, Debug)]
pub(crate) struct SourceDefaults {
    /// Time zone of the tenant: query bounds and wall-clock times are in it.
    pub(crate) time_zone: TimeZone,
    /// Currency, which the wire never contains.
    pub(crate) currency: Currency,
    /// Address of the service, against which relative addresses are resolved.
    pub(crate) base_url: Url,
    /// Inferred facts.
    pub(crate) facts: Facts,
}
