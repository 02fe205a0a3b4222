//! The table of all metrics of the service: name, kind, unit, labels and help text. Other crates only record values.
//!
//! A name follows the semantic conventions of OpenTelemetry in Prometheus notation if they define one; all other names
//! start with
//! `ticketgraph_`. Label values come from bounded sets: routes, operation kinds, configured sources, outcomes.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use crate::TelemetryError;

/// Upper bounds of duration buckets in seconds, from a cache hit to a slow vendor.
const DURATION_BUCKETS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// Upper bounds of buckets in seconds for longer times, such as the age of cached data or the duration of an order.
const LONG_DURATION_BUCKETS: &[f64] = &[0.1, 0.5, 1.0, 5.0, 15.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21_600.0, 86_400.0];
/// Upper bounds of buckets for numbers of calls.
const CALL_COUNT_BUCKETS: &[f64] = &[0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];

/// Prometheus type of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MetricKind {
    /// Monotonically increasing.
    Counter,
    /// Can go up and down; has a unit.
    Gauge(Unit),
    /// Distribution in buckets with these upper bounds; has a unit.
    Histogram(Unit, &'static [f64]),
}

/// Description of one metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Name.
    pub name: &'static str,
    /// Prometheus type.
    pub kind: MetricKind,
    /// Names of the labels.
    pub labels: &'static [&'static str],
    /// Help text.
    pub help: &'static str,
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Gauge(Unit::Count), labels, help }
}

const fn gauge_seconds(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Gauge(Unit::Seconds), labels, help }
}

const fn histogram_seconds(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Histogram(Unit::Seconds, DURATION_BUCKETS), labels, help }
}

const fn long_histogram_seconds(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Histogram(Unit::Seconds, LONG_DURATION_BUCKETS), labels, help }
}

/// All metrics.
pub const METRICS: &[&[Metric]] =
    &[PROCESS, CLIENTS, OPERATIONS, SOURCES, CACHES, EDGES, FEED, SHARED_STORES, ORDERS, DELIVERIES, WEBHOOKS];

/// Metrics of the process.
const PROCESS: &[Metric] = &[
    gauge("ticketgraph_build_info", &["version"], "Always 1; the label is the running version."),
    gauge_seconds("process_start_time_seconds", &[], "Start time of the process, in seconds since 1970."),
    gauge("ticketgraph_draining", &[], "1 while the process is draining before it stops, otherwise 0."),
    counter("ticketgraph_reloads_total", &["outcome"], "Configuration reloads: applied or rejected."),
    counter("ticketgraph_sign_ins_total", &["outcome"], "Sign-ins and sign-outs of people by the provider."),
    gauge_seconds("ticketgraph_last_reload_timestamp_seconds", &[], "Time of the last applied configuration."),
    gauge("ticketgraph_last_reload_successful", &[], "1 if the last configuration reload was applied, otherwise 0."),
];

/// Metrics of client requests.
const CLIENTS: &[Metric] = &[
    histogram_seconds(
        "http_server_request_duration_seconds",
        &["http_request_method", "http_route", "http_response_status_code"],
        "Duration of client requests until the response starts.",
    ),
    gauge("http_server_active_requests", &["http_request_method"], "Client requests whose response has not started."),
    gauge("ticketgraph_requests_in_flight_limit", &[], "Maximum number of concurrent requests; more are rejected."),
    counter("ticketgraph_requests_shed_total", &[], "Requests rejected because too many were in flight."),
    counter(
        "ticketgraph_requests_timed_out_total",
        &[],
        "Requests aborted because the response did not start in time.",
    ),
    gauge("ticketgraph_websocket_connections", &[], "Open WebSockets."),
    gauge("ticketgraph_subscriptions", &[], "Open subscriptions, over WebSockets and server-sent events."),
];

/// Metrics of GraphQL operations.
const OPERATIONS: &[Metric] = &[
    histogram_seconds(
        "ticketgraph_operation_duration_seconds",
        &["operation_type", "outcome"],
        "Duration of GraphQL operations: ok, with errors, rejected or aborted. For subscriptions, until the start.",
    ),
    counter("ticketgraph_operation_errors_total", &["code"], "Errors in operation results, by extensions.code."),
    counter(
        "ticketgraph_operations_rejected_total",
        &["code"],
        "Operations rejected before execution, by extensions.code.",
    ),
    Metric {
        name: "ticketgraph_operation_calls_estimated",
        kind: MetricKind::Histogram(Unit::Count, CALL_COUNT_BUCKETS),
        labels: &[],
        help: "Estimated maximum number of vendor calls of an operation.",
    },
    counter(
        "ticketgraph_response_cache_lookups_total",
        &["outcome"],
        "Lookups in the response cache: hit, coalesced or miss.",
    ),
];

