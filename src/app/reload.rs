//! Taking over another configuration while requests are answered, at SIGHUP: callers, safelist, limits, resellers.
//!
//! Everything that may fail is done first; then values are swapped one after another, and no request is dropped. What runs
//! already ends as it began. A configuration with a finding changes nothing. All else takes a restart, and the log says so.

use std::sync::Arc;

use metrics::{counter, gauge};
use tokio::signal::unix::Signal;
use tokio_util::sync::CancellationToken;

use crate::app::callers;
use crate::app::front::{laws, safelist};
use crate::app::orders::Accounts;
use crate::app::partners;
use crate::app::sources::Ground;
use crate::app::start::StartError;
use crate::config::{Config, Findings};
use crate::gateway::router::Front;
use crate::graphql::Services;
use domain::Source;

/// Reads the configuration again, from where it came from.
pub type Reread = Arc<dyn Fn() -> Result<Config, Findings> + Send + Sync>;

/// What is replaced, and what it is made with.
pub struct Reload {
    /// Reads the configuration again; none: there is nothing to read.
    pub reread: Option<Reread>,
    /// The front door.
    pub front: Arc<Front>,
    /// What resolvers reach; the resellers are replaced.
    pub services: Services,
    /// What resellers are to the sources when an order is planned.
    pub accounts: Arc<Accounts>,
    /// The sources, which stay.
    pub sources: Vec<Arc<Source>>,
    /// What they stand on.
    pub ground: Arc<Ground>,
}

impl Reload {
    /// Takes over the configuration each time that the signal comes, until the service stops.
    pub async fn listen(self, mut signal: Signal, mut now: Config, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                told = signal.recv() => if told.is_none() { return },
            }
            let outcome = match self.reread.as_ref().map(|reread| reread()) {
                None => continue,
                Some(Ok(config)) => {
                    self.take(&now, &config).map(|()| now = config).map_err(|fault| vec![fault.to_string()])
                }
                Some(Err(findings)) => Err(findings.lines().collect()),
            };
            self.tell(outcome);
        }
    }

    /// Everything that may fail first, then everything that may not.
    fn take(&self, before: &Config, config: &Config) -> Result<(), StartError> {
        let safelist = safelist(config)?;
        let partners = partners::open(config, &self.sources, &self.ground.clock);
        let services = Services { partners: Some(Arc::new(partners)), ..self.services.clone() };
        let (api, limits) = laws(config, services, &self.ground);
        let known = self.front.callers.load_full();
        let callers = callers::renewed(config, &self.ground.client, (before, &known));
        self.accounts.replace(config);
        // First: what is remembered from here on was allowed by it.
        self.front.engine.persisted().replace_safelist(safelist);
        self.front.engine.replace(api, limits);
        // Last: whoever is known finds everything that belongs to it.
        self.front.replace_callers(callers);
        for section in restarts(before, config) {
            tracing::warn!(section, "this part of the configuration has changed too, which takes a restart");
        }
        tracing::info!(
            clients = config.clients.len(),
            resellers = config.resellers.len(),
            "the configuration was read again: its callers, safelist, limits and resellers hold from now on"
        );
        Ok(())
    }

    fn tell(&self, outcome: Result<(), Vec<String>>) {
        let is_taken = outcome.is_ok();
        if let Err(findings) = outcome {
            tracing::error!(
                findings = findings.len(),
                "the configuration was read again and is wrong: nothing changes"
            );
            findings.iter().for_each(|finding| tracing::error!(finding, "this is wrong with the configuration"));
        } else {
            let now = self.ground.clock.now().as_millisecond() as f64 / 1000.0;
            gauge!("ticketgraph_last_reload_timestamp_seconds").set(now);
        }
        gauge!("ticketgraph_last_reload_successful").set(f64::from(u8::from(is_taken)));
        counter!("ticketgraph_reloads_total", "outcome" => if is_taken { "taken" } else { "refused" }).increment(1);
    }
}

/// The parts that changed and hold only after a restart. A secret that changed is not seen: none is ever shown.
fn restarts(before: &Config, now: &Config) -> Vec<&'static str> {
    let parts = |config: &Config| {
        [
            ("server", format!("{:?}", config.server)),
            ("cache", format!("{:?}", config.cache)),
            ("resilience", format!("{:?}", config.resilience)),
            ("ledger", format!("{:?}", config.ledger)),
            ("orders", format!("{:?}", config.orders)),
            ("telemetry", format!("{:?}", config.telemetry)),
            ("sources", format!("{:?}", config.sources)),
            ("deliveries", format!("{:?}", config.deliveries)),
        ]
    };
    let pairs = parts(before).into_iter().zip(parts(now));
    pairs.filter(|((_, before), (_, now))| before != now).map(|((name, _), _)| name).collect()
}
