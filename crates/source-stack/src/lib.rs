//! The care around each source, as decorators over its ports.
//!
//! A catalogue goes through all of them; the other ports are only guarded, since a write must never be answered from memory or
//! shared with somebody else. The order is told in `stack`, and why each layer stands where it stands at the head of its file.

mod batch;
mod budget;
mod cache;
mod coalesce;
mod guard;
mod policy;
mod question;
mod stack;

pub use budget::{LocalBudget, Pace};
pub use cache::{Cache, CacheStore, Heard, Invalidation};
pub use guard::{Breaker, Guard, Leave, Pulse, Verdict};
pub use policy::{BreakerPolicy, BudgetPolicy, Bulkhead, Deadlines, Lifetime, Lifetimes, Nonsense, Policy, Retries};
pub use stack::{Parts, stack};

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;
