//! Runs operations: resolves the document, checks limits and variables, executes or uses the response cache.

use std::sync::Arc;

use arc_swap::ArcSwap;
use async_graphql::Variables;
use async_graphql_parser::types::{ExecutableDocument, OperationDefinition, OperationType};
use async_graphql_value::Name;
use axum::body::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tracing::Instrument;

use crate::gateway::document::{DocumentCache, ParsedDocument, ParsedOperation};
use crate::gateway::limit_report::{LimitReport, insert_extension};
use crate::gateway::observe::{OperationObserver, observe_stream, operation_span};
use crate::gateway::operation::{OperationOutcome, OperationRequest};
use crate::gateway::operation_limits::{OperationLimits, OperationSize};
use crate::gateway::params::RequestParams;
use crate::gateway::persisted::{OperationLookupError, PersistedOperations};
use crate::gateway::rate_limiter::RequestRateLimiter;
use crate::gateway::rejection::{OperationCost, RequestRejection};
use crate::gateway::response_cache::{
    CachePartition, CachedResponse, OperationKey, ResponseCache, ResponseKey, SharedResponse, with_request_id,
};
use crate::gateway::variables::InputTypes;
use crate::graphql::api::Api;
use crate::graphql::base::cache_validity::FieldTypes;
use crate::graphql::base::viewer::{Scope, Viewer};
use crate::graphql::json_writer::RawJson;
use telemetry::explain::explain;

/// Default number of cached documents.
const DEFAULT_CACHED_DOCUMENTS: usize = 1_000;
/// Size limit of the body index, in bytes.
const MAX_INDEXED_BODY_BYTES: u64 = 4 << 20;

/// Caches of an engine.
pub struct EngineCaches {
    /// Largest number of parsed documents.
    pub documents: usize,
    /// Response cache.
    pub responses: ResponseCache,
}

/// Runs operations.
pub struct Engine {
    /// Executable schema over the services; replaced together with the limits.
    api: ArcSwap<Api>,
    limits: ArcSwap<OperationLimits>,
    types: InputTypes,
    persisted: PersistedOperations,
    schema: FieldTypes,
    rate_limiter: RequestRateLimiter,
    documents: DocumentCache,
    response_cache: Option<ResponseCache>,
    /// Operations of request bodies whose responses were cached.
    body_index: ArcSwap<BodyIndex>,
}

/// Operation of a request body, and the alias of its single root field.
pub type IndexedBody = (Arc<OperationKey>, Option<String>);
type BodyIndex = Cache<Bytes, IndexedBody, BodyWeighter>;

#[derive(Clone)]
struct BodyWeighter;

impl Weighter<Bytes, IndexedBody> for BodyWeighter {
    fn weight(&self, body: &Bytes, (operation_key, _): &IndexedBody) -> u64 {
        (body.len() + operation_key.variables.len() + 200) as u64
    }
}

impl Engine {
    /// Creates an engine without a response cache.
    pub fn new(
        api: Api,
        limits: OperationLimits,
        persisted: PersistedOperations,
    ) -> Result<Self, async_graphql_parser::Error> {
        let sdl = api.sdl();
        let (types, schema) = (InputTypes::from_sdl(&sdl)?, FieldTypes::from_sdl(&sdl)?);
        let documents = DocumentCache::new(DEFAULT_CACHED_DOCUMENTS);
        let (api, limits) = (ArcSwap::from_pointee(api), ArcSwap::from_pointee(limits));
        Ok(Self {
            api,
            limits,
            types,
            persisted,
            schema,
            rate_limiter: RequestRateLimiter::default(),
            documents,
            response_cache: None,
            body_index: ArcSwap::from_pointee(new_body_index()),
        })
    }

