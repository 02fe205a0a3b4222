//! What no single setting shows: settings that do not go together.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::Config;
use crate::config::section::Section;

/// Adds a finding for each pair of settings that do not go together.
pub(super) fn whole(root: &Section<'_>, config: &Config) {
    steps_of_orders(root, config);
    one_channel_a_source(root, config);
    one_caller_a_key(root, config);
    one_configuration_an_issuer(root, config);
}

/// The longest that a single call of a vendor may take, with the key that says so.
fn longest_call(config: &Config) -> (String, Duration) {
    let sources = config
        .sources
        .iter()
        .map(|(id, source)| (format!("sources.{id}.resilience.deadline"), source.resilience.deadline));
    let own = [("orders.hold".to_owned(), config.orders.hold), ("orders.confirm".to_owned(), config.orders.confirm)];
    sources.chain(own).max_by_key(|(_, length)| *length).unwrap_or_default()
}

fn steps_of_orders(root: &Section<'_>, config: &Config) {
    let (key, longest) = longest_call(config);
    if config.ledger.lease <= longest && root.clean(&["ledger.lease", &key]) {
        root.wrong(
            "ledger.lease",
            format!(
                "is {:?}, but a call may take {longest:?} (`{key}`): a worker that still waits would lose its order; must be longer",
                config.ledger.lease
            ),
        );
    }
    let reversed = [
        ("orders.answer", config.orders.answer, "server.request_timeout", config.server.request_timeout),
        ("orders.hold", config.orders.hold, "ledger.settle_deadline", config.ledger.settle_deadline),
        ("orders.confirm", config.orders.confirm, "ledger.settle_deadline", config.ledger.settle_deadline),
        ("ledger.settle_deadline", config.ledger.settle_deadline, "ledger.keep_keys", config.ledger.keep_keys),
    ];
    for (lower, short, upper, long) in reversed {
        if short >= long && root.clean(&[lower, upper]) {
            root.wrong(lower, format!("is {short:?}, must be shorter than `{upper}`, which is {long:?}"));
        }
    }
}

fn one_channel_a_source(root: &Section<'_>, config: &Config) {
    let mut taken = BTreeMap::new();
    for (id, delivery) in &config.deliveries {
        if let Some(first) = taken.insert(&delivery.channel.source, id) {
            let key = format!("deliveries.{id}.source");
            let message = format!(
                "is {:?}, which `deliveries.{first}` delivers already: with two channels a source its cancelled and \
                 controlled tickets are no longer told",
                delivery.channel.source.as_str()
            );
            if root.clean(&[&key]) {
                root.wrong(&key, message);
            }
        }
    }
}

fn one_caller_a_key(root: &Section<'_>, config: &Config) {
    let mut taken = BTreeMap::new();
    for (name, client) in &config.clients {
        let keys = [format!("clients.{name}.key_sha256"), format!("clients.{name}.key")];
        let clean = root.clean(&[&keys[0], &keys[1]]);
        let written = &keys[usize::from(client.key.shown.is_some())];
        match taken.insert(client.key.sha256, name) {
            Some(first) if clean => {
                root.wrong(written, format!("is the key of `clients.{first}` too: each caller needs its own"));
            }
            _ => {}
        }
    }
}

fn one_configuration_an_issuer(root: &Section<'_>, config: &Config) {
    let mut taken = BTreeMap::new();
    for (name, issuer) in &config.auth.issuers {
        let key = format!("auth.issuers.{name}.issuer");
        match taken.insert(&issuer.issuer, name) {
            Some(first) if root.clean(&[&key]) => {
                root.wrong(&key, format!("is the issuer of `auth.issuers.{first}` too"));
            }
            _ => {}
        }
    }
}
