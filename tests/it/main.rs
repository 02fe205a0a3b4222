//! The one integration binary.

mod architecture;
mod config;
mod config_findings;
mod examples;
mod front;
mod graphql;
