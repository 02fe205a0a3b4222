//! A document, parsed, validated and measured once.

use std::sync::{Arc, LazyLock};

use apollo_compiler::ast::Document;
use apollo_compiler::diagnostic::Diagnostic;
use apollo_compiler::executable::{ExecutableDocument, Operation, OperationType};
use apollo_compiler::parser::Parser;
use apollo_compiler::validation::{DiagnosticData, DiagnosticList, Valid};
use apollo_compiler::{Node, Schema, introspection};
use apollo_parser::SyntaxKind;
use apollo_parser::cst::{self, CstNode as _};
use async_graphql::{Pos, ServerError};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::graphql::base::error::ErrorCode;
use crate::graphql::operation::deferral::{self, DeferredOperation, DeferredPart};
use crate::graphql::operation::lowering::{self, Lowered, LoweredOperation, Part};
use crate::graphql::operation::positions::Positions;
use crate::graphql::operation::size::OperationSize;
use crate::graphql::operation::suggestion::Suggestions;
use crate::graphql::operation::variables::{self, InvalidVariable};
use crate::graphql::operation::{literals, variable_usages};
use crate::graphql::schema::served_sdl;

/// Errors reported for one document, as many as graphql-js reports.
pub(super) const MAX_ERRORS: usize = 100;
/// Memory of a syntax tree, in bytes per token.
const BYTES_PER_TOKEN: usize = 300;

/// Parts of the introspection schema that the executor has and apollo-compiler lacks (GraphQL, September 2025, §4.2).
const INTROSPECTION_EXTENSIONS: &str = "extend type __Type { isOneOf: Boolean }";
/// Diagnostics about a name that the schema does not have.
const UNKNOWN_NAMES: [&str; 4] = ["UndefinedField", "UndefinedArgument", "UndefinedEnumValue", "UndefinedInputValue"];

/// Limits that the parser enforces while it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParserLimits {
    /// Lexical tokens of a document.
    pub tokens: usize,
    /// Nesting of selections, values and types.
    pub recursion: usize,
}

/// Reasons why a document is rejected.
#[derive(Debug, Clone)]
pub enum DocumentError {
    /// The document exceeds a limit of the parser.
    LimitExceeded {
        /// The limited quantity, for the error message.
        what: &'static str,
        /// Allowed amount.
        limit: usize,
    },
    /// The document is not valid GraphQL syntax.
    Syntax {
        /// Expected token.
        message: String,
        /// Place of the error.
        position: Option<Pos>,
    },
    /// The document does not match the schema. Each error has a code of the closed list.
    Invalid(Vec<ServerError>),
}

/// The schema as served, which documents are validated against.
#[derive(Clone, Copy)]
pub struct ServedSchema {
    schema: &'static Valid<Schema>,
    suggestions: bool,
}

impl ServedSchema {
    /// Returns the served schema. With `suggestions`, errors name existing types, fields and values.
    ///
    /// # Panics
    ///
    /// If the generated SDL is not valid, which every test would reveal.
    pub fn new(suggestions: bool) -> Self {
        static SCHEMA: LazyLock<Valid<Schema>> = LazyLock::new(|| {
            let schema = Schema::builder()
                .parse(served_sdl(), "served.graphql")
                .parse(INTROSPECTION_EXTENSIONS, "introspection.graphql")
                .build()
                .and_then(Schema::validate);
            schema.unwrap_or_else(|invalid| panic!("the generated SDL is not valid:\n{}", invalid.errors))
        });
        Self { schema: &SCHEMA, suggestions }
    }

