//! The schema: roots, limits, SDL and execution.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::registry::{MetaType, Registry};
use async_graphql::{
    EmptyMutation, MergedObject, MergedSubscription, ObjectType, OutputType, PathSegment, Request, Response,
    SDLExportOptions, Schema, ServerError, SubscriptionType, ValidationMode,
};
use domain::error::VendorError;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::ErrorCode;
use crate::graphql::root::RootQuery;
use crate::graphql::subgraph::SubgraphQuery;
use crate::graphql::topics::admissions::{AdmissionsMutation, AdmissionsQuery};
use crate::graphql::topics::authoring::{AuthoringMutation, SectionMutation};
use crate::graphql::topics::catalog::{CatalogQuery, CatalogSubscription};
use crate::graphql::topics::deliveries::DeliveryMutation;
use crate::graphql::topics::orders::{OrdersMutation, OrdersQuery, OrdersSubscription};
use crate::graphql::topics::resellers::{ResellersMutation, ResellersQuery};
use crate::graphql::topics::sources::{SourcesQuery, SourcesSubscription};

// One object per topic, and the fields that are served without being part of the SDL.
/// The query root.
#[derive(MergedObject, Default)]
#[graphql(name = "Query")]
pub struct QueryRoot<T: ObjectType + Default>(
    RootQuery,
    SourcesQuery,
    CatalogQuery,
    AdmissionsQuery,
    OrdersQuery,
    ResellersQuery,
    T,
);

/// The query root of the SDL.
pub type Query = QueryRoot<EmptyMutation>;

/// The query root as served, with the fields that a federation gateway requires.
pub type ServedQuery = QueryRoot<SubgraphQuery>;

/// The mutation root: one object per topic, at most six.
#[derive(MergedObject, Default)]
pub struct Mutation(
    OrdersMutation,
    AuthoringMutation,
    SectionMutation,
    AdmissionsMutation,
    ResellersMutation,
    DeliveryMutation,
);

/// The subscription root: one object per topic, at most six.
#[derive(MergedSubscription, Default)]
pub struct Subscription(OrdersSubscription, CatalogSubscription, SourcesSubscription);

/// Maps each root field, by root and field name, to the topic of the object that defines it.
pub(super) fn topics() -> HashMap<(String, String), &'static str> {
    let query = [
        ("graph", object_fields::<RootQuery>()),
        ("sources", object_fields::<SourcesQuery>()),
        ("catalog", object_fields::<CatalogQuery>()),
        ("admissions", object_fields::<AdmissionsQuery>()),
        ("orders", object_fields::<OrdersQuery>()),
        ("partners", object_fields::<ResellersQuery>()),
    ];
    let mutation = [
        ("orders", object_fields::<OrdersMutation>()),
        ("authoring", object_fields::<AuthoringMutation>()),
        ("authoring", object_fields::<SectionMutation>()),
        ("admissions", object_fields::<AdmissionsMutation>()),
        ("partners", object_fields::<ResellersMutation>()),
        ("delivery", object_fields::<DeliveryMutation>()),
    ];
    let subscription = [
        ("orders", subscription_fields::<OrdersSubscription>()),
        ("catalog", subscription_fields::<CatalogSubscription>()),
        ("sources", subscription_fields::<SourcesSubscription>()),
    ];
    let of = |root: &'static str, topic: &'static str, fields: Vec<String>| {
        fields.into_iter().map(move |field| ((root.to_owned(), field), topic))
    };
    let query = query.into_iter().flat_map(|(topic, fields)| of("Query", topic, fields));
    let mutation = mutation.into_iter().flat_map(|(topic, fields)| of("Mutation", topic, fields));
    let subscription = subscription.into_iter().flat_map(|(topic, fields)| of("Subscription", topic, fields));
    query.chain(mutation).chain(subscription).collect()
}

fn object_fields<T: OutputType>() -> Vec<String> {
    let mut registry = Registry::default();
    T::create_type_info(&mut registry);
    type_fields(&registry, &T::type_name())
}

fn subscription_fields<T: SubscriptionType>() -> Vec<String> {
    let mut registry = Registry::default();
    T::create_type_info(&mut registry);
    type_fields(&registry, &T::type_name())
}

