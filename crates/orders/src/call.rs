//! The calls to sources. Each has its deadline; one that misses it may have done anything.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use crate::answer::Answer;
use crate::decide::{Call, Step};
use crate::order::Order;
use crate::rules::Rules;
use crate::work::{key_for_call, lines_to_cancel};
use domain::ordering::{CancelLine, Ordering, Refunds};
use domain::{Effect, ErrorKind, Operation, Source, SourceId, VendorError};

/// The sources, and how long each may take.
pub(crate) struct Caller<'a> {
    pub sources: &'a HashMap<SourceId, Source>,
    pub rules: &'a Rules,
}

impl Caller<'_> {
    /// Makes one call and answers with whatever came of it; never fails, never hangs.
    pub async fn call(&self, order: &Order, step: Step) -> Answer {
        let leg = &order.legs[step.leg];
        let source = &leg.source;
        let key = key_for_call(order, &step);
        let request = order.request(leg);
        let refs = &leg.refs;
        match step.call {
            Call::Hold => {
                Answer::Held(self.by(source, Operation::Hold, |it| async move { it.hold(&key, &request).await }).await)
            }
            Call::Confirm => {
                let call = |it: Arc<dyn Ordering>| async move { it.confirm(&key, &request, refs).await };
                Answer::Sold(self.by(source, Operation::Confirm, call).await)
            }
            Call::Release => {
                let call = |it: Arc<dyn Ordering>| async move { it.release(&key, &request, refs).await };
                Answer::Released(self.by(source, Operation::Release, call).await)
            }
            Call::FindHold => {
                let call = |it: Arc<dyn Ordering>| async move { it.find_hold(&key, &request).await };
                Answer::FoundHold(self.by(source, Operation::LookUp, call).await)
            }
            Call::FindSale => {
                let call = |it: Arc<dyn Ordering>| async move { it.find_confirmation(&key, &request, refs).await };
                Answer::FoundSale(self.by(source, Operation::LookUp, call).await)
            }
            Call::ReadTickets => {
                let call = |it: Arc<dyn Ordering>| async move { it.load_tickets(&request, refs).await };
                Answer::Tickets(self.by(source, Operation::LookUp, call).await)
            }
            Call::Extend => {
                let extension = self.sources.get(source).and_then(|source| source.hold_extension.clone());
                let call = async { within(extension, |it| async move { it.extend(&key, &request, refs).await }).await };
                Answer::Extended(self.timed(source, Operation::Extend, call).await)
            }
            Call::Cancel => {
                let lines = tickets_to_cancel(order, step.leg);
                let call = |it: Arc<dyn Refunds>| async move { it.cancel(&key, &request, refs, &lines).await };
                let refunds = self.refunds(source);
                Answer::Undone(self.timed(source, Operation::Cancel, within(refunds, call)).await)
            }
            Call::FindUndo => {
                let lines = tickets_to_cancel(order, step.leg);
                let call =
                    |it: Arc<dyn Refunds>| async move { it.find_cancellation(&key, &request, refs, &lines).await };
                let refunds = self.refunds(source);
                Answer::FoundUndo(self.timed(source, Operation::LookUp, within(refunds, call)).await)
            }
        }
    }

    fn refunds(&self, source: &SourceId) -> Option<Arc<dyn Refunds>> {
        self.sources.get(source).and_then(|source| source.refunds.clone())
    }

    async fn by<T, F: Future<Output = Result<T, VendorError>>>(
        &self,
        source: &SourceId,
        operation: Operation,
        call: impl FnOnce(Arc<dyn Ordering>) -> F,
    ) -> Result<T, VendorError> {
        let ordering = self.sources.get(source).and_then(|source| source.ordering.clone());
        self.timed(source, operation, within(ordering, call)).await
    }

    async fn timed<T>(
        &self,
        source: &SourceId,
        operation: Operation,
        call: impl Future<Output = Option<Result<T, VendorError>>>,
    ) -> Result<T, VendorError> {
        match tokio::time::timeout(self.rules.call_limit, call).await {
            Ok(Some(answer)) => answer,
            // A source that left the configuration: nothing was sent.
            Ok(None) => Err(VendorError::new(source, operation, ErrorKind::Unsupported)),
            Err(_) => Err(VendorError::new(source, operation, ErrorKind::Timeout).with_effect(Effect::Unknown)),
        }
    }
}

async fn within<P: ?Sized, T, F: Future<Output = Result<T, VendorError>>>(
    port: Option<Arc<P>>,
    call: impl FnOnce(Arc<P>) -> F,
) -> Option<Result<T, VendorError>> {
    match port {
        Some(port) => Some(call(port).await),
        None => None,
    }
}

/// The lines of a leg that go, each with the first references of its tickets.
fn tickets_to_cancel(order: &Order, leg: usize) -> Vec<CancelLine> {
    let lines = lines_to_cancel(order, &order.legs[leg]);
    let tickets = |line: usize| {
        let of_line = order.tickets.iter().filter(move |ticket| ticket.line == line);
        of_line.filter_map(|ticket| ticket.refs.first().cloned()).collect()
    };
    lines.into_iter().map(|line| CancelLine { line, tickets: tickets(line) }).collect()
}
