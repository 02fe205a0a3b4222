//! Documents that were read, and what is known of each: parsed and weighed once, and afterwards found by their text.

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

use crate::gateway::answer::never_began;
use crate::gateway::answers::Ready;
use crate::gateway::coercion::InputTypes;
use crate::gateway::likeness::{Likeness, likeness};
use crate::gateway::precheck::{Limits, Weight, weigh};
use crate::gateway::refusal::Refusal;
use crate::graphql::promise::{Retellable, Schema};
use crate::graphql::writer::merges;

/// How much text of documents is kept, in bytes.
const KEPT_TEXT: u64 = 16 << 20;

/// What is known about a document once it has been read.
pub struct Document {
    /// Its text.
    pub text: Arc<str>,
    /// What it is like.
    pub likeness: Likeness,
    /// What it says.
    pub ast: ExecutableDocument,
    operations: Vec<Operation>,
    /// Whether it has been validated: it ran.
    is_valid: AtomicBool,
}

/// What is known about one of its operations.
pub struct Operation {
    /// Its name.
    pub name: Option<Name>,
    /// What kind it is.
    pub kind: OperationType,
    /// How heavy it is.
    pub weight: Weight,
    /// Whether and when its answer is one for all who see the same.
    pub retellable: Option<Retellable>,
    /// Whether rows of its answer may be written at once.
    pub is_writable: bool,
    /// Whether its variables are checked here to the last.
    pub is_checked_here: bool,
}

impl Document {
    /// Reads a document. Without a schema no answer to it is told again.
    ///
    /// # Errors
    ///
    /// It has too many tokens, or is no document.
    pub fn read(
        text: &Arc<str>,
        limits: &Limits,
        types: &InputTypes,
        schema: Option<&Schema>,
    ) -> Result<Self, Refusal> {
        if !limits.measure_only {
            limits.check_tokens(text).map_err(|heavy| Refusal::too_heavy(&heavy))?;
        }
        let ast = parse_query(text.as_ref()).map_err(|fault| Refusal::syntax(&fault))?;
        let read = |name: Option<&Name>, definition: &OperationDefinition| {
            let weight = weigh(&ast, definition);
            // What walks a document as often as its fragments are spread is for documents of a sound weight.
            let is_fine = !weight.is_cyclic && limits.check(&weight).is_ok();
            let retellable = schema.filter(|_| is_fine).and_then(|schema| Retellable::of(schema, &ast, definition));
            let kind = definition.ty;
            let is_writable = is_fine && kind == OperationType::Query && !merges(&ast, definition);
            let is_checked_here = types.knows_all(definition);
            Operation { name: name.cloned(), kind, weight, retellable, is_writable, is_checked_here }
        };
        let operations = ast.operations.iter().map(|(name, operation)| read(name, &operation.node)).collect();
        let is_valid = AtomicBool::default();
        Ok(Self { text: Arc::clone(text), likeness: likeness(text), ast, operations, is_valid })
    }

    /// The operation that a request means (GraphQL §6.1).
    pub fn pick(&self, wanted: Option<&str>) -> Result<&Operation, Refusal> {
        match (wanted, self.operations.as_slice()) {
            (None, [only]) => Ok(only),
            (None, _) => {
                Err(Refusal::bad_request("the document has several operations: name one in `operationName`".to_owned()))
            }
            (Some(wanted), operations) => operations
                .iter()
                .find(|operation| operation.name.as_ref().is_some_and(|name| name == wanted))
                .ok_or_else(|| Refusal::bad_request("`operationName` names no operation of the document".to_owned())),
        }
    }

    /// What one of its operations says.
    pub fn definition(&self, operation: &Operation) -> Result<&Positioned<OperationDefinition>, Refusal> {
        let found = match (&self.ast.operations, &operation.name) {
            (DocumentOperations::Single(operation), _) => Some(operation),
            (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name),
            (DocumentOperations::Multiple(operations), None) => operations.values().next(),
        };
        found.ok_or_else(|| Refusal::bad_request("the document has no operation".to_owned()))
    }

