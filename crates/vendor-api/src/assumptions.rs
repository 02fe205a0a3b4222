//! Inferred facts about a vendor. Each has a setting, with which an operator corrects it without a new build.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::InvalidSetting;
use domain::ordering::Symbology;

/// Key of the table of corrected facts in the configuration of a source or channel.
pub const ASSUMPTIONS: &str = "assumptions";

/// Maximum number of words in one table, and of entries in one list.
const MAX_ENTRIES: usize = 100;
/// Maximum length of a text, in bytes.
const MAX_TEXT: usize = 200;

/// An inferred fact about a vendor.
#[derive(Debug)]
pub struct Assumption {
    /// Key of its setting in the table `assumptions`.
    pub key: &'static str,
    /// True if the same key may also be written at the source or channel itself.
    pub at_source: bool,
    /// The fact, as it is if the setting has its default.
    pub fact: &'static str,
    /// Section of the vendor's contract.
    pub section: &'static str,
    /// Default, as it is written in TOML.
    pub default: &'static str,
    /// Values of the setting.
    pub accepts: Accepts,
    /// Effect if the fact is wrong and the setting has its default.
    pub if_wrong: &'static str,
}

/// Values that a setting accepts.
#[derive(Debug, Clone, Copy)]
pub enum Accepts {
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A number between two bounds, both included.
    Count(i64, i64),
    /// A duration such as `10m`.
    Duration,
    /// A duration, or the text `none`.
    OptionalDuration,
    /// `true` or `false`.
    Flag,
    /// Text such as a path. Empty: none.
    Text,
    /// A list of texts.
    Texts,
    /// A table of the vendor's words, each with one of these meanings. It adds to the default, and its own entries win.
    Words(&'static [&'static str]),
}

/// A fact with the value that applies to a source.
#[derive(Debug)]
pub struct AssumptionInForce {
    /// The fact.
    pub assumption: &'static Assumption,
    /// Value, as it is written in TOML.
    pub value: String,
    /// True if the configuration sets it.
    pub is_configured: bool,
}

/// The values that apply to a source.
#[derive(Debug)]
pub struct Assumptions {
    table: &'static [Assumption],
    values: Table,
    configured: Vec<String>,
}

impl Assumptions {
    /// Parses the table `assumptions` of a configuration; returns every invalid setting.
    pub fn from_settings(table: &'static [Assumption], settings: &Table) -> Result<Self, Vec<InvalidSetting>> {
        let known = || table.iter().map(|one| one.key).collect::<Vec<_>>().join(", ");
        let empty = Table::new();
        let configured = match settings.get(ASSUMPTIONS) {
            None => &empty,
            Some(Value::Table(configured)) => configured,
            Some(_) => {
                return Err(vec![InvalidSetting::new(ASSUMPTIONS, format!("must be a table of {}", known()))]);
            }
        };
        let mut values = Table::new();
        let mut invalid = Vec::new();
        let mut configured = configured.clone();
        for assumption in table.iter().filter(|assumption| assumption.at_source) {
            let Some(own) = settings.get(assumption.key) else { continue };
            if configured.insert(assumption.key.to_owned(), own.clone()).is_some_and(|other| other != *own) {
                let message = format!("differs from {}: keep one of them", path(assumption.key));
                invalid.push(InvalidSetting::new(assumption.key, message));
            }
        }
        for assumption in table {
            match assumption.value(configured.get(assumption.key)) {
                Ok(value) => drop(values.insert(assumption.key.to_owned(), value)),
                Err(message) => invalid.push(InvalidSetting::new(path(assumption.key), message)),
            }
        }
        let unknown = configured.keys().filter(|key| !table.iter().any(|one| one.key == **key));
        invalid.extend(
            unknown.map(|key| InvalidSetting::new(path(key), format!("unknown key; the keys are {}", known()))),
        );
        if !invalid.is_empty() {
            return Err(invalid);
        }
        Ok(Self { table, values, configured: configured.keys().cloned().collect() })
    }

    /// Returns a value. Fails if the type does not fit the value.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<T, InvalidSetting> {
        let value = self.values.get(key).cloned().ok_or_else(|| InvalidSetting::new(path(key), "has no default"))?;
        value.try_into().map_err(|_| InvalidSetting::new(path(key), "does not have the type of the fact"))
    }

    /// Returns the symbology that a word such as `code128` names.
    pub fn symbology(&self, key: &str) -> Result<Symbology, InvalidSetting> {
        Ok(match self.get::<String>(key)?.as_str() {
            "qr" => Symbology::Qr,
            "code128" => Symbology::Code128,
            "aztec" => Symbology::Aztec,
            "pdf417" => Symbology::Pdf417,
            _ => Symbology::Other,
        })
    }

    /// Returns a table of words, with the words in lower case.
    pub fn words<T: DeserializeOwned>(&self, key: &str) -> Result<BTreeMap<String, T>, InvalidSetting> {
        self.get(key)
    }

    /// Returns all facts with their values.
    pub fn in_force(&self) -> Vec<AssumptionInForce> {
        let in_force = |assumption: &'static Assumption| AssumptionInForce {
            assumption,
            value: self.values.get(assumption.key).map(inline).unwrap_or_default(),
            is_configured: self.configured.iter().any(|key| key == assumption.key),
        };
        self.table.iter().map(in_force).collect()
    }
}

