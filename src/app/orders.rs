//! The room of orders, out of the configuration.

use std::collections::BTreeMap;

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use secrecy::ExposeSecret;

use crate::app::start::StartError;
use crate::config::{self, Config, Connection};
use domain::{Clock, Source, SourceId};
use orders::{ChangeBus, Orders, Parts, Rules, SellingAccounts, Terms};
use store_sql::{CredentialKey, Ledgers};

/// Opens the ledgers and puts the room together. Nothing runs until it is started.
pub async fn open(
    config: &Config,
    sources: &[Arc<Source>],
    clock: &Arc<dyn Clock>,
    data: &Path,
    (bus, accounts): (Arc<dyn ChangeBus>, Arc<Accounts>),
) -> Result<(Orders, Ledgers), StartError> {
    let url = if config.built_in {
        std::fs::create_dir_all(data).map_err(|fault| StartError::Machine(data.display().to_string(), fault))?;
        format!("sqlite://{}", data.join("ticketgraph.db").display())
    } else {
        config.ledger.url.expose_secret().to_owned()
    };
    let key = match &config.ledger.encryption_key {
        Some(key) => CredentialKey::new(*key.expose()),
        None => kept_key(&key_file(&url, data))?,
    };
    let ledgers = store_sql::open(&url, &[key], config.ledger.connections.into()).await?;
    let orders = Orders::new(Parts {
        sources: sources.iter().map(|source| Source::clone(source)).collect(),
        ledger: Arc::clone(&ledgers.orders),
        bus,
        clock: Arc::clone(clock),
        accounts,
        rules: rules(config),
    });
    Ok((orders, ledgers))
}

/// Where a key that nobody configured is kept: beside a SQLite file, in the data folder otherwise.
fn key_file(url: &str, data: &Path) -> PathBuf {
    let file =
        url.strip_prefix("sqlite:").map(|path| path.trim_start_matches("//").split('?').next().unwrap_or_default());
    match file.filter(|path| !path.is_empty() && !path.contains(":memory:")) {
        Some(path) => PathBuf::from(format!("{path}.key")),
        None => data.join("ledger.key"),
    }
}

/// Reads the key of codes at rest, or draws and keeps one. Several replicas need the same: they configure it.
fn kept_key(file: &Path) -> Result<CredentialKey, StartError> {
    let told = |fault: std::io::Error| StartError::Machine(file.display().to_string(), fault);
    let mut bytes = [0; 32];
    match std::fs::read(file) {
        Ok(kept) if kept.len() == bytes.len() => bytes.copy_from_slice(&kept),
        Ok(_) => return Err(told(std::io::Error::other("is no key: it must hold 32 bytes"))),
        Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => {
            aws_lc_rs::rand::fill(&mut bytes).map_err(|_| told(std::io::Error::other("no key could be drawn")))?;
            if let Some(folder) = file.parent() {
                std::fs::create_dir_all(folder).map_err(told)?;
            }
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create_new(true).mode(0o600);
            options.open(file).and_then(|mut out| out.write_all(&bytes)).map_err(told)?;
            tracing::warn!(file = %file.display(), "no ledger.encryption_key is configured: one was drawn and is kept here");
        }
        Err(fault) => return Err(told(fault)),
    }
    Ok(CredentialKey::new(bytes))
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
        keep_keys: config.ledger.keep_keys,
        max_lines: u32::from(orders.max_lines) as usize,
        max_quantity: orders.max_quantity.into(),
        look_after: orders.look_after,
        terms: config
            .sources
            .iter()
            .filter_map(|(id, source)| Some((id.clone(), terms(source.terms.as_ref()?))))
            .collect(),
        ..Rules::default()
    }
}

/// What cancelling costs at a source, in hundredths of a percent.
fn terms(told: &config::Terms) -> Terms {
    let fee = (told.fee_percent * Decimal::ONE_HUNDRED).to_u32().unwrap_or(u32::MAX);
    Terms { until_before_start: told.until_before_start.unwrap_or_default(), fee }
}

/// What resellers are to the sources: the vendor's own keys of their connections.
pub struct Accounts(ArcSwap<Keys>);

/// By reseller and source.
type Keys = BTreeMap<String, BTreeMap<SourceId, BTreeMap<String, String>>>;

impl Accounts {
    /// Those of a configuration.
    pub fn of(config: &Config) -> Self {
        Self(ArcSwap::from_pointee(keys(config)))
    }

    /// From now on those of another configuration.
    pub fn replace(&self, config: &Config) {
        self.0.store(Arc::new(keys(config)));
    }
}

fn keys(config: &Config) -> Keys {
    let resellers = config.resellers.iter().map(|(name, reseller)| {
        let connections = reseller.connections.iter();
        (name.clone(), connections.map(|(source, connection)| (source.clone(), account(connection))).collect())
    });
    resellers.collect()
}

impl SellingAccounts for Accounts {
    fn knows(&self, reseller: &str) -> bool {
        self.0.load().contains_key(reseller)
    }

    fn account(&self, reseller: &str, source: &SourceId) -> Option<BTreeMap<String, String>> {
        self.0.load().get(reseller)?.get(source).cloned()
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
