//! Logs, metrics and traces of the process: set up once, at the start.

pub mod explain;
mod lines;
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

use crate::lines::FlatJson;

pub use crate::metrics::{Kind, METRICS, Metric, Metrics};
pub use crate::traces::{TraceSettings, Traces, attribute, continue_trace, rename};

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogForm {
    /// For people, in colour on a terminal.
    Text,
    /// For machines: one JSON object a line, with the fields of the spans around it.
    Json,
}

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// The text says no levels.
    #[error("{0}")]
    Filter(#[from] ParseError),
    /// Logs are set up already.
    #[error("{0}")]
    Logs(#[from] TryInitError),
    /// The collector of traces cannot be used.
    #[error("traces cannot be sent: {0}")]
    Traces(#[from] opentelemetry_otlp::ExporterBuildError),
    /// Metrics are set up already.
    #[error("{0}")]
    Metrics(#[from] BuildError),
}

/// Sends log lines to standard error, those that `filter` keeps (`info`, or by module `info,ticketgraph=debug`), and our spans to
/// a collector where there is one.
///
/// Of libraries nothing below `info` is written, whatever the filter says. Works once in a process. The environment has no say in
/// it: that is what settings are for.
pub fn start_logs(form: LogForm, filter: &str, traces: Option<&Traces>) -> Result<(), SetUpError> {
    // Libraries tell at their most talkative what goes over the wire: keys, and what visitors say of themselves.
    let discreet = filter_fn(|line| line.target().starts_with("ticketgraph") || *line.level() <= Level::INFO);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match form {
        LogForm::Text => fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal()).boxed(),
        LogForm::Json => {
            fmt::layer().fmt_fields(JsonFields::new()).event_format(FlatJson).with_writer(io::stderr).boxed()
        }
    };
    let lines = lines.with_filter(EnvFilter::builder().parse(filter)?).with_filter(discreet);
    // Lines of the log are not sent along: what they quote was meant for us alone.
    let ours = |span: &Metadata<'_>| span.is_span() && span.target().starts_with("ticketgraph");
    let spans = traces.map(|traces| {
        let layer = tracing_opentelemetry::layer().with_tracer(traces.tracer()).with_location(false);
        layer.with_threads(false).with_level(false).with_target(false).with_filter(filter_fn(ours))
    });
    tracing_subscriber::registry().with(lines).with(spans).try_init()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_says_nothing_is_refused() {
        assert!(matches!(start_logs(LogForm::Text, "ticketgraph=loud", None), Err(SetUpError::Filter(_))));
    }
}
