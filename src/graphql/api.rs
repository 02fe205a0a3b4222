//! The way into the schema for whoever serves it: a request and a viewer in, an answer or a stream of answers out.

use std::sync::Arc;

use async_graphql::{Request, Response};
use async_graphql_parser::types::{ExecutableDocument, OperationDefinition};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use serde_json::Map;

use crate::graphql::cost::Estimator;
use crate::graphql::ctx::{Ctx, Services};
use crate::graphql::promise::{Promise, Truth};
use crate::graphql::schema::{ApiSchema, Limits, build, build_trusting, execute, finish, sdl};
use crate::graphql::viewer::Viewer;

/// The schema and what its resolvers reach. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    schema: ApiSchema,
    trusting: ApiSchema,
    services: Arc<Services>,
    truth: Option<Arc<dyn Truth>>,
    estimator: Arc<Estimator>,
    sdl: Arc<str>,
}

impl Api {
    /// A schema over services.
    ///
    /// # Panics
    ///
    /// Where the schema's own text cannot be read back: a mistake of ours that every test would meet.
    pub fn new(limits: &Limits, services: Arc<Services>) -> Self {
        let sdl: Arc<str> = sdl().into();
        let estimator = Estimator::new(&sdl, &services.federation).expect("the schema's own text");
        let (schema, trusting) = (build(limits), build_trusting(limits));
        Self { schema, trusting, services, truth: None, estimator: Arc::new(estimator), sdl }
    }

    /// The same for a document that has run before: it is not validated once more. The values of its variables have to be checked
    /// by the caller.
    #[must_use]
    pub fn trusting(&self) -> Self {
        Self { schema: self.trusting.clone(), ..self.clone() }
    }

    /// The same with somebody who tells what has become untrue: without, no answer is promised for any time.
    #[must_use]
    pub fn with_truth(self, truth: Arc<dyn Truth>) -> Self {
        Self { truth: Some(truth), ..self }
    }

    /// The present moment of what becomes untrue; none where nobody tells.
    pub fn moment(&self) -> Option<u64> {
        self.truth.as_ref().map(|truth| truth.moment())
    }

    /// The calls of sources that an operation causes at most.
    pub fn estimate(
        &self,
        document: &ExecutableDocument,
        operation: &OperationDefinition,
        variables: &Map<String, serde_json::Value>,
    ) -> u64 {
        self.estimator.calls(document, operation, variables)
    }

    /// The schema as text.
    pub fn sdl(&self) -> Arc<str> {
        Arc::clone(&self.sdl)
    }

    /// Runs a query or a mutation.
    pub async fn execute(&self, request: Request, viewer: Arc<Viewer>, request_id: &str) -> Response {
        execute(&self.schema, request, self.surround(viewer, request_id)).await
    }

    /// Runs a query or a mutation, and says for how long its answer may be told again.
    pub async fn execute_for(
        &self,
        request: Request,
        viewer: Arc<Viewer>,
        request_id: &str,
    ) -> (Response, Option<Promise>) {
        // Before anything is read: what becomes untrue from here on makes the answer void.
        let asked_at = self.moment();
        let ctx = self.surround(viewer, request_id);
        let response = execute(&self.schema, request, Arc::clone(&ctx)).await;
        let is_whole = response.errors.is_empty() && response.extensions.is_empty();
        let truth = self.truth.as_ref().filter(|_| is_whole).zip(asked_at);
        let promise = truth.and_then(|(truth, at)| ctx.trace.promise(truth, self.services.federation.clock(), at));
        (response, promise)
    }

    /// Begins a subscription; one response an event.
    pub fn stream(&self, request: Request, viewer: Arc<Viewer>, request_id: &str) -> BoxStream<'static, Response> {
        let ctx = self.surround(viewer, request_id);
        let answers = self.schema.execute_stream(request.data(Arc::clone(&ctx)));
        answers.map(move |answer| finish(answer, &ctx)).boxed()
    }

    fn surround(&self, viewer: Arc<Viewer>, request_id: &str) -> Arc<Ctx> {
        Arc::new(Ctx::new(&self.services, viewer, request_id.into()))
    }
}
