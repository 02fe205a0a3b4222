//! Describes the vendors' settings to the configuration.

use crate::config::{VendorConfigSpec, VendorConfigSpecs};
use vendor_api::InvalidSetting;
use vendor_api::{ChannelConfig, SourceConfig};
use vendor_registry::{APPS, VENDORS};

/// Returns the settings of all vendors and apps.
pub fn vendor_config_specs() -> VendorConfigSpecs<'static> {
    let vendors = VENDORS.iter().map(|vendor| VendorConfigSpec {
        name: vendor.name,
        keys: vendor.keys,
        secrets: vendor.secrets,
        connection_keys: vendor.connection_keys,
        check: Box::new(|source_config: &SourceConfig| key_messages((vendor.check)(source_config))),
    });
    let apps = APPS.iter().map(|app| VendorConfigSpec {
        name: app.name,
        keys: app.keys,
        secrets: app.secrets,
        connection_keys: &[],
        check: Box::new(|source_config: &ChannelConfig| key_messages((app.check)(source_config))),
    });
    VendorConfigSpecs { vendors: vendors.collect(), apps: apps.collect() }
}

fn key_messages(diagnostics: Vec<InvalidSetting>) -> Vec<(String, String)> {
    diagnostics.into_iter().map(|setting| (setting.key, setting.message)).collect()
}
