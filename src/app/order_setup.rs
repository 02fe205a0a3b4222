//! Builds the orders from the configuration.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use secrecy::ExposeSecret;
use url::Url;

use crate::app::error::StartError;
use crate::config::{self, Config, LedgerPooler};
use domain::ordering::Contact;
use domain::{Clock, Source, SourceId};
use orders::{CancellationPolicy, ChangeBus, OrderSettings, Orders, OrdersDependencies, SellingAccounts};
use store_sql::{CredentialKey, LeaseClock, Pooler, StoreSettings, StoreUrls, Stores};

/// Opens the stores.
pub(super) async fn open_stores(config: &Config, data: &Path) -> Result<Stores, StartError> {
    let url =
        if config.built_in {
            DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(|error| {
                StartError::Io(format!("the data folder {} cannot be created", data.display()), error)
            })?;
            format!("sqlite://{}", data.join("ticketgraph.db").display())
        } else {
            config.ledger.url.expose_secret().to_owned()
        };
    let key = match &config.ledger.encryption_key {
        Some(key) => CredentialKey::new(*key.expose()),
        None => load_or_create_key(&key_file(&url, data))?,
    };
    let migrations = config.ledger.migration_url.as_ref().map(ExposeSecret::expose_secret);
    let urls = StoreUrls { stores: &url, migrations };
    let opened = store_sql::open_stores(urls, &[key], &store_settings(config)).await;
    opened.map_err(|error| StartError::Ledger { address: ledger_address(&url), error })
}

/// Opens the stores of a service that may be running, for a command beside it. `None` if the service has not created its SQLite file
/// yet. A PostgreSQL server is contacted in any case, so that a wrong password is reported.
pub(super) async fn attach_stores(config: &Config) -> Result<Option<Stores>, StartError> {
    let url = config.ledger.url.expose_secret();
    let key = match &config.ledger.encryption_key {
        Some(key) => CredentialKey::new(*key.expose()),
        None => {
            let file = key_file(url, &data_folder(None));
            if file.exists() { load_or_create_key(&file)? } else { unstored_key()? }
        }
    };
    let attached = store_sql::attach_stores(url, &[key], &store_settings(config)).await;
    attached.map_err(|error| StartError::Ledger { address: ledger_address(url), error })
}

/// Generates a key for stores of which only snapshots and health are used: neither is encrypted, so any key will do. It is not
/// stored, because the service generates its own at its first start.
fn unstored_key() -> Result<CredentialKey, StartError> {
    CredentialKey::generate().map_err(|error| StartError::Io("a key for the ledger".to_owned(), error))
}

/// Returns the URL of a ledger without user, password and parameters.
pub(super) fn ledger_address(url: &str) -> String {
    let Ok(mut url) = Url::parse(url) else { return "with the configured url".to_owned() };
    url.set_query(None);
    // Fails for URLs that have neither.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    url.to_string()
}

/// Returns the data folder: the named one, or the user's data folder by the XDG rules.
pub(super) fn data_folder(named: Option<&Path>) -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    named.map(Path::to_path_buf).unwrap_or_else(|| {
        variable("XDG_DATA_HOME")
            .or_else(|| variable("HOME").map(|home| home.join(".local/share")))
            .unwrap_or_else(std::env::temp_dir)
            .join("ticketgraph")
    })
}

/// Builds the orders. Nothing runs until they are started.
pub(super) fn build(
    config: &Config,
    sources: Vec<Source>,
    stores: &Stores,
    clock: &Arc<dyn Clock>,
    bus: Arc<dyn ChangeBus>,
    accounts: Arc<ConfiguredAccounts>,
) -> Orders {
    Orders::new(OrdersDependencies {
        sources,
        store: Arc::clone(&stores.orders),
        bus,
        clock: Arc::clone(clock),
        accounts,
        settings: order_settings(config),
    })
}

/// Returns the path of a generated key: beside a SQLite file, otherwise in the data folder.
fn key_file(url: &str, data: &Path) -> PathBuf {
    let file =
        url.strip_prefix("sqlite:").map(|path| path.trim_start_matches("//").split('?').next().unwrap_or_default());
    match file.filter(|path| !path.is_empty() && !path.contains(":memory:")) {
        Some(path) => PathBuf::from(format!("{path}.key")),
        None => data.join("ledger.key"),
    }
}

/// Reads the encryption key of ticket codes, or generates and stores one. Replicas need the same key, so it has to be
/// configured for them.
fn load_or_create_key(file: &Path) -> Result<CredentialKey, StartError> {
    if !file.exists() {
        tracing::warn!(file = %file.display(), "no ledger.encryption_key is configured: a key is generated and stored here");
    }
    CredentialKey::load_or_create(file)
        .map_err(|error| StartError::Io(format!("the key file {}", file.display()), error))
}

/// Returns the settings of the stores.
pub fn store_settings(config: &Config) -> StoreSettings {
    let ledger = &config.ledger;
    StoreSettings {
        connections: ledger.connections.into(),
        report_connections: ledger.report_connections.into(),
        count_timeout: ledger.count_timeout,
        migration_lock_timeout: ledger.migration_lock_timeout,
        migration_timeout: ledger.migration_timeout,
        statement_timeout: ledger.statement_timeout,
        lock_timeout: ledger.lock_timeout,
        idle_transaction_timeout: ledger.idle_transaction_timeout,
        feed_timeout: ledger.feed_timeout,
        lease_clock: LeaseClock::Database,
        pooler: match ledger.pooler {
            LedgerPooler::None => Pooler::None,
            LedgerPooler::Transaction => Pooler::Transaction,
        },
    }
}

