//! Entry point of the schema: takes a lowered operation and a viewer, returns a response or a stream of responses.

use std::sync::Arc;

use async_graphql::{Request, Response, Value};
use async_graphql_parser::types::OperationType;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::graphql::base::cache_validity::{CacheValidity, Invalidations};
use crate::graphql::base::callers::CallerRegistry;
use crate::graphql::base::cost::CostEstimator;
use crate::graphql::base::ctx::{Ctx, Services};
use crate::graphql::base::deferred::{DeferredPass, DeferredResult, DeferredResults, RunningPass};
use crate::graphql::base::viewer::Viewer;
use crate::graphql::json_writer::{RawJson, has_merged_objects};
use crate::graphql::operation::{DeferredOperation, DeferredPart, LoweredOperation, ServedSchema};
use crate::graphql::schema::{ApiSchema, build, finalize, sdl, too_many_fields};

/// The schema and the services that its resolvers use. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    schema: ApiSchema,
    served: ServedSchema,
    services: Arc<Services>,
    invalidations: Option<Arc<dyn Invalidations>>,
    estimator: Arc<CostEstimator>,
    sdl: Arc<str>,
    response_fields: u64,
    callers: Arc<CallerRegistry>,
    cache_tags: bool,
}

/// Settings of the schema.
#[derive(Debug, Clone, Copy)]
pub struct ApiSettings {
    /// Errors name existing types, fields and values.
    pub suggestions: bool,
    /// Largest number of fields of one response.
    pub response_fields: u64,
}

impl Api {
    /// Creates the schema over a set of services.
    ///
    /// # Panics
    ///
    /// If the generated SDL is not valid, which every test would reveal.
    pub fn new(settings: ApiSettings, services: Arc<Services>) -> Self {
        let ApiSettings { suggestions, response_fields } = settings;
        let served = ServedSchema::new(suggestions);
        let estimator = Arc::new(CostEstimator::new(served, &services.catalog));
        let callers = Arc::default();
        let (schema, sdl) = (build(), sdl().into());
        Self {
            schema,
            served,
            services,
            invalidations: None,
            estimator,
            sdl,
            response_fields,
            callers,
            cache_tags: false,
        }
    }

    /// Returns a copy that reads the use of callers from this registry.
    #[must_use]
    pub fn with_callers(self, callers: Arc<CallerRegistry>) -> Self {
        Self { callers, ..self }
    }

    /// Returns a copy whose SDL as a subgraph has `@cacheTag`, for the response caches of federation routers, or has not.
    #[must_use]
    pub fn with_cache_tags(self, cache_tags: bool) -> Self {
        Self { cache_tags, ..self }
    }

    /// Returns a copy that reports the cache validity of responses. Without it no response is cacheable.
    #[must_use]
    pub fn with_invalidations(self, invalidations: Arc<dyn Invalidations>) -> Self {
        Self { invalidations: Some(invalidations), ..self }
    }

    /// Returns the current invalidation epoch, or `None` if invalidations are not tracked.
    pub fn epoch(&self) -> Option<u64> {
        self.invalidations.as_ref().map(|invalidations| invalidations.epoch())
    }

    /// Returns the schema that documents are validated against.
    pub fn served_schema(&self) -> ServedSchema {
        self.served
    }

    /// Returns the largest number of source calls that an operation can cause.
    pub fn estimate(&self, operation: &LoweredOperation) -> u64 {
        self.estimator.estimate_calls(operation.operation())
    }

    /// Returns the number of fields of an operation's response if every page is full.
    pub fn complexity(&self, operation: &LoweredOperation) -> u64 {
        self.estimator.estimate_complexity(operation.operation())
    }

    /// Returns the schema as SDL.
    pub fn sdl(&self) -> Arc<str> {
        Arc::clone(&self.sdl)
    }

