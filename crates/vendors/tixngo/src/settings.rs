//! Settings of `[deliveries.<id>]` that only TIXnGO has, and the rules of its connection (`tixngo.md §2.1`).

use std::collections::BTreeSet;

use reqwest::header::HeaderName;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;
use vendor_api::{Assumptions, ChannelConfig, InvalidSetting};

use crate::assumptions::{self, ASSUMPTIONS};
use crate::facts::Facts;

/// App-specific keys of a channel's configuration.
pub(super) const KEYS: &[&str] = &[
    "api_key",
    "auth_header",
    "interface_type",
    "username",
    "multilingual",
    "show_deleted",
    "show_deleted_reasons",
    vendor_api::ASSUMPTIONS,
];

/// Types of the interface in S-360, in the vendor's own spellings. The second lets a template of the venue rename fields.
const INTERFACE_TYPES: &[&str] = &["TIXnGO", "TIXnGO with ticket template", "TixnGO with ticket template"];
/// Keys that contain secrets.
pub(super) const SECRETS: &[&str] = &["api_key"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSettings {
    api_key: SecretString,
    #[serde(default = "default_auth_header")]
    auth_header: String,
    #[serde(default)]
    interface_type: Option<String>,
    /// The vendor hands one out, and does not use it (`tixngo.md §3.1`).
    #[serde(default, rename = "username")]
    _username: Option<String>,
    #[serde(default)]
    multilingual: bool,
    #[serde(default)]
    show_deleted: bool,
    #[serde(default)]
    show_deleted_reasons: BTreeSet<String>,
}

fn default_auth_header() -> String {
    assumptions::AUTH_HEADER.to_owned()
}

/// Options for texts and for the visibility of deleted tickets.
#[derive(Debug, Clone, Default)]
pub(super) struct DisplayOptions {
    /// Send localized names as maps (`sendMultilingualAsJsonObject`).
    pub localized_maps: bool,
    /// Keep deleted tickets visible (`visibilityFlagDefaultValue`).
    pub show_deleted: bool,
    /// Reasons for which deleted tickets stay visible in any case (`overrideVisibilityFlagForInvalidationReasons`).
    pub show_deleted_reasons: BTreeSet<String>,
}

/// Settings of one TIXnGO interface.
pub(super) struct Settings {
    /// The configured URL, ending with `organizer/tickets`.
    pub tickets_url: Url,
    pub header: HeaderName,
    pub api_key: SecretString,
    pub display: DisplayOptions,
    /// Inferred facts that apply to the channel.
    pub facts: Facts,
}

impl Settings {
    /// Parses the configuration; returns every invalid setting.
    pub(super) fn from_config(config: &ChannelConfig) -> Result<Self, Vec<InvalidSetting>> {
        let mut invalid = Vec::new();
        let tickets = parse_tickets_url(&config.url);
        if tickets.is_none() {
            invalid.push(InvalidSetting::new("url", "must end with organizer/tickets, as provided by TIXnGO"));
        }
        let mut own = config.app_settings.clone();
        own.remove(vendor_api::ASSUMPTIONS);
        let facts = Assumptions::from_settings(ASSUMPTIONS, &config.app_settings)
            .and_then(|values| Facts::from_assumptions(&values).map_err(|invalid| vec![invalid]));
        let facts = facts.map_err(|errors| invalid.extend(errors)).ok();
        let Ok(raw) = RawSettings::deserialize(own) else {
            invalid.push(parse_diagnostic(&config.app_settings));
            return Err(invalid);
        };
        let header = HeaderName::from_bytes(raw.auth_header.as_bytes()).ok();
        if header.is_none() {
            invalid.push(InvalidSetting::new("auth_header", "must be a header name, for example X-API-Key"));
        }
        if raw.interface_type.as_deref().is_some_and(|kind| !INTERFACE_TYPES.contains(&kind)) {
            invalid
                .push(InvalidSetting::new("interface_type", "must be \"TIXnGO\" or \"TIXnGO with ticket template\""));
        }
        let key = raw.api_key.expose_secret();
        if key.is_empty() || !key.bytes().all(|b| b.is_ascii_graphic()) {
            invalid.push(InvalidSetting::new("api_key", "must be the API key that TIXnGO provided as the password"));
        }
        match (tickets, header, facts) {
            (Some(tickets), Some(header), Some(facts)) if invalid.is_empty() => Ok(Self {
                tickets_url: tickets,
                header,
                api_key: raw.api_key,
                display: DisplayOptions {
                    localized_maps: raw.multilingual,
                    show_deleted: raw.show_deleted,
                    show_deleted_reasons: raw.show_deleted_reasons,
                },
                facts,
            }),
            _ => Err(invalid),
        }
    }
}

/// Parses the URL without one trailing slash; `None` unless it ends with `organizer/tickets`.
fn parse_tickets_url(text: &str) -> Option<Url> {
    let text = text.strip_suffix('/').unwrap_or(text);
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    (url.path().ends_with("/organizer/tickets") && url.query().is_none()).then_some(url)
}

/// Names the key that could not be parsed. The parser's text is not used: it could quote a secret.
fn parse_diagnostic(own: &toml::Table) -> InvalidSetting {
    if let Some(unknown) = own.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return InvalidSetting::new(unknown.as_str(), format!("is unknown; valid keys are {}", KEYS.join(", ")));
    }
    let is = |key: &str, fits: fn(&toml::Value) -> bool| own.get(key).is_none_or(fits);
    match () {
        () if !own.contains_key("api_key") => InvalidSetting::new("api_key", "is missing"),
        () if !is("api_key", toml::Value::is_str) => InvalidSetting::new("api_key", "must be a string"),
        () if !is("auth_header", toml::Value::is_str) => InvalidSetting::new("auth_header", "must be a string"),
        () if !is("interface_type", toml::Value::is_str) => InvalidSetting::new("interface_type", "must be a string"),
        () if !is("username", toml::Value::is_str) => InvalidSetting::new("username", "must be a string"),
        () if !is("multilingual", toml::Value::is_bool) => InvalidSetting::new("multilingual", "must be true or false"),
        () if !is("show_deleted", toml::Value::is_bool) => InvalidSetting::new("show_deleted", "must be true or false"),
        () => InvalidSetting::new("show_deleted_reasons", "must be a list of strings"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::SourceId;

    fn invalid(url: &str, own: &str) -> Vec<String> {
        let own = own.parse().expect("valid TOML");
        let config = ChannelConfig {
            id: "app".to_owned(),
            source: SourceId::new("opera"),
            url: url.to_owned(),
            app_settings: own,
        };
        let invalid = Settings::from_config(&config).err().unwrap_or_default();
        invalid.into_iter().map(|finding| finding.key).collect()
    }

    #[test]
    fn the_url_must_end_with_organizer_tickets_and_at_most_one_slash() {
        let root = "https://int5-api.tixngo.io/v3/organizer";
        for (url, is_fine) in [
            (format!("{root}/tickets"), true),
            (format!("{root}/tickets/"), true),
            (format!("{root}/tickets//"), false),
            (root.to_owned(), false),
            (format!("{root}/tickets/cancelled"), false),
            ("https://int5-api.tixngo.io/v3/myorganizer/tickets".to_owned(), false),
            ("organizer/tickets".to_owned(), false),
        ] {
            assert_eq!(invalid(&url, "api_key = \"k\"").is_empty(), is_fine, "{url}");
        }
    }

    #[test]
    fn each_invalid_setting_is_reported() {
        let url = "https://x.example/organizer/tickets";
        for (own, key) in [
            ("", "api_key"),
            ("api_key = \"\"", "api_key"),
            ("api_key = \"k\"\nauth_header = \"no header\"", "auth_header"),
            ("api_key = \"k\"\nmultilingual = 1", "multilingual"),
            ("api_key = \"k\"\nshow_deleted_reasons = [1]", "show_deleted_reasons"),
            ("api_key = \"k\"\nlogin = \"a@b\"", "login"),
            ("api_key = \"k\"\ninterface_type = \"V4\"", "interface_type"),
            ("api_key = \"k\"\nusername = 1", "username"),
            ("api_key = \"k\"\nassumptions.reinjection = \"never\"", "assumptions.reinjection"),
            ("api_key = \"k\"\nassumptions.path_diff = \"/\"", "assumptions.path_diff"),
        ] {
            assert_eq!(invalid(url, own), [key], "{own}");
        }
    }
}