/// Metrics of sources and of the calls to them.
const SOURCES: &[Metric] = &[
    gauge("ticketgraph_source_up", &["source"], "1: up, 0.5: some recent calls failed, 0: down."),
    gauge(
        "ticketgraph_source_throttled",
        &["source"],
        "1 if calls are rejected because of the vendor's rate limit, otherwise 0.",
    ),
    gauge(
        "ticketgraph_source_circuit_breaker_open",
        &["source", "traffic_class"],
        "1 while the circuit breaker is open, otherwise 0.",
    ),
    gauge(
        "ticketgraph_source_rate_limit_remaining",
        &["source"],
        "Remaining requests of the quota; absent without a quota.",
    ),
    gauge(
        "ticketgraph_source_month_requests",
        &["source", "purpose"],
        "Requests to the institution of the source in the current calendar month, by all replicas.",
    ),
    gauge(
        "ticketgraph_source_month_quota",
        &["source"],
        "Requests that the contract with the vendor allows in a month; absent if none are configured.",
    ),
    gauge(
        "ticketgraph_source_month_forecast",
        &["source"],
        "Requests at the end of the month if they go on as they did so far.",
    ),
    counter("ticketgraph_source_rate_limited_total", &["source"], "Requests not sent because the quota is exhausted."),
    counter(
        "ticketgraph_source_reconnects_total",
        &["source"],
        "Reads sent again over a new connection, because the vendor had closed the kept one.",
    ),
    counter(
        "ticketgraph_source_unreadable_rows_total",
        &["source", "operation"],
        "Rows of the vendor's lists that could not be read and were left out.",
    ),
    gauge_seconds(
        "ticketgraph_source_last_success_timestamp_seconds",
        &["source"],
        "Time of the last successful call to the source; absent before the first one.",
    ),
    histogram_seconds(
        "ticketgraph_source_call_duration_seconds",
        &["source", "operation", "outcome"],
        "Duration of operations at a source, including waits and retries.",
    ),
    counter(
        "ticketgraph_source_attempts_total",
        &["source", "operation", "outcome"],
        "Attempts of operations at a source.",
    ),
    counter("ticketgraph_source_retries_total", &["source", "operation"], "Retries of failed attempts."),
    histogram_seconds(
        "http_client_request_duration_seconds",
        &["source", "http_request_method", "server_address", "server_port", "http_response_status_code", "error_type"],
        "Duration of HTTP requests to vendors, one per attempt.",
    ),
];

/// Metrics of the caches.
const CACHES: &[Metric] = &[
    counter(
        "ticketgraph_cache_lookups_total",
        &["source", "operation", "level", "outcome"],
        "Lookups in the in-process cache (l1) and the shared cache (l2), by outcome.",
    ),
    long_histogram_seconds(
        "ticketgraph_cache_age_seconds",
        &["source", "operation"],
        "Age of data served from a cache; of several items, the oldest.",
    ),
    counter(
        "ticketgraph_cache_discarded_total",
        &["source", "reason"],
        "Entries of the shared cache that were discarded.",
    ),
    gauge("ticketgraph_cache_entries", &["cache"], "Entries of the in-process caches."),
    Metric {
        name: "ticketgraph_cache_size_bytes",
        kind: MetricKind::Gauge(Unit::Bytes),
        labels: &["cache"],
        help: "Approximate size of the in-process caches.",
    },
    counter("ticketgraph_coalesced_total", &["source"], "Requests that joined a call already in flight."),
];

/// Metrics of shared caches in front of the service.
const EDGES: &[Metric] = &[
    gauge("ticketgraph_edge_up", &["edge"], "1 if the last purge of the edge was accepted, otherwise 0."),
    counter(
        "ticketgraph_edge_purges_total",
        &["edge", "outcome"],
        "Purged cache tags: sent, failed and retried, merged into coarser tags because too many waited, or expired unsent.",
    ),
    gauge(
        "ticketgraph_edge_purges_pending",
        &["edge", "pass"],
        "Cache tags whose purge is sent to the edge next, by pass (1 to 3).",
    ),
];

