//! The configuration for the replay of a recording: the sources with masked settings and without secrets.
//!
//! Settings such as the id of a host occur in requests and responses. Their pseudonyms belong to the recording, so that a
//! service that reads the replay recognizes its own account.

use std::io;
use std::path::Path;

use jiff::Timestamp;
use recording::{Masker, RecordedSource, RecordingIndex, write_private};
use toml::{Table, Value};
use url::Url;
use vendor_registry::{APPS, VENDORS};

use crate::config::Config;

/// Name of the file.
pub(super) const FILE: &str = "replay.toml";
/// First of the ports of `ticketgraph replay`.
pub(super) const FIRST_PORT: u16 = 4201;
/// Stands in for every secret: a replay accepts any.
const NO_SECRET: &str = "replay";

/// Writes the list of the sources, and the configuration.
pub(super) fn write(folder: &Path, config: &Config, masker: &Masker, now: Timestamp) -> io::Result<()> {
    let mut recorded = Vec::new();
    let (mut sources, mut deliveries) = (Table::new(), Table::new());
    for (id, settings) in &config.sources {
        let source = &settings.source;
        let secrets = VENDORS.iter().find(|row| row.name == settings.vendor).map_or(&[][..], |row| row.secrets);
        let mut table = masked(masker, &source.vendor_settings, secrets);
        table.insert("vendor".to_owned(), settings.vendor.clone().into());
        table.insert("environment".to_owned(), "sandbox".into());
        table.insert("institution".to_owned(), masker.setting("institution", &source.institution).into());
        table.insert("time_zone".to_owned(), source.time_zone.iana_name().unwrap_or("UTC").into());
        if let Some(currency) = source.currency {
            table.insert("currency".to_owned(), currency.code().into());
        }
        let address = address(masker, &source.base_url, recorded.len());
        table.insert("base_url".to_owned(), address.1.into());
        recorded.push(RecordedSource { name: id.to_string(), vendor: settings.vendor.clone(), base_path: address.0 });
        sources.insert(id.to_string(), table.into());
    }
    for (id, settings) in &config.deliveries {
        let channel = &settings.channel;
        let secrets = APPS.iter().find(|row| row.name == settings.app).map_or(&[][..], |row| row.secrets);
        let mut table = masked(masker, &channel.app_settings, secrets);
        let address = address(masker, &channel.url, recorded.len());
        table.insert("app".to_owned(), settings.app.clone().into());
        table.insert("source".to_owned(), channel.source.to_string().into());
        table.insert("url".to_owned(), address.1.into());
        recorded.push(RecordedSource { name: id.clone(), vendor: settings.app.clone(), base_path: address.0 });
        deliveries.insert(id.clone(), table.into());
    }
    RecordingIndex::new(now.to_string(), recorded).write(folder)?;
    let mut root = Table::from_iter([("sources".to_owned(), Value::Table(sources))]);
    if !deliveries.is_empty() {
        root.insert("deliveries".to_owned(), deliveries.into());
    }
    let text = toml::to_string_pretty(&root).map_err(io::Error::other)?;
    let text = format!("# For `ticketgraph replay`: masked settings, no secrets.\n\n{text}");
    write_private(&folder.join(FILE), text.as_bytes())
}

/// Returns the masked path of a base URL, and the URL in the replay.
fn address(masker: &Masker, base_url: &str, number: usize) -> (String, String) {
    let path = Url::parse(base_url).map_or_else(|_| String::new(), |url| masker.path(&url, None).path);
    let path = path.trim_end_matches('/').to_owned();
    let port = u16::try_from(number).ok().and_then(|number| FIRST_PORT.checked_add(number)).unwrap_or_default();
    let url = format!("http://127.0.0.1:{port}{path}");
    (path, url)
}

/// Masks the settings of a vendor. A nested table with a secret, such as a card, is left out: reading needs none.
fn masked(masker: &Masker, settings: &Table, secrets: &[&str]) -> Table {
    let mut masked = Table::new();
    for (key, value) in settings {
        let is_secret = secrets.contains(&key.as_str());
        let prefix = format!("{key}.");
        if secrets.iter().any(|secret| secret.starts_with(&prefix)) {
            continue;
        }
        let value = if is_secret {
            Value::Table(Table::from_iter([("value".to_owned(), NO_SECRET.into())]))
        } else {
            masked_value(masker, key, value)
        };
        masked.insert(key.clone(), value);
    }
    masked
}

fn masked_value(masker: &Masker, key: &str, value: &Value) -> Value {
    match value {
        Value::Table(table) => {
            Value::Table(table.iter().map(|(key, value)| (key.clone(), masked_value(masker, key, value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| masked_value(masker, key, item)).collect()),
        Value::String(text) => Value::String(masker.setting(key, text)),
        Value::Integer(number) => Value::Integer(masker.setting_number(key, *number)),
        other => other.clone(),
    }
}
