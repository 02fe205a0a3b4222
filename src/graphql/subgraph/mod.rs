//! The schema as an Apollo Federation v2 subgraph: its SDL, and the two root fields that a gateway uses.
//!
//! Both fields are implemented here rather than by async-graphql, where one failed entity would fail all the others of
//! the request.

mod sdl_export;

use std::borrow::Cow;
use std::sync::LazyLock;

use async_graphql::indexmap::IndexSet;
use async_graphql::registry::{MetaType, MetaTypeId, Registry};
use async_graphql::resolver_utils::{ContainerType, Fields, resolve_container};
use async_graphql::{
    Context, ContextSelectionSet, ID, InputValueResult, Object, OutputType, Positioned, Scalar, ScalarType,
    ServerResult, SimpleObject, UnionType, Value,
};
use async_graphql_parser::types::Field;
use catalog::InvalidArgument;
use futures_util::future::join_all;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::ApiError;
use crate::graphql::root::{Node, find_node};

pub use sdl_export::{sdl, sdl_with_cache_tags};

/// Largest number of entities in one request: as many as one page has rows, over several lists.
const MAX_ENTITIES: usize = 1_000;

/// A representation of an entity: its `__typename` and its `id`.
pub struct Representation(Value);

/// A representation of an entity: its `__typename` and its `id`.
#[Scalar(name = "_Any")]
impl ScalarType for Representation {
    fn parse(value: Value) -> InputValueResult<Self> {
        Ok(Self(value))
    }

    fn to_value(&self) -> Value {
        self.0.clone()
    }
}

impl Representation {
    fn string_field(&self, name: &str) -> Option<&str> {
        let Value::Object(fields) = &self.0 else { return None };
        match fields.get(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }
}

/// Any entity that a gateway may request by its key: exactly the types that implement Node.
pub struct Entity(Node);

impl ContainerType for Entity {
    async fn resolve_field(&self, _ctx: &Context<'_>) -> ServerResult<Option<Value>> {
        Ok(None)
    }

    fn collect_all_fields<'a>(&'a self, ctx: &ContextSelectionSet<'a>, fields: &mut Fields<'a>) -> ServerResult<()> {
        self.0.collect_all_fields(ctx, fields)
    }
}

impl OutputType for Entity {
    fn type_name() -> Cow<'static, str> {
        Cow::Borrowed("_Entity")
    }

    fn introspection_type_name(&self) -> Cow<'static, str> {
        self.0.introspection_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        registry.create_output_type::<Self, _>(MetaTypeId::Union, |registry| {
            Node::create_type_info(registry);
            let possible_types = match registry.types.get(Node::type_name().as_ref()) {
                Some(MetaType::Interface { possible_types, .. }) => possible_types.clone(),
                _ => IndexSet::new(),
            };
            MetaType::Union {
                name: Self::type_name().into_owned(),
                description: Some("Any entity that a gateway may request by its key.".to_owned()),
                possible_types,
                visible: Some(|_| false),
                inaccessible: false,
                tags: Vec::new(),
                rust_typename: Some(std::any::type_name::<Self>()),
                directive_invocations: Vec::new(),
            }
        })
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, _field: &Positioned<Field>) -> ServerResult<Value> {
        resolve_container(ctx, self).await
    }
}

impl UnionType for Entity {}

/// This schema as a subgraph.
#[derive(SimpleObject)]
#[graphql(name = "_Service", visible = false)]
pub struct SubgraphService {
    /// The SDL of the subgraph.
    sdl: Option<String>,
}

/// The root fields that a federation gateway requires.
#[derive(Default)]
pub struct SubgraphQuery;

#[Object]
impl SubgraphQuery {
    /// This schema as a subgraph.
    #[graphql(name = "_service", visible = false)]
    async fn service(&self, ctx: &Context<'_>) -> SubgraphService {
        static PLAIN: LazyLock<String> = LazyLock::new(sdl);
        static WITH_CACHE_TAGS: LazyLock<String> = LazyLock::new(sdl_with_cache_tags);
        let text = if Ctx::of(ctx).cache_tags { &*WITH_CACHE_TAGS } else { &*PLAIN };
        SubgraphService { sdl: Some(text.clone()) }
    }

    /// Returns entities by their keys, in order, through the shared loaders. Null for each that does not exist.
    #[graphql(name = "_entities", visible = false)]
    async fn entities(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The entities, at most 1,000.")] representations: Vec<Representation>,
    ) -> Result<Vec<Option<Result<Entity, ApiError>>>, ApiError> {
        if representations.len() > MAX_ENTITIES {
            return Err(InvalidArgument::new("representations", format!("at most {MAX_ENTITIES} entities")).into());
        }
        let ctx = Ctx::of(ctx);
        Ok(join_all(representations.iter().map(|representation| find_entity(ctx, representation))).await)
    }
}

/// Finds the entity of a representation. Returns `None` if its id belongs to another type.
async fn find_entity(ctx: &Ctx, representation: &Representation) -> Option<Result<Entity, ApiError>> {
    let (name, id) = (representation.string_field("__typename")?, ID::from(representation.string_field("id")?));
    let found = find_node(ctx, &id).await?;
    match found {
        Ok(node) => (node.introspection_type_name() == name).then(|| Ok(Entity(node))),
        Err(fault) => Some(Err(fault)),
    }
}
