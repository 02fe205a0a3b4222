//! Maps wire types to domain types and back. Pure: no calls, no clock.

pub(crate) mod availability;
pub(crate) mod catalog;
pub(crate) mod family;
pub(crate) mod keys;
pub(crate) mod money;
pub(crate) mod orders;
pub(crate) mod pass;
pub(crate) mod point_of_sale;
pub(crate) mod snapshot;
pub(crate) mod text;
pub(crate) mod time;
