//! Settings of this vendor and their validation.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::IgnoredAny;
use url::Url;

use crate::assumptions::{ASSUMPTIONS, BookingWord, FormatWord};
use crate::map::SourceDefaults;
use domain::Environment;
use vendor_api::{Assumptions, InvalidSetting, SourceConfig};

/// Keys of a source beyond the shared ones.
pub(super) const KEYS: &[&str] = &[
    "api_key",
    "supplier_id",
    "env",
    "capability_prefix",
    "supplier_path",
    "cancel_by",
    "list_cap",
    "env_header",
    "honors_uuid",
    "sells_on_request",
    "sells_open_dated",
    "hold_minutes",
    "assumptions",
];
/// Keys that hold secrets.
pub(super) const SECRETS: &[&str] = &["api_key"];
/// Longest id of a supplier in bytes.
const MAX_SUPPLIER_ID: usize = 200;

#[derive(Deserialize)]
struct RawSettings {
    api_key: SecretString,
    supplier_id: Option<String>,
    env: Option<BookingEnv>,
    /// Read by [`Facts::from_settings`].
    #[serde(default, rename = "assumptions")]
    _assumptions: IgnoredAny,
}

/// Kind of the bookings that a source makes (`octo.md §2.2`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum BookingEnv {
    /// Without stock, with codes that admit nobody.
    Test,
    /// Real ones.
    Live,
}

impl BookingEnv {
    /// Returns the value of the header.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Live => "live",
        }
    }
}

/// Place of the supplier's id in a request (`octo.md §10`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SupplierPlace {
    None,
    Path,
    Key,
}

/// Inferred facts and switches, as the configuration corrects them.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// Precedes the ids of capabilities.
    pub capability_prefix: &'static str,
    pub supplier_place: SupplierPlace,
    /// True if a booking is canceled with `DELETE`.
    pub cancels_by_delete: bool,
    /// Length at which a list is cut off; 0 if it never is.
    pub list_cap: usize,
    pub env_header: bool,
    pub honors_uuid: bool,
    pub sells_on_request: bool,
    pub sells_open_dated: bool,
    pub hold_minutes: u32,
    pub hold_fixes_price: bool,
    pub booking_status_words: BTreeMap<String, BookingWord>,
    pub delivery_format_words: BTreeMap<String, FormatWord>,
    /// Time after the end of a hold after which an absent booking was not sold.
    pub absent_after: SignedDuration,
}

impl Facts {
    /// Reads the switches and the table `assumptions` of a configuration; the error lists everything that is wrong.
    pub(super) fn from_settings(settings: &toml::Table) -> Result<Self, Vec<InvalidSetting>> {
        let read = Assumptions::from_settings(ASSUMPTIONS, settings)?;
        Self::from_assumptions(&read).map_err(|invalid| vec![invalid])
    }

    fn from_assumptions(read: &Assumptions) -> Result<Self, InvalidSetting> {
        let is = |key: &str, word: &str| read.get::<String>(key).map(|value| value == word);
        let supplier_place = match read.get::<String>("supplier_path")?.as_str() {
            "path" => SupplierPlace::Path,
            "key" => SupplierPlace::Key,
            _ => SupplierPlace::None,
        };
        Ok(Self {
            capability_prefix: if is("capability_prefix", "octo/")? { "octo/" } else { "" },
            supplier_place,
            cancels_by_delete: is("cancel_by", "delete")?,
            list_cap: read.get("list_cap")?,
            env_header: read.get("env_header")?,
            honors_uuid: read.get("honors_uuid")?,
            sells_on_request: read.get("sells_on_request")?,
            sells_open_dated: read.get("sells_open_dated")?,
            hold_minutes: read.get("hold_minutes")?,
            hold_fixes_price: read.get("hold_fixes_price")?,
            booking_status_words: read.words("booking_status_words")?,
            delivery_format_words: read.words("delivery_format_words")?,
            absent_after: read.get("absent_after")?,
        })
    }

