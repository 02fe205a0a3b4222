//! Starting, serving and draining.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::announce::announce;
use crate::app::deliveries;
use crate::app::front;
use crate::app::orders;
use crate::app::orders::Accounts;
use crate::app::partners;
use crate::app::playground::{Playground, point_at};
use crate::app::reload::{Reload, Reread};
use crate::app::shared::Shared;
use crate::app::sources;
use crate::app::sources::{Ground, connect};
use crate::app::state::{LedgerAnswers, Serving, SourceAnswers, State, Told};
use crate::config::Config;
use crate::gateway::express::Express;
use crate::gateway::health::{Dependencies, Dependency};
use crate::gateway::{listener, router};
use crate::graphql::Services;
use ::orders::{ChangeBus, LocalBus};
use catalog::Federation;
use domain::{Clock, Source, SystemClock};
use edits::Edits;
use emulators::{Sandbox, Scenario};
use http_client::SetUpError;
use source_stack::Cache;
use store_sql::StoreError;
use vendor_api::Finding;

/// What orders and deliveries have left, at the least, where requests used up the time of the drain.
const LAST_WORD: Duration = Duration::from_secs(2);

/// What the command line adds to the configuration.
#[derive(Default, Clone)]
pub struct Launch {
    /// Where to listen, instead of `[server] listen`.
    pub listen: Option<SocketAddr>,
    /// Where the built-in sandbox keeps its files, instead of the user's data folder.
    pub data: Option<PathBuf>,
    /// Renders the metrics.
    pub metrics: Option<Arc<dyn Fn() -> String + Send + Sync>>,
    /// Reads the configuration again, when the process is told to.
    pub reread: Option<Reread>,
}

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A source cannot be connected with these settings.
    #[error("{}", .0.iter().map(|finding| format!("{}: {}", finding.key, finding.message)).collect::<Vec<_>>().join("\n"))]
    Settings(Vec<Finding>),
    /// The schema cannot be read back: a mistake of ours.
    #[error("the schema cannot be read: {0}")]
    Schema(String),
    /// A file that the configuration names.
    #[error("{}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The address cannot be listened on, or a folder not be made.
    #[error("{0}: {1}")]
    Machine(String, io::Error),
    /// The ledger cannot be opened.
    #[error(transparent)]
    Ledger(#[from] StoreError),
    /// The HTTP client cannot be made.
    #[error(transparent)]
    Client(#[from] SetUpError),
}

/// Serves until the process is told to stop, then drains. Says whether all requests in flight were answered.
pub async fn serve(mut config: Config, launch: Launch) -> Result<bool, StartError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
    let hangup = signal(SignalKind::hangup()).map_err(|fault| StartError::Machine("signals".to_owned(), fault))?;
    let data = data_folder(&launch);
    let written = config.clone();
    let sandbox =
        if config.built_in { Some(raise_sandbox(&mut config, Some(&data), &clock, &tracker).await?) } else { None };
    let ground = Arc::new(ground(&config, &clock, &tracker, &stop)?);
    let sources = connect(&config, &ground).map_err(StartError::Settings)?;
    let accounts = Arc::new(Accounts::of(&config));
    let bus = bus(&ground, &stop);
    let (orders, ledgers) = orders::open(&config, &sources, &clock, &data, (bus, Arc::clone(&accounts))).await?;
    let edits = Edits::new(Arc::clone(&ledgers.edits), Arc::clone(&clock), tracker.clone());
    let partners = partners::open(&config, &sources, &clock);
    let deliveries = deliveries::open(&config, &sources, &ground.client, &clock, (&orders, &ledgers))
        .map_err(StartError::Settings)?;
    let services = Services {
        federation: federation(&config, sources.clone(), &clock),
        orders: Some(orders.clone()),
        edits: Some(edits),
        deliveries: Some(deliveries.clone()),
        partners: Some(Arc::new(partners)),
    };
    let (cache, draining) = (Arc::clone(&ground.cache), CancellationToken::new());
    let state = State { sources: sources.clone(), deliveries: deliveries.clone(), ledger: ledgers.pulse, cache, clock };
    let dependencies = dependencies(&ground, &state, &draining);
    let render = launch.metrics.clone().unwrap_or_else(|| Arc::new(String::new));
    metrics::gauge!("ticketgraph_requests_in_flight_limit").set(u32::from(config.server.in_flight));
    let front = front::build(&config, services.clone(), &ground, stop.clone())?;
    let settings = router::Settings {
        in_flight: u32::from(config.server.in_flight) as usize,
        body_timeout: config.server.body_timeout,
        request_timeout: config.server.request_timeout,
        metrics: Arc::new(Told::new(state, render)),
        dependencies,
    };
    let address = launch.listen.unwrap_or(config.server.listen);
    let bound = TcpListener::bind(address).await.map_err(|fault| StartError::Machine(address.to_string(), fault))?;
    let address = bound.local_addr().map_err(|fault| StartError::Machine(address.to_string(), fault))?;
    // What a crash left behind goes on before the first request comes in.
    orders.start();
    deliveries.start();
    announce(&config, address, sandbox.as_ref());
    let reload = Reload { reread: launch.reread, front: Arc::clone(&front), services, accounts, sources, ground };
    tracker.spawn(reload.listen(hangup, written, stop.clone()));
    tracker.spawn(stop_when_told(draining, stop.clone(), config.server.drain_notice));
    let connections = front::connections(&config)?;
    let drain_by = drain_by(stop.clone(), config.server.drain);
    let express = Express::new(Arc::clone(&front), config.telemetry.otlp_endpoint.is_some());
    let serving = listener::serve(bound, (router::build(front, settings), express), connections, tracker, stop);
    let (drained, drain_by) = tokio::join!(serving, drain_by);
    // Whoever waited for an order had its answer, or gave up. Calls under way write what came of them; what is left goes on elsewhere.
    let closing = async { tokio::join!(orders.close(), deliveries.close()) };
    let written = tokio::time::timeout_at(drain_by.max(Instant::now() + LAST_WORD), closing).await.is_ok();
    tracing::info!(drained, written, "stopped");
    Ok(drained && written)
}

