//! Availability: one call reads the counts of a day. Offers come from the listed performances, or are read again if
//! those are too old.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::civil::Date;

use crate::catalog::AcmeCatalog;
use crate::client::DayQuery;
use crate::map::availability;
use crate::map::keys::InstanceRef;
use crate::wire::catalog::Summary;
use domain::{
    Availability, AvailabilityStatus, Batch, ErrorKind, Observed, Performance, PerformanceKey, VendorError,
    VendorOperation,
};

/// An instance to count, with the performance as the caller has it.
type CountRequest<'a> = (InstanceRef, &'a Observed<Arc<Performance>>);

impl AcmeCatalog {
    /// Loads the remaining counts of performances, with one call per day.
    pub(super) async fn load_counts(
        &self,
        performances: &[Observed<Arc<Performance>>],
        max_age: Duration,
    ) -> Batch<PerformanceKey, Observed<Arc<Availability>>> {
        let op = VendorOperation::LoadAvailability;
        let now = self.clock.now();
        let mut results = Batch::new();
        let mut by_day: BTreeMap<Date, Vec<CountRequest<'_>>> = BTreeMap::new();
        for observed in performances {
            let is_recent = !max_age.is_zero() && observed.freshness.is_within(max_age, now);
            let listed = observed.value.listed_availability.as_ref().filter(|_| is_recent);
            // A bound of zero or a closed sale is final; any other bound may hide holds of other buyers.
            let is_final = |listed: &&Arc<Availability>| {
                matches!(listed.status, AvailabilityStatus::Closed | AvailabilityStatus::SoldOut)
            };
            if let Some(listed) = listed.filter(is_final) {
                let value = Arc::clone(listed);
                results.insert(observed.value.key.clone(), Ok(Observed { value, freshness: observed.freshness }));
            } else if let Some(named) = InstanceRef::parse(&observed.value.key) {
                by_day.entry(named.day).or_default().push((named, observed));
            } else {
                results.insert(observed.value.key.clone(), Err(self.error(op, ErrorKind::NotFound)));
            }
        }
        let requests = by_day.into_iter().map(|(day, wanted)| self.load_counts_of_day(day, wanted, max_age));
        results.extend(join_all(requests).await.into_iter().flatten());
        results
    }

    async fn load_counts_of_day(
        &self,
        day: Date,
        wanted: Vec<(InstanceRef, &Observed<Arc<Performance>>)>,
        max_age: Duration,
    ) -> Batch<PerformanceKey, Observed<Arc<Availability>>> {
        let (counts, listed) =
            tokio::join!(self.summaries(day, &wanted), self.performances_with_offers(&wanted, max_age));
        let counts = match counts {
            Ok(counts) => counts,
            Err(error) => return wanted.iter().map(|(named, _)| (named.key(), Err(error.clone()))).collect(),
        };
        let now = self.clock.now();
        let result = |named: &InstanceRef| {
            let performance = match listed.get(&named.key()) {
                Some(Ok(performance)) => performance,
                Some(Err(error)) => return Err(error.clone()),
                None => return Err(self.error(VendorOperation::LoadAvailability, ErrorKind::NotFound)),
            };
            let bound = performance.listed_availability.as_ref();
            let bound = bound.ok_or_else(|| self.error(VendorOperation::LoadAvailability, ErrorKind::NotFound))?;
            let value = match counts.as_ref().and_then(|counts| counts.get(&named.id)) {
                Some(row) => Arc::new(availability::with_summary(bound, row, &self.defaults.facts)),
                None => Arc::clone(bound),
            };
            Ok(Observed::live(value, now))
        };
        wanted.iter().map(|(named, _)| (named.key(), result(named))).collect()
    }

    /// Loads the counts of a day; `None` if this tenant or its API version does not offer them (`acme.md §4.1`: [L]
    /// only).
    async fn summaries(
        &self,
        day: Date,
        wanted: &[(InstanceRef, &Observed<Arc<Performance>>)],
    ) -> Result<Option<HashMap<String, Summary>>, VendorError> {
        let now = self.clock.now();
        let owners: HashSet<&str> = wanted.iter().map(|(_, observed)| observed.value.event.as_str()).collect();
        let is_public = |id: &&str| {
            self.templates.get(id, now).is_some_and(|cached| !crate::map::event::is_private(&cached.template))
        };
        let query = DayQuery {
            day,
            template_id: if owners.len() == 1 { owners.iter().next().copied() } else { None },
            include_private: !owners.iter().all(is_public),
        };
        match self.client.list_summaries(VendorOperation::LoadAvailability, query, &self.defaults.time_zone).await {
            Ok(rows) => Ok(Some(rows.into_iter().map(|row| (row.id.to_string(), row)).collect())),
            Err(error) if matches!(error.kind, ErrorKind::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the performances with their offers: as listed if they are recent enough, otherwise read again.
    async fn performances_with_offers(
        &self,
        wanted: &[(InstanceRef, &Observed<Arc<Performance>>)],
        max_age: Duration,
    ) -> Batch<PerformanceKey, Arc<Performance>> {
        let now = self.clock.now();
        let is_recent = |observed: &Observed<Arc<Performance>>| {
            !max_age.is_zero()
                && observed.freshness.is_within(max_age, now)
                && observed.value.listed_availability.is_some()
        };
        let outdated: Vec<PerformanceKey> =
            wanted.iter().filter(|(_, observed)| !is_recent(observed)).map(|(named, _)| named.key()).collect();
        let recent = wanted.iter().filter(|(_, observed)| is_recent(observed));
        let mut listed: Batch<PerformanceKey, Arc<Performance>> =
            recent.map(|(named, observed)| (named.key(), Ok(Arc::clone(&observed.value)))).collect();
        if !outdated.is_empty() {
            let read = self.read_performances(VendorOperation::LoadAvailability, &outdated).await;
            listed.extend(read.into_iter().map(|(key, outcome)| (key, outcome.map(|cached| cached.value))));
        }
        listed
    }
}
