//! The composition root: the only module that depends on all others. It wires them and has no rules of its own.

mod accept;
mod auth_setup;
mod check;
mod command;
mod delivery_setup;
mod edge_setup;
mod error;
mod feed_setup;
mod gateway_setup;
mod incoming_webhook_setup;
mod key;
mod ledger_check;
mod limiters;
mod listeners;
mod metrics_collector;
mod options;
mod order_setup;
mod recording;
mod reload;
mod replay;
mod replay_config;
mod reseller_setup;
#[cfg_attr(not(feature = "sandbox"), path = "no_sandbox.rs")]
mod sandbox;
mod shared_redis;
mod sign_in_setup;
mod signals;
mod sources;
mod start;
mod startup_log;
mod vendor_specs;
mod webhook_setup;

pub use accept::{AcceptOptions, Output, accept};
pub use check::{
    CheckOptions, CheckReport, check_online, format_check, format_details, list_assumptions, unsellable_sources,
};
pub use error::StartError;
pub use gateway_setup::{api_settings, export_limits, operation_limits, socket_limits};
pub use incoming_webhook_setup::incoming_webhooks;
pub use key::NewKey;
pub use ledger_check::LedgerCheck;
pub use options::{ReplayOptions, SandboxOptions, ServeOptions};
pub use order_setup::{order_settings, store_settings};
pub use recording::{RecordReport, record};
pub use reload::ConfigLoader;
pub use replay::{RunningReplay, replay_address, run_replay, start_replay};
pub use sandbox::run_sandbox;
pub use start::serve;
pub use vendor_specs::vendor_config_specs;
