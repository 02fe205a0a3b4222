//! What a call tells about itself: one span, one histogram, one count of attempts. All labels are bounded.

use std::sync::Arc;

use metrics::{SharedString, counter, describe_counter, describe_gauge, describe_histogram, histogram};
use tokio::time::Instant;
use tracing::Span;

use crate::domain::{Operation, SourceId, VendorError};

/// One call, from its begin to its end. A call that nobody waits for any more ends as `abandoned`.
pub(super) struct Observation {
    source: SharedString,
    operation: &'static str,
    begun: Instant,
    span: Span,
    outcome: &'static str,
}

impl Observation {
    pub(super) fn begin(source: &SourceId, operation: Operation) -> Self {
        let operation = operation.name();
        let span = tracing::info_span!(
            "source call",
            source = source.as_str(),
            operation,
            attempts = tracing::field::Empty,
            outcome = tracing::field::Empty,
        );
        let source = SharedString::from(Arc::<str>::from(source.as_str()));
        Self { source, operation, begun: Instant::now(), span, outcome: "abandoned" }
    }

    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Counts an attempt.
    pub(super) fn attempted(&self, failure: Option<&VendorError>) {
        let labels = [
            ("source", self.source.clone()),
            ("operation", SharedString::const_str(self.operation)),
            ("outcome", SharedString::const_str(outcome(failure))),
        ];
        counter!("ticketgraph_source_attempts_total", &labels).increment(1);
    }

    /// Says how the whole call ended.
    pub(super) fn end(&mut self, failure: Option<&VendorError>) {
        self.outcome = outcome(failure);
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        self.span.record("outcome", self.outcome);
        let labels = [
            ("source", self.source.clone()),
            ("operation", SharedString::const_str(self.operation)),
            ("outcome", SharedString::const_str(self.outcome)),
        ];
        histogram!("ticketgraph_source_call_seconds", &labels).record(self.begun.elapsed().as_secs_f64());
    }
}

fn outcome(failure: Option<&VendorError>) -> &'static str {
    failure.map_or("ok", |error| error.kind.name())
}

/// Describes the metrics of this room to the recorder.
pub fn describe_metrics() {
    describe_histogram!("ticketgraph_source_call_seconds", "Operations at a source: waits and repeats included.");
    describe_counter!("ticketgraph_source_attempts_total", "Attempts of operations at a source.");
    describe_gauge!("ticketgraph_source_up", "1: answers, 0.5: some calls failed lately, 0: does not answer.");
    describe_counter!("ticketgraph_cache_lookups_total", "Lookups in the memory of this process, by what they found.");
    describe_counter!("ticketgraph_cache_dropped_total", "Entries of the shared store that were no good, by reason.");
    describe_counter!("ticketgraph_coalesced_total", "Questions that were answered by a call already under way.");
}
