//! `[graphql]`: limits of operations.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use crate::config::section::Section;
use crate::config::setting::Choice;

/// Limits of operations, checked before execution.
#[derive(Debug, Clone)]
pub struct GraphqlConfig {
    /// Fields after fragment expansion.
    pub fields: NonZeroUsize,
    /// Nesting depth of fields.
    pub depth: NonZeroUsize,
    /// Aliases in a document.
    pub aliases: NonZeroUsize,
    /// Root fields.
    pub root_fields: NonZeroUsize,
    /// Directives in a document.
    pub directives: NonZeroUsize,
    /// Lexical tokens of a document.
    pub tokens: NonZeroUsize,
    /// Nesting of selections, values and types in a document.
    pub recursion: NonZeroUsize,
    /// Largest `first`, and largest number of items in a list argument.
    pub list_size: NonZeroU32,
    /// Fields of the response if every page is full.
    pub complexity: NonZeroUsize,
    /// Fields of one response, counted while it is made.
    pub response_fields: NonZeroUsize,
    /// Estimated vendor calls of one operation.
    pub cost: NonZeroU32,
    /// Estimated vendor calls per minute of one caller; `None`: unlimited.
    pub cost_per_minute: Option<NonZeroU32>,
    /// Exceeded limits are reported, not enforced.
    pub warn_only: bool,
    /// Allows introspection to everybody.
    pub introspection: bool,
    /// Adds suggestions ("did you mean") to errors.
    pub suggestions: bool,
    /// Persisted operations.
    pub persisted: PersistedConfig,
}

/// Persisted operations.
#[derive(Debug, Clone)]
pub struct PersistedConfig {
    /// Automatic persisted queries: clients may register operations by hash.
    pub apq: bool,
    /// Treatment of operations that are not on the safelist.
    pub mode: SafelistMode,
    /// Safelist manifest; present unless `mode` is `Off`.
    pub manifest: Option<PathBuf>,
}

/// Treatment of operations that are not on the safelist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SafelistMode {
    /// Executed: there is no safelist.
    Off,
    /// Executed and logged.
    Log,
    /// Rejected.
    Require,
}

impl Choice for SafelistMode {
    const KIND: &'static str = "safelist mode";
    const EXPECTED: &'static str = r#""off", "log" or "require""#;
    const CHOICES: &'static [(&'static str, Self)] =
        &[("off", Self::Off), ("log", Self::Log), ("require", Self::Require)];
}

impl GraphqlConfig {
    pub(super) fn read(from: &Section<'_>) -> Self {
        Self {
            depth: from.get("depth"),
            aliases: from.get("aliases"),
            root_fields: from.get("root_fields"),
            directives: from.get("directives"),
            tokens: from.get("tokens"),
            recursion: from.get("recursion"),
            complexity: from.get("complexity"),
            response_fields: from.get("response_fields"),
            fields: from.get("fields"),
            list_size: from.get("list_size"),
            cost: from.get("cost"),
            cost_per_minute: from.find("cost_per_minute"),
            warn_only: from.get("warn_only"),
            introspection: from.get("introspection"),
            suggestions: from.get("suggestions"),
            persisted: from.read_table("persisted", PersistedConfig::read),
        }
    }
}

impl PersistedConfig {
    fn read(from: &Section<'_>) -> Self {
        let read = Self { apq: from.get("apq"), mode: from.get("mode"), manifest: from.find_file("manifest") };
        if read.mode != SafelistMode::Off && read.manifest.is_none() {
            return Self { manifest: from.report_missing("manifest", "the safelist that `mode` requires"), ..read };
        }
        read
    }
}
