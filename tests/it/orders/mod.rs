//! Orders over fake and emulated vendors that fail before acting, after acting, and on lookups, on both databases.

mod actions;
mod audit;
mod cancellation;
mod change_feed;
mod change_held;
mod contact;
pub(crate) mod database;
mod emulated;
mod faults;
mod feed;
mod flow;
mod hints;
mod history;
mod limits;
mod listing;
mod migration;
mod missing_tickets;
mod operator;
mod orphans;
mod reconciliation;
mod refresh;
mod rejections;
mod search;
pub(crate) mod store;
pub(crate) mod vendor;
mod vendor_reads;
pub(crate) mod world;
