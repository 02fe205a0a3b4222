//! The keys of `[sources.<id>]` that only TickeTing has.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use url::Url;

use crate::map::{Terms, keys};
use vendor_api::Finding;
use vendor_api::Stanza;

/// Every key of its own in a stanza.
pub(super) const KEYS: &[&str] = &["host", "api_key", "client_version", "settlement", "new_events"];
/// What `new_events` may name.
const OF_NEW_EVENTS: &[&str] = &["venue", "category", "subcategory"];
/// Those that hold secrets; `settlement.instrument_file` is read into `settlement.instrument`.
pub(super) const SECRETS: &[&str] = &["api_key", "settlement.instrument"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(deserialize_with = "text_or_number")]
    host: String,
    api_key: SecretString,
    #[serde(default = "usual_version")]
    client_version: String,
    settlement: Option<Settlement>,
    #[serde(default)]
    new_events: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settlement {
    instrument: SecretString,
}

fn usual_version() -> String {
    "3.0.0".to_owned()
}

fn text_or_number<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    match toml::Value::deserialize(from)? {
        toml::Value::String(text) => Ok(text),
        toml::Value::Integer(number) => Ok(number.to_string()),
        _ => Err(serde::de::Error::custom("must be the 14 digits of the host")),
    }
}

/// A TickeTing account, ready to be called.
pub(super) struct Settings {
    pub base: Url,
    pub api_key: SecretString,
    pub client_version: String,
    pub terms: Terms,
    pub instrument: Option<Instrument>,
}

impl Settings {
    /// Reads the stanza, or says all that is wrong with it.
    pub(super) fn read(stanza: &Stanza) -> Result<Self, Vec<Finding>> {
        let mut findings = Vec::new();
        let base = Url::parse(&stanza.base_url).ok().filter(|url| !url.cannot_be_a_base());
        if base.is_none() {
            findings.push(Finding::new("base_url", "must be an address like https://api.ticketingevents.com/v3"));
        }
        if stanza.currency.is_none() {
            findings.push(Finding::new("currency", "is missing: TickeTing never names the currency of its prices"));
        }
        let written = Written::deserialize(stanza.own.clone()).ok();
        if written.is_none() {
            findings.push(blame(&stanza.own));
        }
        let instrument = written.as_ref().and_then(|written| written.check(&mut findings));
        match (base, stanza.currency, written) {
            (Some(base), Some(currency), Some(written)) if findings.is_empty() => Ok(Self {
                base,
                api_key: written.api_key,
                client_version: written.client_version,
                terms: Terms {
                    zone: stanza.time_zone.clone(),
                    currency,
                    host: written.host,
                    new_events: written.new_events,
                },
                instrument,
            }),
            _ => Err(findings),
        }
    }
}

impl Written {
    fn check(&self, findings: &mut Vec<Finding>) -> Option<Instrument> {
        if !keys::is_id(&self.host) {
            findings.push(Finding::new("host", "must be the id of the host, like 17201149984410"));
        }
        let key = self.api_key.expose_secret();
        if key.is_empty() || !key.bytes().all(|b| b.is_ascii_graphic()) {
            findings.push(Finding::new("api_key", "must be the integration key, 32 letters and digits"));
        }
        let version = &self.client_version;
        if version.is_empty() || !version.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            findings.push(Finding::new("client_version", "must be a version like 3.0.0"));
        }
        if let Some(unknown) = self.new_events.keys().find(|key| !OF_NEW_EVENTS.contains(&key.as_str())) {
            let known = OF_NEW_EVENTS.join(", ");
            findings.push(Finding::new(format!("new_events.{unknown}"), format!("is unknown; known are {known}")));
        }
        let settlement = self.settlement.as_ref()?;
        match serde_json::from_str(settlement.instrument.expose_secret()) {
            Ok(instrument) => Some(instrument),
            // The parser's own words could quote the card.
            Err(_) => {
                let wanted =
                    "must be JSON with number, cvv, expiryDate (MM/YY), name, address1, city, district, country";
                findings.push(Finding::new("settlement", format!("the instrument {wanted}")));
                None
            }
        }
    }
}

/// Which key the parser could not read, and what would be right. Its own words are not passed on: they could quote a secret.
fn blame(own: &toml::Table) -> Finding {
    if let Some(missing) = ["host", "api_key"].into_iter().find(|key| !own.contains_key(*key)) {
        return Finding::new(missing, "is missing");
    }
    if let Some(unknown) = own.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Finding::new(unknown.as_str(), format!("is unknown; known are {}", KEYS.join(", ")));
    }
    let is_text = |key: &str| own.get(key).is_none_or(toml::Value::is_str);
    match ["api_key", "client_version"].into_iter().find(|key| !is_text(key)) {
        Some(key) => Finding::new(key, "must be text"),
        None if !is_text("host") && !own["host"].is_integer() => {
            Finding::new("host", "must be the id of the host, like \"17201149984410\"")
        }
        None if own.get("new_events").is_some_and(|told| !is_a_table_of_text(told)) => {
            Finding::new("new_events", "must be { venue = \"…\", category = \"…\", subcategory = \"…\" }")
        }
        None => Finding::new("settlement", "must be { instrument_file = \"path\" }"),
    }
}

fn is_a_table_of_text(told: &toml::Value) -> bool {
    told.as_table().is_some_and(|table| table.values().all(toml::Value::is_str))
}

/// The card that the source pays with. Read from a file of its own, shown nowhere: not in logs, errors, or the ledger.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Instrument {
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

impl fmt::Debug for Instrument {
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
