//! `[webhooks]`: changes that are sent to destinations, and the destinations that are fixed.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::config::diagnostic::unknown_name;
use crate::config::section::Section;
use ::webhooks::address::{AddressPolicy, UrlError};
use ::webhooks::{SigningKey, WebhookEventType, is_webhook_secret};

/// Most messages of a webhook that may wait.
const MAX_WINDOW: usize = 10_000;
/// Most sends at the same time.
const MAX_SENDS: usize = 4_096;
/// Longest time limit of an attempt.
const MAX_TIMEOUT: Duration = Duration::from_secs(60);

/// Settings of webhooks.
#[derive(Debug, Clone)]
pub struct WebhooksConfig {
    /// True to call private addresses, and without encryption.
    pub allow_private_addresses: bool,
    /// Time limit of one attempt.
    pub timeout: Duration,
    /// Time without success after which a webhook is disabled.
    pub max_attempts_for: Duration,
    /// Longest first wait before another attempt; it doubles each time.
    pub initial_backoff: Duration,
    /// Longest wait before another attempt.
    pub max_backoff: Duration,
    /// Most messages of a webhook that wait.
    pub window: NonZeroUsize,
    /// Most sends at the same time to one webhook.
    pub sends_per_webhook: NonZeroUsize,
    /// Most sends at the same time to the webhooks of one reseller, and to those of callers without one.
    pub sends_per_owner: NonZeroUsize,
    /// Most sends at the same time.
    pub sends: NonZeroUsize,
    /// Time between two looks at the feed for changes of other replicas.
    pub poll_interval: Duration,
    /// Time for which a replaced secret signs, too.
    pub secret_overlap: Duration,
    /// Most webhooks of one reseller, and of the callers without one.
    pub per_owner: NonZeroUsize,
    /// Time for which the log of deliveries is stored.
    pub log_retention: Duration,
    /// Most entries of the log of a webhook.
    pub log_entries: NonZeroUsize,
    /// Fixed destinations, by name.
    pub destinations: BTreeMap<String, DestinationConfig>,
}

/// A fixed destination.
#[derive(Debug, Clone)]
pub struct DestinationConfig {
    /// URL. May contain a key.
    pub url: SecretString,
    /// Key of the signatures.
    pub signing: SigningKey,
    /// Types of events.
    pub events: Vec<WebhookEventType>,
    /// Reseller whose changes are sent; `None`: all.
    pub reseller: Option<String>,
}

impl WebhooksConfig {
    pub(super) fn read(from: &Section<'_>, resellers: &[&str]) -> Self {
        let allow_private_addresses = from.get("allow_private_addresses");
        let policy = AddressPolicy { allows_private: allow_private_addresses };
        let destination = |_: &str, from: &Section<'_>| DestinationConfig::read(from, policy, resellers);
        let destinations = from.read_each("destinations", destination);
        let config = Self {
            allow_private_addresses,
            timeout: from.get("timeout"),
            max_attempts_for: from.get("max_attempts_for"),
            initial_backoff: from.get("initial_backoff"),
            max_backoff: from.get("max_backoff"),
            window: from.get("window"),
            sends_per_webhook: from.get("sends_per_webhook"),
            sends_per_owner: from.get("sends_per_owner"),
            sends: from.get("sends"),
            poll_interval: from.get("poll_interval"),
            secret_overlap: from.get("secret_overlap"),
            per_owner: from.get("per_owner"),
            log_retention: from.get("log_retention"),
            log_entries: from.get("log_entries"),
            destinations: destinations.into_iter().filter_map(|(name, found)| Some((name, found?))).collect(),
        };
        from.require_at_most("window", config.window.get(), MAX_WINDOW);
        from.require_at_most("sends", config.sends.get(), MAX_SENDS);
        if config.timeout > MAX_TIMEOUT {
            from.report("timeout", "must be at most one minute: a lease outlasts it");
        }
        let (initial, max) = (("initial_backoff", config.initial_backoff), ("max_backoff", config.max_backoff));
        from.require_not_longer(initial, max, "set both");
        config
    }
}

impl DestinationConfig {
    fn read(from: &Section<'_>, policy: AddressPolicy, resellers: &[&str]) -> Option<Self> {
        let url = from.find_store("url", &["https", "http"]);
        let secret = from.find_secret("secret");
        let events = from.get::<Vec<String>>("events");
        let reseller: Option<String> = from.find("reseller");
        if let Some(name) = reseller.as_deref().filter(|name| !resellers.contains(name)) {
            from.report("reseller", unknown_name("reseller", name, resellers.iter().copied()));
        }
        match url.as_ref().map(|url| policy.check_url(url.expose_secret())) {
            Some(Ok(_)) => {}
            Some(Err(UrlError::Invalid)) => {
                from.report("url", "must be a URL such as \"https://hooks.example.com/ticketgraph\", without a user");
            }
            Some(Err(error)) => {
                from.report("url", format!("{error}, unless `webhooks.allow_private_addresses` is set"))
            }
            None => drop(from.report_missing::<()>("url", "a URL such as \"https://hooks.example.com/ticketgraph\"")),
        }
        match &secret {
            Some(secret) if !is_webhook_secret(secret.expose_secret()) => {
                from.report("secret", "must be 24 to 64 bytes in base64, with or without \"whsec_\" before it");
            }
            Some(_) => {}
            None => drop(from.report_missing::<()>("secret", "24 to 64 bytes in base64: a receiver verifies by it")),
        }
        let events = read_events(from, &events);
        let signing = SigningKey::parse(secret?.expose_secret()).ok()?;
        Some(Self { url: url?, signing, events, reseller })
    }
}

fn read_events(from: &Section<'_>, names: &[String]) -> Vec<WebhookEventType> {
    let known = WebhookEventType::ALL.iter().map(|event| event.wire_name());
    for name in names.iter().filter(|name| WebhookEventType::parse_wire_name(name).is_none()) {
        from.report("events", unknown_name("event type", name, known.clone()));
    }
    if names.is_empty() && from.is_clean(&["events"]) {
        from.report("events", "is empty: must be a list such as [\"order.updated\"]");
    }
    let mut events: Vec<_> = names.iter().filter_map(|name| WebhookEventType::parse_wire_name(name)).collect();
    events.sort_unstable();
    events.dedup();
    events
}
