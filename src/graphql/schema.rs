//! The schema: its roots, its limits, its text, and the way into it.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::registry::{MetaType, Registry};
use async_graphql::{
    EmptyMutation, MergedObject, MergedSubscription, ObjectType, OutputType, PathSegment, Request, Response,
    SDLExportOptions, Schema, ServerError, SubscriptionType, ValidationMode,
};

use crate::graphql::admissions::{AdmissionsMutation, AdmissionsQuery};
use crate::graphql::authoring::{AuthoringMutation, SectionMutation};
use crate::graphql::catalog::{CatalogQuery, CatalogSubscription};
use crate::graphql::ctx::Ctx;
use crate::graphql::delivery::DeliveryMutation;
use crate::graphql::error::Code;
use crate::graphql::orders::{OrdersMutation, OrdersQuery, OrdersSubscription};
use crate::graphql::partners::{PartnersMutation, PartnersQuery};
use crate::graphql::root::RootQuery;
use crate::graphql::sources::{SourcesQuery, SourcesSubscription};
use crate::graphql::subgraph::SubgraphQuery;
use domain::error::VendorError;

// One object a topic, and what is served beside the text of the schema.
/// Everything that can be read.
#[derive(MergedObject, Default)]
#[graphql(name = "Query")]
pub struct Roots<T: ObjectType + Default>(
    RootQuery,
    SourcesQuery,
    CatalogQuery,
    AdmissionsQuery,
    OrdersQuery,
    PartnersQuery,
    T,
);

/// Everything that can be read, as the text of the schema has it.
pub type Query = Roots<EmptyMutation>;

/// Everything that can be read, and what a gateway asks of a subgraph.
pub type ServedQuery = Roots<SubgraphQuery>;

/// Everything that can be changed: one object a topic, at most six.
#[derive(MergedObject, Default)]
pub struct Mutation(
    OrdersMutation,
    AuthoringMutation,
    SectionMutation,
    AdmissionsMutation,
    PartnersMutation,
    DeliveryMutation,
);

/// Everything that can be watched: one object a topic, at most six.
#[derive(MergedSubscription, Default)]
pub struct Subscription(OrdersSubscription, CatalogSubscription, SourcesSubscription);

/// The topic of each root field, by the names of its root and itself: that of the object which it is written in.
pub(super) fn topics() -> HashMap<(String, String), &'static str> {
    let query = [
        ("graph", object::<RootQuery>()),
        ("sources", object::<SourcesQuery>()),
        ("catalog", object::<CatalogQuery>()),
        ("admissions", object::<AdmissionsQuery>()),
        ("orders", object::<OrdersQuery>()),
        ("partners", object::<PartnersQuery>()),
    ];
    let mutation = [
        ("orders", object::<OrdersMutation>()),
        ("authoring", object::<AuthoringMutation>()),
        ("authoring", object::<SectionMutation>()),
        ("admissions", object::<AdmissionsMutation>()),
        ("partners", object::<PartnersMutation>()),
        ("delivery", object::<DeliveryMutation>()),
    ];
    let subscription = [
        ("orders", watched::<OrdersSubscription>()),
        ("catalog", watched::<CatalogSubscription>()),
        ("sources", watched::<SourcesSubscription>()),
    ];
    let of = |root: &'static str, topic: &'static str, fields: Vec<String>| {
        fields.into_iter().map(move |field| ((root.to_owned(), field), topic))
    };
    let query = query.into_iter().flat_map(|(topic, fields)| of("Query", topic, fields));
    let mutation = mutation.into_iter().flat_map(|(topic, fields)| of("Mutation", topic, fields));
    let subscription = subscription.into_iter().flat_map(|(topic, fields)| of("Subscription", topic, fields));
    query.chain(mutation).chain(subscription).collect()
}

fn object<T: OutputType>() -> Vec<String> {
    let mut registry = Registry::default();
    T::create_type_info(&mut registry);
    fields(&registry, &T::type_name())
}

fn watched<T: SubscriptionType>() -> Vec<String> {
    let mut registry = Registry::default();
    T::create_type_info(&mut registry);
    fields(&registry, &T::type_name())
}

fn fields(registry: &Registry, name: &str) -> Vec<String> {
    match registry.types.get(name) {
        Some(MetaType::Object { fields, .. }) => fields.keys().cloned().collect(),
        _ => Vec::new(),
    }
}

/// The whole schema.
pub type ApiSchema = Schema<ServedQuery, Mutation, Subscription>;

