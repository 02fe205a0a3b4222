//! Settings before they are understood: values in layers, each with the place where it was written.

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

/// The file of the defaults.
pub(super) const DEFAULTS: &str = "config/default.toml";

/// What begins the name of an environment variable that holds a setting.
const PREFIX: &str = "TICKETGRAPH__";

/// Where a setting was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// A line of a file that is compiled in.
    BuiltIn(&'static str, usize),
    /// The file that was named, as a whole.
    File(Arc<Path>),
    /// A line of the file that was named.
    Line(Arc<Path>, usize),
    /// An environment variable.
    Variable(Arc<str>),
}

impl Place {
    /// Whether this is a default: nobody wrote it for this configuration.
    pub(super) fn is_default(&self) -> bool {
        matches!(self, Self::BuiltIn(name, _) if *name == DEFAULTS)
    }

    /// A path that was written here: relative ones start from the folder of the file.
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

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(name, line) => write!(out, "{name}:{line}"),
            Self::File(file) => file.display().fmt(out),
            Self::Line(file, line) => write!(out, "{}:{line}", file.display()),
            Self::Variable(name) => write!(out, "${name}"),
        }
    }
}

/// A value and its place.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) place: Place,
}

/// A value as it was written.
#[derive(Clone)]
pub(super) enum Value {
    /// Text in quotes, or a date.
    Text(String),
    /// A whole number.
    Whole(i64),
    /// A number with a fraction, as its digits: it never becomes a float.
    Fraction(String),
    /// True or false.
    Switch(bool),
    /// Values in a row.
    List(Vec<Node>),
    /// Values by key.
    Table(Table),
    /// The text of an environment variable. Whoever reads the setting knows whether it is a number, a list or text;
    /// where nobody does, it is text if it stands for text, and else what TOML makes of it.
    Bare { text: String, for_text: bool },
}

impl Node {
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) | Value::Bare { text, .. } => Some(text),
            _ => None,
        }
    }

    pub(super) fn whole(&self) -> Option<i64> {
        match &self.value {
            Value::Whole(number) => Some(*number),
            Value::Bare { text, .. } => text.trim().parse().ok(),
            _ => None,
        }
    }

    pub(super) fn decimal(&self) -> Option<Decimal> {
        match &self.value {
            Value::Whole(number) => Some((*number).into()),
            Value::Fraction(text) | Value::Bare { text, .. } => text.trim().parse().ok(),
            _ => None,
        }
    }

    pub(super) fn switch(&self) -> Option<bool> {
        match &self.value {
            Value::Switch(on) => Some(*on),
            Value::Bare { text, .. } => text.trim().parse().ok(),
            _ => None,
        }
    }

    pub(super) fn list(&self) -> Option<Cow<'_, [Node]>> {
        match &self.value {
            Value::List(items) => Some(Cow::Borrowed(items)),
            Value::Bare { .. } => match self.as_toml()?.value {
                Value::List(items) => Some(Cow::Owned(items)),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn table(&self) -> Option<Cow<'_, Table>> {
        match &self.value {
            Value::Table(table) => Some(Cow::Borrowed(table)),
            Value::Bare { .. } => match self.as_toml()?.value {
                Value::Table(table) => Some(Cow::Owned(table)),
                _ => None,
            },
            _ => None,
        }
    }

    /// What the text of a variable means when it is read as TOML.
    fn as_toml(&self) -> Option<Node> {
        let Value::Bare { text, .. } = &self.value else { return None };
        let parsed = DeValue::parse(text).ok()?;
        Some(Node { value: convert(parsed.get_ref(), text, &self.place), place: self.place.clone() })
    }

    /// Whether the setting is written as empty text, which means "none".
    pub(super) fn is_blank(&self) -> bool {
        self.text().is_some_and(|text| text.trim().is_empty())
    }

    /// The value for a finding: short, and only where it is a scalar.
    pub(super) fn shown(&self) -> String {
        match &self.value {
            Value::Text(text) | Value::Bare { text, .. } => format!("{:?}", text.chars().take(60).collect::<String>()),
            Value::Whole(number) => number.to_string(),
            Value::Fraction(text) => text.clone(),
            Value::Switch(on) => on.to_string(),
            Value::List(_) => "a list".to_owned(),
            Value::Table(_) => "a table".to_owned(),
        }
    }

    /// The value as TOML for whoever reads a vendor's own keys. Fractions stay text.
    pub(super) fn to_toml(&self) -> toml::Value {
        match &self.value {
            Value::Text(text) | Value::Fraction(text) => toml::Value::String(text.clone()),
            Value::Whole(number) => toml::Value::Integer(*number),
            Value::Switch(on) => toml::Value::Boolean(*on),
            Value::List(items) => toml::Value::Array(items.iter().map(Self::to_toml).collect()),
            Value::Table(table) => {
                toml::Value::Table(table.iter().map(|(key, node)| (key.clone(), node.to_toml())).collect())
            }
            Value::Bare { text, for_text } => {
                let parsed = if *for_text { None } else { self.as_toml() };
                parsed.map_or_else(|| toml::Value::String(text.clone()), |node| node.to_toml())
            }
        }
    }
}

