//! The stages that every operation passes, whatever transport it came by.
//!
//! 1. persisted document: the text of the request ([`persisted`](crate::gateway::persisted))
//! 2. parse and validate ([`document`](crate::gateway::document))
//! 3. select the operation, check that the transport and the caller may run it, coerce its variables
//! 4. response cache ([`response_cache`](crate::gateway::response_cache))
//! 5. limits ([`operation_limits`](crate::gateway::operation_limits))
//! 6. execute
//!
//! Before them, per transport: connection ([`listener`](crate::gateway::listener)), request id
//! ([`observe`](crate::gateway::observe)), authenticate ([`auth`](crate::gateway::auth)), rate limit
//! ([`rate_limiter`](crate::gateway::rate_limiter)), read the body and take a place
//! ([`concurrency_limit`](crate::gateway::concurrency_limit)). After them: serialize
//! ([`response_body`](crate::gateway::response_body)) and headers. The
//! [fast path](crate::gateway::fast_path) goes from the body to the response cache: only bodies that passed all stages
//! before lead there.

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::body::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde_json::{Map, Value};
use tracing::Instrument;

use crate::gateway::document::{CachedDocument, DocumentCache};
use crate::gateway::limit_report::{LimitReport, insert_extension};
use crate::gateway::observe::{OperationObserver, observe_stream, operation_span};
use crate::gateway::operation::{OperationOutcome, OperationRequest};
use crate::gateway::operation_limits::OperationLimits;
use crate::gateway::params::{DOCUMENT_ID_NAMES, RequestParams};
use crate::gateway::persisted::{OperationLookupError, PersistedOperations, ResolvedDocument};
use crate::gateway::rate_limiter::RequestRateLimiter;
use crate::gateway::refusals::record_refusal;
use crate::gateway::rejection::{OperationCost, RequestRejection};
use crate::gateway::response_cache::{
    CachePartition, CachedResponse, OperationKey, ResponseCache, ResponseKey, SharedResponse, with_request_id,
};
use crate::graphql::api::Api;
use crate::graphql::base::cache_validity::is_cacheable;
use crate::graphql::base::callers::CallerRegistry;
use crate::graphql::base::viewer::{Scope, Viewer};
use crate::graphql::operation::{DeferredOperation, DocumentError, LoweredOperation, OperationType, ParsedOperation};
use telemetry::explain::explain;

/// Default number of cached documents.
const DEFAULT_CACHED_DOCUMENTS: usize = 1_000;
/// Default memory of cached documents, in bytes.
const DEFAULT_DOCUMENT_MEMORY: u64 = 32 << 20;
/// Size limit of the body index, in bytes.
const MAX_INDEXED_BODY_BYTES: u64 = 4 << 20;

/// Caches of a pipeline.
pub struct PipelineCaches {
    /// Largest number of parsed documents.
    pub documents: usize,
    /// Largest memory of parsed documents, in bytes.
    pub document_memory: u64,
    /// Response cache.
    pub responses: ResponseCache,
}

/// Runs operations through the stages.
pub struct Pipeline {
    /// Executable schema over the services; replaced together with the limits.
    api: ArcSwap<Api>,
    limits: ArcSwap<OperationLimits>,
    persisted: PersistedOperations,
    rate_limiter: RequestRateLimiter,
    callers: Arc<CallerRegistry>,
    documents: DocumentCache,
    response_cache: Option<ResponseCache>,
    /// Operations of request bodies whose responses were cached.
    body_index: ArcSwap<BodyIndex>,
}

type BodyIndex = Cache<Bytes, Arc<OperationKey>, BodyWeighter>;

#[derive(Clone)]
struct BodyWeighter;

impl Weighter<Bytes, Arc<OperationKey>> for BodyWeighter {
    fn weight(&self, body: &Bytes, operation_key: &Arc<OperationKey>) -> u64 {
        (body.len() + operation_key.variables.len() + 200) as u64
    }
}

impl Pipeline {
    /// Creates a pipeline without a response cache.
    pub fn new(api: Api, limits: OperationLimits, persisted: PersistedOperations) -> Self {
        let callers = Arc::new(CallerRegistry::default());
        Self {
            api: ArcSwap::from_pointee(api.with_callers(Arc::clone(&callers))),
            callers,
            limits: ArcSwap::from_pointee(limits),
            persisted,
            rate_limiter: RequestRateLimiter::default(),
            documents: DocumentCache::new(DEFAULT_CACHED_DOCUMENTS, DEFAULT_DOCUMENT_MEMORY),
            response_cache: None,
            body_index: ArcSwap::from_pointee(new_body_index()),
        }
    }

