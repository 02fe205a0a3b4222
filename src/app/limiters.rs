//! Limiters of the requests to vendors, one for each institution.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::app::sources::Infrastructure;
use crate::config::ConfiguredSource;
use domain::{CallCounts, OrderCapacity, RateLimiter};
use source_stack::{
    LocalRateLimiter, MonthlyQuota, MonthlyQuotaPolicy, MonthlyRateLimiter, ResiliencePolicy, StoppableLimiter,
};

/// Time between two reports of the calls of this replica.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);

/// Limiters of the institutions. The vendor counts the requests of all sources of an institution together.
#[derive(Default)]
pub(super) struct Limiters(HashMap<String, (Limiter, Arc<MonthlyQuota>)>);

/// A limiter as requests and as orders use it.
#[derive(Clone)]
pub(super) struct Limiter {
    pub rate_limiter: Arc<dyn RateLimiter>,
    pub capacity: Arc<dyn OrderCapacity>,
}

impl Limiters {
    /// Returns the limiter of a source: that of its institution, which it shares with the institution's other sources, and a stop
    /// of its own.
    pub(super) fn of_source(
        &mut self,
        settings: &ConfiguredSource,
        resilience: &ResiliencePolicy,
        infrastructure: &Infrastructure,
    ) -> Limiter {
        let name = institution_name(settings);
        let create = || create(&name, settings, resilience, infrastructure);
        let shared = self.0.entry(name.clone()).or_insert_with(create).0.clone();
        let limiter = Arc::new(StoppableLimiter::new(shared.rate_limiter, shared.capacity));
        Limiter { rate_limiter: Arc::clone(&limiter) as _, capacity: limiter }
    }

    /// Returns the calls of each institution by month.
    pub(super) fn monthly_quotas(self) -> Vec<Arc<MonthlyQuota>> {
        self.0.into_values().map(|(_, quota)| quota).collect()
    }
}

/// Returns the name of an institution, the same in all replicas.
pub(super) fn institution_name(settings: &ConfiguredSource) -> String {
    let (vendor, base_url, institution) = settings.institution();
    digest([vendor, base_url, &institution].into_iter())
}

fn create(
    name: &str,
    settings: &ConfiguredSource,
    resilience: &ResiliencePolicy,
    infrastructure: &Infrastructure,
) -> (Limiter, Arc<MonthlyQuota>) {
    let (places, config) = (resilience.bulkhead.checkout, &settings.resilience.rate_limit);
    let limiter = match (&resilience.rate_limit, &infrastructure.redis) {
        (Some(limit), Some(redis)) => {
            let limiter = redis.rate_limiter(name, limit, places);
            Limiter { rate_limiter: Arc::clone(&limiter) as _, capacity: limiter }
        }
        (limit, _) => {
            let limiter = Arc::new(LocalRateLimiter::new(limit.as_ref(), places, config.max_wait));
            Limiter { rate_limiter: Arc::clone(&limiter) as _, capacity: limiter }
        }
    };
    let policy = MonthlyQuotaPolicy {
        calls: config.monthly_quota.map(Into::into),
        order_percent: config.monthly_order_percent.get().into(),
    };
    let quota = Arc::new(MonthlyQuota::new(name, policy, Arc::clone(&infrastructure.clock)));
    let limiter = Arc::new(MonthlyRateLimiter::new(limiter.rate_limiter, limiter.capacity, Arc::clone(&quota)));
    (Limiter { rate_limiter: Arc::clone(&limiter) as _, capacity: limiter }, quota)
}

/// Reports the calls of this replica periodically, and once more when it stops.
pub(super) async fn report_calls(quotas: Vec<Arc<MonthlyQuota>>, counts: Arc<dyn CallCounts>, stop: CancellationToken) {
    let mut is_stopped = false;
    while !is_stopped {
        for quota in &quotas {
            if let Err(error) = quota.report(&*counts).await {
                tracing::warn!(%error, "the calls of this month could not be stored; they are kept and stored later");
            }
        }
        is_stopped = tokio::time::timeout(REPORT_INTERVAL, stop.cancelled()).await.is_ok();
    }
    for quota in &quotas {
        // Counts of a last moment are worth no delay of the shutdown.
        let _ = tokio::time::timeout(Duration::from_secs(1), quota.report(&*counts)).await;
    }
}

/// Returns a short digest of texts.
pub(super) fn digest<'t>(parts: impl Iterator<Item = &'t str>) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    hex::encode(&digest.finalize()[..8])
}
