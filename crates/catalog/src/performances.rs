//! Performances of events: pages of a window, and by key.

use std::sync::Arc;

use jiff::{Timestamp, ToSpan as _};

use crate::Federation;
use crate::cursor::PerformanceCursor;
use crate::error::RequestError;
use crate::filter::start_of_day;
use crate::paging::{LONGEST_RANGE_DAYS, PageSize};
use crate::sourced::{Sourced, SourcedEvent, SourcedPerformance};
use domain::catalog::{Performance, Window};
use domain::error::{Operation, VendorError};
use domain::ids::PerformanceKey;
use domain::source::Source;
use domain::time::{Freshness, Observed};

/// How long "now" is the same instant, in seconds.
const STEP: i64 = 300;

/// A page of the performances of an event that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PerformanceQuery {
    from: Timestamp,
    /// Until when "now" is this `from`.
    until: Option<Timestamp>,
    to: Option<Timestamp>,
    first: PageSize,
    after: Option<PerformanceCursor>,
}

impl PerformanceQuery {
    /// Checks the arguments of a list of performances. Without `from` it begins now, or up to five minutes ago: whole steps
    /// let requests of the same time share one cached answer.
    pub fn new(
        (from, to): (Option<Timestamp>, Option<Timestamp>),
        first: Option<i32>,
        after: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, RequestError> {
        let (from, until) = match from {
            Some(from) => (from, None),
            None => {
                let from = Timestamp::from_second(now.as_second().div_euclid(STEP) * STEP).unwrap_or(now);
                (from, Some(from.checked_add(STEP.seconds()).unwrap_or(now)))
            }
        };
        if to.is_some_and(|to| to <= from) {
            return Err(RequestError::new("to", "after `from`"));
        }
        let longest = (i64::from(LONGEST_RANGE_DAYS) * 24).hours();
        if to.is_some_and(|to| from.checked_add(longest).is_ok_and(|last| to > last)) {
            return Err(RequestError::new("to", format!("at most {LONGEST_RANGE_DAYS} days after `from`")));
        }
        let after = after.map(PerformanceCursor::decode).transpose()?;
        Ok(Self { from, until, to, first: PageSize::new(first)?, after })
    }

    /// Until when the same arguments mean the same window; none: for ever.
    pub fn means_until(&self) -> Option<Timestamp> {
        self.until
    }

    /// What a source is asked for: from the cursor on, so many rows.
    fn window(&self, limit: usize) -> Window {
        let resumed = self.after.as_ref().and_then(|after| Timestamp::from_millisecond(after.at).ok());
        Window { from: resumed.map_or(self.from, |at| at.max(self.from)), to: self.to, limit }
    }
}

/// A page of the performances of an event.
#[derive(Debug, Clone)]
pub struct PerformancePage {
    /// The performances, by begin (none first), then key.
    pub performances: Vec<Arc<Performance>>,
    /// How old they are.
    pub freshness: Freshness,
    /// Whether more follow.
    pub has_next: bool,
    /// Whether some came before.
    pub has_previous: bool,
}

/// Where a performance stands among those of its event.
pub(super) fn position(performance: &Performance, source: &Source) -> i64 {
    match (performance.starts_at, performance.date) {
        (Some(at), _) => at.as_millisecond(),
        (None, Some(day)) => start_of_day(day, &source.time_zone),
        (None, None) => i64::MIN,
    }
}

impl Sourced<Observed<Arc<Performance>>> {
    /// Where the performance stands among those of its event.
    pub fn cursor(&self) -> PerformanceCursor {
        let performance = &self.value.value;
        PerformanceCursor { at: position(performance, &self.source), key: performance.key.clone() }
    }
}

impl Federation {
    /// A page of the performances of each event, in the order of the events. What came along with an event is taken
    /// without a call.
    pub async fn list_performances(
        &self,
        events: &[SourcedEvent],
        query: &PerformanceQuery,
    ) -> Vec<Result<PerformancePage, VendorError>> {
        let mut pages: Vec<Option<Result<PerformancePage, VendorError>>> =
            events.iter().map(|event| listed(event, query).map(Ok)).collect();
        // One row more tells whether a page follows; with a cursor one more, since its own row is told again.
        let mut limit = query.first.rows() + 1 + usize::from(query.after.is_some());
        loop {
            let open: Vec<usize> = (0..events.len()).filter(|index| pages[*index].is_none()).collect();
            if open.is_empty() {
                return pages.into_iter().flatten().collect();
            }
            let keys: Vec<_> = open.iter().map(|index| events[*index].to_key()).collect();
            let window = query.window(limit);
            let answers = self
                .bulk(Operation::ListPerformances, &keys, |source, keys| {
                    Box::pin(async move { source.catalog.list_performances(keys, &window).await })
                })
                .await;
            for (index, answer) in open.into_iter().zip(answers) {
                pages[index] = answer.map(|rows| page(&events[index].source, rows, query, Some(limit))).transpose();
            }
            // Only rows that begin at the very instant of the cursor can have filled the answer: ask for more of them.
            limit *= 2;
        }
    }

