//! Orders: the whole room over a fake vendor that fails before acting, after acting and again, on both databases.

mod actions;
mod audit;
mod cancellation;
pub(crate) mod database;
mod emulated;
mod faults;
mod flow;
mod ledger;
mod looking_after;
mod reconciliation;
mod refusals;
mod vendor;
mod watching;
mod world;
