//! The feed of changes of all kinds.

mod api;
mod store;

pub(crate) use store::open;
