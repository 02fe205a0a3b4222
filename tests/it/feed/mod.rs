//! The feed of changes of all kinds.

mod api;
mod export;
mod facts;
mod locks;
mod mirror;
mod recorder;
mod retry;
pub(crate) mod store;

pub(crate) use store::open;
