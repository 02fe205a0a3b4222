//! The keys of `[deliveries.<id>]` that only TIXnGO has, and the rules of its connection (`tixngo.md §2.1`).

use std::collections::BTreeSet;

use reqwest::header::HeaderName;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use crate::inferred;
use vendor_api::ChannelStanza;
use vendor_api::Finding;

/// Every key of its own in a stanza.
pub(super) const KEYS: &[&str] = &["api_key", "auth_header", "multilingual", "show_deleted", "show_deleted_reasons"];
/// Those that hold secrets.
pub(super) const SECRETS: &[&str] = &["api_key"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    api_key: SecretString,
    #[serde(default = "usual_header")]
    auth_header: String,
    #[serde(default)]
    multilingual: bool,
    #[serde(default)]
    show_deleted: bool,
    #[serde(default)]
    show_deleted_reasons: BTreeSet<String>,
}

fn usual_header() -> String {
    inferred::AUTH_HEADER.to_owned()
}

/// How texts are written, and what holders still see.
#[derive(Debug, Clone, Default)]
pub(super) struct Texts {
    /// Names in several languages go as maps (`sendMultilingualAsJsonObject`).
    pub as_maps: bool,
    /// A deleted ticket stays in sight (`visibilityFlagDefaultValue`).
    pub shows_deleted: bool,
    /// Reasons for which it does anyway (`overrideVisibilityFlagForInvalidationReasons`).
    pub shown_reasons: BTreeSet<String>,
}

/// A TIXnGO interface, ready to be called.
pub(super) struct Settings {
    /// The configured address, ending with `organizer/tickets`.
    pub tickets: Url,
    pub header: HeaderName,
    pub api_key: SecretString,
    pub texts: Texts,
}

impl Settings {
    /// Reads the stanza, or says all that is wrong with it.
    pub(super) fn read(stanza: &ChannelStanza) -> Result<Self, Vec<Finding>> {
        let mut findings = Vec::new();
        let tickets = address(&stanza.url);
        if tickets.is_none() {
            findings.push(Finding::new("url", "must end with organizer/tickets, as TIXnGO hands it out"));
        }
        let Ok(written) = Written::deserialize(stanza.own.clone()) else {
            findings.push(blame(&stanza.own));
            return Err(findings);
        };
        let header = HeaderName::from_bytes(written.auth_header.as_bytes()).ok();
        if header.is_none() {
            findings.push(Finding::new("auth_header", "must be the name of a header, like X-API-Key"));
        }
        let key = written.api_key.expose_secret();
        if key.is_empty() || !key.bytes().all(|b| b.is_ascii_graphic()) {
            findings.push(Finding::new("api_key", "must be the API key that TIXnGO handed out as the password"));
        }
        match (tickets, header) {
            (Some(tickets), Some(header)) if findings.is_empty() => Ok(Self {
                tickets,
                header,
                api_key: written.api_key,
                texts: Texts {
                    as_maps: written.multilingual,
                    shows_deleted: written.show_deleted,
                    shown_reasons: written.show_deleted_reasons,
                },
            }),
            _ => Err(findings),
        }
    }
}

/// The address without one trailing slash; `None` where it does not end with `organizer/tickets`.
fn address(text: &str) -> Option<Url> {
    let text = text.strip_suffix('/').unwrap_or(text);
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    (url.path().ends_with("/organizer/tickets") && url.query().is_none()).then_some(url)
}

/// Which key could not be read. The parser's own words are not passed on: they could quote a secret.
fn blame(own: &toml::Table) -> Finding {
    if let Some(unknown) = own.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Finding::new(unknown.as_str(), format!("is unknown; known are {}", KEYS.join(", ")));
    }
    let is = |key: &str, fits: fn(&toml::Value) -> bool| own.get(key).is_none_or(fits);
    match () {
        () if !own.contains_key("api_key") => Finding::new("api_key", "is missing"),
        () if !is("api_key", toml::Value::is_str) => Finding::new("api_key", "must be text"),
        () if !is("auth_header", toml::Value::is_str) => Finding::new("auth_header", "must be text"),
        () if !is("multilingual", toml::Value::is_bool) => Finding::new("multilingual", "must be true or false"),
        () if !is("show_deleted", toml::Value::is_bool) => Finding::new("show_deleted", "must be true or false"),
        () => Finding::new("show_deleted_reasons", "must be a list of text"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::SourceId;

    fn findings(url: &str, own: &str) -> Vec<String> {
        let own = own.parse().expect("TOML");
        let stanza = ChannelStanza { id: "app".to_owned(), source: SourceId::new("opera"), url: url.to_owned(), own };
        let found = Settings::read(&stanza).err().unwrap_or_default();
        found.into_iter().map(|finding| finding.key).collect()
    }

    #[test]
    fn an_address_must_end_with_organizer_tickets_after_one_slash_is_taken_away() {
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
            assert_eq!(findings(&url, "api_key = \"k\"").is_empty(), is_fine, "{url}");
        }
    }

    #[test]
    fn each_wrong_setting_is_named() {
        let url = "https://x.example/organizer/tickets";
        for (own, key) in [
            ("", "api_key"),
            ("api_key = \"\"", "api_key"),
            ("api_key = \"k\"\nauth_header = \"no header\"", "auth_header"),
            ("api_key = \"k\"\nmultilingual = 1", "multilingual"),
            ("api_key = \"k\"\nshow_deleted_reasons = [1]", "show_deleted_reasons"),
            ("api_key = \"k\"\nlogin = \"a@b\"", "login"),
        ] {
            assert_eq!(findings(url, own), [key], "{own}");
        }
    }
}
