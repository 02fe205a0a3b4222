//! How everything stands right now: what `/metrics` reads when it is asked, and what `/health/ready` names.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use metrics::gauge;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::gateway::exposition::Exposition;
use crate::gateway::health::Dependency;
use deliveries::{Deliveries, Stream};
use domain::{Clock, HealthState, Source};
use orders::OrderStatus;
use source_stack::Cache;
use store_sql::{LedgerPulse, Standing};

/// How long what was counted in the ledger is told again: whoever asks for the metrics over and over costs it nothing.
const COUNTED_FOR: Duration = Duration::from_secs(10);
/// How long the ledger may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Everything that has a state worth telling.
pub struct State {
    /// The sources.
    pub sources: Vec<Arc<Source>>,
    /// The delivery channels.
    pub deliveries: Deliveries,
    /// The ledger.
    pub ledger: Arc<dyn LedgerPulse>,
    /// The memory of facts.
    pub cache: Arc<Cache>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
}

/// The metrics, with the state of everything at the time of asking.
pub struct Told {
    state: State,
    render: Arc<dyn Fn() -> String + Send + Sync>,
    counted: Mutex<Option<Instant>>,
}

impl Told {
    /// Tells a state. `render` gives the text of what was told.
    pub fn new(state: State, render: Arc<dyn Fn() -> String + Send + Sync>) -> Self {
        gauge!("process_start_time_seconds").set(seconds(state.clock.now()));
        Self { state, render, counted: Mutex::default() }
    }
}

#[async_trait]
impl Exposition for Told {
    async fn render(&self) -> String {
        self.state.tell_sources();
        self.state.tell_memory();
        let mut counted = self.counted.lock().await;
        if counted.is_none_or(|at| at.elapsed() >= COUNTED_FOR) {
            self.state.tell_ledger().await;
            self.state.tell_deliveries().await;
            *counted = Some(Instant::now());
        }
        drop(counted);
        (self.render)()
    }
}

impl State {
    fn tell_sources(&self) {
        for source in &self.sources {
            let (report, name) = (source.health.report(), source.id.to_string());
            gauge!("ticketgraph_source_throttled", "source" => name.clone()).set(f64::from(u8::from(report.throttled)));
            if let Some(left) = report.remaining_budget {
                gauge!("ticketgraph_source_budget_remaining", "source" => name.clone()).set(left);
            }
            if let Some(at) = report.last_success_at {
                gauge!("ticketgraph_source_last_success_timestamp_seconds", "source" => name).set(seconds(at));
            }
        }
    }

    fn tell_memory(&self) {
        let (entries, bytes) = self.cache.usage();
        gauge!("ticketgraph_cache_entries", "cache" => "facts").set(entries as f64);
        gauge!("ticketgraph_cache_size_bytes", "cache" => "facts").set(bytes as f64);
        let pool = self.ledger.pool();
        gauge!("ticketgraph_ledger_connections", "state" => "idle").set(pool.idle);
        gauge!("ticketgraph_ledger_connections", "state" => "used").set(pool.used);
        gauge!("ticketgraph_ledger_connections_max").set(pool.max);
    }

    async fn tell_ledger(&self) {
        let now = self.clock.now();
        let standing = timeout(PATIENCE, self.ledger.standing(now)).await.ok().and_then(Result::ok);
        gauge!("ticketgraph_ledger_up").set(f64::from(u8::from(standing.is_some())));
        let Some(Standing { by_status, due_since }) = standing else { return };
        for status in OrderStatus::ALL {
            let found = by_status.iter().find(|(name, _)| name == status.name());
            gauge!("ticketgraph_orders", "status" => status.name()).set(found.map_or(0, |(_, count)| *count) as f64);
        }
        let overdue = due_since.map_or(0.0, |since| now.duration_since(since).as_secs_f64());
        gauge!("ticketgraph_orders_overdue_seconds").set(overdue);
    }

    async fn tell_deliveries(&self) {
        for channel in self.deliveries.channels() {
            for stream in Stream::ALL {
                let report = timeout(PATIENCE, self.deliveries.report(channel, stream)).await;
                let Ok(Ok(report)) = report else { return };
                let labels = [("channel", channel.app.id.clone()), ("stream", stream.name().to_owned())];
                for (state, count) in [("pending", report.tally.pending), ("failed", report.tally.failed)] {
                    let [channel, stream] = labels.clone();
                    let labels = [channel, stream, ("state", state.to_owned())];
                    gauge!("ticketgraph_delivery_tickets", &labels).set(count as f64);
                }
                if let Some(at) = report.run.last_run_at {
                    gauge!("ticketgraph_delivery_last_run_timestamp_seconds", &labels).set(seconds(at));
                }
                if let Some(at) = report.run.last_success_at {
                    gauge!("ticketgraph_delivery_last_success_timestamp_seconds", &labels).set(seconds(at));
                }
            }
        }
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}

/// The process itself, until it is told to stop.
pub struct Serving(pub CancellationToken);

#[async_trait]
impl Dependency for Serving {
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

/// The ledger: without it nothing can be sold.
pub struct LedgerAnswers(pub Arc<dyn LedgerPulse>);

#[async_trait]
impl Dependency for LedgerAnswers {
    fn name(&self) -> String {
        "ledger".to_owned()
    }

    fn is_required(&self) -> bool {
        true
    }

    async fn check(&self) -> Result<(), String> {
        match timeout(PATIENCE, self.0.ping()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err("refuses: no order can be read or written".to_owned()),
            Err(_) => Err(format!("did not answer within {} s: no order can be read or written", PATIENCE.as_secs())),
        }
    }
}

/// A source: the others serve on without it.
pub struct SourceAnswers(pub Arc<Source>);

#[async_trait]
impl Dependency for SourceAnswers {
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
            HealthState::Down => Err(format!("does not answer since {}", report.since)),
        }
    }
}
