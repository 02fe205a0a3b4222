//! Every example and generated operation, by every caller, by GET and by POST: nothing private is public.

use std::collections::BTreeMap;

use async_graphql_parser::types::{
    BaseType, DocumentOperations, FieldDefinition, Selection, Type, TypeKind, TypeSystemDefinition,
};
use async_graphql_parser::{parse_query, parse_schema};
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use serde_json::{Value, json};

use super::{Received, Service};
use crate::examples;

/// Callers of the sandbox; an empty key is none.
const KEYS: [&str; 7] = [
    "",
    "sandbox-storefront",
    "sandbox-tiqets-dashboard",
    "sandbox-digitick-dashboard",
    "sandbox-gate",
    "sandbox-editor",
    "sandbox-operator",
];
/// Fields whose values depend on the caller or change at any time.
const PRIVATE_FIELDS: [&str; 4] = ["admissionTokens", "health", "lastFailures", "paused"];
/// Headers that depend on the request.
const REQUEST_HEADERS: [&str; 5] =
    ["x-request-id", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "set-cookie"];

/// Returns the names of the root fields of the only operation.
fn root_fields(document: &str) -> Vec<String> {
    let Ok(parsed) = parse_query(document) else { return Vec::new() };
    let operation = match parsed.operations {
        DocumentOperations::Single(operation) => operation,
        DocumentOperations::Multiple(operations) => operations.into_values().next().expect("an operation"),
    };
    let items = operation.node.selection_set.node.items.into_iter();
    let name = |selection| match selection {
        Selection::Field(field) => field.node.name.node.to_string(),
        other => format!("{other:?}"),
    };
    items.map(|item| name(item.node)).collect()
}

/// Returns true if a list of problems anywhere in the response has one.
fn has_problem(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.iter().any(|(name, value)| {
            name == "problems" && value.as_array().is_some_and(|problems| !problems.is_empty()) || has_problem(value)
        }),
        Value::Array(items) => items.iter().any(has_problem),
        _ => false,
    }
}

/// Returns what is wrong with a response of a caller, if it is public.
fn find_leak(document: &str, key: &str, received: &Received) -> Option<String> {
    if !received.is_public() {
        let has_tags = received.headers.contains_key("surrogate-key") || received.headers.contains_key("cache-tag");
        return has_tags.then(|| "a private response has cache tags".to_owned());
    }
    let body = received.json();
    let roots = root_fields(document);
    let is_catalog =
        !roots.is_empty() && roots.iter().all(|root| ["event", "events", "__typename"].contains(&root.as_str()));
    let header = REQUEST_HEADERS.iter().find(|name| received.headers.contains_key(**name));
    match () {
        () if !key.is_empty() => Some("another caller than an anonymous one".to_owned()),
        () if !is_catalog => Some(format!("the root fields {roots:?}")),
        () if body.get("errors").is_some() || body.get("extensions").is_some() => {
            Some("errors or extensions".to_owned())
        }
        () if has_problem(&body) => Some("problems".to_owned()),
        () => header.map(|name| format!("the header {name}")),
    }
}

async fn send(service: &Service, key: &str, document: &str, variables: &Value, by_get: bool) -> Received {
    let url = format!("{}/graphql", service.origin);
    let request = if by_get {
        service.client.get(url).query(&[("query", document), ("variables", &variables.to_string())])
    } else {
        service.client.post(url).json(&json!({ "query": document, "variables": variables }))
    };
    let request = if key.is_empty() { request } else { request.bearer_auth(key) };
    let response = request.send().await.expect("a response");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Received { status, headers, body: response.text().await.expect("text") }
}

/// Sends an operation twice as every caller in both ways, and returns how many responses were public, with all leaks.
async fn send_as_everybody(
    service: &Service,
    keys: &[&str],
    document: &str,
    variables: &Value,
) -> (usize, Vec<String>) {
    let (mut public, mut leaks) = (0, Vec::new());
    for (key, by_get) in keys.iter().flat_map(|key| [(*key, true), (*key, false)]) {
        for _ in 0..3 {
            let received = send(service, key, document, variables, by_get).await;
            if received.is_public() {
                public += 1;
                if !by_get {
                    leaks.push(format!("{document}: a response to POST as {key:?}"));
                }
            }
            leaks.extend(find_leak(document, key, &received).map(|leak| format!("{document}: as {key:?}: {leak}")));
        }
    }
    (public, leaks)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_example_of_any_caller_is_public_unless_everybody_sees_the_same() {
    let service = Service::start(&[]);
    let event = service.events_of("harbor").await.remove(0);
    let offer = service.find_offer(&event).await;
    let (performance, ticket_type) = offer.unwrap_or_default();
    let variables = json!({ "from": "2026-12-01", "to": "2026-12-30", "key": "leaks", "order": "none", "quote": "none",
        "lines": [{ "performance": performance, "ticketType": ticket_type, "quantity": 1 }],
        "entities": [{ "__typename": "Event", "id": event }] });
    let (mut public, mut leaks) = (Vec::new(), Vec::new());
    for (name, text) in examples::all().into_iter().filter(|(_, text)| !text.contains("\nsubscription ")) {
        let all = variables.as_object().expect("variables").iter();
        let used = all.filter(|(name, _)| text.contains(&format!("${name}")));
        let used: serde_json::Map<String, Value> = used.map(|(name, value)| (name.clone(), value.clone())).collect();
        let (count, found) = send_as_everybody(&service, &KEYS, &text, &used.into()).await;
        leaks.extend(found);
        if count > 0 {
            public.push(name);
        }
    }
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
    // Reads of the catalog are, so the test has something to find.
    assert!(public.contains(&"10-first-query".to_owned()) && public.contains(&"40-calendar".to_owned()), "{public:?}");
}

/// The fields of every object type of the schema.
fn schema() -> BTreeMap<String, Vec<FieldDefinition>> {
    let document = parse_schema(include_str!("../../../schema/subgraph.graphql")).expect("the schema");
    let mut types = BTreeMap::new();
    for definition in document.definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        let TypeKind::Object(object) = definition.node.kind else { continue };
        let fields = object.fields.into_iter().map(|field| field.node).collect();
        types.insert(definition.node.name.node.to_string(), fields);
    }
    types
}

