//! From parameters to an answer: find the document, weigh it, check its variables, run it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use async_graphql::{Response, Variables};
use async_graphql_parser::types::{ExecutableDocument, OperationDefinition, OperationType};
use async_graphql_value::Name;
use axum::body::Bytes;
use futures_util::stream::BoxStream;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tracing::Instrument;

use crate::gateway::answers::{Answers, Asked, Landed, Question, Ready, Sight, retold};
use crate::gateway::coercion::InputTypes;
use crate::gateway::document::{Document, Documents, Operation};
use crate::gateway::measure::{Measured, put};
use crate::gateway::observe::{Running, operation_span, watched};
use crate::gateway::pace::Pace;
use crate::gateway::params::Params;
use crate::gateway::persisted::{NoOperation, Persisted};
use crate::gateway::precheck::{Limits, Weight};
use crate::gateway::refusal::{Cost, Refusal};
use crate::graphql::api::Api;
use crate::graphql::promise::Schema;
use crate::graphql::viewer::{Scope, Viewer};
use crate::graphql::writer::Verbatim;
use telemetry::explain::explained;

/// How many documents are kept where nobody says.
const USUAL_DOCUMENTS: usize = 1_000;
/// How many bytes of bodies are kept.
const KEPT_BODIES: u64 = 4 << 20;

/// What may run by POST and over a socket.
pub const ALL: &[OperationType] = &[OperationType::Query, OperationType::Mutation, OperationType::Subscription];
/// What may run by GET.
pub const QUERIES: &[OperationType] = &[OperationType::Query];
/// What may run by GET where events are accepted: watching changes nothing either.
pub const READS: &[OperationType] = &[OperationType::Query, OperationType::Subscription];

/// What a client asks, and who it is.
pub struct Ask {
    /// The parameters.
    pub params: Params,
    /// The bytes that they were read from, where nothing else was in them.
    pub body: Option<Bytes>,
    /// The caller.
    pub viewer: Arc<Viewer>,
    /// The id of the request.
    pub request_id: String,
    /// What may run this way: by GET nothing that changes anything.
    pub kinds: &'static [OperationType],
}

/// What an engine remembers.
pub struct Memory {
    /// Documents, at most.
    pub documents: usize,
    /// Whole answers.
    pub answers: Answers,
}

/// What came of it.
pub enum Outcome {
    /// A query or mutation ran, or its execution could not begin.
    Answer(Box<Response>),
    /// A query was answered without errors, as bytes.
    Ready(Ready),
    /// A subscription began; one response an event.
    Stream(BoxStream<'static, Response>),
    /// Nothing ran.
    Refused(Refusal),
}

/// Runs operations.
pub struct Engine {
    /// The schema over the services; replaced with the limits.
    api: ArcSwap<Api>,
    limits: ArcSwap<Limits>,
    types: InputTypes,
    persisted: Persisted,
    schema: Schema,
    pace: Pace,
    documents: Documents,
    answers: Option<Answers>,
    /// What the bodies of requests ask whose answers were kept.
    bodies: ArcSwap<Bodies>,
}

/// What a body asks, and under which key below `data` it wants the answer where that is for it to say.
pub type Known = (Arc<Asked>, Option<String>);
type Bodies = Cache<Bytes, Known, BodyLength>;

#[derive(Clone)]
struct BodyLength;

impl Weighter<Bytes, Known> for BodyLength {
    fn weight(&self, body: &Bytes, (asked, _): &Known) -> u64 {
        (body.len() + asked.variables.len() + 200) as u64
    }
}

impl Engine {
    /// An engine over the schema.
    pub fn new(api: Api, limits: Limits, persisted: Persisted) -> Result<Self, async_graphql_parser::Error> {
        let sdl = api.sdl();
        let (types, schema) = (InputTypes::from_sdl(&sdl)?, Schema::from_sdl(&sdl)?);
        let documents = Documents::new(USUAL_DOCUMENTS);
        let (api, limits) = (ArcSwap::from_pointee(api), ArcSwap::from_pointee(limits));
        Ok(Self {
            api,
            limits,
            types,
            persisted,
            schema,
            pace: Pace::default(),
            documents,
            answers: None,
            bodies: ArcSwap::from_pointee(bodies()),
        })
    }

    /// The same with a memory of its own.
    #[must_use]
    pub fn remembering(self, memory: Memory) -> Self {
        let documents = Documents::new(memory.documents);
        Self { documents, answers: Some(memory.answers), ..self }
    }

