//! `[sources]` and `[deliveries]`: the vendor accounts, and the mobile delivery channels.

use std::time::Duration;

use rust_decimal::Decimal;
use secrecy::ExposeSecret;
use url::{Host, Url};

use crate::config::finding::unknown;
use crate::config::resilience::Resilience;
use crate::config::secret;
use crate::config::section::Section;
use crate::config::shapes::{Shape, Shapes, named};
use crate::config::tree::{Node, Table, Value};
use domain::{Environment, SourceId};
use vendor_api::{ChannelStanza, Stanza};

/// One configured vendor account.
#[derive(Debug, Clone)]
pub struct SourceSettings {
    /// The vendor, as its table names it.
    pub vendor: String,
    /// What all vendors share, and the vendor's own keys.
    pub stanza: Stanza,
    /// How calls to it are bounded.
    pub resilience: Resilience,
    /// Of cancelling, where the vendor tells none; `None`: free until the performance starts.
    pub terms: Option<Terms>,
}

/// What cancelling costs, by our own terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// How long before the performance cancelling ends.
    pub until_before_start: Option<Duration>,
    /// What is kept of the price, in percent.
    pub fee_percent: Decimal,
}

impl Terms {
    fn read(from: &Section<'_>) -> Self {
        Self {
            until_before_start: from.find("until_before_start"),
            fee_percent: from.find("fee_percent").unwrap_or_default(),
        }
    }
}

impl SourceSettings {
    pub(super) fn read(id: &str, from: &Section<'_>, shapes: &Shapes<'_>, resilience: &[&Table]) -> Self {
        let mut stanza = Stanza {
            id: SourceId::new(id),
            environment: from.get("environment"),
            base_url: String::new(),
            institution: from.get("institution"),
            time_zone: from.get("time_zone"),
            currency: from.find("currency"),
            own: toml::Table::new(),
        };
        let base_url: Url = from.get("base_url");
        if stanza.environment == Environment::Live && is_plain_and_far(&base_url) {
            from.wrong("base_url", "must begin with https:// for a live source");
        }
        base_url.as_str().trim_end_matches('/').clone_into(&mut stanza.base_url);
        let read = from.within_over("resilience", resilience, Resilience::read);
        let terms = from.node("terms").map(|_| from.within("terms", Terms::read));
        let vendor: String = from.get("vendor");
        match named(&shapes.vendors, &vendor) {
            Some(shape) => {
                stanza.own = own_keys(from, shape);
                tell_faults(from, (shape.check)(&stanza));
            }
            None => tell_unnamed(from, "vendor", &vendor, &shapes.vendors),
        }
        Self { vendor, stanza, resilience: read, terms }
    }
}

/// Whether an address is plain HTTP to another machine.
fn is_plain_and_far(url: &Url) -> bool {
    let near = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "http" && !near
}

/// One mobile delivery channel.
#[derive(Debug, Clone)]
pub struct DeliverySettings {
    /// The app, as its table names it.
    pub app: String,
    /// What all apps share, and the app's own keys.
    pub channel: ChannelStanza,
    /// Between two runs of its streams.
    pub interval: Duration,
    /// The city of the house, for apps that want to know and sources that do not tell.
    pub city: Option<String>,
    /// ISO 3166 code of its country.
    pub country: Option<String>,
    /// Its postal code.
    pub postal_code: Option<String>,
}

const USUAL_INTERVAL: Duration = Duration::from_secs(300);

impl DeliverySettings {
    pub(super) fn read(id: &str, from: &Section<'_>, shapes: &Shapes<'_>, sources: &[&str]) -> Self {
        let source: String = from.get("source");
        if !sources.contains(&source.as_str()) && from.clean(&["source"]) {
            from.wrong("source", unknown("source", &source, sources.iter().copied()));
        }
        let url: Url = from.get("url");
        let interval = from.find("interval").unwrap_or(USUAL_INTERVAL);
        let country: Option<String> = from.find("country");
        if country.as_ref().is_some_and(|code| code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_uppercase())) {
            from.wrong("country", "must be two capital letters, like CH");
        }
        let mut channel = ChannelStanza {
            id: id.to_owned(),
            source: SourceId::new(source),
            url: url.as_str().trim_end_matches('/').to_owned(),
            own: toml::Table::new(),
        };
        let app: String = from.get("app");
        match named(&shapes.apps, &app) {
            Some(shape) => {
                channel.own = own_keys(from, shape);
                tell_faults(from, (shape.check)(&channel));
            }
            None => tell_unnamed(from, "app", &app, &shapes.apps),
        }
        let (city, postal_code) = (from.find("city"), from.find("postal_code"));
        Self { app, channel, interval, city, country, postal_code }
    }
}

/// Says which names there are, and leaves the other keys alone: nobody knows what they should be.
fn tell_unnamed<S>(from: &Section<'_>, key: &str, name: &str, shapes: &[Shape<'_, S>]) {
    if from.clean(&[key]) {
        from.wrong(key, unknown(key, name, shapes.iter().map(|shape| shape.name)));
    }
    from.know_all();
}

fn tell_faults(from: &Section<'_>, faults: Vec<(String, String)>) {
    for (key, message) in faults {
        if from.clean(&[&key]) {
            from.wrong(&key, message);
        }
    }
}

/// The keys of the vendor or app itself, secrets read from where they are kept.
fn own_keys<S>(from: &Section<'_>, shape: &Shape<'_, S>) -> toml::Table {
    from.know(shape.keys);
    let mine =
        from.entries().filter(|(key, _)| shape.keys.contains(&key.as_str()) || stem(key, shape.secrets).is_some());
    let resolved = mine.filter_map(|(key, node)| {
        from.know(&[key]);
        resolve(from, shape.secrets, key, node)
    });
    resolved.collect()
}

/// A value as the vendor reads it, with the last part of its key.
fn resolve(from: &Section<'_>, secrets: &[&str], key: &str, node: &Node) -> Option<(String, toml::Value)> {
    let name = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let secret = match (stem(key, secrets), node.text()) {
        (Some(stem), Some(path)) => Some((stem, secret::from_file(from.ground, node, path))),
        _ if secrets.contains(&key) => Some((key, secret::read(from.ground, &from.path_of(key), node))),
        _ => None,
    };
    match (secret, &node.value) {
        (Some((to, Ok(secret))), _) => Some((name(to), toml::Value::String(secret.expose_secret().to_owned()))),
        (Some((_, Err(message))), _) => {
            from.wrong(key, message);
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

/// The secret that `KEY_file` stands for.
fn stem<'k>(key: &'k str, secrets: &[&str]) -> Option<&'k str> {
    key.strip_suffix("_file").filter(|stem| secrets.contains(stem))
}
