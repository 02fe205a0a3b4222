//! What is wrong with a configuration: every finding at once, each with its place, its key and what would be right.

use std::fmt;

use crate::config::tree::{Illegible, Place};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    place: Place,
    key: String,
    message: String,
}

impl Finding {
    pub(super) fn new(place: &Place, key: &str, message: impl Into<String>) -> Self {
        Self { place: place.clone(), key: key.to_owned(), message: message.into() }
    }

    /// The path of the key, like `server.listen`; empty when the file itself is the trouble.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What is wrong and what would be right. Holds no secret.
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// For people: `venues.toml:3 server.listen: must be …`; `$NAME` stands for an environment variable.
impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.as_str() {
            "" => write!(out, "{}: {}", self.place, self.message),
            key => write!(out, "{} {key}: {}", self.place, self.message),
        }
    }
}

/// Everything that is wrong with a configuration, in the order of the places.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Findings {
    list: Vec<Finding>,
    unusable: bool,
}

impl Findings {
    pub(super) fn of(mut list: Vec<Finding>) -> Self {
        list.sort();
        list.dedup();
        Self { list, unusable: false }
    }

    pub(super) fn unreadable(faults: Vec<Illegible>) -> Self {
        let list = faults.into_iter().map(|fault| Finding::new(&fault.place, "", fault.message)).collect();
        Self { unusable: true, ..Self::of(list) }
    }

    /// Whether the file could not even be read as TOML, so that nothing is known about its settings.
    pub fn unusable(&self) -> bool {
        self.unusable
    }

    /// One by one.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.list.iter()
    }

    /// The lines to print, one a finding.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.list.iter().map(Finding::to_string)
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.list {
            writeln!(out, "{finding}")?;
        }
        Ok(())
    }
}

/// The known name that is most like a wrong one.
pub(super) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_ascii_lowercase();
    known.into_iter().min_by_key(|name| strsim::damerau_levenshtein(&wrong, &name.to_ascii_lowercase()))
}

/// Says that a name is not known, with the nearest known one and all of them where they are few.
pub(super) fn unknown<'a>(what: &str, wrong: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(wrong, known.iter().copied()) {
        None => format!("is {wrong:?}, but no {what} is configured"),
        Some(near) => {
            format!("is {wrong:?}, which is no known {what}; nearest is {near:?} (known: {})", known.join(", "))
        }
    }
}
