//! Saga executor: writes the intent of the next steps, makes their calls, writes the outcomes, and repeats until the
//! order is idle.
//!
//! Each order runs in its own task. The lease outlasts the longest call and carries a fencing token, so a superseded
//! runner cannot write; its successor looks up whatever was in flight.

use std::pin::pin;
use std::sync::Arc;

use tracing::Instrument;

use crate::bus::ChangeBus;
use crate::capacity;
use crate::change_feed::OrderChange;
use crate::context::OrdersContext;
use crate::decision::SagaStep;
use crate::idempotency::IdempotencyRecord;
use crate::lease::{Lease, LeaseAfterWrite, Precondition};
use crate::missing_tickets::TICKETS_NOT_FOUND;
use crate::observe::{self, RunningOrderGauge};
use crate::order::Order;
use crate::outcome::StepOutcome;
use crate::replacement;
use crate::source_calls::{SourceCaller, Urgency};
use crate::status::LegStatus;
use crate::step_calls::{self, CallEvent, EndedCall, StepCalls};
use crate::store::{OrderLookup, OrderWrite, Transition};
use crate::store_retry::{self, BY_REQUEST, BY_RUNNER};
use crate::unit_of_work::{UnitOfWork, timers};
use domain::time::later;
use domain::{ReadyCall, StoreError};

/// Resumes an order whose lease has ended.
pub(crate) async fn resume(context: Arc<OrdersContext>, lease: Lease) {
    let lookup = OrderLookup::Key(lease.order);
    let order = match store_retry::repeat(|| context.store.find(&lookup), &BY_RUNNER).await {
        Ok(Some(order)) => order,
        Ok(None) => return,
        Err(error) => return tracing::error!(order = %lease.order, %error, "order could not be loaded"),
    };
    let span = observe::span(&order, true);
    let changed = if order.is_being_replaced() { Some(order.key) } else { order.replaces };
    let mut runner = SagaRunner::new(&context, order, lease);
    runner.work.resume();
    runner.run().instrument(span.clone()).await;
    // Without the lease of either order: see `replacement`.
    if let Some(changed) = changed {
        replacement::advance(&context, changed, None).instrument(span).await;
    }
}

/// Runs an order that was just written under this lease, in a span that follows the current one.
pub(crate) fn run(context: Arc<OrdersContext>, order: Order, lease: Lease) -> impl Future<Output = ()> {
    let span = observe::span(&order, false);
    async move { SagaRunner::new(&context, order, lease).run().await }.instrument(span)
}

/// Continuation of a runner after a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AfterWrite {
    /// The runner continues.
    Continue,
    /// Nothing is left to do now.
    Idle,
    /// The process stops. Another runner resumes the order at once by its timer.
    HandOver,
}

struct SagaRunner<'a> {
    context: &'a OrdersContext,
    work: UnitOfWork,
    lease: Lease,
}

impl<'a> SagaRunner<'a> {
    fn new(context: &'a OrdersContext, order: Order, lease: Lease) -> Self {
        Self { context, work: UnitOfWork::new(order, &context.settings, context.clock.now()), lease }
    }

    async fn run(&mut self) {
        let _running = RunningOrderGauge::start();
        if let Err(error) = self.run_until_idle().await {
            let order = &self.work.before;
            match error {
                // Another runner owns the order now.
                StoreError::Outdated => tracing::warn!(order = %order.number, "order was taken over by another runner"),
                error => tracing::error!(order = %order.number, %error, "order is left to recovery"),
            }
        }
    }

    async fn run_until_idle(&mut self) -> Result<(), StoreError> {
        loop {
            self.work.now = self.context.clock.now();
            let steps = self.work.next_steps();
            if steps.is_empty() {
                self.write_state(AfterWrite::Idle).await?;
                let order = &self.work.order;
                if order.status().is_terminal() || !order.is_placed && !order.status().is_in_progress() {
                    // A hold that waits for its client keeps no room from others: its confirmation comes before new holds.
                    capacity::release(self.context, &self.work.order).await;
                }
                return Ok(());
            }
            if self.context.stop.is_cancelled() {
                return self.write_state(AfterWrite::HandOver).await;
            }
            self.execute_steps(&steps).await?;
        }
    }

    /// Makes calls concurrently. The step of each is written once it got its turn, and before it is sent; each outcome is applied
    /// as it arrives. The last one is written together with its consequences. Calls go on while something is written: a slow store
    /// must not keep their turns at the sources.
    async fn execute_steps(&mut self, steps: &[SagaStep]) -> Result<(), StoreError> {
        let context = self.context;
        let urgency = Urgency::Steps(context.clock.now());
        let caller =
            SourceCaller { sources: &context.sources, settings: &context.settings, urgency, pauses: &context.pauses };
        let order = self.work.order.clone();
        let mut calls = step_calls::start(&caller, &order, steps);
        let mut events = calls.first().await;
        let mut is_first = true;
        loop {
            self.work.now = context.clock.now();
            let mut sends = self.record_events(&mut calls, std::mem::take(&mut events));
            if calls.is_empty() {
                return Ok(());
            }
            if self.work.is_changed() || is_first {
                is_first = false;
                let mut write = pin!(self.write_or_renew());
                loop {
                    tokio::select! {
                        written = &mut write => break written?,
                        Some(event) = calls.next() => events.push(event),
                    }
                }
            }
            // A process that was frozen while it wrote may own the order no more. Its successor has looked up what was recorded as
            // sent, so nothing may be sent now: the calls are put off, and the next write shows whose order it is.
            if later(self.work.now, context.settings.max_queue_wait()) < context.clock.now() {
                sends.clear();
            }
            sends.into_iter().for_each(ReadyCall::send);
            if events.is_empty() {
                tokio::select! {
                    event = calls.next() => events.extend(event),
                    () = context.stop.cancelled(), if !calls.has_begun() => return Ok(()),
                }
            }
        }
    }

