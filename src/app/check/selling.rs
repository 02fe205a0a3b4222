//! Findings that need no vendor: inferred facts in force, and sources at which a caller could never buy.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::error::StartError;
use crate::app::reseller_setup;
use crate::app::sources::connect_sources;
use crate::app::start::build_infrastructure;
use crate::config::Config;
use crate::graphql::Scope;
use domain::ordering::{DeliveryPreference, LegLine, LegRequest};
use domain::{Clock, Money, PerformanceKey, Source, SystemClock, TicketTypeKey};
use vendor_api::{Assumption, Assumptions};
use vendor_registry::{APPS, VENDORS};

/// Lists the inferred facts in force: those that the configuration sets, or all.
pub fn list_assumptions(config: &Config, all: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let mut list = |section: String, table: &'static [Assumption], settings: &toml::Table| {
        let in_force = Assumptions::from_settings(table, settings).map(|read| read.in_force()).unwrap_or_default();
        for one in in_force.iter().filter(|one| all || one.is_configured) {
            let (fact, origin) = (one.assumption, if one.is_configured { "configured" } else { "default" });
            lines.push(format!("assumed {section}: {} = {} ({origin}; {})", fact.key, one.value, fact.section));
        }
    };
    for (id, settings) in &config.sources {
        if let Some(vendor) = VENDORS.iter().find(|vendor| vendor.name == settings.vendor) {
            list(format!("sources.{id}"), vendor.assumptions, &settings.source.vendor_settings);
        }
    }
    for (id, settings) in &config.deliveries {
        if let Some(app) = APPS.iter().find(|app| app.name == settings.app) {
            list(format!("deliveries.{id}"), app.assumptions, &settings.channel.app_settings);
        }
    }
    lines
}

/// Lists the sources at which a caller who may place orders could never buy, with what is missing. Calls no vendor.
pub async fn unsellable_sources(config: &Config) -> Result<Vec<String>, StartError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
    let _stop = stop.clone().drop_guard();
    let mut offline = config.clone();
    offline.cache.redis_url = None;
    let infrastructure = build_infrastructure(&offline, &clock, &tracker, &stop)?;
    let sources = connect_sources(&offline, &infrastructure, None).map_err(StartError::Settings)?.sources;
    let buyers = config.clients.iter().filter(|(_, client)| client.scopes.contains(&Scope::OrderWrite));
    let mut lines = Vec::new();
    for (name, client) in buyers {
        for source in &sources {
            let account = match &client.reseller {
                None => Some(BTreeMap::new()),
                Some(reseller) => account_of(config, reseller, source),
            };
            // A reseller without a connection to a source is not meant to sell there.
            let Some(account) = account else { continue };
            if let Some(missing) = refusal(source, account) {
                lines.push(format!("warning clients.{name}: can never buy at sources.{}: {missing}", source.id));
            }
        }
    }
    Ok(lines)
}

fn account_of(config: &Config, reseller: &str, source: &Source) -> Option<BTreeMap<String, String>> {
    let settings = config.resellers.get(reseller)?;
    let connection = reseller_setup::reseller(reseller, settings).connections.remove(&source.id)?;
    let first = |(key, values): (String, Vec<String>)| Some((key, values.into_iter().next()?));
    Some(connection.account.keys.into_iter().filter_map(first).collect())
}

/// Returns why a paid ticket could not be bought with an account.
fn refusal(source: &Source, account: BTreeMap<String, String>) -> Option<&'static str> {
    let line = LegLine {
        line: 0,
        performance: PerformanceKey::new("any"),
        ticket_type: TicketTypeKey::new("any"),
        quantity: 1,
        unit_price: Money::new(1000, source.currency.or_else(|| "EUR".parse().ok())?),
    };
    let request = LegRequest {
        reference: "CHECK".to_owned(),
        lines: vec![line],
        contact: None,
        account,
        locale: None,
        delivery: DeliveryPreference::Barcode,
        hold_waits_for_client: false,
    };
    Some(source.ordering.as_ref()?.settlement_refusal(&request)?.missing())
}
