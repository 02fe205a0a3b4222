//! From ACME's words to ours and back: pure, no calls, no clock.

pub(crate) mod authoring;
pub(crate) mod availability;
pub(crate) mod belongings;
pub(crate) mod booking;
pub(crate) mod calendar;
pub(crate) mod days;
pub(crate) mod event;
pub(crate) mod keys;
pub(crate) mod performance;
pub(crate) mod schedules;
pub(crate) mod tickets;

use jiff::tz::TimeZone;

use domain::Currency;

/// What the settings say about every fact of the source.
#[derive(Clone, Debug)]
pub(crate) struct Venue {
    /// The tenant's zone: query borders and wall-clock times are in it.
    pub(crate) zone: TimeZone,
    /// The currency, which the wire never names.
    pub(crate) currency: Currency,
}
