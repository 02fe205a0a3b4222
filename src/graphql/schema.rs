//! The schema: roots, limits, SDL and execution.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::registry::{MetaType, Registry};
use async_graphql::{
    EmptyMutation, MergedObject, MergedSubscription, ObjectType, OutputType, PathSegment, Response, SDLExportOptions,
    Schema, ServerError, SubscriptionType, ValidationMode,
};
use domain::error::VendorError;

use crate::graphql::base::budget::CountFields;
use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::deferred::{DeferDirective, DeliverDeferred};
use crate::graphql::base::error::ErrorCode;
use crate::graphql::operation::LoweredOperation;
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

/// Builds the executable schema, for operations that were validated and lowered before. It is cheap to clone; one is
/// enough for the process.
pub fn build() -> ApiSchema {
    // Documents were validated against the served schema, so nothing is validated here.
    Schema::build(ServedQuery::default(), Mutation::default(), Subscription::default())
        .validation_mode(ValidationMode::Fast)
        .directive(DeferDirective)
        .extension(DeliverDeferred)
        .extension(CountFields)
        .finish()
}

/// Returns the SDL of the schema as served, with the fields that a federation gateway requires.
pub(super) fn served_sdl() -> String {
    Schema::build(ServedQuery::default(), Mutation::default(), Subscription::default())
        .directive(DeferDirective)
        .finish()
        .sdl_with_options(sdl_options())
}

/// Returns the schema as SDL, sorted and deterministic.
pub fn sdl() -> String {
    Schema::build(Query::default(), Mutation::default(), Subscription::default())
        .directive(DeferDirective)
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

/// Executes a lowered operation. Errors are in document order and carry a code of the closed list and the request id.
/// Failures of sources are logged with their causes, which never reach the response.
pub async fn execute(schema: &ApiSchema, operation: LoweredOperation, ctx: Arc<Ctx>) -> Response {
    let response = schema.execute(operation.into_request().data(Arc::clone(&ctx))).await;
    finalize(response, &ctx)
}

/// Sorts the errors and adds the code and the request id to each.
pub(super) fn finalize(mut response: Response, ctx: &Ctx) -> Response {
    if let Some(limit) = ctx.budget.reset() {
        response = Response::from_errors(vec![too_many_fields(limit)]);
    }
    complete_errors(&mut response.errors, ctx);
    response
}

/// Adds the code and the request id to each error, and sorts them.
pub(super) fn complete_errors(errors: &mut [ServerError], ctx: &Ctx) {
    for error in errors.iter_mut() {
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
    errors.sort_by(by_document_position);
}

pub(super) fn too_many_fields(limit: u64) -> ServerError {
    let message = format!(
        "the response has more than {limit} fields: select fewer rows or levels; a mutation has taken effect all the same"
    );
    let mut error = ServerError::new(message, None);
    set_extension(&mut error, "code", ErrorCode::OperationTooLarge.as_str());
    error
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
