//! A pipeline over two fake sources with all layers, and a clock that tests advance.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use catalog::UnifiedCatalog;
use domain::{ErrorKind, EventKey, PerformanceKey, Source, SourceId};
use serde_json::Value;
use source_stack::{
    CacheLifetime, CachePolicy, CatalogCache, HealthTracker, Invalidation, LocalRateLimiter, ResiliencePolicy,
    StackParts, stack,
};
use testkit::{FakeCatalog, FakeOutcome, GeneratedRecords, ManualClock, default_section, fake_source};
use ticketgraph::gateway::operation::{ALL_OPERATION_TYPES, OperationOutcome, OperationRequest};
use ticketgraph::gateway::params::RequestParams;
use ticketgraph::gateway::persisted::{PersistedOperations, Safelist};
use ticketgraph::gateway::pipeline::{Pipeline, PipelineCaches};
use ticketgraph::gateway::response_cache::ResponseCache;
use ticketgraph::graphql::api::Api;
use ticketgraph::graphql::base::cache_validity::{Invalidations, ResponseDependencies};
use ticketgraph::graphql::json_writer::to_json;
use ticketgraph::graphql::{Scope, Services, Viewer};
use tokio_util::task::TaskTracker;

use crate::default_config::{default_api_settings, default_limits};

/// Invalidations of the catalog cache.
struct CacheInvalidations(Arc<CatalogCache>);

impl Invalidations for CacheInvalidations {
    fn epoch(&self) -> u64 {
        self.0.epoch()
    }

    fn is_invalidated(&self, dependencies: &ResponseDependencies, since: u64) -> bool {
        self.0.is_invalidated(&dependencies.sources, &dependencies.performances, since)
    }
}

/// Two sources with all layers, and a pipeline over them.
pub(super) struct World {
    pub pipeline: Pipeline,
    pub clock: Arc<ManualClock>,
    vendors: Vec<Arc<FakeCatalog>>,
    cache: Arc<CatalogCache>,
}

const IDS: [&str; 2] = ["north", "south"];

impl World {
    /// Creates a world with or without a response cache. Lifetimes are exact, so that two worlds behave the same.
    pub(super) fn new(has_response_cache: bool) -> Self {
        let clock = ManualClock::at("2027-01-15T08:00:00Z");
        let tasks = TaskTracker::new();
        let cache = CatalogCache::new(1 << 24, None, clock.clone(), tasks.clone());
        let vendor = |id| {
            let records = GeneratedRecords::new(clock.clone(), 1000);
            FakeCatalog::new(SourceId::new(id), clock.clone(), records)
        };
        let vendors: Vec<Arc<FakeCatalog>> = IDS.into_iter().map(vendor).collect();
        let sources = IDS.into_iter().zip(&vendors).map(|(id, vendor)| Arc::new(layered(id, vendor, &clock, &cache)));
        let catalog = Arc::new(UnifiedCatalog::new(sources.collect(), Duration::from_secs(5), clock.clone()));
        let services = Services {
            catalog,
            edits: None,
            orders: None,
            resellers: None,
            deliveries: None,
            changes: None,
            audit: None,
            webhooks: None,
        };
        let invalidations = Arc::new(CacheInvalidations(Arc::clone(&cache)));
        let api = Api::new(default_api_settings(), Arc::new(services)).with_invalidations(invalidations);
        let persisted = PersistedOperations::new(true, 1 << 20, None, Safelist::default());
        let mut pipeline = Pipeline::new(api, default_limits(), persisted);
        if has_response_cache {
            let responses = ResponseCache::new(1 << 22, Duration::from_secs(30), tasks);
            pipeline = pipeline.with_caches(PipelineCaches { documents: 100, document_memory: 1 << 20, responses });
        }
        Self { pipeline, vendors, clock, cache }
    }

    pub(super) fn advance(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }

    /// Edits the events of a source, and invalidates them.
    pub(super) fn edit(&self, place: usize) {
        self.edit_silently(place);
        self.cache.invalidate(Invalidation::Event(SourceId::new(IDS[place]), EventKey::new("e1")));
    }

    /// Edits the events of a source at the vendor, without an invalidation.
    pub(super) fn edit_silently(&self, place: usize) {
        self.vendors[place].records.edit();
    }

    /// Sells a ticket for one performance.
    pub(super) fn sell(&self, place: usize) {
        self.vendors[place].records.sell();
        let sold = vec![PerformanceKey::new("e0/p0")];
        self.cache.invalidate(Invalidation::Performances(SourceId::new(IDS[place]), sold));
    }

    /// Makes every call to a source fail, or succeed again.
    pub(super) fn set_failing(&self, place: usize, is_failing: bool) {
        let outcome = if is_failing { FakeOutcome::Fail(ErrorKind::Unavailable) } else { FakeOutcome::Succeed };
        self.vendors[place].always(outcome);
    }

    /// Executes a query. Returns the response body, and whether it was a cached response.
    pub(super) async fn execute(&self, query: &str, variables: Value, scopes: &[Scope]) -> (String, bool) {
        let Value::Object(variables) = variables else { panic!("variables are an object") };
        let params = RequestParams { query: Some(query.to_owned()), variables, ..RequestParams::default() };
        let scopes: HashSet<Scope> = scopes.iter().copied().collect();
        let viewer = Arc::new(Viewer { id: "v".to_owned(), name: "V".to_owned(), reseller: None, scopes });
        let request = OperationRequest {
            params,
            body: None,
            viewer,
            request_id: "r-1".to_owned(),
            accepts_deferred: false,
            allowed_types: ALL_OPERATION_TYPES,
        };
        match self.pipeline.run(request).await {
            OperationOutcome::Cached(cached) => (String::from_utf8(cached.body.to_vec()).expect("text"), true),
            OperationOutcome::Response(response) => (String::from_utf8(to_json(&response)).expect("text"), false),
            OperationOutcome::Rejected(rejection) => (rejection.to_body("r-1"), false),
            OperationOutcome::Stream(_) | OperationOutcome::Deferred(..) => panic!("a query is no stream"),
        }
    }

    /// Number of calls to all sources.
    pub(super) fn calls(&self) -> usize {
        self.vendors.iter().map(|vendor| vendor.call_count()).sum()
    }
}

fn layered(id: &str, vendor: &Arc<FakeCatalog>, clock: &Arc<ManualClock>, cache: &Arc<CatalogCache>) -> Source {
    let id = SourceId::new(id);
    let rate_limiter = Arc::new(LocalRateLimiter::unlimited());
    let health = Arc::new(HealthTracker::new(id.clone(), clock.clone(), rate_limiter));
    let lifetime = |seconds| CacheLifetime {
        max_age: Duration::from_secs(seconds),
        stale_while_revalidate: Duration::ZERO,
        stale_if_error: Duration::from_secs(3600 - seconds),
    };
    let cache_policy = CachePolicy {
        lists: lifetime(60),
        facts: lifetime(45),
        jitter_percent: 0,
        ..default_section("cache.lifetimes")
    };
    let mut resilience: ResiliencePolicy = default_section("resilience");
    resilience.retries.max_attempts = 1;
    // A failing source is called each time: the circuit breaker would follow the clock of the machine.
    resilience.circuit_breaker.min_calls = 1_000_000;
    let parts = StackParts {
        resilience,
        cache_policy,
        health,
        capacity: None,
        cache: Arc::clone(cache),
        realm: "r".to_owned(),
        observer: None,
    };
    stack(fake_source(id, Arc::clone(vendor) as _), parts).source
}
