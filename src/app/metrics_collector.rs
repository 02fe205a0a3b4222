//! Collects gauges for `/metrics` and implements the dependencies of `/health/ready`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use metrics::gauge;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::gateway::health::Dependency;
use crate::gateway::metrics_endpoint::MetricsRenderer;
use deliveries::{ChannelStream, Deliveries};
use domain::{Clock, HealthState, Source};
use orders::OrderStatus;
use source_stack::CatalogCache;
use store_sql::{OrderStats, StoreHealth};

/// Time that counts of the database are reused, so that frequent scrapes do not load it.
const COUNT_TTL: Duration = Duration::from_secs(10);
/// Timeout of a database query.
const STORE_TIMEOUT: Duration = Duration::from_secs(2);

/// Components that gauges are read from.
pub(super) struct ServiceState {
    /// All sources.
    pub sources: Vec<Arc<Source>>,
    /// Delivery channels.
    pub deliveries: Deliveries,
    /// Order store.
    pub ledger: Arc<dyn StoreHealth>,
    /// Cache of vendor data.
    pub cache: Arc<CatalogCache>,
    /// Clock.
    pub clock: Arc<dyn Clock>,
}

/// Renders the metrics after updating all gauges.
pub(super) struct MetricsCollector {
    state: ServiceState,
    render: Arc<dyn Fn() -> String + Send + Sync>,
    last_count: Mutex<Option<Instant>>,
}

impl MetricsCollector {
    /// Creates a collector; `render` returns the text of all metrics.
    pub(super) fn new(state: ServiceState, render: Arc<dyn Fn() -> String + Send + Sync>) -> Self {
        gauge!("process_start_time_seconds").set(seconds(state.clock.now()));
        Self { state, render, last_count: Mutex::default() }
    }
}

#[async_trait]
impl MetricsRenderer for MetricsCollector {
    async fn render(&self) -> String {
        self.state.record_sources();
        self.state.record_months().await;
        self.state.record_memory();
        let mut counted = self.last_count.lock().await;
        if counted.is_none_or(|at| at.elapsed() >= COUNT_TTL) {
            self.state.record_ledger().await;
            self.state.record_deliveries().await;
            *counted = Some(Instant::now());
        }
        drop(counted);
        (self.render)()
    }
}

impl ServiceState {
    fn record_sources(&self) {
        for source in &self.sources {
            let (report, name) = (source.health.report(), source.id.to_string());
            gauge!("ticketgraph_source_throttled", "source" => name.clone()).set(f64::from(u8::from(report.throttled)));
            if let Some(left) = report.remaining_requests {
                gauge!("ticketgraph_source_rate_limit_remaining", "source" => name.clone()).set(left);
            }
            if let Some(at) = report.last_success_at {
                gauge!("ticketgraph_source_last_success_timestamp_seconds", "source" => name).set(seconds(at));
            }
        }
    }

    async fn record_months(&self) {
        for source in &self.sources {
            let Some(capacity) = &source.capacity else { continue };
            let Ok(report) = timeout(STORE_TIMEOUT, capacity.report()).await else { continue };
            let (Some(month), name) = (report.month, source.id.to_string()) else { continue };
            for (class, calls) in &month.calls {
                let labels = [("source", name.clone()), ("purpose", class.name().to_owned())];
                gauge!("ticketgraph_source_month_requests", &labels).set(*calls as f64);
            }
            if let Some(quota) = month.quota {
                gauge!("ticketgraph_source_month_quota", "source" => name.clone()).set(quota);
            }
            gauge!("ticketgraph_source_month_forecast", "source" => name).set(month.forecast as f64);
        }
    }

    fn record_memory(&self) {
        let (entries, bytes) = self.cache.usage();
        gauge!("ticketgraph_cache_entries", "cache" => "facts").set(entries as f64);
        gauge!("ticketgraph_cache_size_bytes", "cache" => "facts").set(bytes as f64);
        let pool = self.ledger.pool_stats();
        gauge!("ticketgraph_ledger_connections", "state" => "idle").set(pool.idle);
        gauge!("ticketgraph_ledger_connections", "state" => "used").set(pool.used);
        gauge!("ticketgraph_ledger_connections_max").set(pool.max);
    }

    async fn record_ledger(&self) {
        let now = self.clock.now();
        let stats = timeout(STORE_TIMEOUT, self.ledger.order_stats(now)).await.ok().and_then(Result::ok);
        gauge!("ticketgraph_ledger_up").set(f64::from(u8::from(stats.is_some())));
        let Some(OrderStats { by_status, due_since }) = stats else { return };
        for status in OrderStatus::ALL {
            let found = by_status.iter().find(|(name, _)| name == status.name());
            gauge!("ticketgraph_orders", "status" => status.name()).set(found.map_or(0, |(_, count)| *count) as f64);
        }
        if let Ok(Ok(offset)) = timeout(STORE_TIMEOUT, self.ledger.clock_offset(&*self.clock)).await {
            gauge!("ticketgraph_ledger_clock_offset_seconds").set(offset.as_secs_f64());
        }
        let overdue = due_since.map_or(0.0, |since| now.duration_since(since).as_secs_f64());
        gauge!("ticketgraph_orders_overdue_seconds").set(overdue);
    }

    async fn record_deliveries(&self) {
        for channel in self.deliveries.channels() {
            for stream in ChannelStream::ALL {
                let report = timeout(STORE_TIMEOUT, self.deliveries.stream_report(channel, *stream)).await;
                let Ok(Ok(report)) = report else { return };
                let labels = [("channel", channel.app.id.clone()), ("stream", stream.name().to_owned())];
                for (state, count) in [("pending", report.counts.pending), ("failed", report.counts.failed)] {
                    let [channel, stream] = labels.clone();
                    let labels = [channel, stream, ("state", state.to_owned())];
                    gauge!("ticketgraph_delivery_tickets", &labels).set(count as f64);
                }
                if let Some(at) = report.last_run.last_run_at {
                    gauge!("ticketgraph_delivery_last_run_timestamp_seconds", &labels).set(seconds(at));
                }
                if let Some(at) = report.last_run.last_success_at {
                    gauge!("ticketgraph_delivery_last_success_timestamp_seconds", &labels).set(seconds(at));
                }
            }
        }
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}

/// The process: not ready once it has received a shutdown signal.
pub(super) struct ProcessDependency(pub CancellationToken);

#[async_trait]
impl Dependency for ProcessDependency {
    fn name(&self) -> String {
        "process".to_owned()
    }

    fn is_required(&self) -> bool {
        true
    }

    async fn check(&self) -> Result<(), String> {
        if self.0.is_cancelled() { Err("is stopping: send requests elsewhere".to_owned()) } else { Ok(()) }
    }
}

/// A source; the service works without it.
pub(super) struct SourceDependency(pub Arc<Source>);

#[async_trait]
impl Dependency for SourceDependency {
    fn name(&self) -> String {
        format!("source {}", self.0.id)
    }

    fn is_required(&self) -> bool {
        false
    }

    async fn check(&self) -> Result<(), String> {
        let report = self.0.health.report();
        match report.state {
            HealthState::Up => Ok(()),
            HealthState::Degraded => Err(format!("some calls failed since {}", report.since)),
            HealthState::Down => Err(format!("not responding since {}", report.since)),
        }
    }
}
