//! What a call tells about itself: one span, one histogram, one count of attempts. All labels are bounded.

use std::sync::Arc;

use metrics::{SharedString, counter, histogram};
use tokio::time::Instant;
use tracing::Span;

use domain::{Operation, SourceId, VendorError};
use telemetry::explain::note;

/// One call, from its begin to its end. A call that nobody waits for any more ends as `abandoned`.
pub(super) struct Observation {
    source: SharedString,
    operation: &'static str,
    items: u64,
    begun: Instant,
    span: Span,
    attempts: u64,
    outcome: &'static str,
}

impl Observation {
    pub(super) fn begin(source: &SourceId, operation: Operation, items: usize) -> Self {
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
        Self { source, operation, items: items as u64, begun: Instant::now(), span, attempts: 0, outcome: "abandoned" }
    }

    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Counts an attempt.
    pub(super) fn attempted(&mut self, failure: Option<&VendorError>) {
        let labels = [
            ("source", self.source.clone()),
            ("operation", SharedString::const_str(self.operation)),
            ("outcome", SharedString::const_str(outcome(failure))),
        ];
        self.attempts += 1;
        counter!("ticketgraph_source_attempts_total", &labels).increment(1);
    }

    /// Counts a repeat.
    pub(super) fn repeats(&self) {
        let labels = [("source", self.source.clone()), ("operation", SharedString::const_str(self.operation))];
        counter!("ticketgraph_source_retries_total", &labels).increment(1);
    }

    /// Says how the whole call ended.
    pub(super) fn end(&mut self, failure: Option<&VendorError>) {
        self.outcome = outcome(failure);
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        self.span.record("outcome", self.outcome);
        self.span.record("attempts", self.attempts);
        let took = self.begun.elapsed();
        note(&self.source, self.operation, |noted| {
            noted.calls += 1;
            noted.items += self.items;
            noted.failures += u64::from(!matches!(self.outcome, "ok" | "not_found" | "rejected"));
            noted.retries += self.attempts.saturating_sub(1);
            noted.took += took;
        });
        let labels = [
            ("source", self.source.clone()),
            ("operation", SharedString::const_str(self.operation)),
            ("outcome", SharedString::const_str(self.outcome)),
        ];
        histogram!("ticketgraph_source_call_duration_seconds", &labels).record(took.as_secs_f64());
    }
}

fn outcome(failure: Option<&VendorError>) -> &'static str {
    failure.map_or("ok", |error| error.kind.name())
}
