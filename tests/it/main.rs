//! The one integration binary.

mod architecture;
mod config;
mod config_findings;
mod contract;
mod delivery;
mod docs;
mod edits;
mod examples;
mod front;
mod graphql;
mod layers;
mod operation;
mod orders;
mod partners;
mod process;
mod process_commands;
mod process_documents;
mod process_orders;
mod process_resellers;
mod process_sandbox;
mod process_tls;
mod walk;
