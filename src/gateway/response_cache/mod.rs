//! Response cache: serialized responses, reused while they are valid, with request coalescing.
//!
//! Only cacheable catalog queries are stored (`graphql::base::cache_validity`), and only responses without errors or
//! problems. A key includes the cache partition of the caller, that is, everything that decides what the caller may
//! see. A query runs in its own task, so a caller that disconnects never cancels it for the others who wait for the
//! same result. A failure is shared by all waiting callers and is not retried for each of them.

mod content_coding;

use std::sync::Arc;
use std::time::Duration;

use async_graphql::Response;
use axum::body::Bytes;
use metrics::{Counter, counter};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use resilience::single_flight::{Join, SingleFlight};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::graphql::base::cache_validity::CacheValidity;
use crate::graphql::base::viewer::Viewer;
use crate::graphql::json_writer::to_json;

pub use content_coding::ContentCoding;

/// Expected number of entries; the limit is in bytes.
const EXPECTED_ENTRIES: usize = 4_000;

/// The requested operation, independent of the caller.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct OperationKey {
    /// SHA-256 of the validated document in canonical form.
    pub document: [u8; 32],
    /// The selected operation, if it has a name.
    pub operation_name: Option<String>,
    /// The coerced variables as JSON, in the order of their definitions.
    pub variables: String,
}

/// Key of a cached response.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ResponseKey {
    /// The requested operation.
    pub operation: Arc<OperationKey>,
    /// The cache partition of the caller.
    pub partition: CachePartition,
}

/// Everything that decides what a caller may see: callers in one partition share responses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CachePartition {
    scopes: u32,
    reseller: Option<String>,
}

impl CachePartition {
    /// Returns the cache partition of a viewer.
    pub fn of(viewer: &Viewer) -> Self {
        let scopes = viewer.scopes.iter().fold(0, |sum, scope| sum | 1 << *scope as u32);
        Self { scopes, reseller: viewer.reseller.clone() }
    }
}

/// A serialized response without errors.
#[derive(Clone)]
pub struct CachedResponse {
    /// The body as JSON.
    pub body: Bytes,
    /// Key and validity of the cache entry; `None` if the response is not cached.
    entry: Option<(Arc<ResponseKey>, Arc<CacheValidity>)>,
}

impl CachedResponse {
    /// Returns the validity of the cache entry, if the response is cached for this partition.
    pub fn validity_in(&self, partition: &CachePartition) -> Option<&CacheValidity> {
        let (key, validity) = self.entry.as_ref()?;
        (key.partition == *partition).then_some(&**validity)
    }
}

/// The result of an execution, shared by all callers that wait for it.
#[derive(Clone)]
pub enum SharedResponse {
    /// A response without errors.
    Cached(CachedResponse),
    /// A response with errors, and the text of the document that their locations refer to.
    Error(Arc<Response>, Arc<str>),
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct EntryKey {
    response_key: Arc<ResponseKey>,
    coding: ContentCoding,
}

struct ResponseEntry {
    body: Bytes,
    validity: Arc<CacheValidity>,
}

type EntryCache = Cache<EntryKey, Arc<ResponseEntry>, EntryWeighter>;

/// Weighs an entry by its memory in bytes.
#[derive(Clone)]
struct EntryWeighter;

impl Weighter<EntryKey, Arc<ResponseEntry>> for EntryWeighter {
    fn weight(&self, key: &EntryKey, entry: &Arc<ResponseEntry>) -> u64 {
        (entry.body.len() + entry.validity.estimated_size() + key.response_key.operation.variables.len() + 200) as u64
    }
}

/// Executions in flight, by key and invalidation epoch.
type InFlight = SingleFlight<(Arc<ResponseKey>, u64), SharedResponse>;

/// Cached responses and the executions in flight.
pub struct ResponseCache {
    entries: Arc<EntryCache>,
    in_flight: InFlight,
    deadline: Duration,
    tasks: TaskTracker,
    counters: LookupCounters,
}

/// Counters, looked up once.
struct LookupCounters {
    hit: Counter,
    coalesced: Counter,
    miss: Counter,
}

impl ResponseCache {
    /// Creates a cache of at most `max_bytes`, compressed bodies included. An execution is abandoned after `deadline`.
    pub fn new(max_bytes: u64, deadline: Duration, tasks: TaskTracker) -> Self {
        let entries = Arc::new(Cache::with_weighter(EXPECTED_ENTRIES, max_bytes, EntryWeighter));
        let count = |outcome: &'static str| counter!("ticketgraph_response_cache_lookups_total", "outcome" => outcome);
        let counters = LookupCounters { hit: count("hit"), coalesced: count("coalesced"), miss: count("miss") };
        Self { entries, in_flight: SingleFlight::default(), deadline, tasks, counters }
    }

