//! Calls of one order that run side by side: which of them got their turn, and which have ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::decision::SagaStep;
use crate::order::Order;
use crate::outcome::StepOutcome;
use crate::source_calls::SourceCaller;
use domain::{ReadyCall, TurnScope};

/// Time for which the first write waits for calls that get their turn at once, so that they need no write of their own.
const WRITE_TOGETHER: Duration = Duration::from_millis(20);

/// Event of a call.
pub(crate) enum CallEvent {
    /// It got its turn, and is sent once its step is written.
    Ready(SagaStep, ReadyCall),
    /// It ended.
    Ended(EndedCall),
}

/// Call that ended.
pub(crate) struct EndedCall {
    pub step: SagaStep,
    pub outcome: StepOutcome,
    /// True if the step was written before the call was sent. Otherwise nothing was sent.
    pub is_written: bool,
    /// Time for which its requests waited since the step was written.
    pub queued: Duration,
}

/// Running calls, at most one for each leg.
pub(crate) struct StepCalls<F> {
    calls: FuturesUnordered<F>,
    running: BTreeMap<usize, RunningCall>,
    ready: mpsc::UnboundedReceiver<ReadyCall>,
}

struct RunningCall {
    step: SagaStep,
    scope: Arc<TurnScope>,
    /// Time in the queue until the step was written. `None` before.
    queued_at_write: Option<Duration>,
}

/// Starts the calls of the steps.
pub(crate) fn start<'o>(
    caller: &'o SourceCaller<'o>,
    order: &'o Order,
    steps: &[SagaStep],
) -> StepCalls<impl Future<Output = (SagaStep, StepOutcome)> + 'o> {
    let (sender, ready) = mpsc::unbounded_channel();
    let calls = FuturesUnordered::new();
    let mut running = BTreeMap::new();
    for &step in steps {
        let turn = caller.turn(order, step);
        let scope = match step.call.operation() {
            Some(_) => TurnScope::with_write_ahead(turn, step.leg, sender.clone()),
            None => TurnScope::new(turn),
        };
        running.insert(step.leg, RunningCall { step, scope: Arc::clone(&scope), queued_at_write: None });
        calls.push(async move { (step, caller.call(order, step, &scope).await) });
    }
    StepCalls { calls, running, ready }
}

impl<F: Future<Output = (SagaStep, StepOutcome)>> StepCalls<F> {
    /// Waits a moment for the calls that get their turn at once.
    pub(crate) async fn first(&mut self) -> Vec<CallEvent> {
        let changing = self.running.values().filter(|call| call.step.call.operation().is_some()).count();
        let mut events = Vec::new();
        let collect = async {
            while events.len() < changing {
                events.extend(self.next().await);
            }
        };
        // What is not ready by then is written when it is.
        let _ = timeout(WRITE_TOGETHER, collect).await;
        events
    }

    /// Returns the next event. `None` if all calls have ended.
    pub(crate) async fn next(&mut self) -> Option<CallEvent> {
        loop {
            tokio::select! {
                biased;
                Some(ready) = self.ready.recv() => match self.running.get(&ready.leg) {
                    Some(call) if call.queued_at_write.is_some() => ready.send(),
                    Some(call) => return Some(CallEvent::Ready(call.step, ready)),
                    // A shared request that outlived the call.
                    None => drop(ready),
                },
                ended = self.calls.next() => {
                    let (step, outcome) = ended?;
                    let call = self.running.remove(&step.leg);
                    let queued = call.and_then(|call| Some(call.scope.queued().saturating_sub(call.queued_at_write?)));
                    let (is_written, queued) = (queued.is_some(), queued.unwrap_or_default());
                    return Some(CallEvent::Ended(EndedCall { step, outcome, is_written, queued }));
                }
            }
        }
    }

    /// Records that the step of a leg is about to be written.
    pub(crate) fn mark_written(&mut self, leg: usize) {
        if let Some(call) = self.running.get_mut(&leg) {
            call.queued_at_write = Some(call.scope.queued());
        }
    }

    /// Returns true if all calls have ended.
    pub(crate) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Returns true if a request of a running call may have been sent.
    pub(crate) fn has_begun(&self) -> bool {
        self.running.values().any(|call| call.queued_at_write.is_some() || call.scope.has_begun())
    }
}