    /// The same engine, counting what callers ask together with other replicas.
    pub fn paced_by(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    /// Counts what callers ask.
    pub fn pace(&self) -> &Pace {
        &self.pace
    }

    /// How heavy a request may be.
    pub fn limits(&self) -> Arc<Limits> {
        self.limits.load_full()
    }

    /// From now on other limits, and a schema over other services. Operations that run already end as they began; what was
    /// weighed by the old limits is forgotten.
    pub fn replace(&self, api: Api, limits: Limits) {
        self.api.store(Arc::new(api));
        self.limits.store(Arc::new(limits));
        self.documents.forget();
        // Another one: what is in flight notes in the old one what was allowed before.
        self.bodies.store(Arc::new(bodies()));
        if let Some(answers) = &self.answers {
            answers.forget();
        }
    }

    fn api(&self) -> Arc<Api> {
        self.api.load_full()
    }

    /// Operations known by their hash.
    pub fn persisted(&self) -> &Persisted {
        &self.persisted
    }

    /// The schema's text.
    pub fn sdl(&self) -> Arc<str> {
        self.api().sdl()
    }

    /// Whole answers, where they are remembered.
    pub fn answers(&self) -> Option<&Answers> {
        self.answers.as_ref()
    }

    /// What a request with this body asks, where one that was answered by what is kept had the same.
    pub fn asked_before(&self, body: &Bytes) -> Option<Known> {
        self.bodies.load().get(body)
    }

    /// The answer to that, where it is kept for those who see what the viewer sees, and holds.
    pub fn tell_again(&self, (asked, alias): Known, viewer: &Viewer) -> Option<Ready> {
        let ready = self.answers.as_ref()?.find(&Arc::new(Question { asked, sight: Sight::of(viewer) }))?;
        Some(ready.under(alias.as_deref()))
    }

    /// Runs one request.
    pub async fn run(&self, ask: Ask) -> Outcome {
        let mut running = Running::begin();
        let outcome = self.explained(ask, &mut running).instrument(operation_span()).await;
        let outcome = outcome.unwrap_or_else(Outcome::Refused);
        running.end(&outcome);
        outcome
    }

    /// Answers, and explains how, where the request asks for it by `extensions: {"explain": true}` and the caller may know.
    async fn explained(&self, ask: Ask, running: &mut Running) -> Result<Outcome, Refusal> {
        if ask.params.extensions.get("explain") != Some(&serde_json::Value::Bool(true)) {
            return self.answer(ask, running).await;
        }
        if !ask.viewer.may(Scope::Admin) {
            return Err(Refusal::not_explained());
        }
        let (outcome, told) = explained(self.answer(ask, running)).await;
        let mut outcome = outcome?;
        if let Outcome::Answer(answer) = &mut outcome {
            put(answer, "explain", told);
        }
        Ok(outcome)
    }

    async fn answer(&self, ask: Ask, running: &mut Running) -> Result<Outcome, Refusal> {
        let bodies = self.bodies.load_full();
        let text = self.resolve(&ask.params).await?;
        if let Some(ready) = self.tell_alike(&text, &ask, running) {
            return Ok(Outcome::Ready(ready));
        }
        let document = self.document(&text)?;
        let operation = document.pick(ask.params.operation_name.as_deref())?;
        running.is(operation.kind, operation.name.as_ref().map(Name::as_str));
        let Some((answers, question)) = self.answers.as_ref().zip(question(&document, operation, &ask)) else {
            let (request, measured) = self.prepare(&document, operation, &ask).await?;
            return Ok(self.execute((&document, operation), request, ask, measured).await);
        };
        // What is told again was weighed and checked when it was made, by the same limits.
        if let Some(ready) = answers.find(&question) {
            document.is_like_a_valid_one();
            if let Some(body) = ask.body.filter(|_| self.persisted.passes_in_silence(&document.text)) {
                // A copy: it was read into more room than it needs.
                let known = (Arc::clone(&question.asked), document.likeness.alias.clone());
                bodies.insert(Bytes::copy_from_slice(&body), known);
            }
            return Ok(Outcome::Ready(document.own(ready)));
        }
        let (request, measured) = self.prepare(&document, operation, &ask).await?;
        let Some(moment) = self.api().moment() else {
            return Ok(self.execute((&document, operation), request, ask, measured).await);
        };
        let (api, viewer, id) = (self.api_for(&document, operation), Arc::clone(&ask.viewer), ask.request_id.clone());
        let known = Arc::clone(&document);
        let fly = || async move {
            let (response, promise) = api.execute_for(request, viewer, &id).await;
            known.learn(&response);
            (response, promise)
        };
        match answers.make(&question, (moment, &document.text), fly).await {
            Some(Landed::Ready(ready)) => {
                document.is_like_a_valid_one();
                Ok(Outcome::Ready(document.own(ready)))
            }
            Some(Landed::Flawed(response, text)) if text == document.text => {
                Ok(Outcome::Answer(Box::new(retold(&response, &ask.request_id))))
            }
            // The errors point into a document that is laid out in another way.
            Some(Landed::Flawed(..)) => {
                let (request, measured) = self.prepare(&document, operation, &ask).await?;
                Ok(self.execute((&document, operation), request, ask, measured).await)
            }
            None => Err(Refusal::lost()),
        }
    }

    async fn execute(
        &self,
        (document, operation): (&Document, &Operation),
        request: async_graphql::Request,
        ask: Ask,
        measured: Measured,
    ) -> Outcome {
        if operation.kind == OperationType::Subscription {
            return Outcome::Stream(watched(self.api().stream(request, ask.viewer, &ask.request_id), &ask.request_id));
        }
        let mut answer = self.api_for(document, operation).execute(request, ask.viewer, &ask.request_id).await;
        document.learn(&answer);
        measured.tell(&ask.params, &mut answer);
        Outcome::Answer(Box::new(answer))
    }

    /// Validation is for documents that are new, and for values that only the schema can judge.
    fn api_for(&self, document: &Document, operation: &Operation) -> Arc<Api> {
        let is_sure = operation.is_checked_here && document.is_valid();
        if is_sure { Arc::new(self.api().trusting()) } else { self.api() }
    }

    async fn resolve(&self, params: &Params) -> Result<Arc<str>, Refusal> {
        self.persisted.resolve(params.query.clone(), &params.extensions).await.map_err(|why| match why {
            NoOperation::NotFound => Refusal::persisted_query_not_found(),
            other => Refusal::bad_request(other.to_string()),
        })
    }

    /// The kept answer to a document that was never read but is like one that ran.
    fn tell_alike(&self, text: &Arc<str>, ask: &Ask, running: &mut Running) -> Option<Ready> {
        let answers = self.answers.as_ref()?;
        let (document, alias) = self.documents.find_alike(text)?;
        let operation = document.pick(ask.params.operation_name.as_deref()).ok()?;
        let ready = answers.find(&question(&document, operation, ask)?)?;
        running.is(operation.kind, operation.name.as_ref().map(Name::as_str));
        Some(ready.under(alias.as_deref()))
    }

    async fn prepare(
        &self,
        document: &Document,
        operation: &Operation,
        ask: &Ask,
    ) -> Result<(async_graphql::Request, Measured), Refusal> {
        let params = &ask.params;
        if !ask.kinds.contains(&operation.kind) {
            return Err(Refusal::method_not_allowed());
        }
        if operation.weight.introspects && !self.limits().introspection && !ask.viewer.may(Scope::Admin) {
            return Err(Refusal::schema_not_told());
        }
        let definition = document.definition(operation)?;
        self.types
            .check(&definition.node, &params.variables)
            .map_err(|unfit| Refusal::bad_variables(unfit.to_string()))?;
        let measured = self.measure(ask, &document.ast, &definition.node, &operation.weight).await?;
        let mut request = async_graphql::Request::new("")
            .variables(Variables::from_json(serde_json::Value::Object(params.variables.clone())));
        if let Some(name) = &operation.name {
            request = request.operation_name(name.to_string());
        }
        if operation.is_writable {
            request = request.data(Verbatim);
        }
        request.set_parsed_query(document.ast.clone());
        Ok((request, measured))
    }

    /// Weighs the operation against the limits; refuses what is beyond one, unless limits are only told.
    async fn measure(
        &self,
        ask: &Ask,
        document: &ExecutableDocument,
        operation: &OperationDefinition,
        weight: &Weight,
    ) -> Result<Measured, Refusal> {
        let (api, limits) = (self.api(), self.limits());
        let mut measured = Measured::new(limits.measure_only);
        measured.weigh(limits.check(weight))?;
        measured.weigh(limits.check_lists(&ask.params.variables))?;
        // What is too large to be weighed is too large to be estimated.
        if measured.is_within_limits() {
            let estimated = api.estimate(document, operation, &ask.params.variables);
            measured.cost(Cost { estimated, limit: limits.calls })?;
            if let Some(most) = limits.calls_per_minute {
                let calls = u32::try_from(estimated).unwrap_or(u32::MAX);
                measured.budget(self.pace.count_calls(&ask.viewer.id, calls, most).await)?;
            }
        }
        Ok(measured)
    }

    fn document(&self, text: &Arc<str>) -> Result<Arc<Document>, Refusal> {
        if let Some(known) = self.documents.find(text) {
            return Ok(known);
        }
        let schema = self.answers.is_some().then_some(&self.schema);
        let document = Arc::new(Document::read(text, &self.limits(), &self.types, schema)?);
        self.documents.keep(&document);
        Ok(document)
    }
}

/// Room for what bodies ask.
fn bodies() -> Bodies {
    Cache::with_weighter(USUAL_DOCUMENTS, KEPT_BODIES, BodyLength)
}

/// What the answer of a request is an answer to; none where it is for its caller alone.
fn question(document: &Document, operation: &Operation, ask: &Ask) -> Option<Arc<Question>> {
    let params = &ask.params;
    let retellable = operation.retellable.as_ref()?;
    // Whoever asks for anything beside the answer gets one of his own.
    let is_plain = params.extensions.keys().all(|name| name == "persistedQuery");
    if !is_plain || !retellable.allows(&params.variables) {
        return None;
    }
    let variables =
        if params.variables.is_empty() { String::new() } else { serde_json::to_string(&params.variables).ok()? };
    let operation = operation.name.as_ref().map(|name| Arc::from(name.as_str()));
    let asked = Arc::new(Asked { document: document.likeness.digest, operation, variables });
    Some(Arc::new(Question { asked, sight: Sight::of(&ask.viewer) }))
}
