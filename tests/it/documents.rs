//! Runs documents as the gateway does, without the gateway: parsed, validated, coerced, lowered and executed.

use std::sync::Arc;

use async_graphql::{Response, ServerError};
use async_graphql_parser::parse_schema;
use async_graphql_parser::types::ServiceDocument;
use serde_json::{Map, Value};
use ticketgraph::graphql::operation::{DocumentError, LoweredOperation, ServedSchema};
use ticketgraph::graphql::{Ctx, DESCRIPTION, ErrorCode, build, execute};

use crate::default_config::default_limits;

/// Parses a schema, for which the parser knows no description (GraphQL, October 2021, §3.3).
pub(crate) fn parse_sdl(text: impl AsRef<str>) -> ServiceDocument {
    let description = format!("\"\"\"\n{DESCRIPTION}\n\"\"\"\nschema");
    parse_schema(text.as_ref().replacen(&description, "schema", 1)).expect("a schema")
}

/// Lowers the only operation of a document.
///
/// # Errors
///
/// The errors that the gateway reports.
pub(crate) fn lower(
    schema: ServedSchema,
    document: &str,
    variables: &Value,
) -> Result<LoweredOperation, Vec<ServerError>> {
    let error = |code: ErrorCode, message: String| {
        let mut error = ServerError::new(message, None);
        error.extensions.get_or_insert_default().set("code", code.as_str());
        vec![error]
    };
    let parsed = schema.parse(&Arc::from(document), default_limits().of_parser()).map_err(|found| match found {
        DocumentError::Invalid(errors) => errors,
        DocumentError::Syntax { message, position } => {
            let mut errors = error(ErrorCode::GraphqlParseFailed, message);
            errors[0].locations.extend(position);
            errors
        }
        DocumentError::LimitExceeded { what, .. } => error(ErrorCode::OperationTooLarge, what.to_owned()),
    })?;
    let operation = parsed.select_operation(None).map_err(|found| error(ErrorCode::BadRequest, found.to_string()))?;
    let none = Map::new();
    let variables = schema
        .coerce_variables(operation, variables.as_object().unwrap_or(&none))
        .map_err(|found| error(ErrorCode::BadUserInput, found.to_string()))?;
    schema.lower(&parsed, operation, &variables).map_err(|error| vec![error])
}

/// Executes the only operation of a document.
pub(crate) async fn run(document: &str, variables: &Value, ctx: Ctx) -> Response {
    match lower(ServedSchema::new(true), document, variables) {
        Ok(lowered) => execute(&build(), lowered, Arc::new(ctx)).await,
        Err(mut errors) => {
            for error in &mut errors {
                error.extensions.get_or_insert_default().set("requestId", &*ctx.request_id);
            }
            Response::from_errors(errors)
        }
    }
}
