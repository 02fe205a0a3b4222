//! Connects the sources of the configuration and adds their layers.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::TaskTracker;

use crate::app::limiters::{Limiter, Limiters, digest, institution_name};
use crate::app::shared_redis::SharedRedis;
use crate::config::{
    Config, ConfiguredSource, LifetimeConfig as LifetimeSettings, LifetimesConfig as LifetimesSettings,
    ResilienceConfig,
};
use domain::{Clock, Quota, RateLimiter, SnapshotStore, Source, SourceId};
use edge::Purger;
use http_client::{ConnectionPools, ExchangeObserver, PausePolicy, VendorHttpClient};
use resilience::{CircuitBreakerPolicy, RateLimitPolicy, RetryPolicy, WindowLimit};
use source_stack::{
    BulkheadPolicy, CacheLifetime, CachePolicy, CatalogCache, CatalogObserver, HealthTracker, LayeredSource,
    MonthlyQuota, OperationDeadlines, ResiliencePolicy, StackParts, stack,
};
use vendor_api::{ConnectContext, InvalidSetting, KeptSnapshots, Vendor};
use vendor_registry::VENDORS;

/// The catalog waits this much longer than the deadline of a source, so that the source's own error arrives first.
pub(super) const DEADLINE_SLACK: Duration = Duration::from_millis(500);

/// Infrastructure that all sources share.
pub(super) struct Infrastructure {
    /// HTTP client with its connection pool.
    pub client: reqwest::Client,
    /// Clock.
    pub clock: Arc<dyn Clock>,
    /// Cache of vendor data.
    pub cache: Arc<CatalogCache>,
    /// Redis, if it is configured.
    pub redis: Option<SharedRedis>,
    /// Owns the tasks of the sources.
    pub tracker: TaskTracker,
    /// Receives the exchanges with vendors while they are recorded.
    pub observer: Option<Arc<dyn ExchangeObserver>>,
    /// Receives the catalog values that vendors return.
    pub catalog_observer: Option<Arc<dyn CatalogObserver>>,
    /// Purges of shared caches, if the service serves.
    pub purger: Option<Arc<Purger>>,
}

/// Connected sources with their layers.
#[derive(Default)]
pub(super) struct ConnectedSources {
    /// Sources with a cached catalog.
    pub sources: Vec<Arc<Source>>,
    /// The same sources as orders use them: every catalog read calls the vendor.
    pub for_orders: Vec<Source>,
    /// Calls of each institution by month.
    pub monthly_quotas: Vec<Arc<MonthlyQuota>>,
}

/// Connects every source of a configuration; makes no calls.
pub(super) fn connect_sources(
    config: &Config,
    infrastructure: &Infrastructure,
    snapshots: Option<&Arc<dyn SnapshotStore>>,
) -> Result<ConnectedSources, Vec<InvalidSetting>> {
    let mut diagnostics = Vec::new();
    let mut connected = ConnectedSources::default();
    let mut limiters = Limiters::default();
    for settings in config.sources.values() {
        let is_delivered = config.deliveries.values().any(|delivery| delivery.channel.source == settings.source.id);
        match connect_source(settings, &config.cache.lifetimes, infrastructure, &mut limiters, snapshots, is_delivered)
        {
            Ok(layered) => {
                connected.for_orders.push(layered.for_orders());
                connected.sources.push(Arc::new(layered.source));
            }
            Err(problems) => diagnostics.extend(problems.into_iter().map(|error| {
                InvalidSetting::new(format!("sources.{}.{}", settings.source.id, error.key), error.message)
            })),
        }
    }
    connected.monthly_quotas = limiters.monthly_quotas();
    if diagnostics.is_empty() { Ok(connected) } else { Err(diagnostics) }
}

fn connect_source(
    settings: &ConfiguredSource,
    lifetimes: &LifetimesSettings,
    infrastructure: &Infrastructure,
    limiters: &mut Limiters,
    snapshots: Option<&Arc<dyn SnapshotStore>>,
    is_delivered: bool,
) -> Result<LayeredSource, Vec<InvalidSetting>> {
    let vendor = VENDORS
        .iter()
        .find(|vendor| vendor.name == settings.vendor)
        .ok_or_else(|| vec![InvalidSetting::new("vendor", "is not one of the vendors")])?;
    let id = settings.source.id.clone();
    let realm = cache_realm(settings, vendor);
    let resilience = resilience_policy(&settings.resilience, vendor);
    let Limiter { rate_limiter, capacity } = limiters.of_source(settings, &resilience, infrastructure);
    let health = Arc::new(HealthTracker::new(id.clone(), Arc::clone(&infrastructure.clock), Arc::clone(&rate_limiter)));
    let context = ConnectContext {
        http: observed(
            vendor_client(&settings.resilience, id, rate_limiter, vendor.rate_limit_pause)?,
            infrastructure.observer.as_ref(),
        ),
        clock: Arc::clone(&infrastructure.clock),
        health: Arc::clone(&health) as _,
        tracker: infrastructure.tracker.clone(),
        kept: snapshots.map(|store| KeptSnapshots {
            store: Arc::clone(store),
            account: realm.clone(),
            institution: institution_name(settings),
        }),
    };
    let mut source = (vendor.connect)(settings.source.clone(), context)?;
    if settings.webhook_secret.is_some() && source.incoming_webhook.is_none() {
        return Err(vec![InvalidSetting::new(
            "incoming_webhook",
            "is not supported: this vendor sends no webhooks about orders",
        )]);
    }
    // Delivery to an app needs a configured channel.
    source.traits.delivers_to_app &= is_delivered;
    let (cache_policy, cache) = (cache_policy(lifetimes), Arc::clone(&infrastructure.cache));
    let (observer, capacity) = (infrastructure.catalog_observer.clone(), Some(capacity));
    Ok(stack(source, StackParts { resilience, cache_policy, health, capacity, cache, realm, observer }))
}

