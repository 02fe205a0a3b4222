//! Reading a section key by key: a wrong value becomes a finding and reading goes on, so that all findings come at once.
//!
//! Serde stops at the first fault, which is why the settings are read by hand. The keys that are asked for are the keys
//! that are known: there is no second list of them. Where a value is wrong the default stands in, or any value at all;
//! it never gets out, because a configuration with findings is not given away.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::finding::{Finding, nearest};
use crate::config::setting::{Setting, Spoken};
use crate::config::tree::{Node, Place, Table, Value};

/// Reads a file that the configuration names.
pub type ReadFile<'a> = &'a dyn Fn(&Path) -> io::Result<String>;

/// What every section of one configuration shares.
pub(super) struct Ground<'a> {
    pub(super) findings: RefCell<Vec<Finding>>,
    pub(super) variables: HashMap<&'a str, &'a str>,
    pub(super) read_file: ReadFile<'a>,
    pub(super) defaults: &'a Table,
    /// Whether secrets may be written out: in sandbox configurations only.
    pub(super) literals_allowed: bool,
}

impl Ground<'_> {
    pub(super) fn wrong(&self, place: &Place, key: &str, message: impl Into<String>) {
        self.findings.borrow_mut().push(Finding::new(place, key, message));
    }

    /// Whether no finding names the key so far.
    pub(super) fn clean(&self, key: &str) -> bool {
        self.findings.borrow().iter().all(|finding| finding.key() != key)
    }
}

/// A table of settings that is being read.
pub(super) struct Section<'a> {
    pub(super) ground: &'a Ground<'a>,
    path: String,
    place: Place,
    here: Option<&'a Table>,
    beneath: Vec<&'a Table>,
    asked: RefCell<Vec<String>>,
}

impl<'a> Section<'a> {
    /// The whole configuration over its defaults.
    pub(super) fn root(ground: &'a Ground<'a>, place: Place, tree: &'a Table) -> Self {
        Self::new(ground, String::new(), place, Some(tree), vec![ground.defaults])
    }

    fn new(
        ground: &'a Ground<'a>,
        path: String,
        place: Place,
        here: Option<&'a Table>,
        beneath: Vec<&'a Table>,
    ) -> Self {
        Self { ground, path, place, here, beneath, asked: RefCell::default() }
    }

    /// The path of a key in this section.
    pub(super) fn path_of(&self, key: &str) -> String {
        match (self.path.as_str(), key) {
            ("", key) => key.to_owned(),
            (path, "") => path.to_owned(),
            (path, key) => format!("{path}.{key}"),
        }
    }