    /// Returns the cached response, if it is still valid.
    pub fn get(&self, response_key: &Arc<ResponseKey>) -> Option<CachedResponse> {
        let key = EntryKey { response_key: Arc::clone(response_key), coding: ContentCoding::Identity };
        let entry = self.entries.get(&key)?;
        if !entry.validity.is_valid() {
            self.entries.remove(&key);
            return None;
        }
        self.counters.hit.increment(1);
        Some(CachedResponse { body: entry.body.clone(), entry: Some((key.response_key, Arc::clone(&entry.validity))) })
    }

    /// Executes an operation, or joins an execution of the same key that started in the same epoch. Returns `None` if
    /// the execution was abandoned or panicked.
    pub async fn get_or_execute<F>(
        &self,
        response_key: &Arc<ResponseKey>,
        epoch: u64,
        text: &Arc<str>,
        run: impl FnOnce() -> F,
    ) -> Option<SharedResponse>
    where
        F: Future<Output = (Response, Option<CacheValidity>)> + Send + 'static,
    {
        // An execution that started before an invalidation may return old values, so the epoch is part of the key.
        let Join { mut results, joined, lead } = self.in_flight.join([(Arc::clone(response_key), epoch)]);
        if joined > 0 {
            self.counters.coalesced.increment(1);
        } else {
            self.counters.miss.increment(1);
            let (run, deadline, entries, text) = (run(), self.deadline, Arc::clone(&self.entries), Arc::clone(text));
            let key = Arc::clone(response_key);
            let execution = async move {
                if let Ok((response, validity)) = tokio::time::timeout(deadline, run).await {
                    lead.finish([Some(store_response(&entries, &key, response, validity, text))]);
                }
            };
            self.tasks.spawn(execution.in_current_span());
        }
        results.pop()?.await
    }

    /// Removes all entries.
    pub fn clear(&self) {
        self.entries.clear();
    }

    /// Returns the number of entries, compressed bodies included, and their approximate size in bytes.
    pub fn usage(&self) -> (u64, u64) {
        (self.entries.len() as u64, self.entries.weight())
    }

    /// Returns the body in a coding; the compressed body of a cached response is computed once and cached.
    pub fn encoded(&self, response: &CachedResponse, coding: ContentCoding) -> Option<Bytes> {
        let (response_key, validity) = response.entry.as_ref()?;
        if coding == ContentCoding::Identity {
            return Some(response.body.clone());
        }
        let key = EntryKey { response_key: Arc::clone(response_key), coding };
        if let Some(cached) = self.entries.get(&key).filter(|cached| Arc::ptr_eq(&cached.validity, validity)) {
            return Some(cached.body.clone());
        }
        let body = coding.compress(&response.body)?;
        self.entries.insert(key, Arc::new(ResponseEntry { body: body.clone(), validity: Arc::clone(validity) }));
        Some(body)
    }
}

/// Caches a response without errors for as long as it is valid.
fn store_response(
    entries: &EntryCache,
    response_key: &Arc<ResponseKey>,
    response: Response,
    validity: Option<CacheValidity>,
    text: Arc<str>,
) -> SharedResponse {
    if !response.errors.is_empty() {
        return SharedResponse::Error(Arc::new(response), text);
    }
    let body = Bytes::from(to_json(&response));
    let validity = validity.map(Arc::new);
    if let Some(validity) = &validity {
        let key = EntryKey { response_key: Arc::clone(response_key), coding: ContentCoding::Identity };
        entries.insert(key, Arc::new(ResponseEntry { body: body.clone(), validity: Arc::clone(validity) }));
    }
    SharedResponse::Cached(CachedResponse {
        body,
        entry: validity.map(|validity| (Arc::clone(response_key), validity)),
    })
}

/// Copies a shared error response, with the id of this request in its errors.
pub fn with_request_id(response: &Response, request_id: &str) -> Response {
    let mut errors = response.errors.clone();
    for error in &mut errors {
        error.extensions.get_or_insert_default().set("requestId", request_id);
    }
    let mut copy = Response::new(response.data.clone());
    copy.extensions.clone_from(&response.extensions);
    copy.errors = errors;
    copy
}