/// What the sources stand on. Without Redis, or while it is away, the memory of this process is all there is.
pub(super) fn ground(
    config: &Config,
    clock: &Arc<dyn Clock>,
    tracker: &TaskTracker,
    stop: &CancellationToken,
) -> Result<Ground, StartError> {
    let shared = Shared::of(&config.cache, tracker)?;
    let memory = config.cache.facts_memory.0 as u64;
    let cache = Cache::new(memory, shared.as_ref().map(Shared::store), Arc::clone(clock), tracker.clone());
    if let Some(shared) = &shared {
        shared.listen(&cache, stop);
    }
    let client = http_client::client()?;
    Ok(Ground { client, clock: Arc::clone(clock), cache, shared, tracker: tracker.clone() })
}

/// Stops when the process is told to: first whoever sends requests here learns that none should come, then none is taken.
async fn stop_when_told(draining: CancellationToken, stop: CancellationToken, notice: Option<Duration>) {
    told_to_stop().await;
    draining.cancel();
    metrics::gauge!("ticketgraph_draining").set(1.0);
    if let Some(notice) = notice {
        tracing::info!("stopping soon: not ready for new requests, which are still answered");
        tokio::time::sleep(notice).await;
    }
    tracing::info!("stopping: no new requests, those in flight are answered");
    stop.cancel();
}

/// Until when everything has to have ended, told once it begins to.
async fn drain_by(stop: CancellationToken, limit: Duration) -> Instant {
    stop.cancelled().await;
    Instant::now() + limit
}

/// What `/health/ready` names.
fn dependencies(ground: &Ground, state: &State, draining: &CancellationToken) -> Dependencies {
    let serving: Arc<dyn Dependency> = Arc::new(Serving(draining.clone()));
    let ledger: Arc<dyn Dependency> = Arc::new(LedgerAnswers(Arc::clone(&state.ledger)));
    let sources = state.sources.iter().map(|source| Arc::new(SourceAnswers(Arc::clone(source))) as _);
    Dependencies(Arc::new(
        [serving, ledger].into_iter().chain(ground.shared.iter().map(Shared::dependency)).chain(sources).collect(),
    ))
}

/// Where changes of orders are told: to every replica, where they share a Redis.
fn bus(ground: &Ground, stop: &CancellationToken) -> Arc<dyn ChangeBus> {
    match &ground.shared {
        Some(shared) => shared.bus(stop),
        None => Arc::new(LocalBus::default()),
    }
}

fn federation(config: &Config, sources: Vec<Arc<Source>>, clock: &Arc<dyn Clock>) -> Arc<Federation> {
    let deadline = config.resilience.deadlines.list + sources::SLACK;
    Arc::new(Federation::new(sources, deadline, Arc::clone(clock)))
}

/// Raises the emulated vendors and points the configuration at them. With a folder they remember what they sold.
pub(super) async fn raise_sandbox(
    config: &mut Config,
    data: Option<&std::path::Path>,
    clock: &Arc<dyn Clock>,
    tracker: &TaskTracker,
) -> Result<Sandbox, StartError> {
    let playground = Playground {
        listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
        folder: data.map(|data| data.join("vendors")),
        limits_requests: false,
        scenario: Scenario::default(),
    };
    let sandbox = playground
        .raise(Arc::clone(clock), tracker.clone())
        .await
        .map_err(|fault| StartError::Machine("the emulated vendors".to_owned(), fault))?;
    point_at(config, &sandbox);
    Ok(sandbox)
}

/// The user's data folder, as the XDG rules have it; `--data` wins.
fn data_folder(launch: &Launch) -> PathBuf {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    launch.data.clone().unwrap_or_else(|| {
        named("XDG_DATA_HOME")
            .or_else(|| named("HOME").map(|home| home.join(".local/share")))
            .unwrap_or_else(std::env::temp_dir)
            .join("ticketgraph")
    })
}

/// Waits for SIGTERM or an interrupt.
pub(super) async fn told_to_stop() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
