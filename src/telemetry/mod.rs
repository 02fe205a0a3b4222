//! Logs, metrics and traces of the process: set up once, at the start.

pub mod explain;
mod metrics;

use std::io::{self, IsTerminal};

use metrics_exporter_prometheus::BuildError;
use tracing::Level;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{ParseError, filter_fn};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

pub use crate::telemetry::metrics::{Kind, METRICS, Metric, Metrics};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_says_nothing_is_refused() {
        assert!(matches!(start_logs(LogForm::Text, "ticketgraph=loud"), Err(SetUpError::Filter(_))));
    }
}
