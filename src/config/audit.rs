//! `[audit]`: the audit log.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::config::section::Section;

const SECONDS_OF_DAY: u64 = 24 * 3600;

/// Settings of the audit log.
#[derive(Debug, Clone)]
pub struct AuditConfig {
    /// Time for which entries are stored.
    pub retention: Duration,
}

impl AuditConfig {
    pub(super) fn read(from: &Section<'_>) -> Self {
        let days: NonZeroU32 = from.get("retention_days");
        Self { retention: Duration::from_secs(u64::from(days.get()) * SECONDS_OF_DAY) }
    }
}