fn base_name(kind: &Type) -> String {
    match &kind.base {
        BaseType::Named(name) => name.to_string(),
        BaseType::List(inner) => base_name(inner),
    }
}

/// Choices of a generated operation, taken in order.
struct Choices<'a>(std::slice::Iter<'a, u16>);

impl Choices<'_> {
    fn below(&mut self, count: usize) -> usize {
        self.0.next().map_or(0, |choice| usize::from(*choice) % count.max(1))
    }
}

/// Writes a selection on a type: some of its fields, each with its required arguments.
fn select(
    types: &BTreeMap<String, Vec<FieldDefinition>>,
    event: &str,
    owner: &str,
    depth: usize,
    choices: &mut Choices<'_>,
) -> String {
    let fields = &types[owner];
    let mut selected = vec!["__typename".to_owned()];
    for number in 0..=choices.below(4) {
        let field = &fields[choices.below(fields.len())];
        let required = field
            .arguments
            .iter()
            .filter(|argument| !argument.node.ty.node.nullable && argument.node.default_value.is_none());
        let arguments: Option<Vec<String>> = required.map(|argument| argument_of(event, &argument.node)).collect();
        let Some(arguments) = arguments else { continue };
        let arguments = if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) };
        let inner = base_name(&field.ty.node);
        let below = match types.contains_key(&inner) {
            true if depth == 0 => " { __typename }".to_owned(),
            true => format!(" {{ {} }}", select(types, event, &inner, depth - 1, choices)),
            false => String::new(),
        };
        selected.push(format!("f{number}: {}{arguments}{below}", field.name.node));
    }
    selected.join(" ")
}

/// Writes a required argument, if a value of its type is known.
fn argument_of(event: &str, argument: &async_graphql_parser::types::InputValueDefinition) -> Option<String> {
    let value = match base_name(&argument.ty.node).as_str() {
        "ID" => json!(event).to_string(),
        "LocalDate" => "\"2026-12-01\"".to_owned(),
        "Int" => "1".to_owned(),
        _ => return None,
    };
    Some(format!("{}: {value}", argument.name.node))
}

/// Starts at the fields of the catalog more often than at the others.
fn operation(types: &BTreeMap<String, Vec<FieldDefinition>>, event: &str, choices: &[u16]) -> String {
    let mut choices = Choices(choices.iter());
    let root = match choices.below(4) {
        0 => select(types, event, "Query", 4, &mut choices),
        1 => format!("event(id: {}) {{ {} }}", json!(event), select(types, event, "Event", 4, &mut choices)),
        _ => format!("events(first: 2) {{ nodes {{ {} }} }}", select(types, event, "Event", 4, &mut choices)),
    };
    format!("{{ {root} }}")
}

/// Returns the private fields that a document names.
fn private_fields(document: &str) -> Vec<&'static str> {
    let is_named = |name: &&str| document.contains(&format!(": {name} ")) || document.contains(&format!(": {name}("));
    PRIVATE_FIELDS.into_iter().filter(is_named).collect()
}

#[test]
fn no_generated_operation_of_any_caller_is_public_unless_everybody_sees_the_same() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let service = runtime.block_on(async { Service::start(&[]) });
    let event = runtime.block_on(service.events_of("harbor")).remove(0);
    let types = schema();
    let seed = RngSeed::Fixed(18);
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 160,
        rng_seed: seed,
        max_shrink_iters: 40,
        ..ProptestConfig::default()
    });
    let public = std::cell::Cell::new(0);
    let outcome = runner.run(&prop::collection::vec(any::<u16>(), 60), |choices| {
        let document = operation(&types, &event, &choices);
        let keys = [KEYS[0], KEYS[2], KEYS[6]];
        let (count, mut leaks) = runtime.block_on(send_as_everybody(&service, &keys, &document, &json!({})));
        if count > 0 {
            leaks.extend(private_fields(&document).iter().map(|name| format!("{document}: the field {name}")));
            public.set(public.get() + 1);
        }
        prop_assert!(leaks.is_empty(), "{}", leaks.join("\n"));
        Ok(())
    });
    outcome.expect("no leak");
    assert!(public.get() > 20, "the generated operations read the catalog: {}", public.get());
}
