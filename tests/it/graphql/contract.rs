//! The schema compared with the contract: names, arguments, defaults, nullability, descriptions and the checked-in SDL.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use async_graphql_parser::types::{FieldDefinition, InputValueDefinition, TypeKind, TypeSystemDefinition};
use serde_json::json;
use ticketgraph::graphql::operation::ServedSchema;
use ticketgraph::graphql::{DESCRIPTION, sdl};

use crate::documents::{lower, parse_sdl};

use super::TestGraph;

/// Types and fields of the contract that are not implemented yet, one per line and sorted. Remove a line when it is
/// implemented.
fn not_implemented() -> BTreeSet<&'static str> {
    include_str!("../../fixtures/contract-later.txt").lines().collect()
}

/// Maps every entry of an SDL document by its path: `Event.title(locale)` is `Locale`.
fn schema_entries(text: &str) -> BTreeMap<String, String> {
    let mut schema_entries = BTreeMap::new();
    for definition in parse_sdl(text).definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        let name = definition.node.name.node.to_string();
        match &definition.node.kind {
            TypeKind::Scalar => add(&mut schema_entries, &name, "scalar"),
            TypeKind::Enum(kind) => {
                add(&mut schema_entries, &name, "enum");
                for value in &kind.values {
                    add(&mut schema_entries, &format!("{name}.{}", value.node.value.node), "value");
                }
            }
            TypeKind::Object(kind) => {
                add(&mut schema_entries, &name, "type");
                for interface in &kind.implements {
                    add(&mut schema_entries, &format!("{name} is {}", interface.node), "implements");
                }
                add_fields(&mut schema_entries, &name, kind.fields.iter().map(|field| &field.node));
            }
            TypeKind::Interface(kind) => {
                add(&mut schema_entries, &name, "interface");
                add_fields(&mut schema_entries, &name, kind.fields.iter().map(|field| &field.node));
            }
            TypeKind::Union(kind) => {
                add(&mut schema_entries, &name, "union");
                for member in &kind.members {
                    add(&mut schema_entries, &format!("{name} may be {}", member.node), "member");
                }
            }
            TypeKind::InputObject(kind) => {
                add(&mut schema_entries, &name, "input");
                for field in &kind.fields {
                    add_input(&mut schema_entries, &format!("{name}.{}", field.node.name.node), &field.node);
                }
            }
        }
    }
    schema_entries
}

fn add(schema_entries: &mut BTreeMap<String, String>, path: &str, what: &str) {
    schema_entries.insert(path.to_owned(), what.to_owned());
}

fn add_fields<'a>(
    schema_entries: &mut BTreeMap<String, String>,
    owner: &str,
    fields: impl Iterator<Item = &'a FieldDefinition>,
) {
    for field in fields {
        let path = format!("{owner}.{}", field.name.node);
        add(schema_entries, &path, &field.ty.node.to_string());
        for argument in &field.arguments {
            add_input(schema_entries, &format!("{path}({})", argument.node.name.node), &argument.node);
        }
    }
}

fn add_input(schema_entries: &mut BTreeMap<String, String>, path: &str, input: &InputValueDefinition) {
    let default = input.default_value.as_ref().map(|value| format!(" = {}", value.node)).unwrap_or_default();
    add(schema_entries, path, &format!("{}{default}", input.ty.node));
}

/// Returns true if an entry, its type or its field is not implemented yet.
fn is_not_implemented(not_implemented: &BTreeSet<&str>, path: &str) -> bool {
    let (owner, rest) = path.split_once(['.', ' ']).unwrap_or((path, ""));
    let field = rest.split('(').next().unwrap_or_default();
    not_implemented.contains(owner) || not_implemented.contains(format!("{owner}.{field}").as_str())
}

#[test]
fn the_schema_contains_the_whole_contract_with_the_same_types() {
    let contract = schema_entries(include_str!("../../fixtures/contract.graphql"));
    let (ours, not_implemented) = (schema_entries(&sdl()), not_implemented());
    let mismatches: Vec<_> = contract
        .iter()
        .filter(|(path, _)| !is_not_implemented(&not_implemented, path))
        .filter(|(path, what)| ours.get(*path) != Some(*what))
        .map(|(path, what)| format!("{path}: {what}, not {:?}", ours.get(path)))
        .collect();
    assert!(mismatches.is_empty(), "\n{}\n", mismatches.join("\n"));
    let implemented: Vec<_> = not_implemented.iter().filter(|path| ours.contains_key(**path)).collect();
    assert!(
        implemented.is_empty(),
        "implemented, so remove them from tests/fixtures/contract-later.txt: {implemented:?}"
    );
}

