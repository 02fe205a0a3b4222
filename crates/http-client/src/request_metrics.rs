//! Metrics of the requests to vendors.

use metrics::{counter, histogram};
use tokio::time::Instant;

use crate::{VendorRequest, VendorResponse};
use domain::{SourceId, VendorError, VendorOperation};
use telemetry::explain::record;

/// Measures one request in flight. A request that its caller dropped is not recorded.
pub(super) struct RequestTimer {
    source: String,
    method: String,
    host: String,
    port: String,
    started_at: Instant,
}

impl RequestTimer {
    pub(super) fn start(source: &SourceId, request: &VendorRequest) -> Self {
        record(source.as_str(), request.operation.name(), |stats| stats.requests += 1);
        Self {
            source: source.to_string(),
            method: request.method.to_string(),
            host: request.url.host_str().unwrap_or_default().to_owned(),
            port: request.url.port_or_known_default().unwrap_or_default().to_string(),
            started_at: Instant::now(),
        }
    }

    /// Records the duration with the response status or the kind of error.
    pub(super) fn record(self, result: &Result<VendorResponse, VendorError>) {
        let status = result.as_ref().map_or(String::new(), |response| response.status.as_u16().to_string());
        let error = match result {
            Ok(response) if response.status.is_client_error() || response.status.is_server_error() => status.clone(),
            Ok(_) => String::new(),
            Err(error) => error.kind.name().to_owned(),
        };
        let labels = [
            ("source", self.source),
            ("http_request_method", self.method),
            ("server_address", self.host),
            ("server_port", self.port),
            ("http_response_status_code", status),
            ("error_type", error),
        ];
        histogram!("http_client_request_duration_seconds", &labels).record(self.started_at.elapsed().as_secs_f64());
    }
}

/// Counts a read that was sent again, because the vendor had closed the kept connection.
pub(super) fn count_reconnect(source: &SourceId, operation: VendorOperation) {
    record(source.as_str(), operation.name(), |stats| stats.requests += 1);
    counter!("ticketgraph_source_reconnects_total", "source" => source.to_string()).increment(1);
}

/// Counts and logs rows of a vendor's list that could not be read and were left out.
pub fn count_unreadable_rows(source: &SourceId, operation: VendorOperation, rows: usize) {
    if rows > 0 {
        let labels = [("source", source.to_string()), ("operation", operation.name().to_owned())];
        counter!("ticketgraph_source_unreadable_rows_total", &labels).increment(rows as u64);
        tracing::warn!(%source, operation = operation.name(), rows, "rows of a list cannot be read and are left out");
    }
}

/// Counts a request that was not sent because the quota is exhausted.
pub(super) fn count_rate_limited(source: &SourceId) {
    counter!("ticketgraph_source_rate_limited_total", "source" => source.to_string()).increment(1);
}