/// Metrics of the feed of changes.
const FEED: &[Metric] = &[
    counter(
        "ticketgraph_feed_observations_total",
        &["source", "outcome"],
        "Values that the recorder of the feed received: queued; dropped because its queue was full, or failed, and read again by the next refresh.",
    ),
    gauge("ticketgraph_feed_queue", &[], "Observed values that wait for the recorder of the feed."),
    counter("ticketgraph_feed_changes_total", &["kind"], "Changes that this replica has appended to the feed."),
    counter(
        "ticketgraph_feed_refreshes_total",
        &["source", "outcome"],
        "Readings of a catalog in the background: complete, no_capacity or failed.",
    ),
];

/// Metrics of Redis and of the ledger database.
const SHARED_STORES: &[Metric] = &[
    gauge("ticketgraph_redis_up", &[], "1 if the last call to Redis succeeded, otherwise 0; absent without Redis."),
    counter("ticketgraph_redis_calls_total", &["outcome"], "Calls to Redis."),
    gauge("ticketgraph_ledger_up", &[], "1 if the ledger responds, otherwise 0."),
    gauge_seconds(
        "ticketgraph_ledger_clock_offset_seconds",
        &[],
        "Time by which the clock of the process is ahead of that of the ledger; negative if it is behind.",
    ),
    counter(
        "ticketgraph_ledger_repeats_total",
        &["reason"],
        "Transactions that PostgreSQL ended in favor of another one, and that were repeated: serialization_failure or deadlock.",
    ),
    gauge("ticketgraph_ledger_connections", &["state"], "Connections to the ledger: idle or used."),
    gauge("ticketgraph_ledger_connections_max", &[], "Maximum number of connections to the ledger."),
    histogram_seconds(
        "db_client_connection_wait_time_seconds",
        &["db_client_connection_pool_name"],
        "Time that a transaction waited for its connection.",
    ),
];

/// Metrics of orders.
const ORDERS: &[Metric] = &[
    gauge("ticketgraph_orders", &["status"], "Orders in the ledger; the same value on every replica."),
    gauge_seconds(
        "ticketgraph_orders_overdue_seconds",
        &[],
        "Time since the longest-waiting unclaimed order became due; the same value on every replica.",
    ),
    gauge("ticketgraph_orders_running", &[], "Orders being processed by this process."),
    counter("ticketgraph_order_changes_total", &["status"], "Order status changes made by this process."),
    counter("ticketgraph_leg_changes_total", &["source", "status"], "Leg status changes made by this process."),
    long_histogram_seconds(
        "ticketgraph_order_duration_seconds",
        &["status"],
        "Duration from the start of an order until it was sold, in whole or in part, or failed.",
    ),
    counter("ticketgraph_orders_needing_attention_total", &["source"], "Legs that require manual resolution."),
    counter("ticketgraph_tickets_overdue_total", &["source"], "Sold legs whose tickets have no code in time."),
    counter(
        "ticketgraph_order_changes_unpublished_total",
        &[],
        "Order changes that could not be published to the other replicas immediately.",
    ),
    counter(
        "ticketgraph_incoming_webhooks_total",
        &["source", "outcome"],
        "Webhooks of vendors: accepted, dropped, unreadable, too_large, incomplete or rate_limited.",
    ),
    counter(
        "ticketgraph_incoming_webhook_lookups_total",
        &["source"],
        "Look-ups of unknown outcomes that a webhook of the vendor brought forward.",
    ),
];

/// Metrics of delivery channels.
const DELIVERIES: &[Metric] = &[
    gauge(
        "ticketgraph_delivery_tickets",
        &["channel", "stream", "state"],
        "Tickets that are pending or have failed in a stream of a delivery channel; the same value on every replica.",
    ),
    gauge_seconds(
        "ticketgraph_delivery_last_run_timestamp_seconds",
        &["channel", "stream"],
        "Time of the stream's last run; absent before the first run.",
    ),
    gauge_seconds(
        "ticketgraph_delivery_last_success_timestamp_seconds",
        &["channel", "stream"],
        "Time of the stream's last successful run; absent before the first one.",
    ),
    counter(
        "ticketgraph_notifications_total",
        &["destination", "outcome"],
        "Notices to the operator that were sent, failed after all attempts, or were dropped because too many were waiting.",
    ),
];

