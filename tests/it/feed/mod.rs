//! The feed of changes of all kinds.

mod api;
mod export;
mod mirror;
mod store;