/// Returns the settings of orders.
pub fn order_settings(config: &Config) -> OrderSettings {
    let orders = &config.orders;
    OrderSettings {
        response_timeout: orders.response_timeout,
        call_timeout: orders.call_timeout,
        promise: orders.promise,
        lease: config.ledger.lease,
        poll_interval: orders.poll_interval,
        late_arrival_window: orders.late_arrival_window,
        tickets_overdue_after: orders.tickets_overdue_after,
        settle_deadline: config.ledger.settle_deadline,
        hold_margin: orders.hold_margin,
        quote_ttl: orders.quote_ttl,
        idempotency_ttl: config.ledger.idempotency_ttl,
        max_lines: u32::from(orders.max_lines) as usize,
        max_quantity: orders.max_quantity.into(),
        refresh_interval: orders.refresh_interval,
        hint_interval: config.incoming_webhooks.lookup_interval,
        max_pending_hints: config.incoming_webhooks.pending.get(),
        cancellation_policies: config
            .sources
            .iter()
            .filter_map(|(id, source)| Some((id.clone(), cancellation_terms(source.cancellation_terms.as_ref()?))))
            .collect(),
    }
}

/// Cancellation terms of a source; the fee is in hundredths of a percent.
fn cancellation_terms(terms: &config::CancellationTermsConfig) -> CancellationPolicy {
    let fee = (terms.fee_percent * Decimal::ONE_HUNDRED).to_u32().unwrap_or(u32::MAX);
    CancellationPolicy { until_before_start: terms.until_before_start.unwrap_or_default(), fee }
}

/// Reseller accounts at the sources, for order planning: the vendor's own keys of each connection.
pub(super) struct ConfiguredAccounts(ArcSwap<Accounts>);

/// Accounts of the resellers and of the operator's own shop.
struct Accounts {
    /// Account keys by reseller and source.
    keys: BTreeMap<String, BTreeMap<SourceId, BTreeMap<String, String>>>,
    /// Contacts of resellers that have one.
    contacts: BTreeMap<String, Contact>,
    own_contact: Option<Contact>,
}

impl ConfiguredAccounts {
    /// Reads the accounts of a configuration.
    pub(super) fn from_config(config: &Config) -> Self {
        Self(ArcSwap::from_pointee(Accounts::from_config(config)))
    }

    /// Replaces the accounts by those of another configuration.
    pub(super) fn replace(&self, config: &Config) {
        self.0.store(Arc::new(Accounts::from_config(config)));
    }
}

impl Accounts {
    fn from_config(config: &Config) -> Self {
        let keys = config.resellers.iter().map(|(name, reseller)| {
            let connections = reseller.connections.iter();
            (name.clone(), connections.map(|(source, connection)| (source.clone(), account(&connection.own))).collect())
        });
        let contacts =
            config.resellers.iter().filter_map(|(name, reseller)| Some((name.clone(), reseller.contact.clone()?)));
        Self { keys: keys.collect(), contacts: contacts.collect(), own_contact: config.orders.contact.clone() }
    }
}

impl SellingAccounts for ConfiguredAccounts {
    fn has_reseller(&self, reseller: &str) -> bool {
        self.0.load().keys.contains_key(reseller)
    }

    fn contact(&self, reseller: Option<&str>) -> Option<Contact> {
        let accounts = self.0.load();
        match reseller {
            Some(reseller) => accounts.contacts.get(reseller).cloned(),
            None => accounts.own_contact.clone(),
        }
    }

    fn account(&self, reseller: &str, source: &SourceId) -> Option<BTreeMap<String, String>> {
        self.0.load().keys.get(reseller)?.get(source).cloned()
    }
}

/// Returns the scalars only: the lists of a connection say what it may sell, not how it is identified.
pub(super) fn account(own: &toml::Table) -> BTreeMap<String, String> {
    let plain = own.iter().filter_map(|(key, value)| match value {
        toml::Value::String(text) => Some((key.clone(), text.clone())),
        toml::Value::Integer(number) => Some((key.clone(), number.to_string())),
        _ => None,
    });
    plain.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn attach(url: &str) -> Result<Option<Stores>, StartError> {
        let mut config = Config::load(None, [], &|_| Ok(String::new()), &crate::app::vendor_config_specs())
            .unwrap_or_else(|_| unreachable!("the built-in configuration is valid"));
        config.ledger.url = url.into();
        config.ledger.encryption_key = None;
        attach_stores(&config).await
    }

    #[tokio::test]
    async fn without_a_key_only_a_missing_sqlite_file_counts_as_absent() {
        // Nothing listens at port 1.
        assert!(attach("postgres://nobody@127.0.0.1:1/none").await.is_err(), "a dead server is reported");
        assert!(matches!(attach("sqlite:///nonexistent/ledger.db").await, Ok(None)));
    }
}
