//! Cache of parsed documents. A document is parsed and measured once and found by its text afterwards.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use async_graphql::Response;
use async_graphql_parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition, OperationType};
use async_graphql_parser::{Positioned, parse_query};
use async_graphql_value::Name;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::gateway::operation_limits::{OperationLimits, OperationSize, measure};
use crate::gateway::operation_signature::{OperationSignature, signature_of};
use crate::gateway::rejection::RequestRejection;
use crate::gateway::response_body::is_request_error;
use crate::gateway::response_cache::CachedResponse;
use crate::gateway::variables::InputTypes;
use crate::graphql::base::cache_validity::{Cacheable, FieldTypes};
use crate::graphql::json_writer::has_merged_objects;

/// Size limit of the cache, in bytes.
const MAX_CACHED_TEXT: u64 = 16 << 20;

/// A parsed document.
pub struct ParsedDocument {
    /// Text of the document.
    pub text: Arc<str>,
    /// Signature of the document.
    pub signature: OperationSignature,
    /// Syntax tree.
    pub ast: ExecutableDocument,
    operations: Vec<ParsedOperation>,
    /// Set after the first execution that passed validation.
    is_valid: AtomicBool,
}

/// A parsed operation of a document.
pub struct ParsedOperation {
    /// Name of the operation.
    pub name: Option<Name>,
    /// Query, mutation or subscription.
    pub operation_type: OperationType,
    /// Size after fragment expansion.
    pub size: OperationSize,
    /// Cache rules of its responses; `None` if they may not be cached.
    pub cacheable: Option<Cacheable>,
    /// Allows the JSON writer to serialize lists directly.
    pub is_writable: bool,
    /// Set if all variables are fully checked before execution.
    pub has_checked_variables: bool,
}

impl ParsedDocument {
    /// Parses a document. Without a schema its responses are never cached.
    ///
    /// # Errors
    ///
    /// The document has too many tokens or is not valid GraphQL syntax.
    pub fn parse(
        text: &Arc<str>,
        limits: &OperationLimits,
        types: &InputTypes,
        schema: Option<&FieldTypes>,
    ) -> Result<Self, RequestRejection> {
        if !limits.warn_only {
            limits.check_tokens(text).map_err(|exceeded| RequestRejection::limit_exceeded(&exceeded))?;
        }
        let ast = parse_query(text.as_ref()).map_err(|error| RequestRejection::syntax_error(&error))?;
        let parse_operation = |name: Option<&Name>, definition: &OperationDefinition| {
            let size = measure(&ast, definition);
            // Code that expands every fragment spread runs only for documents within the size limits.
            let is_within_limits = !size.is_cyclic && limits.check(&size).is_ok();
            let cacheable =
                schema.filter(|_| is_within_limits).and_then(|schema| Cacheable::of(schema, &ast, definition));
            let operation_type = definition.ty;
            let is_writable =
                is_within_limits && operation_type == OperationType::Query && !has_merged_objects(&ast, definition);
            let has_checked_variables = types.fully_checks(definition);
            ParsedOperation { name: name.cloned(), operation_type, size, cacheable, is_writable, has_checked_variables }
        };
        let operations =
            ast.operations.iter().map(|(name, operation)| parse_operation(name, &operation.node)).collect();
        let is_valid = AtomicBool::default();
        Ok(Self { text: Arc::clone(text), signature: signature_of(text), ast, operations, is_valid })
    }

    /// Selects the operation of a request (GraphQL §6.1).
    pub fn select_operation(&self, requested: Option<&str>) -> Result<&ParsedOperation, RequestRejection> {
        match (requested, self.operations.as_slice()) {
            (None, [only]) => Ok(only),
            (None, _) => Err(RequestRejection::bad_request(
                "the document has several operations: name one in `operationName`".to_owned(),
            )),
            (Some(requested), operations) => operations
                .iter()
                .find(|operation| operation.name.as_ref().is_some_and(|name| name == requested))
                .ok_or_else(|| {
                    RequestRejection::bad_request("`operationName` names no operation of the document".to_owned())
                }),
        }
    }

    /// Returns the definition of an operation.
    pub fn definition(
        &self,
        operation: &ParsedOperation,
    ) -> Result<&Positioned<OperationDefinition>, RequestRejection> {
        let found = match (&self.ast.operations, &operation.name) {
            (DocumentOperations::Single(operation), _) => Some(operation),
            (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name),
            (DocumentOperations::Multiple(operations), None) => operations.values().next(),
        };
        found.ok_or_else(|| RequestRejection::bad_request("the document has no operation".to_owned()))
    }