    /// An answer to one that is like it, as it is told to whoever asks with this one.
    pub fn own(&self, ready: Ready) -> Ready {
        ready.under(self.likeness.alias.as_deref())
    }

    /// Notes that it is valid, where execution began.
    pub fn learn(&self, answer: &Response) {
        if !never_began(answer) {
            self.is_like_a_valid_one();
        }
    }

    /// Notes that one that is like it ran.
    pub fn is_like_a_valid_one(&self) {
        self.is_valid.store(true, Relaxed);
    }

    /// Whether it is known to be valid.
    pub fn is_valid(&self) -> bool {
        self.is_valid.load(Relaxed)
    }
}

/// Documents that were read lately.
pub struct Documents {
    read: Cache<Arc<str>, Arc<Document>, ByLength>,
    /// The latest of each likeness.
    alike: Cache<u128, Arc<Document>, ByLength>,
}

impl Documents {
    /// Room for so many, fewer where they are long.
    pub fn new(documents: usize) -> Self {
        Self { read: room_for(documents), alike: room_for(documents) }
    }

    /// The document of a text.
    pub fn find(&self, text: &Arc<str>) -> Option<Arc<Document>> {
        self.read.get(text)
    }

    /// For a text that was never read: a valid document that is like it, and the alias of its own only root field.
    pub fn find_alike(&self, text: &Arc<str>) -> Option<(Arc<Document>, Option<String>)> {
        if self.read.peek(text).is_some() {
            return None;
        }
        let Likeness { digest, alias } = likeness(text);
        self.alike.get(&digest).filter(|known| known.is_valid()).map(|known| (known, alias))
    }

    /// Keeps a document. One that never ran does not take the place of one that did.
    pub fn keep(&self, document: &Arc<Document>) {
        let digest = document.likeness.digest;
        if self.alike.peek(&digest).is_none_or(|known| !known.is_valid()) {
            self.alike.insert(digest, Arc::clone(document));
        }
        self.read.insert(Arc::clone(&document.text), Arc::clone(document));
    }

    /// Forgets all.
    pub fn forget(&self) {
        self.read.clear();
        self.alike.clear();
    }
}

/// What a document takes of the room: by its length, and never less than its share.
#[derive(Clone)]
struct ByLength {
    share: u64,
}

impl<K> Weighter<K, Arc<Document>> for ByLength {
    fn weight(&self, _: &K, document: &Arc<Document>) -> u64 {
        // A parsed document takes about ten times the room of its text.
        (document.text.len() as u64 * 10 + 200).max(self.share)
    }
}

fn room_for<K: Eq + Hash>(documents: usize) -> Cache<K, Arc<Document>, ByLength> {
    let share = KEPT_TEXT / (documents as u64).max(1);
    Cache::with_weighter(documents, KEPT_TEXT, ByLength { share })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_never_ran_hides_none_that_is_like_it_and_did() {
        let types = InputTypes::from_sdl("type Query { x: Int }").expect("a schema");
        let read = |text: &str| {
            let document = Document::read(&Arc::from(text), &Limits::default(), &types, None);
            Arc::new(document.unwrap_or_else(|_| panic!("{text} was not read")))
        };
        let documents = Documents::new(10);
        let (one, other) = (read("{ a: x }"), read("{ b: x }"));
        let third: Arc<str> = Arc::from("{ c: x }");
        documents.keep(&one);
        assert!(documents.find_alike(&third).is_none(), "nobody knows whether it is valid");
        one.is_like_a_valid_one();
        documents.keep(&other);
        let (found, alias) = documents.find_alike(&third).expect("the one that ran");
        assert!(Arc::ptr_eq(&found, &one) && alias.as_deref() == Some("c"));
        assert!(documents.find_alike(&other.text).is_none(), "it was read itself");
    }
}
