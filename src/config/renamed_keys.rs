//! Keys of earlier versions: rejected with their new name. The table goes with version 1.0.

/// Old path, new path, and a change of meaning, if there is one. Paths under `resilience` also apply to single sources, paths without a
/// dot only to them.
const RENAMED_KEYS: &[(&str, &str, &str)] = &[
    ("cache.facts_memory", "cache.source_memory", ""),
    ("cache.answers_memory", "cache.response_memory", ""),
    ("cache.lifetimes.patience", "cache.lifetimes.revalidate_timeout", ""),
    ("cache.lifetimes.lists.fresh", "cache.lifetimes.lists.max_age", ""),
    ("cache.lifetimes.lists.lenient", "cache.lifetimes.lists.stale_while_revalidate", AFTER_MAX_AGE),
    ("cache.lifetimes.lists.stale", "cache.lifetimes.lists.stale_if_error", AFTER_MAX_AGE),
    ("cache.lifetimes.facts.fresh", "cache.lifetimes.facts.max_age", ""),
    ("cache.lifetimes.facts.lenient", "cache.lifetimes.facts.stale_while_revalidate", AFTER_MAX_AGE),
    ("cache.lifetimes.facts.stale", "cache.lifetimes.facts.stale_if_error", AFTER_MAX_AGE),
    ("resilience.retries.first_pause", "resilience.retries.initial_backoff", ""),
    ("resilience.retries.longest_pause", "resilience.retries.max_backoff", ""),
    ("resilience.breaker", "resilience.circuit_breaker", ""),
    ("resilience.breaker.rest", "resilience.circuit_breaker.open_duration", ""),
    ("resilience.breaker.longest_rest", "resilience.circuit_breaker.max_open_duration", ""),
    ("resilience.breaker.closes_after", "resilience.circuit_breaker.success_threshold", ""),
    ("resilience.circuit_breaker.rest", "resilience.circuit_breaker.open_duration", ""),
    ("resilience.circuit_breaker.longest_rest", "resilience.circuit_breaker.max_open_duration", ""),
    ("resilience.circuit_breaker.closes_after", "resilience.circuit_breaker.success_threshold", ""),
    ("resilience.bulkhead.longest_wait", "resilience.bulkhead.max_wait", ""),
    ("resilience.budget", "resilience.rate_limit", ""),
    ("resilience.budget.patience", "resilience.rate_limit.max_wait", ""),
    ("resilience.rate_limit.patience", "resilience.rate_limit.max_wait", ""),
    ("ledger.keep_keys", "ledger.idempotency_ttl", ""),
    ("orders.answer", "orders.response_timeout", ""),
    ("orders.call_limit", "orders.call_timeout", ""),
    ("orders.poll", "orders.poll_interval", ""),
    ("orders.quiet", "orders.late_arrival_window", ""),
    ("orders.look_after", "orders.refresh_interval", ""),
    ("orders.quote", "orders.quote_ttl", ""),
    ("graphql.measure_only", "graphql.warn_only", ""),
    ("order_granularity", "assumptions.order_granularity", ""),
    ("catalog_min_interval", "assumptions.catalog_min_interval", ""),
    ("rate_limit_scope", "assumptions.rate_limit_scope", ""),
];

const AFTER_MAX_AGE: &str = ", which begins at the end of `max_age`";

/// Returns the message for a key of an earlier version.
pub(super) fn renamed_key(path: &str) -> Option<String> {
    RENAMED_KEYS.iter().find_map(|(old, new, change)| {
        let prefix = path.strip_suffix(old)?;
        let is_whole =
            (prefix.is_empty() && old.contains('.')) || (prefix.starts_with("sources.") && prefix.ends_with('.'));
        is_whole.then(|| format!("was renamed to `{prefix}{new}`{change}"))
    })
}
