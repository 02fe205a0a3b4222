//! Settings of this vendor and their validation.

use std::collections::BTreeMap;
use std::fmt;

use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use url::Url;

use crate::assumptions::{ASSUMPTIONS, EventWord, OrderWord, PaymentWord, TicketWord};
use crate::map::{SourceDefaults, keys};
use domain::ordering::Symbology;
use vendor_api::SourceConfig;
use vendor_api::{Assumptions, InvalidSetting};

/// Keys of a source beyond the shared ones.
pub(super) const KEYS: &[&str] = &["host", "api_key", "client_version", "settlement", "new_events", "assumptions"];
/// Keys of `new_events`.
const NEW_EVENT_KEYS: &[&str] = &["venue", "category", "subcategory"];
/// Keys that hold secrets; `settlement.instrument_file` is read into `settlement.instrument`.
pub(super) const SECRETS: &[&str] = &["api_key", "settlement.instrument"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSettings {
    #[serde(deserialize_with = "text_or_number")]
    host: String,
    api_key: SecretString,
    #[serde(default = "default_client_version")]
    client_version: String,
    settlement: Option<SettlementSettings>,
    #[serde(default)]
    new_events: BTreeMap<String, String>,
    /// Read by [`Facts::from_settings`].
    #[serde(default, rename = "assumptions")]
    _assumptions: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SettlementSettings {
    instrument: SecretString,
}

fn default_client_version() -> String {
    "3.0.0".to_owned()
}

fn text_or_number<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    match toml::Value::deserialize(from)? {
        toml::Value::String(text) => Ok(text),
        toml::Value::Integer(number) => Ok(number.to_string()),
        _ => Err(serde::de::Error::custom("must be the 14 digits of the host")),
    }
}

/// Inferred facts, as the configuration corrects them.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// True if the public list of events is filtered by host.
    pub trusts_host_filter: bool,
    /// True if a section with sold or reserved tickets may be deleted.
    pub deletes_sold_sections: bool,
    pub page_size: usize,
    pub event_status_words: BTreeMap<String, EventWord>,
    pub order_status_words: BTreeMap<String, OrderWord>,
    pub ticket_status_words: BTreeMap<String, TicketWord>,
    pub payment_status_words: BTreeMap<String, PaymentWord>,
    pub payment_window: SignedDuration,
    /// Duration of an event without an end.
    pub open_ended_event: SignedDuration,
    pub symbology: Symbology,
}

impl Facts {
    /// Reads the table `assumptions` of a configuration; the error lists everything that is wrong.
    pub(super) fn from_settings(settings: &toml::Table) -> Result<Self, Vec<InvalidSetting>> {
        let read = Assumptions::from_settings(ASSUMPTIONS, settings)?;
        Self::from_assumptions(&read).map_err(|invalid| vec![invalid])
    }

    fn from_assumptions(read: &Assumptions) -> Result<Self, InvalidSetting> {
        let is = |key: &str, word: &str| read.get::<String>(key).map(|value| value == word);
        Ok(Self {
            trusts_host_filter: is("published_host_filter", "trusted")?,
            deletes_sold_sections: is("delete_sold_section", "allow")?,
            page_size: read.get("page_size")?,
            event_status_words: read.words("event_status_words")?,
            order_status_words: read.words("order_status_words")?,
            ticket_status_words: read.words("ticket_status_words")?,
            payment_status_words: read.words("payment_status_words")?,
            payment_window: read.get("payment_window")?,
            open_ended_event: read.get("open_ended_event")?,
            symbology: read.symbology("barcode_symbology")?,
        })
    }

    /// Facts with the given lines of the table `assumptions`.
    #[cfg(test)]
    pub(super) fn with(lines: &str) -> Self {
        let settings = format!("[assumptions]\n{lines}").parse().expect("TOML");
        Self::from_settings(&settings).expect("valid assumptions")
    }
}

/// Returns the meaning of a word, in any case.
pub(super) fn meaning<T: Copy>(words: &BTreeMap<String, T>, word: &str) -> Option<T> {
    words.get(&word.trim().to_lowercase()).copied()
}

/// Validated settings of a TickeTing account.
pub(super) struct Settings {
    pub base_url: Url,
    pub api_key: SecretString,
    pub client_version: String,
    pub defaults: SourceDefaults,
    pub card: Option<PaymentCard>,
}

