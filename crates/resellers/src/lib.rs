//! Resellers, their connections to sources, and their sales.

mod mapping;
mod readiness;
mod statement;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use rust_decimal::Decimal;

use domain::accounts::{AccountConfig, CheckOutcome, HandoverMessage, WriteProbes};
use domain::{Clock, Environment, EventKey, Money, Source, SourceId};

pub use readiness::{ConnectionState, Readiness, check_account, check_connection};
pub use statement::{
    SalesInterval, SalesPoint, SellerStatement, StatementRow, TimeZones, breakdown, sale_periods, sales,
    seller_statements, statement,
};

/// Reseller.
#[derive(Debug, Clone)]
pub struct Reseller {
    /// Key in the configuration.
    pub key: String,
    /// Display name.
    pub name: String,
    /// Connection settings by source.
    pub connections: BTreeMap<SourceId, ConnectionSettings>,
}

/// Connection of a reseller to one source.
#[derive(Debug, Clone)]
pub struct ConnectionSettings {
    /// Account settings of the vendor.
    pub account: AccountConfig,
    /// Commission of the reseller in percent of the retail price. `None` if no rate is configured.
    pub commission_percent: Option<Decimal>,
    /// Mappings from the reseller's product codes to products of the source.
    pub mappings: Vec<ProductMapping>,
}

/// Mapping from a product code of the reseller to a product of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductMapping {
    /// Product code of the reseller.
    pub partner_code: String,
    /// Event ID of the vendor.
    pub event: Option<String>,
    /// Ticket type ID of the vendor.
    pub ticket_type: Option<String>,
}

/// Identifies a connection by reseller and source.
pub type ConnectionKey = (String, SourceId);

/// Receives the checks of connections. It must return at once.
pub trait ConnectionObserver: Send + Sync {
    /// Receives the result of a check.
    fn checked(&self, reseller: &str, source: &SourceId, readiness: &Readiness);
}

/// All configured resellers. Cheap to share.
pub struct Resellers {
    resellers: BTreeMap<String, Arc<Reseller>>,
    sources: HashMap<SourceId, Arc<Source>>,
    clock: Arc<dyn Clock>,
    readiness_cache: Mutex<HashMap<ConnectionKey, Readiness>>,
    observer: Option<Arc<dyn ConnectionObserver>>,
}

impl Resellers {
    /// Creates the resellers of a configuration over connected sources.
    pub fn new(resellers: Vec<Reseller>, sources: &[Arc<Source>], clock: Arc<dyn Clock>) -> Self {
        Self {
            resellers: resellers.into_iter().map(|reseller| (reseller.key.clone(), Arc::new(reseller))).collect(),
            sources: sources.iter().map(|source| (source.id.clone(), Arc::clone(source))).collect(),
            clock,
            readiness_cache: Mutex::default(),
            observer: None,
        }
    }

    /// Passes the result of each check on to an observer.
    #[must_use]
    pub fn observed_by(self, observer: Arc<dyn ConnectionObserver>) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// Lists all resellers by ascending key.
    pub fn list(&self) -> impl Iterator<Item = &Arc<Reseller>> {
        self.resellers.values()
    }

    /// Finds a reseller by its key.
    pub fn find(&self, reseller: &str) -> Option<&Arc<Reseller>> {
        self.resellers.get(reseller)
    }

    /// Returns the clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Finds the events that a reseller may sell, by connected source. `None` for a source means every event that the
    /// source exposes to it.
    pub fn find_allowed_events(&self, reseller: &str) -> Option<BTreeMap<SourceId, Option<BTreeSet<EventKey>>>> {
        let reseller = self.find(reseller)?;
        let allowed = reseller.connections.iter().map(|(source, connection)| {
            let port = self.sources.get(source).and_then(|source| source.accounts.as_ref());
            (source.clone(), port.and_then(|port| port.sellable_events(&connection.account)))
        });
        Some(allowed.collect())
    }

    /// Returns the commission of a reseller on a price at a source. `None` if there is no such connection or no rate
    /// is configured.
    pub fn commission(&self, reseller: &str, source: &SourceId, retail: Money) -> Option<Money> {
        let rate = self.find(reseller)?.connections.get(source)?.commission_percent?;
        Some(statement::percentage_of(retail, rate))
    }

    /// Returns the readiness of a connection, cached for five minutes. `None` if there is no such connection.
    pub async fn readiness(&self, reseller: &str, source: &SourceId) -> Option<Readiness> {
        let key = (reseller.to_owned(), source.clone());
        let now = self.clock.now();
        let cached = self.readiness_cache.lock().get(&key).cloned();
        match cached.filter(|cached| cached.is_fresh(now)) {
            Some(cached) => Some(cached),
            None => self.check_now(reseller, source).await,
        }
    }

    /// Checks a connection at the vendor now. `None` if there is no such connection.
    pub async fn check_now(&self, reseller: &str, source: &SourceId) -> Option<Readiness> {
        let connection = self.find(reseller)?.connections.get(source)?;
        let source_checked = self.sources.get(source)?;
        // At a live venue nothing is sent that may write, only because somebody looks at a page.
        let writes = match source_checked.environment {
            Environment::Sandbox => WriteProbes::Allowed,
            Environment::Live => WriteProbes::Never,
        };
        let mut checks = check_connection(source_checked, connection, writes).await;
        checks.retain(|check| !matches!(check.outcome, CheckOutcome::NotTried(_)));
        let readiness = Readiness { checks, checked_at: self.clock.now() };
        let key = (reseller.to_owned(), source.clone());
        self.readiness_cache.lock().insert(key, readiness.clone());
        if let Some(observer) = &self.observer {
            observer.checked(reseller, source, &readiness);
        }
        Some(readiness)
    }

    /// Returns the handover letter of the venue to the reseller. `None` if there is no such connection or the vendor
    /// has no such letter.
    pub fn handover_letter(&self, reseller: &str, source: &SourceId) -> Option<HandoverMessage> {
        let connection = self.find(reseller)?.connections.get(source)?;
        let port = self.sources.get(source)?.accounts.as_ref()?;
        Some(port.handover_message(&connection.account))
    }
}

#[cfg(test)]
mod tests;
