//! The GraphQL schema: a folder a topic, and beside them what all topics share.
//!
//! Resolvers translate; they hold no rule of business and no client. A topic brings its query (later its mutation) object,
//! which `schema.rs` merges into the root.

pub mod admissions;
pub mod api;
pub mod authoring;
pub mod catalog;
pub mod cost;
pub mod ctx;
pub mod delivery;
pub mod editing;
pub mod error;
pub mod id;
pub mod loaders;
pub mod orders;
pub mod page;
pub mod partners;
pub mod problem;
pub mod promise;
pub mod root;
pub mod scalars;
pub mod schema;
pub mod sources;
pub mod subgraph;
pub mod viewer;
pub mod writer;

pub use ctx::{Ctx, Services};
pub use error::{Code, Fault};
pub use schema::{ApiSchema, Limits, build, execute, sdl};
pub use viewer::{Scope, Viewer};
