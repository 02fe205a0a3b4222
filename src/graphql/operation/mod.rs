//! The operation of a request: parsed, validated and measured once per document, and lowered once per request.
//!
//! apollo-compiler reads and validates documents. What executes is derived from its tree and from nothing else: the
//! variables are coerced (GraphQL §6.1.2), `@skip` and `@include` are decided, fragments are inlined and fields merged
//! (§6.3.2), and variables are replaced by their values. async-graphql executes the result and decides nothing about the
//! document: it sees neither variables nor directives nor named fragments.

mod deferral;
mod document;
mod literals;
mod longest_list;
mod lowering;
mod positions;
mod size;
mod suggestion;
mod variable_usages;
mod variables;

pub use apollo_compiler::executable::OperationType;
pub use deferral::{DEFER, DeferredOperation, DeferredPart};
pub use document::{DocumentError, ParsedDocument, ParsedOperation, ParserLimits, SelectOperationError, ServedSchema};
pub use lowering::LoweredOperation;
pub use size::OperationSize;
pub use variables::InvalidVariable;

#[cfg(test)]
pub(crate) mod testing {
    use std::sync::Arc;

    use serde_json::Map;

    use super::*;

    /// Limits of a test that is not about them.
    pub(crate) const PARSER_LIMITS: ParserLimits = ParserLimits { tokens: 5_000, recursion: 64 };

    /// Lowers the only operation of a document without variables.
    pub(crate) fn lower(text: &str) -> LoweredOperation {
        let schema = ServedSchema::new(true);
        let document =
            schema.parse(&Arc::from(text), PARSER_LIMITS).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        let operation = document.select_operation(None).expect("one operation");
        let variables = schema.coerce_variables(operation, &Map::new()).expect("valid variables");
        schema.lower(&document, operation, &variables).expect("fields that can be merged")
    }
}
