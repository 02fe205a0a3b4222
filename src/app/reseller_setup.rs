//! Builds the resellers from the configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config;
use domain::accounts::AccountConfig;
use domain::{Clock, Source, SourceId};
use feed_recorder::Recorder;
use resellers::{ConnectionObserver, ConnectionSettings, ProductMapping, Readiness, Reseller, Resellers};

/// Builds all resellers over connected sources.
pub(super) fn open(
    config: &config::Config,
    sources: &[Arc<Source>],
    clock: &Arc<dyn Clock>,
    recorder: &Arc<Recorder>,
) -> Resellers {
    for (reseller, source, connection) in connections(config) {
        let settings = format!("{:?} {:?}", connection.commission_percent, connection.mappings);
        recorder.submit_connection(reseller, &source, "settings", &settings, clock.now());
    }
    let resellers = config.resellers.iter().map(|(key, settings)| reseller(key, settings)).collect();
    let observer = Arc::new(ConnectionRecorder(Arc::clone(recorder)));
    Resellers::new(resellers, sources, Arc::clone(clock)).observed_by(observer)
}

/// Records the checks of connections in the feed.
struct ConnectionRecorder(Arc<Recorder>);

impl ConnectionObserver for ConnectionRecorder {
    fn checked(&self, reseller: &str, source: &SourceId, readiness: &Readiness) {
        self.0.submit_connection(reseller, source, "checks", &format!("{:?}", readiness.checks), readiness.checked_at);
    }
}

/// Returns the connections of all resellers, with the key of the reseller and the source.
pub(super) fn connections(config: &config::Config) -> impl Iterator<Item = (&str, SourceId, ConnectionSettings)> {
    config.resellers.iter().flat_map(|(key, settings)| {
        let of_reseller = reseller(key, settings).connections.into_iter();
        of_reseller.map(move |(source, connection)| (key.as_str(), source, connection))
    })
}

/// Converts one configured reseller.
pub(super) fn reseller(key: &str, settings: &config::ResellerConfig) -> Reseller {
    let connections = settings.connections.iter();
    Reseller {
        key: key.to_owned(),
        name: settings.name.clone(),
        connections: connections
            .map(|(source, connection)| (source.clone(), self::connection(&settings.name, connection)))
            .collect(),
    }
}

fn connection(reseller: &str, settings: &config::ConnectionConfig) -> ConnectionSettings {
    let keys: BTreeMap<String, Vec<String>> =
        settings.own.iter().map(|(key, value)| (key.clone(), text_values(value))).collect();
    let mapping = |one: &config::MappingConfig| ProductMapping {
        partner_code: one.partner_code.clone(),
        event: one.event.clone(),
        ticket_type: one.ticket_type.clone(),
    };
    ConnectionSettings {
        account: AccountConfig { reseller: Some(reseller.to_owned()), keys },
        commission_percent: settings.commission_percent,
        mappings: settings.mappings.iter().map(mapping).collect(),
    }
}

/// Returns a value or a list of values as texts.
fn text_values(value: &toml::Value) -> Vec<String> {
    match value {
        toml::Value::String(text) => vec![text.clone()],
        toml::Value::Array(all) => all.iter().flat_map(text_values).collect(),
        toml::Value::Table(_) => Vec::new(),
        other => vec![other.to_string()],
    }
}
