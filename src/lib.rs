//! The service: configuration, GraphQL schema, HTTP gateway and the wiring of the crates.

pub mod app;
pub mod config;
pub mod gateway;
pub mod graphql;
