//! What no single setting shows: settings that do not go together.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::config::section::Section;

/// Adds a finding for each pair of settings that do not go together.
pub(super) fn whole(root: &Section<'_>, config: &Config) {
    times_of_orders(root, config);
    one_channel_a_source(root, config);
    one_caller_a_key(root, config);
    one_configuration_an_issuer(root, config);
}

/// The times of an order, shortest first: a deadline of a source, a call, a lease, the end of patience.
fn times_of_orders(root: &Section<'_>, config: &Config) {
    let call_limit = ("orders.call_limit", config.orders.call_limit);
    let lease = ("ledger.lease", config.ledger.lease);
    let settle = ("ledger.settle_deadline", config.ledger.settle_deadline);
    let usual = config.resilience.deadlines.order;
    root.shorter(("resilience.deadlines.order", usual), call_limit, "the call would be given up before its source");
    for (id, source) in &config.sources {
        let deadline = source.resilience.deadlines.order;
        if deadline != usual {
            let key = format!("sources.{id}.resilience.deadlines.order");
            root.shorter((&key, deadline), call_limit, "the call would be given up before its source");
        }
    }
    root.shorter(call_limit, lease, "a worker that still waits for a vendor would lose its order");
    root.shorter(lease, settle, "a person would be called before the next worker has tried");
    root.shorter(settle, ("ledger.keep_keys", config.ledger.keep_keys), "a repeated request would buy twice");
    let quote = ("orders.quote", config.orders.quote);
    root.shorter(quote, ("ledger.keep_keys", config.ledger.keep_keys), "a repeated cancellation would be a new one");
    let request = ("server.request_timeout", config.server.request_timeout);
    root.shorter(("orders.answer", config.orders.answer), request, "the answer would never arrive");
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
