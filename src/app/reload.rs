//! Configuration reload on SIGHUP: clients, safelist, limits and resellers, without dropping a request.
//!
//! Everything that can fail happens first; then the values are swapped one by one. Operations in flight finish with the
//! old configuration. A configuration with errors changes nothing. Other changes need a restart, which is logged.

use std::sync::Arc;

use metrics::{counter, gauge};
use tokio::signal::unix::Signal;
use tokio_util::sync::CancellationToken;

use crate::app::auth_setup;
use crate::app::error::StartError;
use crate::app::gateway_setup::{load_safelist, schema_and_limits};
use crate::app::order_setup::ConfiguredAccounts;
use crate::app::reseller_setup;
use crate::app::sources::Infrastructure;
use crate::config::{Config, ConfigDiagnostics, OrdersConfig};
use crate::gateway::state::AppState;
use crate::graphql::Services;
use domain::Source;
use feed_recorder::Recorder;

/// Loads the configuration again from its original source.
pub type ConfigLoader = Arc<dyn Fn() -> Result<Config, ConfigDiagnostics> + Send + Sync>;

/// Everything that a reload replaces, and its inputs.
pub(super) struct ConfigReload {
    /// Loads the configuration; `None`: reload is not supported.
    pub loader: Option<ConfigLoader>,
    /// State of the gateway.
    pub gateway: Arc<AppState>,
    /// Services of the resolvers; the resellers are replaced.
    pub services: Services,
    /// Reseller accounts used by order planning.
    pub accounts: Arc<ConfiguredAccounts>,
    /// The sources, which a reload does not change.
    pub sources: Vec<Arc<Source>>,
    /// Shared infrastructure of the sources.
    pub infrastructure: Arc<Infrastructure>,
    /// Records changes of the connections of resellers.
    pub recorder: Arc<Recorder>,
}

impl ConfigReload {
    /// Reloads the configuration at each signal, until the service stops.
    pub(super) async fn listen(self, mut signal: Signal, mut now: Config, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                wrap = signal.recv() => if wrap.is_none() { return },
            }
            let outcome = match self.loader.as_ref().map(|reread| reread()) {
                None => continue,
                Some(Ok(config)) => {
                    self.apply(&now, &config).map(|()| now = config).map_err(|error| vec![error.to_string()])
                }
                Some(Err(diagnostics)) => Err(diagnostics.lines().collect()),
            };
            self.report(outcome);
        }
    }

    /// Does everything that can fail first, then swaps the values.
    fn apply(&self, before: &Config, config: &Config) -> Result<(), StartError> {
        let safelist = load_safelist(config)?;
        let resellers = reseller_setup::open(config, &self.sources, &self.infrastructure.clock, &self.recorder);
        let services = Services { resellers: Some(Arc::new(resellers)), ..self.services.clone() };
        let (api, limits) = schema_and_limits(config, services, &self.infrastructure);
        let current = self.gateway.authenticator.load_full();
        let current = (&*current, self.gateway.sign_in.as_ref());
        let authenticator = auth_setup::renewed_authenticator(config, &self.infrastructure.client, before, current);
        self.accounts.replace(config);
        // Swapped first, so that everything cached from now on was allowed by the new safelist.
        self.gateway.pipeline.persisted().replace_safelist(safelist);
        self.gateway.pipeline.replace(api, limits);
        // Swapped last, so that an authenticated caller never sees the old settings.
        self.gateway.replace_authenticator(authenticator);
        if let Some(purger) = &self.infrastructure.purger {
            // Shared caches have responses of the old configuration.
            purger.purge_everything();
        }
        for section in sections_needing_restart(before, config) {
            tracing::warn!(section, "a changed section of the configuration needs a restart");
        }
        tracing::info!(
            clients = config.clients.len(),
            resellers = config.resellers.len(),
            "the configuration was reloaded: its clients, safelist, limits and resellers are in effect"
        );
        Ok(())
    }

    fn report(&self, outcome: Result<(), Vec<String>>) {
        let applied = outcome.is_ok();
        if let Err(diagnostics) = outcome {
            tracing::error!(
                diagnostics = diagnostics.len(),
                "the reloaded configuration is not valid: nothing changes"
            );
            diagnostics.iter().for_each(|problem| tracing::error!(problem, "a problem of the configuration"));
        } else {
            let now = self.infrastructure.clock.now().as_millisecond() as f64 / 1000.0;
            gauge!("ticketgraph_last_reload_timestamp_seconds").set(now);
        }
        gauge!("ticketgraph_last_reload_successful").set(f64::from(u8::from(applied)));
        counter!("ticketgraph_reloads_total", "outcome" => if applied { "applied" } else { "rejected" }).increment(1);
    }
}

/// Returns the changed sections that need a restart. `orders.contact` needs none. Changed secrets are not detected, because their debug
/// output is redacted.
fn sections_needing_restart(before: &Config, now: &Config) -> Vec<&'static str> {
    let parts = |config: &Config| {
        [
            ("server", format!("{:?}", config.server)),
            ("sign_in", format!("{:?}", config.sign_in)),
            ("audit", format!("{:?}", config.audit)),
            ("feed", format!("{:?}", config.feed)),
            ("cache", format!("{:?}", config.cache)),
            ("edge", format!("{:?}", config.edge)),
            ("resilience", format!("{:?}", config.resilience)),
            ("ledger", format!("{:?}", config.ledger)),
            ("orders", format!("{:?}", OrdersConfig { contact: None, ..config.orders.clone() })),
            ("incoming_webhooks", format!("{:?}", config.incoming_webhooks)),
            ("telemetry", format!("{:?}", config.telemetry)),
            ("sources", format!("{:?}", config.sources)),
            ("deliveries", format!("{:?}", config.deliveries)),
            ("notifications", format!("{:?}", config.notifications)),
            ("webhooks", format!("{:?}", config.webhooks)),
            ("octo", format!("{:?}", config.octo)),
        ]
    };
    let pairs = parts(before).into_iter().zip(parts(now));
    pairs.filter(|((_, before), (_, now))| before != now).map(|((name, _), _)| name).collect()
}
