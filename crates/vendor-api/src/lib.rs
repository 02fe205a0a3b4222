//! The interface between the service and its vendor crates: the row of a vendor, its configuration and what it is connected with.

mod stanza;

use std::sync::Arc;

use tokio_util::task::TaskTracker;

use domain::mobile::AppChannel;
use domain::{Clock, Health, Quota, Source, VendorKind};
use http_client::Transport;

pub use stanza::{ChannelStanza, Stanza};

/// What the outside gives a source that is being connected.
pub struct Surroundings {
    /// How calls go out.
    pub transport: Transport,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Where the health of the source can be read.
    pub health: Arc<dyn Health>,
    /// Owns the tasks of the source.
    pub tracker: TaskTracker,
}

/// A wrong setting: which key, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The key inside the stanza.
    pub key: String,
    /// What is wrong and what would be right. Holds no secret.
    pub message: String,
}

impl Finding {
    /// Names a key and says what would be right.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into() }
    }
}

/// A row of the table of vendors.
pub struct Vendor {
    /// What `vendor = "…"` says.
    pub name: &'static str,
    /// The same as the schema says it.
    pub kind: VendorKind,
    /// Every key of its own in a stanza, beside the ones that all share.
    pub keys: &'static [&'static str],
    /// Those of `keys` that hold secrets; written as `{ env = … }` or `{ file = … }`. With a dot inside an inner table:
    /// `settlement.instrument`, where `settlement = { instrument_file = "path" }` is another way to write it.
    pub secrets: &'static [&'static str],
    /// Its keys in the connection of a reseller, beside `commission_percent` and `mappings`.
    pub connection_keys: &'static [&'static str],
    /// Requests that it allows an account in a window, where its papers say so; a configured quota wins.
    pub quota: Option<Quota>,
    /// Reads the stanza and says all that is wrong with it; calls nobody.
    pub check: fn(&Stanza) -> Vec<Finding>,
    /// Builds the source; calls nobody.
    pub connect: fn(Stanza, Surroundings) -> Result<Source, Vec<Finding>>,
}

/// A row of the table of mobile delivery apps.
pub struct App {
    /// What `app = "…"` says.
    pub name: &'static str,
    /// Every key of its own in a stanza.
    pub keys: &'static [&'static str],
    /// Those of `keys` that hold secrets.
    pub secrets: &'static [&'static str],
    /// Reads the stanza and says all that is wrong with it; calls nobody.
    pub check: fn(&ChannelStanza) -> Vec<Finding>,
    /// Builds the channel; calls nobody.
    pub connect: fn(ChannelStanza, Transport) -> Result<AppChannel, Vec<Finding>>,
}