#[test]
fn the_checked_in_schema_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/ticketgraph.graphql");
    let checked_in = std::fs::read_to_string(path).expect("the checked-in schema");
    assert!(checked_in == sdl(), "the schema changed: regenerate it with `make schema`");
}

#[test]
fn the_checked_in_subgraph_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/subgraph.graphql");
    let checked_in = std::fs::read_to_string(path).expect("the checked-in subgraph");
    assert!(
        checked_in == ticketgraph::graphql::subgraph::sdl(),
        "the schema changed: regenerate it with `make schema`"
    );
}

#[tokio::test]
async fn the_schema_describes_itself_in_its_text_and_by_introspection() {
    let response = TestGraph::of_three().run_json("{ __schema { description } }").await;
    assert_eq!(response["data"]["__schema"]["description"], DESCRIPTION);
    assert!(sdl().contains(&format!("\"\"\"\n{DESCRIPTION}\n\"\"\"\nschema {{")));
}

/// Lists the entries without a description.
#[tokio::test]
async fn everything_in_the_schema_is_described() {
    let document = "{ __schema { types { name description fields(includeDeprecated: true) { name description args { name description } }
        inputFields { name description } enumValues(includeDeprecated: true) { name description } } } }";
    let response = TestGraph::of_three().run_json(document).await;
    let types = response["data"]["__schema"]["types"].as_array().expect("types");
    let mut undescribed = BTreeSet::new();
    for kind in types.iter().filter(|kind| !kind["name"].as_str().is_some_and(is_builtin)) {
        note_undescribed(&mut undescribed, "", kind);
        let owner = kind["name"].as_str().expect("a name");
        for list in ["fields", "inputFields", "enumValues"] {
            for member in kind[list].as_array().into_iter().flatten() {
                note_undescribed(&mut undescribed, owner, member);
                let field = format!("{owner}.{}", member["name"].as_str().expect("a name"));
                for argument in member["args"].as_array().into_iter().flatten() {
                    note_undescribed(&mut undescribed, &field, argument);
                }
            }
        }
    }
    assert!(undescribed.is_empty(), "without a description: {undescribed:#?}");
}

fn is_builtin(name: &str) -> bool {
    name.starts_with("__") || ["Int", "Float", "String", "Boolean", "ID"].contains(&name)
}

fn note_undescribed(undescribed: &mut BTreeSet<String>, owner: &str, thing: &serde_json::Value) {
    if thing["description"].as_str().is_none_or(|text| text.trim().len() < 4) {
        undescribed.insert(format!("{owner}.{}", thing["name"].as_str().unwrap_or_default()));
    }
}

/// The introspection query of GraphiQL and most tools.
#[tokio::test]
async fn the_introspection_of_graphiql_is_within_the_limits() {
    let graph = TestGraph::of_three();
    let response = graph.run_json(include_str!("../../fixtures/introspection.graphql")).await;
    assert_eq!(response["errors"], serde_json::Value::Null);
    assert_eq!(response["data"]["__schema"]["queryType"]["name"], "Query");
}

#[tokio::test]
async fn suggestions_can_be_disabled() {
    let message = |suggestions, document| {
        let errors = lower(ServedSchema::new(suggestions), document, &json!({"s": "ON_SAL"})).err().expect("an error");
        errors[0].message.clone()
    };
    for (document, without, suggestion) in [
        ("{ sources { nane } }", "Cannot query field \"nane\" on type \"Source\".", " Did you mean \"name\"?"),
        ("{ x: sources { nane } }", "Cannot query field \"nane\" on type \"Source\".", " Did you mean \"name\"?"),
        (
            "{ events(firsts: 1) { nodes { id } } }",
            "Unknown argument \"firsts\" on field \"Query.events\".",
            " Did you mean \"first\"?",
        ),
        (
            "{ events(filter: {status: [ON_SAL]}) { nodes { id } } }",
            "Value \"ON_SAL\" does not exist in \"EventStatus\" enum.",
            " Did you mean \"ON_SALE\" or \"OFF_SALE\"?",
        ),
        (
            "{ events(filter: {txt: \"x\"}) { nodes { id } } }",
            "Field \"txt\" is not defined by type \"EventFilter\".",
            " Did you mean \"text\" or \"to\"?",
        ),
        (
            "query($s: EventStatus!) { events(filter: {status: [$s]}) { nodes { id } } }",
            "variable `$s`: `ON_SAL` does not exist in the enum EventStatus.",
            " Did you mean \"ON_SALE\" or \"OFF_SALE\"?",
        ),
    ] {
        assert_eq!(message(false, document), without, "{document}");
        assert_eq!(message(true, document), format!("{without}{suggestion}"), "{document}");
    }
}
