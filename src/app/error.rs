//! Errors of the start.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use domain::StoreError;
use http_client::HttpClientError;
use store_sql::StoreOpenError;
use vendor_api::InvalidSetting;

/// Reason why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings of a source are not valid.
    #[error("{}", .0.iter().map(|setting| format!("{}: {}", setting.key, setting.message)).collect::<Vec<_>>().join("\n"))]
    Settings(Vec<InvalidSetting>),
    /// A configured file is not usable.
    #[error("{}: {why}", path.display())]
    File {
        /// Path of the file.
        path: PathBuf,
        /// Reason.
        why: String,
    },
    /// The command line does not fit the configuration.
    #[error("{0}")]
    Usage(String),
    /// The emulated vendors are not part of this binary.
    #[error("this binary was built without the feature `sandbox`, which contains the emulated vendors")]
    NoSandbox,
    /// The sandbox cannot be filled with orders.
    #[error("the sandbox cannot be filled with orders; `sandbox.history = false` starts it without: {0}")]
    History(String),
    /// An address is not available, or a file or folder cannot be used. Begins with what failed.
    #[error("{0}: {1}")]
    Io(String, io::Error),
    /// The order store cannot be opened.
    #[error("the ledger {address}: {}", with_causes(.error))]
    Ledger {
        /// Its address, without user and password.
        address: String,
        /// Error.
        error: StoreOpenError,
    },
    /// The webhooks of the configuration cannot be stored.
    #[error("the webhooks of the configuration cannot be stored: {0}")]
    Webhooks(#[source] StoreError),
    /// The HTTP client cannot be created.
    #[error(transparent)]
    Client(#[from] HttpClientError),
}

/// Returns an error with its causes.
pub(super) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // Some errors repeat their cause in their own text.
        if !text.ends_with(&more) {
            text += &format!(": {more}");
        }
        cause = error.source();
    }
    text
}

impl StartError {
    /// Returns true if the configuration or the command line has to change.
    pub fn is_usage_error(&self) -> bool {
        matches!(self, Self::Settings(_) | Self::File { .. } | Self::Usage(_) | Self::NoSandbox)
    }
}
