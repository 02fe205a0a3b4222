//! Requests that are not run at all: each has a status, a code from the closed list, and a text of ours.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::server::precheck::TooHeavy;

/// Why nothing ran.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// `extensions.code`.
    pub code: &'static str,
    /// For people.
    pub message: String,
    /// Places in the document.
    pub locations: Vec<(usize, usize)>,
    /// How long to wait, in seconds.
    pub retry_after: Option<u64>,
    /// A well-formed request whose document or variables are wrong: `application/json` answers such ones with 200.
    pub is_well_formed: bool,
}

impl Refusal {
    /// A refusal with a status and a code.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), locations: Vec::new(), retry_after: None, is_well_formed: false }
    }

    /// Parameters that cannot be read, or that name nothing.
    pub fn bad_request(message: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }

    /// An operation that is registered nowhere: clients send its text along next time.
    pub fn persisted_query_not_found() -> Self {
        Self {
            is_well_formed: true,
            ..Self::new(StatusCode::OK, "PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")
        }
    }

    /// Something other than a query by GET.
    pub fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "METHOD_NOT_ALLOWED",
            "only queries may be sent by GET: send it by POST",
        )
    }

    /// Variables that do not fit their types.
    pub fn bad_variables(message: String) -> Self {
        Self { is_well_formed: true, ..Self::new(StatusCode::BAD_REQUEST, "BAD_USER_INPUT", message) }
    }

    /// A document beyond a limit.
    pub fn too_heavy(heavy: &TooHeavy) -> Self {
        Self { is_well_formed: true, ..Self::new(StatusCode::BAD_REQUEST, "OPERATION_TOO_LARGE", heavy.to_string()) }
    }

    /// An answer that was being made and never came: a mistake of ours, or far too late.
    pub fn lost() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", "an internal error")
    }

    /// A document that cannot be parsed. The parser's drawing of the place is left out: its line and column say as much.
    pub fn syntax(fault: &async_graphql_parser::Error) -> Self {
        let locations = fault.positions().map(|place| (place.line, place.column)).collect();
        let message = match fault {
            async_graphql_parser::Error::Syntax { .. } => "the document cannot be parsed".to_owned(),
            other => other.to_string(),
        };
        Self { is_well_formed: true, locations, ..Self::new(StatusCode::BAD_REQUEST, "GRAPHQL_PARSE_FAILED", message) }
    }

    /// The refusal as a whole answer.
    pub fn to_body(&self, request_id: &str) -> String {
        json!({ "errors": [self.to_error(request_id)] }).to_string()
    }

    /// The refusal as one GraphQL error.
    pub fn to_error(&self, request_id: &str) -> Value {
        let mut error = json!({
            "message": self.message,
            "extensions": { "code": self.code, "retryable": self.retry_after.is_some(), "requestId": request_id },
        });
        if let Some(seconds) = self.retry_after {
            error["extensions"]["retryAfterMs"] = json!(seconds * 1000);
        }
        if !self.locations.is_empty() {
            let places: Vec<Value> =
                self.locations.iter().map(|(line, column)| json!({"line": line, "column": column})).collect();
            error["locations"] = places.into();
        }
        error
    }
}
