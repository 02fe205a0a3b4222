//! Partners: resellers, how each is set up in each source, and what it sold there.

mod mapping;
mod readiness;
mod statement;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use rust_decimal::Decimal;

use domain::accounts::{Account, Letter};
use domain::{Clock, EventKey, Money, Source, SourceId};

pub use readiness::{ConnectionState, Readiness, check, check_connection};
pub use statement::{Interval, SalesPoint, StatementRow, sales, statement};

/// Who sells.
#[derive(Debug, Clone)]
pub struct Reseller {
    /// Its key in the configuration.
    pub key: String,
    /// For people.
    pub name: String,
    /// How it is set up, by source.
    pub connections: BTreeMap<SourceId, Connection>,
}

/// How a reseller is set up in one source.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The vendor's own keys.
    pub account: Account,
    /// What the reseller keeps of the retail price, in percent; none: not agreed here.
    pub commission_percent: Option<Decimal>,
    /// The reseller's words for what the source sells.
    pub mappings: Vec<Mapping>,
}

/// The reseller's word for something that a source sells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The reseller's word.
    pub partner_code: String,
    /// The vendor's id of the event.
    pub event: Option<String>,
    /// The vendor's id of the ticket type.
    pub ticket_type: Option<String>,
}

/// Names a connection: the reseller and the source.
pub type ConnectionKey = (String, SourceId);

/// All resellers. Cheap to share.
pub struct Partners {
    resellers: BTreeMap<String, Arc<Reseller>>,
    sources: HashMap<SourceId, Arc<Source>>,
    clock: Arc<dyn Clock>,
    checked: Mutex<HashMap<ConnectionKey, Readiness>>,
}

impl Partners {
    /// The resellers of a configuration, over connected sources.
    pub fn new(resellers: Vec<Reseller>, sources: &[Arc<Source>], clock: Arc<dyn Clock>) -> Self {
        Self {
            resellers: resellers.into_iter().map(|reseller| (reseller.key.clone(), Arc::new(reseller))).collect(),
            sources: sources.iter().map(|source| (source.id.clone(), Arc::clone(source))).collect(),
            clock,
            checked: Mutex::default(),
        }
    }

    /// All resellers, by ascending key.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Reseller>> {
        self.resellers.values()
    }

    /// A reseller by its key.
    pub fn find(&self, reseller: &str) -> Option<&Arc<Reseller>> {
        self.resellers.get(reseller)
    }

    /// The time of day.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The events that a reseller may sell at each source that it is connected to; none: whatever the source shows it.
    pub fn find_allowed(&self, reseller: &str) -> Option<BTreeMap<SourceId, Option<BTreeSet<EventKey>>>> {
        let reseller = self.find(reseller)?;
        let allowed = reseller.connections.iter().map(|(source, connection)| {
            let port = self.sources.get(source).and_then(|source| source.accounts.as_ref());
            (source.clone(), port.and_then(|port| port.events(&connection.account)))
        });
        Some(allowed.collect())
    }

    /// What a reseller keeps of a price at a source. None where there is no such connection, or no rate is agreed.
    pub fn commission(&self, reseller: &str, source: &SourceId, retail: Money) -> Option<Money> {
        let rate = self.find(reseller)?.connections.get(source)?.commission_percent?;
        Some(statement::share(retail, rate))
    }

    /// How ready a connection is: as it was found a short while ago, or asked now. None where there is no such connection.
    pub async fn readiness(&self, reseller: &str, source: &SourceId) -> Option<Readiness> {
        let key = (reseller.to_owned(), source.clone());
        let now = self.clock.now();
        let known = self.checked.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        match known.filter(|known| known.is_recent(now)) {
            Some(known) => Some(known),
            None => self.check(reseller, source).await,
        }
    }

    /// Asks the vendor about a connection now. None where there is no such connection.
    pub async fn check(&self, reseller: &str, source: &SourceId) -> Option<Readiness> {
        let connection = self.find(reseller)?.connections.get(source)?;
        let asked = check_connection(self.sources.get(source)?, connection).await;
        let readiness = Readiness { checks: asked, checked_at: self.clock.now() };
        let key = (reseller.to_owned(), source.clone());
        self.checked.lock().unwrap_or_else(PoisonError::into_inner).insert(key, readiness.clone());
        Some(readiness)
    }

    /// The message of the venue to the reseller. None where there is no such connection, or the vendor has no such message.
    pub fn hand_over(&self, reseller: &str, source: &SourceId) -> Option<Letter> {
        let connection = self.find(reseller)?.connections.get(source)?;
        let port = self.sources.get(source)?.accounts.as_ref()?;
        Some(port.hand_over(&connection.account))
    }
}

#[cfg(test)]
mod tests;
