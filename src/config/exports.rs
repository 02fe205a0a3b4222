//! `[exports]`: limits of files.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::config::section::Section;

/// Limits of exports.
#[derive(Debug, Clone)]
pub struct ExportsConfig {
    /// Orders of one file.
    pub orders: NonZeroUsize,
    /// Lines of a catalog.
    pub catalog_objects: NonZeroUsize,
    /// Time for a client to accept a page of a file.
    pub write_timeout: Duration,
    /// Exports at the same time.
    pub in_flight: NonZeroUsize,
}

impl ExportsConfig {
    pub(super) fn read(from: &Section<'_>) -> Self {
        let catalog_objects = from.get("catalog_objects");
        Self {
            orders: from.get("orders"),
            catalog_objects,
            write_timeout: from.get("write_timeout"),
            in_flight: from.get("in_flight"),
        }
    }
}
