//! The GraphQL schema: one module per topic, and the base that all topics share.
//!
//! Resolvers only translate. They contain no business rules and no vendor clients. A topic brings its query, mutation
//! and subscription objects, which `schema.rs` merges into the roots.

pub mod api;
pub mod base;
pub mod json_writer;
pub mod operation;
pub mod root;
pub mod schema;
pub mod subgraph;
pub mod topics;

pub use base::ctx::{Ctx, Services};
pub use base::error::{ApiError, ErrorCode};
pub use base::viewer::{ANONYMOUS, Scope, Viewer};
pub use schema::{ApiSchema, DESCRIPTION, build, execute, sdl};
