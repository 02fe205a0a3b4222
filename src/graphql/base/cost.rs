//! Cost estimation: the largest number of source calls that an operation can cause, computed before execution.
//!
//! Levels below a list are fetched in bulk, so a level costs one call per source and batch of rows. The estimate
//! assumes that nothing is cached.

use std::collections::HashMap;

use async_graphql_parser::Positioned;
use async_graphql_parser::types::{
    BaseType, ExecutableDocument, Field, FragmentDefinition, OperationDefinition, OperationType, Selection,
    SelectionSet, Type, TypeKind, TypeSystemDefinition,
};
use async_graphql_value::{ConstValue, Name, Value};
use catalog::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, UnifiedCatalog};
use serde_json::Map;

/// Largest number of visited fields. The field limit rejects larger documents first.
const MAX_VISITED_FIELDS: usize = 20_000;
/// Steps of an order at one source: check, hold and confirm.
const CALLS_PER_WRITE: u64 = 3;

/// The number of source calls of a field.
#[derive(Clone, Copy)]
enum CallCost {
    /// One call per source.
    EachSource,
    /// Bulk calls for all rows of the field.
    Bulk,
    /// One call.
    Once,
    /// Every step of an order, at each source.
    Write,
}

fn call_cost(owner: &str, field: &str) -> Option<CallCost> {
    match (owner, field) {
        ("Query", "events") => Some(CallCost::EachSource),
        ("Query", "event" | "admissionToken" | "node" | "nodes" | "_entities")
        | ("Event", "ticketTypes" | "performances" | "calendar" | "admissionTokens")
        | ("Performance" | "AdmissionToken", "event")
        | ("Performance", "availability")
        | ("Subscription", "availabilityChanged") => Some(CallCost::Bulk),
        ("Query", "reconciliation") => Some(CallCost::Once),
        ("Mutation", _) => Some(CallCost::Write),
        _ => None,
    }
}

/// Returns the number of calls to one source that the field itself causes, as published in the subgraph, or `None` if
/// it causes none.
pub(in crate::graphql) fn cost_weight(owner: &str, field: &str) -> Option<u64> {
    call_cost(owner, field).map(|price| match price {
        CallCost::EachSource | CallCost::Bulk | CallCost::Once => 1,
        CallCost::Write => CALLS_PER_WRITE,
    })
}

/// Estimates the cost of operations for one set of sources.
pub struct CostEstimator {
    /// The type of each field, by owner and field name.
    types: HashMap<String, HashMap<String, String>>,
    sources: u64,
    batch: u64,
}

impl CostEstimator {
    /// Creates an estimator for this schema over these sources.
    pub fn new(sdl: &str, catalog: &UnifiedCatalog) -> Result<Self, async_graphql_parser::Error> {
        let mut types: HashMap<String, HashMap<String, String>> = HashMap::new();
        for definition in async_graphql_parser::parse_schema(sdl)?.definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let fields = match definition.node.kind {
                TypeKind::Object(kind) => kind.fields,
                TypeKind::Interface(kind) => kind.fields,
                _ => continue,
            };
            let named =
                fields.into_iter().map(|field| (field.node.name.node.to_string(), named_type(&field.node.ty.node)));
            types.insert(definition.node.name.node.to_string(), named.collect());
        }
        let batches = catalog.sources().iter().map(|source| source.traits.max_batch.max(1) as u64);
        Ok(Self { types, sources: catalog.sources().len().max(1) as u64, batch: batches.min().unwrap_or(1) })
    }

    /// Returns the largest number of source calls that an operation can cause.
    pub fn estimate_calls(
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
        let mut walk = CostVisitor {
            estimator: self,
            fragments,
            operation,
            variables,
            fragment_stack: Vec::new(),
            remaining_fields: MAX_VISITED_FIELDS,
        };
        walk.visit_selection_set(&operation.selection_set.node, root, 1)
    }

    fn calls_of(&self, price: CallCost, rows: u64) -> u64 {
        match price {
            CallCost::EachSource => self.sources,
            CallCost::Bulk => rows.min(self.sources.min(rows).saturating_add(rows / self.batch)),
            CallCost::Once => 1,
            CallCost::Write => self.sources * CALLS_PER_WRITE,
        }
    }
}