    /// Adds a response cache and sets the size of the document cache.
    #[must_use]
    pub fn with_caches(self, caches: PipelineCaches) -> Self {
        let documents = DocumentCache::new(caches.documents, caches.document_memory);
        Self { documents, response_cache: Some(caches.responses), ..self }
    }

    /// Sets the rate limiter.
    pub fn with_rate_limiter(self, rate_limiter: RequestRateLimiter) -> Self {
        Self { rate_limiter, ..self }
    }

    /// Returns the rate limiter.
    pub fn rate_limiter(&self) -> &RequestRateLimiter {
        &self.rate_limiter
    }

    /// Returns the configured callers with their use of this process.
    pub fn callers(&self) -> &CallerRegistry {
        &self.callers
    }

    /// Returns the current operation limits.
    pub fn limits(&self) -> Arc<OperationLimits> {
        self.limits.load_full()
    }

    /// Replaces schema and limits. Operations in flight finish with the old ones; parsed documents and cached responses
    /// are discarded because they were checked against the old limits.
    pub fn replace(&self, api: Api, limits: OperationLimits) {
        self.api.store(Arc::new(api.with_callers(Arc::clone(&self.callers))));
        self.limits.store(Arc::new(limits));
        self.documents.clear();
        // A new index: operations in flight still insert into the old one.
        self.body_index.store(Arc::new(new_body_index()));
        if let Some(response_cache) = &self.response_cache {
            response_cache.clear();
        }
    }

    fn api(&self) -> Arc<Api> {
        self.api.load_full()
    }

    /// Returns the persisted operations.
    pub fn persisted(&self) -> &PersistedOperations {
        &self.persisted
    }

    /// Returns the schema as SDL.
    pub fn sdl(&self) -> Arc<str> {
        self.api().sdl()
    }

    /// Returns the response cache, if there is one.
    pub fn response_cache(&self) -> Option<&ResponseCache> {
        self.response_cache.as_ref()
    }

    /// Returns the operation of an earlier request with exactly this body, if its response was cached.
    pub fn find_indexed_body(&self, body: &Bytes) -> Option<Arc<OperationKey>> {
        self.body_index.load().get(body)
    }

    /// Returns the cached response for this operation and the viewer's cache partition, if it is still valid.
    pub fn find_cached(&self, operation: Arc<OperationKey>, viewer: &Viewer) -> Option<CachedResponse> {
        self.response_cache.as_ref()?.get(&Arc::new(ResponseKey { operation, partition: CachePartition::of(viewer) }))
    }

    /// Runs one operation.
    pub async fn run(&self, operation_request: OperationRequest) -> OperationOutcome {
        self.run_observed(None, operation_request).await
    }

    /// Runs a document of the service itself for a caller. The safelist, which is for documents of clients, does not apply;
    /// all other stages do.
    pub async fn run_fixed(&self, document: &'static str, operation_request: OperationRequest) -> OperationOutcome {
        self.run_observed(Some(document), operation_request).await
    }

    /// Runs one operation, of a document of the service itself if there is one, and observes it.
    async fn run_observed(&self, fixed: Option<&'static str>, operation_request: OperationRequest) -> OperationOutcome {
        let mut observer = OperationObserver::start();
        let (span, viewer) = (operation_span(), Arc::clone(&operation_request.viewer));
        let outcome = self.run_explained(fixed, operation_request, &mut observer).instrument(span.clone()).await;
        let outcome = outcome.unwrap_or_else(|ended| ended);
        observer.finish(&outcome, &span);
        record_refusal(&self.callers, &viewer, outcome)
    }

    /// Runs an operation and adds `extensions.explain` if the request sets `extensions: {"explain": true}` and the
    /// caller has the scope `admin`.
    async fn run_explained(
        &self,
        fixed: Option<&'static str>,
        operation_request: OperationRequest,
        observer: &mut OperationObserver,
    ) -> Result<OperationOutcome, OperationOutcome> {
        if operation_request.params.extensions.get("explain") != Some(&Value::Bool(true)) {
            return self.run_stages(fixed, operation_request, observer).await;
        }
        if !operation_request.viewer.has_scope(Scope::Admin) {
            return Err(RequestRejection::explain_forbidden().into());
        }
        let (outcome, explanation) = explain(self.run_stages(fixed, operation_request, observer)).await;
        let mut outcome = outcome?;
        if let OperationOutcome::Response(response) = &mut outcome {
            insert_extension(response, "explain", explanation);
        }
        Ok(outcome)
    }

    /// Returns the document of the service itself, or that of a client.
    async fn resolve_document(
        &self,
        fixed: Option<&'static str>,
        params: &RequestParams,
    ) -> Result<ResolvedDocument, RequestRejection> {
        match fixed {
            Some(document) => Ok(ResolvedDocument::fixed(document)),
            None => self.persisted.resolve(params).await.map_err(lookup_rejection),
        }
    }

