//! What an operation costs: the calls of sources that it causes at most, estimated before any work is done.
//!
//! Levels below a list are fetched in bulk, so a level costs one call for each source and each batch of rows. What is
//! remembered costs nothing in fact: the estimate is for when nothing is.

use std::collections::HashMap;

use async_graphql_parser::Positioned;
use async_graphql_parser::types::{
    BaseType, ExecutableDocument, Field, FragmentDefinition, OperationDefinition, OperationType, Selection,
    SelectionSet, Type, TypeKind, TypeSystemDefinition,
};
use async_graphql_value::{ConstValue, Name, Value};
use serde_json::Map;

use catalog::{Federation, LARGEST_PAGE, USUAL_PAGE};

/// Fields that are looked at, at most: the limit on fields stops larger documents before.
const LOOKED_AT: usize = 20_000;
/// Steps of an order at one source: asking what holds now, holding, confirming.
const STEPS_OF_A_WRITE: u64 = 3;

/// When a field calls sources.
#[derive(Clone, Copy)]
enum Price {
    /// Once for each source.
    EachSource,
    /// In bulk for all rows that it stands in.
    Bulk,
    /// Once.
    Once,
    /// Every step of an order at each source.
    Write,
}

fn price(owner: &str, field: &str) -> Option<Price> {
    match (owner, field) {
        ("Query", "events") => Some(Price::EachSource),
        ("Query", "event" | "admissionToken" | "node" | "nodes" | "_entities")
        | ("Event", "ticketTypes" | "performances" | "calendar" | "admissionTokens")
        | ("Performance" | "AdmissionToken", "event")
        | ("Performance", "availability")
        | ("Subscription", "availabilityChanged") => Some(Price::Bulk),
        ("Query", "reconciliation") => Some(Price::Once),
        ("Mutation", _) => Some(Price::Write),
        _ => None,
    }
}

/// The calls of one source that a field causes by itself, as the subgraph tells gateways; none where it causes none.
pub(super) fn weight(owner: &str, field: &str) -> Option<u64> {
    price(owner, field).map(|price| match price {
        Price::EachSource | Price::Bulk | Price::Once => 1,
        Price::Write => STEPS_OF_A_WRITE,
    })
}

/// Estimates operations for one set of sources.
pub struct Estimator {
    /// The type of each field, by the names of its owner and itself.
    types: HashMap<String, HashMap<String, String>>,
    sources: u64,
    batch: u64,
}

impl Estimator {
    /// An estimator for the schema of this text over these sources.
    pub fn new(sdl: &str, federation: &Federation) -> Result<Self, async_graphql_parser::Error> {
        let mut types: HashMap<String, HashMap<String, String>> = HashMap::new();
        for definition in async_graphql_parser::parse_schema(sdl)?.definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let fields = match definition.node.kind {
                TypeKind::Object(kind) => kind.fields,
                TypeKind::Interface(kind) => kind.fields,
                _ => continue,
            };
            let named = fields.into_iter().map(|field| (field.node.name.node.to_string(), named(&field.node.ty.node)));
            types.insert(definition.node.name.node.to_string(), named.collect());
        }
        let batches = federation.sources().iter().map(|source| source.facts.max_batch.max(1) as u64);
        Ok(Self { types, sources: federation.sources().len().max(1) as u64, batch: batches.min().unwrap_or(1) })
    }

    /// The calls of sources that an operation causes at most.
    pub fn calls(
        &self,
        document: &ExecutableDocument,
        operation: &OperationDefinition,
        variables: &Map<String, serde_json::Value>,
    ) -> u64 {
        let root = match operation.ty {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        };
        let fragments = &document.fragments;
        let mut walk = Walk { estimator: self, fragments, operation, variables, inside: Vec::new(), left: LOOKED_AT };
        walk.set(&operation.selection_set.node, root, 1)
    }

    fn of(&self, price: Price, rows: u64) -> u64 {
        match price {
            Price::EachSource => self.sources,
            Price::Bulk => rows.min(self.sources.min(rows).saturating_add(rows / self.batch)),
            Price::Once => 1,
            Price::Write => self.sources * STEPS_OF_A_WRITE,
        }
    }
}