/// Creates the HTTP client of a source or a delivery app. `usual_pause` is the vendor's pause after a rate-limit response, if
/// none is configured.
pub(super) fn vendor_client(
    resilience: &ResilienceConfig,
    id: SourceId,
    rate_limiter: Arc<dyn RateLimiter>,
    usual_pause: Duration,
) -> Result<VendorHttpClient, Vec<InvalidSetting>> {
    let connections = ConnectionPools::new(resilience.pool_idle_timeout)
        .map_err(|error| vec![InvalidSetting::new("resilience.pool_idle_timeout", error.to_string())])?;
    let default = resilience.rate_limit.pause.unwrap_or(usual_pause);
    let pauses = PausePolicy { default, max: resilience.rate_limit.max_pause };
    Ok(VendorHttpClient::new(connections, id, rate_limiter, resilience.attempt_timeout).with_pauses(pauses))
}

/// Passes the exchanges of a client to an observer, if there is one.
pub(super) fn observed(client: VendorHttpClient, observer: Option<&Arc<dyn ExchangeObserver>>) -> VendorHttpClient {
    match observer {
        Some(observer) => client.with_observer(Arc::clone(observer)),
        None => client,
    }
}

/// Digest of everything that identifies the account at the vendor, except secrets. Two configurations that share a
/// store and a source name, but not the account, never read each other's cache.
fn cache_realm(settings: &ConfiguredSource, vendor: &Vendor) -> String {
    let source_config = &settings.source;
    let zone = source_config.time_zone.iana_name().unwrap_or_default();
    let currency = source_config.currency.map_or("", |currency| currency.code());
    let parts = [&*settings.vendor, &source_config.base_url, &source_config.institution, zone, currency];
    let own = source_config.vendor_settings.iter().filter(|(key, _)| !vendor.secrets.contains(&key.as_str()));
    let own: Vec<String> = own.map(|(key, value)| format!("{key}={value}")).collect();
    digest(parts.into_iter().chain(own.iter().map(String::as_str)))
}

/// Resilience policy of a source. Without a configured quota, the vendor's documented one applies.
fn resilience_policy(from: &ResilienceConfig, vendor: &Vendor) -> ResiliencePolicy {
    let (deadlines, retries, circuit_breaker) = (&from.deadlines, &from.retries, &from.circuit_breaker);
    ResiliencePolicy {
        attempt_timeout: from.attempt_timeout,
        deadlines: OperationDeadlines {
            list: deadlines.list,
            read: deadlines.read,
            availability: deadlines.availability,
            order: deadlines.order,
            gate: deadlines.gate,
            other: deadlines.other,
        },
        retries: RetryPolicy {
            max_attempts: retries.max_attempts.into(),
            initial_backoff: retries.initial_backoff,
            max_backoff: retries.max_backoff,
            budget_percent: retries.percent.get().into(),
            budget_reserve: retries.reserve,
        },
        circuit_breaker: CircuitBreakerPolicy {
            window: circuit_breaker.window,
            min_calls: u32::from(circuit_breaker.min_calls) as usize,
            failure_percent: circuit_breaker.failure_percent.get().into(),
            open_duration: circuit_breaker.open_duration,
            max_open_duration: circuit_breaker.max_open_duration,
            success_threshold: circuit_breaker.success_threshold.into(),
        },
        bulkhead: BulkheadPolicy {
            browsing: u32::from(from.bulkhead.browsing) as usize,
            checkout: u32::from(from.bulkhead.checkout) as usize,
            max_wait: from.bulkhead.max_wait,
        },
        rate_limit: from.rate_limit.quota.or(vendor.quota).map(|quota| RateLimitPolicy {
            all: window_limit(quota),
            each_endpoint: from.rate_limit.endpoint_quota.or(vendor.endpoint_quota).map(window_limit),
            priority_percent: from.rate_limit.order_percent.get().into(),
            max_wait: from.rate_limit.max_wait,
            replicas: from.rate_limit.replicas.into(),
        }),
    }
}

fn window_limit(quota: Quota) -> WindowLimit {
    WindowLimit { requests: quota.requests, per: quota.per }
}

/// Lifetimes of cached values.
fn cache_policy(from: &LifetimesSettings) -> CachePolicy {
    CachePolicy {
        lists: lifetime(&from.lists),
        facts: lifetime(&from.facts),
        calendar: from.calendar,
        availability: from.availability,
        not_found: from.not_found,
        revalidate_timeout: from.revalidate_timeout,
        jitter_percent: from.jitter_percent.get().into(),
    }
}

fn lifetime(from: &LifetimeSettings) -> CacheLifetime {
    CacheLifetime {
        max_age: from.max_age,
        stale_while_revalidate: from.stale_while_revalidate,
        stale_if_error: from.stale_if_error,
    }
}