    /// Runs the stages in order. Each one continues, or ends the request with an outcome.
    async fn run_stages(
        &self,
        fixed: Option<&'static str>,
        operation_request: OperationRequest,
        observer: &mut OperationObserver,
    ) -> Result<OperationOutcome, OperationOutcome> {
        let bodies = self.body_index.load_full();
        let (api, params) = (self.api(), &operation_request.params);
        let resolved = self.resolve_document(fixed, params).await?;
        let document = self.parse_and_validate(&api, &resolved.text, &operation_request)?;
        self.persisted.register(&resolved).await;
        let operation = document
            .parsed
            .select_operation(params.operation_name.as_deref())
            .map_err(|error| RequestRejection::bad_request(error.to_string()))?;
        observer.set_operation(operation.operation_type, operation.name.as_deref());
        self.check_allowed(operation, &operation_request)?;
        let variables = api
            .served_schema()
            .coerce_variables(operation, &params.variables)
            .map_err(|invalid| RequestRejection::invalid_variables(invalid.to_string()))?;
        let shared =
            self.response_cache.as_ref().zip(response_key(&document, operation, &variables, &operation_request));
        if let Some((response_cache, key)) = &shared
            && let Some(cached) = response_cache.get(key)
        {
            // A cached response was checked against the same limits when it was created.
            if let Some(body) = operation_request.body.filter(|_| self.persisted.needs_no_warning(&resolved.text)) {
                // The buffer of the request may be larger than the body, so the body is copied.
                bodies.insert(Bytes::copy_from_slice(&body), Arc::clone(&key.operation));
            }
            return Ok(OperationOutcome::Cached(cached));
        }
        let mut limit_report = self.check_size(operation)?;
        let request_id = operation_request.request_id.clone();
        let invalid = |error| OperationOutcome::invalid(vec![error], &request_id);
        let lower = || api.served_schema().lower(&document.parsed, operation, &variables).map_err(invalid);
        let lowered = lower()?;
        self.check_cost(&api, &operation_request, &lowered, &mut limit_report).await?;
        if operation_request.accepts_deferred
            && document.parsed.defers
            && operation.operation_type == OperationType::Query
        {
            let deferred = api.served_schema().lower_deferred(&document.parsed, operation, &variables);
            let deferred = deferred.map_err(invalid)?;
            return Ok(execute_deferred(&api, deferred, operation_request, limit_report).await);
        }
        let shared = shared.filter(|_| is_cacheable(api.served_schema(), lowered.operation())).zip(api.epoch());
        let Some(((response_cache, key), epoch)) = shared else {
            return Ok(execute(&api, operation, lowered, operation_request, limit_report).await);
        };
        let (viewer, executing) = (Arc::clone(&operation_request.viewer), Arc::clone(&api));
        let id = request_id.clone();
        let run = || async move { executing.execute_cacheable(lowered, viewer, &id).await };
        match response_cache.get_or_execute(&key, epoch, &resolved.text, run).await {
            Some(SharedResponse::Cached(cached)) => Ok(OperationOutcome::Cached(cached)),
            Some(SharedResponse::Error(response, text)) if text == resolved.text => {
                Ok(OperationOutcome::Response(Box::new(with_request_id(&response, &operation_request.request_id))))
            }
            // Error locations refer to a document with another layout, so the operation is executed for this one.
            Some(SharedResponse::Error(..)) => {
                let lowered = lower()?;
                Ok(execute(&api, operation, lowered, operation_request, limit_report).await)
            }
            None => Err(RequestRejection::internal_error().into()),
        }
    }

    /// Returns the parsed document of a text; parses and validates it unless it is cached.
    fn parse_and_validate(
        &self,
        api: &Api,
        text: &Arc<str>,
        operation_request: &OperationRequest,
    ) -> Result<Arc<CachedDocument>, OperationOutcome> {
        if let Some(document) = self.documents.get(text) {
            return Ok(document);
        }
        match api.served_schema().parse(text, self.limits().of_parser()) {
            Ok(parsed) => Ok(self.documents.insert(parsed)),
            Err(DocumentError::Invalid(errors)) => {
                Err(OperationOutcome::invalid(errors, &operation_request.request_id))
            }
            Err(DocumentError::Syntax { message, position }) => {
                Err(RequestRejection::syntax_error(&message, position).into())
            }
            Err(DocumentError::LimitExceeded { what, limit }) => {
                Err(RequestRejection::parser_limit_exceeded(what, limit).into())
            }
        }
    }

