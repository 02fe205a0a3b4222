//! Traces over OTLP (HTTP, protobuf): on where an endpoint is configured, and out of the way of requests.
//!
//! Only our own spans go out, and of them only what is told here and there by name: no log line, no text of a vendor, no secret.

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

/// How long one batch may take to go out.
const EXPORT: Duration = Duration::from_secs(10);
/// How long the end of the process waits for the last batch.
const LAST_BATCH: Duration = Duration::from_secs(3);

/// Where traces go.
#[derive(Debug, Clone)]
pub struct TraceSettings {
    /// The collector; `/v1/traces` is added where it has no path of its own.
    pub endpoint: url::Url,
    /// How many of a hundred traces that begin here are kept; a caller that brings a trace decides itself.
    pub percent: u8,
}

/// The spans of the process on their way to a collector.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Begins to send spans in batches, by that client on that runtime.
    ///
    /// # Errors
    ///
    /// The exporter cannot be made of these settings.
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
            .with_http_client(Outside { client, runtime, tasks: TaskTracker::new() })
            .with_endpoint(endpoint.as_str())
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(EXPORT)
            .build()?;
        let resource = Resource::builder_empty()
            .with_service_name("ticketgraph")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attribute(KeyValue::new("service.instance.id", format!("{:016x}", fastrand::u64(..))))
            .build();
        let share = Sampler::TraceIdRatioBased(f64::from(settings.percent) / 100.0);
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_sampler(Sampler::ParentBased(Box::new(share)))
            .with_batch_exporter(exporter)
            .build();
        Ok(Self(provider))
    }

    /// What spans are made with.
    pub(super) fn tracer(&self) -> SdkTracer {
        self.0.tracer("ticketgraph")
    }

    /// Sends what is left. Waits for seconds at most; blocks.
    pub fn close(&self) {
        if let Err(fault) = self.0.shutdown_with_timeout(LAST_BATCH) {
            tracing::warn!(%fault, "the last spans could not be sent");
        }
    }
}

/// Makes a span part of the trace that its caller began, as the header `traceparent` says (W3C Trace Context).
pub fn continue_trace(span: &Span, traceparent: &str, tracestate: Option<&str>) {
    let state = tracestate.map(|state| ("tracestate".to_owned(), state.to_owned()));
    let carrier: HashMap<String, String> =
        [("traceparent".to_owned(), traceparent.to_owned())].into_iter().chain(state).collect();
    // It fails only where traces are off.
    let _ = span.set_parent(TraceContextPropagator::new().extract(&carrier));
}

/// Adds an attribute for the collector alone; log lines do not repeat it.
pub fn attribute(span: &Span, name: &'static str, value: impl Into<opentelemetry::Value>) {
    span.set_attribute(name, value);
}

/// Gives a span another name, once it is known what it is about.
pub fn rename(span: &Span, name: &'static str) {
    span.context().span().update_name(name);
}

/// Batches leave from a thread of their own, which knows no runtime: requests are made on ours.
#[derive(Debug)]
struct Outside {
    client: reqwest::Client,
    runtime: Handle,
    tasks: TaskTracker,
}

#[async_trait]
impl HttpClient for Outside {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (client, request) = (self.client.clone(), reqwest::Request::try_from(request)?);
        let sent = self.tasks.spawn_on(
            async move {
                let answer = tokio::time::timeout(EXPORT, client.execute(request)).await??;
                let status = answer.status();
                let body = answer.bytes().await?;
                Ok::<_, HttpError>(Response::builder().status(status).body(body)?)
            },
            &self.runtime,
        );
        sent.await?
    }
}
