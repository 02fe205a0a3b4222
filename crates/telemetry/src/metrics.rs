//! Every metric that the service tells, in one table: its kind, its unit, what it says. The rooms only count.
//!
//! Names follow the semantic conventions of OpenTelemetry, as Prometheus writes them, where there is one; all others begin with
//! `ticketgraph_`. Labels come from closed lists: routes, kinds of operations, sources of the configuration, outcomes.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use crate::SetUpError;

/// Upper bounds of the buckets of durations, in seconds: from a cache hit to a slow vendor.
const SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// The same for what takes longer: how old a fact is, how long an order takes.
const LONG_SECONDS: &[f64] = &[0.1, 0.5, 1.0, 5.0, 15.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21_600.0, 86_400.0];
/// The same for numbers of calls.
const CALLS: &[f64] = &[0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];

/// What a metric is to Prometheus.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down; the number is its unit.
    Gauge(Unit),
    /// Is counted in buckets with these upper bounds.
    Histogram(Unit, &'static [f64]),
}

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it says, for people.
    pub help: &'static str,
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge(Unit::Count), labels, help }
}

const fn seconds(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge(Unit::Seconds), labels, help }
}

const fn duration(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Histogram(Unit::Seconds, SECONDS), labels, help }
}

const fn long_duration(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Histogram(Unit::Seconds, LONG_SECONDS), labels, help }
}

/// All metrics.
pub const METRICS: &[&[Metric]] = &[PROCESS, CLIENTS, OPERATIONS, SOURCES, CACHES, SHARED, ORDERS, DELIVERIES];

/// The process itself.
const PROCESS: &[Metric] = &[
    gauge("ticketgraph_build_info", &["version"], "Always 1; its label says which version runs."),
    seconds("process_start_time_seconds", &[], "When the process started, in seconds since 1970."),
    gauge("ticketgraph_draining", &[], "1 since the process was told to stop, until then 0."),
    counter(
        "ticketgraph_reloads_total",
        &["outcome"],
        "Times that the configuration was read again: taken or refused.",
    ),
    seconds("ticketgraph_last_reload_timestamp_seconds", &[], "When a configuration was last taken over."),
    gauge("ticketgraph_last_reload_successful", &[], "Whether the last reading of the configuration was taken over."),
];

/// Requests of clients.
const CLIENTS: &[Metric] = &[
    duration(
        "http_server_request_duration_seconds",
        &["http_request_method", "http_route", "http_response_status_code"],
        "Requests of clients, until their answer begins.",
    ),
    gauge("http_server_active_requests", &["http_request_method"], "Requests of clients whose answer has not begun."),
    gauge("ticketgraph_requests_in_flight_limit", &[], "Requests at once at which more are refused."),
    counter("ticketgraph_requests_shed_total", &[], "Requests refused because too many were in flight."),
    counter("ticketgraph_requests_late_total", &[], "Requests given up because their answer did not begin in time."),
    gauge("ticketgraph_websocket_connections", &[], "Open WebSockets."),
    gauge("ticketgraph_subscriptions", &[], "Open subscriptions, over WebSockets and as events."),
];

/// Operations of GraphQL.
const OPERATIONS: &[Metric] = &[
    duration(
        "ticketgraph_operation_duration_seconds",
        &["operation_type", "outcome"],
        "GraphQL operations: ok, with errors, refused, or given up. Of a subscription, its begin.",
    ),
    counter("ticketgraph_operation_errors_total", &["code"], "Errors of operations, by extensions.code."),
    counter("ticketgraph_operations_refused_total", &["code"], "Operations that were not run, by extensions.code."),
    Metric {
        name: "ticketgraph_operation_calls_estimated",
        kind: Kind::Histogram(Unit::Count, CALLS),
        labels: &[],
        help: "Vendor calls that an operation was estimated to cause at most.",
    },
    counter("ticketgraph_answers_total", &["outcome"], "Whole answers: told again, joined while made, or made."),
];

/// Sources, and the calls to them.
const SOURCES: &[Metric] = &[
    gauge("ticketgraph_source_up", &["source"], "1: answers, 0.5: some calls failed lately, 0: does not answer."),
    gauge("ticketgraph_source_throttled", &["source"], "Whether calls are turned away because the vendor wants fewer."),
    gauge("ticketgraph_source_breaker_open", &["source", "lane"], "Whether the source is being left alone."),
    gauge("ticketgraph_source_budget_remaining", &["source"], "Requests left of the quota; absent without a quota."),
    counter("ticketgraph_source_budget_refusals_total", &["source"], "Requests not sent because the quota is used up."),
    seconds(
        "ticketgraph_source_last_success_timestamp_seconds",
        &["source"],
        "When the source last answered; absent until it did.",
    ),
    duration(
        "ticketgraph_source_call_duration_seconds",
        &["source", "operation", "outcome"],
        "Operations at a source: waits and repeats included.",
    ),
    counter(
        "ticketgraph_source_attempts_total",
        &["source", "operation", "outcome"],
        "Attempts of operations at a source.",
    ),
    counter("ticketgraph_source_retries_total", &["source", "operation"], "Attempts that repeated a failed one."),
    duration(
        "http_client_request_duration_seconds",
        &["source", "http_request_method", "server_address", "server_port", "http_response_status_code", "error_type"],
        "Requests to vendors, one attempt each.",
    ),
];

