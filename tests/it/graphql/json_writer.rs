//! Raw JSON rows compared with the executor: the same text for every document.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use async_graphql::{Response, Value};
use async_graphql_parser::types::{BaseType, FieldDefinition, Type, TypeKind, TypeSystemDefinition};
use proptest::prelude::*;
use ticketgraph::graphql::api::Api;
use ticketgraph::graphql::json_writer::to_json;
use ticketgraph::graphql::sdl;

use super::*;
use crate::documents::{lower, parse_sdl, run};

/// Argument variants of fields.
const ARGUMENTS: &[(&str, &[&str])] = &[
    ("title", &["", "(locale: \"fr\")", "(locale: \"de-AT\")"]),
    ("summary", &["", "(locale: \"fr-CH\")"]),
    ("description", &["", "(locale: \"en\")"]),
    ("calendar", &["(from: \"2026-12-01\", to: \"2026-12-03\")"]),
    ("performances", &["", "(first: 2)", "(from: \"2026-12-02T00:00:00Z\", first: 3)"]),
    ("availability", &["", "(maxAgeSeconds: 5)", "(quantity: 3)", "(maxAgeSeconds: 0, quantity: 90)"]),
];

impl TestGraph {
    /// Executes a document for a viewer of one reseller, with raw JSON rows if the server would allow them.
    async fn execute_for_reseller(&self, document: &str, raw_json: bool) -> Response {
        let viewer = Viewer {
            id: "tester".to_owned(),
            name: "A tester".to_owned(),
            reseller: Some("tiqets".to_owned()),
            scopes: [Scope::CatalogRead, Scope::AdmissionRead].into(),
        };
        if raw_json {
            let api = Api::new(default_api_settings(), Arc::clone(&self.services));
            return match lower(api.served_schema(), document, &serde_json::Value::Null) {
                Ok(operation) => api.execute(operation, Arc::new(viewer), "r-1").await,
                Err(_) => run(document, &serde_json::Value::Null, self.ctx(viewer)).await,
            };
        }
        run(document, &serde_json::Value::Null, self.ctx(viewer)).await
    }

    /// Asserts that both paths return the same text. Returns true if rows were written as raw JSON.
    async fn assert_same_json(&self, document: &str) -> bool {
        let plain = serde_json::to_string(&self.execute_for_reseller(document, false).await).expect("JSON");
        let response = self.execute_for_reseller(document, true).await;
        let written = String::from_utf8(to_json(&response)).expect("text");
        assert_eq!(written, plain, "{document}");
        contains_raw_json(&response.data)
    }
}

fn contains_raw_json(value: &Value) -> bool {
    match value {
        Value::Binary(_) => true,
        Value::Object(fields) => fields.values().any(contains_raw_json),
        Value::List(items) => items.iter().any(contains_raw_json),
        _ => false,
    }
}

#[tokio::test(start_paused = true)]
async fn raw_json_rows_equal_the_output_of_the_executor() {
    let graph = TestGraph::of_three();
    for fields in [
        "nodes { id title(locale: \"fr\") startsAt status ticketTypes { id name price { retail { amount formatted french: formatted(locale: \"fr\") } net { amount } } } }",
        "edges { cursor node { __typename priceFrom { currency exponent } sections { id name } source { name capabilities } } }",
        "nodes { performances(first: 2) { nodes { startsAt availability(quantity: 2) { status offers { ticketType { name } price { taxes { name } } } problems { message } freshness { mode observedAt } } } pageInfo { endCursor } problems { message } } }",
    ] {
        assert!(
            graph.assert_same_json(&format!("{{ events {{ {fields} }} }}")).await,
            "left to the executor: {fields}"
        );
    }
    let spread = "{ events { nodes { ...F ... on Event { venue } } } }
        fragment F on Event { id externalRefs { kind value } ... @skip(if: false) { summary } ... @skip(if: true) { title } }";
    assert!(graph.assert_same_json(spread).await, "left to the executor: {spread}");
}

#[tokio::test(start_paused = true)]
async fn fields_that_are_not_in_memory_are_left_to_the_executor() {
    let graph = TestGraph::of_three();
    for fields in [
        "nodes { source { health { state } } }",
        "nodes { admissionTokens { nodes { id } } }",
        "nodes { calendar(from: \"2026-12-01\", to: \"2026-12-02\") { date } }",
        "nodes { performances(first: 0) { nodes { id } } }",
        "nodes { title(locale: \"??\") }",
    ] {
        assert!(!graph.assert_same_json(&format!("{{ events {{ {fields} }} }}")).await, "written: {fields}");
    }
    graph.catalog("opera").behave(fake::Behavior::Failing("unavailable"));
    graph.assert_same_json("{ events { nodes { title ticketTypes { name } } problems { message } } }").await;
    graph.catalog("opera").behave_in(domain::VendorOperation::LoadTicketTypes, fake::Behavior::Failing("timeout"));
    assert!(!graph.assert_same_json("{ events { nodes { title ticketTypes { name } } } }").await);
    graph.catalog("opera").behave_in(domain::VendorOperation::LoadAvailability, fake::Behavior::Failing("timeout"));
    let document = "{ events { nodes { performances { nodes { availability { status problems { code } } } } } } }";
    assert!(!graph.assert_same_json(document).await);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_paths_return_the_same_for_every_document(draws in prop::collection::vec(any::<u8>(), 20..400)) {
        let document = DocumentGenerator::new(&draws).document();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
        runtime.block_on(async { TestGraph::of_three().assert_same_json(&document).await });
    }
}

