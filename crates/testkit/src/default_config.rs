//! Settings of `config/default.toml`, so that tests run on the defaults of the service.

use std::path::Path;

use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// Reads a section of `config/default.toml`, like `resilience` or `cache.lifetimes`. Durations like "15s" become
/// `std::time::Duration`.
pub fn default_section<T: DeserializeOwned>(path: &str) -> T {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/default.toml");
    let text = std::fs::read_to_string(file).expect("the default configuration");
    let root = Value::Table(text.parse::<Table>().expect("TOML"));
    let section = path.split('.').fold(root, |value, key| value.get(key).cloned().expect("a section"));
    with_durations(section).try_into().unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Replaces texts that are durations with the form that serde reads.
fn with_durations(value: Value) -> Value {
    match value {
        Value::Table(table) => {
            Value::Table(table.into_iter().map(|(key, value)| (key, with_durations(value))).collect())
        }
        Value::String(text) => duration(&text).unwrap_or(Value::String(text)),
        other => other,
    }
}

fn duration(text: &str) -> Option<Value> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let millis = number.parse::<i64>().ok()?.checked_mul(millis)?;
    let parts = [("secs", millis / 1_000), ("nanos", millis % 1_000 * 1_000_000)];
    Some(Value::Table(parts.into_iter().map(|(key, value)| (key.to_owned(), Value::Integer(value))).collect()))
}