    /// Renames the root key of a response of an equivalent document to the alias that this document uses.
    pub fn under_own_alias(&self, cached: CachedResponse) -> CachedResponse {
        cached.with_root_key(self.signature.alias.as_deref())
    }

    /// Marks the document as valid if execution started.
    pub fn record_execution(&self, response: &Response) {
        if !is_request_error(response) {
            self.mark_valid();
        }
    }

    /// Marks the document as valid: a document with the same signature was executed.
    pub fn mark_valid(&self) {
        self.is_valid.store(true, Relaxed);
    }

    /// Returns true if the document has passed validation.
    pub fn is_valid(&self) -> bool {
        self.is_valid.load(Relaxed)
    }
}

/// Recently parsed documents.
pub struct DocumentCache {
    by_text: Cache<Arc<str>, Arc<ParsedDocument>, DocumentWeighter>,
    /// Latest document of each signature.
    by_signature: Cache<u128, Arc<ParsedDocument>, DocumentWeighter>,
}

impl DocumentCache {
    /// Creates a cache for this many documents, fewer if they are long.
    pub fn new(documents: usize) -> Self {
        Self { by_text: new_cache(documents), by_signature: new_cache(documents) }
    }

    /// Returns the document with this text.
    pub fn get(&self, text: &Arc<str>) -> Option<Arc<ParsedDocument>> {
        self.by_text.get(text)
    }

    /// For a text that was not parsed yet: returns a validated document with the same signature, and the alias that
    /// this text uses for its root field.
    pub fn get_by_signature(&self, text: &Arc<str>) -> Option<(Arc<ParsedDocument>, Option<String>)> {
        if self.by_text.peek(text).is_some() {
            return None;
        }
        let OperationSignature { digest, alias } = signature_of(text);
        self.by_signature.get(&digest).filter(|cached| cached.is_valid()).map(|cached| (cached, alias))
    }

    /// Inserts a document. A document that was not executed yet does not replace a valid one of the same signature.
    pub fn insert(&self, document: &Arc<ParsedDocument>) {
        let digest = document.signature.digest;
        if self.by_signature.peek(&digest).is_none_or(|cached| !cached.is_valid()) {
            self.by_signature.insert(digest, Arc::clone(document));
        }
        self.by_text.insert(Arc::clone(&document.text), Arc::clone(document));
    }

    /// Removes all documents.
    pub fn clear(&self) {
        self.by_text.clear();
        self.by_signature.clear();
    }
}

/// Weighs a document by its length; the minimum is an equal share of the limit.
#[derive(Clone)]
struct DocumentWeighter {
    share: u64,
}

impl<K> Weighter<K, Arc<ParsedDocument>> for DocumentWeighter {
    fn weight(&self, _: &K, document: &Arc<ParsedDocument>) -> u64 {
        // A syntax tree takes about ten times the memory of its text.
        (document.text.len() as u64 * 10 + 200).max(self.share)
    }
}

fn new_cache<K: Eq + Hash>(documents: usize) -> Cache<K, Arc<ParsedDocument>, DocumentWeighter> {
    let share = MAX_CACHED_TEXT / (documents as u64).max(1);
    Cache::with_weighter(documents, MAX_CACHED_TEXT, DocumentWeighter { share })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::operation_limits::tests::default_limits;

    #[test]
    fn a_document_that_was_never_executed_does_not_replace_a_valid_one_of_the_same_signature() {
        let types = InputTypes::from_sdl("type Query { x: Int }").expect("a schema");
        let limits = default_limits();
        let parse_operation = |text: &str| {
            let document = ParsedDocument::parse(&Arc::from(text), &limits, &types, None);
            Arc::new(document.unwrap_or_else(|_| panic!("{text} was not read")))
        };
        let documents = DocumentCache::new(10);
        let (one, other) = (parse_operation("{ a: x }"), parse_operation("{ b: x }"));
        let third: Arc<str> = Arc::from("{ c: x }");
        documents.insert(&one);
        assert!(documents.get_by_signature(&third).is_none(), "nobody knows whether it is valid");
        one.mark_valid();
        documents.insert(&other);
        let (found, alias) = documents.get_by_signature(&third).expect("the one that ran");
        assert!(Arc::ptr_eq(&found, &one) && alias.as_deref() == Some("c"));
        assert!(documents.get_by_signature(&other.text).is_none(), "it was read itself");
    }
}
