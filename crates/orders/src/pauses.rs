//! Paused sources, as this process knows them. Every process reads them again and again, so a pause reaches all within seconds.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::RwLock;
use tokio::sync::Mutex;

use crate::context::OrdersContext;
use crate::operator::{PauseMode, SourcePause};
use crate::periodic::every;
use crate::problem::{Problem, ProblemCode};
use domain::{SourceId, StoreError};

/// Time between two looks at the store.
const INTERVAL: Duration = Duration::from_secs(2);
/// Time for which each look stops the calls of a source: longer than the time to the next one.
const STOPPED_FOR: Duration = Duration::from_secs(8);

/// Longest time for which a step of a stopped source is put off: what is held must go on soon after the source is resumed.
const LOOK_AGAIN: Duration = Duration::from_secs(120);

/// Paused sources.
#[derive(Default)]
pub(crate) struct SourcePauses {
    known: RwLock<HashMap<SourceId, SourcePause>>,
    /// One reading at a time, so that an older one does not replace a newer one.
    reading: Mutex<()>,
}

impl SourcePauses {
    /// Returns the pause of a source, if it is paused at that time.
    pub(crate) fn find(&self, source: &SourceId, now: Timestamp) -> Option<SourcePause> {
        self.known.read().get(source).filter(|pause| pause.is_active(now)).cloned()
    }

    /// Returns the time after which a step of a source that is stopped is tried again. `None` if it is not stopped.
    pub(crate) fn stopped_for(&self, source: &SourceId, now: Timestamp) -> Option<Duration> {
        let pause = self.find(source, now).filter(|pause| pause.mode == PauseMode::StopAllCalls)?;
        let left = pause.until.and_then(|until| until.duration_since(now).try_into().ok());
        Some(left.map_or(LOOK_AGAIN, |left: Duration| left.min(LOOK_AGAIN)))
    }

    /// Reads all pauses, and stops the calls of the sources that are stopped.
    /// While the store fails, the pauses that were read last go on.
    pub(crate) async fn load(&self, context: &OrdersContext) -> Result<(), StoreError> {
        let _reading = self.reading.lock().await;
        let pauses = context.store.list_pauses().await;
        let result = pauses.map(|pauses| {
            *self.known.write() = pauses.into_iter().map(|pause| (pause.source.clone(), pause)).collect();
        });
        let now = context.clock.now();
        for pause in
            self.known.read().values().filter(|pause| pause.mode == PauseMode::StopAllCalls && pause.is_active(now))
        {
            let capacity = context.sources.get(&pause.source).and_then(|source| source.capacity.as_ref());
            if let Some(capacity) = capacity {
                capacity.stop_for(STOPPED_FOR);
            }
        }
        result
    }
}

/// Returns a problem for each source of a new order that is paused.
pub(crate) fn refuse_new_order<'o>(
    context: &OrdersContext,
    sources: impl Iterator<Item = &'o SourceId>,
) -> Vec<Problem> {
    let now = context.clock.now();
    let sources: BTreeSet<&SourceId> = sources.collect();
    let paused = sources.into_iter().filter_map(|source| context.pauses.find(source, now));
    let problem = |pause: SourcePause| Problem {
        retry_after: pause.until.and_then(|until| until.duration_since(now).try_into().ok()),
        ..Problem::new(ProblemCode::SourcePaused).for_source(&pause.source)
    };
    paused.map(problem).collect()
}

/// Reads the pauses again and again.
pub(crate) async fn load_periodically(context: Arc<OrdersContext>) {
    let load = || async {
        if let Err(error) = context.pauses.load(&context).await {
            tracing::error!(%error, "paused sources could not be read");
        }
    };
    every(INTERVAL, context.stop.clone(), load).await;
}
