//! The interface between the service and its vendor crates: the row of a vendor, its configuration and what it is connected with.

mod assumptions;
mod source_config;
mod unknown_words;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::TaskTracker;

use domain::mobile::AppChannel;
use domain::{Clock, Health, Quota, SnapshotStore, Source, VendorKind};
use http_client::VendorHttpClient;

pub use assumptions::{ASSUMPTIONS, Accepts, Assumption, AssumptionInForce, Assumptions};
pub use source_config::{ChannelConfig, SourceConfig};
pub use unknown_words::UnknownWords;

/// Infrastructure passed to a source when it is connected.
pub struct ConnectContext {
    /// Outbound HTTP client of the source.
    pub http: VendorHttpClient,
    /// Clock for everything that depends on the time of day.
    pub clock: Arc<dyn Clock>,
    /// Health of the source, maintained by the resilience layer.
    pub health: Arc<dyn Health>,
    /// Tracks the tasks that the source spawns.
    pub tracker: TaskTracker,
    /// Store of what the source keeps over restarts. `None`: it keeps nothing.
    pub kept: Option<KeptSnapshots>,
}

/// Store of snapshots, with the names of a source in it.
#[derive(Clone)]
pub struct KeptSnapshots {
    /// Store.
    pub store: Arc<dyn SnapshotStore>,
    /// Name of the account, whose snapshots no other account sees.
    pub account: String,
    /// Name of the institution, whose accounts share the vendor's limits.
    pub institution: String,
}

/// An invalid setting of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidSetting {
    /// The key, relative to the source's configuration.
    pub key: String,
    /// Explains the problem and the expected value. Contains no secret.
    pub message: String,
}

impl InvalidSetting {
    /// Creates a diagnostic for a key.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into() }
    }
}

/// Registry row of a vendor.
pub struct Vendor {
    /// Value of `vendor = "…"` in the configuration.
    pub name: &'static str,
    /// The vendor in the GraphQL schema.
    pub kind: VendorKind,
    /// Keys of its sources, in addition to the shared keys.
    pub keys: &'static [&'static str],
    /// Keys that hold secrets, written as `{ env = … }` or `{ file = … }`. A dot addresses a nested table:
    /// `settlement.instrument` may also be written as `settlement = { instrument_file = "path" }`.
    pub secrets: &'static [&'static str],
    /// Keys of a reseller's connection, in addition to `commission_percent` and `mappings`.
    pub connection_keys: &'static [&'static str],
    /// Inferred facts that the configuration can correct.
    pub assumptions: &'static [Assumption],
    /// Documented request quota of an account; a configured quota takes precedence.
    pub quota: Option<Quota>,
    /// Documented request quota of each endpoint that the vendor limits by itself; a configured quota takes precedence.
    pub endpoint_quota: Option<Quota>,
    /// Pause after a rate-limit response that names none; a configured pause takes precedence.
    pub rate_limit_pause: Duration,
    /// Validates the configuration of a source without any network call.
    pub check: fn(&SourceConfig) -> Vec<InvalidSetting>,
    /// Builds the source without any network call.
    pub connect: fn(SourceConfig, ConnectContext) -> Result<Source, Vec<InvalidSetting>>,
}

/// Registry row of a mobile delivery app.
pub struct DeliveryApp {
    /// Value of `app = "…"` in the configuration.
    pub name: &'static str,
    /// Keys of its channels, in addition to the shared keys.
    pub keys: &'static [&'static str],
    /// Keys that hold secrets.
    pub secrets: &'static [&'static str],
    /// Inferred facts that the configuration can correct.
    pub assumptions: &'static [Assumption],
    /// Pause after a rate-limit response that names none; a configured pause takes precedence.
    pub rate_limit_pause: Duration,
    /// Validates the configuration of a source without any network call.
    pub check: fn(&ChannelConfig) -> Vec<InvalidSetting>,
    /// Builds the channel without any network call.
    pub connect: fn(ChannelConfig, VendorHttpClient) -> Result<AppChannel, Vec<InvalidSetting>>,
}
