//! The resellers, out of the configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config;
use domain::accounts::Account;
use domain::{Clock, Source};
use resellers::{Connection, Mapping, Partners, Reseller};

/// All resellers over connected sources.
pub fn open(config: &config::Config, sources: &[Arc<Source>], clock: &Arc<dyn Clock>) -> Partners {
    let resellers = config.resellers.iter().map(|(key, settings)| reseller(key, settings)).collect();
    Partners::new(resellers, sources, Arc::clone(clock))
}

/// A reseller of the configuration.
pub fn reseller(key: &str, settings: &config::Reseller) -> Reseller {
    let connections = settings.connections.iter();
    Reseller {
        key: key.to_owned(),
        name: settings.name.clone(),
        connections: connections
            .map(|(source, connection)| (source.clone(), self::connection(&settings.name, connection)))
            .collect(),
    }
}

fn connection(reseller: &str, settings: &config::Connection) -> Connection {
    let keys: BTreeMap<String, Vec<String>> =
        settings.own.iter().map(|(key, value)| (key.clone(), plain(value))).collect();
    let mapping = |one: &config::Mapping| Mapping {
        partner_code: one.partner_code.clone(),
        event: one.event.clone(),
        ticket_type: one.ticket_type.clone(),
    };
    Connection {
        account: Account { reseller: Some(reseller.to_owned()), keys },
        commission_percent: settings.commission_percent,
        mappings: settings.mappings.iter().map(mapping).collect(),
    }
}

/// One value or a list of them, as text.
fn plain(value: &toml::Value) -> Vec<String> {
    match value {
        toml::Value::String(text) => vec![text.clone()],
        toml::Value::Array(all) => all.iter().flat_map(plain).collect(),
        toml::Value::Table(_) => Vec::new(),
        other => vec![other.to_string()],
    }
}
