//! The GraphQL documents of exports, and one page of their results.

use audit::AuditAction;
use std::sync::Arc;

use async_graphql::{ServerError, Value as GraphqlValue};
use axum::http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use strum::IntoEnumIterator as _;

use crate::gateway::exports::breakdown::{BREAKDOWN_COLUMNS, BreakdownResponse};
use crate::gateway::exports::parameters::{ExportParameters, OF_BREAKDOWN, OF_ORDERS, OF_STATEMENT, Parameter};
use crate::gateway::exports::rows::{ORDER_COLUMNS, OrdersResponse, Page, STATEMENT_COLUMNS, StatementResponse};
use crate::gateway::operation::{OperationOutcome, OperationRequest, QUERIES_ONLY};
use crate::gateway::params::RequestParams;
use crate::gateway::pipeline::Pipeline;
use crate::gateway::rejection::RequestRejection;
use crate::gateway::response_body::to_json_text;
use crate::graphql::ErrorCode;
use crate::graphql::base::viewer::Viewer;

/// Orders of a page: the most that the API allows.
const PAGE_SIZE: usize = 100;

/// Orders that the caller may see.
const ORDERS: &str =
    concat!(include_str!("orders.graphql"), include_str!("order_page.graphql"), include_str!("amount.graphql"));
/// Statements of all resellers that the caller may see.
const STATEMENT: &str = concat!(
    include_str!("statement.graphql"),
    include_str!("reseller_statement.graphql"),
    include_str!("amount.graphql")
);
/// Statement of one reseller.
const STATEMENT_OF_RESELLER: &str = concat!(
    include_str!("statement_of_reseller.graphql"),
    include_str!("reseller_statement.graphql"),
    include_str!("amount.graphql")
);

/// Statements of all resellers that the caller may see, by event or ticket type.
const BREAKDOWN: &str = concat!(
    include_str!("breakdown.graphql"),
    include_str!("reseller_breakdown.graphql"),
    include_str!("amount.graphql")
);
/// Statement of one reseller by event or ticket type.
const BREAKDOWN_OF_RESELLER: &str = concat!(
    include_str!("breakdown_of_reseller.graphql"),
    include_str!("reseller_breakdown.graphql"),
    include_str!("amount.graphql")
);

/// A file that can be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExportFile {
    /// `orders.csv`: `Query.orders`.
    Orders,
    /// `statement.csv`: `Reseller.statement`.
    Statement,
    /// `statement_breakdown.csv`: `StatementRow.breakdown`.
    Breakdown,
}

impl ExportFile {
    /// Returns the names of the columns.
    pub(super) fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Orders => ORDER_COLUMNS,
            Self::Statement => STATEMENT_COLUMNS,
            Self::Breakdown => BREAKDOWN_COLUMNS,
        }
    }

    /// Returns the query parameters.
    pub(super) fn parameters(self) -> &'static [Parameter] {
        match self {
            Self::Orders => OF_ORDERS,
            Self::Statement => OF_STATEMENT,
            Self::Breakdown => OF_BREAKDOWN,
        }
    }

    /// Returns the action of the audit log.
    pub(super) fn audit_action(self) -> AuditAction {
        match self {
            Self::Orders => AuditAction::OrdersExported,
            Self::Statement | Self::Breakdown => AuditAction::StatementExported,
        }
    }

    fn document(self, has_reseller: bool) -> &'static str {
        match (self, has_reseller) {
            (Self::Orders, _) => ORDERS,
            (Self::Statement, false) => STATEMENT,
            (Self::Statement, true) => STATEMENT_OF_RESELLER,
            (Self::Breakdown, false) => BREAKDOWN,
            (Self::Breakdown, true) => BREAKDOWN_OF_RESELLER,
        }
    }
}

/// An export as one caller requested it.
#[derive(Debug)]
pub(super) struct Export {
    file: ExportFile,
    variables: Map<String, Value>,
    viewer: Arc<Viewer>,
    request_id: String,
}

/// Response of a document without errors.
#[derive(Deserialize)]
struct Executed<T> {
    data: T,
}

impl Export {
    /// Creates an export of a file with the given parameters.
    pub(super) fn new(file: ExportFile, parameters: ExportParameters, viewer: Arc<Viewer>, request_id: String) -> Self {
        Self { file, variables: parameters.variables, viewer, request_id }
    }

    /// Returns the name under which the file is saved.
    pub(super) fn file_name(&self) -> String {
        match self.file {
            ExportFile::Orders => "orders.csv".to_owned(),
            ExportFile::Statement => format!("statement_{}_{}.csv", self.text("from"), self.text("to")),
            ExportFile::Breakdown => format!("statement_breakdown_{}_{}.csv", self.text("from"), self.text("to")),
        }
    }

    fn text(&self, variable: &str) -> &str {
        self.variables.get(variable).and_then(Value::as_str).unwrap_or_default()
    }

    /// Loads the page after a cursor. Scopes, limits and errors are those of GraphQL.
    ///
    /// # Errors
    ///
    /// The operation is rejected or has an error, or the caller has no such reseller.
    pub(super) async fn load_page(&self, pipeline: &Pipeline, after: Option<String>) -> Result<Page, RequestRejection> {
        let page = match self.file {
            ExportFile::Orders => Some(self.execute::<OrdersResponse>(pipeline, after).await?.into_page()),
            ExportFile::Statement => {
                let response = self.execute::<StatementResponse>(pipeline, None).await?;
                response.into_page(self.text("from"), self.text("to"))
            }
            ExportFile::Breakdown => {
                let response = self.execute::<BreakdownResponse>(pipeline, None).await?;
                response.into_page(self.text("from"), self.text("to"))
            }
        };
        page.ok_or_else(|| invalid("the parameter `reseller` must be the id of a reseller that is yours"))
    }

