//! Calls to sources, each with a timeout. A call that times out has an unknown effect.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::decision::{SagaStep, SourceCall};
use crate::order::Order;
use crate::outcome::StepOutcome;
use crate::pauses::SourcePauses;
use crate::settings::OrderSettings;
use crate::status::LegStatus;
use crate::unit_of_work::{call_key, lines_to_cancel};
use domain::ordering::{CancelLine, Ordering, Refunds};
use domain::{
    Effect, Endpoint, ErrorKind, ExternalRef, RequestClass, RequestTurn, ReservationKey, Source, SourceId, TurnScope,
    VendorError, VendorOperation,
};

/// Calls the sources of an order with the configured timeout.
pub(crate) struct SourceCaller<'a> {
    pub sources: &'a HashMap<SourceId, Source>,
    pub settings: &'a OrderSettings,
    /// Urgency of the calls.
    pub urgency: Urgency,
    /// Paused sources.
    pub pauses: &'a SourcePauses,
}

/// Urgency of the calls of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// Steps of an order at this time. They wait for their turn as long as the settings allow.
    Steps(Timestamp),
    /// Checks of what was sold long ago. They come last and wait as shortly as any other read.
    Background,
}

impl SourceCaller<'_> {
    /// Makes one call and returns its outcome, including failures and timeouts. A call that never began had no effect.
    pub(crate) async fn call(&self, order: &Order, step: SagaStep, scope: &Arc<TurnScope>) -> StepOutcome {
        let mut outcome = scope.run(self.call_source(order, step)).await;
        if let Some(error) = outcome.error_mut().filter(|_| !scope.has_begun()) {
            error.effect = Effect::None;
        }
        outcome
    }

    /// Returns the turn of a call in the queue of its source.
    pub(crate) fn turn(&self, order: &Order, step: SagaStep) -> RequestTurn {
        let Urgency::Steps(now) = self.urgency else {
            return RequestTurn::of(RequestClass::Read);
        };
        let class = match step.call {
            SourceCall::Hold => RequestClass::Hold,
            SourceCall::ReadTickets => RequestClass::Tickets,
            SourceCall::Extend
            | SourceCall::Confirm
            | SourceCall::Release
            | SourceCall::Cancel
            | SourceCall::FindHold
            | SourceCall::FindConfirmation
            | SourceCall::FindCancellation => RequestClass::Settle,
        };
        // A confirmation is due when the first hold of the order ends, everything else when its call would end. A step that was put
        // off comes before those that are newer.
        let ends = order.legs.iter().filter(|leg| leg.status == LegStatus::Held || leg.number == step.leg);
        let hold_end = ends.filter_map(|leg| leg.hold_expires_at).min().map(|end| duration_until(now, end));
        let is_bound = matches!(step.call, SourceCall::Confirm | SourceCall::Extend);
        let hold_end = hold_end.filter(|_| is_bound);
        let sent_at = Instant::now();
        let waited = order.legs[step.leg].retry.map_or(Duration::ZERO, |schedule| duration_until(schedule.since, now));
        let usual = self.settings.call_timeout.saturating_sub(waited);
        let max_wait = self.settings.max_queue_wait().min(hold_end.unwrap_or(Duration::MAX));
        let reservation = ReservationKey { order: order.key, leg: step.leg };
        RequestTurn {
            class,
            due: Some(sent_at + hold_end.unwrap_or(usual)),
            latest: Some(sent_at + max_wait),
            reservation: Some(reservation),
            endpoint: Endpoint::default(),
        }
    }

    async fn call_source(&self, order: &Order, step: SagaStep) -> StepOutcome {
        let leg = &order.legs[step.leg];
        let source = &leg.source;
        let key = call_key(order, &step);
        let request = order.leg_request(leg);
        let refs = &leg.refs;
        match step.call {
            SourceCall::Hold => StepOutcome::Held(
                self.call_ordering(source, VendorOperation::Hold, |it| async move { it.hold(&key, &request).await })
                    .await,
            ),
            SourceCall::Confirm => {
                let call = |it: Arc<dyn Ordering>| async move { it.confirm(&key, &request, refs).await };
                StepOutcome::Confirmed(self.call_ordering(source, VendorOperation::Confirm, call).await)
            }
            SourceCall::Release => {
                let call = |it: Arc<dyn Ordering>| async move { it.release(&key, &request, refs).await };
                StepOutcome::Released(self.call_ordering(source, VendorOperation::Release, call).await)
            }
            SourceCall::FindHold => {
                let call = |it: Arc<dyn Ordering>| async move { it.find_hold(&key, &request).await };
                StepOutcome::FoundHold(self.call_ordering(source, VendorOperation::LookUp, call).await)
            }
            SourceCall::FindConfirmation => {
                let call = |it: Arc<dyn Ordering>| async move { it.find_confirmation(&key, &request, refs).await };
                StepOutcome::FoundConfirmation(self.call_ordering(source, VendorOperation::LookUp, call).await)
            }
            SourceCall::ReadTickets => {
                let call = |it: Arc<dyn Ordering>| async move { it.load_tickets(&request, refs).await };
                StepOutcome::Tickets(self.call_ordering(source, VendorOperation::LookUp, call).await)
            }
            SourceCall::Extend => {
                let extension = self.sources.get(source).and_then(|source| source.hold_extension.clone());
                let call =
                    async { call_port(extension, |it| async move { it.extend(&key, &request, refs).await }).await };
                StepOutcome::Extended(self.with_timeout(source, VendorOperation::Extend, call).await)
            }
            SourceCall::Cancel => {
                let lines = lines_with_tickets_to_cancel(order, step.leg);
                let call = |it: Arc<dyn Refunds>| async move { it.cancel(&key, &request, refs, &lines).await };
                let refunds = self.refunds(source);
                StepOutcome::Canceled(
                    self.with_timeout(source, VendorOperation::Cancel, call_port(refunds, call)).await,
                )
            }
            SourceCall::FindCancellation => {
                let lines = lines_with_tickets_to_cancel(order, step.leg);
                let call =
                    |it: Arc<dyn Refunds>| async move { it.find_cancellation(&key, &request, refs, &lines).await };
                let refunds = self.refunds(source);
                StepOutcome::FoundCancellation(
                    self.with_timeout(source, VendorOperation::LookUp, call_port(refunds, call)).await,
                )
            }
        }
    }

    fn refunds(&self, source: &SourceId) -> Option<Arc<dyn Refunds>> {
        self.sources.get(source).and_then(|source| source.refunds.clone())
    }

    async fn call_ordering<T, F: Future<Output = Result<T, VendorError>>>(
        &self,
        source: &SourceId,
        operation: VendorOperation,
        call: impl FnOnce(Arc<dyn Ordering>) -> F,
    ) -> Result<T, VendorError> {
        let ordering = self.sources.get(source).and_then(|source| source.ordering.clone());
        self.with_timeout(source, operation, call_port(ordering, call)).await
    }

    async fn with_timeout<T>(
        &self,
        source: &SourceId,
        operation: VendorOperation,
        call: impl Future<Output = Option<Result<T, VendorError>>>,
    ) -> Result<T, VendorError> {
        if let Urgency::Steps(now) = self.urgency
            && let Some(wait) = self.pauses.stopped_for(source, now)
        {
            // As long as it could wait in the queue besides.
            let wait = wait + self.settings.max_queue_wait();
            return Err(VendorError::awaiting_turn(source, operation, wait));
        }
        let waits_for_turns = self.sources.get(source).is_some_and(|source| source.capacity.is_some());
        if !waits_for_turns
            && let Some(scope) = TurnScope::current()
            && !scope.begin().await
        {
            return Err(VendorError::awaiting_turn(source, operation, Duration::ZERO));
        }
        let deadline = Instant::now() + self.settings.call_timeout;
        match TurnScope::run_current_until(deadline, call).await {
            Some(Some(result)) => result,
            // The source was removed from the configuration, so nothing was sent.
            Some(None) => Err(VendorError::new(source, operation, ErrorKind::Unsupported)),
            None => Err(VendorError::new(source, operation, ErrorKind::Timeout).with_effect(Effect::Unknown)),
        }
    }
}