impl Settings {
    /// Parses and validates a source's configuration; the error lists everything that is wrong.
    pub(super) fn from_config(config: &SourceConfig) -> Result<Self, Vec<InvalidSetting>> {
        let mut errors = Vec::new();
        let base = Url::parse(&config.base_url).ok().filter(|url| !url.cannot_be_a_base());
        if base.is_none() {
            errors.push(InvalidSetting::new("base_url", "must be a URL like https://api.ticketingevents.com/v3"));
        }
        if config.currency.is_none() {
            errors.push(InvalidSetting::new(
                "currency",
                "is missing: TickeTing's API never contains the currency of its prices",
            ));
        }
        let raw = RawSettings::deserialize(config.vendor_settings.clone()).ok();
        if raw.is_none() {
            errors.push(invalid_key(&config.vendor_settings));
        }
        let card = raw.as_ref().and_then(|raw| raw.validate(&mut errors));
        let facts = Facts::from_settings(&config.vendor_settings).map_err(|invalid| errors.extend(invalid)).ok();
        match (base, config.currency, raw, facts) {
            (Some(base), Some(currency), Some(raw), Some(facts)) if errors.is_empty() => Ok(Self {
                base_url: base.clone(),
                api_key: raw.api_key,
                client_version: raw.client_version,
                defaults: SourceDefaults {
                    time_zone: config.time_zone.clone(),
                    base_url: base,
                    currency,
                    host: raw.host,
                    new_event_fields: raw.new_events,
                    facts,
                },
                card,
            }),
            _ => Err(errors),
        }
    }
}

impl RawSettings {
    fn validate(&self, errors: &mut Vec<InvalidSetting>) -> Option<PaymentCard> {
        if !keys::is_id(&self.host) {
            errors.push(InvalidSetting::new("host", "must be the id of the host, like 17201149984410"));
        }
        let key = self.api_key.expose_secret();
        if key.is_empty() || !key.bytes().all(|b| b.is_ascii_graphic()) {
            errors.push(InvalidSetting::new("api_key", "must be the integration key, 32 letters and digits"));
        }
        let version = &self.client_version;
        if version.is_empty() || !version.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            errors.push(InvalidSetting::new("client_version", "must be a version like 3.0.0"));
        }
        if let Some(unknown) = self.new_events.keys().find(|key| !NEW_EVENT_KEYS.contains(&key.as_str())) {
            let known = NEW_EVENT_KEYS.join(", ");
            errors.push(InvalidSetting::new(
                format!("new_events.{unknown}"),
                format!("is unknown; the known keys are {known}"),
            ));
        }
        let settlement = self.settlement.as_ref()?;
        match serde_json::from_str(settlement.instrument.expose_secret()) {
            Ok(instrument) => Some(instrument),
            // The parser's message could quote the card.
            Err(_) => {
                let wanted =
                    "must be JSON with number, cvv, expiryDate (MM/YY), name, address1, city, district, country";
                errors.push(InvalidSetting::new("settlement", format!("the instrument {wanted}")));
                None
            }
        }
    }
}

/// Determines which key could not be parsed. The parser's message is not used, because it could quote a secret.
fn invalid_key(own: &toml::Table) -> InvalidSetting {
    if let Some(missing) = ["host", "api_key"].into_iter().find(|key| !own.contains_key(*key)) {
        return InvalidSetting::new(missing, "is missing");
    }
    if let Some(unknown) = own.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return InvalidSetting::new(unknown.as_str(), format!("is unknown; the known keys are {}", KEYS.join(", ")));
    }
    let is_text = |key: &str| own.get(key).is_none_or(toml::Value::is_str);
    match ["api_key", "client_version"].into_iter().find(|key| !is_text(key)) {
        Some(key) => InvalidSetting::new(key, "must be a string"),
        None if !is_text("host") && !own["host"].is_integer() => {
            InvalidSetting::new("host", "must be the id of the host, like \"17201149984410\"")
        }
        None if own.get("new_events").is_some_and(|value| !is_string_table(value)) => {
            InvalidSetting::new("new_events", "must be { venue = \"…\", category = \"…\", subcategory = \"…\" }")
        }
        None => InvalidSetting::new("settlement", "must be { instrument_file = \"path\" }"),
    }
}

fn is_string_table(value: &toml::Value) -> bool {
    value.as_table().is_some_and(|table| table.values().all(toml::Value::is_str))
}

/// The card that the source pays with. Read from a file of its own; never in logs, errors, or the ledger.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PaymentCard {
    pub number: SecretString,
    #[serde(deserialize_with = "secret_text")]
    pub cvv: SecretString,
    pub expiry_date: SecretString,
    pub name: String,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub address1: String,
    pub address2: Option<String>,
    pub city: String,
    pub district: String,
    pub country: String,
}

impl fmt::Debug for PaymentCard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Instrument(hidden)")
    }
}

fn secret_text<'de, D: Deserializer<'de>>(from: D) -> Result<SecretString, D::Error> {
    match serde_json::Value::deserialize(from)? {
        serde_json::Value::String(text) => Ok(text.into()),
        serde_json::Value::Number(number) => Ok(number.to_string().into()),
        _ => Err(serde::de::Error::custom("must be digits")),
    }
}