    /// The value as written in this section itself. Where there are defaults, each key must be among them.
    pub(super) fn node(&self, key: &str) -> Option<&'a Node> {
        self.know(&[key]);
        let written = self.here.and_then(|table| table.get(key));
        let defaults = &self.beneath;
        if written.is_none() && !defaults.is_empty() && defaults.iter().all(|table| !table.contains_key(key)) {
            self.wrong(key, "is not in config/default.toml, which must have every key");
        }
        written
    }

    /// Makes keys known without reading them.
    pub(super) fn know(&self, keys: &[&str]) {
        self.asked.borrow_mut().extend(keys.iter().map(|key| (*key).to_owned()));
    }

    /// The keys written in this section, with their values.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a String, &'a Node)> + use<'a> {
        self.here.into_iter().flatten()
    }

    /// Makes every written key known: nobody can tell what they should be.
    pub(super) fn know_all(&self) {
        self.entries().for_each(|(key, _)| self.know(&[key]));
    }

    /// Adds a finding about a key of this section, with dots where it is in an inner table; an empty key: about the
    /// section itself.
    pub(super) fn wrong(&self, key: &str, message: impl Into<String>) {
        self.ground.wrong(self.place_of(key), &self.path_of(key), message);
    }

    /// Where a key was written, or the table that should have it; never among the defaults, which nobody wrote.
    fn place_of(&self, key: &str) -> &Place {
        let written = self.walk(key).take_while(|node| !node.place.is_default());
        written.last().map_or(&self.place, |node| &node.place)
    }

    /// Whether somebody wrote the key, with dots where it is in an inner table.
    fn is_written(&self, key: &str) -> bool {
        let parts = key.split('.').count();
        self.walk(key).nth(parts - 1).is_some_and(|node| !node.place.is_default())
    }

    /// The nodes on the way to a key, as far as they are there.
    fn walk(&self, key: &str) -> impl Iterator<Item = &'a Node> {
        let mut table = self.here;
        key.split('.').map_while(move |part| {
            let node = table?.get(part)?;
            table = match &node.value {
                Value::Table(inner) => Some(inner),
                _ => None,
            };
            Some(node)
        })
    }

    /// A setting that must be there, here or beneath.
    pub(super) fn get<T: Setting>(&self, key: &str) -> T {
        let written = self.node(key);
        match written.map(T::read) {
            Some(Ok(value)) => return value,
            Some(Err(message)) => self.wrong(key, message),
            None => {}
        }
        match self.find_beneath(key) {
            Some(value) => value,
            None if written.is_none() => self.missing(key, T::WANTED).unwrap_or_else(T::stand_in),
            None => T::stand_in(),
        }
    }

    /// A setting that may be absent or empty.
    pub(super) fn find<T: Setting>(&self, key: &str) -> Option<T> {
        match self.node(key) {
            Some(node) if node.is_blank() => None,
            Some(node) => T::read(node).map_err(|message| self.wrong(key, message)).ok(),
            None => self.find_beneath(key),
        }
    }

    fn find_beneath<T: Setting>(&self, key: &str) -> Option<T> {
        self.beneath.iter().filter_map(|table| table.get(key)).find_map(|node| T::read(node).ok())
    }

    /// A file that may be absent from the configuration; one that is named must be readable.
    pub(super) fn find_file(&self, key: &str) -> Option<PathBuf> {
        let path: PathBuf = self.find(key)?;
        if let Err(fault) = (self.ground.read_file)(&path) {
            self.wrong(key, format!("{} cannot be read: {}", path.display(), fault.kind()));
        }
        Some(path)
    }

    /// Adds a finding that a key is missing, unless its value was already found wrong. Gives nothing.
    pub(super) fn missing<T>(&self, key: &str, wanted: &str) -> Option<T> {
        if self.clean(&[key]) {
            self.wrong(key, format!("is missing: must be {wanted}"));
        }
        None
    }

    /// Whether nothing was found wrong with any of the keys. What follows from a wrong value is not worth a second finding.
    pub(super) fn clean(&self, keys: &[&str]) -> bool {
        keys.iter().all(|key| self.ground.clean(&self.path_of(key)))
    }

    /// Adds a finding when a value is above the largest that can be meant.
    pub(super) fn at_most<T: PartialOrd + Display>(&self, key: &str, value: T, most: T) {
        if value > most && self.clean(&[key]) {
            self.wrong(key, format!("is {value}, must be {most} at most"));
        }
    }

    /// Adds a finding when a duration is not shorter than another one.
    pub(super) fn shorter(&self, lower: (&str, Duration), upper: (&str, Duration), or_else: &str) {
        if lower.1 >= upper.1 {
            self.reversed(lower, ("longer than", "shorter than"), upper, or_else);
        }
    }

    /// Adds a finding when a duration is longer than another one.
    pub(super) fn not_longer(&self, lower: (&str, Duration), upper: (&str, Duration), or_else: &str) {
        if lower.1 > upper.1 {
            self.reversed(lower, ("at least", "at most"), upper, or_else);
        }
    }

    /// Tells it at the one of the two that somebody wrote.
    fn reversed(&self, lower: (&str, Duration), words: (&str, &str), upper: (&str, Duration), or_else: &str) {
        if !self.clean(&[lower.0, upper.0]) {
            return;
        }
        let upper_is_ours = self.is_written(upper.0) || !self.is_written(lower.0);
        let (wrong, must_be, other) = if upper_is_ours { (upper, words.0, lower) } else { (lower, words.1, upper) };
        let (value, limit, limit_key) = (Spoken(wrong.1), Spoken(other.1), self.path_of(other.0));
        self.wrong(wrong.0, format!("is {value}, must be {must_be} the {limit} of `{limit_key}`, or {or_else}"));
    }

    /// Reads an inner table, and says which of its keys nobody knows.
    pub(super) fn within<T>(&self, key: &str, read: impl FnOnce(&Section<'a>) -> T) -> T {
        let (place, here) = self.table_at(key);
        let beneath = self.beneath.iter().filter_map(|table| inner(table, key)).collect();
        let section = Self::new(self.ground, self.path_of(key), place, here, beneath);
        let value = read(&section);
        section.tell_unknown();
        value
    }

    /// Reads an inner table whose absent keys are taken from others, nearest first.
    pub(super) fn within_over<T>(&self, key: &str, beneath: &[&'a Table], read: impl FnOnce(&Section<'a>) -> T) -> T {
        let (place, here) = self.table_at(key);
        let section = Self::new(self.ground, self.path_of(key), place, here, beneath.to_vec());
        let value = read(&section);
        section.tell_unknown();
        value
    }

    /// Reads every inner table of a table, by its name.
    pub(super) fn each<T>(&self, key: &str, mut read: impl FnMut(&str, &Section<'a>) -> T) -> BTreeMap<String, T> {
        self.within(key, |all| {
            let mut values = BTreeMap::new();
            for (name, _) in all.entries() {
                if !is_name(name) {
                    all.wrong(name, "must be named with 1 to 40 small letters, digits, `-` and `_`");
                }
                values.insert(name.clone(), all.within(name, |section| read(name, section)));
            }
            values
        })
    }

    /// Reads every table of a list of tables.
    pub(super) fn list_of<T>(&self, key: &str, mut read: impl FnMut(&Section<'a>) -> T) -> Vec<T> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let Value::List(items) = &node.value else {
            self.wrong(key, format!("must be a list of tables, is {}", node.shown()));
            return Vec::new();
        };
        let mut values = Vec::new();
        for (number, item) in items.iter().enumerate() {
            let path = format!("{}[{number}]", self.path_of(key));
            let Value::Table(table) = &item.value else {
                self.ground.wrong(&item.place, &path, format!("must be a table, is {}", item.shown()));
                continue;
            };
            let section = Self::new(self.ground, path, item.place.clone(), Some(table), Vec::new());
            values.push(read(&section));
            section.tell_unknown();
        }
        values
    }

    /// The tables that stand for an inner table here and beneath, nearest first.
    pub(super) fn tables_of(&self, key: &str) -> Vec<&'a Table> {
        self.here.iter().chain(&self.beneath).filter_map(|table| inner(table, key)).collect()
    }

    fn table_at(&self, key: &str) -> (Place, Option<&'a Table>) {
        match self.node(key) {
            None => (self.place.clone(), None),
            Some(Node { value: Value::Table(table), place }) => (place.clone(), Some(table)),
            Some(node) => {
                self.wrong(key, format!("must be a table, is {}", node.shown()));
                (node.place.clone(), None)
            }
        }
    }

    /// Adds a finding for every key that was written and never asked for.
    pub(super) fn tell_unknown(&self) {
        let asked = self.asked.borrow();
        for (key, node) in self.entries().filter(|(key, _)| !asked.contains(key)) {
            let here = nearest(key, asked.iter().map(String::as_str)).map(|near| self.path_of(near));
            let elsewhere = || misplaced(self.ground.defaults, key).filter(|_| !self.beneath.is_empty());
            let message = match elsewhere().or(here) {
                Some(near) => format!("is no known key, nearest is `{near}`"),
                None => "is no known key".to_owned(),
            };
            self.ground.wrong(&node.place, &self.path_of(key), message);
        }
    }
}

fn inner<'a>(table: &&'a Table, key: &str) -> Option<&'a Table> {
    match &table.get(key)?.value {
        Value::Table(inner) => Some(inner),
        _ => None,
    }
}

/// The path of a setting that has just this key, in whichever section.
fn misplaced(table: &Table, key: &str) -> Option<String> {
    table.iter().find_map(|(name, node)| match &node.value {
        Value::Table(inner) => misplaced(inner, key).map(|rest| format!("{name}.{rest}")),
        _ => (name == key).then(|| name.clone()),
    })
}

/// Names go into ids, addresses, metrics and variables.
fn is_name(text: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    (1..=40).contains(&text.len()) && text.bytes().all(fine)
}
