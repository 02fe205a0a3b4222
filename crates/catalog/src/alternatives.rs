//! Other performances of the same event that still have enough places.

use std::time::Duration;

use crate::availability::for_quantity;
use crate::performances::PerformanceQuery;
use crate::sourced::{Sourced, SourcedPerformance};
use crate::{Federation, USUAL_PAGE};
use domain::catalog::AvailabilityStatus;
use domain::error::VendorError;
use domain::ids::PerformanceKey;

/// How many are told.
const MOST: usize = 3;
/// How old it may be what they are known by.
const AGE: Duration = Duration::from_secs(60);

impl Federation {
    /// The next performances of the same event with so many places, at most three; none where its source does not know the
    /// performance, or cannot be asked what is free.
    pub async fn find_alternatives(
        &self,
        to: &Sourced<PerformanceKey>,
        quantity: u32,
    ) -> Result<Vec<SourcedPerformance>, VendorError> {
        let taken = self.load_performances(std::slice::from_ref(to)).await.remove(0)?;
        let event = Sourced::new(taken.source.clone(), taken.value.value.event.clone());
        let event = self.load_events(&[event]).await.remove(0)?;
        let first = i32::try_from(USUAL_PAGE).ok();
        let Ok(query) = PerformanceQuery::new((None, None), first, None, self.clock.now()) else {
            return Ok(Vec::new());
        };
        let page = self.list_performances(std::slice::from_ref(&event), &query).await.remove(0)?;
        let freshness = page.freshness;
        let others = page.performances.into_iter().filter(|other| other.key != to.value);
        let others: Vec<SourcedPerformance> = others
            .map(|value| Sourced::new(event.source.clone(), domain::time::Observed { value, freshness }))
            .collect();
        let free = self.load_availability(&others, AGE).await;
        let has_enough = |status| {
            use AvailabilityStatus::{Available, Freesale, Limited};
            matches!(status, Available | Limited | Freesale)
        };
        let fitting = others.into_iter().zip(free).filter(|(_, told)| {
            let seen = for_quantity(&told.availability.value, quantity);
            has_enough(seen.status) && seen.offers.iter().any(|offer| has_enough(offer.status))
        });
        Ok(fitting.map(|(other, _)| other).take(MOST).collect())
    }
}
