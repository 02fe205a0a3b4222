//! `[resellers]`: resellers and their connections to sources.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::config::contact::read_contact;
use crate::config::diagnostic::unknown_name;
use crate::config::section::Section;
use domain::SourceId;
use domain::ordering::Contact;

/// A reseller.
#[derive(Debug, Clone)]
pub struct ResellerConfig {
    /// Display name.
    pub name: String,
    /// Contact under which its orders are held before the visitor is known.
    pub contact: Option<Contact>,
    /// Connections by source.
    pub connections: BTreeMap<SourceId, ConnectionConfig>,
}

/// Connection of a reseller to one source.
#[derive(Debug, Clone)]
pub struct ConnectionConfig {
    /// Reseller's commission in percent of the retail price; `None`: unknown.
    pub commission_percent: Option<Decimal>,
    /// Reseller's codes for products of the source.
    pub mappings: Vec<MappingConfig>,
    /// The vendor's own keys.
    pub own: toml::Table,
}

/// Reseller's code for a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingConfig {
    /// The code.
    pub partner_code: String,
    /// Vendor's event id.
    pub event: Option<String>,
    /// Vendor's ticket type id.
    pub ticket_type: Option<String>,
}

/// Allowed connection keys of each source, by its vendor.
pub(super) type ConnectionKeys<'a> = BTreeMap<&'a str, &'a [&'a str]>;

impl ResellerConfig {
    pub(super) fn read(from: &Section<'_>, keys: &ConnectionKeys<'_>) -> Self {
        let connections = from.read_each("connections", |source, connection| {
            let Some(own) = keys.get(source) else {
                connection.report("", unknown_name("source", source, keys.keys().copied()));
                connection.mark_all_known();
                return None;
            };
            Some((SourceId::new(source), ConnectionConfig::read(connection, own)))
        });
        let contact = from.read_table("contact", read_contact);
        Self { name: from.get("name"), contact, connections: connections.into_values().flatten().collect() }
    }
}

impl ConnectionConfig {
    fn read(from: &Section<'_>, keys: &[&str]) -> Self {
        from.mark_known(keys);
        let own = from.entries().filter(|(key, _)| keys.contains(&key.as_str()));
        Self {
            commission_percent: from.find("commission_percent"),
            mappings: from.read_list("mappings", MappingConfig::read),
            own: own.map(|(key, node)| (key.clone(), node.to_toml())).collect(),
        }
    }
}

impl MappingConfig {
    fn read(from: &Section<'_>) -> Self {
        let read = Self {
            partner_code: from.get("partner_code"),
            event: from.find("event"),
            ticket_type: from.find("ticket_type"),
        };
        if read.event.is_none() && read.ticket_type.is_none() && from.is_clean(&["event", "ticket_type"]) {
            from.report("", "maps to nothing: write `event`, `ticket_type` or both");
        }
        read
    }
}
