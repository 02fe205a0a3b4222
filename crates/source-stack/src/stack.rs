//! Puts the layers around a connected source. The crate's documentation explains their order.

use std::sync::Arc;

use domain::authoring::{Authoring, BackOffice, SectionAuthoring};
use domain::ordering::{Ordering, Refunds};
use domain::{Catalog, OrderCapacity, Source, SourceId};

use crate::batch::BatchSplitter;
use crate::catalog_cache::{CatalogCache, SourceCache};
use crate::catalog_query::LayeredCatalog;
use crate::guard::{Guard, Guarded, HealthTracker};
use crate::invalidate_on_write::InvalidateOnWrite;
use crate::l1_cache::L1Cache;
use crate::l2_cache::L2Cache;
use crate::observe::{CatalogObserver, ObservedCatalog};
use crate::policy::{CachePolicy, ResiliencePolicy};
use crate::single_flight::SingleFlightLayer;

/// Settings and shared parts of the layers of one source.
pub struct StackParts {
    /// Resilience settings.
    pub resilience: ResiliencePolicy,
    /// Lifetimes of cached values.
    pub cache_policy: CachePolicy,
    /// Health tracker that the source was connected with. The guard records the outcome of each call in it.
    pub health: Arc<HealthTracker>,
    /// Capacity for orders, if something limits them.
    pub capacity: Option<Arc<dyn OrderCapacity>>,
    /// Cache shared by all sources of the process.
    pub cache: Arc<CatalogCache>,
    /// Digest of the account as the vendor sees it, without secrets. It separates accounts of the same name in different
    /// configurations that share a store.
    pub realm: String,
    /// Receives the catalog values that the vendor returns, if anybody watches them.
    pub observer: Option<Arc<dyn CatalogObserver>>,
}

/// A source with its layers.
pub struct LayeredSource {
    /// The source with all layers. Its catalog is cached.
    pub source: Source,
    /// The same catalog, guarded and split into batches, but neither cached nor shared between callers.
    pub uncached_catalog: Arc<dyn Catalog>,
}

impl LayeredSource {
    /// Returns the source as orders use it: the same ports, except that every catalog read calls the vendor.
    pub fn for_orders(&self) -> Source {
        Source { catalog: Arc::clone(&self.uncached_catalog), ..self.source.clone() }
    }
}

/// Puts the layers around a connected source.
///
/// The source is taken apart field by field: a new capability does not compile until its layers are chosen here.
pub fn stack(source: Source, parts: StackParts) -> LayeredSource {
    let Source {
        id,
        vendor,
        institution,
        environment,
        time_zone,
        currency,
        traits,
        health: _,
        failures,
        capacity: _,
        catalog,
        ordering,
        hold_extension,
        refunds,
        admissions,
        accounts,
        authoring,
        section_authoring,
        back_office,
        incoming_webhook,
    } = source;
    let StackParts { resilience, cache_policy, health, capacity, cache, realm, observer } = parts;
    let source_cache = SourceCache::new(Arc::clone(&cache), id.clone(), &realm, cache_policy);
    let guard = Arc::new(Guard::new(id.clone(), &traits, resilience, Arc::clone(&health), Arc::clone(&failures)));
    let uncached_catalog = uncached(catalog, &guard, &source_cache, traits.max_batch);
    let uncached_catalog = observed(&id, uncached_catalog, observer);
    let catalog = cached(Arc::clone(&uncached_catalog), &source_cache);
    let ordering = ordering.map(|port| Arc::new(Guarded::new(port, &guard)) as Arc<dyn Ordering>);
    let refunds = refunds.map(|port| Arc::new(Guarded::new(port, &guard)) as Arc<dyn Refunds>);
    let authoring = authoring.map(|port| Arc::new(Guarded::new(port, &guard)) as Arc<dyn Authoring>);
    let section_authoring =
        section_authoring.map(|port| Arc::new(Guarded::new(port, &guard)) as Arc<dyn SectionAuthoring>);
    let back_office = back_office.map(|port| Arc::new(Guarded::new(port, &guard)) as Arc<dyn BackOffice>);
    let source = Source {
        // Sales and refunds change availability.
        ordering: ordering.map(|port| Arc::new(InvalidateOnWrite::new(&id, &cache, port)) as _),
        hold_extension: hold_extension.map(|port| Arc::new(Guarded::new(port, &guard)) as _),
        refunds: refunds.map(|port| Arc::new(InvalidateOnWrite::new(&id, &cache, port)) as _),
        admissions: admissions.map(|port| Arc::new(Guarded::new(port, &guard)) as _),
        // Unguarded: a person checks a connection, and an open circuit would hide the actual fault of each check.
        accounts,
        // Edits change the event.
        authoring: authoring.map(|port| Arc::new(InvalidateOnWrite::new(&id, &cache, port)) as _),
        section_authoring: section_authoring.map(|port| Arc::new(InvalidateOnWrite::new(&id, &cache, port)) as _),
        back_office: back_office.map(|port| Arc::new(InvalidateOnWrite::new(&id, &cache, port)) as _),
        id,
        vendor,
        institution,
        environment,
        time_zone,
        currency,
        traits,
        health,
        failures,
        capacity,
        catalog,
        // Calls nobody.
        incoming_webhook,
    };
    LayeredSource { source, uncached_catalog }
}

/// The inner layers of a catalog: batch splitter, then guard.
fn uncached(vendor: Arc<dyn Catalog>, guard: &Arc<Guard>, cache: &SourceCache, max_batch: usize) -> Arc<dyn Catalog> {
    let guarded = Arc::new(LayeredCatalog(Guarded::new(vendor, guard)));
    Arc::new(LayeredCatalog(BatchSplitter::new(cache.source().clone(), guarded, max_batch)))
}

/// The layer that shows the values to an observer, if there is one.
fn observed(id: &SourceId, inner: Arc<dyn Catalog>, observer: Option<Arc<dyn CatalogObserver>>) -> Arc<dyn Catalog> {
    match observer {
        Some(observer) => Arc::new(LayeredCatalog(ObservedCatalog::new(id.clone(), inner, observer))),
        None => inner,
    }
}

/// The outer layers of a catalog: L1 cache, single-flight, then L2 cache.
fn cached(inner: Arc<dyn Catalog>, cache: &SourceCache) -> Arc<dyn Catalog> {
    let l2 = Arc::new(LayeredCatalog(L2Cache::new(cache.clone(), inner)));
    let single_flight = Arc::new(LayeredCatalog(SingleFlightLayer::new(cache.clone(), l2)));
    Arc::new(LayeredCatalog(L1Cache::new(cache.clone(), single_flight)))
}
