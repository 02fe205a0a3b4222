//! `[sources]` and `[deliveries]`: vendor accounts and mobile delivery channels.

use std::net::IpAddr;
use std::time::Duration;

use rust_decimal::Decimal;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use crate::config::diagnostic::unknown_name;
use crate::config::incoming_webhooks;
use crate::config::resilience::ResilienceConfig;
use crate::config::secret;
use crate::config::section::Section;
use crate::config::tree::{Node, Table, Value};
use crate::config::vendor_spec::{VendorConfigSpec, VendorConfigSpecs, find_spec};
use domain::{Environment, SourceId};
use vendor_api::{ChannelConfig, InvalidSetting, SourceConfig};

/// A configured vendor account.
#[derive(Debug, Clone)]
pub struct ConfiguredSource {
    /// Name of the vendor in the registry.
    pub vendor: String,
    /// Common settings, and the vendor's own keys.
    pub source: SourceConfig,
    /// Resilience settings.
    pub resilience: ResilienceConfig,
    /// Cancellation terms if the vendor has none; `None`: free of charge until the performance starts.
    pub cancellation_terms: Option<CancellationTermsConfig>,
    /// Secret path of the webhooks that the vendor sends; `None`: it sends none.
    pub webhook_secret: Option<SecretString>,
}

/// Cancellation terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancellationTermsConfig {
    /// Time before the performance at which cancellation ends.
    pub until_before_start: Option<Duration>,
    /// Fee in percent of the price.
    pub fee_percent: Decimal,
}

impl CancellationTermsConfig {
    fn read(from: &Section<'_>) -> Self {
        Self {
            until_before_start: from.find("until_before_start"),
            fee_percent: from.find("fee_percent").unwrap_or_default(),
        }
    }
}

impl ConfiguredSource {
    /// Identifies the institution: the vendor limits all its accounts together. Its name counts in any case.
    pub fn institution(&self) -> (&str, &str, String) {
        (&self.vendor, &self.source.base_url, self.source.institution.trim().to_lowercase())
    }

    pub(super) fn read(id: &str, from: &Section<'_>, specs: &VendorConfigSpecs<'_>, resilience: &[&Table]) -> Self {
        let mut source = SourceConfig {
            id: SourceId::new(id),
            environment: from.get("environment"),
            base_url: String::new(),
            institution: from.get("institution"),
            time_zone: from.get("time_zone"),
            currency: from.find("currency"),
            vendor_settings: toml::Table::new(),
        };
        let base_url: Url = from.get("base_url");
        if source.environment == Environment::Live && is_plain_http_to_remote(&base_url) {
            from.report("base_url", "must begin with https:// for a live source");
        }
        base_url.as_str().trim_end_matches('/').clone_into(&mut source.base_url);
        let read = from.read_table_over("resilience", resilience, ResilienceConfig::read);
        let cancellation_terms = from.node("terms").map(|_| from.read_table("terms", CancellationTermsConfig::read));
        let webhook_secret = incoming_webhooks::read_secret(from);
        let vendor: String = from.get("vendor");
        match find_spec(&specs.vendors, &vendor) {
            Some(spec) => {
                source.vendor_settings = vendor_keys(from, spec);
                report_all(from, (spec.check)(&source));
            }
            None => report_unknown_vendor(from, "vendor", &vendor, &specs.vendors),
        }
        Self { vendor, source, resilience: read, cancellation_terms, webhook_secret }
    }
}

/// Reports plain HTTP to another machine unless every source is a sandbox.
pub(super) fn require_https(from: &Section<'_>, key: &str, url: &Url) {
    if is_plain_http_to_remote(url) && !from.context.literals_allowed {
        from.report(key, "must begin with https:// unless every source is a sandbox");
    }
}

/// Returns true for plain HTTP to another machine.
fn is_plain_http_to_remote(url: &Url) -> bool {
    is_plain_to_remote(url, &["http"])
}