    /// Adds a response cache and sets the size of the document cache.
    #[must_use]
    pub fn with_caches(self, caches: EngineCaches) -> Self {
        let documents = DocumentCache::new(caches.documents);
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

    /// Returns the current operation limits.
    pub fn limits(&self) -> Arc<OperationLimits> {
        self.limits.load_full()
    }

    /// Replaces schema and limits. Operations in flight finish with the old ones; parsed documents and cached responses
    /// are discarded because they were checked against the old limits.
    pub fn replace(&self, api: Api, limits: OperationLimits) {
        self.api.store(Arc::new(api));
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
    pub fn find_indexed_body(&self, body: &Bytes) -> Option<IndexedBody> {
        self.body_index.load().get(body)
    }

    /// Returns the cached response for this operation and the viewer's cache partition, if it is still valid.
    pub fn find_cached(&self, (operation_key, alias): IndexedBody, viewer: &Viewer) -> Option<CachedResponse> {
        let cached = self
            .response_cache
            .as_ref()?
            .get(&Arc::new(ResponseKey { operation: operation_key, partition: CachePartition::of(viewer) }))?;
        Some(cached.with_root_key(alias.as_deref()))
    }

    /// Runs one operation.
    pub async fn run(&self, operation_request: OperationRequest) -> OperationOutcome {
        let mut observer = OperationObserver::start();
        let outcome = self.run_explained(operation_request, &mut observer).instrument(operation_span()).await;
        let outcome = outcome.unwrap_or_else(OperationOutcome::Rejected);
        observer.finish(&outcome);
        outcome
    }

    /// Runs an operation and adds `extensions.explain` if the request sets `extensions: {"explain": true}` and the
    /// caller has the scope `admin`.
    async fn run_explained(
        &self,
        operation_request: OperationRequest,
        observer: &mut OperationObserver,
    ) -> Result<OperationOutcome, RequestRejection> {
        if operation_request.params.extensions.get("explain") != Some(&serde_json::Value::Bool(true)) {
            return self.run_cached(operation_request, observer).await;
        }
        if !operation_request.viewer.has_scope(Scope::Admin) {
            return Err(RequestRejection::explain_forbidden());
        }
        let (outcome, explanation) = explain(self.run_cached(operation_request, observer)).await;
        let mut outcome = outcome?;
        if let OperationOutcome::Response(response) = &mut outcome {
            insert_extension(response, "explain", explanation);
        }
        Ok(outcome)
    }

    async fn run_cached(
        &self,
        operation_request: OperationRequest,
        observer: &mut OperationObserver,
    ) -> Result<OperationOutcome, RequestRejection> {
        let bodies = self.body_index.load_full();
        let text = self.resolve_text(&operation_request.params).await?;
        if let Some(cached) = self.find_cached_by_signature(&text, &operation_request, observer) {
            return Ok(OperationOutcome::Cached(cached));
        }
        let document = self.parsed_document(&text)?;
        let operation = document.select_operation(operation_request.params.operation_name.as_deref())?;
        observer.set_operation(operation.operation_type, operation.name.as_ref().map(Name::as_str));
        let Some((response_cache, key)) =
            self.response_cache.as_ref().zip(response_key(&document, operation, &operation_request))
        else {
            let (request, limit_report) = self.prepare(&document, operation, &operation_request).await?;
            return Ok(self.execute(&document, operation, request, operation_request, limit_report).await);
        };
        // A cached response was checked against the same limits when it was created.
        if let Some(cached) = response_cache.get(&key) {
            document.mark_valid();
            if let Some(body) = operation_request.body.filter(|_| self.persisted.needs_no_warning(&document.text)) {
                // The buffer of the request may be larger than the body, so the body is copied.
                let indexed = (Arc::clone(&key.operation), document.signature.alias.clone());
                bodies.insert(Bytes::copy_from_slice(&body), indexed);
            }
            return Ok(OperationOutcome::Cached(document.under_own_alias(cached)));
        }
        let (request, limit_report) = self.prepare(&document, operation, &operation_request).await?;
        let Some(epoch) = self.api().epoch() else {
            return Ok(self.execute(&document, operation, request, operation_request, limit_report).await);
        };
        let (api, viewer, id) = (
            self.api_for(&document, operation),
            Arc::clone(&operation_request.viewer),
            operation_request.request_id.clone(),
        );
        let cached_document = Arc::clone(&document);
        let execute = || async move {
            let (response, validity) = api.execute_cacheable(request, viewer, &id).await;
            cached_document.record_execution(&response);
            (response, validity)
        };
        match response_cache.get_or_execute(&key, epoch, &document.text, execute).await {
            Some(SharedResponse::Cached(cached)) => {
                document.mark_valid();
                Ok(OperationOutcome::Cached(document.under_own_alias(cached)))
            }
            Some(SharedResponse::Error(response, text)) if text == document.text => {
                Ok(OperationOutcome::Response(Box::new(with_request_id(&response, &operation_request.request_id))))
            }
            // Error locations refer to a document with another layout, so the operation is executed for this one.
            Some(SharedResponse::Error(..)) => {
                let (request, limit_report) = self.prepare(&document, operation, &operation_request).await?;
                Ok(self.execute(&document, operation, request, operation_request, limit_report).await)
            }
            None => Err(RequestRejection::internal_error()),
        }
    }

    async fn execute(
        &self,
        document: &ParsedDocument,
        operation: &ParsedOperation,
        request: async_graphql::Request,
        operation_request: OperationRequest,
        limit_report: LimitReport,
    ) -> OperationOutcome {
        if operation.operation_type == OperationType::Subscription {
            return OperationOutcome::Stream(observe_stream(
                self.api().stream(request, operation_request.viewer, &operation_request.request_id),
                &operation_request.request_id,
            ));
        }
        let mut response = self
            .api_for(document, operation)
            .execute(request, operation_request.viewer, &operation_request.request_id)
            .await;
        document.record_execution(&response);
        limit_report.add_extensions(&operation_request.params, &mut response);
        OperationOutcome::Response(Box::new(response))
    }

    /// Skips validation for documents that passed it before and whose variables are fully checked.
    fn api_for(&self, document: &ParsedDocument, operation: &ParsedOperation) -> Arc<Api> {
        let is_validated = operation.has_checked_variables && document.is_valid();
        if is_validated { Arc::new(self.api().trusting()) } else { self.api() }
    }

    async fn resolve_text(&self, params: &RequestParams) -> Result<Arc<str>, RequestRejection> {
        self.persisted.resolve(params.query.clone(), &params.extensions).await.map_err(|why| match why {
            OperationLookupError::NotFound => RequestRejection::persisted_query_not_found(),
            other => RequestRejection::bad_request(other.to_string()),
        })
    }

    /// Returns the cached response of a validated document with the same signature, for a text that was not parsed yet.
    fn find_cached_by_signature(
        &self,
        text: &Arc<str>,
        operation_request: &OperationRequest,
        observer: &mut OperationObserver,
    ) -> Option<CachedResponse> {
        let response_cache = self.response_cache.as_ref()?;
        let (document, alias) = self.documents.get_by_signature(text)?;
        let operation = document.select_operation(operation_request.params.operation_name.as_deref()).ok()?;
        let cached = response_cache.get(&response_key(&document, operation, operation_request)?)?;
        observer.set_operation(operation.operation_type, operation.name.as_ref().map(Name::as_str));
        Some(cached.with_root_key(alias.as_deref()))
    }

    async fn prepare(
        &self,
        document: &ParsedDocument,
        operation: &ParsedOperation,
        operation_request: &OperationRequest,
    ) -> Result<(async_graphql::Request, LimitReport), RequestRejection> {
        let params = &operation_request.params;
        if !operation_request.allowed_types.contains(&operation.operation_type) {
            return Err(RequestRejection::method_not_allowed());
        }
        if operation.size.introspects
            && !self.limits().introspection
            && !operation_request.viewer.has_scope(Scope::Admin)
        {
            return Err(RequestRejection::introspection_forbidden());
        }
        let definition = document.definition(operation)?;
        self.types
            .check(&definition.node, &params.variables)
            .map_err(|invalid| RequestRejection::invalid_variables(invalid.to_string()))?;
        let limit_report =
            self.check_limits(operation_request, &document.ast, &definition.node, &operation.size).await?;
        let mut request = async_graphql::Request::new("")
            .variables(Variables::from_json(serde_json::Value::Object(params.variables.clone())));
        if let Some(name) = &operation.name {
            request = request.operation_name(name.to_string());
        }
        if operation.is_writable {
            request = request.data(RawJson);
        }
        request.set_parsed_query(document.ast.clone());
        Ok((request, limit_report))
    }

    /// Checks the operation against all limits. Rejects it if one is exceeded, unless limits only warn.
    async fn check_limits(
        &self,
        operation_request: &OperationRequest,
        document: &ExecutableDocument,
        operation: &OperationDefinition,
        size: &OperationSize,
    ) -> Result<LimitReport, RequestRejection> {
        let (api, limits) = (self.api(), self.limits());
        let mut limit_report = LimitReport::new(limits.warn_only);
        limit_report.check_limit(limits.check(size))?;
        limit_report.check_limit(limits.check_lists(&operation_request.params.variables))?;
        // An operation beyond the size limits is too large for a cost estimate.
        if limit_report.is_within_limits() {
            let estimated = api.estimate(document, operation, &operation_request.params.variables);
            limit_report.check_cost(OperationCost { estimated, limit: limits.vendor_calls })?;
            if let Some(limit) = limits.vendor_calls_per_minute {
                let calls = u32::try_from(estimated).unwrap_or(u32::MAX);
                limit_report.check_rate_limit(
                    self.rate_limiter.count_calls(&operation_request.viewer.id, calls, limit).await,
                )?;
            }
        }
        Ok(limit_report)
    }

    fn parsed_document(&self, text: &Arc<str>) -> Result<Arc<ParsedDocument>, RequestRejection> {
        if let Some(cached_document) = self.documents.get(text) {
            return Ok(cached_document);
        }
        let schema = self.response_cache.is_some().then_some(&self.schema);
        let document = Arc::new(ParsedDocument::parse(text, &self.limits(), &self.types, schema)?);
        self.documents.insert(&document);
        Ok(document)
    }
}

/// Creates an empty body index.
fn new_body_index() -> BodyIndex {
    Cache::with_weighter(DEFAULT_CACHED_DOCUMENTS, MAX_INDEXED_BODY_BYTES, BodyWeighter)
}

/// Returns the key of a cacheable response, or `None` if the response must not be shared.
fn response_key(
    document: &ParsedDocument,
    operation: &ParsedOperation,
    operation_request: &OperationRequest,
) -> Option<Arc<ResponseKey>> {
    let params = &operation_request.params;
    let cacheable = operation.cacheable.as_ref()?;
    // Requests with other extensions get a response of their own.
    let is_plain = params.extensions.keys().all(|name| name == "persistedQuery");
    if !is_plain || !cacheable.allows_variables(&params.variables) {
        return None;
    }
    let variables =
        if params.variables.is_empty() { String::new() } else { serde_json::to_string(&params.variables).ok()? };
    let operation_name = operation.name.as_ref().map(|name| Arc::from(name.as_str()));
    let operation_key = Arc::new(OperationKey { document: document.signature.digest, operation_name, variables });
    Some(Arc::new(ResponseKey { operation: operation_key, partition: CachePartition::of(&operation_request.viewer) }))
}
