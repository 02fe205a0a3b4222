//! Entry point of the schema: takes a request and a viewer, returns a response or a stream of responses.

use std::sync::Arc;

use async_graphql::{Request, Response};
use async_graphql_parser::types::{ExecutableDocument, OperationDefinition};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use serde_json::Map;

use crate::graphql::base::cache_validity::{CacheValidity, Invalidations};
use crate::graphql::base::cost::CostEstimator;
use crate::graphql::base::ctx::{Ctx, Services};
use crate::graphql::base::viewer::Viewer;
use crate::graphql::schema::{ApiSchema, Limits, build, build_prevalidated, execute, finalize, sdl};

/// The schema and the services that its resolvers use. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    schema: ApiSchema,
    prevalidated: ApiSchema,
    services: Arc<Services>,
    invalidations: Option<Arc<dyn Invalidations>>,
    estimator: Arc<CostEstimator>,
    sdl: Arc<str>,
}

impl Api {
    /// Creates the schema over a set of services.
    ///
    /// # Panics
    ///
    /// If the schema's own SDL cannot be parsed, which every test would reveal.
    pub fn new(limits: &Limits, services: Arc<Services>) -> Self {
        let sdl: Arc<str> = sdl().into();
        let estimator = CostEstimator::new(&sdl, &services.catalog).expect("the generated SDL");
        let (schema, prevalidated) = (build(limits), build_prevalidated(limits));
        Self { schema, prevalidated, services, invalidations: None, estimator: Arc::new(estimator), sdl }
    }

    /// Returns a copy that skips validation, for documents that were validated before. The caller must check the values
    /// of the variables.
    #[must_use]
    pub fn trusting(&self) -> Self {
        Self { schema: self.prevalidated.clone(), ..self.clone() }
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

    /// Returns the largest number of source calls that an operation can cause.
    pub fn estimate(
        &self,
        document: &ExecutableDocument,
        operation: &OperationDefinition,
        variables: &Map<String, serde_json::Value>,
    ) -> u64 {
        self.estimator.estimate_calls(document, operation, variables)
    }

    /// Returns the schema as SDL.
    pub fn sdl(&self) -> Arc<str> {
        Arc::clone(&self.sdl)
    }

    /// Executes a query or a mutation.
    pub async fn execute(&self, request: Request, viewer: Arc<Viewer>, request_id: &str) -> Response {
        execute(&self.schema, request, self.new_ctx(viewer, request_id)).await
    }

    /// Executes a query or a mutation and returns the response with its cache validity, if it is cacheable.
    pub async fn execute_cacheable(
        &self,
        request: Request,
        viewer: Arc<Viewer>,
        request_id: &str,
    ) -> (Response, Option<CacheValidity>) {
        // Read before any fact is loaded, so that a later invalidation discards the response.
        let epoch = self.epoch();
        let ctx = self.new_ctx(viewer, request_id);
        let response = execute(&self.schema, request, Arc::clone(&ctx)).await;
        let is_complete = response.errors.is_empty() && response.extensions.is_empty();
        let invalidations = self.invalidations.as_ref().filter(|_| is_complete).zip(epoch);
        let validity = invalidations.and_then(|(invalidations, epoch)| {
            ctx.dependencies.cache_validity(invalidations, self.services.catalog.clock(), epoch)
        });
        (response, validity)
    }

    /// Starts a subscription. The stream yields one response per event.
    pub fn stream(&self, request: Request, viewer: Arc<Viewer>, request_id: &str) -> BoxStream<'static, Response> {
        let ctx = self.new_ctx(viewer, request_id);
        let responses = self.schema.execute_stream(request.data(Arc::clone(&ctx)));
        responses.map(move |response| finalize(response, &ctx)).boxed()
    }

    fn new_ctx(&self, viewer: Arc<Viewer>, request_id: &str) -> Arc<Ctx> {
        Arc::new(Ctx::new(&self.services, viewer, request_id.into()))
    }
}