/// Returns true for one of the schemes without encryption to another machine.
pub(super) fn is_plain_to_remote(url: &Url, plain: &[&str]) -> bool {
    let is_local = match url.host() {
        // Schemes that are not of the web have no parsed addresses.
        Some(Host::Domain(name)) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    plain.contains(&url.scheme()) && !is_local
}

/// A mobile delivery channel.
#[derive(Debug, Clone)]
pub struct DeliveryConfig {
    /// Name of the app in the registry.
    pub app: String,
    /// Common settings, and the app's own keys.
    pub channel: ChannelConfig,
    /// Time between two runs of its streams.
    pub interval: Duration,
    /// City of the venue, for apps that need it and sources that do not provide it.
    pub city: Option<String>,
    /// ISO 3166 code of the venue's country.
    pub country: Option<String>,
    /// Postal code of the venue.
    pub postal_code: Option<String>,
}

const DEFAULT_INTERVAL: Duration = Duration::from_secs(300);

impl DeliveryConfig {
    pub(super) fn read(id: &str, from: &Section<'_>, specs: &VendorConfigSpecs<'_>, sources: &[&str]) -> Self {
        let source: String = from.get("source");
        if !sources.contains(&source.as_str()) && from.is_clean(&["source"]) {
            from.report("source", unknown_name("source", &source, sources.iter().copied()));
        }
        let url: Url = from.get("url");
        require_https(from, "url", &url);
        let interval = from.find("interval").unwrap_or(DEFAULT_INTERVAL);
        let country: Option<String> = from.find("country");
        if country.as_ref().is_some_and(|code| code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_uppercase())) {
            from.report("country", "must be two capital letters, like CH");
        }
        let mut channel = ChannelConfig {
            id: id.to_owned(),
            source: SourceId::new(source),
            url: url.as_str().trim_end_matches('/').to_owned(),
            app_settings: toml::Table::new(),
        };
        let app: String = from.get("app");
        match find_spec(&specs.apps, &app) {
            Some(spec) => {
                channel.app_settings = vendor_keys(from, spec);
                report_all(from, (spec.check)(&channel));
            }
            None => report_unknown_vendor(from, "app", &app, &specs.apps),
        }
        let (city, postal_code) = (from.find("city"), from.find("postal_code"));
        Self { app, channel, interval, city, country, postal_code }
    }
}

/// Reports the valid names, and accepts all other keys because their definition is unknown.
fn report_unknown_vendor<S>(from: &Section<'_>, key: &str, name: &str, specs: &[VendorConfigSpec<'_, S>]) {
    if from.is_clean(&[key]) {
        from.report(key, unknown_name(key, name, specs.iter().map(|spec| spec.name)));
    }
    from.mark_all_known();
}

fn report_all(from: &Section<'_>, errors: Vec<InvalidSetting>) {
    for InvalidSetting { key, message } in errors {
        if from.is_clean(&[&key]) {
            from.report(&key, message);
        }
    }
}

/// Returns the vendor's or app's own keys, with resolved secrets.
fn vendor_keys<S>(from: &Section<'_>, spec: &VendorConfigSpec<'_, S>) -> toml::Table {
    from.mark_known(spec.keys);
    let mine = from
        .entries()
        .filter(|(key, _)| spec.keys.contains(&key.as_str()) || secret_key_of(key, spec.secrets).is_some());
    let resolved = mine.filter_map(|(key, node)| {
        from.mark_known(&[key]);
        resolve(from, spec.secrets, key, node)
    });
    resolved.collect()
}

/// Resolves a value, and strips the path from its key.
fn resolve(from: &Section<'_>, secrets: &[&str], key: &str, node: &Node) -> Option<(String, toml::Value)> {
    let name = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let secret = match (secret_key_of(key, secrets), node.as_text()) {
        (Some(stem), Some(path)) => Some((stem, secret::read_secret_file(from.context, node, path))),
        _ if secrets.contains(&key) => Some((key, secret::read_secret(from.context, &from.path_of(key), node))),
        _ => None,
    };
    match (secret, &node.value) {
        (Some((to, Ok(secret))), _) => Some((name(to), toml::Value::String(secret.expose_secret().to_owned()))),
        (Some((_, Err(message))), _) => {
            from.report(key, message);
            None
        }
        (None, Value::Table(table)) => {
            let inner =
                table.iter().filter_map(|(inner, node)| resolve(from, secrets, &format!("{key}.{inner}"), node));
            Some((name(key), toml::Value::Table(inner.collect())))
        }
        (None, _) => Some((name(key), node.to_toml())),
    }
}

/// Returns the key of the secret that `KEY_file` provides.
fn secret_key_of<'k>(key: &'k str, secrets: &[&str]) -> Option<&'k str> {
    key.strip_suffix("_file").filter(|stem| secrets.contains(stem))
}