#[tokio::test(start_paused = true)]
async fn random_documents_are_mostly_valid_and_often_written_as_raw_json() {
    let (graph, mut valid, mut written) = (TestGraph::of_three(), 0, 0);
    for seed in 0..100_u32 {
        let draws: Vec<u8> = (0..300_u32)
            .map(|at| (seed.wrapping_mul(2_654_435_761) ^ at.wrapping_mul(40_503)).wrapping_mul(97) as u8)
            .collect();
        let document = DocumentGenerator::new(&draws).document();
        valid += usize::from(graph.execute_for_reseller(&document, false).await.data != Value::Null);
        written += usize::from(graph.assert_same_json(&document).await);
    }
    assert!(valid >= 95 && written >= 25, "{valid} valid, {written} written");
}

/// The fields of every object of the schema. Interfaces and unions have none.
static TYPES: LazyLock<BTreeMap<String, Vec<FieldDefinition>>> = LazyLock::new(|| {
    let mut types = BTreeMap::new();
    for definition in parse_sdl(sdl()).definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        if let TypeKind::Object(object) = definition.node.kind {
            let fields = object.fields.into_iter().map(|field| field.node).collect();
            types.insert(definition.node.name.node.to_string(), fields);
        } else if let TypeKind::Interface(_) | TypeKind::Union(_) = definition.node.kind {
            types.insert(definition.node.name.node.to_string(), Vec::new());
        }
    }
    types
});

/// Generates a document. Each choice is drawn from a list of numbers.
struct DocumentGenerator<'a> {
    draws: std::iter::Copied<std::slice::Iter<'a, u8>>,
    types: &'static BTreeMap<String, Vec<FieldDefinition>>,
    aliases: usize,
}

impl<'a> DocumentGenerator<'a> {
    fn new(draws: &'a [u8]) -> Self {
        Self { draws: draws.iter().copied(), types: &TYPES, aliases: 0 }
    }

    fn draw(&mut self, below: usize) -> usize {
        usize::from(self.draws.next().unwrap_or(0)) % below
    }

    fn document(mut self) -> String {
        let first = 1 + self.draw(12);
        let rows = ["nodes", "edges", "nodes pageInfo", "nodes edges"][self.draw(4)];
        let rows: Vec<String> = rows.split(' ').map(|name| self.field("EventConnection", name, 0)).collect();
        format!("{{ events(first: {first}) {{ {} }} }}", rows.join(" "))
    }

    fn field(&mut self, parent: &str, name: &str, depth: usize) -> String {
        let definition = self.types[parent].iter().find(|field| field.name.node == name).cloned();
        let kind = innermost_type(&definition.unwrap_or_else(|| panic!("{parent}.{name}")).ty.node).to_owned();
        let choices = ARGUMENTS.iter().find(|(known, _)| *known == name).map_or(&[""][..], |(_, choices)| choices);
        let arguments = choices[self.draw(choices.len())];
        let mut text = format!("{name}{arguments}");
        // A response key is used for one set of arguments only.
        if !arguments.is_empty() || self.draw(5) == 0 {
            self.aliases += 1;
            text = format!("x{}: {text}", self.aliases);
        }
        if self.types.contains_key(&kind) {
            text = format!("{text} {{ {} }}", self.selection(&kind, depth + 1));
        }
        text
    }

    fn selection(&mut self, kind: &str, depth: usize) -> String {
        let all = self.types[kind].clone();
        let fields: Vec<_> =
            all.iter().filter(|field| depth < 5 || !self.types.contains_key(innermost_type(&field.ty.node))).collect();
        let mut parts = Vec::new();
        for _ in 0..1 + self.draw(4) {
            let place = self.draw(fields.len() + 1);
            let Some(name) = fields.get(place).map(|field| field.name.node.to_string()) else {
                parts.push("__typename".to_owned());
                continue;
            };
            let field = self.field(kind, &name, depth);
            parts.push(match self.draw(8) {
                0 => format!("... on {kind} {{ {field} }}"),
                1 => format!("{field} @include(if: true)").replace("} @include(if: true)", "}"),
                2 => format!("... @skip(if: true) {{ {field} }} __typename"),
                _ => field,
            });
        }
        parts.join(" ")
    }
}

fn innermost_type(kind: &Type) -> &str {
    match &kind.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => innermost_type(inner),
    }
}
