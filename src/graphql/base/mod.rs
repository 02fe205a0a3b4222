//! The base of the schema, which every topic uses and which uses no topic: scalars, ids, errors, loaders, the viewer and
//! the request context.

pub mod budget;
pub mod cache_validity;
pub mod callers;
pub mod cost;
pub mod ctx;
pub mod deferred;
pub mod error;
pub mod id;
pub mod loaders;
pub(in crate::graphql) mod localized_money;
pub mod page;
pub(in crate::graphql) mod resolve_fields;
pub mod scalars;
pub mod viewer;
