//! What the configuration must know of the vendors to read their stanzas.

use crate::config::{Shape, Shapes};
use vendor_api::Finding;
use vendor_api::{ChannelStanza, Stanza};
use vendor_registry::{APPS, VENDORS};

/// The table of vendors, as the configuration reads it.
pub fn shapes() -> Shapes<'static> {
    let vendors = VENDORS.iter().map(|vendor| Shape {
        name: vendor.name,
        keys: vendor.keys,
        secrets: vendor.secrets,
        connection_keys: vendor.connection_keys,
        check: Box::new(|stanza: &Stanza| faults((vendor.check)(stanza))),
    });
    let apps = APPS.iter().map(|app| Shape {
        name: app.name,
        keys: app.keys,
        secrets: app.secrets,
        connection_keys: &[],
        check: Box::new(|stanza: &ChannelStanza| faults((app.check)(stanza))),
    });
    Shapes { vendors: vendors.collect(), apps: apps.collect() }
}

fn faults(findings: Vec<Finding>) -> Vec<(String, String)> {
    findings.into_iter().map(|finding| (finding.key, finding.message)).collect()
}