/// How much a document may ask for, and how much the schema tells about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most fields below each other.
    pub depth: usize,
    /// Most fields in all, those of a list counted for each row of its page.
    pub complexity: usize,
    /// Most aliases.
    pub aliases: usize,
    /// Most directives on one field.
    pub directives: usize,
    /// Most selections inside each other, fragments counted: bounds the work before validation.
    pub recursion: usize,
    /// Whether the schema may be read by clients.
    pub introspection: bool,
    /// Whether error messages suggest names that exist.
    pub suggestions: bool,
}

/// Room for every sensible document, introspection by GraphiQL (15 deep, 18 with fragments) included.
impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 16,
            complexity: 50_000,
            aliases: 200,
            directives: 8,
            recursion: 20,
            introspection: true,
            suggestions: true,
        }
    }
}

/// Builds the schema. Cloning it is cheap; one is enough for the process.
pub fn build(limits: &Limits) -> ApiSchema {
    build_as(limits, ValidationMode::Strict)
}

/// The same for documents that [`build`]'s has found valid: it checks limits and nothing that is sure already.
pub(super) fn build_trusting(limits: &Limits) -> ApiSchema {
    build_as(limits, ValidationMode::Fast)
}

fn build_as(limits: &Limits, mode: ValidationMode) -> ApiSchema {
    let mut builder = Schema::build(ServedQuery::default(), Mutation::default(), Subscription::default())
        .validation_mode(mode)
        .limit_depth(limits.depth)
        .limit_complexity(limits.complexity)
        .limit_aliases(limits.aliases)
        .limit_directives(limits.directives)
        .limit_recursive_depth(limits.recursion);
    if !limits.introspection {
        builder = builder.disable_introspection();
    }
    if !limits.suggestions {
        builder = builder.disable_suggestions();
    }
    builder.finish()
}

/// The schema as text: sorted, the same in every run.
pub fn sdl() -> String {
    Schema::build(Query::default(), Mutation::default(), Subscription::default())
        .finish()
        .sdl_with_options(sdl_options())
}

pub(super) fn sdl_options() -> SDLExportOptions {
    SDLExportOptions::new()
        .sorted_fields()
        .sorted_arguments()
        .sorted_enum_items()
        .include_specified_by()
        .prefer_single_line_descriptions()
        .use_space_ident()
}

/// Runs a request for a viewer. Errors of the answer are in the order of the document and carry a code of the closed list
/// and the request's name; failures of sources are in the log, with their causes, and never in the answer.
pub async fn execute(schema: &ApiSchema, mut request: Request, ctx: Arc<Ctx>) -> Response {
    if let Err(error) = parse(&mut request) {
        return finish(Response::from_errors(vec![error]), &ctx);
    }
    let response = schema.execute(request.data(Arc::clone(&ctx))).await;
    finish(response, &ctx)
}

/// Parses the document, unless it came parsed, and says in our own words where it breaks.
fn parse(request: &mut Request) -> Result<(), ServerError> {
    request.parsed_query().map(drop).map_err(|error| {
        let place = error.locations.first().copied();
        let at = place.map(|at| format!(" It breaks at line {}, column {}.", at.line, at.column));
        let message = format!("The document is not valid GraphQL.{}", at.unwrap_or_default());
        let mut error = ServerError::new(message, place);
        set(&mut error, "code", Code::GraphqlParseFailed.as_str());
        error
    })
}

/// Orders the errors and completes each.
pub(super) fn finish(mut response: Response, ctx: &Ctx) -> Response {
    for error in &mut response.errors {
        if let Some(failure) = error.source::<VendorError>() {
            ctx.tell(failure);
        }
        if error.extensions.as_ref().is_none_or(|extensions| extensions.get("code").is_none()) {
            // What fails inside a field without a code of ours is an argument that does not fit its type.
            let code = if error.path.is_empty() { Code::GraphqlValidationFailed } else { Code::BadUserInput };
            set(error, "code", code.as_str());
        }
        set(error, "requestId", &ctx.request_id);
    }
    response.errors.sort_by(in_document);
    response
}

fn set(error: &mut ServerError, name: &str, value: &str) {
    error.extensions.get_or_insert_default().set(name, value);
}

/// Fields run side by side; their errors come in any order and leave in one.
fn in_document(one: &ServerError, other: &ServerError) -> Ordering {
    let place = |error: &ServerError| error.locations.first().map(|at| (at.line, at.column));
    place(one).cmp(&place(other)).then_with(|| one.path.iter().map(rank).cmp(other.path.iter().map(rank)))
}

fn rank(segment: &PathSegment) -> (usize, &str) {
    match segment {
        PathSegment::Index(index) => (*index, ""),
        PathSegment::Field(name) => (0, name),
    }
}