    /// Executes a query or a mutation. Lists in the response may be raw JSON: serialize it with
    /// [`to_json`](crate::graphql::json_writer::to_json).
    pub async fn execute(&self, operation: LoweredOperation, viewer: Arc<Viewer>, request_id: &str) -> Response {
        self.run(operation, &self.new_ctx(viewer, request_id)).await
    }

    /// Executes a query and returns the response with its cache validity, if it is cacheable.
    pub async fn execute_cacheable(
        &self,
        operation: LoweredOperation,
        viewer: Arc<Viewer>,
        request_id: &str,
    ) -> (Response, Option<CacheValidity>) {
        // Read before any fact is loaded, so that a later invalidation discards the response.
        let epoch = self.epoch();
        let ctx = self.new_ctx(viewer, request_id);
        let response = self.run(operation, &ctx).await;
        let is_complete = response.errors.is_empty() && response.extensions.is_empty();
        let invalidations = self.invalidations.as_ref().filter(|_| is_complete).zip(epoch);
        let validity = invalidations.and_then(|(invalidations, epoch)| {
            ctx.dependencies.cache_validity(invalidations, self.services.catalog.clock(), epoch)
        });
        (response, validity)
    }

    /// Starts a subscription. The stream yields one response per event.
    pub fn stream(
        &self,
        operation: LoweredOperation,
        viewer: Arc<Viewer>,
        request_id: &str,
    ) -> BoxStream<'static, Response> {
        let ctx = self.new_ctx(viewer, request_id);
        let responses = self.schema.execute_stream(operation.into_request().data(Arc::clone(&ctx)));
        responses.map(move |response| finalize(response, &ctx)).boxed()
    }

    /// Executes a query with deferred fragments: returns the initial response, and the results that follow it.
    pub async fn execute_deferred(
        &self,
        operation: DeferredOperation,
        viewer: Arc<Viewer>,
        request_id: &str,
    ) -> (Response, Option<DeferredResults>) {
        let ctx = self.new_ctx(viewer, request_id);
        let initial = self.run(operation.initial, &ctx).await;
        if initial.data == Value::Null {
            return (initial, None);
        }
        let (results, receiver) = unbounded_channel();
        let passes = operation
            .fragments
            .into_iter()
            .map(|fragment| deliver_fragment(self.schema.clone(), fragment, Arc::clone(&ctx), results.clone()));
        let deferred = DeferredResults::start(passes.collect::<Vec<_>>(), receiver);
        (initial, Some(deferred))
    }

    async fn run(&self, operation: LoweredOperation, ctx: &Arc<Ctx>) -> Response {
        let allows_raw_json =
            operation.operation().ty == OperationType::Query && !has_merged_objects(operation.operation());
        let request: Request = operation.into_request().data(Arc::clone(ctx));
        let request = if allows_raw_json { request.data(RawJson) } else { request };
        finalize(self.schema.execute(request).await, ctx)
    }

    fn new_ctx(&self, viewer: Arc<Viewer>, request_id: &str) -> Arc<Ctx> {
        let ctx = Ctx::new(&self.services, viewer, request_id.into(), self.response_fields);
        Arc::new(ctx.with_callers(Arc::clone(&self.callers)).with_cache_tags(self.cache_tags))
    }
}

/// Executes a deferred fragment and delivers its results.
async fn deliver_fragment(
    schema: ApiSchema,
    fragment: DeferredPart,
    ctx: Arc<Ctx>,
    results: UnboundedSender<DeferredResult>,
) {
    let label = fragment.label.map(Arc::from);
    let RunningPass(pass) = &RunningPass(Arc::new(DeferredPass::new(label, fragment.roots, results)));
    let request = fragment.operation.into_request().data(Arc::clone(&ctx)).data(Arc::clone(pass));
    let executed = schema.execute(request).await;
    if ctx.budget.is_exceeded() {
        pass.deliver(&ctx, Vec::new(), Value::Null, vec![too_many_fields(ctx.budget.limit())]);
    } else if pass.is_at_root() {
        pass.deliver(&ctx, Vec::new(), executed.data, executed.errors);
    }
}