/// The name inside lists.
fn named(kind: &Type) -> String {
    match &kind.base {
        BaseType::Named(name) => name.to_string(),
        BaseType::List(inner) => named(inner),
    }
}

struct Walk<'a> {
    estimator: &'a Estimator,
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    operation: &'a OperationDefinition,
    variables: &'a Map<String, serde_json::Value>,
    /// The fragments that are being spread: a cycle costs nothing, validation names it.
    inside: Vec<&'a str>,
    left: usize,
}

impl<'a> Walk<'a> {
    fn set(&mut self, set: &'a SelectionSet, owner: &str, rows: u64) -> u64 {
        let mut calls = 0_u64;
        for item in &set.items {
            if self.left == 0 {
                return calls;
            }
            self.left -= 1;
            calls = calls.saturating_add(match &item.node {
                Selection::Field(field) => self.field(&field.node, owner, rows),
                Selection::InlineFragment(inline) => {
                    let on = inline.node.type_condition.as_ref().map_or(owner, |on| on.node.on.node.as_str());
                    self.set(&inline.node.selection_set.node, on, rows)
                }
                Selection::FragmentSpread(spread) => self.fragment(spread.node.fragment_name.node.as_str(), rows),
            });
        }
        calls
    }

    fn fragment(&mut self, name: &str, rows: u64) -> u64 {
        let Some((name, fragment)) = self.fragments.get_key_value(name) else { return 0 };
        if self.inside.contains(&name.as_str()) {
            return 0;
        }
        self.inside.push(name.as_str());
        let on = fragment.node.type_condition.node.on.node.as_str();
        let calls = self.set(&fragment.node.selection_set.node, on, rows);
        self.inside.pop();
        calls
    }

    fn field(&mut self, field: &'a Field, owner: &str, rows: u64) -> u64 {
        let name = field.name.node.as_str();
        let estimator = self.estimator;
        let kind = match (owner, name) {
            ("Query", "_entities") => "_Entity",
            _ => match estimator.types.get(owner).and_then(|fields| fields.get(name)) {
                Some(kind) => kind.as_str(),
                None => return 0,
            },
        };
        let below = rows.saturating_mul(self.rows(field, kind));
        let asked = if owner == "Query" { below } else { rows };
        let own = price(owner, name).map_or(0, |price| estimator.of(price, asked));
        own.saturating_add(self.set(&field.selection_set.node, kind, below))
    }

    /// How many rows a field answers.
    fn rows(&self, field: &Field, kind: &str) -> u64 {
        if let Some(named) = ["ids", "representations"].iter().find_map(|name| self.argument(field, name)) {
            return named.as_array().map_or(1, Vec::len).max(1) as u64;
        }
        if !kind.ends_with("Connection") {
            return 1;
        }
        let first = self.argument(field, "first").and_then(|first| first.as_u64());
        first.unwrap_or(USUAL_PAGE as u64).clamp(1, LARGEST_PAGE as u64)
    }

    /// The value of an argument, variables and their defaults put in.
    fn argument(&self, field: &Field, name: &str) -> Option<serde_json::Value> {
        match &field.get_argument(name)?.node {
            Value::Variable(variable) => match self.variables.get(variable.as_str()) {
                Some(given) => Some(given.clone()),
                None => {
                    let mut definitions = self.operation.variable_definitions.iter();
                    let definition = definitions.find(|definition| definition.node.name.node == *variable)?;
                    json(definition.node.default_value()?.clone())
                }
            },
            Value::List(items) => Some(serde_json::Value::Array(vec![serde_json::Value::Null; items.len()])),
            literal => json(literal.clone().into_const()?),
        }
    }
}

fn json(value: ConstValue) -> Option<serde_json::Value> {
    value.into_json().ok()
}
