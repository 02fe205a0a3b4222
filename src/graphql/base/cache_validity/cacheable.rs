//! Allow-list of operations whose responses may be cached and shared: reads of the catalog only.
//!
//! A field that is not listed is never shared, so a new field is uncacheable until it is added.

use std::collections::HashMap;

use async_graphql_parser::types::{
    BaseType, ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet, Type, TypeKind,
    TypeSystemDefinition,
};
use async_graphql_parser::{Error, Positioned, parse_schema};
use async_graphql_value::{Name, Value};

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
    ("Source", &["health"]),
    ("Problem", &[]),
];

/// Root fields that return these types.
const CACHEABLE_ROOTS: &[&str] = &["events", "event"];

/// The argument for the accepted age of a fact. A response with age 0 must come from the vendor and is never shared.
const MAX_AGE_ARGUMENT: &str = "maxAgeSeconds";

/// The types of a schema's fields.
pub struct FieldTypes(HashMap<String, HashMap<String, String>>);

/// An operation whose response is cacheable, depending on its variables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cacheable {
    /// Variables used as `maxAgeSeconds`. The flag says whether the default allows caching.
    max_age_variables: Vec<(String, Option<bool>)>,
}

impl FieldTypes {
    /// Parses the field types of an SDL document.
    pub fn from_sdl(sdl: &str) -> Result<Self, Error> {
        let mut types = HashMap::new();
        for definition in parse_schema(sdl)?.definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let fields = match definition.node.kind {
                TypeKind::Object(object) => object.fields,
                TypeKind::Interface(interface) => interface.fields,
                _ => continue,
            };
            let fields = fields.into_iter().map(|field| {
                let field = field.node;
                (field.name.node.to_string(), named_type(&field.ty.node).to_owned())
            });
            types.insert(definition.node.name.node.to_string(), fields.collect());
        }
        Ok(Self(types))
    }

    fn type_of(&self, parent: &str, field: &str) -> Option<&str> {
        self.0.get(parent)?.get(field).map(String::as_str)
    }
}

impl Cacheable {
    /// Classifies an operation without its variables. Returns `None` if its response must not be shared. Expects an
    /// operation within the operation limits, because fragments are visited once per spread.
    pub fn of(schema: &FieldTypes, document: &ExecutableDocument, operation: &OperationDefinition) -> Option<Self> {
        if operation.ty != OperationType::Query || !operation.directives.is_empty() {
            return None;
        }
        let mut reading =
            CacheableVisitor { schema, document, operation, fragment_stack: Vec::new(), cacheable: Self::default() };
        reading.visit_selection_set(&operation.selection_set.node, "Query").then_some(reading.cacheable)
    }

    /// Returns true if the response is cacheable with these variables.
    pub fn allows_variables(&self, variables: &serde_json::Map<String, serde_json::Value>) -> bool {
        self.max_age_variables.iter().all(|(name, default)| match variables.get(name) {
            Some(serde_json::Value::Null) => true,
            Some(value) => value.as_u64().is_some_and(|seconds| seconds > 0),
            None => default.unwrap_or(true),
        })
    }
}

/// Visitor of an operation.
struct CacheableVisitor<'a> {
    schema: &'a FieldTypes,
    document: &'a ExecutableDocument,
    operation: &'a OperationDefinition,
    /// Fragments being visited.
    fragment_stack: Vec<&'a Name>,
    cacheable: Cacheable,
}

impl<'a> CacheableVisitor<'a> {
    /// Returns true if everything selected on a type is cacheable.
    fn visit_selection_set(&mut self, set: &'a SelectionSet, parent: &str) -> bool {
        set.items.iter().all(|item| match &item.node {
            Selection::Field(field) => self.visit_field(&field.node, parent),
            Selection::InlineFragment(inline) => {
                let on = inline.node.type_condition.as_ref().map(|on| on.node.on.node.as_str());
                on.is_none_or(|on| on == parent) && self.visit_selection_set(&inline.node.selection_set.node, parent)
            }
            Selection::FragmentSpread(spread) => self.visit_fragment(&spread.node.fragment_name.node, parent),
        })
    }

    /// Visits a fragment. A fragment that spreads itself is not cacheable; validation rejects it.
    fn visit_fragment(&mut self, name: &'a Name, parent: &str) -> bool {
        let Some(fragment) = self.document.fragments.get(name).filter(|_| !self.fragment_stack.contains(&name)) else {
            return false;
        };
        self.fragment_stack.push(name);
        let is_cacheable = fragment.node.type_condition.node.on.node == parent
            && self.visit_selection_set(&fragment.node.selection_set.node, parent);
        self.fragment_stack.pop();
        is_cacheable
    }

