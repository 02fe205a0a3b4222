//! Allow-list of operations whose responses may be cached and shared: reads of the catalog only.
//!
//! A field that is not listed is never shared, so a new field is uncacheable until it is added.

use async_graphql_parser::types::{Field, OperationDefinition, OperationType, Selection, SelectionSet};
use async_graphql_value::Value;

use crate::graphql::operation::ServedSchema;

/// Types whose fields are facts of the catalog or of the configuration, each with its uncacheable fields.
const CACHEABLE_TYPES: &[(&str, &[&str])] = &[
    ("EventConnection", &[]),
    ("EventEdge", &[]),
    ("Event", &["admissionTokens"]),
    ("PageInfo", &[]),
    ("PerformanceConnection", &[]),
    ("PerformanceEdge", &[]),
    ("Performance", &[]),
    ("Availability", &[]),
    ("Offer", &[]),
    ("TicketType", &[]),
    ("Section", &[]),
    ("Price", &[]),
    ("Tax", &[]),
    ("Money", &[]),
    ("CalendarDay", &[]),
    ("Freshness", &[]),
    ("ExternalRef", &[]),
    ("Source", &["capacity", "health", "lastFailures", "paused"]),
    ("Problem", &[]),
    ("_Entity", &[]),
];

/// Types of entities that a federation gateway may share.
const CACHEABLE_ENTITIES: &[&str] = &["Event", "Performance", "TicketType", "Section"];

/// Root fields that return these types.
const CACHEABLE_ROOTS: &[&str] = &["events", "event", "_entities"];

/// The argument with the entities that a federation gateway requests.
const REPRESENTATIONS_ARGUMENT: &str = "representations";

/// The argument for the accepted age of a fact. A response with age 0 must come from the vendor and is never shared.
const MAX_AGE_ARGUMENT: &str = "maxAgeSeconds";

/// Returns true if the response of a lowered operation may be shared.
pub fn is_cacheable(schema: ServedSchema, operation: &OperationDefinition) -> bool {
    operation.ty == OperationType::Query && allows_set(schema, &operation.selection_set.node, "Query")
}

/// Returns true if a type is an entity whose facts may be shared.
pub fn is_cacheable_entity(name: &str) -> bool {
    CACHEABLE_ENTITIES.contains(&name)
}

/// Returns true if everything selected on a type is cacheable.
fn allows_set(schema: ServedSchema, set: &SelectionSet, parent: &str) -> bool {
    set.items.iter().all(|item| match &item.node {
        Selection::Field(field) => allows_field(schema, &field.node, parent),
        // What is left of fragments is on objects of several types. Of the listed fields only `_entities` returns those.
        Selection::InlineFragment(fragment) => {
            let condition = fragment.node.type_condition.as_ref().map(|condition| condition.node.on.node.as_str());
            parent == "_Entity"
                && fragment.node.directives.is_empty()
                && condition.is_some_and(|on| {
                    CACHEABLE_ENTITIES.contains(&on) && allows_set(schema, &fragment.node.selection_set.node, on)
                })
        }
        Selection::FragmentSpread(_) => false,
    })
}

fn allows_field(schema: ServedSchema, field: &Field, parent: &str) -> bool {
    let name = field.name.node.as_str();
    if name == "__typename" {
        return true;
    }
    let is_fact = match parent {
        "Query" => CACHEABLE_ROOTS.contains(&name),
        _ => CACHEABLE_TYPES.iter().any(|(listed, excluded)| *listed == parent && !excluded.contains(&name)),
    };
    let Some(kind) = schema.field_type(parent, name) else { return false };
    let max_age = field.get_argument(MAX_AGE_ARGUMENT);
    let representations = field.get_argument(REPRESENTATIONS_ARGUMENT);
    is_fact
        && representations.is_none_or(|entities| are_cacheable_entities(&entities.node))
        && max_age.is_none_or(|age| allows_cached_facts(&age.node))
        && allows_set(schema, &field.selection_set.node, kind)
}

/// Returns true if all entities are facts of the catalog.
fn are_cacheable_entities(representations: &Value) -> bool {
    let is_cacheable = |entity: &Value| match entity {
        Value::Object(fields) => {
            matches!(fields.get("__typename"), Some(Value::String(name)) if CACHEABLE_ENTITIES.contains(&name.as_str()))
        }
        _ => false,
    };
    matches!(representations, Value::List(entities) if entities.iter().all(is_cacheable))
}

/// Returns true if the age allows a cached fact.
fn allows_cached_facts(age: &Value) -> bool {
    match age {
        Value::Null => true,
        Value::Number(seconds) => seconds.as_u64().is_some_and(|seconds| seconds > 0),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::operation::testing::lower;

    fn read(text: &str) -> bool {
        is_cacheable(ServedSchema::new(true), lower(text).operation())
    }

    #[test]
    fn catalog_reads_are_cacheable() {
        for text in [
            "{ events { nodes { id title ticketTypes { name price { retail { formatted } } } } } }",
            "{ a: event(id: \"x\") { ...F source { name vendor } } } fragment F on Event { calendar(from: \"2026-01-01\", to: \"2026-01-02\") { date } }",
            "{ events { nodes { ... on Node { id } } } }",
            "{ events { nodes { id viewer: title @skip(if: true) } } viewer @skip(if: true) { id } }",
            "query($age: Int) { events { nodes { performances { nodes { availability(maxAgeSeconds: $age) { status } } } } } }",
            "{ events { nodes { performances { nodes { availability(maxAgeSeconds: 30) { status } } } } __typename } }",
            "{ _entities(representations: [{__typename: \"Event\", id: \"x\"}]) { __typename ... on Event { title } } }",
        ] {
            assert!(read(text), "{text}");
        }
    }

    #[test]
    fn other_operations_are_not_cacheable() {
        for text in [
            "{ viewer { id } }",
            "{ order(id: \"x\") { id } }",
            "{ orders { nodes { id } } }",
            "{ node(id: \"x\") { id } }",
            "{ events { nodes { admissionTokens { nodes { id } } } } }",
            "{ events { nodes { source { health { state } } } } }",
            "{ events { nodes { source { paused { note } } } } }",
            "{ events { nodes { source { lastFailures { kind } } } } }",
            "{ events { nodes { performances { nodes { availability(maxAgeSeconds: 0) { status } } } } } }",
            "query($age: Int = 0) { events { nodes { performances { nodes { availability(maxAgeSeconds: $age) { status } } } } } }",
            "{ __schema { types { name } } }",
            "{ _entities(representations: [{__typename: \"Order\", id: \"x\"}]) { __typename } }",
            "{ _entities(representations: [{__typename: \"Event\", id: \"x\"}]) { ... on Order { number } } }",
            "{ _entities(representations: [{__typename: \"Event\", id: \"x\"}]) { ... on Event { admissionTokens { nodes { id } } } } }",
            "mutation { releaseOrder(input: {idempotencyKey: \"k\", order: \"x\"}) { order { id } } }",
        ] {
            assert!(!read(text), "{text}");
        }
    }

    #[test]
    fn every_listed_type_and_exception_exists() {
        let schema = ServedSchema::new(true);
        for (name, excluded) in CACHEABLE_TYPES {
            assert_eq!(schema.field_type(name, "__typename"), Some("String"), "there is no {name}");
            assert!(excluded.iter().all(|field| schema.field_type(name, field).is_some()), "{name}");
        }
        assert!(CACHEABLE_ROOTS.iter().all(|root| schema.field_type("Query", root).is_some()));
    }
}