    async fn execute<T: DeserializeOwned>(
        &self,
        pipeline: &Pipeline,
        after: Option<String>,
    ) -> Result<T, RequestRejection> {
        let mut variables = self.variables.clone();
        if self.file == ExportFile::Orders {
            let rows = PAGE_SIZE.min(pipeline.limits().list_size);
            // The orders are counted once, before anything is sent.
            let counts = after.is_none();
            let paging = [("counts", counts.into()), ("first", rows.into()), ("after", after.into())];
            variables.extend(paging.map(|(name, value)| (name.to_owned(), value)));
        }
        let document = self.file.document(self.variables.contains_key("reseller"));
        let operation = OperationRequest {
            params: RequestParams { variables, ..RequestParams::default() },
            body: None,
            viewer: Arc::clone(&self.viewer),
            request_id: self.request_id.clone(),
            allowed_types: QUERIES_ONLY,
            accepts_deferred: false,
        };
        let executed = match Box::pin(pipeline.run_fixed(document, operation)).await {
            OperationOutcome::Response(response) => match response.errors.first() {
                Some(error) => return Err(rejection_of(error)),
                None => serde_json::from_str::<Executed<T>>(&to_json_text(&response)),
            },
            OperationOutcome::Cached(cached) => serde_json::from_slice(&cached.body),
            OperationOutcome::Rejected(rejection) => return Err(with_parameter_names(rejection)),
            OperationOutcome::Deferred(..) | OperationOutcome::Stream(_) => {
                return Err(RequestRejection::internal_error());
            }
        };
        executed.map(|executed| executed.data).map_err(|error| {
            tracing::error!(%error, "the result of a document could not be read");
            RequestRejection::internal_error()
        })
    }
}

/// Returns the data and the errors of an outcome. Fields that failed are null or empty in the data.
///
/// # Errors
///
/// The operation was rejected.
pub(in crate::gateway) fn executed_data(outcome: OperationOutcome) -> Result<(Value, Vec<Value>), RequestRejection> {
    let mut response: Value = match outcome {
        OperationOutcome::Response(response) => serde_json::from_str(&to_json_text(&response)),
        OperationOutcome::Cached(cached) => serde_json::from_slice(&cached.body),
        OperationOutcome::Rejected(rejection) => return Err(with_parameter_names(rejection)),
        OperationOutcome::Deferred(..) | OperationOutcome::Stream(_) => return Err(RequestRejection::internal_error()),
    }
    .map_err(|error| {
        tracing::error!(%error, "the result of a document could not be read");
        RequestRejection::internal_error()
    })?;
    let errors = match response["errors"].take() {
        Value::Array(errors) => errors,
        _ => Vec::new(),
    };
    Ok((response["data"].take(), errors))
}

/// Converts an error of a response to a rejection with the status of its code.
pub(super) fn rejection_of_errors(error: &Value) -> RequestRejection {
    let code = ErrorCode::iter().find(|known| error["extensions"]["code"] == known.as_str());
    let code = code.unwrap_or(ErrorCode::Internal);
    RequestRejection::new(status_of(code), code, error["message"].as_str().unwrap_or_default().to_owned())
}

fn invalid(message: &str) -> RequestRejection {
    RequestRejection::new(StatusCode::BAD_REQUEST, ErrorCode::BadUserInput, message)
}

/// Converts the error of a field to a rejection with the status of its code.
fn rejection_of(error: &ServerError) -> RequestRejection {
    let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
    let code = ErrorCode::iter().find(|known| code == Some(&GraphqlValue::from(known.as_str())));
    let code = code.unwrap_or(ErrorCode::Internal);
    with_parameter_names(RequestRejection::new(status_of(code), code, error.message.clone()))
}

/// Names parameters instead of the variables and input fields that have their values.
fn with_parameter_names(rejection: RequestRejection) -> RequestRejection {
    let message =
        rejection.message.replace("variable `$", "the parameter `").replace("argument `filter.", "parameter `");
    // The status is never 200: the client expects a file.
    RequestRejection { message, is_well_formed: false, ..rejection }
}

fn status_of(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::BadUserInput
        | ErrorCode::BadRequest
        | ErrorCode::OperationTooLarge
        | ErrorCode::OperationTooCostly => StatusCode::BAD_REQUEST,
        ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden => StatusCode::FORBIDDEN,
        ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::UnsupportedBySource => StatusCode::NOT_IMPLEMENTED,
        ErrorCode::LedgerUnavailable | ErrorCode::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::RequestTimeout => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_parameter_is_a_variable_of_the_documents_and_every_variable_a_parameter() {
        let paging = ["counts", "first", "after"];
        for (file, has_reseller) in [ExportFile::Orders, ExportFile::Statement, ExportFile::Breakdown]
            .into_iter()
            .flat_map(|file| [(file, false), (file, true)])
        {
            let document = async_graphql_parser::parse_query(file.document(has_reseller)).expect("a document");
            let (_, operation) = document.operations.iter().next().expect("an operation");
            let variables: BTreeSet<String> = operation
                .node
                .variable_definitions
                .iter()
                .map(|definition| definition.node.name.node.to_string())
                .filter(|name| !paging.contains(&name.as_str()))
                .collect();
            let parameters = file.parameters().iter().map(|(name, _)| (*name).to_owned());
            let parameters: BTreeSet<String> =
                parameters.filter(|name| has_reseller || file == ExportFile::Orders || name != "reseller").collect();
            assert_eq!(variables, parameters, "{file:?}");
        }
    }
}
