//! What is counted of each request to a vendor.

use metrics::{counter, histogram};
use tokio::time::Instant;

use crate::{Answer, Call};
use domain::{SourceId, VendorError};
use telemetry::explain::note;

/// One request on its way. One that nobody waits for any more is not counted.
pub(super) struct Sent {
    source: String,
    method: String,
    address: String,
    port: String,
    begun: Instant,
}

impl Sent {
    pub(super) fn begin(source: &SourceId, call: &Call) -> Self {
        note(source.as_str(), call.operation.name(), |noted| noted.requests += 1);
        Self {
            source: source.to_string(),
            method: call.method.to_string(),
            address: call.url.host_str().unwrap_or_default().to_owned(),
            port: call.url.port_or_known_default().unwrap_or_default().to_string(),
            begun: Instant::now(),
        }
    }

    /// Tells what came back: a status, or why there is none.
    pub(super) fn end(self, answer: &Result<Answer, VendorError>) {
        let status = answer.as_ref().map_or(String::new(), |answer| answer.status.as_u16().to_string());
        let error = match answer {
            Ok(answer) if answer.status.is_client_error() || answer.status.is_server_error() => status.clone(),
            Ok(_) => String::new(),
            Err(error) => error.kind.name().to_owned(),
        };
        let labels = [
            ("source", self.source),
            ("http_request_method", self.method),
            ("server_address", self.address),
            ("server_port", self.port),
            ("http_response_status_code", status),
            ("error_type", error),
        ];
        histogram!("http_client_request_duration_seconds", &labels).record(self.begun.elapsed().as_secs_f64());
    }
}

/// Counts a request that was not sent because the quota is used up.
pub(super) fn held_back(source: &SourceId) {
    counter!("ticketgraph_source_budget_refusals_total", "source" => source.to_string()).increment(1);
}
