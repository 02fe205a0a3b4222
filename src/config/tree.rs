//! Unparsed settings: values from several layers, each with its location.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rust_decimal::Decimal;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Settings by key.
pub(super) type Table = BTreeMap<String, Node>;

/// Path of the file with the defaults.
pub(super) const DEFAULTS: &str = "config/default.toml";

/// Prefix of environment variables that hold settings.
const PREFIX: &str = "TICKETGRAPH__";

/// Location of a setting.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Location {
    /// A line of an embedded file.
    BuiltIn(&'static str, usize),
    /// A configuration file.
    File(Arc<Path>),
    /// A line of a configuration file.
    Line(Arc<Path>, usize),
    /// An environment variable.
    Variable(Arc<str>),
}

impl Location {
    /// Returns true for the defaults.
    pub(super) fn is_default(&self) -> bool {
        matches!(self, Self::BuiltIn(name, _) if *name == DEFAULTS)
    }

    /// Resolves a path; relative paths are relative to the folder of the file.
    pub(super) fn resolve(&self, written: &str) -> PathBuf {
        match self {
            Self::Line(file, _) | Self::File(file) => file.parent().unwrap_or(Path::new("")).join(written),
            Self::BuiltIn(..) | Self::Variable(_) => PathBuf::from(written),
        }
    }

    fn at(&self, line: usize) -> Self {
        match self {
            Self::BuiltIn(name, _) => Self::BuiltIn(name, line),
            Self::Line(file, _) | Self::File(file) => Self::Line(Arc::clone(file), line),
            Self::Variable(name) => Self::Variable(Arc::clone(name)),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(name, line) => write!(out, "{name}:{line}"),
            Self::File(file) => file.display().fmt(out),
            Self::Line(file, line) => write!(out, "{}:{line}", file.display()),
            Self::Variable(name) => write!(out, "${name}"),
        }
    }
}

/// A value and its location.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) location: Location,
}

/// An unparsed value.
#[derive(Clone)]
pub(super) enum Value {
    /// A string or a date.
    Text(String),
    /// An integer.
    Integer(i64),
    /// A number with a fraction, as text; it never becomes a float.
    Float(String),
    /// A boolean.
    Bool(bool),
    /// An array.
    List(Vec<Node>),
    /// A table.
    Table(Table),
    /// Text of an environment variable. The reader of the setting knows its type. For a vendor's own keys it is text if
    /// it overrides text, and otherwise parsed as TOML.
    Variable { text: String, for_text: bool },
}

impl Node {
    pub(super) fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) | Value::Variable { text, .. } => Some(text),
            _ => None,
        }
    }

    pub(super) fn as_integer(&self) -> Option<i64> {
        match &self.value {
            Value::Integer(number) => Some(*number),
            Value::Variable { text, .. } => text.trim().parse().ok(),
            _ => None,
        }
    }

    pub(super) fn as_decimal(&self) -> Option<Decimal> {
        match &self.value {
            Value::Integer(number) => Some((*number).into()),
            Value::Float(text) | Value::Variable { text, .. } => text.trim().parse().ok(),
            _ => None,
        }
    }

    pub(super) fn as_bool(&self) -> Option<bool> {
        match &self.value {
            Value::Bool(on) => Some(*on),
            Value::Variable { text, .. } => text.trim().parse().ok(),
            _ => None,
        }
    }

    pub(super) fn as_list(&self) -> Option<Cow<'_, [Node]>> {
        match &self.value {
            Value::List(items) => Some(Cow::Borrowed(items)),
            Value::Variable { .. } => match self.parse_as_toml()?.value {
                Value::List(items) => Some(Cow::Owned(items)),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn as_table(&self) -> Option<Cow<'_, Table>> {
        match &self.value {
            Value::Table(table) => Some(Cow::Borrowed(table)),
            Value::Variable { .. } => match self.parse_as_toml()?.value {
                Value::Table(table) => Some(Cow::Owned(table)),
                _ => None,
            },
            _ => None,
        }
    }

    /// Parses the text of a variable as TOML.
    fn parse_as_toml(&self) -> Option<Node> {
        let Value::Variable { text, .. } = &self.value else { return None };
        let parsed = DeValue::parse(text).ok()?;
        Some(Node { value: convert(parsed.get_ref(), text, &self.location), location: self.location.clone() })
    }

    /// Returns true for an empty text, which means "none".
    pub(super) fn is_blank(&self) -> bool {
        self.as_text().is_some_and(|text| text.trim().is_empty())
    }

    /// Formats the value for a diagnostic: shortened, and scalars only.
    pub(super) fn describe(&self) -> String {
        match &self.value {
            Value::Text(text) | Value::Variable { text, .. } => {
                format!("{:?}", text.chars().take(60).collect::<String>())
            }
            Value::Integer(number) => number.to_string(),
            Value::Float(text) => text.clone(),
            Value::Bool(on) => on.to_string(),
            Value::List(_) => "a list".to_owned(),
            Value::Table(_) => "a table".to_owned(),
        }
    }

    /// Converts the value to TOML for a vendor's own keys. Fractions stay text.
    pub(super) fn to_toml(&self) -> toml::Value {
        match &self.value {
            Value::Text(text) | Value::Float(text) => toml::Value::String(text.clone()),
            Value::Integer(number) => toml::Value::Integer(*number),
            Value::Bool(on) => toml::Value::Boolean(*on),
            Value::List(items) => toml::Value::Array(items.iter().map(Self::to_toml).collect()),
            Value::Table(table) => {
                toml::Value::Table(table.iter().map(|(key, node)| (key.clone(), node.to_toml())).collect())
            }
            Value::Variable { text, for_text } => {
                let parsed = if *for_text { None } else { self.parse_as_toml() };
                parsed.map_or_else(|| toml::Value::String(text.clone()), |node| node.to_toml())
            }
        }
    }
}

