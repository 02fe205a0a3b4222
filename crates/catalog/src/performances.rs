//! Performances of events: pages of a time window, and by key.

use std::sync::Arc;

use domain::catalog::{Performance, PerformanceWindow};
use domain::error::{VendorError, VendorOperation};
use domain::ids::PerformanceKey;
use domain::source::Source;
use domain::time::{Freshness, Observed};
use jiff::{Timestamp, ToSpan as _};

use crate::UnifiedCatalog;
use crate::cursor::PerformanceCursor;
use crate::error::InvalidArgument;
use crate::filter::start_of_day;
use crate::paging::{MAX_RANGE_DAYS, PageSize};
use crate::sourced::{Sourced, SourcedEvent, SourcedPerformance};

/// Granularity in seconds of "now" as the start of a window.
const NOW_STEP_SECONDS: i64 = 300;

/// Query of a page of an event's performances.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PerformanceQuery {
    from: Timestamp,
    /// Time at which "now" moves to the next step, if `from` is "now".
    valid_until: Option<Timestamp>,
    to: Option<Timestamp>,
    first: PageSize,
    after: Option<PerformanceCursor>,
}

impl PerformanceQuery {
    /// Validates the arguments of a performance list. Without `from` the window starts at the last full five minutes,
    /// so that concurrent requests share a cached response.
    pub fn new(
        (from, to): (Option<Timestamp>, Option<Timestamp>),
        first: Option<i32>,
        after: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, InvalidArgument> {
        let (from, until) = match from {
            Some(from) => (from, None),
            None => {
                let from = Timestamp::from_second(now.as_second().div_euclid(NOW_STEP_SECONDS) * NOW_STEP_SECONDS)
                    .unwrap_or(now);
                (from, Some(from.checked_add(NOW_STEP_SECONDS.seconds()).unwrap_or(now)))
            }
        };
        if to.is_some_and(|to| to <= from) {
            return Err(InvalidArgument::new("to", "after `from`"));
        }
        let longest = (i64::from(MAX_RANGE_DAYS) * 24).hours();
        if to.is_some_and(|to| from.checked_add(longest).is_ok_and(|last| to > last)) {
            return Err(InvalidArgument::new("to", format!("at most {MAX_RANGE_DAYS} days after `from`")));
        }
        let after = after.map(PerformanceCursor::decode).transpose()?;
        Ok(Self { from, valid_until: until, to, first: PageSize::new(first)?, after })
    }

    /// Time until which the same arguments mean the same window. `None` if they always do.
    pub fn valid_until(&self) -> Option<Timestamp> {
        self.valid_until
    }

    /// The window to request from a source: up to `limit` rows, starting at the cursor.
    fn window(&self, limit: usize) -> PerformanceWindow {
        let resumed = self.after.as_ref().and_then(|after| Timestamp::from_millisecond(after.starts_at_ms).ok());
        PerformanceWindow { from: resumed.map_or(self.from, |at| at.max(self.from)), to: self.to, limit }
    }
}

/// A page of the performances of an event.
#[derive(Debug, Clone)]
pub struct PerformancePage {
    /// The performances, by start time (those without one first), then key.
    pub performances: Vec<Arc<Performance>>,
    /// The age of the data.
    pub freshness: Freshness,
    /// True if more rows follow.
    pub has_next: bool,
    /// True if rows precede the page.
    pub has_previous: bool,
}

/// The sort key of a performance among those of its event.
pub(super) fn sort_key(performance: &Performance, source: &Source) -> i64 {
    match (performance.starts_at, performance.date) {
        (Some(at), _) => at.as_millisecond(),
        (None, Some(day)) => start_of_day(day, &source.time_zone),
        (None, None) => i64::MIN,
    }
}

impl Sourced<Observed<Arc<Performance>>> {
    /// Returns the performance's position among those of its event.
    pub fn cursor(&self) -> PerformanceCursor {
        let performance = &self.value.value;
        PerformanceCursor { starts_at_ms: sort_key(performance, &self.source), key: performance.key.clone() }
    }
}

impl UnifiedCatalog {
    /// Lists a page of performances for each event, in the order of the events. Performances embedded in an event need
    /// no call.
    pub async fn list_performances(
        &self,
        events: &[SourcedEvent],
        query: &PerformanceQuery,
    ) -> Vec<Result<PerformancePage, VendorError>> {
        let mut pages: Vec<Option<Result<PerformancePage, VendorError>>> =
            events.iter().map(|event| embedded_page(event, query).map(Ok)).collect();
        // One extra row shows whether another page follows. With a cursor one more is needed, because its own row is
        // returned again.
        let mut limit = query.first.rows() + 1 + usize::from(query.after.is_some());
        loop {
            let pending: Vec<usize> = (0..events.len()).filter(|index| pages[*index].is_none()).collect();
            if pending.is_empty() {
                return pages.into_iter().flatten().collect();
            }
            let keys: Vec<_> = pending.iter().map(|index| events[*index].to_key()).collect();
            let window = query.window(limit);
            let results = self
                .bulk_load(VendorOperation::ListPerformances, &keys, |source, keys| {
                    Box::pin(async move { source.catalog.list_performances(keys, &window).await })
                })
                .await;
            for (index, result) in pending.into_iter().zip(results) {
                pages[index] = result.map(|rows| cut_page(&events[index].source, rows, query, Some(limit))).transpose();
            }
            // The response was filled by rows that start at the instant of the cursor: request more of them.
            limit *= 2;
        }
    }