    /// Performances by key, in the order asked for.
    pub async fn load_performances(
        &self,
        keys: &[Sourced<PerformanceKey>],
    ) -> Vec<Result<SourcedPerformance, VendorError>> {
        let answers =
            self.bulk(Operation::LoadPerformances, keys, |source, keys| source.catalog.load_performances(keys)).await;
        keys.iter()
            .zip(answers)
            .map(|(key, answer)| answer.map(|found| Sourced::new(Arc::clone(&key.source), found)))
            .collect()
    }
}

/// The page out of the performances that came along with the event.
fn listed(event: &SourcedEvent, query: &PerformanceQuery) -> Option<PerformancePage> {
    let all = event.value.value.listed_performances.as_ref()?;
    let inside = |performance: &&Arc<Performance>| {
        let day = performance.date.filter(|_| performance.starts_at.is_none());
        let begin = position(performance, &event.source);
        // A visit of a whole day is still to be had while the day lasts; one without any day always.
        let end = day.map_or(begin, |day| {
            day.tomorrow().map_or(i64::MAX, |next| start_of_day(next, &event.source.time_zone) - 1)
        });
        begin == i64::MIN
            || (end >= query.from.as_millisecond() && query.to.is_none_or(|to| begin < to.as_millisecond()))
    };
    let rows =
        Observed { value: Arc::new(all.iter().filter(inside).cloned().collect()), freshness: event.value.freshness };
    page(&event.source, rows, query, None)
}

/// Sorts rows and cuts the page behind the cursor; none when the source was asked for `limit` rows, gave them all, and
/// they do not reach far enough.
fn page(
    source: &Source,
    rows: Observed<Arc<Vec<Arc<Performance>>>>,
    query: &PerformanceQuery,
    limit: Option<usize>,
) -> Option<PerformancePage> {
    let mut placed: Vec<(i64, &Arc<Performance>)> =
        rows.value.iter().map(|performance| (position(performance, source), performance)).collect();
    placed.sort_by(|one, other| (one.0, &one.1.key).cmp(&(other.0, &other.1.key)));
    let passed = query.after.as_ref().map_or(0, |after| {
        placed.partition_point(|(at, performance)| (*at, &performance.key) <= (after.at, &after.key))
    });
    let rest = &placed[passed..];
    let wanted = query.first.rows();
    if rest.len() <= wanted && limit.is_some_and(|limit| rows.value.len() >= limit) {
        return None;
    }
    Some(PerformancePage {
        performances: rest.iter().take(wanted).map(|(_, performance)| Arc::clone(performance)).collect(),
        freshness: rows.freshness,
        has_next: rest.len() > wanted,
        has_previous: query.after.is_some(),
    })
}