/// The name of the innermost type of a list type.
fn named_type(kind: &Type) -> String {
    match &kind.base {
        BaseType::Named(name) => name.to_string(),
        BaseType::List(inner) => named_type(inner),
    }
}

struct CostVisitor<'a> {
    estimator: &'a CostEstimator,
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    operation: &'a OperationDefinition,
    variables: &'a Map<String, serde_json::Value>,
    /// The fragments being spread. A cycle costs nothing here; validation rejects it.
    fragment_stack: Vec<&'a str>,
    remaining_fields: usize,
}

impl<'a> CostVisitor<'a> {
    fn visit_selection_set(&mut self, set: &'a SelectionSet, owner: &str, rows: u64) -> u64 {
        let mut calls = 0_u64;
        for item in &set.items {
            if self.remaining_fields == 0 {
                return calls;
            }
            self.remaining_fields -= 1;
            calls = calls.saturating_add(match &item.node {
                Selection::Field(field) => self.visit_field(&field.node, owner, rows),
                Selection::InlineFragment(inline) => {
                    let on = inline.node.type_condition.as_ref().map_or(owner, |on| on.node.on.node.as_str());
                    self.visit_selection_set(&inline.node.selection_set.node, on, rows)
                }
                Selection::FragmentSpread(spread) => self.visit_fragment(spread.node.fragment_name.node.as_str(), rows),
            });
        }
        calls
    }

    fn visit_fragment(&mut self, name: &str, rows: u64) -> u64 {
        let Some((name, fragment)) = self.fragments.get_key_value(name) else { return 0 };
        if self.fragment_stack.contains(&name.as_str()) {
            return 0;
        }
        self.fragment_stack.push(name.as_str());
        let on = fragment.node.type_condition.node.on.node.as_str();
        let calls = self.visit_selection_set(&fragment.node.selection_set.node, on, rows);
        self.fragment_stack.pop();
        calls
    }

    fn visit_field(&mut self, field: &'a Field, owner: &str, rows: u64) -> u64 {
        let name = field.name.node.as_str();
        let estimator = self.estimator;
        let kind = match (owner, name) {
            ("Query", "_entities") => "_Entity",
            _ => match estimator.types.get(owner).and_then(|fields| fields.get(name)) {
                Some(kind) => kind.as_str(),
                None => return 0,
            },
        };
        let below = rows.saturating_mul(self.row_count(field, kind));
        let own_rows = if owner == "Query" { below } else { rows };
        let own = call_cost(owner, name).map_or(0, |price| estimator.calls_of(price, own_rows));
        own.saturating_add(self.visit_selection_set(&field.selection_set.node, kind, below))
    }

    /// Number of rows that a field returns.
    fn row_count(&self, field: &Field, kind: &str) -> u64 {
        if let Some(named) = ["ids", "representations"].iter().find_map(|name| self.argument_value(field, name)) {
            return named.as_array().map_or(1, Vec::len).max(1) as u64;
        }
        if !kind.ends_with("Connection") {
            return 1;
        }
        let first = self.argument_value(field, "first").and_then(|first| first.as_u64());
        first.unwrap_or(DEFAULT_PAGE_SIZE as u64).clamp(1, MAX_PAGE_SIZE as u64)
    }

    /// The value of an argument, with variables and their defaults substituted.
    fn argument_value(&self, field: &Field, name: &str) -> Option<serde_json::Value> {
        match &field.get_argument(name)?.node {
            Value::Variable(variable) => match self.variables.get(variable.as_str()) {
                Some(given) => Some(given.clone()),
                None => {
                    let mut definitions = self.operation.variable_definitions.iter();
                    let definition = definitions.find(|definition| definition.node.name.node == *variable)?;
                    to_json(definition.node.default_value()?.clone())
                }
            },
            Value::List(items) => Some(serde_json::Value::Array(vec![serde_json::Value::Null; items.len()])),
            literal => to_json(literal.clone().into_const()?),
        }
    }
}

fn to_json(value: ConstValue) -> Option<serde_json::Value> {
    value.into_json().ok()
}
