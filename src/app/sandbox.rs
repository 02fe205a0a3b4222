//! Starts the emulated vendors, beside the service or alone.

use std::collections::{BTreeSet, HashMap};
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Extension, Path as RoutePath};
use axum::http::StatusCode;
use axum::routing::put;
use domain::{Clock, Quota, Scope, SourceId, SystemClock, VendorKind};
use emulators::{Options, RequestLimits, Sandbox, Scenario, Stage};
use orders::{OrderFilter, Orders, PageRequest};
use sandbox_history::{Seller, Venue, make_orders};
use secrecy::ExposeSecret;
use store_sql::Stores;
use tokio_util::task::TaskTracker;

use crate::app::error::{StartError, with_causes};
use crate::app::options::SandboxOptions;
use crate::app::order_setup::account;
use crate::app::signals::shutdown_signal;
use crate::config::{ClientConfig, Config, ConfiguredSource};
use crate::gateway::state::AppState;

/// The running emulators. Dropping it stops them.
pub(super) type RunningSandbox = Sandbox;

/// First of the fixed ports of `ticketgraph sandbox`, which the built-in sandbox prefers, too.
const FIRST_PORT: u16 = 4101;

/// Longest outage that a page can start: one that it does not end costs a visitor no more than this.
const MAX_OUTAGE: Duration = Duration::from_secs(20);

/// More requests than any service sends.
const NO_LIMIT: Quota = Quota { requests: 1_000_000, per: Duration::from_secs(1) };

/// Starts the emulated vendors and points the configuration at them. With a folder, their state is persistent. `unlimited` lifts
/// their request limits, and those that sources keep to.
pub(super) async fn start_sandbox(
    config: &mut Config,
    data: Option<&Path>,
    unlimited: bool,
    clock: &Arc<dyn Clock>,
    tracker: &TaskTracker,
) -> Result<RunningSandbox, StartError> {
    let options = Options {
        listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
        first_port: Some(FIRST_PORT),
        requires_ports: false,
        clock: Arc::clone(clock),
        folder: data.map(|data| data.join("vendors")),
        scenario: Scenario::default(),
        request_limits: if unlimited { RequestLimits::Unlimited } else { RequestLimits::Documented },
        tracker: tracker.clone(),
    };
    let sandbox = start(options).await?;
    for settings in config.sources.values_mut() {
        if let Some(base) = sandbox.base_url(&settings.vendor) {
            settings.source.base_url = base;
        }
        if unlimited {
            settings.resilience.rate_limit.quota = Some(NO_LIMIT);
            settings.resilience.rate_limit.endpoint_quota = Some(NO_LIMIT);
        }
    }
    for settings in config.deliveries.values_mut() {
        if let Some(base) = sandbox.base_url(&settings.app) {
            settings.channel.url = base;
        }
    }
    Ok(sandbox)
}

/// Runs the emulated vendors alone until a shutdown signal arrives: on the requested ports, or on the usual ones, of which those
/// that are taken are replaced by free ones.
pub async fn run_sandbox(options: SandboxOptions) -> Result<(), StartError> {
    let request_limits = if options.limits_requests { RequestLimits::Documented } else { RequestLimits::Unlimited };
    let scenario = options.scenario.as_deref().map(load_scenario).transpose()?.unwrap_or_default();
    let sandbox = start(Options {
        listen: options.listen,
        first_port: Some(options.first_port.unwrap_or(FIRST_PORT)),
        requires_ports: options.first_port.is_some(),
        clock: Arc::new(SystemClock),
        folder: None,
        scenario,
        request_limits,
        tracker: TaskTracker::new(),
    })
    .await?;
    for (name, base) in sandbox.addresses() {
        tracing::info!(vendor = name, address = base, "an emulated vendor listens");
    }
    shutdown_signal().await;
    Ok(())
}

async fn start(options: Options) -> Result<RunningSandbox, StartError> {
    Sandbox::start(options).await.map_err(|error| StartError::Io("the emulated vendors".to_owned(), error))
}

fn load_scenario(path: &Path) -> Result<Scenario, StartError> {
    let unusable = |why: String| StartError::File { path: path.to_owned(), why };
    let text = std::fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    Scenario::from_toml(&text).map_err(|error| unusable(error.to_string()))
}

/// Fills a ledger without orders with three months of them, which the emulated vendors record, too. Returns false without a sandbox, if that
/// is not configured, or if the ledger or a vendor has sold something: those of an earlier start stay as they are.
pub(super) async fn make_history(
    config: &Config,
    sandbox: Option<&RunningSandbox>,
    orders: &Orders,
    stores: &Stores,
    clock: &dyn Clock,
) -> Result<bool, StartError> {
    let Some(sandbox) = sandbox.filter(|_| config.sandbox.history) else { return Ok(false) };
    let failed = |error: &dyn Error| StartError::History(with_causes(error));
    let stored = stores
        .orders
        .list(&OrderFilter::default(), &PageRequest::newest(None, 1))
        .await
        .map_err(|error| failed(&error))?;
    let venues: Vec<Venue<'_>> = config.sources.values().filter_map(|settings| venue(settings, sandbox)).collect();
    let is_new = stored.orders.is_empty() && venues.iter().all(|venue| !venue.sales.has_sales());
    if !is_new {
        return Ok(false);
    }
    let past = make_orders(orders, &venues, &sellers(config), clock.now()).map_err(|error| failed(&error))?;
    let is_imported = stores.import.import(&past).await.map_err(|error| failed(&error))?;
    if is_imported {
        tracing::info!(orders = past.len(), "the sandbox starts with three months of made-up orders");
    }
    Ok(is_imported)
}

