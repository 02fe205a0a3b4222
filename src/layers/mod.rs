//! The care around each source, as decorators over its ports.

mod budget;
#[cfg(test)]
mod fake;
mod guard;
mod policy;
mod question;
mod stack;

pub use budget::{LocalBudget, Pace};
pub use guard::{Guard, Pulse, describe_metrics};
pub use policy::{BreakerPolicy, BudgetPolicy, Bulkhead, Deadlines, Lifetime, Lifetimes, Nonsense, Policy, Retries};
pub use stack::{Parts, stack};