fn type_fields(registry: &Registry, name: &str) -> Vec<String> {
    match registry.types.get(name) {
        Some(MetaType::Object { fields, .. }) => fields.keys().cloned().collect(),
        _ => Vec::new(),
    }
}

/// The complete schema.
pub type ApiSchema = Schema<ServedQuery, Mutation, Subscription>;

/// Limits of a document, and what the schema reveals about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest nesting depth of fields.
    pub depth: usize,
    /// Largest number of fields, those of a list counted once per row of its page.
    pub complexity: usize,
    /// Largest number of aliases.
    pub aliases: usize,
    /// Largest number of directives on one field.
    pub directives: usize,
    /// Largest nesting depth of selections including fragments; bounds the work before validation.
    pub recursion: usize,
    /// True if clients may introspect the schema.
    pub introspection: bool,
    /// True if error messages suggest existing names.
    pub suggestions: bool,
}

/// Allows every sensible document, including the introspection query of GraphiQL (depth 15, 18 with fragments).
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

/// Builds the schema. It is cheap to clone; one is enough for the process.
pub fn build(limits: &Limits) -> ApiSchema {
    build_with_mode(limits, ValidationMode::Strict)
}

/// Builds a schema for documents that the schema of [`build`] has validated. It still enforces the limits.
pub(super) fn build_prevalidated(limits: &Limits) -> ApiSchema {
    build_with_mode(limits, ValidationMode::Fast)
}

fn build_with_mode(limits: &Limits, mode: ValidationMode) -> ApiSchema {
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

/// Returns the schema as SDL, sorted and deterministic.
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

/// Executes a request for a viewer. Errors are in document order and carry a code of the closed list and the request
/// id. Failures of sources are logged with their causes, which never reach the response.
pub async fn execute(schema: &ApiSchema, mut request: Request, ctx: Arc<Ctx>) -> Response {
    if let Err(error) = parse(&mut request) {
        return finalize(Response::from_errors(vec![error]), &ctx);
    }
    let response = schema.execute(request.data(Arc::clone(&ctx))).await;
    finalize(response, &ctx)
}

/// Parses the document unless it is already parsed. Syntax errors get a fixed message with the position.
fn parse(request: &mut Request) -> Result<(), ServerError> {
    request.parsed_query().map(drop).map_err(|error| {
        let position = error.locations.first().copied();
        let at = position.map(|at| format!(" Syntax error at line {}, column {}.", at.line, at.column));
        let message = format!("The document is not valid GraphQL.{}", at.unwrap_or_default());
        let mut error = ServerError::new(message, position);
        set_extension(&mut error, "code", ErrorCode::GraphqlParseFailed.as_str());
        error
    })
}

/// Sorts the errors and adds the code and the request id to each.
pub(super) fn finalize(mut response: Response, ctx: &Ctx) -> Response {
    for error in &mut response.errors {
        if let Some(failure) = error.source::<VendorError>() {
            ctx.log_failure(failure);
        }
        if error.extensions.as_ref().is_none_or(|extensions| extensions.get("code").is_none()) {
            // An error inside a field without one of our codes is an argument of the wrong type.
            let code = if error.path.is_empty() { ErrorCode::GraphqlValidationFailed } else { ErrorCode::BadUserInput };
            set_extension(error, "code", code.as_str());
        }
        set_extension(error, "requestId", &ctx.request_id);
    }
    response.errors.sort_by(by_document_position);
    response
}

fn set_extension(error: &mut ServerError, name: &str, value: &str) {
    error.extensions.get_or_insert_default().set(name, value);
}

/// Orders errors by their position in the document. Fields run concurrently, so errors arrive in any order.
fn by_document_position(one: &ServerError, other: &ServerError) -> Ordering {
    let position = |error: &ServerError| error.locations.first().map(|at| (at.line, at.column));
    position(one)
        .cmp(&position(other))
        .then_with(|| one.path.iter().map(segment_order).cmp(other.path.iter().map(segment_order)))
}

fn segment_order(segment: &PathSegment) -> (usize, &str) {
    match segment {
        PathSegment::Index(index) => (*index, ""),
        PathSegment::Field(name) => (0, name),
    }
}
