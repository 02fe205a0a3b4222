//! Reads a section key by key. A wrong value adds a diagnostic and reading continues, so that all diagnostics are
//! reported at once.
//!
//! Serde stops at the first error, therefore settings are read by hand. The keys that are read are the known keys;
//! there is no second list. For a wrong value the default or a placeholder is used; it is never returned, because a
//! configuration with diagnostics is rejected.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::diagnostic::{ConfigDiagnostic, nearest_name, reason};
use crate::config::renamed_keys::renamed_key;
use crate::config::setting::{DisplayDuration, Setting};
use crate::config::tree::{Location, Node, Table, Value};

/// Reads a file that the configuration names.
pub type ReadFile<'a> = &'a dyn Fn(&Path) -> io::Result<String>;

/// State shared by all sections of a configuration.
pub(super) struct ReadContext<'a> {
    pub(super) diagnostics: RefCell<Vec<ConfigDiagnostic>>,
    pub(super) variables: HashMap<&'a str, &'a str>,
    pub(super) read_file: ReadFile<'a>,
    pub(super) defaults: &'a Table,
    /// Allows literal secrets: in sandbox configurations only.
    pub(super) literals_allowed: bool,
}

impl ReadContext<'_> {
    pub(super) fn report(&self, location: &Location, key: &str, message: impl Into<String>) {
        self.diagnostics.borrow_mut().push(ConfigDiagnostic::new(location, key, message));
    }

    /// Returns true if there is no diagnostic for the key yet.
    pub(super) fn is_clean(&self, key: &str) -> bool {
        self.diagnostics.borrow().iter().all(|diagnostic| diagnostic.key() != key)
    }
}

/// A table that is being read.
pub(super) struct Section<'a> {
    pub(super) context: &'a ReadContext<'a>,
    path: String,
    location: Location,
    table: Option<&'a Table>,
    fallbacks: Vec<&'a Table>,
    known_keys: RefCell<Vec<String>>,
}

impl<'a> Section<'a> {
    /// Creates the root section over its defaults.
    pub(super) fn root(context: &'a ReadContext<'a>, location: Location, tree: &'a Table) -> Self {
        Self::new(context, String::new(), location, Some(tree), vec![context.defaults])
    }

    fn new(
        context: &'a ReadContext<'a>,
        path: String,
        location: Location,
        table: Option<&'a Table>,
        fallbacks: Vec<&'a Table>,
    ) -> Self {
        Self { context, path, location, table, fallbacks, known_keys: RefCell::default() }
    }

    /// Returns the full path of a key in this section.
    pub(super) fn path_of(&self, key: &str) -> String {
        match (self.path.as_str(), key) {
            ("", key) => key.to_owned(),
            (path, "") => path.to_owned(),
            (path, key) => format!("{path}.{key}"),
        }
    }

