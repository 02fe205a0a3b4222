//! Alternatives for a sold-out performance: other performances of the same event with enough places.

use std::time::Duration;

use domain::catalog::AvailabilityStatus;
use domain::error::VendorError;
use domain::ids::PerformanceKey;

use crate::availability::for_quantity;
use crate::performances::PerformanceQuery;
use crate::sourced::{Sourced, SourcedPerformance};
use crate::{DEFAULT_PAGE_SIZE, UnifiedCatalog};

/// Largest number of alternatives.
const MAX_ALTERNATIVES: usize = 3;
/// Largest accepted age of their availability.
const MAX_AVAILABILITY_AGE: Duration = Duration::from_secs(60);

impl UnifiedCatalog {
    /// Finds the next performances of the same event with `quantity` places, at most three. Empty if their availability
    /// is unknown.
    pub async fn find_alternatives(
        &self,
        to: &Sourced<PerformanceKey>,
        quantity: u32,
    ) -> Result<Vec<SourcedPerformance>, VendorError> {
        let original = self.load_performances(std::slice::from_ref(to)).await.remove(0)?;
        let event = Sourced::new(original.source.clone(), original.value.value.event.clone());
        let event = self.load_events(&[event]).await.remove(0)?;
        let first = i32::try_from(DEFAULT_PAGE_SIZE).ok();
        let Ok(query) = PerformanceQuery::new((None, None), first, None, self.clock.now()) else {
            return Ok(Vec::new());
        };
        let page = self.list_performances(std::slice::from_ref(&event), &query).await.remove(0)?;
        let freshness = page.freshness;
        let others = page.performances.into_iter().filter(|other| other.key != to.value);
        let others: Vec<SourcedPerformance> = others
            .map(|value| Sourced::new(event.source.clone(), domain::time::Observed { value, freshness }))
            .collect();
        let outcomes = self.load_availability(&others, MAX_AVAILABILITY_AGE).await;
        let has_enough = |status| {
            use AvailabilityStatus::{Available, Freesale, Limited};
            matches!(status, Available | Limited | Freesale)
        };
        let matching = others.into_iter().zip(outcomes).filter(|(_, outcome)| {
            let for_group = for_quantity(&outcome.availability.value, quantity);
            has_enough(for_group.status) && for_group.offers.iter().any(|offer| has_enough(offer.status))
        });
        Ok(matching.map(|(other, _)| other).take(MAX_ALTERNATIVES).collect())
    }
}
