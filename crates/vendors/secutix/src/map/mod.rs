//! From their words to ours, and back. Pure: nobody is called, no clock is read.

pub(crate) mod availability;
pub(crate) mod catalog;
pub(crate) mod keys;
pub(crate) mod money;
pub(crate) mod order;
pub(crate) mod pass;
pub(crate) mod snapshot;
pub(crate) mod text;
pub(crate) mod till;
pub(crate) mod time;
