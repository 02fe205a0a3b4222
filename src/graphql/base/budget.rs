//! Budget of a response: bounds the number of its fields and list items while it is made.
//!
//! Pages have a size before execution; lists of an order, an event or the schema do not, and each may be selected again
//! inside the other. After the limit every further field is left out at once, and the response becomes an error.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Fields that a response may still have.
pub struct FieldBudget {
    limit: u64,
    used: AtomicU64,
}

impl FieldBudget {
    /// Creates a budget of this many fields.
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, used: AtomicU64::new(0) }
    }

    /// Counts fields. Returns `None` if the limit is exceeded.
    pub fn spend(&self, fields: usize) -> Option<()> {
        let used = self.used.fetch_add(fields as u64, Relaxed).saturating_add(fields as u64);
        (used <= self.limit).then_some(())
    }

    /// Returns the number of fields that a response may have.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Returns true if a response has more fields than allowed.
    pub fn is_exceeded(&self) -> bool {
        self.used.load(Relaxed) > self.limit
    }

    /// Starts again, for the next event of a subscription. Returns the limit if it was exceeded.
    pub(in crate::graphql) fn reset(&self) -> Option<u64> {
        (self.used.swap(0, Relaxed) > self.limit).then_some(self.limit)
    }
}
