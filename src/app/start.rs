//! Start, serving and graceful shutdown.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::delivery_setup;
use crate::app::edge_setup;
use crate::app::error::StartError;
use crate::app::feed_setup;
use crate::app::gateway_setup::build_gateway;
use crate::app::ledger_check::LedgerCheck;
use crate::app::limiters::report_calls;
use crate::app::listeners::Listeners;
use crate::app::metrics_collector::{MetricsCollector, ProcessDependency, ServiceState, SourceDependency};
use crate::app::options::ServeOptions;
use crate::app::order_setup;
use crate::app::order_setup::ConfiguredAccounts;
use crate::app::recording::ServiceRecording;
use crate::app::reload::ConfigReload;
use crate::app::reseller_setup;
use crate::app::sandbox::{RunningSandbox, make_history, start_sandbox};
use crate::app::shared_redis::SharedRedis;
use crate::app::signals::shutdown_signal;
use crate::app::sources;
use crate::app::sources::{ConnectedSources, Infrastructure, connect_sources};
use crate::app::startup_log::log_startup;
use crate::app::webhook_setup;
use crate::config::Config;
use crate::gateway::health::{Dependencies, Dependency};
use crate::gateway::metrics_endpoint::MetricsRenderer;
use crate::graphql::Services;
use ::orders::{ChangeBus, LocalChangeBus, Orders};
use audit::AuditLog;
use catalog::UnifiedCatalog;
use deliveries::Deliveries;
use domain::{CallCounts, Clock, Source, SystemClock};
use edge::Purger;
use edits::Edits;
use notifications::Notifications;
use orders::periodic::every;
use source_stack::{CatalogCache, MonthlyQuota};
use store_sql::{SearchIndex, Stores};
use webhooks::WebhookRunner;

/// Time between two looks for orders that are not searchable.
const INDEX_INTERVAL: Duration = Duration::from_secs(60);
/// Time between two deletions of old entries of the audit log.
const AUDIT_INTERVAL: Duration = Duration::from_secs(3600);
/// Minimum time for orders and deliveries to close when requests have used up the drain time.
const MIN_CLOSE_TIME: Duration = Duration::from_secs(2);

/// Serves until a shutdown signal, then drains. Returns true if all requests in flight were completed.
pub async fn serve(mut config: Config, options: ServeOptions) -> Result<bool, StartError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
    let hangup = signal(SignalKind::hangup()).map_err(|error| StartError::Io("signals".to_owned(), error))?;
    let (data, written) = (order_setup::data_folder(options.data.as_deref()), config.clone());
    let sandbox = start_built_in(&mut config, &data, options.unlimited, &clock, &tracker).await?;
    let recording = ServiceRecording::start(options.record.as_deref(), &config, &clock)?;
    let infrastructure = recording.observe(build_infrastructure(&config, &clock, &tracker, &stop)?);
    let infrastructure = edge_setup::start_purger(&config, infrastructure);
    let stores = order_setup::open_stores(&config, &data).await?;
    let (infrastructure, recorder) = feed_setup::start_recorder(&config, &stores, infrastructure);
    let ConnectedSources { sources, for_orders, monthly_quotas } =
        connect_sources(&config, &infrastructure, Some(&stores.snapshots)).map_err(StartError::Settings)?;
    let accounts = Arc::new(ConfiguredAccounts::from_config(&config));
    let bus = change_bus(&infrastructure, &stop);
    let orders = order_setup::build(&config, for_orders, &stores, &clock, bus, Arc::clone(&accounts));
    let has_history = make_history(&config, sandbox.as_ref(), &orders, &stores, clock.as_ref()).await?;
    let notifications = delivery_setup::notifications(&config, &infrastructure)?;
    let deliveries = delivery_setup::open(&config, &sources, &infrastructure, &orders, &stores, notifications.as_ref())
        .map_err(StartError::Settings)?;
    let webhooks = webhook_setup::prepare(&config, &stores, &clock, notifications.as_ref()).await?;
    let services = Services {
        catalog: catalog(&config, sources.clone(), &clock),
        orders: Some(orders.clone()),
        edits: Some(Edits::new(Arc::clone(&stores.edits), Arc::clone(&clock), tracker.clone())),
        deliveries: Some(deliveries.clone()),
        resellers: Some(Arc::new(reseller_setup::open(&config, &sources, &clock, &recorder))),
        changes: Some(Arc::clone(&stores.changes)),
        audit: Some(start_audit_log(&config, &stores, &clock, (&tracker, &stop))),
        webhooks: Some(webhooks.service.clone()),
    };
    let (cache, draining) = (Arc::clone(&infrastructure.cache), CancellationToken::new());
    let state =
        ServiceState { sources: sources.clone(), deliveries: deliveries.clone(), ledger: stores.health, cache, clock };
    let ledger = LedgerCheck::new(Arc::clone(&state.ledger), Arc::clone(&state.clock), &config.ledger);
    log_faults(&ledger, &infrastructure).await;
    let dependencies = dependencies(&infrastructure, &state, &ledger, &draining);
    let render = options.metrics.clone().unwrap_or_else(|| Arc::new(String::new));
    let records = (&stores.sessions, &stores.octo_bookings);
    let gateway = build_gateway(&config, (services.clone(), &sources), &infrastructure, records, &stop)?;
    let listeners = Listeners::bind(&config, options.listen, sandbox.as_ref()).await?;
    // Orders that a crash interrupted are resumed before the first request arrives.
    start_orders(&orders, has_history);
    deliveries.start();
    let webhooks = webhooks.start(&gateway);
    feed_setup::start_watching(&config, (&stores.facts, &infrastructure, &recorder), &sources, (&tracker, &stop));
    start_upkeep(&tracker, &stop, monthly_quotas, (stores.call_counts, stores.search_index));
    log_startup(&config, &listeners, sandbox.as_ref());
    let (loader, reloaded, purger) = (options.loader, Arc::clone(&gateway), infrastructure.purger.clone());
    let reload = ConfigReload { loader, gateway: reloaded, services, accounts, sources, infrastructure, recorder };
    tracker.spawn(reload.listen(hangup, written, stop.clone()));
    tracker.spawn(stop_on_signal(draining, stop.clone(), config.server.drain_notice));
    let operation: (Arc<dyn MetricsRenderer>, _) = (Arc::new(MetricsCollector::new(state, render)), dependencies);
    let serving = listeners.serve(&config, &gateway, operation, &tracker, &stop);
    let (drained, drain_by) = tokio::join!(serving, drain_deadline(stop.clone(), config.server.drain));
    let drained = drained?;
    let written = close(&orders, &deliveries, &webhooks, (notifications.as_ref(), purger.as_deref()), drain_by).await;
    recording.finish();
    tracing::info!(drained, written, "stopped");
    Ok(drained && written)
}

