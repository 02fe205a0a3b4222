//! One row a day.

use std::sync::Arc;

use async_graphql::Object;

use crate::graphql::catalog::availability::AvailabilityStatus;
use crate::graphql::catalog::freshness::Freshness;
use crate::graphql::catalog::money::Money;
use crate::graphql::scalars::{LocalDate, int};
use domain::catalog;
use domain::source::Source;

/// One day of an event, out of facts at hand: good for a calendar, asked again before a sale.
pub struct CalendarDay {
    source: Arc<Source>,
    days: Arc<Vec<catalog::CalendarDay>>,
    place: usize,
}

impl CalendarDay {
    /// All days that a source told.
    pub fn all(source: &Arc<Source>, days: &Arc<Vec<catalog::CalendarDay>>) -> Vec<Self> {
        (0..days.len()).map(|place| Self { source: Arc::clone(source), days: Arc::clone(days), place }).collect()
    }

    fn day(&self) -> &catalog::CalendarDay {
        &self.days[self.place]
    }
}

/// One day of an event, out of facts at hand: good for a calendar, asked again before a sale.
#[Object]
impl CalendarDay {
    /// The day in the zone of the source.
    async fn date(&self) -> LocalDate {
        LocalDate(self.day().date)
    }

    /// The best state among the performances of the day.
    async fn status(&self) -> AvailabilityStatus {
        self.day().status.into()
    }

    /// The lowest price of the day.
    async fn price_from(&self) -> Option<Money> {
        self.day().price_from.map(Money)
    }

    /// How many performances the day has.
    async fn performance_count(&self) -> i32 {
        int(self.day().performance_count)
    }

    /// How old the row is.
    async fn freshness(&self) -> Freshness {
        Freshness::of(&self.source, self.day().freshness)
    }
}