    /// Checks that the transport allows the type of the operation, and that the caller may read what it introspects.
    fn check_allowed(
        &self,
        operation: &ParsedOperation,
        operation_request: &OperationRequest,
    ) -> Result<(), RequestRejection> {
        if !operation_request.allowed_types.contains(&operation.operation_type) {
            return Err(RequestRejection::method_not_allowed());
        }
        if !operation.size.introspects {
            return Ok(());
        }
        if operation.has_nested_introspection {
            return Err(RequestRejection::nested_introspection());
        }
        if !self.limits().introspection && !operation_request.viewer.has_scope(Scope::Admin) {
            return Err(RequestRejection::introspection_forbidden());
        }
        Ok(())
    }

    /// Checks the size of an operation before its fragments are expanded: they may stand for more than any memory holds.
    fn check_size(&self, operation: &ParsedOperation) -> Result<LimitReport, RequestRejection> {
        let limits = self.limits();
        let mut limit_report = LimitReport::new(limits.warn_only);
        limit_report.check_limit(limits.check(&operation.size))?;
        limits.check_expansion(&operation.size).map_err(|exceeded| RequestRejection::limit_exceeded(&exceeded))?;
        Ok(limit_report)
    }

    /// Checks the lists, the rows and the estimated cost of an operation.
    async fn check_cost(
        &self,
        api: &Api,
        operation_request: &OperationRequest,
        lowered: &LoweredOperation,
        limit_report: &mut LimitReport,
    ) -> Result<(), RequestRejection> {
        let limits = self.limits();
        limit_report.check_limit(limits.check_lists(lowered))?;
        limit_report.check_limit(limits.check_complexity(api.complexity(lowered)))?;
        let estimated = api.estimate(lowered);
        limit_report.check_cost(OperationCost { estimated, limit: limits.vendor_calls })?;
        if let Some(limit) = limits.vendor_calls_per_minute {
            let calls = u32::try_from(estimated).unwrap_or(u32::MAX);
            limit_report
                .check_rate_limit(self.rate_limiter.count_calls(&operation_request.viewer.id, calls, limit).await)?;
        }
        Ok(())
    }
}

/// Executes an operation for one caller.
async fn execute(
    api: &Api,
    operation: &ParsedOperation,
    lowered: LoweredOperation,
    operation_request: OperationRequest,
    limit_report: LimitReport,
) -> OperationOutcome {
    if operation.operation_type == OperationType::Subscription {
        return OperationOutcome::Stream(observe_stream(
            api.stream(lowered, operation_request.viewer, &operation_request.request_id),
            &operation_request.request_id,
        ));
    }
    let mut response = api.execute(lowered, operation_request.viewer, &operation_request.request_id).await;
    limit_report.add_extensions(&operation_request.params, &mut response);
    OperationOutcome::Response(Box::new(response))
}

/// Executes the initial part of a query, and starts its deferred fragments.
async fn execute_deferred(
    api: &Api,
    operation: DeferredOperation,
    operation_request: OperationRequest,
    limit_report: LimitReport,
) -> OperationOutcome {
    let OperationRequest { params, viewer, request_id, .. } = operation_request;
    let (mut response, deferred) = api.execute_deferred(operation, viewer, &request_id).await;
    limit_report.add_extensions(&params, &mut response);
    match deferred {
        Some(deferred) => OperationOutcome::Deferred(Box::new(response), deferred),
        None => OperationOutcome::Response(Box::new(response)),
    }
}

fn lookup_rejection(error: OperationLookupError) -> RequestRejection {
    match error {
        OperationLookupError::NotFound => RequestRejection::persisted_query_not_found(),
        other => RequestRejection::bad_request(other.to_string()),
    }
}

/// Creates an empty body index.
fn new_body_index() -> BodyIndex {
    Cache::with_weighter(DEFAULT_CACHED_DOCUMENTS, MAX_INDEXED_BODY_BYTES, BodyWeighter)
}

/// Returns the key under which the response of a query may be shared, or `None` if it must not be.
fn response_key(
    document: &CachedDocument,
    operation: &ParsedOperation,
    variables: &Map<String, Value>,
    operation_request: &OperationRequest,
) -> Option<Arc<ResponseKey>> {
    // Requests with other extensions get a response of their own.
    let is_plain = operation_request
        .params
        .extensions
        .keys()
        .all(|name| name == "persistedQuery" || DOCUMENT_ID_NAMES.contains(&name.as_str()));
    if operation.operation_type != OperationType::Query || !is_plain {
        return None;
    }
    let variables = if variables.is_empty() { String::new() } else { serde_json::to_string(variables).ok()? };
    let operation =
        Arc::new(OperationKey { document: document.digest, operation_name: operation.name.clone(), variables });
    Some(Arc::new(ResponseKey { operation, partition: CachePartition::of(&operation_request.viewer) }))
}
