//! Which operations may be answered by an answer that was made for somebody else: reads of the catalogue, and nothing beside it.
//!
//! What is not named here is never shared, so that a new field is told anew until somebody decides otherwise.

use std::collections::HashMap;

use async_graphql_parser::types::{
    BaseType, ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet, Type, TypeKind,
    TypeSystemDefinition,
};
use async_graphql_parser::{Error, Positioned, parse_schema};
use async_graphql_value::{Name, Value};

/// Types whose fields are facts of the catalogue, or of the configuration, with those of their fields that are not.
const FACTS: &[(&str, &[&str])] = &[
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

/// Fields at the root that tell them.
const ROOTS: &[&str] = &["events", "event"];

/// The argument that says how old a fact may be; 0 asks the vendor, which nobody can do for another.
const MAX_AGE: &str = "maxAgeSeconds";

/// The types of the fields of a schema.
pub struct Schema(HashMap<String, HashMap<String, String>>);

/// An operation whose answer may be told again. Its arguments may still forbid it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retellable {
    /// Variables that say how old a fact may be, with their defaults.
    ages: Vec<(String, Option<bool>)>,
}

impl Schema {
    /// Reads them from the text of a schema.
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
                (field.name.node.to_string(), named(&field.ty.node).to_owned())
            });
            types.insert(definition.node.name.node.to_string(), fields.collect());
        }
        Ok(Self(types))
    }

    fn type_of(&self, parent: &str, field: &str) -> Option<&str> {
        self.0.get(parent)?.get(field).map(String::as_str)
    }
}

impl Retellable {
    /// What is known of an operation before its variables are; none where its answer is for its caller alone. Expects an operation
    /// whose weight is within its limits: what is spread is walked as often as it is spread.
    pub fn of(schema: &Schema, document: &ExecutableDocument, operation: &OperationDefinition) -> Option<Self> {
        if operation.ty != OperationType::Query || !operation.directives.is_empty() {
            return None;
        }
        let mut reading = Reading { schema, document, operation, open: Vec::new(), found: Self::default() };
        reading.set(&operation.selection_set.node, "Query").then_some(reading.found)
    }

    /// Whether these variables let it be told again.
    pub fn allows(&self, variables: &serde_json::Map<String, serde_json::Value>) -> bool {
        self.ages.iter().all(|(name, default)| match variables.get(name) {
            Some(serde_json::Value::Null) => true,
            Some(value) => value.as_u64().is_some_and(|seconds| seconds > 0),
            None => default.unwrap_or(true),
        })
    }
}

/// The way through an operation.
struct Reading<'a> {
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    operation: &'a OperationDefinition,
    /// Fragments on the way to here.
    open: Vec<&'a Name>,
    found: Retellable,
}

impl<'a> Reading<'a> {
    /// Whether all that is selected of a type may be told again.
    fn set(&mut self, set: &'a SelectionSet, parent: &str) -> bool {
        set.items.iter().all(|item| match &item.node {
            Selection::Field(field) => self.field(&field.node, parent),
            Selection::InlineFragment(inline) => {
                let on = inline.node.type_condition.as_ref().map(|on| on.node.on.node.as_str());
                on.is_none_or(|on| on == parent) && self.set(&inline.node.selection_set.node, parent)
            }
            Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node, parent),
        })
    }

    /// The same of a fragment. One that spreads itself is not valid, which is told elsewhere.
    fn fragment(&mut self, name: &'a Name, parent: &str) -> bool {
        let Some(fragment) = self.document.fragments.get(name).filter(|_| !self.open.contains(&name)) else {
            return false;
        };
        self.open.push(name);
        let fits =
            fragment.node.type_condition.node.on.node == parent && self.set(&fragment.node.selection_set.node, parent);
        self.open.pop();
        fits
    }

    fn field(&mut self, field: &'a Field, parent: &str) -> bool {
        let name = field.name.node.as_str();
        if name == "__typename" {
            return true;
        }
        let is_fact = match parent {
            "Query" => ROOTS.contains(&name),
            _ => FACTS.iter().any(|(known, others)| *known == parent && !others.contains(&name)),
        };
        let schema = self.schema;
        let Some(kind) = schema.type_of(parent, name) else { return false };
        is_fact && self.ages_fit(&field.arguments) && self.set(&field.selection_set.node, kind)
    }

    fn ages_fit(&mut self, arguments: &[(Positioned<Name>, Positioned<Value>)]) -> bool {
        arguments.iter().filter(|(name, _)| name.node == MAX_AGE).all(|(_, value)| match &value.node {
            Value::Variable(name) => {
                let definition = self.operation.variable_definitions.iter().find(|known| known.node.name.node == *name);
                let default = definition.and_then(|known| known.node.default_value.as_ref());
                let default = default.map(|value| is_some_time(&value.node.clone().into_value()));
                self.found.ages.push((name.to_string(), default));
                true
            }
            literal => is_some_time(literal),
        })
    }
}

/// Whether an age is not "now".
fn is_some_time(age: &Value) -> bool {
    match age {
        Value::Null => true,
        Value::Number(seconds) => seconds.as_u64().is_some_and(|seconds| seconds > 0),
        _ => false,
    }
}

fn named(kind: &Type) -> &str {
    match &kind.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => named(inner),
    }
}

#[cfg(test)]
mod tests {
    use async_graphql_parser::parse_query;

    use super::*;
    use crate::graphql::schema::sdl;

    fn read(text: &str) -> Option<Retellable> {
        let document = parse_query(text).expect("a document");
        let (_, operation) = document.operations.iter().next().expect("an operation");
        Retellable::of(&Schema::from_sdl(&sdl()).expect("a schema"), &document, &operation.node)
    }

    #[test]
    fn reads_of_the_catalogue_may_be_told_again() {
        for text in [
            "{ events { nodes { id title ticketTypes { name price { retail { formatted } } } } } }",
            "{ a: event(id: \"x\") { ...F source { name vendor } } } fragment F on Event { calendar(from: \"2026-01-01\", to: \"2026-01-02\") { date } }",
            "{ events { nodes { performances { nodes { availability(maxAgeSeconds: 30) { status } } } } __typename } }",
        ] {
            assert!(read(text).is_some(), "{text}");
        }
    }

    #[test]
    fn nothing_else_may() {
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
    fn a_variable_that_asks_for_now_forbids_it() {
        let text = |default| {
            format!(
                "query($age: Int{default}) {{ events {{ nodes {{ performances {{ nodes {{
                   availability(maxAgeSeconds: $age) {{ status }} }} }} }} }} }}"
            )
        };
        let variables = |age: serde_json::Value| serde_json::Map::from_iter([("age".to_owned(), age)]);
        let plain = read(&text("")).expect("retellable");
        let none = serde_json::Map::new();
        assert!(plain.allows(&none) && plain.allows(&variables(30.into())));
        assert!(plain.allows(&variables(serde_json::Value::Null)), "the usual age");
        assert!(!plain.allows(&variables(0.into())));
        let now = read(&text(" = 0")).expect("retellable");
        assert!(!now.allows(&none) && now.allows(&variables(30.into())));
    }

    #[test]
    fn every_type_and_exception_that_is_named_is_there() {
        let schema = Schema::from_sdl(&sdl()).expect("a schema");
        for (name, others) in FACTS {
            let fields = schema.0.get(*name).unwrap_or_else(|| panic!("there is no {name}"));
            assert!(others.iter().all(|other| fields.contains_key(*other)), "{name}");
        }
        assert!(ROOTS.iter().all(|root| schema.type_of("Query", root).is_some()));
    }
}
