//! Paused sources, as this process knows them. Every process reads them again and again, so a pause reaches all within seconds.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::RwLock;

use crate::context::OrdersContext;
use crate::operator::{PauseMode, SourcePause};
use crate::order::Order;
use crate::periodic::every;
use crate::problem::{Problem, ProblemCode};
use domain::{SourceId, StoreError};

/// Time between two looks at the store.
const INTERVAL: Duration = Duration::from_secs(2);
/// Time for which the calls of a stopped source are held back by each look: longer than the time to the next one.
const HELD_BACK: Duration = Duration::from_secs(8);

/// Paused sources.
#[derive(Default)]
pub(crate) struct SourcePauses(RwLock<HashMap<SourceId, SourcePause>>);

impl SourcePauses {
    /// Returns the pause of a source, if it is paused at that time.
    pub(crate) fn find(&self, source: &SourceId, now: Timestamp) -> Option<SourcePause> {
        self.0.read().get(source).filter(|pause| pause.is_active(now)).cloned()
    }

    /// Reads all pauses, and holds back the calls of the sources that are stopped.
    /// While the store fails, the pauses that were read last go on.
    pub(crate) async fn load(&self, context: &OrdersContext) -> Result<(), StoreError> {
        let pauses = context.store.list_pauses().await;
        let result = pauses.map(|pauses| {
            *self.0.write() = pauses.into_iter().map(|pause| (pause.source.clone(), pause)).collect();
        });
        let now = context.clock.now();
        for pause in
            self.0.read().values().filter(|pause| pause.mode == PauseMode::StopAllCalls && pause.is_active(now))
        {
            let capacity = context.sources.get(&pause.source).and_then(|source| source.capacity.as_ref());
            if let Some(capacity) = capacity {
                capacity.hold_back(HELD_BACK);
            }
        }
        result
    }
}

/// Returns a problem for each leg of a new order whose source is paused.
pub(crate) fn refuse_new_order(context: &OrdersContext, order: &Order) -> Vec<Problem> {
    let now = context.clock.now();
    let paused = order.legs.iter().filter_map(|leg| context.pauses.find(&leg.source, now));
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
