//! Span and metrics of a guarded call: one span, one histogram, one count of attempts. All labels are bounded.

use std::sync::Arc;

use domain::{FailureReason, SourceId, VendorError, VendorOperation};
use metrics::{SharedString, counter, histogram};
use telemetry::explain::record;
use tokio::time::Instant;
use tracing::Span;

/// Observation of one call. A call whose caller has hung up ends as `abandoned`.
pub(super) struct CallObservation {
    source: SharedString,
    operation: &'static str,
    items: u64,
    started_at: Instant,
    span: Span,
    attempts: u64,
    outcome: &'static str,
}

impl CallObservation {
    pub(super) fn start(source: &SourceId, operation: VendorOperation, items: usize) -> Self {
        let operation = operation.name();
        let span = tracing::info_span!(
            "source call",
            source = source.as_str(),
            operation,
            items,
            attempts = tracing::field::Empty,
            outcome = tracing::field::Empty,
        );
        let source = SharedString::from(Arc::<str>::from(source.as_str()));
        let (items, started_at) = (items as u64, Instant::now());
        Self { source, operation, items, started_at, span, attempts: 0, outcome: "abandoned" }
    }

    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Counts an attempt.
    pub(super) fn record_attempt(&mut self, failure: Option<&VendorError>) {
        let labels = [
            ("source", self.source.clone()),
            ("operation", SharedString::const_str(self.operation)),
            ("outcome", SharedString::const_str(outcome(failure))),
        ];
        self.attempts += 1;
        counter!("ticketgraph_source_attempts_total", &labels).increment(1);
    }

    /// Counts a retry.
    pub(super) fn record_retry(&self) {
        let labels = [("source", self.source.clone()), ("operation", SharedString::const_str(self.operation))];
        counter!("ticketgraph_source_retries_total", &labels).increment(1);
    }

    /// Records the reason of a failure, if an explanation was requested.
    pub(super) fn record_reason(&self, reason: &FailureReason) {
        record(&self.source, self.operation, |stats| stats.record_reason(reason));
    }

    /// Sets the outcome of the whole call.
    pub(super) fn finish(&mut self, failure: Option<&VendorError>) {
        self.outcome = outcome(failure);
    }
}

impl Drop for CallObservation {
    fn drop(&mut self) {
        self.span.record("outcome", self.outcome);
        self.span.record("attempts", self.attempts);
        let duration = self.started_at.elapsed();
        record(&self.source, self.operation, |stats| {
            stats.calls += 1;
            stats.items += self.items;
            stats.failures += u64::from(!matches!(self.outcome, "ok" | "not_found" | "rejected"));
            stats.retries += self.attempts.saturating_sub(1);
            stats.duration += duration;
        });
        let labels = [
            ("source", self.source.clone()),
            ("operation", SharedString::const_str(self.operation)),
            ("outcome", SharedString::const_str(self.outcome)),
        ];
        histogram!("ticketgraph_source_call_duration_seconds", &labels).record(duration.as_secs_f64());
    }
}

fn outcome(failure: Option<&VendorError>) -> &'static str {
    failure.map_or("ok", |error| error.kind.name())
}
