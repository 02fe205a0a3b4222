//! Settings of this vendor and their validation.

use domain::Currency;
use secrecy::SecretString;
use url::Url;
use vendor_api::{InvalidSetting, SourceConfig};

/// Keys of a source beyond the shared ones.
pub(crate) const KEYS: &[&str] = &["api_key"];
/// Keys that hold secrets.
pub(crate) const SECRETS: &[&str] = &["api_key"];

/// Validated settings of an account.
pub(crate) struct Settings {
    pub(crate) base_url: Url,
    pub(crate) api_key: SecretString,
    pub(crate) currency: Currency,
}

impl Settings {
    /// Parses and validates a source's configuration; the error lists everything that is wrong.
    pub(crate) fn from_config(config: &SourceConfig) -> Result<Self, Vec<InvalidSetting>> {
        let base_url = Url::parse(&config.base_url).ok().filter(Url::has_host);
        let api_key = config.vendor_settings.get("api_key").and_then(toml::Value::as_str).filter(|key| !key.is_empty());
        match (base_url, api_key, config.currency) {
            (Some(base_url), Some(api_key), Some(currency)) => Ok(Self { base_url, api_key: api_key.into(), currency }),
            (base_url, api_key, currency) => {
                let missing = [
                    (base_url.is_none(), "base_url", "must be a URL"),
                    (api_key.is_none(), "api_key", "is missing"),
                    (currency.is_none(), "currency", "is missing: prices have no currency"),
                ];
                let invalid = missing.into_iter().filter(|(is_missing, ..)| *is_missing);
                Err(invalid.map(|(_, key, message)| InvalidSetting::new(key, message)).collect())
            }
        }
    }
}
