//! The first lines of the log: what runs, over which sources, and which addresses to open.

use std::net::SocketAddr;

use secrecy::ExposeSecret;

use crate::config::Config;
use emulators::Sandbox;

/// Tells them. The last one says where the service listens, once it does.
pub fn announce(config: &Config, address: SocketAddr, sandbox: Option<&Sandbox>) {
    tracing::info!("ticketgraph {}", env!("CARGO_PKG_VERSION"));
    if let Some(sandbox) = sandbox {
        tell_sandbox(config, sandbox);
    }
    for (id, source) in &config.sources {
        let (stanza, vendor) = (&source.stanza, &source.vendor);
        tracing::info!(
            "source {id}: {:?} by {vendor} ({:?}), at {}",
            stanza.institution,
            stanza.environment,
            stanza.base_url
        );
    }
    let url = config.ledger.url.expose_secret();
    let ledger = if config.built_in || url.starts_with("sqlite") { "SQLite: one replica" } else { "PostgreSQL" };
    let redis = if config.cache.redis_url.is_some() { "shared through Redis" } else { "kept by this process alone" };
    tracing::info!("orders are kept in {ledger}; facts and budgets are {redis}");
    if let Some(endpoint) = &config.telemetry.otlp_endpoint {
        tracing::info!("traces go to {}", endpoint.origin().ascii_serialization());
    }
    let scheme = if config.server.tls.is_some() { "https" } else { "http" };
    let base = match &config.server.public_url {
        Some(url) => url.as_str().trim_end_matches('/').to_owned(),
        None => format!("{scheme}://{address}"),
    };
    tracing::info!("metrics are at {base}/metrics, and whether it can work at {base}/health/ready");
    tracing::info!("the dashboard is at {base}/dashboard");
    tracing::info!("GraphiQL is at {base}/graphql");
    tracing::info!("listening on {scheme}://{address}");
}

fn tell_sandbox(config: &Config, sandbox: &Sandbox) {
    tracing::info!("this is the built-in sandbox: every vendor is emulated, nothing here is real");
    for (name, base) in sandbox.addresses() {
        tracing::info!(
            "the emulated {name} listens on {base} (POST {} to let it die, /_emu/up to bring it back)",
            sandbox.control(name, "down")
        );
    }
    for (name, client) in &config.clients {
        let Some(key) = &client.key.shown else { continue };
        let scopes: Vec<&str> = client.scopes.iter().map(|scope| scope.name()).collect();
        let sees =
            client.reseller.as_ref().map_or(String::new(), |reseller| format!(", sees only what is {reseller}'s"));
        tracing::info!("the sandbox key of {name} is {} ({}{sees})", key.expose_secret(), scopes.join(" "));
    }
}