/// Starts the emulated vendors if the configuration is the built-in one.
async fn start_built_in(
    config: &mut Config,
    data: &Path,
    unlimited: bool,
    clock: &Arc<dyn Clock>,
    tracker: &TaskTracker,
) -> Result<Option<RunningSandbox>, StartError> {
    match config.built_in {
        true => start_sandbox(config, Some(data), unlimited, clock, tracker).await.map(Some),
        false => Ok(None),
    }
}

/// Reports calls by month, and indexes orders of an earlier version for searches.
fn start_upkeep(
    tracker: &TaskTracker,
    stop: &CancellationToken,
    quotas: Vec<Arc<MonthlyQuota>>,
    (counts, index): (Arc<dyn CallCounts>, Arc<dyn SearchIndex>),
) {
    tracker.spawn(report_calls(quotas, counts, stop.clone()));
    tracker.spawn(index_orders(index, stop.clone()));
}

fn start_orders(orders: &Orders, has_history: bool) {
    match has_history {
        true => orders.start_after_import(),
        false => orders.start(),
    }
}

/// Makes orders searchable that an earlier version wrote: those before an upgrade, and those of its replicas beside this one.
async fn index_orders(index: Arc<dyn SearchIndex>, stop: CancellationToken) {
    let index_rest = || async {
        while !stop.is_cancelled() {
            match index.index_batch().await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(%error, "orders of an earlier version could not be indexed");
                    return;
                }
            }
        }
    };
    every(INDEX_INTERVAL, stop.clone(), index_rest).await;
}

/// Opens the audit log, and deletes its old entries until the service stops.
fn start_audit_log(
    config: &Config,
    stores: &Stores,
    clock: &Arc<dyn Clock>,
    (tracker, stop): (&TaskTracker, &CancellationToken),
) -> Arc<AuditLog> {
    let audit = Arc::new(AuditLog::new(Arc::clone(&stores.audit), Arc::clone(clock), config.audit.retention));
    tracker.spawn(delete_old_entries(Arc::clone(&audit), stop.clone()));
    audit
}

/// Deletes entries of the audit log that are older than its retention, until the service stops.
async fn delete_old_entries(audit: Arc<AuditLog>, stop: CancellationToken) {
    let delete = || async {
        if let Err(error) = audit.delete_old().await {
            tracing::warn!(%error, "old entries of the audit log could not be deleted");
        }
    };
    every(AUDIT_INTERVAL, stop, delete).await;
}

