//! The port of incoming webhooks: requests by which a vendor reports that one of its orders changed.

use crate::ids::ExternalRef;

/// Reads the webhooks of a vendor that does not authenticate them. They are a hint: everything but the number of an order is ignored,
/// and what became of the order is read from the vendor.
pub trait IncomingWebhook: Send + Sync {
    /// Returns the reference of the order that a request names, as holds of the source have it. `None` if it names none. Calls nobody.
    fn find_order(&self, query: &str, body: &[u8]) -> Option<ExternalRef>;
}