fn duration_until(now: Timestamp, end: Timestamp) -> Duration {
    end.duration_since(now).try_into().unwrap_or(Duration::ZERO)
}

async fn call_port<P: ?Sized, T, F: Future<Output = Result<T, VendorError>>>(
    port: Option<Arc<P>>,
    call: impl FnOnce(Arc<P>) -> F,
) -> Option<Result<T, VendorError>> {
    match port {
        Some(port) => Some(call(port).await),
        None => None,
    }
}

/// Returns the lines of a leg to cancel, each with the first references of its tickets. A line whose tickets are not all known names
/// none, which is the whole line: the others are sold, too.
fn lines_with_tickets_to_cancel(order: &Order, leg: usize) -> Vec<CancelLine> {
    let lines = lines_to_cancel(order, &order.legs[leg]);
    let tickets = |line: usize| {
        let of_line = order.tickets.iter().filter(move |ticket| ticket.line == line);
        let known: Vec<ExternalRef> = of_line.filter_map(|ticket| ticket.refs.first().cloned()).collect();
        let is_complete = u32::try_from(known.len()).is_ok_and(|known| known >= order.lines[line].quantity);
        if is_complete { known } else { Vec::new() }
    };
    lines.into_iter().map(|line| CancelLine { line, tickets: tickets(line) }).collect()
}