impl Assumption {
    /// Returns the default, as a value.
    pub fn default_value(&self) -> Option<Value> {
        let text = format!("value = {}", self.default);
        text.parse::<Table>().ok()?.remove("value")
    }

    fn value(&self, configured: Option<&Value>) -> Result<Value, String> {
        let default = self.default_value().ok_or("has a default that is no TOML")?;
        let default = self.accepts.normalize(&default).ok_or("has a default that it does not accept")?;
        let Some(configured) = configured else { return Ok(default) };
        let mut value = self.accepts.normalize(configured).ok_or_else(|| self.accepts.expected())?;
        if let (Value::Table(words), Value::Table(defaults)) = (&mut value, default) {
            for (word, meaning) in defaults {
                words.entry(word).or_insert(meaning);
            }
        }
        Ok(value)
    }
}

impl Accepts {
    /// Describes the accepted values.
    pub fn expected(self) -> String {
        match self {
            Self::OneOf(words) => format!("must be one of {}", words.join(", ")),
            Self::Count(min, max) => format!("must be a number from {min} to {max}"),
            Self::Duration => "must be a duration such as \"10m\", longer than zero".to_owned(),
            Self::OptionalDuration => "must be a duration such as \"24h\", longer than zero, or \"none\"".to_owned(),
            Self::Flag => "must be true or false".to_owned(),
            Self::Text => format!("must be a text of at most {MAX_TEXT} bytes"),
            Self::Texts => format!("must be a list of at most {MAX_ENTRIES} texts, each at most {MAX_TEXT} bytes"),
            Self::Words(meanings) => {
                format!(
                    "must be a table of at most {MAX_ENTRIES} words, each once in any case and with a meaning: {}",
                    meanings.join(", ")
                )
            }
        }
    }

    /// Returns the value in its usual form; `None` if it is not accepted.
    pub fn normalize(self, value: &Value) -> Option<Value> {
        let fits = match (self, value) {
            (Self::OneOf(words), Value::String(word)) => words.contains(&word.as_str()),
            (Self::Count(min, max), Value::Integer(number)) => (min..=max).contains(number),
            (Self::OptionalDuration, Value::String(text)) if text == "none" => true,
            (Self::Duration | Self::OptionalDuration, Value::String(text)) => {
                text.parse().is_ok_and(|time: jiff::SignedDuration| time.is_positive())
            }
            (Self::Flag, Value::Boolean(_)) => true,
            (Self::Text, Value::String(text)) => is_short(text),
            (Self::Texts, Value::Array(texts)) => {
                texts.len() <= MAX_ENTRIES && texts.iter().all(|text| text.as_str().is_some_and(is_short))
            }
            (Self::Words(meanings), Value::Table(words)) => {
                let is_known = |(word, meaning): (&String, &Value)| {
                    is_short(word) && meaning.as_str().is_some_and(|meaning| meanings.contains(&meaning))
                };
                let known = words.len() <= MAX_ENTRIES && words.iter().all(is_known);
                let usual = || words.iter().map(|(word, meaning)| (usual_word(word), meaning.clone()));
                // Two spellings of one word may have different meanings, of which one would win silently.
                let are_distinct = usual().map(|(word, _)| word).collect::<BTreeSet<_>>().len() == words.len();
                return (known && are_distinct).then(|| Value::Table(usual().collect()));
            }
            _ => false,
        };
        fits.then(|| value.clone())
    }
}

/// Returns a word as it is compared.
fn usual_word(word: &str) -> String {
    word.trim().to_lowercase()
}

fn is_short(text: impl AsRef<str>) -> bool {
    text.as_ref().len() <= MAX_TEXT
}

fn path(key: &str) -> String {
    format!("{ASSUMPTIONS}.{key}")
}

