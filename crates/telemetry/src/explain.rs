//! Execution statistics of one GraphQL operation, returned on request: calls, batches, retries, cache hits and their age.
//!
//! The statistics follow the task and every task spawned with [`propagate`]. If they were not requested, recording costs one
//! task-local lookup and stores nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;

/// Number of different reasons that an operation at a source shows.
const MAX_REASONS: usize = 5;

tokio::task_local! {
    static EXPLANATION: Arc<Mutex<Explanation>>;
}

/// Statistics by source and operation.
#[derive(Debug, Default)]
struct Explanation(BTreeMap<(String, &'static str), OperationStats>);

/// Statistics of one operation at one source.
#[derive(Debug, Default)]
pub struct OperationStats {
    /// Calls to the source, each for one batch.
    pub calls: u64,
    /// Total number of items in those batches.
    pub items: u64,
    /// Calls that ultimately failed.
    pub failures: u64,
    /// Attempts after the first one.
    pub retries: u64,
    /// Total duration of the calls, including waits and retries. The durations of concurrent calls add up.
    pub duration: Duration,
    /// HTTP requests sent.
    pub requests: u64,
    /// Items served from the in-process cache (L1) within their `max_age`.
    pub l1_hits: u64,
    /// Items served from the in-process cache (L1) after their `max_age`.
    pub stale_hits: u64,
    /// Items not found in the in-process cache (L1).
    pub l1_misses: u64,
    /// Items served from the shared cache (L2).
    pub l2_hits: u64,
    /// Items that joined a call already in flight.
    pub coalesced: u64,
    /// Age of the oldest item served from a cache.
    pub oldest_age: Option<Duration>,
    /// Reasons of failures, each once.
    reasons: Vec<Value>,
}

/// Updates the statistics of an operation at a source, if statistics were requested.
pub fn record(source: &str, operation: &'static str, update: impl FnOnce(&mut OperationStats)) {
    // Outside of `explain` there is nothing to record; that is the usual case and not an error.
    let _ = EXPLANATION.try_with(|explanation| {
        update(explanation.lock().0.entry((source.to_owned(), operation)).or_default());
    });
}

/// Runs `work` and returns its output together with its statistics.
pub async fn explain<F: Future>(work: F) -> (F::Output, Value) {
    let (explanation, started_at) = (Arc::<Mutex<Explanation>>::default(), Instant::now());
    let output = EXPLANATION.scope(Arc::clone(&explanation), work).await;
    let json = explanation.lock().to_json(started_at.elapsed());
    (output, json)
}

/// Wraps `work` so that it records to the statistics of the current task, whichever task polls it.
pub fn propagate<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let explanation = EXPLANATION.try_with(Arc::clone).ok();
    async move {
        match explanation {
            Some(explanation) => EXPLANATION.scope(explanation, work).await,
            None => work.await,
        }
    }
}

impl Explanation {
    fn to_json(&self, duration: Duration) -> Value {
        let sum = |part: fn(&OperationStats) -> u64| self.0.values().map(part).sum::<u64>();
        let rows: Vec<Value> =
            self.0.iter().map(|((source, operation), stats)| stats.to_json(source, operation)).collect();
        json!({
            "ms": millis(duration),
            "vendorCalls": sum(|stats| stats.calls),
            "vendorRequests": sum(|stats| stats.requests),
            "retries": sum(|stats| stats.retries),
            "coalesced": sum(|stats| stats.coalesced),
            "cacheHits": sum(|stats| stats.l1_hits + stats.stale_hits + stats.l2_hits),
            "cacheMisses": sum(|stats| stats.l1_misses),
            "sources": rows,
        })
    }
}

impl OperationStats {
    /// Adds the reason of a failure, unless it is listed or five others are.
    pub fn record_reason(&mut self, reason: &impl Serialize) {
        let reason = json!(reason);
        if self.reasons.len() < MAX_REASONS && !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }

    fn to_json(&self, source: &str, operation: &str) -> Value {
        json!({
            "source": source,
            "operation": operation,
            "calls": self.calls,
            "items": self.items,
            "failures": self.failures,
            "retries": self.retries,
            "requests": self.requests,
            "ms": millis(self.duration),
            "cache": {
                "memory": self.l1_hits, "stale": self.stale_hits, "shared": self.l2_hits, "missed": self.l1_misses,
                "oldestMs": self.oldest_age.map(millis),
            },
            "coalesced": self.coalesced,
            "reasons": self.reasons,
        })
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use tokio_util::task::TaskTracker;

    use super::*;

    #[tokio::test]
    async fn only_tasks_with_propagated_statistics_contribute_to_them() {
        let tasks = TaskTracker::new();
        record("harbor", "load_events", |stats| stats.calls += 7);
        let work = async {
            record("harbor", "load_events", |stats| stats.calls += 1);
            let propagated =
                tasks.spawn(propagate(async { record("harbor", "load_events", |stats| stats.items += 20) }));
            let unrelated = tasks.spawn(async { record("harbor", "load_events", |stats| stats.items += 300) });
            propagated.await.expect("the task ends");
            unrelated.await.expect("the task ends");
            record("opera", "hold", |stats| stats.oldest_age = Some(Duration::from_secs(2)));
        };
        let ((), explanation) = explain(work).await;
        assert_eq!(
            (&explanation["vendorCalls"], explanation["sources"].as_array().map(Vec::len)),
            (&json!(1), Some(2))
        );
        assert_eq!(explanation["sources"][0]["items"], 20);
        assert_eq!(explanation["sources"][1]["cache"]["oldestMs"], 2000);
    }

    #[tokio::test]
    async fn each_reason_is_listed_once_and_no_more_than_five() {
        let ((), explanation) = explain(async {
            for status in [500, 500, 501, 502, 503, 504, 505, 506] {
                record("harbor", "load_events", |stats| stats.record_reason(&json!({ "status": status })));
            }
        })
        .await;
        let reasons = explanation["sources"][0]["reasons"].as_array().expect("reasons");
        assert_eq!((reasons.len(), &reasons[1]), (MAX_REASONS, &json!({ "status": 501 })));
    }
}
