//! Requests that are not run at all: each has a status, a code from the closed list, and a text of ours.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::gateway::pace::Standing;
use crate::gateway::precheck::TooHeavy;
use crate::graphql::Code;

/// The vendor calls of one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// How many it causes at most.
    pub estimated: u64,
    /// How many it may cause.
    pub limit: u64,
}

impl Cost {
    /// As `extensions.cost` tells it.
    pub fn to_json(self) -> Value {
        json!({ "estimated": self.estimated, "limit": self.limit })
    }
}

/// Why nothing ran.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// `extensions.code`.
    pub code: Code,
    /// For people.
    pub message: String,
    /// Places in the document.
    pub locations: Vec<(usize, usize)>,
    /// The vendor calls that the operation was estimated to cause, and what is allowed.
    pub cost: Option<Cost>,
    /// Where the caller stands in its minute, where that is why.
    pub standing: Option<Standing>,
    /// How long to wait, in seconds.
    pub retry_after: Option<u64>,
    /// A well-formed request whose document or variables are wrong: `application/json` answers such ones with 200.
    pub is_well_formed: bool,
}

impl Refusal {
    /// A refusal with a status and a code.
    pub fn new(status: StatusCode, code: Code, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            locations: Vec::new(),
            cost: None,
            standing: None,
            retry_after: None,
            is_well_formed: false,
        }
    }

    /// Parameters that cannot be read, or that name nothing.
    pub fn bad_request(message: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Code::BadRequest, message)
    }

    /// An operation that is registered nowhere: clients send its text along next time.
    pub fn persisted_query_not_found() -> Self {
        Self {
            is_well_formed: true,
            ..Self::new(StatusCode::OK, Code::PersistedQueryNotFound, "PersistedQueryNotFound")
        }
    }

    /// Something other than a query by GET.
    pub fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            Code::MethodNotAllowed,
            "only queries may be sent by GET: send it by POST",
        )
    }

    /// A caller that may not read the schema.
    pub fn schema_not_told() -> Self {
        Self::new(StatusCode::FORBIDDEN, Code::Forbidden, "the schema is not told to this caller")
    }

    /// A caller that may not know how its answers come about.
    pub fn not_explained() -> Self {
        let text = "`extensions.explain` is for callers with the scope `admin`";
        Self::new(StatusCode::FORBIDDEN, Code::Forbidden, text)
    }

    /// Variables that do not fit their types.
    pub fn bad_variables(message: String) -> Self {
        Self { is_well_formed: true, ..Self::new(StatusCode::BAD_REQUEST, Code::BadUserInput, message) }
    }

    /// A document beyond a limit.
    pub fn too_heavy(heavy: &TooHeavy) -> Self {
        Self { is_well_formed: true, ..Self::new(StatusCode::BAD_REQUEST, Code::OperationTooLarge, heavy.to_string()) }
    }

    /// An operation that would call the vendors too often.
    pub fn too_costly(cost: Cost) -> Self {
        let message = format!(
            "the operation may cause {} vendor calls; {} are allowed: ask for fewer rows or levels",
            cost.estimated, cost.limit
        );
        let refusal = Self::new(StatusCode::BAD_REQUEST, Code::OperationTooCostly, message);
        Self { is_well_formed: true, cost: Some(cost), ..refusal }
    }

    /// A caller that asks too much in this minute.
    pub fn rate_limited(message: &str, standing: &Standing) -> Self {
        Self {
            retry_after: Some(standing.resets_in),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, Code::RateLimited, message)
        }
    }

    /// More requests at once than there is room for. It may work in a second.
    pub fn overloaded() -> Self {
        let (status, code) = (StatusCode::SERVICE_UNAVAILABLE, Code::Overloaded);
        Self { retry_after: Some(1), ..Self::new(status, code, code.message()) }
    }

    /// A body that did not come to its end in time.
    pub fn cut_off() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, Code::BadRequest, "the body did not come to its end in time")
    }

    /// An answer that was being made and never came: a mistake of ours, or far too late.
    pub fn lost() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, Code::Internal, "an internal error")
    }

    /// A document that cannot be parsed. The parser's drawing of the place is left out: its line and column say as much.
    pub fn syntax(fault: &async_graphql_parser::Error) -> Self {
        let locations = fault.positions().map(|place| (place.line, place.column)).collect();
        let message = match fault {
            async_graphql_parser::Error::Syntax { .. } => "the document cannot be parsed".to_owned(),
            other => other.to_string(),
        };
        Self {
            is_well_formed: true,
            locations,
            ..Self::new(StatusCode::BAD_REQUEST, Code::GraphqlParseFailed, message)
        }
    }

    /// The refusal as a whole answer.
    pub fn to_body(&self, request_id: &str) -> String {
        json!({ "errors": [self.to_error(request_id)] }).to_string()
    }

    /// The refusal as one GraphQL error.
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
            let places: Vec<Value> =
                self.locations.iter().map(|(line, column)| json!({"line": line, "column": column})).collect();
            error["locations"] = places.into();
        }
        error
    }
}
