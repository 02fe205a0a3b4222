//! Specification of vendor and app settings: names of keys, and a check.

use vendor_api::{ChannelConfig, InvalidSetting, SourceConfig};

/// Keys of one vendor or app, and the check of its section `S`.
pub struct VendorConfigSpec<'a, S> {
    /// Name in `vendor = "…"` or `app = "…"`.
    pub name: &'a str,
    /// Its own keys, besides the common ones.
    pub keys: &'a [&'a str],
    /// Keys of secrets, with dots for inner tables. `KEY_file = "path"` may be used for `KEY = { file = "path" }`.
    pub secrets: &'a [&'a str],
    /// Keys in a reseller's connection.
    pub connection_keys: &'a [&'a str],
    /// Validates its own keys and returns all problems. Makes no calls.
    pub check: fn(&S) -> Vec<InvalidSetting>,
}

/// All vendors and apps.
pub struct VendorConfigSpecs<'a> {
    /// For `[sources]`.
    pub vendors: Vec<VendorConfigSpec<'a, SourceConfig>>,
    /// For `[deliveries]`.
    pub apps: Vec<VendorConfigSpec<'a, ChannelConfig>>,
}

/// Finds a specification by name.
pub(super) fn find_spec<'s, 'a, S>(
    specs: &'s [VendorConfigSpec<'a, S>],
    name: &str,
) -> Option<&'s VendorConfigSpec<'a, S>> {
    specs.iter().find(|spec| spec.name == name)
}
