//! The room of deliveries, out of the configuration.

use std::sync::Arc;

use crate::config::{Config, DeliverySettings};
use deliveries::{Channel, Deliveries, DeliveryRules, Parts, Place};
use domain::{Clock, Source};
use http_client::Transport;
use orders::Orders;
use source_stack::LocalBudget;
use store_sql::Ledgers;
use vendor_api::Finding;
use vendor_registry::APPS;

/// Connects every channel and puts the room together; calls nobody. Nothing runs until it is started.
pub fn open(
    config: &Config,
    sources: &[Arc<Source>],
    client: &reqwest::Client,
    clock: &Arc<dyn Clock>,
    (orders, ledgers): (&Orders, &Ledgers),
) -> Result<Deliveries, Vec<Finding>> {
    let mut channels = Vec::new();
    let mut findings = Vec::new();
    for (id, settings) in &config.deliveries {
        match connect(config, settings, sources, client) {
            Ok(channel) => channels.push(channel),
            Err(faults) => findings.extend(
                faults.into_iter().map(|fault| Finding::new(format!("deliveries.{id}.{}", fault.key), fault.message)),
            ),
        }
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    Ok(Deliveries::new(Parts {
        channels,
        orders: orders.clone(),
        ledger: Arc::clone(&ledgers.deliveries),
        clock: Arc::clone(clock),
        rules: DeliveryRules::default(),
    }))
}

fn connect(
    config: &Config,
    settings: &DeliverySettings,
    sources: &[Arc<Source>],
    client: &reqwest::Client,
) -> Result<Channel, Vec<Finding>> {
    let unknown = |key: &str, what: &str| vec![Finding::new(key, what)];
    let row =
        APPS.iter().find(|row| row.name == settings.app).ok_or_else(|| unknown("app", "is not one of the apps"))?;
    let id = &settings.channel.source;
    let source =
        sources.iter().find(|source| source.id == *id).ok_or_else(|| unknown("source", "is not configured"))?;
    // Calls are few, and the next cycle repeats what failed: no budget, and the timeout of the source for each.
    let timeout = config.sources.get(id).map_or(config.resilience.attempt_timeout, |of| of.resilience.attempt_timeout);
    let transport = Transport::new(client.clone(), id.clone(), Arc::new(LocalBudget::unlimited()), timeout);
    let app = (row.connect)(settings.channel.clone(), transport)?;
    let place = Place {
        city: settings.city.clone(),
        country: settings.country.clone(),
        postal_code: settings.postal_code.clone(),
    };
    Ok(Channel { app, source: Source::clone(source), interval: settings.interval, place })
}
