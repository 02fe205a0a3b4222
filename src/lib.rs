//! ticketgraph: one GraphQL API over many ticketing vendors. The rooms, in reading order.

pub mod app;
pub mod config;
pub mod delivery;
pub mod domain;
pub mod edits;
pub mod federation;
pub mod graphql;
pub mod layers;
pub mod orders;
pub mod partners;
pub mod sandbox;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod transport;
pub mod vendors;
