//! Export of traces over OTLP (HTTP, protobuf), enabled by configuring an endpoint and performed outside of request handling.
//!
//! Only this service's own spans are exported, with explicitly named attributes: no log lines, no vendor texts, no secrets.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::KeyValue;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Timeout for exporting one batch.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout for exporting the last batch at shutdown.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);

/// Settings of the trace exporter.
#[derive(Debug, Clone)]
pub struct TraceSettings {
    /// URL of the collector. `/v1/traces` is appended if the URL has no path.
    pub endpoint: url::Url,
    /// Percentage of sampled traces among those that start here. For an incoming trace the caller decides.
    pub sample_percent: u8,
}

/// Exports the spans of the process to a collector.
pub struct TraceExporter(SdkTracerProvider);

impl TraceExporter {
    /// Starts exporting spans in batches with the given HTTP client, on the given runtime.
    ///
    /// # Errors
    ///
    /// Fails if no exporter can be created from these settings.
    pub fn start(
        settings: &TraceSettings,
        client: reqwest::Client,
        runtime: Handle,
    ) -> Result<Self, opentelemetry_otlp::ExporterBuildError> {
        let mut endpoint = settings.endpoint.clone();
        if matches!(endpoint.path(), "" | "/") {
            endpoint.set_path("/v1/traces");
        }
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(RuntimeHttpClient { client, runtime, tasks: TaskTracker::new() })
            .with_endpoint(endpoint.as_str())
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(EXPORT_TIMEOUT)
            .build()?;
        let resource = Resource::builder_empty()
            .with_service_name("ticketgraph")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attribute(KeyValue::new("service.instance.id", format!("{:016x}", fastrand::u64(..))))
            .build();
        let share = Sampler::TraceIdRatioBased(f64::from(settings.sample_percent) / 100.0);
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_sampler(Sampler::ParentBased(Box::new(share)))
            .with_batch_exporter(exporter)
            .build();
        Ok(Self(provider))
    }

    /// Returns the tracer that creates spans.
    pub(super) fn tracer(&self) -> SdkTracer {
        self.0.tracer("ticketgraph")
    }

    /// Exports the remaining spans. Blocks for at most three seconds.
    pub fn shutdown(&self) {
        if let Err(error) = self.0.shutdown_with_timeout(SHUTDOWN_TIMEOUT) {
            tracing::warn!(%error, "the last spans could not be exported");
        }
    }
}

/// Attaches a span to the caller's trace, given in the header `traceparent` (W3C Trace Context).
pub fn continue_trace(span: &Span, traceparent: &str, tracestate: Option<&str>) {
    let state = tracestate.map(|state| ("tracestate".to_owned(), state.to_owned()));
    let carrier: HashMap<String, String> =
        [("traceparent".to_owned(), traceparent.to_owned())].into_iter().chain(state).collect();
    // Fails only if tracing is disabled.
    let _ = span.set_parent(TraceContextPropagator::new().extract(&carrier));
}

/// Adds an attribute to the exported span. It does not appear in log lines.
pub fn set_attribute(span: &Span, name: &'static str, value: impl Into<opentelemetry::Value>) {
    span.set_attribute(name, value);
}

/// Renames a span, once the operation is known.
pub fn rename_span(span: &Span, name: &'static str) {
    span.context().span().update_name(name);
}

/// HTTP client of the exporter. The exporter thread has no async runtime, so the requests are sent on the service's runtime.
#[derive(Debug)]
struct RuntimeHttpClient {
    client: reqwest::Client,
    runtime: Handle,
    tasks: TaskTracker,
}

#[async_trait]
impl HttpClient for RuntimeHttpClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (client, request) = (self.client.clone(), reqwest::Request::try_from(request)?);
        let sent = self.tasks.spawn_on(
            async move {
                let response = tokio::time::timeout(EXPORT_TIMEOUT, client.execute(request)).await??;
                let status = response.status();
                let body = response.bytes().await?;
                Ok::<_, HttpError>(Response::builder().status(status).body(body)?)
            },
            &self.runtime,
        );
        sent.await?
    }
}
