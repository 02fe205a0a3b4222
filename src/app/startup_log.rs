//! Startup log: version, sources and addresses.

use secrecy::ExposeSecret;

use crate::app::listeners::Listeners;
use crate::app::sandbox::{RunningSandbox, log_sandbox};
use crate::config::Config;

/// Logs them. The last line has the address on which the API listens.
pub(super) fn log_startup(config: &Config, listeners: &Listeners, sandbox: Option<&RunningSandbox>) {
    let address = listeners.address;
    tracing::info!("ticketgraph {}", env!("CARGO_PKG_VERSION"));
    if let Some(sandbox) = sandbox {
        log_sandbox(config, sandbox);
    }
    for (id, source) in &config.sources {
        let (source_config, vendor) = (&source.source, &source.vendor);
        tracing::info!(
            "source {id}: {:?} by {vendor} ({:?}), at {}",
            source_config.institution,
            source_config.environment,
            source_config.base_url
        );
    }
    let url = config.ledger.url.expose_secret();
    let ledger = if config.built_in || url.starts_with("sqlite") { "SQLite: one replica" } else { "PostgreSQL" };
    let redis = if config.cache.redis_url.is_some() { "shared through Redis" } else { "local to this process" };
    tracing::info!("orders are stored in {ledger}; caches and rate limits are {redis}");
    if let Some(endpoint) = &config.telemetry.otlp_endpoint {
        tracing::info!("traces go to {}", endpoint.origin().ascii_serialization());
    }
    let scheme = if config.server.tls.is_some() { "https" } else { "http" };
    let base = match &config.server.public_url {
        Some(url) => url.as_str().trim_end_matches('/').to_owned(),
        None => format!("{scheme}://{address}"),
    };
    let base = listeners.admin_address.map_or(base, |admin| format!("http://{admin}"));
    tracing::info!("metrics are at {base}/metrics, readiness at {base}/health/ready");
    if config.server.dashboard {
        tracing::info!("the dashboard is at {base}/dashboard");
    }
    if config.server.graphiql {
        tracing::info!("GraphiQL is at {base}/graphql");
    }
    tracing::info!("listening on {scheme}://{address}");
}
