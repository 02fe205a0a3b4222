//! `[resellers]`: who sells, and how each is set up in each source.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::config::finding::unknown;
use crate::config::section::Section;
use domain::SourceId;

/// Who sells.
#[derive(Debug, Clone)]
pub struct Reseller {
    /// For people.
    pub name: String,
    /// How it is set up, by source.
    pub connections: BTreeMap<SourceId, Connection>,
}

/// How a reseller is set up in one source.
#[derive(Debug, Clone)]
pub struct Connection {
    /// What the reseller keeps of the retail price, in percent; `None`: not known.
    pub commission_percent: Option<Decimal>,
    /// The reseller's words for what the source sells.
    pub mappings: Vec<Mapping>,
    /// The vendor's own keys.
    pub own: toml::Table,
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

/// The keys that connections have at each source, by the vendor of the source.
pub(super) type ConnectionKeys<'a> = BTreeMap<&'a str, &'a [&'a str]>;

impl Reseller {
    pub(super) fn read(from: &Section<'_>, keys: &ConnectionKeys<'_>) -> Self {
        let connections = from.each("connections", |source, connection| {
            let Some(own) = keys.get(source) else {
                connection.wrong("", unknown("source", source, keys.keys().copied()));
                connection.know_all();
                return None;
            };
            Some((SourceId::new(source), Connection::read(connection, own)))
        });
        Self { name: from.get("name"), connections: connections.into_values().flatten().collect() }
    }
}

impl Connection {
    fn read(from: &Section<'_>, keys: &[&str]) -> Self {
        from.know(keys);
        let own = from.entries().filter(|(key, _)| keys.contains(&key.as_str()));
        Self {
            commission_percent: from.find("commission_percent"),
            mappings: from.list_of("mappings", Mapping::read),
            own: own.map(|(key, node)| (key.clone(), node.to_toml())).collect(),
        }
    }
}

impl Mapping {
    fn read(from: &Section<'_>) -> Self {
        let read = Self {
            partner_code: from.get("partner_code"),
            event: from.find("event"),
            ticket_type: from.find("ticket_type"),
        };
        if read.event.is_none() && read.ticket_type.is_none() && from.clean(&["event", "ticket_type"]) {
            from.wrong("", "maps to nothing: write `event`, `ticket_type` or both");
        }
        read
    }
}
