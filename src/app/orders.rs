//! The room of orders, out of the configuration.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use secrecy::ExposeSecret;

use crate::app::start::StartError;
use crate::config::{Config, Connection};
use crate::domain::{Clock, Source, SourceId};
use crate::orders::{LocalBus, Orders, Parts, ResellerAccounts, Rules};
use crate::store::{CredentialKey, connect};

/// Opens the ledger and puts the room together. Nothing runs until it is started.
pub async fn open(
    config: &Config,
    sources: &[Arc<Source>],
    clock: &Arc<dyn Clock>,
    data: &Path,
) -> Result<Orders, StartError> {
    let keys: Vec<CredentialKey> =
        config.ledger.encryption_key.iter().map(|key| CredentialKey::new(*key.expose())).collect();
    let url = if config.built_in {
        std::fs::create_dir_all(data).map_err(|fault| StartError::Machine(data.display().to_string(), fault))?;
        format!("sqlite://{}", data.join("ticketgraph.db").display())
    } else {
        config.ledger.url.expose_secret().to_owned()
    };
    let ledger = connect(&url, &keys).await?;
    Ok(Orders::new(Parts {
        sources: sources.iter().map(|source| Source::clone(source)).collect(),
        ledger,
        bus: Arc::new(LocalBus::default()),
        clock: Arc::clone(clock),
        accounts: Arc::new(Accounts::of(config)),
        rules: rules(config),
    }))
}

/// The numbers that orders go by.
fn rules(config: &Config) -> Rules {
    let orders = &config.orders;
    Rules {
        answer_within: orders.answer,
        call_limit: orders.call_limit,
        lease: config.ledger.lease,
        poll: orders.poll,
        quiet: orders.quiet,
        settle_within: config.ledger.settle_deadline,
        hold_margin: orders.hold_margin,
        quote_ttl: orders.quote,
        max_lines: u32::from(orders.max_lines) as usize,
        max_quantity: orders.max_quantity.into(),
        ..Rules::default()
    }
}

/// What resellers are to the sources: the vendor's own keys of their connections.
struct Accounts(BTreeMap<String, BTreeMap<SourceId, BTreeMap<String, String>>>);

impl Accounts {
    fn of(config: &Config) -> Self {
        let resellers = config.resellers.iter().map(|(name, reseller)| {
            let connections = reseller.connections.iter();
            (name.clone(), connections.map(|(source, connection)| (source.clone(), account(connection))).collect())
        });
        Self(resellers.collect())
    }
}

impl ResellerAccounts for Accounts {
    fn knows(&self, reseller: &str) -> bool {
        self.0.contains_key(reseller)
    }

    fn account(&self, reseller: &str, source: &SourceId) -> Option<BTreeMap<String, String>> {
        self.0.get(reseller)?.get(source).cloned()
    }
}

/// Plain values only: lists of a connection say what it may sell, not how it is sold.
fn account(connection: &Connection) -> BTreeMap<String, String> {
    let plain = connection.own.iter().filter_map(|(key, value)| match value {
        toml::Value::String(text) => Some((key.clone(), text.clone())),
        toml::Value::Integer(number) => Some((key.clone(), number.to_string())),
        _ => None,
    });
    plain.collect()
}
