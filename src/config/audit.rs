//! `[audit]`: the audit log.

use std::time::Duration;

use crate::config::section::Section;

/// Settings of the audit log.
#[derive(Debug, Clone)]
pub struct AuditConfig {
    /// Time for which entries are stored.
    pub retention: Duration,
}

impl AuditConfig {
    pub(super) fn read(from: &Section<'_>) -> Self {
        Self { retention: from.get("retention") }
    }
}
