//! `[sandbox]`: what the built-in sandbox starts with.

use crate::config::section::Section;

/// Settings of the built-in sandbox.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// True to start with three months of orders if the ledger has none.
    pub history: bool,
}

impl SandboxConfig {
    pub(super) fn read(from: &Section<'_>) -> Self {
        Self { history: from.get("history") }
    }
}