/// Returns a source with its emulated vendor. `None` for a source without prices in one currency.
fn venue<'a>(settings: &ConfiguredSource, sandbox: &'a RunningSandbox) -> Option<Venue<'a>> {
    let source = &settings.source;
    let vendor = VendorKind::ALL.iter().find(|kind| kind.name() == settings.vendor)?;
    Some(Venue {
        source: source.id.clone(),
        vendor: *vendor,
        institution: source.institution.clone(),
        time_zone: source.time_zone.clone(),
        currency: source.currency?,
        account: account(&source.vendor_settings),
        sales: sandbox.stage(&settings.vendor)?.past_sales()?,
    })
}

/// Returns the clients that sell: those of the resellers, and the own shop.
fn sellers(config: &Config) -> Vec<Seller> {
    let is_shop =
        |client: &ClientConfig| client.scopes.contains(&Scope::OrderWrite) && !client.scopes.contains(&Scope::Admin);
    let selling = config.clients.iter().filter(|(_, client)| is_shop(client));
    let seller = |(caller, client): (&String, &ClientConfig)| {
        let sources = match client.reseller.as_ref().map(|reseller| config.resellers.get(reseller)) {
            Some(reseller) => {
                let connections = reseller.iter().flat_map(|reseller| &reseller.connections);
                connections.map(|(source, connection)| (source.clone(), listed_ids(&connection.own))).collect()
            }
            None => config.sources.keys().map(|source| (source.clone(), BTreeSet::new())).collect(),
        };
        Seller { caller: caller.clone(), reseller: client.reseller.clone(), sources }
    };
    selling.map(seller).collect()
}

/// Returns the vendor's ids of what a connection may sell: the texts in its lists.
fn listed_ids(own: &toml::Table) -> BTreeSet<String> {
    let lists = own.values().filter_map(toml::Value::as_array).flatten();
    lists.filter_map(|id| Some(id.as_str()?.to_owned())).collect()
}

/// Logs the addresses of the emulated vendors and the API keys of the sandbox.
pub(super) fn log_sandbox(config: &Config, sandbox: &RunningSandbox) {
    tracing::info!("this is the built-in sandbox: every vendor is emulated, nothing here is real");
    for (name, base) in sandbox.addresses() {
        tracing::info!(
            "the emulated {name} listens on {base} (POST {} to stop it, /_emu/up to start it again)",
            sandbox.control_url(name, "down")
        );
    }
    for (name, client) in &config.clients {
        let Some(key) = &client.key.plaintext else { continue };
        let scopes: Vec<&str> = client.scopes.iter().map(|scope| scope.as_str()).collect();
        let limited_to = client.reseller.as_ref().map_or(String::new(), |reseller| format!(", limited to {reseller}"));
        tracing::info!("the sandbox key of {name} is {} ({}{limited_to})", key.expose_secret(), scopes.join(" "));
    }
}

/// Builds the routes by which GraphiQL stops an emulated vendor: `PUT /sandbox/sources/NAME/outage` starts an outage of the source's
/// vendor, `DELETE` ends it, and it ends by itself after [`MAX_OUTAGE`]. Browsers send neither method to another site without its
/// consent, which these routes never give.
pub(super) fn sandbox_routes(config: &Config, sandbox: &RunningSandbox) -> Router<Arc<AppState>> {
    let stage_of = |name| sandbox.stage(name).map(Arc::clone);
    let stages = config.sources.iter().filter_map(|(id, source)| Some((id.clone(), stage_of(&source.vendor)?)));
    let stages: Arc<HashMap<SourceId, Arc<Stage>>> = Arc::new(stages.collect());
    Router::new()
        .route("/sandbox/sources/{source}/outage", put(start_outage).delete(end_outage))
        .layer(Extension(stages))
}

type Stages = Extension<Arc<HashMap<SourceId, Arc<Stage>>>>;

async fn start_outage(RoutePath(source): RoutePath<String>, stages: Stages) -> StatusCode {
    change_outage(&source, &stages, |stage| stage.start_outage(MAX_OUTAGE))
}

async fn end_outage(RoutePath(source): RoutePath<String>, stages: Stages) -> StatusCode {
    change_outage(&source, &stages, Stage::end_outage)
}

fn change_outage(source: &str, stages: &Stages, change: impl FnOnce(&Stage)) -> StatusCode {
    let Some(stage) = stages.get(&SourceId::new(source)) else { return StatusCode::NOT_FOUND };
    change(stage);
    StatusCode::NO_CONTENT
}
