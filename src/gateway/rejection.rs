//! Rejected requests: HTTP status, error code of the closed list, and message.

use async_graphql::Pos;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::gateway::operation_limits::LimitExceeded;
use crate::gateway::rate_limiter::RateLimitStatus;
use crate::graphql::ErrorCode;

/// Returns the response to an unknown path.
pub(super) fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "not found; the API is at /graphql\n").into_response()
}

/// Estimated vendor calls of one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperationCost {
    /// Upper estimate.
    pub estimated: u64,
    /// Allowed number.
    pub limit: u64,
}

impl OperationCost {
    /// Returns the value of `extensions.cost`.
    pub fn to_json(self) -> Value {
        json!({ "estimated": self.estimated, "limit": self.limit })
    }
}

/// A request that was rejected before execution.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestRejection {
    /// HTTP status.
    pub status: StatusCode,
    /// `extensions.code`.
    pub code: ErrorCode,
    /// Message for people.
    pub message: String,
    /// Line and column in the document.
    pub locations: Vec<(usize, usize)>,
    /// Estimated and allowed vendor calls, if the cost is the reason.
    pub cost: Option<OperationCost>,
    /// Rate limit status, if it is the reason.
    pub rate_limit_status: Option<RateLimitStatus>,
    /// Time to wait, in seconds.
    pub retry_after: Option<u64>,
    /// The request is well-formed, but its document or variables are not valid: the status is 200 under
    /// `application/json`.
    pub is_well_formed: bool,
}

impl RequestRejection {
    /// Creates a rejection with a status and a code.
    pub fn new(status: StatusCode, code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            locations: Vec::new(),
            cost: None,
            rate_limit_status: None,
            retry_after: None,
            is_well_formed: false,
        }
    }

    /// The parameters cannot be parsed or do not name an operation.
    pub fn bad_request(message: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, message)
    }

    /// The persisted operation is unknown; clients then send its text.
    pub fn persisted_query_not_found() -> Self {
        Self {
            is_well_formed: true,
            ..Self::new(StatusCode::OK, ErrorCode::PersistedQueryNotFound, "PersistedQueryNotFound")
        }
    }

    /// An operation other than a query by GET.
    pub fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            ErrorCode::MethodNotAllowed,
            "only queries may be sent by GET: use POST",
        )
    }

    /// The caller may not read the schema.
    pub fn introspection_forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, ErrorCode::Forbidden, "introspection is not allowed for this caller")
    }

    /// The caller may not use `extensions.explain`.
    pub fn explain_forbidden() -> Self {
        let text = "`extensions.explain` is for callers with the scope `admin`";
        Self::new(StatusCode::FORBIDDEN, ErrorCode::Forbidden, text)
    }

    /// The variables do not match their types.
    pub fn invalid_variables(message: String) -> Self {
        Self { is_well_formed: true, ..Self::new(StatusCode::BAD_REQUEST, ErrorCode::BadUserInput, message) }
    }

    /// The operation exceeds a size limit.
    pub fn limit_exceeded(exceeded: &LimitExceeded) -> Self {
        Self {
            is_well_formed: true,
            ..Self::new(StatusCode::BAD_REQUEST, ErrorCode::OperationTooLarge, exceeded.to_string())
        }
    }

    /// The document exceeds a limit of the parser, which stops there.
    pub fn parser_limit_exceeded(what: &str, limit: usize) -> Self {
        let message = format!("the document has more than {limit} {what}");
        Self { is_well_formed: true, ..Self::new(StatusCode::BAD_REQUEST, ErrorCode::OperationTooLarge, message) }
    }

    /// The operation reads lists of the schema inside each other, deeper than graphql-js allows
    /// (MaxIntrospectionDepthRule).
    pub fn nested_introspection() -> Self {
        let message = "the operation nests lists of the schema more than 3 levels deep";
        Self { is_well_formed: true, ..Self::new(StatusCode::BAD_REQUEST, ErrorCode::OperationTooLarge, message) }
    }

    /// The operation may cause too many vendor calls.
    pub fn cost_exceeded(cost: OperationCost) -> Self {
        let message = format!(
            "the operation may cause {} vendor calls; {} are allowed: request fewer rows or levels",
            cost.estimated, cost.limit
        );
        let rejection = Self::new(StatusCode::BAD_REQUEST, ErrorCode::OperationTooCostly, message);
        Self { is_well_formed: true, cost: Some(cost), ..rejection }
    }

    /// The caller has exceeded its rate limit.
    pub fn rate_limited(message: &str, rate_limit_status: &RateLimitStatus) -> Self {
        Self {
            retry_after: Some(rate_limit_status.resets_in),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, ErrorCode::RateLimited, message)
        }
    }

    /// Too many requests in flight; the client may retry after a second.
    pub fn overloaded() -> Self {
        let (status, code) = (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Overloaded);
        Self { retry_after: Some(1), ..Self::new(status, code, code.message()) }
    }

    /// The operation did not finish in time; the client may retry after a second.
    pub fn request_timeout() -> Self {
        let (status, code) = (StatusCode::GATEWAY_TIMEOUT, ErrorCode::RequestTimeout);
        Self { retry_after: Some(1), ..Self::new(status, code, code.message()) }
    }

    /// The ledger does not respond; the client may retry after a second.
    pub fn ledger_unavailable() -> Self {
        let (status, code) = (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::LedgerUnavailable);
        Self { retry_after: Some(1), ..Self::new(status, code, code.message()) }
    }

    /// The body did not arrive in time.
    pub fn body_timeout() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, ErrorCode::BadRequest, "the body did not arrive in time")
    }

    /// The shared execution was abandoned or panicked.
    pub fn internal_error() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal, "an internal error")
    }

    /// The document has a syntax error.
    pub fn syntax_error(message: &str, position: Option<Pos>) -> Self {
        Self {
            is_well_formed: true,
            locations: position.into_iter().map(|at| (at.line, at.column)).collect(),
            ..Self::new(StatusCode::BAD_REQUEST, ErrorCode::GraphqlParseFailed, message.to_owned())
        }
    }

    /// Serializes the rejection as a response body.
    pub fn to_body(&self, request_id: &str) -> String {
        json!({ "errors": [self.to_error(request_id)] }).to_string()
    }

    /// Serializes the rejection as a GraphQL error.
    pub fn to_error(&self, request_id: &str) -> Value {
        let mut error = json!({
            "message": self.message,
            "extensions": { "code": self.code.as_str(), "retryable": self.retry_after.is_some(), "requestId": request_id },
        });
        if let Some(seconds) = self.retry_after {
            error["extensions"]["retryAfterMs"] = json!(seconds * 1000);
        }
        if let Some(cost) = &self.cost {
            error["extensions"]["cost"] = cost.to_json();
        }
        if !self.locations.is_empty() {
            let positions: Vec<Value> =
                self.locations.iter().map(|(line, column)| json!({"line": line, "column": column})).collect();
            error["locations"] = positions.into();
        }
        error
    }
}
