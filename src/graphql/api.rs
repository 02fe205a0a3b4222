//! The way into the schema for whoever serves it: a request and a viewer in, an answer or a stream of answers out.

use std::sync::Arc;

use async_graphql::{Request, Response};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;

use crate::graphql::ctx::{Ctx, Services};
use crate::graphql::schema::{ApiSchema, Limits, build, execute, finish, sdl};
use crate::graphql::viewer::Viewer;

/// The schema and what its resolvers reach. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    schema: ApiSchema,
    services: Arc<Services>,
}

impl Api {
    /// A schema over services.
    pub fn new(limits: &Limits, services: Arc<Services>) -> Self {
        Self { schema: build(limits), services }
    }

    /// The schema as text.
    pub fn sdl(&self) -> String {
        sdl()
    }

    /// Runs a query or a mutation.
    pub async fn execute(&self, request: Request, viewer: Arc<Viewer>, request_id: &str) -> Response {
        execute(&self.schema, request, self.surround(viewer, request_id)).await
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