/// Formats a value on one line.
fn inline(value: &Value) -> String {
    let Value::Table(words) = value else { return value.to_string() };
    let words: Vec<String> = words.iter().map(|(word, meaning)| format!("\"{word}\" = {meaning}")).collect();
    format!("{{ {} }}", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[Assumption] = &[
        Assumption {
            key: "retry",
            at_source: true,
            fact: "it is never sent again",
            section: "vendor.md §2.3",
            default: "\"never\"",
            accepts: Accepts::OneOf(&["never", "always"]),
            if_wrong: "a person decides",
        },
        Assumption {
            key: "page_size",
            at_source: false,
            fact: "a page has so many rows",
            section: "vendor.md §2.6",
            default: "100",
            accepts: Accepts::Count(1, 1000),
            if_wrong: "rows are missing",
        },
        Assumption {
            key: "interval",
            at_source: false,
            fact: "so much time lies between two calls",
            section: "vendor.md §2.8",
            default: "\"10m\"",
            accepts: Accepts::Duration,
            if_wrong: "calls are refused",
        },
        Assumption {
            key: "states",
            at_source: false,
            fact: "the words of the states",
            section: "vendor.md §7.6",
            default: "{ Active = \"issued\", Refunded = \"void\" }",
            accepts: Accepts::Words(&["issued", "void"]),
            if_wrong: "a ticket stays pending",
        },
    ];

    fn read(settings: &str) -> Result<Assumptions, Vec<String>> {
        let read = Assumptions::from_settings(TABLE, &settings.parse().expect("TOML"));
        read.map_err(|invalid| invalid.into_iter().map(|one| one.key).collect())
    }

    #[test]
    fn without_a_table_the_defaults_apply() {
        let read = read("").expect("valid");
        assert_eq!(read.get::<String>("retry"), Ok("never".to_owned()));
        assert_eq!(read.get::<u32>("page_size"), Ok(100));
        assert_eq!(read.get::<jiff::SignedDuration>("interval"), Ok(jiff::SignedDuration::from_mins(10)));
        assert!(read.in_force().iter().all(|one| !one.is_configured));
    }

    #[test]
    fn words_add_to_the_default_and_win_in_any_case() {
        let read = read("assumptions.states = { ACTIVE = \"void\", \" Wrapped \" = \"issued\" }").expect("valid");
        let words = read.words::<String>("states").expect("words");
        let words: Vec<(&str, &str)> = words.iter().map(|(word, meaning)| (word.as_str(), meaning.as_str())).collect();
        assert_eq!(words, [("active", "void"), ("refunded", "void"), ("wrapped", "issued")]);
        let states = read.in_force().pop().expect("the last one");
        assert_eq!(states.value, "{ \"active\" = \"void\", \"refunded\" = \"void\", \"wrapped\" = \"issued\" }");
        assert!(states.is_configured);
    }

    #[test]
    fn a_flag_is_true_or_false_and_an_optional_duration_may_be_none() {
        assert!(Accepts::Flag.normalize(&Value::Boolean(false)).is_some());
        assert!(Accepts::Flag.normalize(&Value::from("false")).is_none());
        for (text, is_accepted) in [("none", true), ("24h", true), ("0s", false), ("never", false)] {
            assert_eq!(Accepts::OptionalDuration.normalize(&Value::from(text)).is_some(), is_accepted, "{text}");
        }
        assert!(Accepts::Duration.normalize(&Value::from("none")).is_none());
    }

    #[test]
    fn a_fact_may_be_written_at_the_source_itself_if_its_table_says_so() {
        let own = read("retry = \"always\"").expect("valid");
        assert_eq!(own.get::<String>("retry"), Ok("always".to_owned()));
        assert!(own.in_force()[0].is_configured);
        let both = |other: &str| read(&format!("retry = \"always\"\nassumptions.retry = \"{other}\"")).map(|_| ());
        assert_eq!(both("always"), Ok(()));
        assert_eq!(both("never"), Err(vec!["retry".to_owned()]));
        assert_eq!(read("page_size = 5").expect("valid").get::<u32>("page_size"), Ok(100), "a key of another meaning");
    }

    #[test]
    fn each_invalid_value_is_named() {
        for (settings, key) in [
            ("assumptions = 1", "assumptions"),
            ("assumptions.retries = \"never\"", "assumptions.retries"),
            ("assumptions.retry = \"sometimes\"", "assumptions.retry"),
            ("assumptions.page_size = 0", "assumptions.page_size"),
            ("assumptions.page_size = \"100\"", "assumptions.page_size"),
            ("assumptions.interval = \"soon\"", "assumptions.interval"),
            ("assumptions.interval = \"0s\"", "assumptions.interval"),
            ("assumptions.states = { Active = \"fine\" }", "assumptions.states"),
            ("assumptions.states = { Active = \"issued\", ACTIVE = \"void\" }", "assumptions.states"),
            ("assumptions.states = { Active = \"issued\", \"Active \" = \"issued\" }", "assumptions.states"),
        ] {
            assert_eq!(read(settings).map(|_| ()), Err(vec![key.to_owned()]), "{settings}");
        }
    }
}
