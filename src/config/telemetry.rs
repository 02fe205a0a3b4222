//! `[telemetry]`: logs, metrics and traces.

use ::telemetry::LogFormat;
use url::Url;

use crate::config::section::Section;
use crate::config::setting::{Choice, LogFilter, Percent};

/// Settings of logs, metrics and traces.
#[derive(Debug, Clone)]
pub struct TelemetryConfig {
    /// Format of log lines.
    pub log_format: LogFormat,
    /// Log filter.
    pub log_level: LogFilter,
    /// Collects and serves metrics.
    pub metrics: bool,
    /// Endpoint for traces; `None`: tracing is off.
    pub otlp_endpoint: Option<Url>,
    /// Sampling rate of traces that begin here, in percent.
    pub otlp_percent: Percent,
}

impl Choice for LogFormat {
    const KIND: &'static str = "log format";
    const EXPECTED: &'static str = r#""text" or "json""#;
    const CHOICES: &'static [(&'static str, Self)] = &[("text", Self::Text), ("json", Self::Json)];
}

impl TelemetryConfig {
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
