//! The settings of `config/default.toml`: tests run on the defaults of the service.

use std::sync::LazyLock;

use store_sql::{LeaseClock, StoreSettings};
use ticketgraph::app;
use ticketgraph::config::Config;
use ticketgraph::gateway::exports::ExportLimits;
use ticketgraph::gateway::operation_limits::OperationLimits;
use ticketgraph::gateway::socket::SocketLimits;
use ticketgraph::graphql::api::ApiSettings;

/// Returns the default configuration.
pub(crate) fn default_config() -> &'static Config {
    static CONFIG: LazyLock<Config> = LazyLock::new(|| {
        let config = Config::load(None, [], &|_| Ok(String::new()), &app::vendor_config_specs());
        config.expect("the default configuration")
    });
    &CONFIG
}

/// Returns the default settings of the schema.
pub(crate) fn default_api_settings() -> ApiSettings {
    app::api_settings(default_config())
}

/// Returns the default operation limits.
pub(crate) fn default_limits() -> OperationLimits {
    app::operation_limits(default_config())
}

/// Returns the default settings of the stores, with leases that go by the manual clock of the test.
pub(crate) fn default_store_settings() -> StoreSettings {
    StoreSettings { lease_clock: LeaseClock::Caller, ..app::store_settings(default_config()) }
}

/// Returns the default limits of WebSocket clients.
pub(crate) fn default_socket_limits() -> SocketLimits {
    app::socket_limits(default_config())
}

/// Returns the default limits of exports.
pub(crate) fn default_export_limits() -> ExportLimits {
    app::export_limits(default_config())
}