/// Metrics of webhooks.
const WEBHOOKS: &[Metric] = &[
    counter("ticketgraph_webhook_attempts_total", &["outcome"], "Attempts to send a message to a webhook."),
    histogram_seconds(
        "ticketgraph_webhook_attempt_duration_seconds",
        &[],
        "Time from the request of an attempt to the response or the failure.",
    ),
    histogram_seconds(
        "ticketgraph_webhook_delay_seconds",
        &[],
        "Time from a change to the acceptance of its message. A replay counts from the change, too.",
    ),
    gauge("ticketgraph_webhook_leased", &[], "Webhooks that this replica sends for."),
    gauge("ticketgraph_webhook_failing", &[], "Webhooks of this replica whose last attempt failed."),
    gauge("ticketgraph_webhook_pending", &[], "Messages that wait for their acceptance; the rest is in the feed."),
    gauge_seconds(
        "ticketgraph_webhook_oldest_pending_seconds",
        &[],
        "Age of the oldest change that waits; 0 without one.",
    ),
    gauge("ticketgraph_webhook_disabled", &[], "Disabled webhooks, of all replicas."),
    counter("ticketgraph_webhook_disabled_total", &["reason"], "Webhooks that the service has disabled."),
    counter(
        "ticketgraph_webhook_failed_messages_total",
        &["reason"],
        "Messages that were given up: refused while others are accepted, or superseded by a newer one of the same object.",
    ),
];

/// Handle to the metrics recorder of the process.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Installs the metrics recorder. Can be called only once per process.
    pub fn install() -> Result<Self, TelemetryError> {
        let metrics = Self(builder()?.install_recorder()?);
        METRICS.iter().copied().flatten().for_each(describe);
        metrics::gauge!("ticketgraph_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        Ok(metrics)
    }

    /// Renders all metrics in the Prometheus text format.
    pub fn render(&self) -> String {
        // Histogram samples are buffered until upkeep aggregates them.
        self.0.run_upkeep();
        self.0.render()
    }

    /// Aggregates the buffered histogram samples. Must run every few seconds, so that memory does not grow if nobody scrapes.
    pub fn run_upkeep(&self) {
        self.0.run_upkeep();
    }
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    let histograms = METRICS.iter().copied().flatten().filter_map(|metric| match metric.kind {
        MetricKind::Histogram(_, buckets) => Some((metric.name, buckets)),
        MetricKind::Counter | MetricKind::Gauge(_) => None,
    });
    histograms.into_iter().try_fold(PrometheusBuilder::new(), |builder, (name, buckets)| {
        builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), buckets)
    })
}

fn describe(metric: &Metric) {
    match metric.kind {
        MetricKind::Counter => describe_counter!(metric.name, metric.help),
        MetricKind::Gauge(unit) => describe_gauge!(metric.name, unit, metric.help),
        MetricKind::Histogram(unit, _) => describe_histogram!(metric.name, unit, metric.help),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rendered_as_buckets_and_counters_as_values() {
        let recorder = builder().expect("buckets").build_recorder();
        let metrics = Metrics(recorder.handle());
        metrics::with_local_recorder(&recorder, || {
            METRICS.iter().copied().flatten().for_each(describe);
            metrics::counter!("ticketgraph_requests_shed_total").increment(3);
            metrics::histogram!("ticketgraph_source_call_duration_seconds").record(0.02);
        });
        let text = metrics.render();
        assert!(text.contains("ticketgraph_requests_shed_total 3"), "{text}");
        assert!(text.contains("# HELP ticketgraph_requests_shed_total Requests rejected"), "{text}");
        assert!(text.contains(r#"ticketgraph_source_call_duration_seconds_bucket{le="0.025"} 1"#), "{text}");
        assert!(text.contains(r#"ticketgraph_source_call_duration_seconds_bucket{le="0.01"} 0"#), "{text}");
    }

    #[test]
    fn names_end_with_kind_and_unit_as_prometheus_requires() {
        for metric in METRICS.iter().copied().flatten() {
            let name = metric.name;
            let (is_counter, unit) = match metric.kind {
                MetricKind::Counter => (true, Unit::Count),
                MetricKind::Gauge(unit) | MetricKind::Histogram(unit, _) => (false, unit),
            };
            assert_eq!(is_counter, name.ends_with("_total"), "{name}");
            assert_eq!(unit == Unit::Seconds, name.ends_with("_seconds"), "{name}");
            assert_eq!(unit == Unit::Bytes, name.ends_with("_bytes"), "{name}");
            // Prometheus reserves these suffixes for histograms.
            assert!(["_count", "_sum", "_bucket"].iter().all(|part| !name.ends_with(part)), "{name}");
            assert!(metric.help.ends_with('.'), "{name}: {}", metric.help);
        }
    }
}
