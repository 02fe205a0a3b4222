//! Diagnostics of a configuration: all at once, each with location, key and expected value.

use std::fmt;

use crate::config::tree::{Location, SyntaxError};

/// A problem in a configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigDiagnostic {
    location: Location,
    key: String,
    message: String,
}

impl ConfigDiagnostic {
    pub(super) fn new(location: &Location, key: &str, message: impl Into<String>) -> Self {
        Self { location: location.clone(), key: key.to_owned(), message: message.into() }
    }

    /// Path of the key, like `server.listen`; empty if the file itself is the problem.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Problem and expected value. Contains no secret.
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// Format: `venues.toml:3 server.listen: must be …`; `$NAME` stands for an environment variable.
impl fmt::Display for ConfigDiagnostic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.as_str() {
            "" => write!(out, "{}: {}", self.location, self.message),
            key => write!(out, "{} {key}: {}", self.location, self.message),
        }
    }
}

/// All problems of a configuration, sorted by location.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigDiagnostics {
    list: Vec<ConfigDiagnostic>,
    is_unreadable: bool,
}

impl ConfigDiagnostics {
    pub(super) fn new(mut list: Vec<ConfigDiagnostic>) -> Self {
        list.sort();
        list.dedup();
        Self { list, is_unreadable: false }
    }

    pub(super) fn unreadable(errors: Vec<SyntaxError>) -> Self {
        let list = errors.into_iter().map(|error| ConfigDiagnostic::new(&error.location, "", error.message)).collect();
        Self { is_unreadable: true, ..Self::new(list) }
    }

    /// Returns true if the file could not be parsed as TOML, so that its settings are unknown.
    pub fn is_unreadable(&self) -> bool {
        self.is_unreadable
    }

    /// Iterates over the diagnostics.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigDiagnostic> {
        self.list.iter()
    }

    /// Formats one line per diagnostic.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.list.iter().map(ConfigDiagnostic::to_string)
    }
}

impl fmt::Display for ConfigDiagnostics {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for diagnostic in &self.list {
            writeln!(out, "{diagnostic}")?;
        }
        Ok(())
    }
}

/// Returns the known name with the smallest edit distance.
pub(super) fn nearest_name<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_ascii_lowercase();
    known.into_iter().min_by_key(|name| strsim::damerau_levenshtein(&wrong, &name.to_ascii_lowercase()))
}

/// Builds the message for an unknown name, with the nearest one and the list of valid names.
pub(super) fn unknown_name<'a>(what: &str, wrong: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest_name(wrong, known.iter().copied()) {
        None => format!("is {wrong:?}, but no {what} is configured"),
        Some(nearest) => {
            format!("is {wrong:?}, which is not a known {what}; nearest is {nearest:?} (known: {})", known.join(", "))
        }
    }
}

/// Returns why a file cannot be read, in words of the command line.
pub(super) fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        kind => kind.to_string(),
    }
}
