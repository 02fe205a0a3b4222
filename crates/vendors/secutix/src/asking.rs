//! Asking what is free: only what is not known well enough, what changed, in batches (`secutix.md §5.3`).

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use jiff::{SignedDuration, Timestamp};

use crate::client::Client;
use crate::inferred;
use crate::map::availability::counts;
use crate::map::keys::Occasion;
use crate::map::snapshot::{Show, Snapshot};
use crate::map::time;
use crate::memo::{Asked, Claim, Known, Memo};
use crate::wire::availability::{EventAvailabilityQuery, Free, ProductAvailabilityQuery, UpdatedAvailabilitiesQuery};
use domain::{Clock, ErrorKind, FreshnessMode, Operation, PerformanceKey, VendorError};

/// Batches under way at once (`secutix.md §2.8`).
const AT_ONCE: usize = 2;
/// How far our clock and the vendor's may be apart, when asking what changed since an answer.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(60);

/// Asks what is free, and remembers it.
#[derive(Default)]
pub(crate) struct Asking {
    memo: Memo,
    contingents: Vec<i64>,
}

/// What one batch asks about.
enum Question<'a> {
    Dates(Vec<&'a Arc<Show>>),
    Passes(Vec<&'a Arc<Show>>),
}

impl Asking {
    /// Asks for the given contingents only; none: for all of the channel.
    pub fn new(contingents: Vec<i64>) -> Self {
        Self { memo: Memo::default(), contingents }
    }

    /// The counts of shows, no older than `max_age` or a minute, whichever is longer; how each came to be known beside it.
    pub async fn known(
        &self,
        client: &Client,
        clock: &dyn Clock,
        snapshot: &Snapshot,
        shows: &[Arc<Show>],
        max_age: Duration,
    ) -> HashMap<PerformanceKey, Result<(Known, FreshnessMode), VendorError>> {
        let now = clock.now();
        let keys: Vec<_> = shows.iter().map(|show| show.performance.key.clone()).collect();
        let claim = self.memo.claim(&keys, max_age, now);
        let mut answers: HashMap<PerformanceKey, Result<(Known, FreshnessMode), VendorError>> =
            claim.fresh.iter().map(|(key, known)| (key.clone(), Ok((known.clone(), FreshnessMode::Cached)))).collect();
        let mut seen = HashSet::new();
        let mine: Vec<&Arc<Show>> = shows
            .iter()
            .filter(|show| claim.mine.contains_key(&show.performance.key) && seen.insert(&show.performance.key))
            .collect();
        let changed = self.changed(client, snapshot, &claim, &mine, now).await;
        let (open, confirmed): (Vec<_>, Vec<_>) = mine.into_iter().partition(|show| {
            let earlier = claim.mine.get(&show.performance.key).is_some_and(Option::is_some);
            !earlier || changed.as_ref().is_none_or(|changed| changed.contains(&show.product))
        });
        for show in confirmed {
            let key = &show.performance.key;
            if let Some(Some(earlier)) = claim.mine.get(key) {
                let known = Known { observed_at: now, ..earlier.clone() };
                claim.learn(key, known.clone());
                answers.insert(key.clone(), Ok((known, FreshnessMode::Live)));
            }
        }
        for (key, asked) in self.ask(client, clock, snapshot, open).await {
            if let Ok(known) = &asked {
                claim.learn(&key, known.clone());
            }
            answers.insert(key, asked.map(|known| (known, FreshnessMode::Live)));
        }
        if !claim.theirs.is_empty() {
            let theirs = claim.theirs.clone();
            let mut shared = claim.others(now).await;
            let failed = || client.error(Operation::LoadAvailability, ErrorKind::Unavailable);
            answers.extend(theirs.into_iter().map(|key| {
                let known = shared.remove(&key).ok_or_else(failed);
                (key, known.map(|known| (known, FreshnessMode::Live)))
            }));
        }
        answers
    }

    /// The products that changed since the older answers at hand; `None` where there are none, or the vendor does not say.
    async fn changed(
        &self,
        client: &Client,
        snapshot: &Snapshot,
        claim: &Claim<'_>,
        mine: &[&Arc<Show>],
        now: Timestamp,
    ) -> Option<HashSet<i64>> {
        let earlier = |show: &&&Arc<Show>| claim.mine.get(&show.performance.key).is_some_and(Option::is_some);
        let product_ids: BTreeSet<i64> = mine.iter().filter(earlier).map(|show| show.product).collect();
        let oldest = claim.mine.values().flatten().map(|known| known.observed_at).min()?;
        let since = oldest.min(now).checked_sub(CLOCK_SKEW).ok()?;
        let query = UpdatedAvailabilitiesQuery {
            point_of_sales_id: snapshot.till.point_of_sale,
            product_ids: product_ids.into_iter().collect(),
            reference_date: time::written(since),
        };
        // A vendor that does not answer this is asked in full: the shortcut must never cost an answer.
        client.updated_availabilities(&query).await.ok().map(HashSet::from_iter)
    }

    async fn ask(
        &self,
        client: &Client,
        clock: &dyn Clock,
        snapshot: &Snapshot,
        shows: Vec<&Arc<Show>>,
    ) -> Vec<(PerformanceKey, Asked)> {
        let (dates, passes): (Vec<_>, Vec<_>) =
            shows.into_iter().partition(|show| matches!(show.occasion, Occasion::Date(_)));
        let dates = dates.chunks(inferred::MOST_PERFORMANCES).map(|chunk| Question::Dates(chunk.to_vec()));
        let passes = passes.chunks(inferred::MOST_PERFORMANCES).map(|chunk| Question::Passes(chunk.to_vec()));
        let questions: Vec<_> =
            dates.chain(passes).map(|question| self.put(client, clock, snapshot, question)).collect();
        futures_util::stream::iter(questions).buffer_unordered(AT_ONCE).concat().await
    }

    async fn put(
        &self,
        client: &Client,
        clock: &dyn Clock,
        snapshot: &Snapshot,
        question: Question<'_>,
    ) -> Vec<(PerformanceKey, Asked)> {
        let (shows, rows) = match question {
            Question::Dates(shows) => {
                let rows = client.event_availability(&self.dates(snapshot, &shows)).await;
                (shows, rows)
            }
            Question::Passes(shows) => {
                let rows = client.product_availability(&self.passes(snapshot, &shows)).await;
                (shows, rows)
            }
        };
        let observed_at = clock.now();
        let answer = |rows: &Vec<Free>, show: &Show| Known { counts: counts(rows, show.occasion), observed_at };
        shows
            .into_iter()
            .map(|show| {
                (show.performance.key.clone(), rows.as_ref().map(|rows| answer(rows, show)).map_err(Clone::clone))
            })
            .collect()
    }

    fn dates(&self, snapshot: &Snapshot, shows: &[&Arc<Show>]) -> EventAvailabilityQuery {
        let date = |show: &&Arc<Show>| match show.occasion {
            Occasion::Date(id) => Some(id),
            _ => None,
        };
        EventAvailabilityQuery {
            point_of_sales_id: snapshot.till.point_of_sale,
            event_ids: products(shows),
            performance_ids: shows.iter().filter_map(date).collect(),
            seat_category_ids: vec![inferred::EACH_CATEGORY],
            contingent_ids: self.contingents.clone(),
        }
    }

    fn passes(&self, snapshot: &Snapshot, shows: &[&Arc<Show>]) -> ProductAvailabilityQuery {
        ProductAvailabilityQuery {
            point_of_sales_id: snapshot.till.point_of_sale,
            product_ids: products(shows),
            contingent_ids: self.contingents.clone(),
        }
    }
}

fn products(shows: &[&Arc<Show>]) -> Vec<i64> {
    shows.iter().map(|show| show.product).collect::<BTreeSet<_>>().into_iter().collect()
}