    /// Returns the name of a field's type, without list and non-null.
    pub fn field_type(self, owner: &str, field: &str) -> Option<&'static str> {
        self.schema.type_field(owner, field).ok().map(|definition| definition.ty.inner_named_type().as_str())
    }

    /// Parses, validates and measures a document.
    ///
    /// # Errors
    ///
    /// The document exceeds a limit of the parser, is not valid GraphQL syntax, or does not match the schema.
    pub fn parse(self, text: &Arc<str>, limits: ParserLimits) -> Result<ParsedDocument, DocumentError> {
        let mut parser = Parser::new().token_limit(limits.tokens).recursion_limit(limits.recursion);
        let parsed = parser.parse_ast(text.as_ref(), "document.graphql");
        let tokens = parser.tokens_reached();
        if tokens > limits.tokens {
            return Err(DocumentError::LimitExceeded { what: "tokens", limit: limits.tokens });
        }
        if parser.recursion_reached() > limits.recursion {
            return Err(DocumentError::LimitExceeded { what: "levels of nesting", limit: limits.recursion });
        }
        let ast = parsed.map_err(|invalid| syntax_error(&invalid.errors))?;
        if let Some((offset, error)) = find_unreported_error(text, limits) {
            let position = Some(Positions::locate(text, vec![offset]).get(offset));
            return Err(DocumentError::Syntax { message: format!("syntax error: {error}"), position });
        }
        let document =
            ast.to_executable_validate(self.schema).map_err(|invalid| self.invalid(&ast, &invalid.errors))?;
        for check in [literals::check, variable_usages::check] {
            let errors = check(self.schema, &document);
            if !errors.is_empty() {
                return Err(DocumentError::Invalid(errors));
            }
        }
        let defers = deferral::check(&document).map_err(DocumentError::Invalid)?;
        let operations = document.operations.iter().map(|operation| self.operation(&document, operation)).collect();
        Ok(ParsedDocument {
            defers,
            text: Arc::clone(text),
            positions: Positions::of(text, &document),
            estimated_size: text.len() * 2 + tokens * BYTES_PER_TOKEN,
            document,
            operations,
        })
    }

    fn invalid(self, ast: &Document, list: &DiagnosticList) -> DocumentError {
        let suggestions = self.suggestions.then(|| Suggestions::of(ast, self.schema));
        DocumentError::Invalid(validation_errors(list, suggestions.as_ref()))
    }

    fn operation(self, document: &Valid<ExecutableDocument>, operation: &Node<Operation>) -> ParsedOperation {
        ParsedOperation {
            name: operation.name.as_ref().map(ToString::to_string),
            operation_type: operation.operation_type,
            size: OperationSize::of(&document.fragments, operation),
            has_nested_introspection: introspection::check_max_depth(document, operation).is_err(),
            definition: operation.clone(),
        }
    }

    /// Coerces the variables of an operation to their types, defaults included (GraphQL §6.1.2).
    ///
    /// # Errors
    ///
    /// A value does not match its type. The error names the variable, the path, and what was expected.
    pub fn coerce_variables(
        self,
        operation: &ParsedOperation,
        values: &Map<String, Value>,
    ) -> Result<Map<String, Value>, InvalidVariable> {
        variables::coerce(self.schema, self.suggestions, &operation.definition, values)
    }

    /// Lowers an operation with its coerced variables to the form that is executed.
    ///
    /// # Errors
    ///
    /// A condition is null, or two fields under one response key have different arguments.
    pub fn lower(
        self,
        document: &ParsedDocument,
        operation: &ParsedOperation,
        variables: &Map<String, Value>,
    ) -> Result<LoweredOperation, ServerError> {
        Ok(self.lower_part(document, operation, variables, Part::Everything)?.operation)
    }

    /// Lowers an operation with its coerced variables to its initial part and its deferred fragments. Without deferred
    /// fragments, the initial part is the whole operation.
    ///
    /// # Errors
    ///
    /// As for [`lower`](Self::lower).
    pub fn lower_deferred(
        self,
        document: &ParsedDocument,
        operation: &ParsedOperation,
        variables: &Map<String, Value>,
    ) -> Result<DeferredOperation, ServerError> {
        let initial = self.lower_part(document, operation, variables, Part::Initial)?;
        let fragments = initial.deferred.into_iter().map(|fragment| {
            let part = self.lower_part(document, operation, variables, Part::Deferred(fragment.id))?;
            Ok(DeferredPart { label: fragment.label, roots: part.roots, operation: part.operation })
        });
        Ok(DeferredOperation { initial: initial.operation, fragments: fragments.collect::<Result<_, ServerError>>()? })
    }

    fn lower_part(
        self,
        document: &ParsedDocument,
        operation: &ParsedOperation,
        variables: &Map<String, Value>,
        part: Part,
    ) -> Result<Lowered, ServerError> {
        let (executable, positions) = (&document.document, &document.positions);
        lowering::lower(self.schema, executable, positions, &operation.definition, variables, part)
    }
}

/// A parsed and validated document.
pub struct ParsedDocument {
    /// Text of the document.
    pub text: Arc<str>,
    /// Estimated memory use in bytes.
    pub estimated_size: usize,
    /// A fragment has `@defer`.
    pub defers: bool,
    document: Valid<ExecutableDocument>,
    positions: Positions,
    operations: Vec<ParsedOperation>,
}