    /// Records what happened to the calls. Returns those to send once that is written. At shutdown nothing more is sent.
    fn record_events<F>(&mut self, calls: &mut StepCalls<F>, events: Vec<CallEvent>) -> Vec<ReadyCall>
    where
        F: Future<Output = (SagaStep, StepOutcome)>,
    {
        let mut sends = Vec::new();
        for event in events {
            match event {
                CallEvent::Ready(step, call) => {
                    if !self.context.stop.is_cancelled() {
                        self.work.record_attempt(step);
                        calls.mark_written(step.leg);
                        sends.push(call);
                    }
                }
                CallEvent::Ended(EndedCall { step, outcome, is_written, queued }) => {
                    if is_written {
                        self.work.record_queue_time(step.leg, queued);
                    } else {
                        self.work.record_attempt(step);
                    }
                    self.work.record_outcome(step.leg, outcome);
                }
            }
        }
        sends
    }

    /// Writes the current state of the order. Waiting and lookups change nothing, but they take time: then the lease is renewed.
    async fn write_or_renew(&mut self) -> Result<(), StoreError> {
        if self.work.is_changed() {
            return self.write_state(AfterWrite::Continue).await;
        }
        let context = self.context;
        let renew = || context.store.renew(&self.lease, context.clock.now(), context.settings.lease);
        store_retry::repeat(renew, &BY_RUNNER).await
    }

    /// Writes the current state of the order.
    async fn write_state(&mut self, then: AfterWrite) -> Result<(), StoreError> {
        let now = self.context.clock.now();
        let transitions = self.work.finish("legs");
        let timers = timers(&self.work.order, then != AfterWrite::Idle, now);
        let ownership = match then {
            AfterWrite::Continue => LeaseAfterWrite::Held(self.context.settings.lease),
            AfterWrite::Idle | AfterWrite::HandOver => LeaseAfterWrite::Released,
        };
        let precondition = Precondition::Leased(&self.work.before, self.lease);
        let write = OrderWrite {
            transitions: &transitions,
            timers: &timers,
            credentials: &self.work.credentials,
            ..OrderWrite::new(precondition, &self.work.order, ownership)
        };
        let written = store_retry::write(self.context.store.as_ref(), &write, &BY_RUNNER).await?;
        after_write(self.context, &mut self.work, &transitions, written.cursor).await;
        Ok(())
    }
}

/// Writes the first change of an action, and acquires the lease if `owns` is true.
pub(crate) async fn start_action(
    context: &OrdersContext,
    basis: Option<&Order>,
    work: &mut UnitOfWork,
    key: Option<&IdempotencyRecord>,
    owns: bool,
) -> Result<Lease, StoreError> {
    let transitions = work.finish("requested");
    // An order that is not idle was left by its runner: nothing else would resume it.
    let is_left = !work.order.is_idle() && !work.order.is_being_replaced();
    let timers = timers(&work.order, owns || is_left, work.now);
    let ownership = if owns { LeaseAfterWrite::Held(context.settings.lease) } else { LeaseAfterWrite::Released };
    let precondition = basis.map_or(Precondition::New, Precondition::Unleased);
    let write = OrderWrite {
        idempotency: key,
        transitions: &transitions,
        timers: &timers,
        credentials: &work.credentials,
        ..OrderWrite::new(precondition, &work.order, ownership)
    };
    let written = store_retry::write(context.store.as_ref(), &write, &BY_REQUEST).await?;
    after_write(context, work, &transitions, written.cursor).await;
    Ok(written.lease)
}

/// Publishes, counts and reports a change that is written.
async fn after_write(context: &OrdersContext, work: &mut UnitOfWork, transitions: &[Transition], cursor: u64) {
    work.mark_written();
    publish_change(context.bus.as_ref(), &work.order, cursor).await;
    observe::count_transitions(&work.order, transitions);
    report_needs_attention(&work.order, transitions);
}

async fn publish_change(bus: &dyn ChangeBus, order: &Order, cursor: u64) {
    let change = OrderChange {
        cursor,
        at: order.updated_at,
        order: order.key,
        version: order.version,
        status: order.status(),
        reseller: order.reseller.clone(),
    };
    bus.publish(&change).await;
}

/// Logs and counts legs that need an operator: by their status, or because their tickets did not come.
fn report_needs_attention(order: &Order, transitions: &[Transition]) {
    let stuck = LegStatus::NeedsAttention.name();
    let is_handed_over = |transition: &&Transition| transition.to == stuck || transition.cause == TICKETS_NOT_FOUND;
    for transition in transitions.iter().filter(is_handed_over) {
        let Some(leg) = transition.leg else { continue };
        let source = order.legs[leg].source.as_str().to_owned();
        tracing::error!(order = %order.number, leg, source, cause = transition.cause, "order needs attention");
        metrics::counter!("ticketgraph_orders_needing_attention_total", "source" => source).increment(1);
    }
}
