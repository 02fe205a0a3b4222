//! `[graphql]`: what one operation may ask for.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use crate::config::section::Section;
use crate::config::setting::Choice;

/// Limits of operations, checked before any work is done.
#[derive(Debug, Clone)]
pub struct Graphql {
    /// Fields after fragments are spread.
    pub fields: NonZeroUsize,
    /// Fields inside fields.
    pub depth: NonZeroUsize,
    /// Aliases in a document.
    pub aliases: NonZeroUsize,
    /// Fields at the root.
    pub root_fields: NonZeroUsize,
    /// Directives in a document.
    pub directives: NonZeroUsize,
    /// Words and signs of a document.
    pub tokens: NonZeroUsize,
    /// The largest `first`, and items of a list argument.
    pub list_size: NonZeroU32,
    /// Vendor calls that one operation may cause, at most.
    pub cost: NonZeroU32,
    /// Vendor calls that the operations of one caller may cause in a minute; `None`: no limit.
    pub cost_per_minute: Option<NonZeroU32>,
    /// Whether limits are only told, and nothing is refused.
    pub measure_only: bool,
    /// Whether the schema may be asked for.
    pub introspection: bool,
    /// Whether errors name what may have been meant.
    pub suggestions: bool,
    /// Operations known by their hash.
    pub persisted: Persisted,
}

/// Operations known by their hash.
#[derive(Debug, Clone)]
pub struct Persisted {
    /// Whether clients may register operations by sending text and hash once.
    pub apq: bool,
    /// What happens to operations that the safelist does not have.
    pub mode: Safelist,
    /// The safelist, there whenever `mode` is not `Off`.
    pub manifest: Option<PathBuf>,
}

/// What happens to operations that the safelist does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safelist {
    /// They run: there is no safelist.
    Off,
    /// They run and are told in the log.
    Log,
    /// They are refused.
    Require,
}

impl Choice for Safelist {
    const WHAT: &'static str = "safelist mode";
    const WANTED: &'static str = r#""off", "log" or "require""#;
    const CHOICES: &'static [(&'static str, Self)] =
        &[("off", Self::Off), ("log", Self::Log), ("require", Self::Require)];
}

impl Graphql {
    pub(super) fn read(from: &Section<'_>) -> Self {
        Self {
            depth: from.get("depth"),
            aliases: from.get("aliases"),
            root_fields: from.get("root_fields"),
            directives: from.get("directives"),
            tokens: from.get("tokens"),
            fields: from.get("fields"),
            list_size: from.get("list_size"),
            cost: from.get("cost"),
            cost_per_minute: from.find("cost_per_minute"),
            measure_only: from.get("measure_only"),
            introspection: from.get("introspection"),
            suggestions: from.get("suggestions"),
            persisted: from.within("persisted", Persisted::read),
        }
    }
}

impl Persisted {
    fn read(from: &Section<'_>) -> Self {
        let read = Self { apq: from.get("apq"), mode: from.get("mode"), manifest: from.find_file("manifest") };
        if read.mode != Safelist::Off && read.manifest.is_none() {
            return Self { manifest: from.missing("manifest", "the safelist that `mode` asks for"), ..read };
        }
        read
    }
}
