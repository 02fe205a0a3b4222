//! Logs and metrics of the process: set up once, at the start.

use std::io::{self, IsTerminal};

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing::Level;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{ParseError, filter_fn};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// Upper bounds of the buckets of durations, in seconds: from a cache hit to a slow vendor.
const SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

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
    /// Metrics are set up already.
    #[error("{0}")]
    Metrics(#[from] BuildError),
}

/// Sends log lines to standard error, those that `filter` keeps (`info`, or by module `info,ticketgraph=debug`).
///
/// Of libraries nothing below `info` is written, whatever the filter says. Works once in a process. The environment has no say in it: that is what settings are for.
pub fn start_logs(form: LogForm, filter: &str) -> Result<(), SetUpError> {
    // Libraries tell at their most talkative what goes over the wire: keys, and what visitors say of themselves.
    let discreet = filter_fn(|line| line.target().starts_with("ticketgraph") || *line.level() <= Level::INFO);
    let lines = tracing_subscriber::registry().with(EnvFilter::builder().parse(filter)?).with(discreet);
    match form {
        LogForm::Text => {
            lines.with(fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal())).try_init()
        }
        LogForm::Json => lines.with(fmt::layer().json().flatten_event(true).with_writer(io::stderr)).try_init(),
    }?;
    Ok(())
}

/// The metrics of the process.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Begins to keep metrics. Works once in a process.
    pub fn start() -> Result<Self, SetUpError> {
        Ok(Self(builder()?.install_recorder()?))
    }

    /// Everything so far, as Prometheus reads it.
    pub fn render(&self) -> String {
        // Samples wait in memory until they are counted: without this an unread process would grow.
        self.0.run_upkeep();
        self.0.render()
    }

    /// Counts the samples that wait in memory. Call it every few seconds where nobody may come to read the metrics.
    pub fn tidy(&self) {
        self.0.run_upkeep();
    }
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_in_buckets_and_counters_as_they_are() {
        let recorder = builder().expect("buckets").build_recorder();
        let metrics = Metrics(recorder.handle());
        metrics::with_local_recorder(&recorder, || {
            metrics::counter!("tickets_total").increment(3);
            metrics::histogram!("call_duration_seconds").record(0.02);
        });
        let text = metrics.render();
        assert!(text.contains("tickets_total 3"), "{text}");
        assert!(text.contains(r#"call_duration_seconds_bucket{le="0.025"} 1"#), "{text}");
        assert!(text.contains(r#"call_duration_seconds_bucket{le="0.01"} 0"#), "{text}");
    }

    #[test]
    fn a_filter_that_says_nothing_is_refused() {
        assert!(matches!(start_logs(LogForm::Text, "ticketgraph=loud"), Err(SetUpError::Filter(_))));
    }
}
