//! Calls to sources, each with a timeout. A call that times out has an unknown effect.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use crate::decision::{SagaStep, SourceCall};
use crate::order::Order;
use crate::outcome::StepOutcome;
use crate::settings::OrderSettings;
use crate::unit_of_work::{call_key, lines_to_cancel};
use domain::ordering::{CancelLine, Ordering, Refunds};
use domain::{Effect, ErrorKind, Source, SourceId, VendorError, VendorOperation};

/// Calls the sources of an order with the configured timeout.
pub(crate) struct SourceCaller<'a> {
    pub sources: &'a HashMap<SourceId, Source>,
    pub settings: &'a OrderSettings,
}

impl SourceCaller<'_> {
    /// Makes one call and returns its outcome, including failures and timeouts.
    pub(crate) async fn call(&self, order: &Order, step: SagaStep) -> StepOutcome {
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
        match tokio::time::timeout(self.settings.call_timeout, call).await {
            Ok(Some(result)) => result,
            // The source was removed from the configuration, so nothing was sent.
            Ok(None) => Err(VendorError::new(source, operation, ErrorKind::Unsupported)),
            Err(_) => Err(VendorError::new(source, operation, ErrorKind::Timeout).with_effect(Effect::Unknown)),
        }
    }
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

/// Returns the lines of a leg to cancel, each with the first references of its tickets.
fn lines_with_tickets_to_cancel(order: &Order, leg: usize) -> Vec<CancelLine> {
    let lines = lines_to_cancel(order, &order.legs[leg]);
    let tickets = |line: usize| {
        let of_line = order.tickets.iter().filter(move |ticket| ticket.line == line);
        of_line.filter_map(|ticket| ticket.refs.first().cloned()).collect()
    };
    lines.into_iter().map(|line| CancelLine { line, tickets: tickets(line) }).collect()
}
