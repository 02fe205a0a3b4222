//! Availability: unknown if the vendor fails, never guessed as sold out.

use std::sync::Arc;
use std::time::Duration;

use domain::catalog::{Availability, AvailabilityStatus, CalendarDay, Offer};
use domain::error::{VendorError, VendorOperation};
use domain::time::{Freshness, FreshnessMode, Observed};

use crate::UnifiedCatalog;
use crate::paging::DayRange;
use crate::sourced::{Sourced, SourcedEvent, SourcedPerformance};

/// The availability of a performance, or the failure that makes it unknown.
#[derive(Debug, Clone)]
pub struct AvailabilityOutcome {
    /// The availability. Its state is unknown if there is a problem.
    pub availability: Observed<Arc<Availability>>,
    /// The failure of the source.
    pub problem: Option<VendorError>,
}

impl UnifiedCatalog {
    /// Loads the availability of each performance, at most `max_age` old, in the given order. Never fails: the failure
    /// of a vendor makes the state unknown.
    pub async fn load_availability(
        &self,
        performances: &[SourcedPerformance],
        max_age: Duration,
    ) -> Vec<AvailabilityOutcome> {
        let results = self
            .bulk_load(VendorOperation::LoadAvailability, performances, |source, performances| {
                source.catalog.load_availability(performances, max_age)
            })
            .await;
        results
            .into_iter()
            .map(|result| match result {
                Ok(availability) => AvailabilityOutcome { availability, problem: None },
                Err(problem) => {
                    AvailabilityOutcome { availability: self.unknown_availability(), problem: Some(problem) }
                }
            })
            .collect()
    }

    /// Loads one row per day of the range for each event, in the order of the events.
    pub async fn load_calendar(
        &self,
        events: &[SourcedEvent],
        days: DayRange,
    ) -> Vec<Result<Arc<Vec<CalendarDay>>, VendorError>> {
        let keys: Vec<_> = events.iter().map(Sourced::to_key).collect();
        let DayRange { from, to } = days;
        self.bulk_load(VendorOperation::LoadCalendar, &keys, |source, keys| {
            source.catalog.load_calendar(keys, from, to)
        })
        .await
    }

    fn unknown_availability(&self) -> Observed<Arc<Availability>> {
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

/// Returns the availability for a group of `quantity`: offers with fewer places count as sold out.
pub fn for_quantity(availability: &Arc<Availability>, quantity: u32) -> Arc<Availability> {
    let for_group = |status, vacancies: Option<u32>| match status {
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
        .map(|offer| Offer { status: for_group(offer.status, offer.vacancies), ..offer.clone() })
        .collect();
    Arc::new(Availability {
        status: for_group(availability.status, availability.vacancies),
        offers,
        ..Availability::clone(availability)
    })
}
