//! The integration test binary.

mod architecture;
mod audit;
mod config;
mod config_diagnostics;
mod contract;
mod default_config;
mod deliveries;
mod docs;
mod documents;
mod edge;
mod edits;
mod examples;
mod feed;
mod gateway;
mod graphql;
mod layers;
mod octo_facade;
mod operation;
mod orders;
mod other_readings;
mod process;
mod process_accept;
mod process_check;
mod process_commands;
mod process_documents;
mod process_failover;
mod process_history;
mod process_incoming_webhooks;
mod process_limits;
mod process_notifications;
mod process_octo_loop;
mod process_orders;
mod process_recordings;
mod process_resellers;
mod process_sandbox;
mod process_scopes;
mod process_tls;
mod resellers;
mod sessions;
mod sign_in_config;
mod soak;
mod source_records;
mod statements;
mod vendor_operations;
mod webhooks;

/// The allocator of the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
