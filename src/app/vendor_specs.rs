//! Describes the vendors' settings to the configuration.

use crate::config::{VendorConfigSpec, VendorConfigSpecs};
use vendor_registry::{APPS, VENDORS};

/// Returns the settings of all vendors and apps.
pub fn vendor_config_specs() -> VendorConfigSpecs<'static> {
    let vendors = VENDORS.iter().map(|vendor| VendorConfigSpec {
        name: vendor.name,
        keys: vendor.keys,
        secrets: vendor.secrets,
        connection_keys: vendor.connection_keys,
        check: vendor.check,
    });
    let apps = APPS.iter().map(|app| VendorConfigSpec {
        name: app.name,
        keys: app.keys,
        secrets: app.secrets,
        connection_keys: &[],
        check: app.check,
    });
    VendorConfigSpecs { vendors: vendors.collect(), apps: apps.collect() }
}
