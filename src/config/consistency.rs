//! Checks settings against each other.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::config::resilience::{DeadlinesConfig, RateLimitConfig};
use crate::config::section::Section;
use crate::config::setting::DisplayDuration;
use crate::config::{Config, ConfiguredSource};

/// Least time of a lease beyond the longest call: a margin for clocks, and some for the wait for a turn at the source.
const MIN_LEASE_BEYOND_CALL: Duration = Duration::from_secs(10);

/// Adds a diagnostic for each inconsistent pair of settings.
pub(super) fn check_consistency(root: &Section<'_>, config: &Config) {
    check_request_timeout(root, config);
    check_order_timeouts(root, config);
    check_limits_of_institutions(root, config);
    check_edge(root, config);
    check_one_channel_per_source(root, config);
    check_unique_client_keys(root, config);
    check_unique_issuers(root, config);
}

/// A source that hangs must cost only its own fields, so the deadlines of reads end before the request does.
fn check_request_timeout(root: &Section<'_>, config: &Config) {
    let limit = ("server.request_timeout", config.server.request_timeout);
    let why = "a source that hangs would cost the whole response";
    let usual = named_deadlines(&config.resilience.deadlines);
    for (name, deadline) in usual {
        root.require_shorter((&format!("resilience.deadlines.{name}"), deadline), limit, why);
    }
    for (id, source) in &config.sources {
        for ((name, deadline), (_, usual)) in named_deadlines(&source.resilience.deadlines).into_iter().zip(usual) {
            if deadline != usual {
                root.require_shorter((&format!("sources.{id}.resilience.deadlines.{name}"), deadline), limit, why);
            }
        }
    }
}

/// An edge serves nothing that the service itself would not serve: prices until `stale_while_revalidate` of their lifetime.
fn check_edge(root: &Section<'_>, config: &Config) {
    if !config.edge.enabled {
        return;
    }
    let stale = ("edge.stale_if_error", config.edge.stale_if_error);
    let lifetimes = &config.cache.lifetimes;
    for (name, lifetime) in [("lists", lifetimes.lists), ("facts", lifetimes.facts)] {
        let key = format!("cache.lifetimes.{name}.stale_while_revalidate");
        let why = "edges would serve prices that the service would not";
        root.require_not_longer(stale, (&key, lifetime.stale_while_revalidate), why);
    }
}

/// Sources of one institution share a limiter, because the vendor counts their requests together: their limits must not differ.
fn check_limits_of_institutions(root: &Section<'_>, config: &Config) {
    let limits = |source: &ConfiguredSource| {
        let shared = source.resilience.rate_limit.clone();
        let shared = RateLimitConfig { pause: None, max_pause: Duration::ZERO, ..shared };
        (shared, source.resilience.bulkhead.checkout)
    };
    let mut first: HashMap<_, &ConfiguredSource> = HashMap::new();
    for (id, source) in &config.sources {
        let first = *first.entry(source.institution()).or_insert(source);
        if limits(first) != limits(source) {
            let message = format!(
                "must have the same `rate_limit` and `bulkhead.checkout` as `sources.{}`: both are the institution {:?}, whose \
                 requests the vendor counts together",
                first.source.id, first.source.institution
            );
            root.report(&format!("sources.{id}.resilience"), message);
        }
    }
}

