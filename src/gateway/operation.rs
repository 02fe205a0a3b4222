//! One operation: its request and its outcome.

use std::sync::Arc;

use async_graphql::{Response, ServerError};
use axum::body::Bytes;
use futures_util::stream::BoxStream;

use crate::gateway::params::RequestParams;
use crate::gateway::rejection::RequestRejection;
use crate::gateway::response_cache::CachedResponse;
use crate::graphql::base::deferred::DeferredResults;
use crate::graphql::base::viewer::Viewer;
use crate::graphql::operation::OperationType;

/// Operation types allowed by POST and over WebSocket.
pub const ALL_OPERATION_TYPES: &[OperationType] =
    &[OperationType::Query, OperationType::Mutation, OperationType::Subscription];
/// Operation types allowed by GET.
pub const QUERIES_ONLY: &[OperationType] = &[OperationType::Query];
/// Operation types allowed by GET with server-sent events. A subscription is safe, too.
pub const QUERIES_AND_SUBSCRIPTIONS: &[OperationType] = &[OperationType::Query, OperationType::Subscription];

/// One operation that a client requests.
pub struct OperationRequest {
    /// GraphQL parameters.
    pub params: RequestParams,
    /// Bytes of the body, if it contained only these parameters.
    pub body: Option<Bytes>,
    /// Identity of the caller.
    pub viewer: Arc<Viewer>,
    /// Id of the request.
    pub request_id: String,
    /// Allowed operation types; by GET only safe ones.
    pub allowed_types: &'static [OperationType],
    /// Deferred fragments may be delivered after the initial response.
    pub accepts_deferred: bool,
}

/// Result of one operation.
pub enum OperationOutcome {
    /// A query or mutation was executed, or its execution could not start.
    Response(Box<Response>),
    /// A query was served as bytes, without errors.
    Cached(CachedResponse),
    /// A query whose deferred fragments follow the initial response.
    Deferred(Box<Response>, DeferredResults),
    /// A subscription started, with one response per event.
    Stream(BoxStream<'static, Response>),
    /// The operation was rejected and not executed.
    Rejected(RequestRejection),
}

impl From<RequestRejection> for OperationOutcome {
    fn from(rejection: RequestRejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl OperationOutcome {
    /// The document does not match the schema.
    pub fn invalid(mut errors: Vec<ServerError>, request_id: &str) -> Self {
        for error in &mut errors {
            error.extensions.get_or_insert_default().set("requestId", request_id);
        }
        Self::Response(Box::new(Response::from_errors(errors)))
    }
}