    /// Facts with the given lines of a source.
    #[cfg(test)]
    pub(super) fn with(lines: &str) -> Self {
        Self::from_settings(&lines.parse().expect("TOML")).expect("valid settings")
    }
}

/// Returns the meaning of a word, in any case.
pub(super) fn meaning<T: Copy>(words: &BTreeMap<String, T>, word: &str) -> Option<T> {
    words.get(&word.trim().to_lowercase()).copied()
}

/// Validated settings of a supplier.
pub(super) struct Settings {
    pub base_url: Url,
    pub api_key: SecretString,
    pub supplier_id: Option<String>,
    /// Kind of the bookings; `None` if the supplier has no header for it.
    pub env: Option<BookingEnv>,
    pub defaults: SourceDefaults,
}

impl Settings {
    /// Parses and validates a source's configuration; the error lists everything that is wrong.
    pub(super) fn from_config(config: &SourceConfig) -> Result<Self, Vec<InvalidSetting>> {
        let mut errors = Vec::new();
        let base = Url::parse(&config.base_url).ok().filter(|url| url.has_host() && !url.cannot_be_a_base());
        if base.is_none() {
            errors.push(InvalidSetting::new("base_url", "must be a URL like https://api.ventrata.com/octo"));
        }
        let raw = RawSettings::deserialize(config.vendor_settings.clone()).ok();
        if raw.is_none() {
            errors.push(invalid_key(&config.vendor_settings));
        }
        let facts = Facts::from_settings(&config.vendor_settings).map_err(|invalid| errors.extend(invalid)).ok();
        if let (Some(raw), Some(facts)) = (&raw, &facts) {
            raw.validate(facts, &mut errors);
        }
        match (base, raw, facts) {
            (Some(base_url), Some(raw), Some(facts)) if errors.is_empty() => Ok(Self {
                base_url,
                api_key: raw.api_key,
                supplier_id: raw.supplier_id,
                env: facts.env_header.then(|| raw.env.unwrap_or(usual_env(config.environment))),
                defaults: SourceDefaults { time_zone: config.time_zone.clone(), currency: config.currency, facts },
            }),
            _ => Err(errors),
        }
    }
}

impl RawSettings {
    fn validate(&self, facts: &Facts, errors: &mut Vec<InvalidSetting>) {
        let key = self.api_key.expose_secret();
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            errors.push(InvalidSetting::new("api_key", "must be the key that the supplier issued"));
        }
        let is_id = |id: &str| {
            let is_short = (1..=MAX_SUPPLIER_ID).contains(&id.len());
            is_short && ![".", ".."].contains(&id) && id.bytes().all(|byte| byte.is_ascii_graphic())
        };
        match self.supplier_id.as_deref() {
            None if facts.supplier_place != SupplierPlace::None => {
                errors.push(InvalidSetting::new("supplier_id", "is missing: supplier_path needs it"));
            }
            Some(id) if !is_id(id) => {
                errors.push(InvalidSetting::new("supplier_id", "must be the supplier's id, without blanks"));
            }
            _ => {}
        }
        if self.env.is_some() && !facts.env_header {
            errors.push(InvalidSetting::new("env", "has no effect with env_header = false: remove one of them"));
        }
    }
}

fn usual_env(environment: Environment) -> BookingEnv {
    match environment {
        Environment::Live => BookingEnv::Live,
        Environment::Sandbox => BookingEnv::Test,
    }
}

/// Determines which key could not be parsed. The parser's message is not used, because it could quote a secret.
fn invalid_key(own: &toml::Table) -> InvalidSetting {
    let is_text = |key: &str| own.get(key).is_none_or(toml::Value::is_str);
    match ["api_key", "supplier_id"].into_iter().find(|key| !is_text(key)) {
        Some(key) => InvalidSetting::new(key, "must be a string"),
        None if !own.contains_key("api_key") => InvalidSetting::new("api_key", "is missing"),
        None => InvalidSetting::new("env", "must be \"test\" or \"live\""),
    }
}
