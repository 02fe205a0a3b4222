//! The calendar of an event, one row per day.

use std::sync::Arc;

use async_graphql::Object;
use domain::catalog;
use domain::source::Source;

use crate::graphql::base::scalars::{LocalDate, int};
use crate::graphql::topics::catalog::availability::AvailabilityStatusEnum;
use crate::graphql::topics::catalog::freshness::Freshness;
use crate::graphql::topics::catalog::money::Money;

/// One day of an event's calendar, built from cached facts. Check the availability before a sale.
pub struct CalendarDay {
    source: Arc<Source>,
    days: Arc<Vec<catalog::CalendarDay>>,
    index: usize,
}

impl CalendarDay {
    /// Converts the days that a source returned.
    pub fn list(source: &Arc<Source>, days: &Arc<Vec<catalog::CalendarDay>>) -> Vec<Self> {
        (0..days.len()).map(|index| Self { source: Arc::clone(source), days: Arc::clone(days), index }).collect()
    }

    fn inner(&self) -> &catalog::CalendarDay {
        &self.days[self.index]
    }
}

/// One day of an event's calendar, built from cached facts. Check the availability before a sale.
#[Object]
impl CalendarDay {
    /// The day in the source's time zone.
    async fn date(&self) -> LocalDate {
        LocalDate(self.inner().date)
    }

    /// The best state among the performances of the day.
    async fn status(&self) -> AvailabilityStatusEnum {
        self.inner().status.into()
    }

    /// The lowest price of the day.
    async fn price_from(&self) -> Option<Money> {
        self.inner().price_from.map(Money)
    }

    /// Number of performances on the day.
    async fn performance_count(&self) -> i32 {
        int(self.inner().performance_count)
    }

    /// The age of the data.
    async fn freshness(&self) -> Freshness {
        Freshness::of(&self.source, self.inner().freshness)
    }
}
