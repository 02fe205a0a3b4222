//! The settings of one source or delivery channel, read and checked in general, before its vendor reads its own part.

use std::fmt;

use jiff::tz::TimeZone;

use domain::ids::SourceId;
use domain::money::Currency;
use domain::source::Environment;

/// What `[sources.<id>]` says: the keys that all vendors share, and the vendor's own ones still unread.
#[derive(Clone)]
pub struct Stanza {
    /// The key under `[sources]`.
    pub id: SourceId,
    /// Real or for trying out.
    pub environment: Environment,
    /// The address that all calls start from, without a trailing slash.
    pub base_url: String,
    /// The venue, tenant or host, for people.
    pub institution: String,
    /// The zone of the source.
    pub time_zone: TimeZone,
    /// The currency of its prices, where the vendor does not say it on the wire.
    pub currency: Option<Currency>,
    /// The vendor's own keys, secrets already read from where they are kept.
    pub own: toml::Table,
}

/// Shows no value of the vendor's own keys: some are secrets.
impl fmt::Debug for Stanza {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Stanza")
            .field("id", &self.id)
            .field("environment", &self.environment)
            .field("base_url", &self.base_url)
            .field("institution", &self.institution)
            .field("time_zone", &self.time_zone.iana_name())
            .field("currency", &self.currency)
            .field("own", &self.own.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// What `[deliveries.<id>]` says of a mobile delivery channel.
#[derive(Clone)]
pub struct ChannelStanza {
    /// The key under `[deliveries]`.
    pub id: String,
    /// The source whose tickets it delivers.
    pub source: SourceId,
    /// The address that all calls start from.
    pub url: String,
    /// The app's own keys, secrets already read from where they are kept.
    pub own: toml::Table,
}

/// Shows no value of the app's own keys: some are secrets.
impl fmt::Debug for ChannelStanza {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ChannelStanza")
            .field("id", &self.id)
            .field("source", &self.source)
            .field("url", &self.url)
            .field("own", &self.own.keys().collect::<Vec<_>>())
            .finish()
    }
}
