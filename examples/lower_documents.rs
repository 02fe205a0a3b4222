//! Shows what the gateway makes of GraphQL requests: reads one request per line as JSON, and writes its verdict, its
//! coerced variables, and the operation that would be executed.
//!
//! ```sh
//! echo '{"query": "query($n: Int = 2) { events(first: $n) { nodes { id } } }"}' | cargo run --example lower_documents
//! ```
//!
//! `tests/e2e/differential.test.mjs` compares the output with graphql-js.

use std::io::{BufRead, Write};
use std::sync::Arc;

use async_graphql_parser::types::{OperationType, Selection, SelectionSet};
use serde_json::{Map, Value, json};
use ticketgraph::app;
use ticketgraph::config::Config;
use ticketgraph::graphql::operation::{DocumentError, ParserLimits, ServedSchema};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::load(None, [], &|_| Ok(String::new()), &app::vendor_config_specs())
        .map_err(|_| "config/default.toml is not valid")?;
    let (schema, limits) = (ServedSchema::new(config.graphql.suggestions), app::operation_limits(&config).of_parser());
    // Line by line, for those who wait for an answer before the next request.
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?)?;
        writeln!(out, "{}", verdict(schema, limits, &request))?;
    }
    Ok(())
}

fn verdict(schema: ServedSchema, limits: ParserLimits, request: &Value) -> Value {
    let text: Arc<str> = Arc::from(request["query"].as_str().unwrap_or_default());
    let document = match schema.parse(&text, limits) {
        Ok(document) => document,
        Err(DocumentError::Syntax { message, .. }) => return json!({ "verdict": "syntax", "errors": [message] }),
        Err(DocumentError::LimitExceeded { what, limit }) => {
            return json!({ "verdict": "limit", "errors": [format!("{what}: {limit}")] });
        }
        Err(DocumentError::Invalid(errors)) => {
            let errors: Vec<String> = errors.into_iter().map(|error| error.message).collect();
            return json!({ "verdict": "invalid", "errors": errors });
        }
    };
    let operation = match document.select_operation(request["operationName"].as_str()) {
        Ok(operation) => operation,
        Err(error) => return json!({ "verdict": "operation", "errors": [error.to_string()] }),
    };
    let none = Map::new();
    match schema.coerce_variables(operation, request["variables"].as_object().unwrap_or(&none)) {
        Ok(variables) => {
            let lowered = match schema.lower(&document, operation, &variables) {
                Ok(lowered) => lowered,
                Err(error) => return json!({ "verdict": "invalid", "errors": [error.message] }),
            };
            let kind = match lowered.operation().ty {
                OperationType::Query => "query",
                OperationType::Mutation => "mutation",
                OperationType::Subscription => "subscription",
            };
            let mut text = kind.to_owned();
            print(&lowered.operation().selection_set.node, &mut text);
            // Requests of one caller share a response if they have the same document, operation and variables.
            let digest: String = document.digest().iter().map(|byte| format!("{byte:02x}")).collect();
            json!({ "verdict": "ok", "digest": digest, "variables": variables, "lowered": text })
        }
        Err(invalid) => json!({ "verdict": "variables", "errors": [invalid.to_string()] }),
    }
}

fn print(set: &SelectionSet, out: &mut String) {
    out.push('{');
    for item in &set.items {
        let inner = match &item.node {
            Selection::Field(field) => {
                if let Some(alias) = &field.node.alias {
                    out.push_str(&format!("{}:", alias.node));
                }
                out.push_str(&field.node.name.node);
                let arguments: Vec<String> =
                    field.node.arguments.iter().map(|(name, value)| format!("{}:{}", name.node, value.node)).collect();
                if !arguments.is_empty() {
                    out.push_str(&format!("({})", arguments.join(",")));
                }
                &field.node.selection_set.node
            }
            Selection::InlineFragment(inline) => {
                let condition = inline.node.type_condition.as_ref().map_or("", |condition| &condition.node.on.node);
                out.push_str(&format!("...on {condition}"));
                &inline.node.selection_set.node
            }
            Selection::FragmentSpread(spread) => {
                out.push_str(&format!("...{}", spread.node.fragment_name.node));
                continue;
            }
        };
        if !inner.items.is_empty() {
            print(inner, out);
        }
        out.push(' ');
    }
    out.push('}');
}
