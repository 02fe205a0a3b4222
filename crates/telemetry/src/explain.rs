//! What one operation did, for whoever asked it to explain itself: calls, batches, repeats, what was remembered and how old it was.
//!
//! It follows the task, and tasks that are started for it by [`carry`]. Where nobody asked, a note costs the look at one
//! thread-local, and nothing is kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

tokio::task_local! {
    static ASKED: Arc<Mutex<Explanation>>;
}

/// What was noted, by source and operation.
#[derive(Debug, Default)]
struct Explanation(BTreeMap<(String, &'static str), Noted>);

/// What was noted about one operation at one source.
#[derive(Debug, Default)]
pub struct Noted {
    /// Calls of the source, each about one batch.
    pub calls: u64,
    /// What those were about, all together.
    pub items: u64,
    /// Calls that failed in the end.
    pub failures: u64,
    /// Attempts beyond the first.
    pub retries: u64,
    /// How long the calls took, waits and repeats included; those side by side are added up.
    pub took: Duration,
    /// HTTP requests that went out.
    pub requests: u64,
    /// Told from the memory of this process.
    pub memory: u64,
    /// Told from it although it is not fresh.
    pub stale: u64,
    /// Not found there.
    pub missed: u64,
    /// Told from the store that replicas share.
    pub shared: u64,
    /// Waited for a call that was under way already.
    pub coalesced: u64,
    /// The age of the oldest fact that was told from memory.
    pub oldest: Option<Duration>,
}

/// Notes something about an operation at a source, where that was asked for.
pub fn note(source: &str, operation: &'static str, what: impl FnOnce(&mut Noted)) {
    // Nobody asked: that is the usual case, and no fault.
    let _ = ASKED.try_with(|asked| {
        let mut all = asked.lock().unwrap_or_else(PoisonError::into_inner);
        what(all.0.entry((source.to_owned(), operation)).or_default());
    });
}

/// Runs something, and explains what it did.
pub async fn explained<F: Future>(work: F) -> (F::Output, Value) {
    let (asked, begun) = (Arc::<Mutex<Explanation>>::default(), Instant::now());
    let done = ASKED.scope(Arc::clone(&asked), work).await;
    let told = asked.lock().unwrap_or_else(PoisonError::into_inner).to_json(begun.elapsed());
    (done, told)
}

/// The same work, noting for whoever asked here, in whichever task it runs.
pub fn carry<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let asked = ASKED.try_with(Arc::clone).ok();
    async move {
        match asked {
            Some(asked) => ASKED.scope(asked, work).await,
            None => work.await,
        }
    }
}

impl Explanation {
    fn to_json(&self, took: Duration) -> Value {
        let sum = |part: fn(&Noted) -> u64| self.0.values().map(part).sum::<u64>();
        let rows: Vec<Value> =
            self.0.iter().map(|((source, operation), noted)| noted.to_json(source, operation)).collect();
        json!({
            "ms": millis(took),
            "vendorCalls": sum(|noted| noted.calls),
            "vendorRequests": sum(|noted| noted.requests),
            "retries": sum(|noted| noted.retries),
            "coalesced": sum(|noted| noted.coalesced),
            "cacheHits": sum(|noted| noted.memory + noted.stale + noted.shared),
            "cacheMisses": sum(|noted| noted.missed),
            "sources": rows,
        })
    }
}

impl Noted {
    fn to_json(&self, source: &str, operation: &str) -> Value {
        json!({
            "source": source,
            "operation": operation,
            "calls": self.calls,
            "items": self.items,
            "failures": self.failures,
            "retries": self.retries,
            "requests": self.requests,
            "ms": millis(self.took),
            "cache": {
                "memory": self.memory, "stale": self.stale, "shared": self.shared, "missed": self.missed,
                "oldestMs": self.oldest.map(millis),
            },
            "coalesced": self.coalesced,
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
    async fn notes_of_tasks_that_carry_them_come_together_and_nobody_elses() {
        let tasks = TaskTracker::new();
        note("harbor", "load_events", |noted| noted.calls += 7);
        let work = async {
            note("harbor", "load_events", |noted| noted.calls += 1);
            let carried = tasks.spawn(carry(async { note("harbor", "load_events", |noted| noted.items += 20) }));
            let stranger = tasks.spawn(async { note("harbor", "load_events", |noted| noted.items += 300) });
            carried.await.expect("it ends");
            stranger.await.expect("it ends");
            note("opera", "hold", |noted| noted.oldest = Some(Duration::from_secs(2)));
        };
        let ((), told) = explained(work).await;
        assert_eq!((&told["vendorCalls"], told["sources"].as_array().map(Vec::len)), (&json!(1), Some(2)));
        assert_eq!(told["sources"][0]["items"], 20);
        assert_eq!(told["sources"][1]["cache"]["oldestMs"], 2000);
    }
}
