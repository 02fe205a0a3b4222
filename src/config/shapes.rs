//! What the configuration must know of vendors and apps to read their stanzas: the names of their keys, and a check.

/// What a check of a stanza finds: the key, with dots where it is in an inner table, and what would be right.
pub type Fault = (String, String);

/// Reads a stanza and says all that is wrong with it.
pub type Check<'a, S> = Box<dyn Fn(&S) -> Vec<Fault> + 'a>;

/// The keys of one vendor or app, and its check of a stanza `S`.
pub struct Shape<'a, S> {
    /// What `vendor = "…"` or `app = "…"` says.
    pub name: &'a str,
    /// Its own keys, beside the ones that all share.
    pub keys: &'a [&'a str],
    /// Its keys that hold secrets, with dots where they are in inner tables. `KEY_file = "path"` may stand for
    /// `KEY = { file = "path" }`.
    pub secrets: &'a [&'a str],
    /// Its keys in the connection of a reseller.
    pub connection_keys: &'a [&'a str],
    /// Says all that is wrong with its own part of a stanza. Calls nobody.
    pub check: Check<'a, S>,
}

/// The vendors and the apps that stanzas may name.
pub struct Shapes<'a> {
    /// For `[sources]`.
    pub vendors: Vec<Shape<'a, vendor_api::Stanza>>,
    /// For `[deliveries]`.
    pub apps: Vec<Shape<'a, vendor_api::ChannelStanza>>,
}

/// The shape with a name.
pub(super) fn named<'s, 'a, S>(shapes: &'s [Shape<'a, S>], name: &str) -> Option<&'s Shape<'a, S>> {
    shapes.iter().find(|shape| shape.name == name)
}
