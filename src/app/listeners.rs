//! The listeners: one for the API, and one for pages, health and metrics if they have an address of their own.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::error::StartError;
use crate::app::gateway_setup;
use crate::app::sandbox::{RunningSandbox, sandbox_routes};
use crate::config::Config;
use crate::gateway::concurrency_limit::ConcurrencyLimit;
use crate::gateway::fast_path::FastPath;
use crate::gateway::health::Dependencies;
use crate::gateway::metrics_endpoint::MetricsRenderer;
use crate::gateway::router::Surface;
use crate::gateway::state::AppState;
use crate::gateway::{listener, router};

/// Bound listeners.
pub(super) struct Listeners {
    api: TcpListener,
    admin: Option<TcpListener>,
    sandbox: Router<Arc<AppState>>,
    /// Address of the API.
    pub(super) address: SocketAddr,
    /// Address of pages, health and metrics; `None` if the API's listener serves them.
    pub(super) admin_address: Option<SocketAddr>,
}

impl Listeners {
    /// Binds the listeners. `listen` overrides the address of the API. The routes of a sandbox are served with the pages.
    pub(super) async fn bind(
        config: &Config,
        listen: Option<SocketAddr>,
        sandbox: Option<&RunningSandbox>,
    ) -> Result<Self, StartError> {
        let (api, address) = bind(listen.unwrap_or(config.server.listen)).await?;
        let (admin, admin_address) = match config.server.admin_listen {
            Some(address) => {
                let (admin, address) = bind(address).await?;
                (Some(admin), Some(address))
            }
            None => (None, None),
        };
        let sandbox = sandbox.map_or_else(Router::new, |sandbox| sandbox_routes(config, sandbox));
        Ok(Self { api, admin, sandbox, address, admin_address })
    }

    /// Serves until `stop`, then drains. Returns true if all requests in flight were completed.
    pub(super) async fn serve(
        self,
        config: &Config,
        gateway: &Arc<AppState>,
        (metrics, dependencies): (Arc<dyn MetricsRenderer>, Dependencies),
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<bool, StartError> {
        let server = &config.server;
        let pages = Surface { graphiql: server.graphiql, dashboard: server.dashboard, operation: true };
        let settings = router::Settings {
            limit: ConcurrencyLimit::new(u32::from(server.in_flight) as usize),
            body_timeout: server.body_timeout,
            request_timeout: server.request_timeout,
            exports: gateway_setup::export_limits(config),
            metrics,
            dependencies,
            surface: pages,
            sandbox: self.sandbox,
        };
        let connections = gateway_setup::listener_settings(config)?;
        let is_traced = config.telemetry.otlp_endpoint.is_some();
        let serve = |bound, settings, connections| {
            let fast_path = FastPath::new(Arc::clone(gateway), is_traced);
            let router = router::build(Arc::clone(gateway), settings);
            listener::serve(bound, router, fast_path, connections, tasks.clone(), stop.clone())
        };
        let Some(admin) = self.admin else { return Ok(serve(self.api, settings, connections).await) };
        let api_alone = router::Settings { surface: Surface::API_ONLY, sandbox: Router::new(), ..settings.clone() };
        let api = serve(self.api, api_alone, connections.clone());
        let admin = serve(admin, settings, listener::Settings { tls: None, ..connections });
        let (api, admin) = tokio::join!(api, admin);
        Ok(api && admin)
    }
}

/// Binds an address and returns the bound one, which names the port if `address` leaves it open.
async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |error| StartError::Io(format!("cannot listen on {address}"), error);
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}