/// An operation of a parsed document.
pub struct ParsedOperation {
    /// Name of the operation.
    pub name: Option<String>,
    /// Query, mutation or subscription.
    pub operation_type: OperationType,
    /// Size after fragment expansion.
    pub size: OperationSize,
    /// Introspection lists are nested deeper than graphql-js allows (MaxIntrospectionDepthRule).
    pub has_nested_introspection: bool,
    definition: Node<Operation>,
}

/// Reasons why no operation of a document is selected (GraphQL §6.1, GetOperation).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SelectOperationError {
    /// The document has no operation.
    #[error("the document has no operation")]
    Missing,
    /// The request does not name one of several operations.
    #[error("the document has several operations: name one in `operationName`")]
    Ambiguous,
    /// No operation has the requested name.
    #[error("`operationName` names no operation of the document")]
    Unknown,
}

impl ParsedDocument {
    /// Selects the operation of a request.
    pub fn select_operation(&self, requested: Option<&str>) -> Result<&ParsedOperation, SelectOperationError> {
        match (requested, self.operations.as_slice()) {
            (_, []) => Err(SelectOperationError::Missing),
            (None, [only]) => Ok(only),
            (None, _) => Err(SelectOperationError::Ambiguous),
            (Some(requested), operations) => operations
                .iter()
                .find(|operation| operation.name.as_deref() == Some(requested))
                .ok_or(SelectOperationError::Unknown),
        }
    }

    /// Returns the SHA-256 of the document's canonical form: its layout and comments do not change it, everything else
    /// does.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.document.serialize().no_indent().to_string()).into()
    }
}

/// Finds what apollo-parser 0.8.7 accepts although the grammar forbids it:
///
/// - an argument or an input field without a value, which it drops (`grammar/argument.rs`, `grammar/value.rs`), so that
///   `{ event(id) { title } }` would run without the argument;
/// - a string that begins with a line terminator (`lexer/mod.rs`, `StringLiteralStart`; GraphQL §2.9.4).
fn find_unreported_error(text: &str, limits: ParserLimits) -> Option<(usize, &'static str)> {
    let parser = apollo_parser::Parser::new(text).token_limit(limits.tokens).recursion_limit(limits.recursion);
    let tree = parser.parse().document();
    tree.syntax().descendants().find_map(|node| {
        let error = match node.kind() {
            SyntaxKind::ARGUMENT | SyntaxKind::OBJECT_FIELD
                if !node.children().any(|child| cst::Value::can_cast(child.kind())) =>
            {
                "expected : and a Value after this Name"
            }
            SyntaxKind::STRING_VALUE if matches!(node.text().to_string().get(..2), Some("\"\n" | "\"\r")) => {
                "unexpected line terminator"
            }
            _ => return None,
        };
        Some((node.text_range().start().into(), error))
    })
}

/// Returns the first syntax error: those after it are its consequences.
fn syntax_error(list: &DiagnosticList) -> DocumentError {
    let first = list.iter().next().map(|diagnostic| diagnostic.to_json());
    let message = first.as_ref().map_or_else(String::new, |error| error.message.clone());
    let position = first.and_then(|error| error.locations.first().map(|at| Pos { line: at.line, column: at.column }));
    DocumentError::Syntax { message, position }
}

/// Converts diagnostics to GraphQL errors in document order, worded as graphql-js words them.
fn validation_errors(list: &DiagnosticList, suggestions: Option<&Suggestions>) -> Vec<ServerError> {
    let name = |diagnostic: &Diagnostic<'_, DiagnosticData>| diagnostic.error.unstable_error_name().unwrap_or_default();
    // A field whose selections are all unknown is also reported as one without selections.
    let has_unknown_fields = list.iter().any(|diagnostic| name(&diagnostic) == "UndefinedField");
    let reported = list.iter().filter(|diagnostic| !(has_unknown_fields && name(diagnostic) == "MissingSubselection"));
    let errors = reported.take(MAX_ERRORS).map(|diagnostic| {
        let found = diagnostic.unstable_to_json_compat();
        let position = found.locations.first().map(|at| Pos { line: at.line, column: at.column });
        let suggestion = position.filter(|_| UNKNOWN_NAMES.contains(&name(&diagnostic)));
        let suggestion = suggestion.and_then(|at| suggestions?.get(at)).unwrap_or_default();
        ErrorCode::GraphqlValidationFailed.server_error(format!("{}{suggestion}", found.message), position)
    });
    errors.collect()
}
