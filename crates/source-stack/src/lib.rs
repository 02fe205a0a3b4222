//! Decorators around the ports of a source: caching of its catalog, and resilience of every call.
//!
//! # Order of the layers
//!
//! A catalog goes through all layers. `stack` puts them together, from the outside in:
//!
//! 1. **L1 cache** (`l1_cache`) is outermost: a hit costs a lookup in memory and no lock that a slow call could hold.
//! 2. **Single-flight** (`single_flight`) sees misses only, and stands above the L2 cache so that concurrent identical misses read
//!    and fill the shared store once.
//! 3. **L2 cache** (`l2_cache`) is the store shared by replicas. It fills both caches, even if every caller has hung up.
//! 4. **Observer** (`observe`) sees each value that the vendor has returned, for callers and for orders, and nothing that a cache
//!    serves: a change is noticed by what is fetched anyway.
//! 5. **Batch splitter** (`batch`) comes after the caches have removed known keys, and before the guard, so that each part is a
//!    call of its own: a failed part does not repeat the others.
//! 6. **Guard** (`guard`) is innermost: metrics, deadline, bulkhead, circuit breaker and retry around each call to the vendor.
//!
//! Orders the wrong way round, and their damage:
//!
//! - *Single-flight outside the L1 cache*: every hit takes the table's lock.
//! - *Single-flight below the L2 cache*: a thousand identical misses read the shared store a thousand times.
//! - *Batch splitter above the caches*: known keys take up room, so the vendor gets more and smaller batches.
//! - *Guard above the batch splitter*: one deadline, one retry and one outcome for all parts; a failed part repeats every part.
//! - *Circuit breaker above the bulkhead*: a probe is used up by a call that then finds no permit.
//!
//! Ports that write are never cached or shared between callers. They are guarded, and writes invalidate cached catalog values
//! (`invalidate_on_write`) outside the guard, because only the outcome of all attempts counts.
//!
//! Orders use the catalog of `LayeredSource::for_orders`, which has no cache at all.

mod batch;
mod cache_key;
mod cached_value;
mod catalog_cache;
mod catalog_query;
mod codec;
mod guard;
mod invalidate_on_write;
mod l1_cache;
mod l2_cache;
mod monthly_quota;
mod observe;
mod policy;
mod rate_limiter;
mod single_flight;
mod source_stop;
mod stack;
mod tag_invalidation;

pub use catalog_cache::{CacheStore, CatalogCache, InvalidationEvent};
pub use guard::{Guard, HealthTracker};
pub use monthly_quota::{MonthlyQuota, MonthlyQuotaPolicy, MonthlyRateLimiter};
pub use observe::{CatalogObserver, Observation};
pub use policy::{BulkheadPolicy, CacheLifetime, CachePolicy, OperationDeadlines, ResiliencePolicy};
pub use rate_limiter::{
    LocalRateLimiter, ONE_CALL, RequestQueue, capacity_report, limited_endpoint, requests, reservation,
    time_beyond_reserved,
};
pub use source_stop::StoppableLimiter;
pub use stack::{LayeredSource, StackParts, stack};
pub use tag_invalidation::Invalidation;

#[cfg(test)]
mod tests;