/// A syntax error in TOML, with its line if it is known.
pub(super) struct SyntaxError {
    pub(super) location: Location,
    pub(super) message: String,
}

/// Parses TOML. `origin` identifies the file. Returns all syntax errors at once.
pub(super) fn parse(text: &str, origin: &Location) -> Result<Table, Vec<SyntaxError>> {
    let (parsed, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(convert_table(parsed.get_ref(), text, origin));
    }
    let syntax_error = |error: toml::de::Error| SyntaxError {
        location: origin.at(error.span().map_or(1, |span| line_of(text, span.start))),
        message: error.message().replace('\n', ", "),
    };
    Err(errors.into_iter().map(syntax_error).collect())
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn convert_table(table: &DeTable<'_>, text: &str, origin: &Location) -> Table {
    let entry = |(key, value): (&Spanned<Cow<'_, str>>, &Spanned<DeValue<'_>>)| {
        let location = origin.at(line_of(text, key.span().start));
        (key.get_ref().to_string(), Node { value: convert(value.get_ref(), text, origin), location })
    };
    table.iter().map(entry).collect()
}

fn convert(value: &DeValue<'_>, text: &str, origin: &Location) -> Value {
    match value {
        DeValue::String(string) => Value::Text(string.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::Float(number.to_string()),
        },
        DeValue::Float(number) => Value::Float(number.as_str().to_owned()),
        DeValue::Boolean(on) => Value::Bool(*on),
        DeValue::Datetime(datetime) => Value::Text(datetime.to_string()),
        DeValue::Array(items) => Value::List(
            items
                .iter()
                .map(|item| Node {
                    value: convert(item.get_ref(), text, origin),
                    location: origin.at(line_of(text, item.span().start)),
                })
                .collect(),
        ),
        DeValue::Table(table) => Value::Table(convert_table(table, text, origin)),
    }
}

/// Merges a table over another one: inner tables are merged, all other values are replaced.
pub(super) fn merge_over(below: &mut Table, above: Table) {
    for (key, upper) in above {
        match (below.get_mut(&key), upper) {
            (
                Some(Node { value: Value::Table(lower), location }),
                Node { value: Value::Table(table), location: nearer },
            ) => {
                merge_over(lower, table);
                *location = nearer;
            }
            (_, upper) => {
                below.insert(key, upper);
            }
        }
    }
}

/// Applies `TICKETGRAPH__SECTION__KEY` variables. Names ignore case and the difference between `-` and `_`.
pub(super) fn apply_variables(below: &mut Table, variables: &[(String, String)]) {
    for (name, text) in variables {
        if let Some(path) = name.strip_prefix(PREFIX) {
            let keys: Vec<&str> = path.split("__").collect();
            set_path(below, &keys, text, &Location::Variable(name.as_str().into()));
        }
    }
}

fn set_path(table: &mut Table, keys: &[&str], text: &str, location: &Location) {
    let Some((first, rest)) = keys.split_first() else { return };
    let expected = first.to_ascii_lowercase();
    let key =
        table.keys().find(|key| key.to_ascii_lowercase().replace('-', "_") == expected).cloned().unwrap_or(expected);
    if rest.is_empty() {
        let for_text = matches!(table.get(&key), Some(Node { value: Value::Text(_), .. }));
        table.insert(
            key,
            Node { value: Value::Variable { text: text.to_owned(), for_text }, location: location.clone() },
        );
        return;
    }
    let empty = || Node { value: Value::Table(Table::new()), location: location.clone() };
    let inner = table.entry(key).or_insert_with(empty);
    if !matches!(inner.value, Value::Table(_)) {
        *inner = empty();
    }
    if let Value::Table(inner) = &mut inner.value {
        set_path(inner, rest, text, location);
    }
}
