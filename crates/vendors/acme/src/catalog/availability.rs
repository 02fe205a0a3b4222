//! What is free: the counts of a day in one call, offers from what came along or, where that is too old, asked again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::civil::Date;

use crate::catalog::Programme;
use crate::client::DayQuery;
use crate::map::availability;
use crate::map::keys::InstanceRef;
use crate::wire::catalog::Summary;
use domain::{
    Availability, AvailabilityStatus, Batch, ErrorKind, Observed, Operation, Performance, PerformanceKey, VendorError,
};

/// An instance to be counted, and what is known of its performance.
type Wanted<'a> = (InstanceRef, &'a Observed<Arc<Performance>>);

impl Programme {
    /// Counts what is left of performances, a call a day.
    pub(super) async fn count(
        &self,
        performances: &[Observed<Arc<Performance>>],
        max_age: Duration,
    ) -> Batch<PerformanceKey, Observed<Arc<Availability>>> {
        let op = Operation::LoadAvailability;
        let now = self.clock.now();
        let mut answers = Batch::new();
        let mut by_day: BTreeMap<Date, Vec<Wanted<'_>>> = BTreeMap::new();
        for known in performances {
            let is_young = !max_age.is_zero() && known.freshness.is_within(max_age, now);
            let listed = known.value.listed_availability.as_ref().filter(|_| is_young);
            // An upper bound of nothing, or a closed sale, is the whole truth; anything more may be held by somebody.
            let is_final = |listed: &&Arc<Availability>| {
                matches!(listed.status, AvailabilityStatus::Closed | AvailabilityStatus::SoldOut)
            };
            if let Some(listed) = listed.filter(is_final) {
                let value = Arc::clone(listed);
                answers.insert(known.value.key.clone(), Ok(Observed { value, freshness: known.freshness }));
            } else if let Some(named) = InstanceRef::read(&known.value.key) {
                by_day.entry(named.day).or_default().push((named, known));
            } else {
                answers.insert(known.value.key.clone(), Err(self.error(op, ErrorKind::NotFound)));
            }
        }
        let asked = by_day.into_iter().map(|(day, wanted)| self.count_day(day, wanted, max_age));
        answers.extend(join_all(asked).await.into_iter().flatten());
        answers
    }

    async fn count_day(
        &self,
        day: Date,
        wanted: Vec<(InstanceRef, &Observed<Arc<Performance>>)>,
        max_age: Duration,
    ) -> Batch<PerformanceKey, Observed<Arc<Availability>>> {
        let (counts, listed) = tokio::join!(self.summaries(day, &wanted), self.relist(&wanted, max_age));
        let counts = match counts {
            Ok(counts) => counts,
            Err(error) => return wanted.iter().map(|(named, _)| (named.key(), Err(error.clone()))).collect(),
        };
        let now = self.clock.now();
        let answer = |named: &InstanceRef| {
            let performance = match listed.get(&named.key()) {
                Some(Ok(performance)) => performance,
                Some(Err(error)) => return Err(error.clone()),
                None => return Err(self.error(Operation::LoadAvailability, ErrorKind::NotFound)),
            };
            let bound = performance.listed_availability.as_ref();
            let bound = bound.ok_or_else(|| self.error(Operation::LoadAvailability, ErrorKind::NotFound))?;
            let value = match counts.as_ref().and_then(|counts| counts.get(&named.instance)) {
                Some(row) => Arc::new(availability::counted(bound, row)),
                None => Arc::clone(bound),
            };
            Ok(Observed::live(value, now))
        };
        wanted.iter().map(|(named, _)| (named.key(), answer(named))).collect()
    }

    /// The counts of a day; `None` where this tenant, or its vendor's version, does not offer them (`acme.md §4.1`: [L] only).
    async fn summaries(
        &self,
        day: Date,
        wanted: &[(InstanceRef, &Observed<Arc<Performance>>)],
    ) -> Result<Option<HashMap<String, Summary>>, VendorError> {
        let now = self.clock.now();
        let owners: HashSet<&str> = wanted.iter().map(|(_, known)| known.value.event.as_str()).collect();
        let is_public =
            |id: &&str| self.shelf.find(id, now).is_some_and(|seen| !crate::map::event::is_private(&seen.template));
        let query = DayQuery {
            day,
            template: if owners.len() == 1 { owners.iter().next().copied() } else { None },
            with_private: !owners.iter().all(is_public),
        };
        match self.client.list_summaries(Operation::LoadAvailability, query, &self.venue.zone).await {
            Ok(rows) => Ok(Some(rows.into_iter().map(|row| (row.id.to_string(), row)).collect())),
            Err(error) if matches!(error.kind, ErrorKind::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The performances with their offers: as they came along where that is young enough, else read again.
    async fn relist(
        &self,
        wanted: &[(InstanceRef, &Observed<Arc<Performance>>)],
        max_age: Duration,
    ) -> Batch<PerformanceKey, Arc<Performance>> {
        let now = self.clock.now();
        let is_young = |known: &Observed<Arc<Performance>>| {
            !max_age.is_zero() && known.freshness.is_within(max_age, now) && known.value.listed_availability.is_some()
        };
        let old: Vec<PerformanceKey> =
            wanted.iter().filter(|(_, known)| !is_young(known)).map(|(named, _)| named.key()).collect();
        let young = wanted.iter().filter(|(_, known)| is_young(known));
        let mut listed: Batch<PerformanceKey, Arc<Performance>> =
            young.map(|(named, known)| (named.key(), Ok(Arc::clone(&known.value)))).collect();
        if !old.is_empty() {
            let read = self.read_performances(Operation::LoadAvailability, &old).await;
            listed.extend(read.into_iter().map(|(key, outcome)| (key, outcome.map(|seen| seen.value))));
        }
        listed
    }
}