/// What is remembered.
const CACHES: &[Metric] = &[
    counter(
        "ticketgraph_cache_lookups_total",
        &["source", "operation", "level", "outcome"],
        "Lookups of facts in the memory of this process and in the shared store, by what they found.",
    ),
    long_duration(
        "ticketgraph_cache_age_seconds",
        &["source", "operation"],
        "How old facts were that were told from memory; of several told at once, the oldest.",
    ),
    counter("ticketgraph_cache_dropped_total", &["source", "reason"], "Entries of the shared store that were no good."),
    gauge("ticketgraph_cache_entries", &["cache"], "What is remembered in this process: facts, answers."),
    Metric {
        name: "ticketgraph_cache_size_bytes",
        kind: Kind::Gauge(Unit::Bytes),
        labels: &["cache"],
        help: "Roughly how much memory that takes.",
    },
    counter("ticketgraph_coalesced_total", &["source"], "Questions that were answered by a call already under way."),
];

/// Redis, and the database of the ledger.
const SHARED: &[Metric] = &[
    gauge("ticketgraph_redis_up", &[], "Whether Redis did what it was last asked for; absent without Redis."),
    counter("ticketgraph_redis_calls_total", &["outcome"], "Calls to Redis."),
    gauge("ticketgraph_ledger_up", &[], "Whether the ledger answers."),
    gauge("ticketgraph_ledger_connections", &["state"], "Connections to the ledger, idle or used."),
    gauge("ticketgraph_ledger_connections_max", &[], "Connections to the ledger at most."),
    duration(
        "db_client_connection_wait_time_seconds",
        &["db_client_connection_pool_name"],
        "How long a transaction waited for its connection.",
    ),
];

/// Orders.
const ORDERS: &[Metric] = &[
    gauge("ticketgraph_orders", &["status"], "Orders in the ledger; the same at every replica."),
    seconds(
        "ticketgraph_orders_overdue_seconds",
        &[],
        "For how long the order that waits longest has been due and nobody took it up; the same at every replica.",
    ),
    gauge("ticketgraph_orders_running", &[], "Orders that this process works on."),
    counter("ticketgraph_order_changes_total", &["status"], "Orders that came to a status in this process."),
    counter("ticketgraph_leg_changes_total", &["source", "status"], "Legs that came to a status in this process."),
    long_duration(
        "ticketgraph_order_duration_seconds",
        &["status"],
        "From the begin of an order until it was sold, in whole or in part, or failed.",
    ),
    counter("ticketgraph_orders_needing_attention_total", &["source"], "Legs that only a person can settle."),
    counter(
        "ticketgraph_order_changes_untold_total",
        &[],
        "Changes of orders that other replicas were not told at once.",
    ),
];

/// Delivery channels.
const DELIVERIES: &[Metric] = &[
    gauge(
        "ticketgraph_delivery_tickets",
        &["channel", "stream", "state"],
        "Tickets that wait for a stream of a delivery channel, or that it failed on; the same at every replica.",
    ),
    seconds(
        "ticketgraph_delivery_last_run_timestamp_seconds",
        &["channel", "stream"],
        "When the stream last ran; absent until it did.",
    ),
    seconds(
        "ticketgraph_delivery_last_success_timestamp_seconds",
        &["channel", "stream"],
        "When the stream last ran without a fault; absent until it did.",
    ),
];

/// The metrics of the process.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Begins to keep metrics. Works once in a process.
    pub fn start() -> Result<Self, SetUpError> {
        let metrics = Self(builder()?.install_recorder()?);
        METRICS.iter().copied().flatten().for_each(describe);
        metrics::gauge!("ticketgraph_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        Ok(metrics)
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
    let histograms = METRICS.iter().copied().flatten().filter_map(|metric| match metric.kind {
        Kind::Histogram(_, buckets) => Some((metric.name, buckets)),
        Kind::Counter | Kind::Gauge(_) => None,
    });
    histograms.into_iter().try_fold(PrometheusBuilder::new(), |builder, (name, buckets)| {
        builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), buckets)
    })
}

fn describe(metric: &Metric) {
    match metric.kind {
        Kind::Counter => describe_counter!(metric.name, metric.help),
        Kind::Gauge(unit) => describe_gauge!(metric.name, unit, metric.help),
        Kind::Histogram(unit, _) => describe_histogram!(metric.name, unit, metric.help),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_in_buckets_and_counters_as_they_are() {
        let recorder = builder().expect("buckets").build_recorder();
        let metrics = Metrics(recorder.handle());
        metrics::with_local_recorder(&recorder, || {
            METRICS.iter().copied().flatten().for_each(describe);
            metrics::counter!("ticketgraph_requests_shed_total").increment(3);
            metrics::histogram!("ticketgraph_source_call_duration_seconds").record(0.02);
        });
        let text = metrics.render();
        assert!(text.contains("ticketgraph_requests_shed_total 3"), "{text}");
        assert!(text.contains("# HELP ticketgraph_requests_shed_total Requests refused"), "{text}");
        assert!(text.contains(r#"ticketgraph_source_call_duration_seconds_bucket{le="0.025"} 1"#), "{text}");
        assert!(text.contains(r#"ticketgraph_source_call_duration_seconds_bucket{le="0.01"} 0"#), "{text}");
    }

    #[test]
    fn names_say_kind_and_unit_as_prometheus_wants_it() {
        for metric in METRICS.iter().copied().flatten() {
            let name = metric.name;
            let (is_counter, unit) = match metric.kind {
                Kind::Counter => (true, Unit::Count),
                Kind::Gauge(unit) | Kind::Histogram(unit, _) => (false, unit),
            };
            assert_eq!(is_counter, name.ends_with("_total"), "{name}");
            assert_eq!(unit == Unit::Seconds, name.ends_with("_seconds"), "{name}");
            assert_eq!(unit == Unit::Bytes, name.ends_with("_bytes"), "{name}");
            // The convention's own name for connections ends like this, which Prometheus reserves for histograms.
            assert!(["_count", "_sum", "_bucket"].iter().all(|part| !name.ends_with(part)), "{name}");
            assert!(metric.help.ends_with('.'), "{name}: {}", metric.help);
        }
    }
}
