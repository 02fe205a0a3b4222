//! Logs, metrics and traces of the process, initialized once at startup.

pub mod explain;
mod json_log;
mod metrics;
mod traces;

use std::io::{self, IsTerminal};

use metrics_exporter_prometheus::BuildError;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{ParseError, filter_fn};
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use crate::json_log::FlatJsonFormat;

pub use crate::metrics::{METRICS, Metric, MetricKind, Metrics};
pub use crate::traces::{TraceExporter, TraceSettings, continue_trace, rename_span, set_attribute};

/// Format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Human-readable text, colored on a terminal.
    Text,
    /// Machine-readable: one JSON object per line, with the fields of the enclosing spans.
    Json,
}

/// Error of the telemetry setup.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The log filter cannot be parsed.
    #[error("{0}")]
    Filter(#[from] ParseError),
    /// Logging is already initialized.
    #[error("{0}")]
    Logs(#[from] TryInitError),
    /// The trace exporter cannot be created.
    #[error("the trace exporter cannot be created: {0}")]
    TraceExporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// The metrics recorder is already installed.
    #[error("{0}")]
    Metrics(#[from] BuildError),
}

/// Initializes logging to standard error and, if a trace exporter is given, the export of this service's spans.
///
/// `filter` selects the log lines: a level such as `info`, or levels by crate such as `info,orders=debug`. The name
/// `ticketgraph` stands for all crates of the service. Events of libraries below `info` are never written, regardless of the filter. Environment variables are ignored. Can be called
/// only once per process.
pub fn init_tracing(format: LogFormat, filter: &str, traces: Option<&TraceExporter>) -> Result<(), TelemetryError> {
    // Debug output of libraries contains raw requests and responses: keys and personal data of visitors.
    let no_library_debug = filter_fn(|line| is_own_target(line.target()) || *line.level() <= Level::INFO);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Text => fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => {
            fmt::layer().fmt_fields(JsonFields::new()).event_format(FlatJsonFormat).with_writer(io::stderr).boxed()
        }
    };
    let lines = lines.with_filter(EnvFilter::builder().parse(expand_filter(filter))?).with_filter(no_library_debug);
    // Log events are not exported, because they may quote internal data.
    let is_own_span = |span: &Metadata<'_>| span.is_span() && is_own_target(span.target());
    let spans = traces.map(|traces| {
        let layer = tracing_opentelemetry::layer().with_tracer(traces.tracer()).with_location(false);
        layer.with_threads(false).with_level(false).with_target(false).with_filter(filter_fn(is_own_span))
    });
    tracing_subscriber::registry().with(lines).with(spans).try_init()?;
    Ok(())
}

/// Crates of the service, as they appear in the targets of events and spans. Vendor crates start with [`VENDOR_PREFIX`].
const OWN_CRATES: &[&str] = &[
    "audit",
    "build_info",
    "catalog",
    "change_feed",
    "deliveries",
    "domain",
    "edge",
    "edits",
    "emulators",
    "feed_recorder",
    "http_client",
    "notifications",
    "octo_facade",
    "orders",
    "recording",
    "resellers",
    "resilience",
    "sandbox_history",
    "sign_in",
    "source_stack",
    "store_redis",
    "store_sql",
    "telemetry",
    "ticketgraph",
    "webhooks",
];

/// Prefix of the vendor crates. A filter directive applies to every target with its prefix.
const VENDOR_PREFIX: &str = "vendor_";

fn is_own_target(target: &str) -> bool {
    let name = target.split("::").next().unwrap_or_default();
    name.starts_with(VENDOR_PREFIX) || OWN_CRATES.contains(&name)
}

/// Replaces a directive for `ticketgraph` by one for each crate of the service.
fn expand_filter(filter: &str) -> String {
    let directives = filter.split(',').map(|directive| match directive.trim().strip_prefix("ticketgraph") {
        Some(level) if level.is_empty() || level.starts_with('=') => {
            OWN_CRATES.iter().chain([&VENDOR_PREFIX]).map(|name| format!("{name}{level}")).collect::<Vec<_>>().join(",")
        }
        _ => directive.to_owned(),
    });
    directives.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_crate_of_the_workspace_is_an_own_target() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the folder of all crates");
        let entries = std::fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path());
        let crates = entries.filter(|path| path.join("Cargo.toml").exists());
        let names = crates.map(|path| path.file_name().expect("a name").to_string_lossy().replace('-', "_"));
        // The testkit is not part of the service.
        let others: Vec<String> = names.filter(|name| !is_own_target(name) && name != "testkit").collect();
        assert!(others.is_empty(), "{others:?}");
        assert!(is_own_target("ticketgraph::graphql") && is_own_target("vendor_x") && !is_own_target("hyper::client"));
    }

    #[test]
    fn a_directive_for_the_service_applies_to_all_its_crates() {
        let filter = expand_filter("info,ticketgraph=debug,hyper=warn,ticketgraph::graphql=trace");
        assert!(filter.starts_with("info,audit=debug,build_info=debug,catalog=debug,"), "{filter}");
        assert!(filter.contains(",ticketgraph=debug,"), "{filter}");
        assert!(filter.ends_with(",vendor_=debug,hyper=warn,ticketgraph::graphql=trace"), "{filter}");
    }

    #[test]
    fn an_invalid_filter_is_rejected() {
        assert!(matches!(init_tracing(LogFormat::Text, "ticketgraph=loud", None), Err(TelemetryError::Filter(_))));
    }
}
