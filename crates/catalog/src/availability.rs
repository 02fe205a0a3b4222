//! What is free: unknown where the vendor could not be asked, never sold out by guess.

use std::sync::Arc;
use std::time::Duration;

use crate::Federation;
use crate::paging::DayRange;
use crate::sourced::{Sourced, SourcedEvent, SourcedPerformance};
use domain::catalog::{Availability, AvailabilityStatus, CalendarDay, Offer};
use domain::error::{Operation, VendorError};
use domain::time::{Freshness, FreshnessMode, Observed};

/// What is free, and why that is unknown where it is.
#[derive(Debug, Clone)]
pub struct AvailabilityOutcome {
    /// The answer; its state is unknown when there is a problem.
    pub availability: Observed<Arc<Availability>>,
    /// Why the vendor could not tell.
    pub problem: Option<VendorError>,
}

impl Federation {
    /// What is free for each performance, no older than `max_age`, in the order asked for. Never fails: a vendor that cannot
    /// be asked makes the state unknown.
    pub async fn load_availability(
        &self,
        performances: &[SourcedPerformance],
        max_age: Duration,
    ) -> Vec<AvailabilityOutcome> {
        let answers = self
            .bulk(Operation::LoadAvailability, performances, |source, performances| {
                source.catalog.load_availability(performances, max_age)
            })
            .await;
        answers
            .into_iter()
            .map(|answer| match answer {
                Ok(availability) => AvailabilityOutcome { availability, problem: None },
                Err(problem) => AvailabilityOutcome { availability: self.unknown(), problem: Some(problem) },
            })
            .collect()
    }

    /// One row for each day of the range and each event, in the order of the events.
    pub async fn load_calendar(
        &self,
        events: &[SourcedEvent],
        days: DayRange,
    ) -> Vec<Result<Arc<Vec<CalendarDay>>, VendorError>> {
        let keys: Vec<_> = events.iter().map(Sourced::to_key).collect();
        let DayRange { from, to } = days;
        self.bulk(Operation::LoadCalendar, &keys, |source, keys| source.catalog.load_calendar(keys, from, to)).await
    }

    fn unknown(&self) -> Observed<Arc<Availability>> {
        let nothing = Availability {
            status: AvailabilityStatus::Unknown,
            vacancies: None,
            capacity: None,
            max_per_order: None,
            offers: Vec::new(),
        };
        let freshness = Freshness { mode: FreshnessMode::Stale, ..Freshness::live(self.clock.now()) };
        Observed { value: Arc::new(nothing), freshness }
    }
}

/// The same availability as seen by someone who wants so many places together: what has fewer counts as sold out.
pub fn for_quantity(availability: &Arc<Availability>, quantity: u32) -> Arc<Availability> {
    let seen = |status, vacancies: Option<u32>| match status {
        AvailabilityStatus::Available | AvailabilityStatus::Limited
            if vacancies.is_some_and(|left| left < quantity) =>
        {
            AvailabilityStatus::SoldOut
        }
        other => other,
    };
    let offers: Vec<Offer> = availability
        .offers
        .iter()
        .map(|offer| Offer { status: seen(offer.status, offer.vacancies), ..offer.clone() })
        .collect();
    Arc::new(Availability {
        status: seen(availability.status, availability.vacancies),
        offers,
        ..Availability::clone(availability)
    })
}
