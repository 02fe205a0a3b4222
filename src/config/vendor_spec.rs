//! Specification of vendor and app settings: names of keys, and a check.

/// Diagnostic of a check: the key, with dots for inner tables, and the expected value.
pub type KeyMessage = (String, String);

/// Validates a section and returns all problems.
pub(super) type Check<'a, S> = Box<dyn Fn(&S) -> Vec<KeyMessage> + 'a>;

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
    /// Validates its own keys. Makes no calls.
    pub check: Check<'a, S>,
}

/// All vendors and apps.
pub struct VendorConfigSpecs<'a> {
    /// For `[sources]`.
    pub vendors: Vec<VendorConfigSpec<'a, vendor_api::SourceConfig>>,
    /// For `[deliveries]`.
    pub apps: Vec<VendorConfigSpec<'a, vendor_api::ChannelConfig>>,
}

/// Finds a specification by name.
pub(super) fn find_spec<'s, 'a, S>(
    specs: &'s [VendorConfigSpec<'a, S>],
    name: &str,
) -> Option<&'s VendorConfigSpec<'a, S>> {
    specs.iter().find(|spec| spec.name == name)
}