    /// Loads performances by key, in the given order.
    pub async fn load_performances(
        &self,
        keys: &[Sourced<PerformanceKey>],
    ) -> Vec<Result<SourcedPerformance, VendorError>> {
        let results = self
            .bulk_load(VendorOperation::LoadPerformances, keys, |source, keys| source.catalog.load_performances(keys))
            .await;
        keys.iter()
            .zip(results)
            .map(|(key, result)| result.map(|performance| Sourced::new(Arc::clone(&key.source), performance)))
            .collect()
    }
}

/// Builds the page from the performances that are embedded in the event.
fn embedded_page(event: &SourcedEvent, query: &PerformanceQuery) -> Option<PerformancePage> {
    let all = event.value.value.listed_performances.as_ref()?;
    let inside = |performance: &&Arc<Performance>| {
        let day = performance.date.filter(|_| performance.starts_at.is_none());
        let begin = sort_key(performance, &event.source);
        // A dated visit is available until the end of its day, an open one always.
        let end = day.map_or(begin, |day| {
            day.tomorrow().map_or(i64::MAX, |next| start_of_day(next, &event.source.time_zone) - 1)
        });
        begin == i64::MIN
            || (end >= query.from.as_millisecond() && query.to.is_none_or(|to| begin < to.as_millisecond()))
    };
    let rows =
        Observed { value: Arc::new(all.iter().filter(inside).cloned().collect()), freshness: event.value.freshness };
    cut_page(&event.source, rows, query, None)
}

/// Sorts the rows and cuts the page after the cursor. Returns `None` if the source returned all `limit` rows and they
/// do not suffice.
fn cut_page(
    source: &Source,
    rows: Observed<Arc<Vec<Arc<Performance>>>>,
    query: &PerformanceQuery,
    limit: Option<usize>,
) -> Option<PerformancePage> {
    let mut sorted: Vec<(i64, &Arc<Performance>)> =
        rows.value.iter().map(|performance| (sort_key(performance, source), performance)).collect();
    sorted.sort_by(|one, other| (one.0, &one.1.key).cmp(&(other.0, &other.1.key)));
    let skipped = query.after.as_ref().map_or(0, |after| {
        sorted.partition_point(|(at, performance)| (*at, &performance.key) <= (after.starts_at_ms, &after.key))
    });
    let rest = &sorted[skipped..];
    let page_size = query.first.rows();
    if rest.len() <= page_size && limit.is_some_and(|limit| rows.value.len() >= limit) {
        return None;
    }
    Some(PerformancePage {
        performances: rest.iter().take(page_size).map(|(_, performance)| Arc::clone(performance)).collect(),
        freshness: rows.freshness,
        has_next: rest.len() > page_size,
        has_previous: query.after.is_some(),
    })
}
