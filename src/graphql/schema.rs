//! The schema: roots, limits, SDL and execution.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::registry::{MetaType, Registry};
use async_graphql::{
    EmptyMutation, MergedObject, MergedSubscription, ObjectType, OutputType, Response, SDLExportOptions, Schema,
    ServerError, SubscriptionType, ValidationMode,
};

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::deferred::DeferDirective;
use crate::graphql::base::error::ErrorCode;
use crate::graphql::base::resolve_fields::ResolveFields;
use crate::graphql::operation::LoweredOperation;
use crate::graphql::root::RootQuery;
use crate::graphql::subgraph::SubgraphQuery;
use crate::graphql::topics::admissions::{AdmissionsMutation, AdmissionsQuery};
use crate::graphql::topics::audit::AuditQuery;
use crate::graphql::topics::authoring::{AuthoringMutation, SectionMutation};
use crate::graphql::topics::callers::CallersQuery;
use crate::graphql::topics::catalog::{CatalogQuery, CatalogSubscription};
use crate::graphql::topics::deliveries::DeliveryMutation;
use crate::graphql::topics::feed::FeedQuery;
use crate::graphql::topics::orders::{OperatorMutation, OrdersMutation, OrdersQuery, OrdersSubscription};
use crate::graphql::topics::resellers::{ResellersMutation, ResellersQuery};
use crate::graphql::topics::sources::{SourcesQuery, SourcesSubscription};
use crate::graphql::topics::webhooks::{WebhooksMutation, WebhooksQuery};

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
    FeedQuery,
    ResellersQuery,
    AuditQuery,
    CallersQuery,
    WebhooksQuery,
    T,
);

/// The query root of the SDL.
pub type Query = QueryRoot<EmptyMutation>;

/// The query root as served, with the fields that a federation gateway requires.
pub type ServedQuery = QueryRoot<SubgraphQuery>;

/// The mutation root.
#[derive(MergedObject, Default)]
pub struct Mutation(
    OrdersMutation,
    OperatorMutation,
    AuthoringMutation,
    SectionMutation,
    AdmissionsMutation,
    ResellersMutation,
    DeliveryMutation,
    WebhooksMutation,
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
        ("feed", object_fields::<FeedQuery>()),
        ("partners", object_fields::<ResellersQuery>()),
        ("audit", object_fields::<AuditQuery>()),
        ("graph", object_fields::<CallersQuery>()),
        ("webhooks", object_fields::<WebhooksQuery>()),
    ];
    let mutation = [
        ("orders", object_fields::<OrdersMutation>()),
        ("orders", object_fields::<OperatorMutation>()),
        ("authoring", object_fields::<AuthoringMutation>()),
        ("authoring", object_fields::<SectionMutation>()),
        ("admissions", object_fields::<AdmissionsMutation>()),
        ("partners", object_fields::<ResellersMutation>()),
        ("delivery", object_fields::<DeliveryMutation>()),
        ("webhooks", object_fields::<WebhooksMutation>()),
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

/// Describes the schema as a whole, for people who open its documentation.
pub const DESCRIPTION: &str = "\
Events, prices, availability, orders and tickets of many ticketing vendors in one schema.

A *source* is one account at one vendor. Start with `events`: one list over all sources. `performances` are the dates of an event, and \
`availability` has the offers of a date.

`placeOrder` buys from any number of sources. An order has one *leg* for each source, and `tickets` once it is confirmed. \
`quoteCancellation` returns what a cancellation would refund, and `cancelOrder` cancels. Each mutation has an idempotency key: a request \
that is repeated with the same key has no further effect.

A source that is down costs only its own data: lists report it in `problems` and return the rest. Every object with an `id` can be \
refetched with `node`. Callers without a key see the catalog if the operator allows it; everything else needs a scope of the key.";

/// Builds the executable schema, for operations that were validated and lowered before. It is cheap to clone; one is
/// enough for the process.
pub fn build() -> ApiSchema {
    // Documents were validated against the served schema, so nothing is validated here.
    Schema::build(ServedQuery::default(), Mutation::default(), Subscription::default())
        .validation_mode(ValidationMode::Fast)
        .directive(DeferDirective)
        .extension(ResolveFields)
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
    let sdl = Schema::build(Query::default(), Mutation::default(), Subscription::default())
        .directive(DeferDirective)
        .finish()
        .sdl_with_options(sdl_options());
    // The library writes no description of the schema.
    sdl.replacen("\nschema {\n", &format!("\n\"\"\"\n{DESCRIPTION}\n\"\"\"\nschema {{\n"), 1)
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
    ctx.complete_errors(&mut response.errors);
    response
}

pub(super) fn too_many_fields(limit: u64) -> ServerError {
    let message = format!(
        "the response has more than {limit} fields: select fewer rows or levels; a mutation has taken effect all the same"
    );
    ErrorCode::OperationTooLarge.server_error(message, None)
}
