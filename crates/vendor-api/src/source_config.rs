//! Configuration of one source or delivery channel: the common settings, already validated, and the vendor's settings, still
//! unparsed.

use std::fmt;

use jiff::tz::TimeZone;

use domain::ids::SourceId;
use domain::money::Currency;
use domain::source::Environment;

/// The section `[sources.<id>]`: the settings common to all vendors, and the vendor's own settings, still unparsed.
#[derive(Clone)]
pub struct SourceConfig {
    /// Key under `[sources]`.
    pub id: SourceId,
    /// Live or sandbox.
    pub environment: Environment,
    /// Base URL of all calls, without a trailing slash.
    pub base_url: String,
    /// Human-readable name of the venue, tenant or host.
    pub institution: String,
    /// Time zone of the source.
    pub time_zone: TimeZone,
    /// Currency of its prices, if the vendor's responses do not contain it.
    pub currency: Option<Currency>,
    /// The vendor's own settings. Secrets are already resolved from their environment variables and files.
    pub vendor_settings: toml::Table,
}

/// Omits the values of the vendor's own settings, because some are secrets.
impl fmt::Debug for SourceConfig {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SourceConfig")
            .field("id", &self.id)
            .field("environment", &self.environment)
            .field("base_url", &self.base_url)
            .field("institution", &self.institution)
            .field("time_zone", &self.time_zone.iana_name())
            .field("currency", &self.currency)
            .field("vendor_settings", &self.vendor_settings.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// The section `[deliveries.<id>]` of a mobile delivery channel.
#[derive(Clone)]
pub struct ChannelConfig {
    /// Key under `[deliveries]`.
    pub id: String,
    /// Source whose tickets are delivered.
    pub source: SourceId,
    /// Base URL of all calls.
    pub url: String,
    /// The app's own settings. Secrets are already resolved from their environment variables and files.
    pub app_settings: toml::Table,
}

/// Omits the values of the app's own settings, because some are secrets.
impl fmt::Debug for ChannelConfig {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ChannelConfig")
            .field("id", &self.id)
            .field("source", &self.source)
            .field("url", &self.url)
            .field("app_settings", &self.app_settings.keys().collect::<Vec<_>>())
            .finish()
    }
}
