//! The schema beside the contract: names, arguments, defaults and nullability; descriptions; the text that is checked in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use async_graphql_parser::parse_schema;
use async_graphql_parser::types::{FieldDefinition, InputValueDefinition, TypeKind, TypeSystemDefinition};
use ticketgraph::graphql::{Limits, build, sdl};

use super::Graph;

/// What the contract has and the schema does not have yet: types, and fields of types that are there. One a line, sorted;
/// whoever builds one takes its line away.
fn later() -> BTreeSet<&'static str> {
    include_str!("../../fixtures/contract-later.txt").lines().collect()
}

/// Everything a document of types says, each thing by its path: `Event.title(locale)` is `Locale`.
fn facts(text: &str) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    for definition in parse_schema(text).expect("a schema").definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        let name = definition.node.name.node.to_string();
        match &definition.node.kind {
            TypeKind::Scalar => add(&mut facts, &name, "scalar"),
            TypeKind::Enum(kind) => {
                add(&mut facts, &name, "enum");
                for value in &kind.values {
                    add(&mut facts, &format!("{name}.{}", value.node.value.node), "value");
                }
            }
            TypeKind::Object(kind) => {
                add(&mut facts, &name, "type");
                for interface in &kind.implements {
                    add(&mut facts, &format!("{name} is {}", interface.node), "implements");
                }
                add_fields(&mut facts, &name, kind.fields.iter().map(|field| &field.node));
            }
            TypeKind::Interface(kind) => {
                add(&mut facts, &name, "interface");
                add_fields(&mut facts, &name, kind.fields.iter().map(|field| &field.node));
            }
            TypeKind::Union(kind) => {
                add(&mut facts, &name, "union");
                for member in &kind.members {
                    add(&mut facts, &format!("{name} may be {}", member.node), "member");
                }
            }
            TypeKind::InputObject(kind) => {
                add(&mut facts, &name, "input");
                for field in &kind.fields {
                    add_input(&mut facts, &format!("{name}.{}", field.node.name.node), &field.node);
                }
            }
        }
    }
    facts
}

fn add(facts: &mut BTreeMap<String, String>, path: &str, what: &str) {
    facts.insert(path.to_owned(), what.to_owned());
}

fn add_fields<'a>(
    facts: &mut BTreeMap<String, String>,
    owner: &str,
    fields: impl Iterator<Item = &'a FieldDefinition>,
) {
    for field in fields {
        let path = format!("{owner}.{}", field.name.node);
        add(facts, &path, &field.ty.node.to_string());
        for argument in &field.arguments {
            add_input(facts, &format!("{path}({})", argument.node.name.node), &argument.node);
        }
    }
}

fn add_input(facts: &mut BTreeMap<String, String>, path: &str, input: &InputValueDefinition) {
    let default = input.default_value.as_ref().map(|value| format!(" = {}", value.node)).unwrap_or_default();
    add(facts, path, &format!("{}{default}", input.ty.node));
}

/// Whether a thing belongs to what is to come: itself, or its type, or its field.
fn is_later(later: &BTreeSet<&str>, path: &str) -> bool {
    let (owner, rest) = path.split_once(['.', ' ']).unwrap_or((path, ""));
    let field = rest.split('(').next().unwrap_or_default();
    later.contains(owner) || later.contains(format!("{owner}.{field}").as_str())
}

#[test]
fn the_schema_has_everything_of_the_contract_with_the_same_types() {
    let contract = facts(include_str!("../../fixtures/contract.graphql"));
    let (ours, later) = (facts(&sdl()), later());
    let wrong: Vec<_> = contract
        .iter()
        .filter(|(path, _)| !is_later(&later, path))
        .filter(|(path, what)| ours.get(*path) != Some(*what))
        .map(|(path, what)| format!("{path}: {what}, not {:?}", ours.get(path)))
        .collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    let built: Vec<_> = later.iter().filter(|path| ours.contains_key(**path)).collect();
    assert!(built.is_empty(), "built, so take them out of tests/fixtures/contract-later.txt: {built:?}");
}

#[test]
fn the_schema_that_is_checked_in_is_the_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/ticketgraph.graphql");
    let kept = std::fs::read_to_string(path).expect("the schema that is checked in");
    assert!(kept == sdl(), "the schema changed: write it anew with `make schema`");
}

#[test]
fn the_subgraph_that_is_checked_in_is_the_subgraph() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/subgraph.graphql");
    let kept = std::fs::read_to_string(path).expect("the subgraph that is checked in");
    assert!(kept == ticketgraph::graphql::subgraph::sdl(), "the schema changed: write it anew with `make schema`");
}

/// Every description missing from the text of the schema.
#[tokio::test]
async fn everything_in_the_schema_is_described() {
    let document = "{ __schema { types { name description fields(includeDeprecated: true) { name description args { name description } }
        inputFields { name description } enumValues(includeDeprecated: true) { name description } } } }";
    let answer = Graph::of_three().ask(document).await;
    let types = answer["data"]["__schema"]["types"].as_array().expect("types");
    let mut bare = BTreeSet::new();
    for kind in types.iter().filter(|kind| !kind["name"].as_str().is_some_and(is_of_the_language)) {
        note_bare(&mut bare, "", kind);
        let owner = kind["name"].as_str().expect("a name");
        for list in ["fields", "inputFields", "enumValues"] {
            for member in kind[list].as_array().into_iter().flatten() {
                note_bare(&mut bare, owner, member);
                let field = format!("{owner}.{}", member["name"].as_str().expect("a name"));
                for argument in member["args"].as_array().into_iter().flatten() {
                    note_bare(&mut bare, &field, argument);
                }
            }
        }
    }
    assert!(bare.is_empty(), "without a description: {bare:#?}");
}

fn is_of_the_language(name: &str) -> bool {
    name.starts_with("__") || ["Int", "Float", "String", "Boolean", "ID"].contains(&name)
}

fn note_bare(bare: &mut BTreeSet<String>, owner: &str, thing: &serde_json::Value) {
    if thing["description"].as_str().is_none_or(|text| text.trim().len() < 4) {
        bare.insert(format!("{owner}.{}", thing["name"].as_str().unwrap_or_default()));
    }
}

/// The document that GraphiQL and most tools send, as deep as it is.
#[tokio::test]
async fn the_introspection_of_graphiql_is_within_the_limits() {
    let graph = Graph::of_three();
    let answer = graph.ask(include_str!("../../fixtures/introspection.graphql")).await;
    assert_eq!(answer["errors"], serde_json::Value::Null);
    assert_eq!(answer["data"]["__schema"]["queryType"]["name"], "Query");
}

#[tokio::test]
async fn introspection_and_suggestions_can_be_switched_off() {
    let mut graph = Graph::of_three();
    let misspelt = "{ sources { nane } }";
    assert!(graph.run("{ __schema { queryType { name } } }").await.contains("\"Query\""));
    assert!(graph.run(misspelt).await.contains("Did you mean"));
    graph.schema = build(&Limits { introspection: false, suggestions: false, ..Limits::default() });
    assert!(!graph.run("{ __schema { queryType { name } } }").await.contains("\"Query\""));
    assert!(!graph.run(misspelt).await.contains("Did you mean"));
}