/// A text that is no TOML: the line, where known, and what is wrong there.
pub(super) struct Illegible {
    pub(super) place: Place,
    pub(super) message: String,
}

/// Reads TOML. `origin` tells which file it is. Answers every fault of the syntax at once.
pub(super) fn parse(text: &str, origin: &Place) -> Result<Table, Vec<Illegible>> {
    let (parsed, faults) = DeTable::parse_recoverable(text);
    if faults.is_empty() {
        return Ok(convert_table(parsed.get_ref(), text, origin));
    }
    let tell = |fault: toml::de::Error| Illegible {
        place: origin.at(fault.span().map_or(1, |span| line_of(text, span.start))),
        message: fault.message().replace('\n', ", "),
    };
    Err(faults.into_iter().map(tell).collect())
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn convert_table(table: &DeTable<'_>, text: &str, origin: &Place) -> Table {
    let entry = |(key, value): (&Spanned<Cow<'_, str>>, &Spanned<DeValue<'_>>)| {
        let place = origin.at(line_of(text, key.span().start));
        (key.get_ref().to_string(), Node { value: convert(value.get_ref(), text, origin), place })
    };
    table.iter().map(entry).collect()
}

fn convert(value: &DeValue<'_>, text: &str, origin: &Place) -> Value {
    match value {
        DeValue::String(string) => Value::Text(string.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Whole(number),
            Err(_) => Value::Fraction(number.to_string()),
        },
        DeValue::Float(number) => Value::Fraction(number.as_str().to_owned()),
        DeValue::Boolean(on) => Value::Switch(*on),
        DeValue::Datetime(moment) => Value::Text(moment.to_string()),
        DeValue::Array(items) => Value::List(
            items
                .iter()
                .map(|item| Node {
                    value: convert(item.get_ref(), text, origin),
                    place: origin.at(line_of(text, item.span().start)),
                })
                .collect(),
        ),
        DeValue::Table(table) => Value::Table(convert_table(table, text, origin)),
    }
}

/// Lays one table over another: tables merge, everything else is replaced.
pub(super) fn lay_over(below: &mut Table, above: Table) {
    for (key, upper) in above {
        match (below.get_mut(&key), upper) {
            (Some(Node { value: Value::Table(lower), place }), Node { value: Value::Table(table), place: nearer }) => {
                lay_over(lower, table);
                *place = nearer;
            }
            (_, upper) => {
                below.insert(key, upper);
            }
        }
    }
}

/// Lays the variables `TICKETGRAPH__SECTION__KEY` over the settings. Case, and `-` against `_`, make no difference in names.
pub(super) fn lay_variables_over(below: &mut Table, variables: &[(String, String)]) {
    for (name, text) in variables {
        if let Some(path) = name.strip_prefix(PREFIX) {
            let keys: Vec<&str> = path.split("__").collect();
            put(below, &keys, text, &Place::Variable(name.as_str().into()));
        }
    }
}

fn put(table: &mut Table, keys: &[&str], text: &str, place: &Place) {
    let Some((first, rest)) = keys.split_first() else { return };
    let wanted = first.to_ascii_lowercase();
    let key = table.keys().find(|key| key.to_ascii_lowercase().replace('-', "_") == wanted).cloned().unwrap_or(wanted);
    if rest.is_empty() {
        let for_text = matches!(table.get(&key), Some(Node { value: Value::Text(_), .. }));
        table.insert(key, Node { value: Value::Bare { text: text.to_owned(), for_text }, place: place.clone() });
        return;
    }
    let empty = || Node { value: Value::Table(Table::new()), place: place.clone() };
    let inner = table.entry(key).or_insert_with(empty);
    if !matches!(inner.value, Value::Table(_)) {
        *inner = empty();
    }
    if let Value::Table(inner) = &mut inner.value {
        put(inner, rest, text, place);
    }
}