fn named_deadlines(deadlines: &DeadlinesConfig) -> [(&'static str, Duration); 5] {
    [
        ("list", deadlines.list),
        ("read", deadlines.read),
        ("availability", deadlines.availability),
        ("gate", deadlines.gate),
        ("other", deadlines.other),
    ]
}

/// Order timeouts must increase: source deadline, call timeout, lease, settlement deadline.
fn check_order_timeouts(root: &Section<'_>, config: &Config) {
    let call_limit = ("orders.call_timeout", config.orders.call_timeout);
    let lease = ("ledger.lease", config.ledger.lease);
    let settle = ("ledger.settle_deadline", config.ledger.settle_deadline);
    let usual = config.resilience.deadlines.order;
    root.require_shorter(
        ("resilience.deadlines.order", usual),
        call_limit,
        "the call would be abandoned before its source's deadline",
    );
    for (id, source) in &config.sources {
        let deadline = source.resilience.deadlines.order;
        if deadline != usual {
            let key = format!("sources.{id}.resilience.deadlines.order");
            root.require_shorter(
                (&key, deadline),
                call_limit,
                "the call would be abandoned before its source's deadline",
            );
        }
    }
    root.require_shorter(call_limit, lease, "a worker that still waits for a vendor would lose its order");
    check_time_for_turns(root, config);
    root.require_shorter(
        call_limit,
        ("orders.promise", config.orders.promise),
        "an order with one slow call would break its promise",
    );
    root.require_shorter(lease, settle, "manual attention would be requested before another worker has tried");
    root.require_shorter(
        settle,
        ("ledger.idempotency_ttl", config.ledger.idempotency_ttl),
        "a repeated request would buy twice",
    );
    check_ledger_timeouts(root, config);
    let quote = ("orders.quote_ttl", config.orders.quote_ttl);
    root.require_shorter(
        quote,
        ("ledger.idempotency_ttl", config.ledger.idempotency_ttl),
        "a repeated cancellation would be a new one",
    );
    let request = ("server.request_timeout", config.server.request_timeout);
    root.require_shorter(
        ("orders.response_timeout", config.orders.response_timeout),
        request,
        "the response would never arrive",
    );
}

/// Timeouts of the ledger: a lock is waited for within its statement, and a statement ends within the lease.
fn check_ledger_timeouts(root: &Section<'_>, config: &Config) {
    let lease = ("ledger.lease", config.ledger.lease);
    let lock = ("ledger.lock_timeout", config.ledger.lock_timeout);
    let statement = ("ledger.statement_timeout", config.ledger.statement_timeout);
    root.require_not_longer(lock, statement, "a statement would end before its wait for a lock does");
    root.require_not_longer(
        ("ledger.count_timeout", config.ledger.count_timeout),
        statement,
        "the statement of a count would end with an error",
    );
    root.require_shorter(
        ("ledger.migration_lock_timeout", config.ledger.migration_lock_timeout),
        ("ledger.migration_timeout", config.ledger.migration_timeout),
        "a migration would not be tried again",
    );
    root.require_shorter(statement, lease, "a worker that waits for the ledger would lose its order");
    root.require_shorter(
        ("ledger.idle_transaction_timeout", config.ledger.idle_transaction_timeout),
        lease,
        "the locks of a frozen worker could outlast its lease",
    );
}

/// A worker waits for the turn of a call within its lease. Without time for it, calls would be put off again and again.
fn check_time_for_turns(root: &Section<'_>, config: &Config) {
    let (lease, call_timeout) = (config.ledger.lease, config.orders.call_timeout);
    let is_reported = lease <= call_timeout || !root.is_clean(&["ledger.lease", "orders.call_timeout"]);
    if is_reported || lease >= call_timeout + MIN_LEASE_BEYOND_CALL {
        return;
    }
    let wrong = if root.is_written("ledger.lease") { "ledger.lease" } else { "orders.call_timeout" };
    let message = format!(
        "leaves {} between `orders.call_timeout` and the end of `ledger.lease`, must leave at least {}, or no call could wait for \
         its turn",
        DisplayDuration(lease.saturating_sub(call_timeout)),
        DisplayDuration(MIN_LEASE_BEYOND_CALL),
    );
    root.report(wrong, message);
}

fn check_one_channel_per_source(root: &Section<'_>, config: &Config) {
    let mut taken = BTreeMap::new();
    let mut accounts = BTreeMap::new();
    let mut institutions = BTreeMap::new();
    for (id, delivery) in &config.deliveries {
        let channel = &delivery.channel;
        // Two channels of one organization stop its canceled and controlled tickets, whatever their sources are called.
        let account = (&channel.url, channel.app_settings.get("api_key").and_then(toml::Value::as_str));
        let source = config.sources.get(&channel.source);
        let institution = source.map(|source| (&source.vendor, &source.source.institution, &source.source.base_url));
        let same_account = accounts.insert(account, id);
        let same_institution = institution.and_then(|institution| institutions.insert(institution, id));
        let is_new_source = !taken.contains_key(&channel.source);
        if let Some(first) = same_account.or(same_institution).filter(|_| is_new_source) {
            let key = format!("deliveries.{id}.url");
            if root.is_clean(&[&key]) {
                let message = format!(
                    "delivers for the organization of `deliveries.{first}`: with two channels per organization, canceled and \
                     controlled tickets would no longer be reported"
                );
                root.report(&key, message);
            }
        }
        if let Some(first) = taken.insert(&delivery.channel.source, id) {
            let key = format!("deliveries.{id}.source");
            let message = format!(
                "is {:?}, which `deliveries.{first}` delivers already: with two channels per source, canceled and \
                 controlled tickets would no longer be reported",
                delivery.channel.source.as_str()
            );
            if root.is_clean(&[&key]) {
                root.report(&key, message);
            }
        }
    }
}

fn check_unique_client_keys(root: &Section<'_>, config: &Config) {
    let mut taken = BTreeMap::new();
    for (name, client) in &config.clients {
        let keys = [format!("clients.{name}.key_sha256"), format!("clients.{name}.key")];
        let clean = root.is_clean(&[&keys[0], &keys[1]]);
        let written = &keys[usize::from(client.key.plaintext.is_some())];
        match taken.insert(client.key.sha256, name) {
            Some(first) if clean => {
                root.report(written, format!("is also the key of `clients.{first}`: each client needs its own"));
            }
            _ => {}
        }
    }
}

fn check_unique_issuers(root: &Section<'_>, config: &Config) {
    let mut taken = BTreeMap::new();
    for (name, issuer) in &config.auth.issuers {
        let key = format!("auth.issuers.{name}.issuer");
        match taken.insert(&issuer.issuer, name) {
            Some(first) if root.is_clean(&[&key]) => {
                root.report(&key, format!("is also the issuer of `auth.issuers.{first}`"));
            }
            _ => {}
        }
    }
}