    /// Returns the value written in this section. If there are defaults, the key must be among them.
    pub(super) fn node(&self, key: &str) -> Option<&'a Node> {
        self.mark_known(&[key]);
        let written = self.table.and_then(|table| table.get(key));
        let defaults = &self.fallbacks;
        if written.is_none() && !defaults.is_empty() && defaults.iter().all(|table| !table.contains_key(key)) {
            self.report(key, "is not in config/default.toml, which must have every key");
        }
        written
    }

    /// Marks keys as known without reading them.
    pub(super) fn mark_known(&self, keys: &[&str]) {
        self.known_keys.borrow_mut().extend(keys.iter().map(|key| (*key).to_owned()));
    }

    /// Iterates over the keys and values of this section.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a String, &'a Node)> + use<'a> {
        self.table.into_iter().flatten()
    }

    /// Marks all keys as known, if nothing defines which are valid.
    pub(super) fn mark_all_known(&self) {
        self.entries().for_each(|(key, _)| self.mark_known(&[key]));
    }

    /// Adds a diagnostic for a key of this section, with dots for inner tables. An empty key means the section itself.
    pub(super) fn report(&self, key: &str, message: impl Into<String>) {
        self.context.report(self.location_of(key), &self.path_of(key), message);
    }

    /// Returns the location of a key, or of the innermost table that should contain it; never a location in the
    /// defaults.
    fn location_of(&self, key: &str) -> &Location {
        let written = self.walk(key).take_while(|node| !node.location.is_default());
        written.last().map_or(&self.location, |node| &node.location)
    }

    /// Returns true if the key is written in the configuration, with dots for inner tables.
    pub(super) fn is_written(&self, key: &str) -> bool {
        let parts = key.split('.').count();
        self.walk(key).nth(parts - 1).is_some_and(|node| !node.location.is_default())
    }

    /// Iterates over the nodes on the path to a key, as far as they exist.
    fn walk(&self, key: &str) -> impl Iterator<Item = &'a Node> {
        let mut table = self.table;
        key.split('.').map_while(move |part| {
            let node = table?.get(part)?;
            table = match &node.value {
                Value::Table(inner) => Some(inner),
                _ => None,
            };
            Some(node)
        })
    }

    /// Reads a required setting.
    pub(super) fn get<T: Setting>(&self, key: &str) -> T {
        let written = self.node(key);
        match written.map(T::read) {
            Some(Ok(value)) => return value,
            Some(Err(message)) => self.report(key, message),
            None => {}
        }
        match self.find_fallback(key) {
            Some(value) => value,
            None if written.is_none() => self.report_missing(key, T::EXPECTED).unwrap_or_else(T::placeholder),
            None => T::placeholder(),
        }
    }

    /// Reads an optional setting; an empty text means none.
    pub(super) fn find<T: Setting>(&self, key: &str) -> Option<T> {
        match self.node(key) {
            Some(node) if node.is_blank() => None,
            Some(node) => T::read(node).map_err(|message| self.report(key, message)).ok(),
            None => self.find_fallback(key),
        }
    }

    fn find_fallback<T: Setting>(&self, key: &str) -> Option<T> {
        self.fallbacks.iter().filter_map(|table| table.get(key)).find_map(|node| T::read(node).ok())
    }

    /// Reads an optional path. The file must be readable.
    pub(super) fn find_file(&self, key: &str) -> Option<PathBuf> {
        let path: PathBuf = self.find(key)?;
        if let Err(error) = (self.context.read_file)(&path) {
            self.report(key, format!("{} cannot be read: {}", path.display(), reason(&error)));
        }
        Some(path)
    }

    /// Adds a diagnostic for a missing key, unless it already has one. Always returns `None`.
    pub(super) fn report_missing<T>(&self, key: &str, expected: &str) -> Option<T> {
        if self.is_clean(&[key]) {
            self.report(key, format!("is missing: must be {expected}"));
        }
        None
    }

    /// Returns true if none of the keys has a diagnostic. Consequences of a wrong value are not reported again.
    pub(super) fn is_clean(&self, keys: &[&str]) -> bool {
        keys.iter().all(|key| self.context.is_clean(&self.path_of(key)))
    }

    /// Adds a diagnostic if a value is above its maximum.
    pub(super) fn require_at_most<T: PartialOrd + Display>(&self, key: &str, value: T, most: T) {
        if value > most && self.is_clean(&[key]) {
            self.report(key, format!("is {value}, must be at most {most}"));
        }
    }

    /// Adds a diagnostic if a duration is not shorter than another one.
    pub(super) fn require_shorter(&self, lower: (&str, Duration), upper: (&str, Duration), or_else: &str) {
        if lower.1 >= upper.1 {
            self.report_order(lower, ("longer than", "shorter than"), upper, or_else);
        }
    }

    /// Adds a diagnostic if a duration is longer than another one.
    pub(super) fn require_not_longer(&self, lower: (&str, Duration), upper: (&str, Duration), or_else: &str) {
        if lower.1 > upper.1 {
            self.report_order(lower, ("at least", "at most"), upper, or_else);
        }
    }

    /// Reports the one of the two keys that is written in the configuration.
    fn report_order(&self, lower: (&str, Duration), words: (&str, &str), upper: (&str, Duration), or_else: &str) {
        if !self.is_clean(&[lower.0, upper.0]) {
            return;
        }
        let upper_is_ours = self.is_written(upper.0) || !self.is_written(lower.0);
        let (wrong, must_be, other) = if upper_is_ours { (upper, words.0, lower) } else { (lower, words.1, upper) };
        let (value, limit, limit_key) = (DisplayDuration(wrong.1), DisplayDuration(other.1), self.path_of(other.0));
        self.report(wrong.0, format!("is {value}, must be {must_be} the {limit} of `{limit_key}`, or {or_else}"));
    }

    /// Reads an inner table and reports its unknown keys.
    pub(super) fn read_table<T>(&self, key: &str, read: impl FnOnce(&Section<'a>) -> T) -> T {
        let (location, here) = self.table_at(key);
        let fallbacks = self.fallbacks.iter().filter_map(|table| inner_table(table, key)).collect();
        let section = Self::new(self.context, self.path_of(key), location, here, fallbacks);
        let value = read(&section);
        section.report_unknown_keys();
        value
    }

    /// Reads an inner table with fallback tables for absent keys, nearest first.
    pub(super) fn read_table_over<T>(
        &self,
        key: &str,
        fallbacks: &[&'a Table],
        read: impl FnOnce(&Section<'a>) -> T,
    ) -> T {
        let (location, here) = self.table_at(key);
        let section = Self::new(self.context, self.path_of(key), location, here, fallbacks.to_vec());
        let value = read(&section);
        section.report_unknown_keys();
        value
    }

    /// Reads every inner table of a table, by name.
    pub(super) fn read_each<T>(&self, key: &str, mut read: impl FnMut(&str, &Section<'a>) -> T) -> BTreeMap<String, T> {
        self.read_table(key, |all| {
            let mut values = BTreeMap::new();
            for (name, _) in all.entries() {
                if !is_name(name) {
                    all.report(name, "must be named with 1 to 40 lowercase letters, digits, `-` and `_`");
                }
                values.insert(name.clone(), all.read_table(name, |section| read(name, section)));
            }
            values
        })
    }

    /// Reads every table of an array of tables.
    pub(super) fn read_list<T>(&self, key: &str, mut read: impl FnMut(&Section<'a>) -> T) -> Vec<T> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let Value::List(items) = &node.value else {
            self.report(key, format!("must be a list of tables, is {}", node.describe()));
            return Vec::new();
        };
        let mut values = Vec::new();
        for (number, item) in items.iter().enumerate() {
            let path = format!("{}[{number}]", self.path_of(key));
            let Value::Table(table) = &item.value else {
                self.context.report(&item.location, &path, format!("must be a table, is {}", item.describe()));
                continue;
            };
            let section = Self::new(self.context, path, item.location.clone(), Some(table), Vec::new());
            values.push(read(&section));
            section.report_unknown_keys();
        }
        values
    }

    /// Returns the tables of this name here and in the fallbacks, nearest first.
    pub(super) fn tables_of(&self, key: &str) -> Vec<&'a Table> {
        self.table.iter().chain(&self.fallbacks).filter_map(|table| inner_table(table, key)).collect()
    }

    fn table_at(&self, key: &str) -> (Location, Option<&'a Table>) {
        match self.node(key) {
            None => (self.location.clone(), None),
            Some(Node { value: Value::Table(table), location }) => (location.clone(), Some(table)),
            Some(node) => {
                self.report(key, format!("must be a table, is {}", node.describe()));
                (node.location.clone(), None)
            }
        }
    }

    /// Adds a diagnostic for every key that was not read.
    pub(super) fn report_unknown_keys(&self) {
        let known_keys = self.known_keys.borrow();
        for (key, node) in self.entries().filter(|(key, _)| !known_keys.contains(key)) {
            let path = self.path_of(key);
            if let Some(message) = renamed_key(&path) {
                self.context.report(&node.location, &path, message);
                self.report_renamed_within(&path, node);
                continue;
            }
            let here = nearest_name(key, known_keys.iter().map(String::as_str)).map(|nearest| self.path_of(nearest));
            let elsewhere = || find_elsewhere(self.context.defaults, key).filter(|_| !self.fallbacks.is_empty());
            let message = match elsewhere().or(here) {
                Some(nearest) => format!("is not a known key, nearest is `{nearest}`"),
                None => "is not a known key".to_owned(),
            };
            self.context.report(&node.location, &path, message);
        }
    }

    /// Adds a diagnostic for every renamed key of a table that was renamed itself.
    fn report_renamed_within(&self, path: &str, node: &Node) {
        let Value::Table(table) = &node.value else { return };
        for (key, node) in table {
            let path = format!("{path}.{key}");
            if let Some(message) = renamed_key(&path) {
                self.context.report(&node.location, &path, message);
            }
        }
    }
}

fn inner_table<'a>(table: &&'a Table, key: &str) -> Option<&'a Table> {
    match &table.get(key)?.value {
        Value::Table(inner) => Some(inner),
        _ => None,
    }
}

/// Finds a setting with this key in another section.
fn find_elsewhere(table: &Table, key: &str) -> Option<String> {
    table.iter().find_map(|(name, node)| match &node.value {
        Value::Table(inner) => find_elsewhere(inner, key).map(|rest| format!("{name}.{rest}")),
        _ => (name == key).then(|| name.clone()),
    })
}

/// Names appear in ids, URLs, metrics and environment variables.
fn is_name(text: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    (1..=40).contains(&text.len()) && text.bytes().all(fine)
}