/// Closes orders, deliveries, webhooks, notices to the operator and purges. Clients that waited for an order have their response or have given up. Calls in flight record
/// their results; another replica continues the rest. Returns true if everything was written.
async fn close(
    orders: &Orders,
    deliveries: &Deliveries,
    webhooks: &WebhookRunner,
    (notifications, purger): (Option<&Notifications>, Option<&Purger>),
    drain_by: Instant,
) -> bool {
    let close_by = drain_by.max(Instant::now() + MIN_CLOSE_TIME);
    let closing = async { tokio::join!(orders.close(), deliveries.close()) };
    let is_written = tokio::time::timeout_at(close_by, closing).await.is_ok();
    // A destination that is slow loses nothing: another replica, or the next start, sends again what was not recorded.
    let _ = tokio::time::timeout_at(close_by, webhooks.close()).await;
    if let Some(notifications) = notifications {
        // The last runs may have sent some. A destination that is down loses nothing that was to be written.
        let _ = tokio::time::timeout_at(close_by, notifications.close()).await;
    }
    if let Some(purger) = purger {
        // An edge that is down serves its old responses until they expire.
        let _ = tokio::time::timeout_at(close_by, purger.close()).await;
    }
    is_written
}

/// Logs the faults of the stores at the start.
async fn log_faults(ledger: &LedgerCheck, infrastructure: &Infrastructure) {
    ledger.log_clock_offset().await;
    if let Some(redis) = &infrastructure.redis {
        redis.log_fault();
    }
}

/// Builds the infrastructure of the sources. Without Redis, all caches are local.
pub(super) fn build_infrastructure(
    config: &Config,
    clock: &Arc<dyn Clock>,
    tracker: &TaskTracker,
    stop: &CancellationToken,
) -> Result<Infrastructure, StartError> {
    let shared = SharedRedis::from_config(&config.cache, tracker)?;
    let memory = config.cache.source_memory.0 as u64;
    let cache = CatalogCache::new(memory, shared.as_ref().map(SharedRedis::store), Arc::clone(clock), tracker.clone());
    if let Some(shared) = &shared {
        shared.subscribe_to_invalidations(&cache, stop);
    }
    let client = http_client::build_client()?;
    Ok(Infrastructure {
        client,
        clock: Arc::clone(clock),
        cache,
        redis: shared,
        tracker: tracker.clone(),
        observer: None,
        catalog_observer: None,
        purger: None,
    })
}

/// Waits for a shutdown signal. First `/health/ready` reports 503 for the notice period, then no new requests are
/// accepted.
async fn stop_on_signal(draining: CancellationToken, stop: CancellationToken, notice: Option<Duration>) {
    shutdown_signal().await;
    draining.cancel();
    metrics::gauge!("ticketgraph_draining").set(1.0);
    if let Some(notice) = notice {
        tracing::info!("stopping soon: /health/ready reports 503, new requests are still accepted");
        tokio::time::sleep(notice).await;
    }
    tracing::info!("stopping: no new requests are accepted, requests in flight are completed");
    stop.cancel();
}

/// Returns the end of the drain, after it has started.
async fn drain_deadline(stop: CancellationToken, limit: Duration) -> Instant {
    stop.cancelled().await;
    Instant::now() + limit
}

/// Returns the dependencies for `/health/ready`.
fn dependencies(
    infrastructure: &Infrastructure,
    state: &ServiceState,
    ledger: &Arc<LedgerCheck>,
    draining: &CancellationToken,
) -> Dependencies {
    let serving: Arc<dyn Dependency> = Arc::new(ProcessDependency(draining.clone()));
    let sources = state.sources.iter().map(|source| Arc::new(SourceDependency(Arc::clone(source))) as _);
    Dependencies(Arc::new(
        std::iter::once(serving)
            .chain(ledger.dependencies())
            .chain(infrastructure.redis.iter().map(SharedRedis::dependency))
            .chain(sources)
            .chain(edge_setup::dependencies(infrastructure))
            .collect(),
    ))
}

/// Returns the bus of order changes: through Redis for several replicas, otherwise in process.
fn change_bus(infrastructure: &Infrastructure, stop: &CancellationToken) -> Arc<dyn ChangeBus> {
    match &infrastructure.redis {
        Some(shared) => shared.change_bus(stop),
        None => Arc::new(LocalChangeBus::default()),
    }
}

fn catalog(config: &Config, sources: Vec<Arc<Source>>, clock: &Arc<dyn Clock>) -> Arc<UnifiedCatalog> {
    let deadline = config.resilience.deadlines.list + sources::DEADLINE_SLACK;
    Arc::new(UnifiedCatalog::new(sources, deadline, Arc::clone(clock)))
}
