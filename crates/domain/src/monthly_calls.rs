//! Calls to a vendor in a calendar month, which some vendors limit by contract.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::store::StoreError;
use crate::turn::RequestClass;

/// Calendar month in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(Date);

impl Month {
    /// Returns the month of a time.
    pub fn of(time: Timestamp) -> Self {
        Self(time.to_zoned(TimeZone::UTC).date().first_of_month())
    }

    /// Returns the time passed since its beginning, and its length.
    pub fn progress(self, now: Timestamp) -> (Duration, Duration) {
        let (start, end) = (begin(self.0), begin(self.0.saturating_add(1.month())));
        let between = |from: Timestamp, to: Timestamp| to.duration_since(from).try_into().unwrap_or(Duration::ZERO);
        (between(start, now), between(start, end))
    }
}

/// Returns the first instant of a day in UTC.
fn begin(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}", self.0.year(), self.0.month())
    }
}

/// Number of calls of each kind.
pub type CallsByClass = BTreeMap<RequestClass, u64>;

/// Use of a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonthlyUse {
    /// The month.
    pub month: Month,
    /// Calls of all replicas so far, as far as they have reported them.
    pub calls: CallsByClass,
    /// Calls that the vendor allows. `None`: unknown or unlimited.
    pub quota: Option<u32>,
    /// Calls at the end of the month if they go on as they did so far.
    pub forecast: u64,
}

/// Counts of calls, durable and shared by replicas.
#[async_trait]
pub trait CallCounts: Send + Sync {
    /// Adds calls of a month to those of an account, and returns all calls of the month. Adding none only reads.
    async fn add_calls(&self, account: &str, month: Month, calls: &CallsByClass) -> Result<CallsByClass, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_and_ends_in_utc_whatever_its_length() {
        let time = |text: &str| text.parse::<Timestamp>().expect("a time");
        let day = Duration::from_secs(24 * 3600);
        let month = Month::of(time("2027-02-28T23:30:00-01:00"));
        assert_eq!((month.to_string().as_str(), month), ("2027-03", Month::of(time("2027-03-31T23:59:59Z"))));
        assert_eq!(month.progress(time("2027-03-02T12:00:00Z")), (day * 3 / 2, day * 31));
        assert_eq!(
            Month::of(time("2027-02-01T00:00:00Z")).progress(time("2027-02-01T00:00:00Z")),
            (Duration::ZERO, day * 28)
        );
    }
}