    fn visit_field(&mut self, field: &'a Field, parent: &str) -> bool {
        let name = field.name.node.as_str();
        if name == "__typename" {
            return true;
        }
        let is_fact = match parent {
            "Query" => CACHEABLE_ROOTS.contains(&name),
            _ => CACHEABLE_TYPES.iter().any(|(listed, excluded)| *listed == parent && !excluded.contains(&name)),
        };
        let schema = self.schema;
        let Some(kind) = schema.type_of(parent, name) else { return false };
        is_fact && self.visit_max_age(&field.arguments) && self.visit_selection_set(&field.selection_set.node, kind)
    }

    fn visit_max_age(&mut self, arguments: &[(Positioned<Name>, Positioned<Value>)]) -> bool {
        arguments.iter().filter(|(name, _)| name.node == MAX_AGE_ARGUMENT).all(|(_, value)| match &value.node {
            Value::Variable(name) => {
                let definition =
                    self.operation.variable_definitions.iter().find(|definition| definition.node.name.node == *name);
                let default = definition.and_then(|definition| definition.node.default_value.as_ref());
                let default = default.map(|value| allows_cached_facts(&value.node.clone().into_value()));
                self.cacheable.max_age_variables.push((name.to_string(), default));
                true
            }
            literal => allows_cached_facts(literal),
        })
    }
}

/// Returns true if the age allows a cached fact.
fn allows_cached_facts(age: &Value) -> bool {
    match age {
        Value::Null => true,
        Value::Number(seconds) => seconds.as_u64().is_some_and(|seconds| seconds > 0),
        _ => false,
    }
}

fn named_type(kind: &Type) -> &str {
    match &kind.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => named_type(inner),
    }
}

#[cfg(test)]
mod tests {
    use async_graphql_parser::parse_query;

    use super::*;
    use crate::graphql::schema::sdl;

    fn read(text: &str) -> Option<Cacheable> {
        let document = parse_query(text).expect("a document");
        let (_, operation) = document.operations.iter().next().expect("an operation");
        Cacheable::of(&FieldTypes::from_sdl(&sdl()).expect("a schema"), &document, &operation.node)
    }

    #[test]
    fn catalog_reads_are_cacheable() {
        for text in [
            "{ events { nodes { id title ticketTypes { name price { retail { formatted } } } } } }",
            "{ a: event(id: \"x\") { ...F source { name vendor } } } fragment F on Event { calendar(from: \"2026-01-01\", to: \"2026-01-02\") { date } }",
            "{ events { nodes { performances { nodes { availability(maxAgeSeconds: 30) { status } } } } __typename } }",
        ] {
            assert!(read(text).is_some(), "{text}");
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
            "{ events { nodes { performances { nodes { availability(maxAgeSeconds: 0) { status } } } } } }",
            "{ events { nodes { ... on Node { id } } } }",
            "{ __schema { types { name } } }",
            "{ events { nodes { ...F } } } fragment F on Event { source { ...F } ...F }",
            "mutation { releaseOrder(input: {}) { order { id } } }",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_variable_with_age_zero_is_not_cacheable() {
        let text = |default| {
            format!(
                "query($age: Int{default}) {{ events {{ nodes {{ performances {{ nodes {{
                   availability(maxAgeSeconds: $age) {{ status }} }} }} }} }} }}"
            )
        };
        let variables = |age: serde_json::Value| serde_json::Map::from_iter([("age".to_owned(), age)]);
        let plain = read(&text("")).expect("a cacheable operation");
        let none = serde_json::Map::new();
        assert!(plain.allows_variables(&none) && plain.allows_variables(&variables(30.into())));
        assert!(plain.allows_variables(&variables(serde_json::Value::Null)), "the usual age");
        assert!(!plain.allows_variables(&variables(0.into())));
        let now = read(&text(" = 0")).expect("a cacheable operation");
        assert!(!now.allows_variables(&none) && now.allows_variables(&variables(30.into())));
    }

    #[test]
    fn every_listed_type_and_exception_exists() {
        let schema = FieldTypes::from_sdl(&sdl()).expect("a schema");
        for (name, others) in CACHEABLE_TYPES {
            let fields = schema.0.get(*name).unwrap_or_else(|| panic!("there is no {name}"));
            assert!(others.iter().all(|other| fields.contains_key(*other)), "{name}");
        }
        assert!(CACHEABLE_ROOTS.iter().all(|root| schema.type_of("Query", root).is_some()));
    }
}
