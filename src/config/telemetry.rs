//! `[telemetry]`: logs, metrics and traces.

use url::Url;

use crate::config::section::Section;
use crate::config::setting::{Choice, LogFilter, Percent};

/// Logs, metrics and traces.
#[derive(Debug, Clone)]
pub struct Telemetry {
    /// How a log line is written.
    pub log_format: LogFormat,
    /// Which log lines are kept.
    pub log_level: LogFilter,
    /// Whether metrics are kept and served.
    pub metrics: bool,
    /// Where traces go; `None`: nowhere.
    pub otlp_endpoint: Option<Url>,
    /// How many of a hundred traces that begin here are kept.
    pub otlp_percent: Percent,
}

/// How a log line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

impl Choice for LogFormat {
    const WHAT: &'static str = "log format";
    const WANTED: &'static str = r#""text" or "json""#;
    const CHOICES: &'static [(&'static str, Self)] = &[("text", Self::Text), ("json", Self::Json)];
}

impl Telemetry {
    pub(super) fn read(from: &Section<'_>) -> Self {
        Self {
            log_format: from.get("log_format"),
            log_level: from.get("log_level"),
            metrics: from.get("metrics"),
            otlp_endpoint: from.find("otlp_endpoint"),
            otlp_percent: from.get("otlp_percent"),
        }
    }
}
