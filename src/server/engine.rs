//! From parameters to an answer: find the document, weigh it, check its variables, run it.
//!
//! A document is parsed, weighed and validated once; afterwards its text leads straight to what is known about it.

use std::sync::Arc;

use async_graphql::{Response, Variables};
use async_graphql_parser::types::{DocumentOperations, ExecutableDocument, OperationType};
use async_graphql_parser::{Positioned, parse_query};
use async_graphql_value::Name;
use futures_util::stream::BoxStream;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::graphql::api::Api;
use crate::graphql::viewer::Viewer;
use crate::server::coercion::InputTypes;
use crate::server::params::Params;
use crate::server::persisted::{NoOperation, Persisted};
use crate::server::precheck::{Limits, Weight, weigh};
use crate::server::refusal::Refusal;

/// How much text of documents is kept, in bytes.
const KEPT_TEXT: u64 = 16 << 20;

/// What is known about a document once it has been read.
struct Document {
    ast: ExecutableDocument,
    operations: Vec<(Option<Name>, OperationType, Weight)>,
}

#[derive(Clone)]
struct ByLength;

impl Weighter<Arc<str>, Arc<Document>> for ByLength {
    fn weight(&self, text: &Arc<str>, _: &Arc<Document>) -> u64 {
        // A parsed document takes about ten times the room of its text.
        text.len() as u64 * 10 + 200
    }
}

/// What a client asks, and who it is.
pub struct Ask {
    /// The parameters.
    pub params: Params,
    /// The caller.
    pub viewer: Arc<Viewer>,
    /// The id of the request.
    pub request_id: String,
    /// Whether only queries may run: the request came by GET.
    pub only_queries: bool,
}

/// What came of it.
pub enum Outcome {
    /// A query or mutation ran, or its execution could not begin.
    Answer(Box<Response>),
    /// A subscription began; one response an event.
    Stream(BoxStream<'static, Response>),
    /// Nothing ran.
    Refused(Refusal),
}

/// Runs operations.
pub struct Engine {
    api: Api,
    limits: Limits,
    types: InputTypes,
    persisted: Persisted,
    documents: Cache<Arc<str>, Arc<Document>, ByLength>,
}

impl Engine {
    /// An engine over the schema.
    pub fn new(api: Api, limits: Limits, persisted: Persisted) -> Result<Self, async_graphql_parser::Error> {
        let types = InputTypes::from_sdl(&api.sdl())?;
        let documents = Cache::with_weighter(10_000, KEPT_TEXT, ByLength);
        Ok(Self { api, limits, types, persisted, documents })
    }

    /// How heavy a request may be.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Operations known by their hash.
    pub fn persisted(&self) -> &Persisted {
        &self.persisted
    }

    /// The schema's text.
    pub fn sdl(&self) -> String {
        self.api.sdl()
    }

    /// Runs one request.
    pub async fn run(&self, ask: Ask) -> Outcome {
        match self.prepare(&ask).await {
            Ok((kind, request)) => self.execute(kind, request, ask).await,
            Err(refusal) => Outcome::Refused(refusal),
        }
    }

    async fn execute(&self, kind: OperationType, request: async_graphql::Request, ask: Ask) -> Outcome {
        if kind == OperationType::Subscription {
            return Outcome::Stream(self.api.stream(request, ask.viewer, &ask.request_id));
        }
        Outcome::Answer(Box::new(self.api.execute(request, ask.viewer, &ask.request_id).await))
    }

    async fn prepare(&self, ask: &Ask) -> Result<(OperationType, async_graphql::Request), Refusal> {
        let params = &ask.params;
        let text = self.persisted.resolve(params.query.clone(), &params.extensions).await.map_err(|why| match why {
            NoOperation::NotFound => Refusal::persisted_query_not_found(),
            other => Refusal::bad_request(other.to_string()),
        })?;
        let document = self.document(&text)?;
        let (name, kind, weight) = pick(&document.operations, params.operation_name.as_deref())?;
        if ask.only_queries && *kind != OperationType::Query {
            return Err(Refusal::method_not_allowed());
        }
        self.limits.check(weight).map_err(|heavy| Refusal::too_heavy(&heavy))?;
        let operation = operation(&document.ast, name.as_ref())?;
        self.types
            .check(&operation.node, &params.variables)
            .map_err(|unfit| Refusal::bad_variables(unfit.to_string()))?;
        let mut request = async_graphql::Request::new("")
            .variables(Variables::from_json(serde_json::Value::Object(params.variables.clone())));
        if let Some(name) = name {
            request = request.operation_name(name.to_string());
        }
        request.set_parsed_query(document.ast.clone());
        Ok((*kind, request))
    }

    fn document(&self, text: &Arc<str>) -> Result<Arc<Document>, Refusal> {
        if let Some(known) = self.documents.get(text) {
            return Ok(known);
        }
        self.limits.check_tokens(text).map_err(|heavy| Refusal::too_heavy(&heavy))?;
        let ast = parse_query(text.as_ref()).map_err(|fault| Refusal::syntax(&fault))?;
        let operations = ast
            .operations
            .iter()
            .map(|(name, operation)| (name.cloned(), operation.node.ty, weigh(&ast, &operation.node)))
            .collect();
        let document = Arc::new(Document { ast, operations });
        self.documents.insert(Arc::clone(text), Arc::clone(&document));
        Ok(document)
    }
}

/// The operation that a request means (GraphQL §6.1).
fn pick<'a>(
    operations: &'a [(Option<Name>, OperationType, Weight)],
    wanted: Option<&str>,
) -> Result<&'a (Option<Name>, OperationType, Weight), Refusal> {
    match (wanted, operations) {
        (None, [only]) => Ok(only),
        (None, _) => {
            Err(Refusal::bad_request("the document has several operations: name one in `operationName`".to_owned()))
        }
        (Some(wanted), _) => operations
            .iter()
            .find(|(name, ..)| name.as_ref().is_some_and(|name| name == wanted))
            .ok_or_else(|| Refusal::bad_request("`operationName` names no operation of the document".to_owned())),
    }
}

fn operation<'a>(
    document: &'a ExecutableDocument,
    name: Option<&Name>,
) -> Result<&'a Positioned<async_graphql_parser::types::OperationDefinition>, Refusal> {
    let found = match (&document.operations, name) {
        (DocumentOperations::Single(operation), _) => Some(operation),
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name),
        (DocumentOperations::Multiple(operations), None) => operations.values().next(),
    };
    found.ok_or_else(|| Refusal::bad_request("the document has no operation".to_owned()))
}
